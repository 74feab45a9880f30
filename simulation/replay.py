"""The field history run through once: what stood in the records at each of many moments."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd

__all__ = ["replay"]

Int = npt.NDArray[np.int64]


def replay(history: pd.DataFrame, value: str, ids: pd.Series, fields: Sequence[str],
           moments: Int) -> Iterator[dict[str, npt.NDArray[np.object_]]]:
    """For each moment (ascending) what had been entered by then: field to (records,) text, "" where nothing stood.

    history : rows of field_history in the order of entry, its new values in the column `value`. The arrays that are
    given are changed again for the next moment.
    """
    record = pd.Index(ids).get_indexer(pd.Index(history["record_id"]))
    now: dict[str, npt.NDArray[np.object_]] = {}
    rows: dict[str, tuple[Int, Int, npt.NDArray[np.object_]]] = {}
    for name in fields:
        ours = np.flatnonzero((history["field"] == name).to_numpy(bool) & (record >= 0))
        some = history.iloc[ours]
        entered = some["entered_at"].to_numpy(np.int64)
        rows[name] = (record[ours], np.searchsorted(entered, moments, side="right"), some[value].to_numpy(object))
        now[name] = np.full(len(ids), "", dtype=object)
    for i in range(len(moments)):
        for name, (who, until, values) in rows.items():
            begin = until[i - 1] if i else 0
            now[name][who[begin:until[i]]] = values[begin:until[i]]  # of one record's rows the last one stays
        yield now
