"""What people say of the running quarter: the reps' weekly calls, their managers' adjustments, and the quotas.

A rep's call is what was won so far and the open deals expected in the quarter, by category and time left, with the
rep's own bias. A manager takes off part of what the rep's calls were wrong by in earlier quarters. Nobody knows more
than the CRM.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from features.calendar import DAY, day_start, local_micros
from simulation.past import Past
from simulation.replay import replay
from simulation.tables import pick, table_of, text

__all__ = ["forecast_calls", "quotas"]

Int = npt.NDArray[np.int64]
Float = npt.NDArray[np.float64]
_FIELDS = ("owner", "stage", "amount", "expected_close", "forecast_category")


@dataclass(frozen=True)
class Mondays:
    """The weeks' calls. at : (weeks,) moments. quarter : (weeks,) since 1970. won, commit, best_case, call :
    (weeks, reps) amounts."""

    at: Int
    quarter: Int
    won: Float
    commit: Float
    best_case: Float
    call: Float


def forecast_calls(past: Past, history: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """All calls: each rep's every week (kind rep), managers' of a rep (adjustment) and of their team (team)."""
    weeks = _mondays(past, history, rng)
    settings, reps = past.world.forecasts, len(past.owners.ids)
    manager = _managers(past, weeks.at)
    error = _past_errors(weeks)
    looks = rng.random(weeks.call.shape) < settings.adjusted
    factor = np.clip(1 - settings.learns * error + 0.05 * rng.standard_normal(weeks.call.shape), 0.5, 1.6)
    adjusted = _rounded(weeks.won + (weeks.call - weeks.won) * factor)
    looks &= np.abs(adjusted - weeks.call) >= 0.03 * weeks.call  # nobody argues about less
    adjusted = np.where(looks, adjusted, weeks.call)
    said = rng.random(weeks.call.shape) >= settings.missed

    week, rep = np.nonzero(said)
    parts = [_rows(past, weeks, week, past.owners.ids[rep], "rep", past.owners.ids[rep], weeks.call[week, rep],
                   weeks.commit[week, rep], weeks.best_case[week, rep], pick([], np.full(len(week), -1)), 0)]
    week, rep = np.nonzero(said & looks)
    parts.append(_rows(past, weeks, week, past.owners.ids[rep], "adjustment", manager[week, rep], adjusted[week, rep],
                       None, None, _reasons(past, rep, adjusted[week, rep] / np.maximum(weeks.call[week, rep], 1), rng),
                       DAY))
    number = pd.DataFrame({"week": np.repeat(np.arange(len(weeks.at)), reps), "manager": manager.ravel(),
                           "call": adjusted.ravel(), "commit": weeks.commit.ravel(), "best": weeks.best_case.ravel()})
    team = number.groupby(["week", "manager"], as_index=False).sum()
    parts.append(_rows(past, weeks, team["week"].to_numpy(), team["manager"].to_numpy(object), "team",
                       team["manager"].to_numpy(object), team["call"].to_numpy(), team["commit"].to_numpy(),
                       team["best"].to_numpy(), pick([], np.full(len(team), -1)), DAY + DAY // 24))
    found = pd.concat(parts, ignore_index=True)
    found = found[found["made_at"] <= past.clocks.last].sort_values(["made_at", "kind", "owner_id"], kind="stable")
    return found.assign(key=np.arange(len(found))).reset_index(drop=True)


def _mondays(past: Past, history: pd.DataFrame, rng: np.random.Generator) -> Mondays:
    world, settings = past.world, past.world.forecasts
    first = np.datetime64(world.first_day)
    days = np.arange(first + (4 - first.astype(np.int64)) % 7, np.datetime64(world.last_day) + 1, 7)
    at = np.array([day_start(day, world.zone) for day in days.tolist()]) + int(settings.hour * DAY / 24)
    quarter = days.astype("datetime64[M]").astype(np.int64) // 3
    ends = (3 * quarter + 3).astype("datetime64[M]").astype("datetime64[D]")
    left = (ends - days).astype(np.int64) / 91
    reps, size = pd.Index(past.owners.ids), (len(at), len(past.owners.ids))
    won, commit, best, expected = (np.zeros(size) for _ in range(4))
    ids = text(past.deal_ids)
    for i, now in enumerate(replay(history, "value", ids, _FIELDS, at)):
        live = np.flatnonzero(now["stage"] != "")
        close = now["expected_close"][live].astype("datetime64[M]").astype(np.int64) // 3
        owner = reps.get_indexer(pd.Index(now["owner"][live]))
        amount = pd.to_numeric(pd.Series(now["amount"][live])).fillna(0.0).to_numpy(np.float64)
        category, is_won = now["forecast_category"][live], now["stage"][live] == world.deals.won
        is_open = ~is_won & (now["stage"][live] != world.deals.lost) & (close <= quarter[i])
        is_won &= close == quarter[i]

        def by_rep(amounts: Float, owner: Int = owner) -> Float:
            return np.bincount(owner, amounts, len(reps)).astype(np.float64)

        won[i] = by_rep(amount * is_won)
        commit[i] = won[i] + by_rep(amount * (is_open & (category == "commit")))
        best[i] = commit[i] + by_rep(amount * (is_open & (category == "best case")))
        weight = pd.Series(category).map(settings.weight).fillna(0.0).to_numpy(np.float64)
        expected[i] = by_rep(amount * is_open * weight) * (settings.late + (1 - settings.late) * left[i])
    wrong = np.exp(settings.bias * past.owners.bias[None, :] + settings.noise * rng.standard_normal(size))
    return Mondays(at, quarter, won, commit, best, _rounded(won + expected * wrong))


def _past_errors(weeks: Mondays) -> Float:
    """(weeks, reps) mean relative error of a rep's calls over the quarters that are over, 0 before the first is."""
    quarters = np.unique(weeks.quarter)
    errors = []
    for quarter in quarters:
        ours = weeks.quarter == quarter
        result = weeks.won[ours][-1]
        errors.append((weeks.call[ours].mean(axis=0) - result) / np.maximum(result, weeks.call[ours].mean(axis=0) + 1))
    known = np.cumsum(errors, axis=0) / (1 + np.arange(len(quarters)))[:, None]
    known = np.vstack([np.zeros(known.shape[1]), known[:-1]])
    return np.asarray(known[np.searchsorted(quarters, weeks.quarter)])


