"""What each field is worth: how full it is, since when it is known, and how much of the past it can be asked about."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd

from features.calendar import iso
from features.checking.finding import Finding, named, share
from features.checking.leaks import suspicions
from features.checking.material import FieldPast, Material
from features.mapping import SUBJECTS
from features.sources.values import EMPTY

__all__ = ["FieldReport", "field_reports", "thin_fields", "worth"]

_THIN = 0.05  # filled less often than this, a field says next to nothing
_MANY = 100  # subjects below which a share of them is no ground for advice


@dataclass(frozen=True)
class FieldReport:
    """One field. Shares are 0 to 1, None where nothing can be said.

    subjects : of its kind. coverage : share of them with a value by now. ever_filled : with a value at any time.
    first_known : the oldest moment at which any value was known (ISO). past : logged, at_creation or final_only.
    known, inferred, unknown : of the subjects with any value, the share whose value at their creation is known from a
    log or an import of that time, is inferred from a column that does not change, or is unknown for then. *_time : the
    same as shares of all their time from creation to end. filled_after_end : of the ended ones whose first value is
    dated, the share whose first value came at or after the end. auc, auc_at_least : what it alone tells of the outcome,
    with its 99% bound. suspicion : why it may be a leak, empty without.
    """

    subject: str
    field: str
    type: str
    past: str
    subjects: int
    coverage: float
    ever_filled: float
    first_known: str | None
    known: float | None
    inferred: float | None
    unknown: float | None
    known_time: float | None
    inferred_time: float | None
    unknown_time: float | None
    filled_after_end: float | None
    auc: float | None
    auc_at_least: float | None
    suspicion: list[str]

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


def field_reports(material: Material) -> list[FieldReport]:
    """Every mapped field of every kind of subject that there are any of, in the order of the mapping."""
    return [_report(material, one) for kind in material.kinds for one in material.fields(kind)]


def _report(material: Material, one: FieldPast) -> FieldReport:
    count = len(material.history.subjects(one.kind))
    first = material.first_known(one)
    filled = first != EMPTY
    now = pd.notna(pd.Series(material.at_last(one))).to_numpy(bool)
    reasons, skill = suspicions(material, one)
    subjects_share, time_share = worth(material, one)
    return FieldReport(
        one.kind, one.name, one.type, one.past, count, float(now.mean()), float(filled.mean()),
        iso(int(first[filled].min()), material.history.mapping.zone) if filled.any() else None,
        *subjects_share, *time_share, _filled_after_end(material, one, first),
        None if skill is None else round(skill.auc, 4), None if skill is None else round(skill.lower, 4),
        [reason.reason for reason in reasons])


_Shares = tuple[float | None, float | None, float | None]


def worth(material: Material, one: FieldPast) -> tuple[_Shares, _Shares]:
    """Shares (known, inferred, unknown) of the subjects with any value, and of their time from creation to end.

    A log also tells that nothing was there yet, from its own first entry on. A value from a column that does not change
    is inferred to have been so from the creation on, until a change of it was seen.
    """
    filled = material.first_known(one) != EMPTY
    if not filled.any():
        return (None, None, None), (None, None, None)
    subjects = material.history.subjects(one.kind)
    born = subjects.visible_at[filled]
    ends = material.ends(one.kind)
    until = np.where(ends.ended, ends.at, material.as_of)[filled] if ends is not None \
        else np.full(len(born), material.as_of)
    until = np.maximum(until, born + 1)
    events = one.events
    start = events.start[:-1][filled]
    if one.past == "logged":
        since = np.maximum(material.log_begins(one.kind) or 0, born)
        inferred_until = since
    else:
        since = np.maximum(events.visible[start], born)
        inferred = (one.past == "at_creation") & (events.at[start] <= subjects.created_at[filled])
        second = np.minimum(start + 1, len(events) - 1)
        has_second = start + 1 < events.start[1:][filled]
        inferred_until = np.where(inferred, np.where(has_second, events.visible[second], until), since)
    since, inferred_until = np.minimum(since, until), np.minimum(np.maximum(inferred_until, since), until)
    unknown = since > born
    guessed = ~unknown & (inferred_until > since)
    total = float((until - born).sum())
    return ((float((~unknown & ~guessed).mean()), float(guessed.mean()), float(unknown.mean())),
            (float((until - inferred_until).sum()) / total, float((inferred_until - since).sum()) / total,
             float((since - born).sum()) / total))


def _filled_after_end(material: Material, one: FieldPast, first: np.ndarray) -> float | None:
    ends = material.ends(one.kind)
    if ends is None:
        return None
    # What the first import saw stands at its own moment, whenever it was filled.
    dated = ends.ended & (first != EMPTY) & ((one.past == "logged") | ~np.isin(first, material.import_times))
    late = (first >= ends.at) & (first > material.history.subjects(one.kind).created_at)
    return float(late[dated].mean()) if dated.any() else None


def _is_lost(material: Material, one: FieldPast) -> bool:
    """Whether much of a field's past is unknown. A date that ends its subject tells its own: before it was nothing."""
    if one.type == "date" and one.name in material.ending_fields(one.kind):
        return False
    return (worth(material, one)[1][2] or 0) > _THIN


def thin_fields(material: Material) -> list[Finding]:
    """Fields that are hardly ever filled, and those whose past is unknown."""
    found = []
    for kind in material.kinds:
        count = len(material.history.subjects(kind))
        if count < _MANY:
            continue
        empty, lost = [], []
        for one in material.fields(kind):
            if float((material.first_known(one) != EMPTY).mean()) < _THIN:
                empty.append(one.name)
            elif one.past == "final_only" and _is_lost(material, one):
                lost.append(one.name)
        if empty:
            found.append(Finding(
                "coverage", "odd", len(empty) / max(len(material.fields(kind)), 1),
                f"Filled in fewer than {share(_THIN)} of the {named(count, kind)}: {', '.join(empty)}.",
                "Next to nothing can be learned from a field that is empty.",
                "Check that the mapping names the right column; else leave the field out.", kind, None,
                {"fields": len(empty)}, empty))
        if lost:
            found.append(Finding(
                "past", "missing", len(lost) / max(len(material.fields(kind)), 1),
                f"Of {', '.join(f'{kind} {name}' for name in lost)} only the last value is known.",
                "Nobody knows what stood there earlier, so no model of the past can use it.",
                f"Export the {SUBJECTS[kind]}' field history and map it as rows of changes; or import this "
                "export every week, so that a past grows. Mark at_creation only what truly never changes.", kind, None,
                {"fields": len(lost)}, lost))
    return found
