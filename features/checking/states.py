"""States: stages that nobody listed, that nobody leaves, and open subjects that have been silent for years."""

from __future__ import annotations

import numpy as np
import pandas as pd

from features.asof import category
from features.calendar import DAY
from features.checking.finding import SHOWN_EXAMPLES, Finding, named, share
from features.checking.material import Material
from features.deletions import deleted_as_of
from features.events import Int

__all__ = ["states"]

_SILENT_DAYS = 365
_LEAST = 20
_NEVER_LEFT = 0.95
_NOTABLE = 0.02


def states(material: Material) -> list[Finding]:
    """Unknown stages, stages never used or never left, kinds without ends, open ones without an entry for a year."""
    found = [*_unknown_stages(material), *_never_left(material)]
    for kind in ("lead", "deal"):
        if kind in material.kinds:
            found += [*_without_ends(material, kind), *_undated_ends(material, kind), *_silent(material, kind)]
    return found


def _unknown_stages(material: Material) -> list[Finding]:
    mapping = material.history.mapping
    events = material.history.changes("deal", "stage")
    if not len(events) or not mapping.stages:
        return []
    used = pd.Series(events.value, dtype=object).dropna().value_counts()
    listed = {stage.name for stage in mapping.stages}
    unknown = used[~used.index.isin(listed)]
    unused = [stage.name for stage in mapping.stages if stage.name not in used.index]
    found = []
    if len(unknown):
        found.append(Finding(
            "unknown_stage", "wrong", float(unknown.sum() / used.sum()),
            f"Stages that the mapping does not list, taken as open: "
            f"{', '.join(f'{name} ({count:,} rows)' for name, count in unknown.head(SHOWN_EXAMPLES).items())}.",
            "If one of them means won or lost, those deals count as open for ever.",
            "List them under 'stages' in the mapping, in their order, with their outcome, or give them our names in "
            "the field's 'values'.", "deal", "stage", {"rows": int(unknown.sum())},
            [str(one) for one in unknown.index]))
    if unused:
        ends = [stage.name for stage in mapping.stages if stage.outcome and stage.name in unused]
        found.append(Finding(
            "unused_stage", "odd", len(unused) / len(mapping.stages),
            f"Stages of the mapping in which no deal ever was: {', '.join(unused)}.",
            "A misspelt name looks just so" + (", and an end that is misspelt is never seen." if ends else "."),
            "Compare the spelling with the export's; take out what is not used.", "deal", "stage",
            {"stages": len(unused)}, unused))
    return found


def _never_left(material: Material) -> list[Finding]:
    mapping = material.history.mapping
    if not mapping.is_logged("deal", "stage") or not len(material.history.deals):
        return []
    events = material.history.changes("deal", "stage")
    entered = pd.DataFrame({"subject": events.subject, "stage": events.value}).drop_duplicates()["stage"].value_counts()
    now = pd.Series(category(events, material.pairs("deal")), dtype=object).value_counts()
    found = []
    for stage in mapping.stages:
        total, still = int(entered.get(stage.name, 0)), int(now.get(stage.name, 0))
        if stage.outcome is None and stage.reopens and total >= _LEAST and still / total >= _NEVER_LEFT:
            found.append(Finding(
                "never_left", "wrong", still / total, f"Of {named(total, 'deal')} that came to {stage.name}, "
                f"{share(still / total)} still stand there.",
                "A stage that nobody leaves is an end in fact; the mapping calls it open.",
                f"If {stage.name} means won or lost, give it its outcome in the mapping's 'stages'.", "deal", "stage",
                {"entered": total, "still": still}, [stage.name]))
    return found


def _without_ends(material: Material, kind: str) -> list[Finding]:
    ends = material.ends(kind)
    count = len(material.history.subjects(kind))
    if ends is not None and ends.good.any() and ends.bad.any():
        return []
    good, bad = ("converted", "disqualified") if kind == "lead" else ("won", "lost")
    which = f"a {kind} is {good} or {bad}" if ends is None else \
        f"any {kind} was {good if not ends.good.any() else bad}"
    return [Finding(
        "no_ends", "wrong" if ends is not None and not ends.good.any() else "missing", 1.0,
        f"Of {named(count, kind)} nothing says that {which}.", "Without ends of both kinds nothing can be learned.",
        f"Map the field that says so and name the values that mean {good} and {bad}; or export the {kind}s that "
        "ended as well, not only those that are open.", kind, material.history.mapping.state_field(kind),
        {"subjects": count})]


def _undated_ends(material: Material, kind: str) -> list[Finding]:
    ends = material.ends(kind)
    if ends is None or not ends.ended.any():
        return []
    undated = ends.ended & ~ends.dated
    part = float(undated.sum() / ends.ended.sum())
    if part <= _NOTABLE:
        return []
    return [Finding(
        "undated_end", "missing", part, f"Of {named(int(ends.ended.sum()), kind)} that ended, {share(part)} have no "
        "date of it and count as ended when they were imported.",
        "Before the import they look open, so no model can learn when and how such ones end.",
        "Map the date of the end as closed_at of the field that ends them.", kind,
        material.history.mapping.state_field(kind), {"subjects": int(undated.sum())})]


def _silent(material: Material, kind: str) -> list[Finding]:
    ends = material.ends(kind)
    subjects = material.history.subjects(kind)
    everyone = material.pairs(kind)
    is_open = ~deleted_as_of(material.history, kind, everyone.subject, everyone.at)
    if ends is not None:
        is_open &= ~ends.ended
    silent = is_open & (_last_entry(material, kind) < material.last_entry - _SILENT_DAYS * DAY)
    if silent.sum() <= max(_NOTABLE * is_open.sum(), 1):
        return []
    part = float(silent.sum() / max(is_open.sum(), 1))
    return [Finding(
        "silent", "wrong" if part > 0.2 else "odd", part,
        f"{named(int(silent.sum()), kind)} of {int(is_open.sum()):,} open ones had no entry in the last year of the "
        "data.", "They ended without anybody saying so. A forecast that counts them is too high, and a model learns "
        "that open ones never end.", "Close them in the CRM and export again.",
        kind, None, {"subjects": int(silent.sum()), "open": int(is_open.sum())},
        [str(one) for one in subjects.ids[silent][:SHOWN_EXAMPLES]])]


def _last_entry(material: Material, kind: str) -> Int:
    """The newest own time of any change or activity of each subject (n,), its creation without any; the values with
    which an import first saw it are no entries of that time."""
    subjects, sight = material.history.subjects(kind), material.first_sight(kind)
    last = subjects.created_at.copy()
    for table, own in (("changes", "changed_at"), ("activities", "happened_at")):
        rows = material.history.tables[table]
        rows = rows[rows["subject"] == kind]
        code, at = subjects.codes(rows["subject_id"].to_numpy(object)), rows[own].to_numpy(np.int64)
        entered = (code >= 0) & (at != sight[code]) if len(sight) else code >= 0
        np.maximum.at(last, code[entered], at[entered])
    return np.minimum(last, material.as_of)
