"""The true probabilities of leads and deals at given dates, and how far they may be off. `python -m simulation.truth
TRUTH_FOLDER DATE` writes them for any date of a company's log.

From the state at a date, many futures are drawn with the very functions that made the world (`resolves` and `moves`).
Along each future the chances of ending are added up rather than drawn, which leaves far less noise than counting; the
standard error over the futures is written beside each probability. Nothing after the date is used. Two answers are
given: `p_*` knows what a CRM without a fault would show by then, and weighs what nobody sees by what the subject has
shown; `p_*_all` knows that as well. Where there is nothing unseen they are the same. Both know the law of the world, to
which its seasons, its recession and its change of process belong.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from features.calendar import DAY, local_micros
from features.errors import BadInput, DealcastError, NotFound
from simulation import deal_life, lead_life
from simulation.clock import Clock
from simulation.frailty import nodes
from simulation.knowable import deal_weights, draw_by_weights, has_unseen, lead_weights
from simulation.past import Past, stream
from simulation.pipeline import RENEWAL

__all__ = ["TRUTH_TABLES", "Curves", "deal_curves", "deal_truth", "deals_at", "lead_truth", "leads_at", "read_truth"]

Int = npt.NDArray[np.int64]
Float = npt.NDArray[np.float64]
TRUTH_TABLES = {"deals": "deal_probabilities", "leads": "lead_probabilities"}
PATHS_AT_ONCE = 20_000  # their arrays stay in a processor's own memory, which makes this twice as fast
# After so many weeks few deals are left: from there on the ends are drawn, and futures that ended are dropped.
ADDED_WEEKS = 39
HORIZONS = (7, 14, 28, 56, 91, 182, 365)  # days, of the probabilities at any date


@dataclass(frozen=True)
class Curves:
    """How deals end, week by week from the one that begins in their row: win, lose : (rows, weeks + 1) probability of
    having ended so by the start of each week, 0 at first. error : standard errors of some of them by name."""

    win: Float
    lose: Float
    error: dict[str, Float]


def deal_truth(past: Past, replicas: int, rng: np.random.Generator, rows: Int | None = None) -> pd.DataFrame:
    """True probabilities of every deal open at the first week boundary of a month and at the end of the log.

    rows : rows of the panel to ask at, ascending, in place of these.

    Columns: deal_id, as_of (a date: the start of that day in the company's time zone), p_win_28d, p_win_91d,
    p_lose_91d, p_win (ever), the standard error of each as se_*, and the same given everything as p_*_all. The days
    follow the settings' horizons.
    """
    if rows is None:
        rows = np.flatnonzero(np.isin(past.panel.week, past.clocks.month_starts()))
    day = local_micros(past.clocks.weeks[past.panel.week[rows]], past.world.zone) // DAY
    found = {"deal_id": past.deal_ids[past.panel.deal[rows]], "as_of": day.astype("datetime64[D]").astype(str)}
    short, long = past.world.deals.horizon_weeks
    for end, everything in _answers(past):
        parts = []
        for curves in deal_curves(past, rows, replicas, rng, everything):
            p = {f"win_{7 * short}d": curves.win[:, short], f"win_{7 * long}d": curves.win[:, long],
                 f"lose_{7 * long}d": curves.lose[:, long], "win": curves.win[:, -1]}
            parts.append(pd.DataFrame({f"p_{name}{end}": values for name, values in p.items()}
                                      | {f"se_{name}{end}": curves.error[name] for name in p if not end}))
        for name, column in pd.concat(parts).items():
            found[str(name)] = column.to_numpy()
    return _both(found)


def _answers(past: Past) -> list[tuple[str, bool]]:
    """What a column's name ends in, and whether it is given everything."""
    return [("", False), ("_all", True)] if has_unseen(past) else [("", False)]


def _both(found: dict[str, npt.NDArray[np.generic]]) -> pd.DataFrame:
    """The table with the columns given everything: where nothing is unseen, a copy of the others."""
    copies = {f"{name}_all": column for name, column in found.items() if name.startswith("p_")}
    return pd.DataFrame(found if any(name.endswith("_all") for name in found) else found | copies)


def deal_curves(past: Past, rows: Int, replicas: int, rng: np.random.Generator, everything: bool) -> Iterator[Curves]:
    """The curves of deals from these rows of the panel (ascending), in parts."""
    weights = None if everything or not has_unseen(past) else deal_weights(past, rows)
    per_chunk = max(1, PATHS_AT_ONCE // replicas)
    for first in range(0, max(len(rows), 1), per_chunk):
        part = slice(first, first + per_chunk)
        deal = past.panel.deal[rows[part]]
        if weights is None:
            unseen = np.repeat(past.deals.unseen[deal], replicas)
        else:
            unseen = draw_by_weights(nodes(past.world), weights[part], replicas, rng)
        yield _deal_chunk(past, rows[part], unseen, replicas, rng)


def _deal_chunk(past: Past, rows: Int, unseen: Float, replicas: int, rng: np.random.Generator) -> Curves:
    """The curves of some rows; unseen : (rows * replicas,)."""
    renewals = past.deals.kind[past.panel.deal[rows]] == RENEWAL
    if renewals.any():
        paths = np.repeat(renewals, replicas)
        certain = _renewal_curves(past, rows[renewals], unseen[paths].reshape(-1, replicas))
        others = _deal_chunk(past, rows[~renewals], unseen[~paths], replicas, rng)
        return Curves(_merged(renewals, certain.win, others.win), _merged(renewals, certain.lose, others.lose),
                      {name: _merged(renewals, np.zeros(renewals.sum()), one) for name, one in others.error.items()})
    paths, longest = np.repeat(rows, replicas), past.world.deals.longest
    state = past.panel.state.take(paths)
    traits = past.deals.traits.take(past.panel.deal[paths]).with_unseen(past.world, unseen)
    week = past.panel.week[paths]
    subject = np.repeat(np.arange(len(rows)), replicas)
    stays, wins, loses = np.ones(len(paths)), np.zeros(len(paths)), np.zeros(len(paths))
    win, lose = np.zeros((len(rows), longest + 1)), np.zeros((len(rows), longest + 1))
    error: dict[str, Float] = {}
    short, long = past.world.deals.horizon_weeks
    for step in range(ADDED_WEEKS):
        if step == short:
            error[f"win_{7 * short}d"] = _error(wins, replicas)
        if step == long:
            error |= {f"win_{7 * long}d": _error(wins, replicas), f"lose_{7 * long}d": _error(loses, replicas)}
        p_win, p_lose = deal_life.resolves(past.rules, traits, state, week + step)
        wins += stays * p_win
        loses += stays * p_lose
        stays *= 1.0 - p_win - p_lose
        win[:, step + 1], lose[:, step + 1] = (one.reshape(-1, replicas).mean(axis=1) for one in (wins, loses))
        state, _ = deal_life.moves(past.rules, traits, state, week + step, rng)

    left = np.arange(len(paths))
    for step in range(ADDED_WEEKS, longest):
        p_win, p_lose = deal_life.resolves(past.rules, traits, state, week + step)
        drawn = rng.random(len(left))
        won, go_on = drawn < p_win, drawn >= p_win + p_lose
        wins[left[won]] += stays[left[won]]
        for curve, over in ((win, left[won]), (lose, left[~won & ~go_on])):
            curve[:, step + 1] = curve[:, step] + np.bincount(subject[over], stays[over], len(rows)) / replicas
        left, week, state, traits = left[go_on], week[go_on], state.take(go_on), traits.take(go_on)
        state, _ = deal_life.moves(past.rules, traits, state, week + step, rng)
    return Curves(win, lose, error | {"win": _error(wins, replicas)})


def _merged(which: npt.NDArray[np.bool_], ours: Float, others: Float) -> Float:
    found = np.zeros((len(which), *ours.shape[1:]))
    found[which], found[~which] = ours, others
    return found


def _renewal_curves(past: Past, rows: Int, unseen: Float) -> Curves:
    """Renewals need no futures: when they are decided says nothing about how. unseen : (rows, values)."""
    steps = past.panel.state.weeks_in_stage[rows, None] + np.arange(past.world.deals.longest)
    decided = 1 - np.cumprod(1 - past.rules.renewal[steps], axis=1)
    odds = past.deals.traits.renew[past.panel.deal[rows]][:, None] + past.world.frailty.renew * unseen
    renews = (1 / (1 + np.exp(-odds))).mean(axis=1, keepdims=True)
    curve = np.concatenate([np.zeros((len(rows), 1)), decided], axis=1)
    return Curves(renews * curve, (1 - renews) * curve, {})


def _error(paths: Float, replicas: int) -> Float:
    """Standard error of each subject's mean over its futures."""
    return np.asarray(paths.reshape(-1, replicas).std(axis=1, ddof=1) / np.sqrt(replicas))


def deals_at(past: Past, at: int, replicas: int, rng: np.random.Generator) -> pd.DataFrame:
    """True probabilities of every deal open at any moment of the log (int microseconds, UTC).

    What is known is the state as the week began, or at the creation of a deal that is younger, and that the deal is
    still open. Columns: deal_id, p_win_Nd and p_lose_Nd for the horizons, p_win, p_lose (ever), and each as p_*_all.
    """
    clocks, panel = past.clocks, past.panel
    week = int(np.searchsorted(clocks.weeks[: clocks.closed + 1], at, side="right")) - 1
    begun = (panel.week == week) & (panel.ended > at)
    young = (panel.week == week + 1) & (past.deals.start[panel.deal] == week + 1) & (
        past.deals.created[panel.deal] <= at)
    rows = np.flatnonzero(begun | young)
    found: dict[str, npt.NDArray[np.generic]] = {"deal_id": past.deal_ids[panel.deal[rows]]}
    for end, everything in _answers(past):
        parts = list(deal_curves(past, rows, replicas, rng, everything))
        curves = {"win": np.concatenate([part.win for part in parts]),
                  "lose": np.concatenate([part.lose for part in parts])}
        start = clocks.weeks[panel.week[rows]]
        clock = {"win": clocks.sign, "lose": clocks.work}
        now = {name: _upto(curves[name], clocks.weeks, panel.week[rows], clock[name], at) for name in curves}
        there = np.where(start > at, 1.0, 1.0 - now["win"] - now["lose"])
        for name, curve in curves.items():
            for days in HORIZONS:
                then = _upto(curve, clocks.weeks, panel.week[rows], clock[name], at + days * DAY)
                found[f"p_{name}_{days}d{end}"] = (then - now[name]) / there
            found[f"p_{name}{end}"] = (curve[:, -1] - now[name]) / there
    return _both(found)


def _upto(curve: Float, weeks: Int, first: Int, clock: Clock, at: int) -> Float:
    """A curve's value at a moment, between two weeks by the pace of a clock."""
    week = int(np.searchsorted(weeks, at, side="right")) - 1
    begin, now, end = clock.read([weeks[week], at, weeks[week + 1]])
    share = (now - begin) / (end - begin)
    step = np.clip(week - first, -1, curve.shape[1] - 2)
    rows = np.arange(len(curve))
    before = np.where(step < 0, 0.0, curve[rows, np.maximum(step, 0)])
    after = np.where(step < 0, 0.0, curve[rows, step + 1])
    return np.asarray(before + share * (after - before))


def lead_truth(past: Past, replicas: int, rng: np.random.Generator) -> pd.DataFrame:
    """True probabilities of leads at the settings' ages, where they were still open at that age within the log.

    Columns: lead_id, age_days, as_of (UTC, the creation plus the age), p_convert (within the horizon from creation),
    its standard error se_convert, and p_convert_all given everything.
    """
    leads, life = past.world.leads, past.life
    parts = []
    for age in leads.truth_ages:
        first = leads.ages.index(age)
        since = life.bounds[:, first]
        rows = np.flatnonzero(life.open_at[:, first] & (since >= past.clocks.first) & (since <= past.clocks.last))
        seconds = (since[rows] // 1_000_000).astype("datetime64[s]")
        found = {"lead_id": past.lead_ids[rows], "age_days": np.full(len(rows), age),
                 "as_of": np.datetime_as_string(seconds, unit="s").astype(object) + "Z"}
        for end, everything in _answers(past):
            converts, error = _lead_curves(past, rows, first, replicas, rng, everything)
            found[f"p_convert{end}"] = converts[:, leads.ages.index(leads.horizon) - first]
            if not end:
                found["se_convert"] = error
        parts.append(_both(found))
    return pd.concat(parts, ignore_index=True)


def leads_at(past: Past, at: int, replicas: int, rng: np.random.Generator) -> pd.DataFrame:
    """True probabilities of every lead open at any moment of the log (int microseconds, UTC).

    What is known is the state as the running step of its life began, and that it is still open. Columns: lead_id,
    p_convert (within the horizon from creation), p_convert_all.
    """
    leads, life, clocks = past.world.leads, past.life, past.clocks
    there = (past.lead_created <= at) & (past.lead_ended > at) & (life.bounds[:, -1] > at)
    step = (life.bounds <= at).sum(axis=1) - 1
    last = leads.ages.index(leads.horizon)
    parts = []
    for first in np.unique(step[there]).tolist():
        rows = np.flatnonzero(there & (step == first))
        found: dict[str, npt.NDArray[np.generic]] = {"lead_id": past.lead_ids[rows]}
        begin, now, end = (clocks.work.read(moment) for moment in (
            life.bounds[rows, first], np.full(len(rows), at), life.bounds[rows, first + 1]))
        share = (now - begin) / (end - begin)
        for name, everything in _answers(past):
            found[f"p_convert{name}"] = np.zeros(len(rows))
            if first < last:
                converts, _ = _lead_curves(past, rows, first, replicas, rng, everything)
                gone = share * _first_step_ends(past, rows, first, everything)
                found[f"p_convert{name}"] = (converts[:, last - first] - share * converts[:, 1]) / (1.0 - gone)
        parts.append(_both(found))
    columns = ["lead_id", "p_convert", "p_convert_all"]
    return pd.concat(parts, ignore_index=True)[columns] if parts else pd.DataFrame(columns=columns)


def _first_step_ends(past: Past, rows: Int, first: int, everything: bool) -> Float:
    """P(converts or is disqualified in the step), for leads open at its start."""
    traits, state = past.lead_traits.take(rows), past.life.states[first].take(rows)
    if everything or not has_unseen(past):
        traits = traits.with_unseen(past.world, past.lead_unseen[rows])
        return np.asarray(np.sum(lead_life.resolves(past.world, traits, state, first), axis=0))
    weights = lead_weights(past, rows, first)
    ends = [np.sum(lead_life.resolves(past.world, traits.with_unseen(past.world, np.full(len(rows), value)), state,
                                      first), axis=0) for value in nodes(past.world)]
    return np.asarray((np.stack(ends, axis=1) * weights).sum(axis=1))


def _lead_curves(past: Past, rows: Int, first: int, replicas: int, rng: np.random.Generator,
                 everything: bool) -> tuple[Float, Float]:
    """P(converted by the start of each step from the first to the horizon), (rows, steps + 1), and the last one's
    standard error."""
    last = past.world.leads.ages.index(past.world.leads.horizon)
    weights = None if everything or not has_unseen(past) else lead_weights(past, rows, first)
    curves, errors = np.zeros((len(rows), last - first + 1)), np.zeros(len(rows))
    per_chunk = max(1, PATHS_AT_ONCE // replicas)
    for begin in range(0, len(rows), per_chunk):
        part = slice(begin, begin + per_chunk)
        paths = np.repeat(rows[part], replicas)
        unseen = (past.lead_unseen[paths] if weights is None
                  else draw_by_weights(nodes(past.world), weights[part], replicas, rng))
        state, traits = past.life.states[first].take(paths), past.lead_traits.take(paths)
        traits = traits.with_unseen(past.world, unseen)
        stays, converts = np.ones(len(paths)), np.zeros(len(paths))
        for step in range(first, last):
            p_convert, p_out = lead_life.resolves(past.world, traits, state, step)
            converts += stays * p_convert
            stays *= 1.0 - p_convert - p_out
            curves[part, step - first + 1] = converts.reshape(-1, replicas).mean(axis=1)
            state, _, _ = lead_life.moves(past.world, traits, state, step, rng)
        errors[part] = _error(converts, replicas)
    return curves, errors


def main(arguments: list[str] | None = None) -> int:
    from features.calendar import parse_as_of
    from simulation.manifest import line, remake

    parser = argparse.ArgumentParser(prog="python -m simulation.truth", description=__doc__)
    parser.add_argument("folder", type=Path, help="the truth's folder of a simulated company")
    parser.add_argument("date", help="as of the start of this day, such as 2025-03-14, or a moment with its time zone")
    parser.add_argument("--out", type=Path, required=True, help="folder for deals.csv and leads.csv")
    parser.add_argument("--replicas", type=int, default=256, help="simulated futures of each deal and lead")
    chosen = parser.parse_args(arguments)
    try:
        manifest, _, past = remake(chosen.folder)
        at = parse_as_of(chosen.date, past.world.zone)
        if not past.clocks.first <= at <= past.clocks.last + 1:
            raise BadInput(f"{chosen.date} lies outside the log, {manifest.first_day} to {manifest.last_day}.")
    except DealcastError as error:
        print(error, file=sys.stderr)
        return 2
    chosen.out.mkdir(parents=True, exist_ok=True)
    for name, ask in (("deals", deals_at), ("leads", leads_at)):
        table = ask(past, at, chosen.replicas, stream(manifest.seed, f"{name[:-1]} truth"))
        table.to_csv(chosen.out / f"{name}.csv", index=False, float_format="%.6f")
        print(f"{chosen.out / name}.csv: {len(table):,} open {name}")
    print(line(manifest))
    return 0


def read_truth(folder: Path, kind: str = "deals") -> pd.DataFrame:
    """Read the true probabilities of "deals" or "leads" from a truth folder; ids and as_of are text.

    Raises NotFound when they are not there.
    """
    path = folder / f"{TRUTH_TABLES[kind]}.csv"
    if not path.is_file():
        raise NotFound(f"No true probabilities in {folder}: {path.name} is missing. Only simulated companies have "
                       f"them; make one with 'dealcast simulate --out DIR' and give its folder 'truth'.")
    return pd.read_csv(path, dtype={"deal_id": "str", "lead_id": "str", "as_of": "str"})


if __name__ == "__main__":
    sys.exit(main())
