"""The record of owners, accounts and segments: what had become of their deals or leads, as known at a time.

In: an `AsOf`. Out: (n,) arrays. Everything is known at the pair's time: an outcome counts from the moment at which it
was known, with the group that its subject was known to be of at the time asked about.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from features.asof import Floats, Texts, age_days, category, code, ratio
from features.endings import read_endings
from features.events import Events, Int
from features.history import History
from features.known import AsOf
from features.paths import days_at_value, days_in_spell, spell_days
from features.peers import Spread, Tally, shrunk, spread, tally, turning_points

__all__ = ["Record", "account_of", "account_record", "field_record", "linked", "state_log", "time_in_stage_quantile",
           "won_stage_days"]

SECONDS_A_DAY = 86_400


@dataclass(frozen=True)
class Record:
    """What is known of a group's subjects at each pair's time, each (n,): how many are open, won and lost, and the days
    that the won took in sum; NaN where the pair has no group."""

    open: Floats
    won: Floats
    lost: Floats
    won_days: Floats
    pool: Record | None = None  # the same of all subjects together

    @property
    def win_rate(self) -> Floats:
        """Won among won and lost, drawn towards the pool's rate."""
        pool = self.pool or self
        return shrunk(self.won, self.won + self.lost, ratio(pool.won, pool.won + pool.lost))

    @property
    def cycle_days(self) -> Floats:
        """Mean days from creation to the win, drawn towards the pool's."""
        pool = self.pool or self
        return shrunk(self.won_days, self.won, ratio(pool.won_days, pool.won))


def state_log(history: History, kind: str) -> Events:
    """The log of where subjects stand, its values "won", "lost" or "open"."""
    states: Events = history.memo_of(("states", kind), lambda history: read_endings(history, kind).known)
    return states


def account_of(pairs: AsOf) -> Texts:
    """The account of each subject, None where it has none."""
    return linked(pairs, "account_id")


def linked(pairs: AsOf, column: str) -> Texts:
    """What each subject's own rows hold in a column beside its id and creation, None where they hold nothing."""
    if column not in pairs.history.subjects(pairs.kind).links:
        return np.full(len(pairs), None, dtype=object)
    return category(pairs.history.links(pairs.kind, column), pairs)


def field_record(pairs: AsOf, field: str) -> Record:
    """The record of those subjects of the same kind that stand at the same value of a field, such as the owner."""
    def group(asked: AsOf) -> Int:
        return code(asked.changes(field), asked)

    def read() -> Record:
        found = _record(pairs.history, pairs.kind, field, group, [pairs.changes(field)])
        pool = _record(pairs.history, pairs.kind, "", _everybody, [])
        everybody = _read(pool.at(_everybody(pairs), pairs.at), None)
        return _read(_of_group(found, group(pairs), pairs), everybody)

    record: Record = pairs.kept(("record", field), read)
    return record


def account_record(pairs: AsOf) -> Record:
    """The record of each pair's account in deals, this one left out."""
    record: Record = pairs.kept(("record", "account"), lambda: _account_record(pairs))
    return record


def _account_record(pairs: AsOf) -> Record:
    if "account_id" not in pairs.history.deals.links or "account_id" not in pairs.history.subjects(pairs.kind).links:
        return _read(np.full((4, len(pairs)), np.nan), None)
    found = _record(pairs.history, "deal", "account", _deals_account, [pairs.history.links("deal", "account_id")])
    record = _read(_of_group(found, _deals_account(pairs), pairs), None)
    if pairs.kind != "deal":
        return record
    own = _measures(pairs)
    return Record(record.open - own[0], record.won - own[1], record.lost - own[2],
                  record.won_days - own[3] / SECONDS_A_DAY)


def _deals_account(pairs: AsOf) -> Int:
    """The code that each subject's account has among the deals' accounts: -1 where it has none, and one that no deal
    has where only the subject itself names it."""
    history, named = pairs.history, pairs.history.links(pairs.kind, "account_id")
    if pairs.kind == "deal":
        return code(named, pairs)

    def among_deals(history: History) -> Int:
        levels = history.links("deal", "account_id").levels
        position = np.searchsorted(levels, named.levels)
        there = np.array([*levels, None], dtype=object)[position] == named.levels
        return np.append(np.where(there, position, len(levels)), -1)

    found: Int = history.memo_of(("deals' accounts", pairs.kind), among_deals)
    return found[code(named, pairs)]


def _of_group(found: Tally, group: Int, pairs: AsOf) -> Floats:
    return np.where(group < 0, np.nan, found.at(group, pairs.at))


def _read(totals: npt.NDArray[Any], pool: Record | None) -> Record:
    values = totals.astype(np.float64)
    return Record(values[0], values[1], values[2], values[3] / SECONDS_A_DAY, pool)


def _record(history: History, kind: str, name: str, group: Callable[[AsOf], Int], grouping: list[Events]) -> Tally:
    def build(history: History) -> Tally:
        points = turning_points(history, kind, [state_log(history, kind), *grouping])
        return tally(points, group, _measures)

    found: Tally = history.memo_of(("record", kind, name), build)
    return found


def _everybody(pairs: AsOf) -> Int:
    return np.zeros(len(pairs), dtype=np.int64)


def _measures(pairs: AsOf) -> npt.NDArray[np.int64]:
    """Whether each subject is open, won or lost, and the seconds that its win took, (4, n)."""
    states = state_log(pairs.history, pairs.kind)
    state = category(states, pairs)
    won, lost = state == "won", state == "lost"
    seconds = np.where(won, (age_days(pairs) - days_in_spell(states, pairs)) * SECONDS_A_DAY, 0)
    return np.stack([~(won | lost), won, lost, np.rint(seconds)]).astype(np.int64)


def time_in_stage_quantile(pairs: AsOf) -> Floats:
    """Share of the deals won by then, and that had been in this one's stage, that spent at most as long there in all as
    it has; NaN where none had or the stage is unknown."""
    events = pairs.changes(pairs.history.mapping.state_field(pairs.kind))
    stage, days = code(events, pairs), days_at_value(events, pairs)
    found = np.full(len(pairs), np.nan)
    for one in set(stage.tolist()) - {-1}:
        here = np.flatnonzero(stage == one)
        won = _won_spells(pairs.history, pairs.kind, events, events.levels[one])
        found[here] = won.share_at_or_below(pairs.at[here], days[here])
    return found


def won_stage_days(history: History, as_of: int, shares: list[float], fewest: int) -> dict[str, Floats]:
    """By stage the quantiles (shares,) of the days that the deals won by a moment had spent there in all; a stage in
    which fewer than `fewest` of them had been is left out."""
    everybody = np.arange(len(history.deals))
    states = category(state_log(history, "deal"), AsOf(history, "deal", everybody, np.full(len(everybody), as_of)))
    won = everybody[states == "won"]
    pairs = AsOf(history, "deal", won, np.full(len(won), as_of))
    events = pairs.changes(history.mapping.state_field("deal"))
    found = {}
    for stage in events.levels.tolist():
        days = spell_days(events, pairs, stage)
        days = days[days > 0]
        if len(days) >= fewest:
            found[stage] = np.quantile(days, shares)
    return found


def _won_spells(history: History, kind: str, events: Events, value: str) -> Spread:
    def size(points: AsOf) -> Floats:
        days = spell_days(events, points, value)
        counts = (category(state_log(history, kind), points) == "won") & (days > 0)
        return np.where(counts, days, np.nan)

    found: Spread = history.memo_of(("won spells", kind, value), lambda history: spread(
        turning_points(history, kind, [state_log(history, kind), events]), size))
    return found
