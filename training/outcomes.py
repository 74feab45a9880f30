"""What happened next: states, landmarks and the time to an outcome.

A lead converts or is disqualified; a deal is won or lost. Both are called WON and LOST here, so that one hazard model
serves both. Everything is read from a history that was cut at the origin, so what is not known yet is censored.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property

import numpy as np
import numpy.typing as npt

from features.asof import AsOf, newest
from features.calendar import DAY, day_start, local_date
from features.deletions import deleted_as_of, followed_until
from features.endings import LOST, OPEN, WON, Endings, read_endings
from features.errors import BadInput
from features.events import Events, Int
from features.history import History
from features.outcome_rules import Horizon

__all__ = ["LOST", "OPEN", "WON", "Landmarks", "Outcomes", "grid_landmarks", "lead_landmarks", "outcomes"]

LEAD_AGES_DAYS = (0, 1, 3, 7, 14, 30, 60, 90, 120, 180, 270, 365, 545, 730, 1095)


@dataclass(frozen=True)
class Landmarks:
    """Moments at which features are taken: `subject` codes and `at` in microseconds, both (n,)."""

    subject: Int
    at: Int

    def __len__(self) -> int:
        return len(self.subject)

    def take(self, keep: npt.NDArray[np.generic]) -> Landmarks:
        return Landmarks(self.subject[keep], self.at[keep])


@dataclass(frozen=True)
class Outcomes:
    """The log of a kind's states. `known` is sorted for what was known at a time, `true` for when it became so."""

    history: History
    kind: str
    endings: Endings

    @property
    def known(self) -> Events:
        return self.endings.known

    @property
    def true(self) -> Events:
        return self.endings.true

    @property
    def state(self) -> Int:
        """(n,) OPEN, WON or LOST of each row of `known`."""
        return self.endings.state

    @property
    def true_state(self) -> Int:
        """(n,) the same for each row of `true`."""
        return self.endings.true_state

    def state_as_of(self, subject: Int, at: Int) -> Int:
        """State of each subject as it was known at each time; OPEN where nothing is known."""
        row = newest(self.known, AsOf(self.history, self.kind, subject, at))
        return np.where(row >= 0, self.state[row], OPEN) if len(self.known) else np.zeros(len(row), dtype=np.int64)

    def is_open(self, subject: Int, at: Int) -> npt.NDArray[np.bool_]:
        """Whether each subject was there and not at its end, as known at each time."""
        there = self.history.subjects(self.kind).visible_at[subject] <= at
        there &= ~self.is_deleted(subject, at)
        return np.asarray(there & (self.state_as_of(subject, at) == OPEN), dtype=np.bool_)

    def followed_until(self, subject: Int, at: Int, end: int | Int) -> Int:
        """Until when each subject's fate is known from each time on: up to `end`, or to its deletion from the CRM."""
        return followed_until(self.history, self.kind, subject, at, end)

    def is_answered(self, subject: Int, at: Int, window_end: Int) -> npt.NDArray[np.bool_]:
        """Whether it is known what became of each subject in a closed window: not of those deleted in it while open."""
        _, when = self.next_end(subject, at)
        return np.asarray((when <= window_end) | (self.followed_until(subject, at, window_end) >= window_end), np.bool_)

    def is_deleted(self, subject: Int, at: Int) -> npt.NDArray[np.bool_]:
        """Whether each subject was known to be deleted from the CRM at each time."""
        return deleted_as_of(self.history, self.kind, subject, at)

    def open_at(self, moment: int) -> Int:
        """Codes of the subjects that were open as of a moment, as known then."""
        everyone = np.arange(len(self.history.subjects(self.kind)))
        return everyone[self.is_open(everyone, np.full(len(everyone), moment))]

    def next_end(self, subject: Int, at: Int) -> tuple[Int, Int]:
        """The first end after each time: (state, microseconds), OPEN and the largest int where there is none.

        An end that was true at the time but not known yet counts as coming at once: seen from that time, it did.
        """
        state = np.full(len(subject), OPEN)
        when = np.full(len(subject), np.iinfo(np.int64).max)
        ends = self._ends
        if not len(ends):
            return state, when
        row = ends.position(subject, at) + 1
        later = row < ends.start[subject + 1]
        row = np.where(later, row, 0)
        state[later] = self._end_state[row[later]]
        when[later] = ends.at[row[later]]
        standing = newest(self.true, AsOf(self.history, self.kind, subject, at))
        unnoticed = (standing >= 0) & (self.true_state[standing] != OPEN) & (self.true.visible[standing] > at)
        state[unnoticed] = self.true_state[standing[unnoticed]]
        when[unnoticed] = at[unnoticed] + 1
        return state, when

    @cached_property
    def _ends(self) -> Events:
        return self.true.where(self._stands)

    @cached_property
    def _stands(self) -> npt.NDArray[np.bool_]:
        """Ends, without those of which it was told later that they were undone at their own moment: a corrected date.

        What a log says of the same moment at the same time, such as a clerical row after the end, undoes nothing.
        """
        true, state = self.true, self.true_state
        undone = np.zeros(len(state), dtype=bool)
        undone[:-1] = ((true.subject[1:] == true.subject[:-1]) & (true.at[1:] == true.at[:-1]) & (state[1:] == OPEN)
                       & (true.visible[1:] > true.visible[:-1]))
        return np.asarray((state != OPEN) & ~undone, dtype=np.bool_)

    @cached_property
    def _end_state(self) -> Int:
        return np.asarray(self.true_state[self._stands], dtype=np.int64)

    @cached_property
    def won_at(self) -> tuple[Int, Int]:
        """Standing wins: (subject codes, microseconds of the latest win), for subjects that are won at the end."""
        subject, state, since, _ = self.endings.last
        return subject[state == WON], since[state == WON]

    def standing_at(self, moment: int) -> Outcomes:
        """The same log up to a moment by its own time, whenever it was known."""
        return Outcomes(self.history, self.kind, self.endings.standing_at(moment))

    def known_at(self, origin: int) -> Outcomes:
        """The same log as it was known at an earlier origin."""
        return Outcomes(self.history, self.kind, self.endings.known_at(origin))

    @cached_property
    def life_days(self) -> npt.NDArray[np.float64]:
        """Days from creation to the latest win of each standing win."""
        subject, at = self.won_at
        return (at - self.history.subjects(self.kind).created_at[subject]) / DAY


