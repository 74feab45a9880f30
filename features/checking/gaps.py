"""Gaps: stretches without any entry in a company that is busy otherwise, and histories that start in the middle."""

from __future__ import annotations

import numpy as np

from features.calendar import DAY, local_micros
from features.checking.finding import Finding, share
from features.checking.material import Material
from features.events import Int
from features.history import OWN_TIME

__all__ = ["gaps"]

_BUSY_WEEK = 10.0  # entries a week, the median, below which an empty week says nothing
_LEAST_WEEKS = 8
_MIDDLE = 0.05  # share of subjects that are older than their log


def gaps(material: Material) -> list[Finding]:
    """Silences in the changes and in the activities, and logs that begin long after the subjects they are about."""
    return [*_silences(material), *_starts_in_the_middle(material)]


def _silences(material: Material) -> list[Finding]:
    found = []
    for name in ("changes", "activities"):
        table = material.history.tables[name]
        # What an import saw for the first time stands at the import's moment, which says nothing of the pace.
        moments = table.loc[~table[OWN_TIME[name]].isin(material.import_times), OWN_TIME[name]].to_numpy(np.int64)
        moments = moments[moments <= material.as_of]
        if len(moments) < _BUSY_WEEK * _LEAST_WEEKS:
            continue
        days = local_micros(moments, material.history.mapping.zone) // DAY
        first, per_day = int(days.min()), np.bincount(days - days.min())
        silent = _longest_silence(per_day)
        if silent is None:
            continue
        start, length, pace = silent
        begin = np.datetime64(first + start, "D")
        last = np.datetime64(first + start + length - 1, "D")
        found.append(Finding(
            "gap", "missing", length / len(per_day),
            f"No {name} at all from {begin} to {last} ({length} days), where {pace:.0f} a week are usual.",
            "Models take the silence for inactivity: what was worked on then looks abandoned.",
            "Export that time again. If the CRM truly was not used (a migration, a holiday), train on what came after "
            "it.", None, None, {"days": length, "per_week": round(pace, 1)}, [f"{begin} to {last}"]))
    return found


def _longest_silence(per_day: Int) -> tuple[int, int, float] | None:
    """The longest stretch of days without an entry: (first day, days, usual entries a week), None where it is usual.

    Weekends and holidays are: a stretch stands out when it is longer than a week and twice as long as any other.
    """
    weeks = len(per_day) // 7
    if weeks < _LEAST_WEEKS:
        return None
    pace = float(np.median(per_day[:weeks * 7].reshape(weeks, 7).sum(axis=1)))
    if pace < _BUSY_WEEK:
        return None
    lengths, starts = _stretches(per_day == 0)
    if not len(lengths):
        return None
    longest = int(np.argmax(lengths))
    length = int(lengths[longest])
    others = np.delete(lengths, longest)
    usual = int(others.max()) if len(others) else 0
    return (int(starts[longest]), length, pace) if length > 7 and length >= 2 * usual else None


def _stretches(quiet: np.ndarray) -> tuple[Int, Int]:
    edges = np.diff(np.concatenate([[0], quiet.astype(np.int64), [0]]))
    starts, stops = np.flatnonzero(edges == 1), np.flatnonzero(edges == -1)
    return stops - starts, starts


def _starts_in_the_middle(material: Material) -> list[Finding]:
    found = []
    for kind in material.kinds:
        name = material.history.mapping.state_field(kind)
        if kind not in ("lead", "deal") or not material.history.mapping.is_logged(kind, name):
            continue
        events = material.history.changes(kind, name)
        created = material.history.subjects(kind).created_at
        if not len(events):
            continue
        begins = int(events.at.min())
        early = created < begins - DAY
        if early.mean() <= _MIDDLE:
            continue
        found.append(Finding(
            "starts_in_the_middle", "missing", float(early.mean()),
            f"The log of {kind} {name} begins on {np.datetime64(begins, 'us').astype('datetime64[D]')}, yet "
            f"{share(float(early.mean()))} of the {kind}s were created before.",
            "Of those only the last part of their life is known: they look as if they had not moved at first.",
            "Export the log from its beginning. CRMs often switch a field's history on late; then train on what was "
            "created after that day.", kind, name, {"subjects": int(early.sum())}))
    return found
