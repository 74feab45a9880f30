"""When things are written down: days later, or with another date than that on which they happened.

`changed_at` and `happened_at` are what people claim, `entered_at` is when the CRM got it. What had not been entered
when the log ends is not in the export.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from features.calendar import DAY, local_micros
from simulation.crm_settings import BackDated, LateActivities, LateChanges
from simulation.tables import KEY, Tables, column_as_text
from simulation.warts.scene import Scene, touched

__all__ = ["back_dated", "late_activities", "late_changes"]

Int = npt.NDArray[np.int64]


def _moments(history: pd.DataFrame) -> tuple[pd.DataFrame, Int]:
    """The log by record and moment, what was set together: one row for each with its moment, those before and after in
    the same record, whether it is the record's first and the key of its first row; and the group of each row."""
    record = pd.factorize(history["record_id"])[0]
    at = history["changed_at"].to_numpy(np.int64)
    order = np.lexsort((history[KEY], at, record))
    new = np.ones(len(order), dtype=bool)
    new[1:] = (record[order][1:] != record[order][:-1]) | (at[order][1:] != at[order][:-1])
    group = np.empty(len(order), dtype=np.int64)
    group[order] = np.cumsum(new) - 1
    head = order[new]
    same_before = np.append(False, record[head][1:] == record[head][:-1])
    return pd.DataFrame({
        "head": head, "at": at[head], KEY: history[KEY].to_numpy(np.int64)[head], "first": ~same_before,
        "before_at": np.where(same_before, np.append(0, at[head][:-1]), 0),
        "next_at": np.where(np.append(same_before[1:], False), np.append(at[head][1:], 0), 2**62)}), group


def _holds(history: pd.DataFrame, group: Int, n: int, field: str,
           values: list[str] | None = None) -> npt.NDArray[np.bool_]:
    """Which groups hold a change of a field (to one of the values)."""
    rows = (history["field"] == field).to_numpy(bool)
    if values is not None:
        rows &= history["value"].isin(values).to_numpy(bool)
    found = np.zeros(n, dtype=bool)
    found[group[rows]] = True
    return found


def late_changes(tables: Tables, settings: LateChanges, scene: Scene) -> tuple[Tables, pd.DataFrame]:
    """Stages and statuses are clicked days after they were reached, and the CRM shows the day of the click as that of
    the change. Nothing overtakes the record's next change, and a lead's conversion is never late: it makes the deal."""
    history = tables["field_history"]
    moments, group = _moments(history)
    n = len(moments)
    drawn = scene.draw(moments[KEY], "late") < settings.share
    days = settings.days * np.exp(settings.spread * scene.normal(moments[KEY], "days"))
    later = scene.work_days_after(moments["at"].to_numpy(np.int64), days)
    moves = (drawn & ~moments["first"].to_numpy(bool)
             & (_holds(history, group, n, "stage") | _holds(history, group, n, "status"))
             & ~_holds(history, group, n, "status", ["Converted"]) & (later < moments["next_at"].to_numpy(np.int64)))
    hit = moves[group]
    at = np.where(hit, later[group], history["changed_at"].to_numpy(np.int64))
    rows = history[hit]
    told = touched("field_history", rows, "changed_at", _shown(rows["changed_at"]), _shown(pd.Series(at[hit])))
    shown = history.assign(changed_at=at, entered_at=np.maximum(history["entered_at"].to_numpy(np.int64), at))
    return {**tables, "field_history": _entered(shown, scene)}, told


def back_dated(tables: Tables, settings: BackDated, scene: Scene) -> tuple[Tables, pd.DataFrame]:
    """Ends of deals with another date than that of their entry. Wins of a quarter's first days are claimed for the last
    evening of the quarter before; other ends are entered days later, with the date on which they were reached."""
    history, deals = tables["field_history"], scene.world.deals
    moments, group = _moments(history)
    n, at = len(moments), moments["at"].to_numpy(np.int64)
    won = _holds(history, group, n, "stage", [deals.won])
    ends = won | _holds(history, group, n, "stage", [deals.lost])
    day = local_micros(at, scene.world.zone) // DAY
    month = day.astype("datetime64[D]").astype("datetime64[M]").astype(np.int64)
    quarter_start = (month - month % 3).astype("datetime64[M]").astype("datetime64[D]").astype(np.int64)
    evening = at - (day - quarter_start + 1) * DAY  # the same hour on the quarter's last day before
    claims = (won & (day - quarter_start < settings.first_days) & (evening > moments["before_at"])
              & (scene.draw(moments[KEY], "quarter") < settings.last_quarter)).to_numpy(bool)
    days = settings.late_days * (0.5 + scene.draw(moments[KEY], "days"))
    later = scene.work_days_after(at, days)
    late = (ends & ~claims & (scene.draw(moments[KEY], "late") < settings.late_closes)
            & (later < moments["next_at"])).to_numpy(bool)
    changed, entered = history["changed_at"].to_numpy(np.int64), history["entered_at"].to_numpy(np.int64)
    shown = history.assign(changed_at=np.where(claims[group], evening[group], changed),
                           entered_at=np.where(late[group], np.maximum(later[group], entered), entered))
    told = [touched("field_history", history[hit], column, _shown(history[column][hit]), _shown(shown[column][hit]))
            for hit, column in ((claims[group], "changed_at"), (late[group], "entered_at"))]
    return {**tables, "field_history": _entered(shown, scene)}, pd.concat(told, ignore_index=True)


def late_activities(tables: Tables, settings: LateActivities, scene: Scene) -> tuple[Tables, pd.DataFrame]:
    """Calls and meetings are written down days later, with the time at which they were held; mails enter by
    themselves."""
    log = tables["activities"]
    share = log["kind"].map(settings.share).fillna(0.0).to_numpy(np.float64)
    days = settings.days * np.exp(settings.spread * scene.normal(log[KEY], "days"))
    later = scene.work_days_after(log["happened_at"].to_numpy(np.int64), days)
    hit = scene.draw(log[KEY], "late") < share
    told = touched("activities", log[hit], "entered_at", _shown(log["entered_at"][hit]), _shown(pd.Series(later[hit])))
    shown = log.assign(entered_at=np.where(hit, later, log["entered_at"].to_numpy(np.int64)))
    return {**tables, "activities": _entered(shown, scene)}, told


def _entered(table: pd.DataFrame, scene: Scene) -> pd.DataFrame:
    """What was entered by the end of the log."""
    keep = table["entered_at"] <= scene.clocks.last
    return table if keep.all() else table[keep].reset_index(drop=True)


def _shown(at: pd.Series) -> pd.Series:
    return pd.Series(column_as_text("entered_at", at).to_pandas(), dtype="str")
