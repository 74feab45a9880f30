"""What the CRM itself keeps in step, whatever people do in it: its numbers, the old values in its field history, the
values that a record shows today, and the day on which a deal was closed."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from features.calendar import DAY, local_micros
from simulation.tables import KEY, TIMES, Tables, numbered, text
from simulation.world import World

__all__ = ["ROW_IDS", "last_values", "note_labels", "settle", "taken_over"]

Int = npt.NDArray[np.int64]
# Tables by the column that numbers their rows, where the CRM gives the numbers in the order in which rows were entered.
ROW_IDS = {"field_history": "history_id", "activities": "activity_id"}
_RECORDS = {"leads": "lead_id", "deals": "deal_id", "accounts": "account_id", "contacts": "contact_id"}


def taken_over(tables: Tables, first: int) -> Tables:
    """The tables of a CRM that took over on its first day what is older than that: nothing was entered before."""
    return {name: table.assign(entered_at=np.maximum(table["entered_at"], first)) if "entered_at" in table else table
            for name, table in tables.items()}


def settle(tables: Tables, world: World) -> Tables:
    """Complete the tables; rows are brought into the order in which they were entered."""
    settled = {name: _in_order(table) for name, table in tables.items()}
    settled["activities"] = settled["activities"].assign(
        activity_id=numbered("T", np.arange(1, len(settled["activities"]) + 1), 7))
    history = settled["field_history"] = _with_old_values(settled["field_history"])
    for name, key in _RECORDS.items():
        settled[name] = _today(settled[name], key, history)
    settled["deals"] = _closed_on(settled["deals"], history, world)
    return settled


def note_labels(labels: pd.DataFrame, settled: Tables) -> pd.DataFrame:
    """What the notes are about, as truth tells it: by activity_id, without those not entered by the log's end."""
    ids = settled["activities"][["activity_id", KEY]]
    return ids.merge(labels, on=KEY).drop(columns=KEY)


def _in_order(table: pd.DataFrame) -> pd.DataFrame:
    if "entered_at" not in table:
        return table
    own = next((name for name in table.columns if name in TIMES), "entered_at")
    order = np.lexsort((table[KEY], table[own], table["entered_at"]))
    return table if (order[1:] > order[:-1]).all() else table.iloc[order].reset_index(drop=True)


def _with_old_values(log: pd.DataFrame) -> pd.DataFrame:
    """Number the changes and add what stood there before; setting a field to what it was leaves no trace."""
    group, value = _groups(log), pd.factorize(log["value"])
    order = np.argsort(group, kind="stable")
    same = group[order][1:] == group[order][:-1]
    before = np.full(len(log), -1)
    before[order[1:][same]] = value[0][order[:-1][same]]
    words = pd.Series([*value[1], ""], dtype="str")
    empty = np.append(words == "", False)
    old_empty, new_empty = empty[before] | (before < 0), empty[value[0]]
    keep = np.where(before < 0, ~new_empty, (before != value[0]) & ~(old_empty & new_empty))
    found = log.assign(old_value=words.to_numpy()[before])[keep].reset_index(drop=True)
    return pd.DataFrame({
        "history_id": np.arange(1, len(found) + 1), "object": found["object"], "record_id": found["record_id"],
        "field": found["field"], "old_value": text(found["old_value"]), "new_value": found["value"],
        "changed_at": found["changed_at"], "entered_at": found["entered_at"], "changed_by": found["changed_by"],
        KEY: found[KEY]})


def _groups(log: pd.DataFrame) -> Int:
    """A number for each record's field; ids of records are unique over all objects."""
    record, field = pd.factorize(log["record_id"])[0], pd.factorize(log["field"])
    return np.asarray(record * len(field[1]) + field[0], dtype=np.int64)


def last_values(log: pd.DataFrame, field: str) -> pd.Series:
    """What stands in a field after the last of its changes, by record id."""
    rows = log[log["field"] == field].drop_duplicates("record_id", keep="last")
    return pd.Series(rows["new_value"].to_numpy(object), index=rows["record_id"].to_numpy(object), dtype="str")


def _today(table: pd.DataFrame, key: str, history: pd.DataFrame) -> pd.DataFrame:
    """Records with the last values of their logged fields; the others stay as they are."""
    ours = history[history["object"] == key.removesuffix("_id").capitalize()]
    found = {}
    for name in ours["field"].unique():
        last = last_values(ours, name)
        shown = table[key].map(last)
        if name not in table:
            found[name] = text(shown.fillna(""))
        elif table[name].dtype == np.int64:
            numbers = pd.to_numeric(shown.replace("", np.nan)).fillna(-1).astype(np.int64)
            found[name] = table[name].where(~table[key].isin(last.index), numbers)
        else:
            found[name] = text(shown.fillna(table[name]))
    return table.assign(**found)


def _closed_on(deals: pd.DataFrame, history: pd.DataFrame, world: World) -> pd.DataFrame:
    ends = history[(history["field"] == "stage") & history["new_value"].isin([world.deals.won, world.deals.lost])]
    ends = ends.drop_duplicates("record_id", keep="last")
    moment = pd.Series(ends["changed_at"].to_numpy(), index=ends["record_id"].to_numpy(object))
    closed = deals["stage"].isin([world.deals.won, world.deals.lost])
    at = deals.loc[closed, "deal_id"].map(moment).to_numpy(np.int64)
    day = np.full(len(deals), np.datetime64("NaT"), dtype="datetime64[s]")
    day[closed] = (local_micros(at, world.zone) // DAY).astype("datetime64[D]")
    return deals.assign(closed_on=day)
