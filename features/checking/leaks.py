"""Leaks: fields that know how it ended. By measurement, not by name.

Judged is the value that a field claims to have had when its subject began; of a field that has nothing but a last
value, that last value. Each suspicion says its figure and what would clear it. A field of a log is only judged by what
stood there at the start: what a log says of later is dated, so nothing that is asked of an earlier time sees it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from features.asof import count
from features.calendar import DAY
from features.checking.finding import Finding, named, share
from features.checking.material import Bools, Ends, FieldPast, Floats, Material
from features.checking.skill import Skill, classes_of, solo_skill
from features.events import Int
from features.money import to_major
from features.sources.values import EMPTY

__all__ = ["Suspicion", "leaks", "suspicions"]

# What fields known at the start say of an outcome stays well below this: a bank's 20 fields reach 0.56 of the same
# time, a pipeline's amount 0.57, a lead's source or rating in practice 0.6 to 0.7. What knows the end lies above.
_ALONE = 0.75
_LEAST = 30  # values below which no share is called a rule
_RULE = 0.98  # a rule with exceptions: files have slips
_PURE = 0.02  # of the other outcome's expected number
_LEAST_EXPECTED = 10.0  # that many of the other outcome should be there by chance before none means anything
_MUCH = 0.5  # share of one outcome's subjects
_FOLLOWS = 0.6  # rank correlation with how long it took
_SAME = 0.9  # rank correlation with a total over the whole life
_OPEN_FILLED = 0.8  # share of the open ones that may have what all ended ones have
_JOINED = 0.25  # share of subjects after whose creation a date lies, for the date to be of something that came later
_WHY_WRONG = ("A model that learns from it looks excellent on the past and fails on open ones, whose end it cannot "
              "know.")


@dataclass(frozen=True)
class Suspicion:
    """Why a field is suspected: the reason in words with its figure, and the figure alone."""

    rule: str
    reason: str
    figure: float


def suspicions(material: Material, one: FieldPast) -> tuple[list[Suspicion], Skill | None]:
    """Reasons to suspect that a field knows the end, strongest kind first, and its own skill for the outcome."""
    key = ("suspicions", one.kind, one.name)
    if key not in material.memo:
        material.memo[key] = _judge(material, one)
    found: tuple[list[Suspicion], Skill | None] = material.memo[key]
    return found


def _judge(material: Material, one: FieldPast) -> tuple[list[Suspicion], Skill | None]:
    ends = material.ends(one.kind)
    if ends is None or one.name in material.ending_fields(one.kind):
        return [], None
    values = material.at_last(one) if one.past == "final_only" else material.at_first(one)
    seen = _Seen(material, one, ends, values)
    found = [rule(seen) for rule in _RULES]
    return [reason for reason in found if reason is not None], seen.skill


class _Seen:
    """A field's values of the subjects whose outcome is decided."""

    def __init__(self, material: Material, one: FieldPast, ends: Ends, values: np.ndarray) -> None:
        subjects = material.history.subjects(one.kind)
        # A log's value of soon after the creation says nothing of what ended before.
        late = ends.ended & (ends.at <= subjects.visible_at + DAY // 24) if one.past == "logged" else False
        self.judged = ends.judged & ~np.asarray(late)
        self.material, self.one, self.ends, self.all_values = material, one, ends, values
        self.values = values[self.judged]
        self.good = ends.good[self.judged]
        self.created_at = subjects.created_at[self.judged]
        self.filled = _filled(self.values)

    def outcome(self, good: bool) -> str:
        if self.one.kind == "lead":
            return "converted" if good else "not converted"
        return "won" if good else "lost"

    def word(self, value: object) -> str:
        if not isinstance(value, float):
            return str(value)
        if self.one.type == "money":
            return f"{to_major(value, self.material.history.mapping.currency):,g}"
        return f"{value:g} days after the creation" if self.one.type == "date" else f"{value:g}"

    @cached_property
    def skill(self) -> Skill | None:
        """What the field alone tells of the outcome; of free text, whether it is filled."""
        if self.one.type == "text" and _mostly_different(self.values):
            return solo_skill(self.filled.astype(np.int64), self.good, self.created_at)
        return solo_skill(classes_of(self.values), self.good, self.created_at) if len(self.values) else None


def _filled(values: np.ndarray) -> Bools:
    return np.asarray(pd.notna(pd.Series(values)), dtype=bool)


def _mostly_different(values: np.ndarray) -> bool:
    filled = pd.Series(values).dropna()
    return bool(len(filled)) and filled.nunique() > len(filled) / 2


def _predicts_alone(seen: _Seen) -> Suspicion | None:
    skill = seen.skill
    if skill is None or skill.lower < _ALONE:
        return None
    return Suspicion("predicts_alone", f"alone it tells {seen.outcome(True)} from {seen.outcome(False)} with "
                     f"AUC {skill.auc:.2f} (at least {skill.lower:.2f}; 0.5 is nothing, 1 is everything)", skill.auc)


def _filled_in_one_outcome(seen: _Seen) -> Suspicion | None:
    if seen.filled.all():
        return None
    pure = _only_one_outcome(seen.filled.astype(np.int64), seen.good)
    if pure is None or 1 not in pure[1]:
        return None
    good, _, covered = pure
    return Suspicion("one_outcome", f"it is filled in {named(int(seen.filled.sum()), seen.one.kind)}, and nearly all "
                     f"of them are {seen.outcome(good)}", covered)


def _filled_once_ended(seen: _Seen) -> Suspicion | None:
    if seen.one.past != "at_creation":
        return None
    created_at = seen.material.history.subjects(seen.one.kind).created_at
    return _once_ended(_filled(seen.all_values), seen.ends, created_at)


def _once_ended(filled: Bools, ends: Ends, created_at: Int) -> Suspicion | None:
    """Nearly all that ended are filled and clearly fewer of the open; only of times of creation from which there are
    both: fields come and go."""
    is_open = ~ends.judged
    if is_open.sum() < _LEAST:
        return None
    ended = ends.judged & (created_at >= np.median(created_at[is_open]))
    if ended.sum() < _LEAST or filled[ended].mean() < _RULE:
        return None
    share_open = float(filled[is_open].mean())
    if share_open > _OPEN_FILLED:
        return None
    return Suspicion("once_ended", f"nearly all that ended have one, but only {share(share_open)} of the open: it is "
                     "filled in on the way, and that it is missing tells that the end has not come", 1.0 - share_open)


def _values_of_one_outcome(seen: _Seen) -> Suspicion | None:
    """Values that occur with one outcome alone and hold much of it, such as an amount of 0 for what was lost."""
    if not len(seen.values):
        return None
    codes = classes_of(seen.values)
    pure = _only_one_outcome(codes, seen.good)
    if pure is None or pure[2] < _MUCH:
        return None
    good, classes, covered = pure
    theirs = pd.Series(seen.values)[np.isin(codes, sorted(classes))]
    usual = theirs.mode(dropna=False).iloc[0]
    held = f"have '{seen.word(usual)}'" if len(classes) == 1 else f"have values such as '{seen.word(usual)}'"
    if pd.isna(usual):
        held = "are empty"
    return Suspicion("constant", f"{share(covered)} of the {seen.outcome(good)} {held}, and hardly any of the "
                     f"{seen.outcome(not good)}", covered)


def _only_one_outcome(codes: np.ndarray, good: Bools) -> tuple[bool, set[int], float] | None:
    """The outcome of which classes are nearly the only one: (good?, classes, share of that outcome in them)."""
    total = np.bincount(codes)
    wins = np.bincount(codes, weights=good)
    best: tuple[bool, set[int], float] | None = None
    for is_good, ours in ((True, wins), (False, total - wins)):
        others = total - ours
        expected = total * ((~good).mean() if is_good else good.mean())
        pure = (total >= _LEAST) & (expected >= _LEAST_EXPECTED) & (others <= _PURE * expected)
        covered = float(ours[pure].sum() / max(ours.sum(), 1))
        found = (is_good, set(np.flatnonzero(pure).tolist()), covered)
        # Where both outcomes have values of their own, the one that has fewer is the plainer example.
        if pure.any() and (best is None or (covered, -len(found[1])) > (best[2], -len(best[1]))):
            best = found
    return best


def _date_of_later(seen: _Seen) -> Suspicion | None:
    """A date of something that happened between the creation and the end: never in the days to come of an open one, as
    a plan would be, and never after the end."""
    if seen.one.type != "date":
        return None
    subjects = seen.material.history.subjects(seen.one.kind)
    days = seen.all_values.astype(np.float64)
    filled = ~np.isnan(days)
    # Clocks differ by minutes, and a date alone is the midnight before.
    slack = 1.0 if _only_days(subjects.created_at) or _only_days_after(days, subjects.created_at) else 1 / 24
    later = filled & (days > slack)
    if filled.sum() < _LEAST or later.sum() < max(_JOINED * filled.sum(), _LEAST):
        return None
    end = np.where(seen.ends.ended & seen.ends.dated, seen.ends.at, seen.material.as_of)
    left = (end - subjects.created_at) / DAY
    ended = seen.ends.ended & seen.ends.dated
    past_end = later & (days > left + 1.0)
    at_end = float((np.abs(days - left) <= 1.0)[later & ended].mean()) if (later & ended).any() else 0.0
    if at_end >= 0.8 and (later & ended).sum() >= _LEAST:
        return Suspicion("date_of_end", f"it lies within a day of the end for {share(at_end)} of those that ended",
                         at_end)
    before_end = 1 - float(past_end[later].mean())
    if before_end < _RULE or seen.one.past == "final_only":
        return None
    return Suspicion("date_of_later", "it is said to be known at the creation, yet "
                     f"{share(later.sum() / filled.sum())} of its dates lie later, all of them before the end: it is "
                     "the date of something that happened on the way", before_end)


def _only_days(at: np.ndarray) -> bool:
    return bool(len(at)) and float(np.mean(at % (DAY // 96) == 0)) > _RULE and len(np.unique(at % DAY)) <= 3


def _only_days_after(days: Floats, created_at: np.ndarray) -> bool:
    filled = ~np.isnan(days)
    return _only_days(np.round(days[filled] * DAY).astype(np.int64) + created_at[filled])


def _follows_the_length_of_life(seen: _Seen) -> Suspicion | None:
    ended = seen.ends.ended & seen.ends.dated & seen.judged
    if seen.one.type not in ("number", "money") or ended.sum() < _LEAST:
        return None
    created = seen.material.history.subjects(seen.one.kind).created_at
    correlation = _rank_correlation(seen.all_values[ended].astype(np.float64), (seen.ends.at - created)[ended] / DAY)
    if correlation is None or abs(correlation) < _FOLLOWS:
        return None
    return Suspicion("length_of_life", f"it grows with the time that it took to the end (rank correlation "
                     f"{correlation:.2f})", abs(correlation))


def _counts_the_whole_life(seen: _Seen) -> Suspicion | None:
    """A number that follows a total over the whole life, of which little was there when the subject began."""
    ended = seen.ends.ended & seen.judged
    if seen.one.type != "number" or ended.sum() < _LEAST:
        return None
    values = seen.all_values[ended].astype(np.float64)
    history, kind = seen.material.history, seen.one.kind
    whole = seen.material.pairs(kind)
    start = whole.moved_to(history.subjects(kind).visible_at)
    states = history.changes(kind, history.mapping.state_field(kind))
    activities = history.activities(kind)
    totals = {"state changes": count(states, whole), "activities": count(activities, whole),
              "state changes and activities": count(states, whole) + count(activities, whole)}
    begun = count(states, start) + count(activities, start)
    for name, total in totals.items():
        if (total - begun)[ended].mean() < 1:
            continue
        correlation = _rank_correlation(values, total[ended])
        if correlation is not None and correlation >= _SAME:
            return Suspicion("whole_life", f"it follows the number of {name} of the whole life (rank correlation "
                             f"{correlation:.2f})", correlation)
    return None


def _rank_correlation(one: Floats, other: Floats) -> float | None:
    both = ~(np.isnan(one) | np.isnan(other))
    if both.sum() < _LEAST:
        return None
    first, second = (pd.Series(values[both]).rank().to_numpy() for values in (one, other))
    if first.std() == 0 or second.std() == 0:
        return None
    return float(np.corrcoef(first, second)[0, 1])


def _first_filled_at_the_end(seen: _Seen) -> Suspicion | None:
    """Filled at or after the end, where a date says when: the import that first saw a subject says nothing of when."""
    if seen.one.past == "logged":
        return None  # the log says when: an earlier time does not see it
    first = seen.material.first_known(seen.one)[seen.judged]
    sight = seen.material.first_sight(seen.one.kind)[seen.judged]
    dated = seen.ends.ended[seen.judged] & (first != EMPTY) & (first != sight)
    if dated.sum() < _LEAST:
        return None
    late = float(((first >= seen.ends.at[seen.judged]) & (first > seen.created_at))[dated].mean())
    if late < _MUCH:
        return None
    return Suspicion("after_the_end", f"{share(late)} of its values were first seen when the end had come", late)


_RULES: list[Callable[[_Seen], Suspicion | None]] = [
    _date_of_later, _filled_in_one_outcome, _filled_once_ended, _values_of_one_outcome, _predicts_alone,
    _counts_the_whole_life, _follows_the_length_of_life, _first_filled_at_the_end]


def leaks(material: Material) -> list[Finding]:
    """A finding for each field that seems to know the end."""
    found = []
    for kind in ("lead", "deal"):
        ends = material.ends(kind)
        if ends is None or not len(material.history.subjects(kind)):
            continue
        judged = {one.name: suspicions(material, one) for one in material.fields(kind)}
        usual = [skill.auc for reasons, skill in judged.values() if skill is not None and not reasons]
        beside = f"; the other fields' median is {np.median(usual):.2f}" if usual else ""
        for one in material.fields(kind):
            reasons, skill = judged[one.name]
            if reasons:
                found.append(_finding(one, reasons, skill, beside))
        found += _late_links(material, kind, ends)
    return found


def _late_links(material: Material, kind: str, ends: Ends) -> list[Finding]:
    """A finding for each link to another subject that rows only have once the end has come."""
    subjects, found = material.history.subjects(kind), []
    for name in subjects.links.columns:
        filled = np.isin(np.arange(len(subjects)), material.history.links(kind, name).subject)
        reason = _once_ended(filled, ends, subjects.created_at)
        if reason is not None:
            found.append(Finding(
                "leak", "wrong", reason.figure, f"Suspicion of a leak in the {name} of {kind}s: {reason.reason}.",
                f"It counts from the creation on. {_WHY_WRONG}",
                f"Make the column a field, past: final_only, in place of {name}; or export when it was filled.",
                kind, name, {reason.rule: round(reason.figure, 4)}))
    return found


def _finding(one: FieldPast, reasons: list[Suspicion], skill: Skill | None, beside: str) -> Finding:
    said = "; ".join(reason.reason + (beside if reason.rule == "predicts_alone" else "") for reason in reasons)
    last_only = one.past == "final_only"
    why = ("Only the last value is known, so no past date sees it and nothing has leaked; marked at_creation it would."
           if last_only else
           _WHY_WRONG)
    cure = (f"Leave it final_only. To use its past, export the log of {one.name}." if last_only else
            f"Mark {one.name} final_only, or take it out of the mapping. Its log, or the date on which it was filled, "
            "would clear it.")
    return Finding("leak", "odd" if last_only else "wrong", 1.0 if skill is None else skill.auc,
                   f"Suspicion of a leak in {one.kind} field {one.name}: {said}.", why, cure, one.kind, one.name,
                   {"auc": None if skill is None else round(skill.auc, 4),
                    "auc_at_least": None if skill is None else round(skill.lower, 4),
                    **{reason.rule: round(reason.figure, 4) for reason in reasons}})
