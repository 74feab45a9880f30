"""Primitives of the as-of engine for what depends on the order of rows: transitions, spells, moves of a date, gaps.

In and out as in `features.asof`: `Events` and an `AsOf` in, (n,) arrays out. A transition is a row whose value differs
from the one before it in the log as it is known at the time asked about; a spell is a stretch of rows with one value.
A row that empties the field ends a spell and is no transition to anywhere.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from features.asof import Floats, Texts
from features.calendar import DAY
from features.events import Events, Int
from features.known import Asked, AsOf, Log

__all__ = ["MOVES", "TRANSITIONS", "days_at_value", "days_in_spell", "days_since_move", "entries", "last_move_days",
           "longest_gap_days", "mean_gap_days", "mean_reply_days", "moved_days", "moves", "path", "spell_days",
           "transitions", "value_changes"]

Flags = npt.NDArray[np.bool_]

# A step along an order of values, by how many places it goes.
TRANSITIONS: dict[str, Callable[[Floats], Flags]] = {
    "forward": lambda step: step > 0, "back": lambda step: step < 0, "skipped": lambda step: step > 1}
# A move of a date, by how many microseconds it goes.
MOVES: dict[str, Callable[[Floats], Flags]] = {
    "later": lambda step: step > 0, "earlier": lambda step: step < 0}


def value_changes(events: Events, pairs: AsOf, window_days: float | None = None) -> Floats:
    """How often the value became another one; the first entry and a repeated value are no change."""
    return _tally(events, pairs, "changed", lambda log: log.follows & ~_continues(log), window_days)


def transitions(events: Events, pairs: AsOf, order: Sequence[str], kind: str,
                window_days: float | None = None) -> Floats:
    """Transitions along an order of values, of one kind of `TRANSITIONS`; values outside the order are passed over by
    none: a step from or to one of them is neither forward nor back. "skipped" leaves out at least one place."""
    def mark(log: Log) -> Flags:
        place: Floats = np.append(_places(events.levels, order), np.nan)[log.codes]
        return np.asarray(TRANSITIONS[kind](place - log.before(place, np.nan)))

    return _tally(events, pairs, (kind, tuple(order)), mark, window_days)


def entries(events: Events, pairs: AsOf, after: Collection[str], into: Collection[str] | None = None,
            window_days: float | None = None) -> Floats:
    """Transitions from one of the values `after` to one of `into`, None for any value that is not of `after`."""
    def mark(log: Log) -> Flags:
        ended: Flags = np.append(np.isin(events.levels, list(after)), False)[log.codes]
        there: Flags = ~ended if into is None else np.append(np.isin(events.levels, list(into)), False)[log.codes]
        return np.asarray(log.before(ended, False) & there & (log.codes >= 0))

    return _tally(events, pairs, ("from", tuple(sorted(after)), into and tuple(sorted(into))), mark, window_days)


def _places(levels: Texts, order: Sequence[str]) -> Floats:
    place = {value: float(i) for i, value in enumerate(order)}
    return np.array([place.get(level, np.nan) for level in levels], dtype=np.float64)


def _tally(events: Events, pairs: AsOf, key: Any, mark: Callable[[Log], Flags], window_days: float | None) -> Floats:
    return pairs.known(events).each(lambda asked: asked.running(key, mark, window_days).astype(np.float64), 0.0)


def _continues(log: Log) -> Flags:
    """Whether a row repeats the value of the row before it."""
    return np.asarray(log.follows & (log.codes == log.before(log.codes, -2)))


def _spell_start(log: Log) -> Int:
    """Position of the first row of each row's spell, (m,)."""
    start: Int = log.kept("spell", lambda log: np.maximum.accumulate(
        np.where(_continues(log), 0, np.arange(len(log)))))
    return start


def days_in_spell(events: Events, pairs: AsOf) -> Floats:
    """Days since the present value began; a row that repeats it begins nothing."""
    return pairs.known(events).each(
        lambda asked: (asked.at - asked.log.at[_spell_start(asked.log)[asked.last]]) / DAY)