def outcomes(history: History, kind: str) -> Outcomes:
    """Read the state log of leads or deals. Raises BadInput when the mapping defines no outcome for the kind."""
    key = ("outcomes", kind)
    if key not in history.memo:
        history.memo[key] = _read_outcomes(history, kind)
    found: Outcomes = history.memo[key]
    return found


def _read_outcomes(history: History, kind: str) -> Outcomes:
    if not any(outcome == "won" for outcome, _ in history.mapping.endings(kind)):
        cure = "Name the stages with `outcome: won`" if kind == "deal" else "Add `leads: converted:`"
        raise BadInput(f"The mapping of {history.mapping.company} does not say when a {kind} is won or converted. "
                       f"{cure} in the mapping and import again.")
    return Outcomes(history, kind, read_endings(history, kind))


def grid_landmarks(ends: Outcomes, as_of: int, every_days: float) -> Landmarks:
    """Landmarks of deals: creation, and weekly (Mondays) or twice a week (Mondays and Thursdays) while open.

    `every_days` is 7 or less than 7. Grid times are at the start of the day in the company's time zone.
    """
    subjects = ends.history.subjects(ends.kind)
    if not len(subjects):
        return Landmarks(np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64))
    zone = ends.history.mapping.zone
    day = local_date(int(subjects.visible_at.min()), zone)
    last = local_date(as_of, zone)
    weekdays = {0} if every_days >= 7 else {0, 3}
    everyone = np.arange(len(subjects))
    parts = [Landmarks(everyone, subjects.visible_at)]
    while day <= last:
        if day.weekday() in weekdays:
            at = day_start(day, zone)
            there = everyone[subjects.visible_at < at]
            parts.append(Landmarks(there, np.full(len(there), at)))
        day += timedelta(days=1)
    found = Landmarks(np.concatenate([part.subject for part in parts]), np.concatenate([part.at for part in parts]))
    return found.take(ends.is_open(found.subject, found.at) & (found.at < as_of))


def lead_landmarks(ends: Outcomes, as_of: int, horizon: Horizon) -> Landmarks:
    """Landmarks of leads: fixed ages, while open; below the horizon where that is counted from creation, since older
    leads are not asked about."""
    subjects = ends.history.leads
    everyone = np.arange(len(subjects))
    ages = [age for age in LEAD_AGES_DAYS if horizon.origin == "as_of" or age < horizon.days]
    found = Landmarks(np.tile(everyone, len(ages)),
                      np.concatenate([subjects.visible_at + age * DAY for age in ages]))
    return found.take(ends.is_open(found.subject, found.at) & (found.at < as_of))
