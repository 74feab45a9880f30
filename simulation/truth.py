"""The true probabilities of leads and deals at given dates, and how far they may be off.

From the state that the CRM shows at a date, many futures are drawn with the very functions that made the world
(`resolves` and `moves`). Along each future the chances of ending are added up rather than drawn, which leaves far less
noise than counting; the standard error over the futures is written beside each probability. Nothing after the date is
used, and nothing before it that is not part of the state.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from features.calendar import DAY, local_micros
from features.errors import NotFound
from simulation import deal_life, lead_life
from simulation.past import Past

__all__ = ["TRUTH_TABLES", "deal_truth", "lead_truth", "read_truth"]

Float = npt.NDArray[np.float64]
TRUTH_TABLES = {"deals": "deal_probabilities", "leads": "lead_probabilities"}
PATHS_AT_ONCE = 500_000
# After so many weeks few deals are left: from there on the ends are drawn, and futures that ended are dropped.
ADDED_WEEKS = 39


def deal_truth(past: Past, replicas: int, rng: np.random.Generator) -> pd.DataFrame:
    """True probabilities of every deal open at the first week boundary of a month and at the end of the log.

    Columns: deal_id, as_of (a date: the start of that day in the company's time zone), p_win_28d, p_win_91d,
    p_lose_91d, p_win (ever), and the standard error of each as se_*. The days follow the settings' horizons.
    """
    rows = np.flatnonzero(np.isin(past.panel.week, past.clocks.month_starts()))
    per_chunk = max(1, PATHS_AT_ONCE // replicas)
    parts = [_deal_chunk(past, rows[i:i + per_chunk], replicas, rng) for i in range(0, len(rows), per_chunk)]
    day = local_micros(past.clocks.weeks[past.panel.week[rows]], past.world.zone) // DAY
    found = pd.DataFrame({"deal_id": past.deal_ids[past.panel.deal[rows]],
                          "as_of": day.astype("datetime64[D]").astype(str)})
    return pd.concat([found, pd.concat(parts, ignore_index=True)], axis=1)


def _deal_chunk(past: Past, rows: npt.NDArray[np.int64], replicas: int, rng: np.random.Generator) -> pd.DataFrame:
    paths = np.repeat(rows, replicas)
    state, traits = past.panel.state.take(paths), past.deals.traits.take(past.panel.deal[paths])
    week = past.panel.week[paths]
    stays, wins, loses = np.ones(len(paths)), np.zeros(len(paths)), np.zeros(len(paths))
    found: dict[str, Float] = {}
    short, long = past.world.deals.horizon_weeks
    for step in range(ADDED_WEEKS):
        if step == short:
            found[f"win_{7 * short}d"] = wins.copy()
        if step == long:
            found |= {f"win_{7 * long}d": wins.copy(), f"lose_{7 * long}d": loses.copy()}
        p_win, p_lose = deal_life.resolves(past.rules, traits, state, week + step)
        wins += stays * p_win
        loses += stays * p_lose
        stays *= 1.0 - p_win - p_lose
        state, _ = deal_life.moves(past.rules, traits, state, week + step, rng)

    left = np.arange(len(paths))
    for step in range(ADDED_WEEKS, past.world.deals.longest):
        p_win, p_lose = deal_life.resolves(past.rules, traits, state, week + step)
        drawn = rng.random(len(left), dtype=np.float32)
        won, go_on = drawn < p_win, drawn >= p_win + p_lose
        wins[left[won]] += stays[left[won]]
        left, week, state, traits = left[go_on], week[go_on], state.take(go_on), traits.take(go_on)
        state, _ = deal_life.moves(past.rules, traits, state, week + step, rng)
    found["win"] = wins
    return _summed_up(found, replicas)


def lead_truth(past: Past, replicas: int, rng: np.random.Generator) -> pd.DataFrame:
    """True probabilities of leads at the settings' ages, where they were still open at that age within the log.

    Columns: lead_id, age_days, as_of (UTC, the creation plus the age), p_convert (within the horizon from creation)
    and its standard error se_convert.
    """
    leads, life = past.world.leads, past.life
    last = leads.ages.index(leads.horizon)
    parts = []
    for age in leads.truth_ages:
        first = leads.ages.index(age)
        rows = np.flatnonzero(life.open_at[:, first] & (life.bounds[:, first] <= past.clocks.last))
        per_chunk = max(1, PATHS_AT_ONCE // replicas)
        chunks = [_lead_chunk(past, rows[i:i + per_chunk], first, last, replicas, rng)
                  for i in range(0, len(rows), per_chunk)]
        seconds = (life.bounds[rows, first] // 1_000_000).astype("datetime64[s]")
        known = pd.DataFrame({"lead_id": past.lead_ids[rows], "age_days": age,
                              "as_of": np.datetime_as_string(seconds, unit="s").astype(object) + "Z"})
        parts.append(pd.concat([known, pd.concat(chunks, ignore_index=True)], axis=1))
    return pd.concat(parts, ignore_index=True)


def _lead_chunk(past: Past, rows: npt.NDArray[np.int64], first: int, last: int, replicas: int,
                rng: np.random.Generator) -> pd.DataFrame:
    paths = np.repeat(rows, replicas)
    state, traits = past.life.states[first].take(paths), past.lead_traits.take(paths)
    stays, converts = np.ones(len(paths)), np.zeros(len(paths))
    for step in range(first, last):
        p_convert, p_out = lead_life.resolves(past.world, traits, state, step)
        converts += stays * p_convert
        stays *= 1.0 - p_convert - p_out
        state, _, _ = lead_life.moves(past.world, traits, state, step, rng)
    return _summed_up({"convert": converts}, replicas)


def _summed_up(paths: dict[str, Float], replicas: int) -> pd.DataFrame:
    """Mean and standard error over each subject's futures."""
    by_subject = {name: values.reshape(-1, replicas) for name, values in paths.items()}
    means = {f"p_{name}": values.mean(axis=1) for name, values in by_subject.items()}
    errors = {f"se_{name}": values.std(axis=1, ddof=1) / np.sqrt(replicas) for name, values in by_subject.items()}
    return pd.DataFrame(means | errors)


def read_truth(folder: Path, kind: str = "deals") -> pd.DataFrame:
    """Read the true probabilities of "deals" or "leads" from a truth folder; ids and as_of are text.

    Raises NotFound when they are not there.
    """
    path = folder / f"{TRUTH_TABLES[kind]}.csv"
    if not path.is_file():
        raise NotFound(f"No true probabilities in {folder}: {path.name} is missing. Only simulated companies have "
                       f"them; make one with 'dealcast simulate --out DIR' and give its folder 'truth'.")
    return pd.read_csv(path, dtype={"deal_id": "str", "lead_id": "str", "as_of": "str"})
