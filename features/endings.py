"""Endings: when leads and deals ended and how, when they opened again, and since when each of that was known.

In: a History, whose mapping says what ends a lead or deal (`outcome_rules`). Out: `Endings`: rows about subjects with
the state that each made of its subject ("won", "lost" or "open"; a converted lead is won, a disqualified one lost),
sorted by the time from which it counted (`known`) and by its own time (`true`). A row's own time (`at`) is that of the
change, the deal or the activity, or the date that a date field was filled with; an end that was told later has its
own time, yet counts (`visible`) from when it was told.

Each field, and each other condition, is a signal: rows with the state that it gives by itself. One signal is taken as
it is. Of several, a subject's state at a time is won if any signal says so, else lost if any says so, else open.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from features.events import Events, Int, sort_events
from features.history import History
from features.mapping import Mapping
from features.outcome_rules import Condition
from features.sources.values import is_among

__all__ = ["LOST", "OPEN", "WON", "Endings", "is_end", "read_endings"]

OPEN, WON, LOST = 0, 1, 2
_STATES = {"open": OPEN, "won": WON, "lost": LOST}
_WORDS = np.array(["open", "won", "lost"], dtype=object)
Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Endings:
    """What the signals say together; `known` and `true` as above."""

    signals: tuple[Events, ...]

    @cached_property
    def known(self) -> Events:
        return self.signals[0] if len(self.signals) == 1 else _together(self.signals)

    @cached_property
    def true(self) -> Events:
        signals = tuple(_as_true(signal) for signal in self.signals)
        return signals[0] if len(signals) == 1 else _together(signals)

    @cached_property
    def state(self) -> Int:
        """(n,) OPEN, WON or LOST of each row of `known`."""
        return _states(self.known)

    @cached_property
    def true_state(self) -> Int:
        """(n,) the same for each row of `true`."""
        return _states(self.true)

    def standing_at(self, moment: int) -> Endings:
        """What had become so up to a moment, whenever it was known."""
        return Endings(tuple(signal.where(signal.at <= moment) for signal in self.signals))

    def known_at(self, moment: int) -> Endings:
        """What was known at a moment."""
        return Endings(tuple(signal.where(signal.visible <= moment) for signal in self.signals))

    def ends_only(self) -> Endings:
        """The ends without what opened a subject again."""
        return Endings(tuple(signal.where(signal.value != "open") for signal in self.signals))

    @cached_property
    def last(self) -> tuple[Int, Int, Int, Int]:
        """How each subject with any row stands in the end: (subject codes, states, since when, known since when).

        Rows that repeat an end (approved, registered, activated) belong to the same end: its first row counts.
        """
        true = self.true
        has = true.start[1:] > true.start[:-1]
        row = true.newest[(true.start[1:] - 1)[has]]
        first = self._first_of_run(row)
        return np.flatnonzero(has), self.true_state[row], true.at[first], true.visible[first]

    def _first_of_run(self, row: Int) -> Int:
        n = len(self.true)
        by_time = np.lexsort((self.true.newness, self.true.subject))
        state, subject = self.true_state[by_time], self.true.subject[by_time]
        begins = np.ones(n, dtype=bool)
        begins[1:] = (state[1:] != state[:-1]) | (subject[1:] != subject[:-1])
        first = by_time[np.maximum.accumulate(np.where(begins, np.arange(n), 0))]
        position = np.empty(n, dtype=np.int64)
        position[by_time] = np.arange(n)
        return np.asarray(first[position[row]], dtype=np.int64)


def read_endings(history: History, kind: str) -> Endings:
    """The endings of leads or deals, of which there are none where the mapping names no condition."""
    rules = history.mapping.endings(kind)
    by_field: dict[str, list[tuple[str, Condition]]] = {}
    for outcome, condition in rules:
        if condition.field is not None:
            by_field.setdefault(condition.field, []).append((outcome, condition))
    signals = [_field_signal(history, kind, name, conditions) for name, conditions in by_field.items()]
    for outcome, condition in rules:
        if condition.deal:
            signals.append(_said(_deals_of_leads(history), outcome))
        if condition.activity:
            signals.append(_said(history.activities(kind, condition.activity, condition.direction), outcome))
    return Endings(tuple(signals) or (history.changes(kind, ""),))  # no field is called so: no rows


def is_end(mapping: Mapping, kind: str, name: str, values: Iterable[Any]) -> Bools:
    """Which values of a field (text, None or NaN where empty) end a lead or deal by themselves: (n,)."""
    column = pd.Series(list(values), dtype="str")
    found = np.zeros(len(column), dtype=bool)
    for _, condition in mapping.endings(kind):
        if condition.field == name:
            found |= _holds(condition, column)
    return found


def _holds(condition: Condition, values: pd.Series) -> Bools:
    return values.notna().to_numpy(bool) if condition.filled else is_among(values, condition.becomes)


def _field_signal(history: History, kind: str, name: str, conditions: list[tuple[str, Condition]]) -> Events:
    """A field's changes with the state that each value gives; clerical stages say nothing."""
    events = history.changes(kind, name)
    if (kind, name) == ("deal", "stage"):
        clerical = {stage.name for stage in history.mapping.stages if not stage.reopens and not stage.outcome}
        if clerical:
            events = events.where(~np.isin(events.value.astype(str), sorted(clerical)))
    codes, distinct = pd.factorize(events.value)
    values = pd.Series([*distinct, None], dtype="str")  # the last one stands for an emptied field
    state = np.full(len(values), OPEN)
    for outcome, condition in sorted(conditions, key=lambda one: one[0]):  # "won" outweighs "lost"
        state[_holds(condition, values)] = _STATES[outcome]
    at, visible = events.at, events.visible
    if history.mapping.field_types(kind).get(name) == "date" and any(one.filled for _, one in conditions):
        dated = ~np.isnan(events.moments)
        date = np.where(dated, events.moments, 0).astype(np.int64)
        # A mere date is 00:00 of its day: nothing ends before it was created.
        at = np.where(dated, np.maximum(date, history.subjects(kind).created_at[events.subject]), at)
        visible = np.where(dated, np.maximum(visible, at), visible)
    words = _WORDS[state[codes]]
    if at is events.at:
        return replace(events, value=words)
    return sort_events(events.subject, at, visible, events.newness, words, len(events.start) - 1)