def spell_days(events: Events, pairs: AsOf, value: str) -> Floats:
    """Days that the field has stood at a value so far, the present spell included; 0 where it never did, NaN where
    nothing is known of the field."""
    code = np.searchsorted(events.levels.astype(str), value) if value in events.levels else -3  # no row has it

    def closed(log: Log) -> Int:
        # A row closes the stretch since the row before it, which counts for that row's value.
        return np.where(log.before(log.codes, -2) == code, log.at - log.before(log.at, 0), 0)

    def days(asked: Asked) -> Floats:
        standing = asked.log.codes[asked.last] == code
        left = np.where(standing, asked.at - asked.log.at[asked.last], 0)
        return (asked.running(("spell", value), closed) + left) / DAY

    return pairs.known(events).each(days)


def days_at_value(events: Events, pairs: AsOf) -> Floats:
    """Days that the field has stood so far at the value that it has now, earlier spells included."""
    def earlier(log: Log) -> Int:
        """How long the holder had stood at each row's value before it, microseconds, (m,)."""
        stretch = np.append(log.at[1:] - log.at[:-1], 0)  # what the last row of a holder gets counts for no later row
        order = np.lexsort((log.codes, log.holder))  # stable: a value's rows stay in the log's order
        codes, holder = log.codes[order], log.holder[order]
        begins = np.ones(len(order), dtype=bool)
        begins[1:] = (codes[1:] != codes[:-1]) | (holder[1:] != holder[:-1])
        before = np.concatenate([[0], np.cumsum(stretch[order])[:-1]])
        found = np.empty(len(order), dtype=np.int64)
        found[order] = before - before[np.maximum.accumulate(np.where(begins, np.arange(len(order)), 0))]
        return found

    def days(asked: Asked) -> Floats:
        stood: Int = asked.log.kept("stood", earlier)
        return (stood[asked.last] + asked.at - asked.log.at[asked.last]) / DAY

    return pairs.known(events).each(days)