def _managers(past: Past, at: Int) -> npt.NDArray[np.object_]:
    """(weeks, reps) who each rep reports to."""
    table = past.owners.table.sort_values("valid_from", kind="stable")
    found = np.full((len(at), len(past.owners.ids)), "", dtype=object)
    table = table[table["manager_id"] != ""]
    rep = pd.Index(past.owners.ids).get_indexer(pd.Index(table["owner_id"]))
    for i, boss, since in zip(rep, table["manager_id"], table["valid_from"].to_numpy(np.int64), strict=True):
        found[at >= since, i] = boss
    first = table.drop_duplicates("owner_id").set_index("owner_id")["manager_id"]
    return np.where(found == "", first.loc[list(past.owners.ids)].to_numpy(object)[None, :], found)


def _reasons(past: Past, rep: Int, factor: Float, rng: np.random.Generator) -> pd.Series:
    """Why a manager changed a rep's number."""
    table = past.owners.table.drop_duplicates("owner_id").set_index("owner_id")["name"]
    names = np.array([str(table[owner]).split(" ")[0] for owner in past.owners.ids], dtype=object)[rep]
    change = np.abs(np.round(100 * (factor - 1))).astype(np.int64).astype(str).astype(object)
    down = [names + " is usually too high, took off " + change + "%", "haircut " + change + "%, see last quarters",
            names + "'s close dates look soft, -" + change + "%"]
    up = [names + " sandbags, +" + change + "%", "more in it than " + names + " says, +" + change + "%",
          "upside not in the number, +" + change + "%"]
    which = rng.integers(0, 3, len(rep))
    return text(np.where(factor < 1, np.choose(which, down), np.choose(which, up)))


def _rows(past: Past, weeks: Mondays, week: Int, owner: npt.NDArray[np.object_], kind: str,
          by: npt.NDArray[np.object_], amount: Float, commit: Float | None, best: Float | None, note: pd.Series,
          later: int) -> pd.DataFrame:
    none = np.full(len(week), -1.0)
    columns = {name: np.round(none if values is None else values).astype(np.int64)
               for name, values in (("amount", amount), ("commit", commit), ("best_case", best))}
    return table_of({"made_at": weeks.at[week] + later, "entered_at": weeks.at[week] + later,
                     "period": _periods(weeks.quarter[week]), "owner_id": text(owner), "kind": kind,
                     "made_by": text(by), **columns, "currency": past.world.currency, "note": note})