def _deals_of_leads(history: History) -> Events:
    """The creation of each deal that names a lead, as an event of the lead, known since the deal named it."""
    deals, named = history.deals, history.links("deal", "lead_id")
    lead = history.leads.codes(named.value)
    there = lead >= 0
    at, visible = deals.created_at[named.subject[there]], named.visible[there]
    return sort_events(lead[there], at, visible, _ranks(at, visible), np.full(len(at), None, dtype=object),
                       len(history.leads))


def _said(events: Events, outcome: str) -> Events:
    return replace(events, value=np.full(len(events), outcome, dtype=object))


def _as_true(signal: Events) -> Events:
    """Rows by their own time, without those that something newer had undone before their time came."""
    true = signal.as_true()
    stands = true.newest == np.arange(len(true))
    return true if stands.all() else true.where(stands)


def _together(signals: tuple[Events, ...]) -> Events:
    """Every row of the signals, with the state that all of them give its subject at the row's time."""
    by_own_time = signals[0].by_own_time
    subject, at, visible = (np.concatenate([getattr(one, name) for one in signals])
                            for name in ("subject", "at", "visible"))
    time = at if by_own_time else visible
    states, told = zip(*(_state_of(signal, subject, time) for signal in signals), strict=True)
    said, told_at = np.array(states), np.array(told)
    state = np.where((said == WON).any(axis=0), WON, np.where((said == LOST).any(axis=0), LOST, OPEN))
    # An end is known from the first signal that told it; that a subject is open, from its own row.
    deciding = np.where(said == state, told_at, np.iinfo(np.int64).max).min(axis=0)
    visible = np.where(state == OPEN, visible, deciding) if by_own_time else visible
    other = visible if by_own_time else at
    return sort_events(subject, at, visible, _ranks(time, other), _WORDS[state], len(signals[0].start) - 1,
                       by_own_time=by_own_time)


def _state_of(signal: Events, subject: Int, time: Int) -> tuple[Int, Int]:
    """What a signal says of each subject at each time, and since when that was known."""
    if not len(signal):
        return np.full(len(subject), OPEN), np.full(len(subject), np.iinfo(np.int64).max)
    last = signal.position(subject, time)
    there = last >= signal.start[subject]
    row = signal.newest[np.maximum(last, 0)]
    return np.where(there, _states(signal)[row], OPEN), np.where(there, signal.visible[row], np.iinfo(np.int64).max)


def _states(events: Events) -> Int:
    return np.asarray(pd.Series(events.value, dtype=object).map(_STATES).to_numpy(), dtype=np.int64)


def _ranks(*keys: Int) -> Int:
    """Rank of each row by the keys, first key first."""
    rank = np.empty(len(keys[0]), dtype=np.int64)
    rank[np.lexsort(keys[::-1])] = np.arange(len(rank))
    return rank