def path(events: Events, pairs: AsOf, length: int) -> Texts:
    """The values of the last spells in order, at most `length`, as "Talk > Offer"; None where nothing is known."""
    def steps(log: Log) -> Texts:
        """The path up to each row, (m,)."""
        start, n_codes, row = _spell_start(log), len(events.levels) + 2, np.arange(len(log))
        key = log.codes + 2  # as digits: 0 stands for no spell, 1 for an emptied field
        more = np.ones(len(row), dtype=bool)
        for place in range(1, length):
            first = start[row]
            more = more & log.follows[first]
            row = np.where(more, first - 1, row)
            key = key + np.where(more, log.codes[row] + 2, 0) * n_codes**place
        taken, position = np.unique(key, return_inverse=True)
        words = np.concatenate([np.array(["", "(empty)"], dtype=object), events.levels])
        digits = [taken // n_codes**place % n_codes for place in range(length - 1, -1, -1)]
        texts = [" > ".join(words[list(filter(None, one))]) for one in zip(*digits, strict=True)]
        return np.array(texts, dtype=object)[position]

    return pairs.known(events).each(lambda asked: asked.log.kept(("path", length), steps)[asked.last], None)


def moves(events: Events, pairs: AsOf, kind: str, window_days: float | None = None) -> Floats:
    """How often a date was moved, of one kind of `MOVES`; a date entered after the field was emptied is compared with
    the last one that stood."""
    return _tally(events, pairs, kind, lambda log: MOVES[kind](_steps(log)), window_days)


def moved_days(events: Events, pairs: AsOf, kind: str, window_days: float | None = None) -> Floats:
    """Sum of the moves of one kind of a date, in days; 0 where it never moved, NaN where no date is known."""
    def mark(log: Log) -> Int:
        step = _steps(log)
        return np.where(MOVES[kind](step), np.nan_to_num(step), 0).astype(np.int64)

    dates = pairs.known(events).each(lambda asked: asked.running("dates", _has_date), 0)
    summed = pairs.known(events).each(lambda asked: asked.running(("days", kind), mark, window_days) / DAY)
    return np.where(dates > 0, summed, np.nan)


def last_move_days(events: Events, pairs: AsOf) -> Floats:
    """The last move of a date, in days, later above 0; NaN where it never moved."""
    def move(asked: Asked) -> Floats:
        row, steps = _last_move(asked.log)[asked.last], _steps(asked.log)
        return np.where(row >= asked.first, steps[row] / DAY, np.nan)

    return pairs.known(events).each(move)


def days_since_move(events: Events, pairs: AsOf) -> Floats:
    """Days since a date was last moved; NaN where it never was."""
    def since(asked: Asked) -> Floats:
        row = _last_move(asked.log)[asked.last]
        return np.where(row >= asked.first, (asked.at - asked.log.at[row]) / DAY, np.nan)

    return pairs.known(events).each(since)


def _has_date(log: Log) -> Flags:
    return ~np.isnan(log.of(log.events.moments))


def _steps(log: Log) -> Floats:
    """By how many microseconds each row moved the date that stood before it, (m,); NaN where none had or has."""
    return log.kept("steps", _compute_steps)  # type: ignore[no-any-return]


def _compute_steps(log: Log) -> Floats:
    moment = log.of(log.events.moments)
    last = np.maximum.accumulate(np.where(np.isnan(moment), -1, np.arange(len(log))))
    earlier = log.before(last, -1)
    stood = (earlier >= 0) & (log.holder[earlier] == log.holder)
    return np.where(stood, moment - moment[earlier], np.nan)


def _last_move(log: Log) -> Int:
    """Position of the last row up to each that moved the date; below the holder's first row where none did, (m,)."""
    return log.kept("moved", lambda log: np.maximum.accumulate(  # type: ignore[no-any-return]
        np.where(np.abs(_steps(log)) > 0, np.arange(len(log)), -1)))


def mean_gap_days(events: Events, pairs: AsOf, window_days: float | None = None) -> Floats:
    """Mean days between one entry and the next, of those in the window; NaN below two entries."""
    def gap(asked: Asked) -> Floats:
        first = asked.start(window_days) + 1
        more = asked.last - first
        # A question without rows may point behind the last row; what it gets is not used.
        span = asked.log.at[asked.last] - asked.log.at[np.minimum(first, len(asked.log) - 1)]
        return np.where(more > 0, span / DAY / np.maximum(more, 1), np.nan)

    return pairs.known(events).each(gap)


def mean_reply_days(events: Events, pairs: AsOf, reply: str, to: str) -> Floats:
    """Mean days from the first of a run of entries with the value `to` to the entry `reply` that follows it, entries
    of other values left out of sight; NaN while there was no reply. A direction's values tell who answers whom."""
    told = events.memo_of(("told", reply, to), lambda events: events.where(
        (events.value == reply) | (events.value == to)))

    def waited(log: Log) -> Int:
        begun = log.at[_spell_start(log)]
        return np.where(_answers(log, reply), log.at - log.before(begun, 0), 0)

    def days(asked: Asked) -> Floats:
        replies = asked.running(("replies", reply), lambda log: _answers(log, reply))
        waits = asked.running(("waits", reply), waited)
        return np.where(replies > 0, waits / DAY / np.maximum(replies, 1), np.nan)

    return pairs.known(told).each(days)


def _answers(log: Log, reply: str) -> Flags:
    """Whether a row is a reply and the row before it is none, (m,)."""
    is_reply: Flags = np.append(log.events.levels == reply, False)[log.codes]
    return np.asarray(log.follows & is_reply & ~log.before(is_reply, False))


def longest_gap_days(events: Events, pairs: AsOf) -> Floats:
    """The longest time between one entry and the next, in days; NaN below two entries."""
    def longest(asked: Asked) -> Floats:
        gaps: Int = asked.log.kept("longest gap", _longest_gap)
        return np.where(asked.last > asked.first, gaps[asked.last] / DAY, np.nan)

    return pairs.known(events).each(longest)


def _longest_gap(log: Log) -> Int:
    """The longest gap before each row or an earlier one of its holder, microseconds, (m,)."""
    gap = np.where(log.follows, log.at - log.before(log.at, 0), 0)
    sizes, rank = np.unique(gap, return_inverse=True)
    # Ranks stand above those of the holder before, so that a running maximum never reaches into it.
    highest = np.maximum.accumulate(log.holder * len(sizes) + rank)
    return sizes[highest - log.holder * len(sizes)]
