"""Clocks that run backwards: ends before beginnings, entries before what they tell, order against time."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from features.calendar import DAY
from features.checking.finding import SHOWN_EXAMPLES, Finding, Weight, named, share
from features.checking.material import Bools, Material
from features.history import OWN_TIME

__all__ = ["clocks"]

_MINUTE = DAY // 1440
_NOTABLE = 0.001


def clocks(material: Material) -> list[Finding]:
    """Ended before created, changed or busy before created, known before it was so, sequence against time, dates ahead
    of the time of checking."""
    found = [*_ended_first(material), *_before_creation(material), *_known_first(material), *_order(material),
             *_ahead(material)]
    return [one for one in found if one is not None]


def _ended_first(material: Material) -> list[Finding | None]:
    found = []
    for kind in material.kinds:
        ends = material.ends(kind)
        if ends is not None:
            subjects = material.history.subjects(kind)
            # A date alone is the midnight before: on the day of the creation is not before it.
            bad = ends.ended & (ends.at < subjects.created_at - DAY)
            found.append(_finding(kind, subjects.ids, bad, ends.ended, f"{named(int(bad.sum()), kind)} ended before "
                                  "their creation", "wrong", "Look at which columns are mapped as the creation and as "
                                  "the end, and at their date formats."))
    return found


def _before_creation(material: Material) -> list[Finding | None]:
    found = []
    for table, own in (("changes", "changed_at"), ("activities", "happened_at")):
        rows = material.history.tables[table]
        for kind in material.kinds:
            ours = rows[rows["subject"] == kind]
            subjects = material.history.subjects(kind)
            code = subjects.codes(ours["subject_id"].to_numpy(object))
            known = code >= 0
            bad = np.zeros(len(ours), dtype=bool)
            bad[known] = ours[own].to_numpy(np.int64)[known] < subjects.created_at[code[known]] - DAY
            word = "changes" if table == "changes" else "activities"
            found.append(_finding(
                kind, ours["subject_id"].to_numpy(object), bad, known,
                f"{int(bad.sum()):,} {word} lie more than a day before the creation of their {kind}", "odd",
                "Activities may have begun with the lead; map its creation then. If all lie before it by the same "
                "time, the two files are in different time zones."))
    return found


def _known_first(material: Material) -> list[Finding | None]:
    found = []
    for name, table in material.history.tables.items():
        own = OWN_TIME[name]
        if name == "owners" or not len(table):
            continue
        bad = (table["known_at"] < table[own] - _MINUTE).to_numpy(bool)
        found.append(_finding(
            None, table.iloc[:, 0].to_numpy(object), bad, np.ones(len(bad), dtype=bool),
            f"{int(bad.sum()):,} rows of {name} were entered before what they tell came to be", "odd",
            "For planned meetings that is so. Else the column mapped as known_at is not the time of the entry."))
    return found


def _order(material: Material) -> list[Finding | None]:
    """Rows whose sequence says later and whose time says earlier, of sources that give a sequence."""
    changes = material.history.tables["changes"]
    given = changes[changes["sequence"] != 0]
    by_order = given.sort_values(["subject", "subject_id", "field", "sequence", "changed_at"], kind="stable")
    same = (by_order[["subject", "subject_id", "field"]] == by_order[["subject", "subject_id", "field"]].shift()
            ).all(axis=1) & (by_order["sequence"] > by_order["sequence"].shift())
    back = (same & (by_order["changed_at"] < by_order["changed_at"].shift() - _MINUTE)).to_numpy(bool)
    from_files = _with_own_sequence(material, by_order["source"])
    bad, of = back & from_files, same.to_numpy(bool) & from_files
    return [_finding(None, by_order["subject_id"].to_numpy(object), bad, of,
                     f"{int(bad.sum()):,} changes stand later in the source's own order than their time says", "odd",
                     "Time decides. If the order is right, the dates were edited afterwards or come from several "
                     "clocks; map the time of the entry as known_at.")]


def _with_own_sequence(material: Material, files: pd.Series) -> Bools:
    """Rows whose file gives an order of its own: elsewhere sequence only ranks rows of the same time."""
    from fnmatch import fnmatch

    patterns = [source.file or "*" for source in material.history.mapping.sources if "sequence" in source.columns]
    chosen = {str(name) for name in files.unique() if any(fnmatch(str(name), one.split("/")[-1]) for one in patterns)}
    return files.isin(chosen).to_numpy(bool)


def _ahead(material: Material) -> list[Finding | None]:
    """Own times after the last import: nothing can have happened by then. An --as-of cuts them off."""
    last_import = int(material.import_times.max()) if len(material.import_times) else material.as_of
    found = []
    for name, table in material.history.tables.items():
        if material.history.mapping.simulated or not len(table):
            continue
        bad = (table[OWN_TIME[name]] > last_import + DAY).to_numpy(bool)
        found.append(_finding(
            None, table.iloc[:, 0].to_numpy(object), bad, np.ones(len(bad), dtype=bool),
            f"{int(bad.sum()):,} rows of {name} lie after the import that brought them", "odd",
            "Planned meetings may; leave them out. Else the date format is wrong, or day and month are swapped."))
    return found


def _finding(kind: str | None, ids: Any, bad: Bools, of: Bools, what: str, weight: Weight,
             cure: str) -> Finding | None:
    count, total = int(bad.sum()), int(of.sum())
    if not count or count <= _NOTABLE * total:
        return None
    examples = sorted({str(one) for one in np.asarray(ids, dtype=object)[bad][:200]})[:SHOWN_EXAMPLES]
    part = count / max(total, 1)
    return Finding("clock", weight, part, f"{what} ({share(part)}).",
                   "Ages and waiting times come out negative, and what came first looks like what came last.", cure,
                   kind, None, {"rows": count, "of": total}, examples)