def _periods(quarter: Int) -> pd.Series:
    """Names of quarters, such as 2026-Q1."""
    codes, found = np.unique(quarter, return_inverse=True)
    return pick([f"{1970 + code // 4}-Q{code % 4 + 1}" for code in codes.tolist()], found)


def quotas(past: Past, history: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """A quota for each rep and quarter, of their managers and the company's target: set as a year begins, from what was
    won in the year before; before there is one, from what was planned."""
    world, settings, ids = past.world, past.world.quotas, past.owners.ids
    quarters = np.unique(_quarter_of(np.arange(np.datetime64(world.first_day), np.datetime64(world.last_day) + 1)))
    won = history[(history["field"] == "stage") & (history["value"] == world.deals.won)]
    amounts = history[history["field"] == "amount"].drop_duplicates("record_id", keep="last").set_index("record_id")
    owners = history[history["field"] == "owner"].drop_duplicates("record_id", keep="last").set_index("record_id")
    won_quarter = _quarter_of((local_micros(won["changed_at"].to_numpy(np.int64), world.zone) // DAY).astype(
        "datetime64[D]"))
    rep = pd.Index(ids).get_indexer(pd.Index(won["record_id"].map(owners["value"])))
    amount = pd.to_numeric(won["record_id"].map(amounts["value"])).to_numpy(np.float64)
    habit = np.exp(settings.spread * rng.standard_normal(len(ids)))

    parts = []
    for quarter in quarters:
        start = max(quarter - quarter % 4, quarters[0])  # of the fiscal year, or of the log
        before = (won_quarter < start) & (won_quarter >= start - 4)
        whole_year = quarters[0] <= start - 4
        own = np.bincount(rep[before], amount[before], len(ids)) / 4
        base = 0.5 * own + 0.5 * own.mean() if whole_year else np.full(len(ids), _planned(past))
        weight = settings.quarters[quarter % 4] / np.mean(settings.quarters)
        quota = np.round(base * (1 + settings.growth) * settings.stretch * habit * weight / 5_000) * 5_000
        day = (3 * quarter).astype("datetime64[M]").astype("datetime64[D]").item()
        manager = _managers(past, np.array([max(day_start(day, world.zone), past.clocks.first)]))[0]
        teams = pd.Series(np.maximum(quota, 5_000)).groupby(manager).sum() * settings.over_assigned
        set_day = (3 * start).astype("datetime64[M]").astype("datetime64[D]").item()
        set_at = max(day_start(set_day, world.zone), past.clocks.first) + DAY // 2
        parts.append(pd.DataFrame({
            "quarter": quarter, "set_at": set_at, "level": ["rep"] * len(ids) + ["team"] * len(teams) + ["company"],
            "owner_id": [*ids, *teams.index, ""],
            "amount": _rounded(np.array([*np.maximum(quota, 5_000), *teams, teams.sum() * settings.target]))}))
    found = pd.concat(parts, ignore_index=True)
    return table_of({
        "period": _periods(found["quarter"].to_numpy(np.int64)), "level": text(found["level"]),
        "owner_id": text(found["owner_id"]), "kind": pick(["quota", "target"], found["level"] == "company"),
        "amount": found["amount"].to_numpy().astype(np.int64), "currency": world.currency,
        "set_at": found["set_at"].to_numpy(np.int64), "entered_at": found["set_at"].to_numpy(np.int64)})


def _planned(past: Past) -> float:
    """What a rep was planned to win in a quarter, from the settings alone."""
    world, size = past.world, past.size
    quarters = ((world.last_day - world.first_day).days + 1) / 91.3125
    mean = sum(kind.share * kind.amount * np.exp(kind.spread ** 2 / 2) for kind in world.segments.values())
    wins = size.leads * world.leads.won_share + size.direct_deals * world.deals.won_share
    return float(world.quotas.planned * wins / quarters / size.reps * mean)


def _quarter_of(days: npt.NDArray[np.datetime64]) -> Int:
    return np.asarray(days.astype("datetime64[M]").astype(np.int64) // 3)


def _rounded(amounts: Float) -> Float:
    return np.asarray(np.round(amounts / 1_000) * 1_000)
