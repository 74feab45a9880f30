"""The level: how much more or less happens now than the model says, followed between two trainings.

A model knows nothing of after its date. What has happened since is held against what it expected: the hazards of
winning and of losing are multiplied by (observed + k) / (expected + k), both forgotten with a half-life, and by the
same ratio of a segment where that was worth it. k events' worth of "the model is right" keep few outcomes from moving
much. Ahead it fades as fast as it is forgotten: what holds now holds for tomorrow and hardly for the next quarter, and
many a dip is a delay that is made up for. Half-life and k are settings; a segment is chosen in training, by what its
levels would have done at earlier origins.

In: a model, a history, moments. Out: additive offsets of log-hazards in each bin, (n, m, 2) for winning and losing.
What is known at a moment alone counts: a landmark's bin counts once it is over (counting an outcome before that would
count those that come soon first), an end from when it was known. So cutting the history at the moment changes nothing,
and at the model's date the offsets are 0. A multiplicative level with forgetting is the discounted gamma–Poisson filter
(West & Harrison, *Bayesian Forecasting and Dynamic Models*, 1997).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import pandas as pd

from features.calendar import DAY
from features.events import Int
from features.history import History
from features.settings import LevelSettings
from training.calibration import shift_hazards
from training.choosing import clearly_best
from training.outcomes import LOST, OPEN, WON, Landmarks, Outcomes, lead_landmarks, outcomes
from training.rows import LandmarkTable, landmark_table

__all__ = ["LevelRule", "Past", "choose_level", "followed", "level_offsets", "plain_rule"]

Floats = npt.NDArray[np.float64]
Texts = npt.NDArray[np.object_]
Bools = npt.NDArray[np.bool_]

REFRESH_DAYS = 14.0  # a deal's features are taken anew so often
MOST_SUBJECTS = 50_000  # of more than so many, a share chosen by hash speaks for all
MOST_LEVELS = 12  # a category of more levels is no segment
WORTH = 0.002  # segments must lower the loss by this share


@dataclass(frozen=True)
class LevelRule:
    """How a model's level is followed. half_life_days : 0 forgets nothing. prior_events : k above. segment : name of
    the feature whose values have levels of their own, "" for none."""

    half_life_days: float
    prior_events: float
    segment: str = ""

    def to_dict(self) -> dict[str, Any]:
        return {"half_life_days": self.half_life_days, "prior_events": self.prior_events, "segment": self.segment}

    @staticmethod
    def from_dict(content: dict[str, Any]) -> LevelRule:
        return LevelRule(content["half_life_days"], content["prior_events"], content["segment"])


class Followed(Protocol):
    """What is asked of a model; `plain_hazards` are those (n, m, 3) of its date, without any level."""

    @property
    def kind(self) -> str: ...
    @property
    def as_of(self) -> int: ...
    @property
    def edges_days(self) -> Floats: ...
    @property
    def level(self) -> LevelRule: ...
    def plain_hazards(self, history: History, table: LandmarkTable) -> Floats: ...


@dataclass(frozen=True)
class Decided:
    """Landmark × bin once the bin is over, in that order: `at` its end (k,), `observed` and `expected` wins and losses
    (k, 2), `segment` of its subject (k,)."""

    at: Int
    observed: Floats
    expected: Floats
    segment: Texts

    def of(self, segment: str) -> Decided:
        here = self.segment == segment
        return Decided(self.at[here], self.observed[here], self.expected[here], self.segment[here])

    def sums(self, at: Int, half_life_days: float) -> tuple[Floats, Floats]:
        """Observed and expected events that were decided by each moment, forgotten since: (n, 2) each."""
        both = np.concatenate([self.observed, self.expected], axis=1)
        start = self.at[0] if len(self.at) else 0
        rate = np.log(2.0) / half_life_days if half_life_days > 0 else 0.0
        with np.errstate(divide="ignore"):  # in logs, so that no span of time is too long
            grown = np.log(both) + ((self.at - start) / DAY * rate)[:, None]
        total = np.concatenate([np.full((1, 4), -np.inf), np.logaddexp.accumulate(grown, axis=0)])
        found = np.exp(total[np.searchsorted(self.at, at, side="right")] - ((at - start) / DAY * rate)[:, None])
        return found[:, :2], found[:, 2:]


def level_offsets(model: Followed, history: History, table: LandmarkTable) -> Floats:
    """Offsets (n, m, 2) of the log-hazards of winning and losing in bins after landmarks, by what was known at each.

    `history` is the whole company's: one subject's says nothing of the level. What was expected of everyone since the
    model's date is computed once for a day, and remembered with the history.
    """
    at = table.landmarks.at
    offsets = np.zeros((len(at), 2))
    later = at > model.as_of
    if later.any():
        segment = _segments(table.features, model.level.segment)[later]
        offsets[later] = offsets_by(_remembered(model, history, int(at.max())), model.level, at[later], segment)
    return offsets[:, None, :] * _fading(model.level, model.edges_days)[:, None]


def _fading(rule: LevelRule, edges_days: Floats) -> Floats:
    """What is left of an offset at the start of each bin, (m,)."""
    start = edges_days[:-1]
    return np.asarray(0.5 ** (start / rule.half_life_days) if rule.half_life_days > 0 else np.ones(len(start)))


def offsets_by(decided: Decided, rule: LevelRule, at: Int, segment: Texts) -> Floats:
    """Offsets (n, 2) at moments (n,) of subjects in segments (n,), for what comes at once."""
    observed, expected = decided.sums(at, rule.half_life_days)
    offsets = np.log((observed + rule.prior_events) / (expected + rule.prior_events))
    if not rule.segment:
        return np.asarray(offsets)
    own = np.zeros_like(offsets)
    for name in np.unique(segment.astype(str)):
        here = segment == name
        observed, expected = decided.of(name).sums(at[here], rule.half_life_days)
        own[here] = np.log((observed + rule.prior_events) / (expected * np.exp(offsets[here]) + rule.prior_events))
    return offsets + own


def _remembered(model: Followed, history: History, until: int) -> Decided:
    """What was decided after the model's date, to the end of the day of `until`."""
    until = -(-until // DAY) * DAY
    key = ("level", model.kind, str(id(model)))
    # The model is held, so that no other takes its id.
    kept = history.memo.get(key)
    if kept is None or kept[1] < until:
        kept = history.memo[key] = (model, until, _since(model, history, until))
    found: Decided = kept[2]
    return found


def _since(model: Followed, history: History, until: int) -> Decided:
    ends = outcomes(history, model.kind)
    marks = _landmarks(model, ends, until)
    table = landmark_table(history, model.kind, marks)
    hazards = model.plain_hazards(history, table)
    rows = _rows(ends, marks, model.edges_days, model.as_of, until)
    return _decided(rows, hazards, _segments(table.features, model.level.segment))


def _landmarks(model: Followed, ends: Outcomes, until: int) -> Landmarks:
    """Landmarks whose bins end after the model's date: those that such a model is trained on, since of others it says
    nothing that could be held against it; of deals creation and every REFRESH_DAYS after it."""
    subjects = ends.history.subjects(model.kind)
    share = MOST_SUBJECTS / max(int((subjects.visible_at <= model.as_of).sum()), 1)
    asked = pd.util.hash_array(subjects.ids) / 2.0**64 < share
    if model.kind == "lead" and ends.history.mapping.leads:
        marks = lead_landmarks(ends, until, ends.history.mapping.leads.horizon)
        marks = marks.take(asked[marks.subject] & (marks.at > model.as_of - int(model.edges_days[-1] * DAY)))
        return marks.take(_next_landmark(marks) > model.as_of)
    edges = model.edges_days[1:]
    every = round(float(edges[max(int(np.searchsorted(edges, REFRESH_DAYS, side="right")) - 1, 0)]) * DAY)
    subject = np.flatnonzero((subjects.visible_at < until) & asked)
    created = subjects.visible_at[subject]
    first = np.maximum((model.as_of - created) // every, 0)  # the one whose bins hold the model's date
    n = np.maximum((until - 1 - created) // every - first + 1, 0)
    step = np.arange(n.sum()) - np.repeat(np.cumsum(n) - n, n) + np.repeat(first, n)
    marks = Landmarks(np.repeat(subject, n), np.repeat(created, n) + step * every)
    return marks.take(ends.is_open(marks.subject, marks.at))


@dataclass(frozen=True)
class _Rows:
    """Landmark × bin that is over, by its end: positions of both, `label` (goes on 0, WON, LOST) and `at`, its end."""

    landmark: Int
    bin: Int
    label: Int
    at: Int


def _rows(ends: Outcomes, marks: Landmarks, edges_days: Floats, after: int, until: int) -> _Rows:
    """Rows whose bin ended in (after, until], each stretch of a subject's time by the newest landmark before it.

    A subject is at risk until its end was known, or until it was deleted.
    """
    state, known = _known_end(ends, marks)
    edge = marks.at[:, None] + (edges_days * DAY).astype(np.int64)[None, :]
    start, end = edge[:, :-1], edge[:, 1:]
    over = ends.followed_until(marks.subject, marks.at, until)
    counts = (start < np.minimum(known, _next_landmark(marks))[:, None]) & (end <= over[:, None]) & (end > after)
    landmark, position = np.nonzero(counts)
    at = end[landmark, position]
    order = np.argsort(at, kind="stable")
    landmark, position, at = landmark[order], position[order], at[order]
    return _Rows(landmark, position, np.where(known[landmark] <= at, state[landmark], OPEN), at)


def _known_end(ends: Outcomes, marks: Landmarks) -> tuple[Int, Int]:
    """The first end that became known after each landmark: (state, moment), OPEN and the largest int for none."""
    ended = ends.state != OPEN
    known, states = ends.known.where(ended), ends.state[ended]
    if not len(known):
        return np.full(len(marks), OPEN), np.full(len(marks), np.iinfo(np.int64).max)
    row = known.position(marks.subject, marks.at) + 1
    there = row < known.start[marks.subject + 1]
    row = np.where(there, row, 0)
    return np.where(there, states[row], OPEN), np.where(there, known.visible[row], np.iinfo(np.int64).max)


def _next_landmark(marks: Landmarks) -> Int:
    """When each landmark's subject has its next one, (n,)."""
    order = np.lexsort((marks.at, marks.subject))
    subject, at = marks.subject[order], marks.at[order]
    following = np.full(len(order), np.iinfo(np.int64).max)
    following[:-1] = np.where(subject[1:] == subject[:-1], at[1:], following[:-1])
    found = np.empty_like(following)
    found[order] = following
    return found


def _decided(rows: _Rows, hazards: Floats, segment: Texts) -> Decided:
    observed = np.stack([rows.label == WON, rows.label == LOST], axis=1).astype(np.float64)
    return Decided(rows.at, observed, hazards[rows.landmark, rows.bin, 1:], segment[rows.landmark])


def _segments(features: pd.DataFrame, name: str) -> Texts:
    """Each landmark's value of a feature (n,), "" for none."""
    if name not in features:
        return np.full(len(features), "", dtype=object)
    return features[name].astype(object).where(features[name].notna(), "").to_numpy(object)


def followed(hazards: Floats, ends: Outcomes, table: LandmarkTable, edges_days: Floats, origin: int, until: int,
             rule: LevelRule) -> Floats:
    """Hazards (n, m, 3) of landmarks after an origin as they would have been served: at the level known at each."""
    segment = _segments(table.features, rule.segment)
    decided = _decided(_rows(ends, table.landmarks, edges_days, origin, until), hazards, segment)
    offsets = offsets_by(decided, rule, table.landmarks.at, segment)
    return shift_hazards(hazards, offsets[:, None, :] * _fading(rule, edges_days)[:, None])


def plain_rule(cycle_days: float, settings: LevelSettings) -> LevelRule:
    """The settings' rule, without segments."""
    return LevelRule(settings.half_life_in_cycles * cycle_days, settings.prior_events)


@dataclass(frozen=True)
class Past:
    """An earlier origin: what a model of then said of landmarks after it. hazards (n, m, 3), without any level."""

    origin: int
    table: LandmarkTable
    hazards: Floats


def choose_level(pasts: Sequence[Past], ends: Outcomes, edges_days: Floats, cycle_days: float, until: int,
                 settings: LevelSettings) -> LevelRule:
    """The rule for what follows: that of the settings, with a segment where its levels would clearly have lowered the
    loss at earlier origins, by what was known at `until`. Every row is judged with the level at its own landmark.

    How fast to forget is not chosen: a calm past says nothing of how fast the level can move.
    """
    plain = plain_rule(cycle_days, settings)
    cases = [_Case.of(past, ends, edges_days, until) for past in pasts]
    if not cases:
        return plain
    said = {name: np.concatenate([case.log_likelihood(replace(plain, segment=name)) for case in cases])
            for name in ("", *_segment_names(pasts))}
    subject = np.concatenate([case.past.table.landmarks.subject[case.rows.landmark] for case in cases])
    best = clearly_best(said, "", subject)
    return replace(plain, segment=best if said[best].sum() > said[""].sum() * (1.0 - WORTH) else "")


@dataclass(frozen=True)
class _Case:
    past: Past
    rows: _Rows
    edges_days: Floats

    @staticmethod
    def of(past: Past, ends: Outcomes, edges_days: Floats, until: int) -> _Case:
        return _Case(past, _rows(ends, past.table.landmarks, edges_days, past.origin, until), edges_days)

    def log_likelihood(self, rule: LevelRule) -> Floats:
        """Log of what would have been said of each row's outcome, (rows,)."""
        segment, rows = _segments(self.past.table.features, rule.segment), self.rows
        at = self.past.table.landmarks.at
        offsets = offsets_by(_decided(rows, self.past.hazards, segment), rule, at, segment)
        ahead = offsets[rows.landmark] * _fading(rule, self.edges_days)[rows.bin, None]
        hazards = shift_hazards(self.past.hazards[rows.landmark, rows.bin], ahead)
        return np.asarray(np.log(np.maximum(hazards[np.arange(len(rows.label)), rows.label], 1e-12)))


def _segment_names(pasts: Sequence[Past]) -> list[str]:
    """Categories of few levels."""
    if not pasts:
        return []
    features = pasts[-1].table.features
    return [str(name) for name in features.columns
            if features[name].dtype != np.float64 and 2 <= features[name].nunique() <= MOST_LEVELS]
