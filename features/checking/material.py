"""What the checks look at: a history up to a moment, who ended when and how, and the values that each field had."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from features.asof import AsOf, category, moment, number, oldest
from features.calendar import DAY
from features.endings import LOST, OPEN, WON, read_endings
from features.events import Events, Int
from features.history import OWN_TIME, History
from features.mapping import SUBJECTS
from features.sources.values import EMPTY

__all__ = ["KINDS", "Bools", "Ends", "FieldPast", "Floats", "Material", "Past"]

Bools = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]
Past = Literal["logged", "at_creation", "final_only"]

KINDS = tuple(SUBJECTS)
_RANK: list[Past] = ["final_only", "at_creation", "logged"]
_FIRST_ENTRIES = DAY // 24  # a CRM writes a new record's first values within seconds; scripts and forms take longer


@dataclass(frozen=True)
class Ends:
    """How each subject of a kind stands: good and bad (n,), at (n,) microseconds or EMPTY while open. dated (n,) says
    whether the end has a date of its own and not merely that of the import that first saw it. `judged` (n,) are those
    whose outcome is decided: ended, or a lead whose horizon is over without a conversion, which counts as bad."""

    good: Bools
    bad: Bools
    at: Int
    dated: Bools
    judged: Bools

    @property
    def ended(self) -> Bools:
        return np.asarray(self.at != EMPTY, dtype=bool)


@dataclass(frozen=True)
class FieldPast:
    """One field of one kind: its changes, and what its past is worth by the mapping (a log outweighs a column)."""

    kind: str
    name: str
    type: str
    past: Past
    events: Events

    def values(self, pairs: AsOf, created_at: Int) -> npt.NDArray[np.generic]:
        """Values at the pairs' times: numbers as they are, dates as days after the creation, else text or None."""
        if self.type in ("number", "money"):
            return number(self.events, pairs)
        if self.type == "date":
            return (moment(self.events, pairs) - created_at) / DAY if len(self.events) else number(self.events, pairs)
        return category(self.events, pairs)


@dataclass(frozen=True)
class Material:
    """The history as known at `as_of`, microseconds, with what several checks ask of it."""

    history: History
    as_of: int
    # What was worked out and is asked for again, by name.
    memo: dict[tuple[str, ...], Any] = field(default_factory=dict, repr=False, compare=False)

    @cached_property
    def kinds(self) -> list[str]:
        """Kinds of subject that there are any of."""
        return [kind for kind in KINDS if len(self.history.subjects(kind))]

    def pairs(self, kind: str, at: Int | None = None) -> AsOf:
        """Everyone of a kind, each at its own time; at `as_of` when left out."""
        count = len(self.history.subjects(kind))
        times = np.broadcast_to(np.asarray(self.as_of if at is None else at, dtype=np.int64), count)
        return AsOf(self.history, kind, np.arange(count), times)

    def fields(self, kind: str) -> list[FieldPast]:
        """The mapped fields of a kind, in the order of the mapping."""
        if ("fields", kind) not in self.memo:
            self.memo["fields", kind] = self._read_fields(kind)
        found: list[FieldPast] = self.memo["fields", kind]
        return found

    def _read_fields(self, kind: str) -> list[FieldPast]:
        mapping = self.history.mapping
        pasts: dict[str, Past] = {}
        for source in mapping.sources:
            for name, spec in source.fields.items() if source.subject_kind == kind else ():
                past: Past = "logged" if source.rows == "changes" else spec.past
                pasts[name] = max(past, pasts.get(name, "final_only"), key=_RANK.index)
        types = mapping.field_types(kind)
        return [FieldPast(kind, name, types[name], past, self.history.changes(kind, name))
                for name, past in pasts.items()]

    def ending_fields(self, kind: str) -> set[str]:
        """Fields that say where a subject stands, or that it ended: what they know of the end is no leak."""
        return {self.history.mapping.state_field(kind), *self.history.mapping.ending_fields(kind)}

    def ends(self, kind: str) -> Ends | None:
        """Who ended, of leads and deals; None for others, and where the mapping says of no value that it is an end."""
        if ("ends", kind) not in self.memo:
            self.memo["ends", kind] = _read_ends(self, kind)
        found: Ends | None = self.memo["ends", kind]
        return found

    @cached_property
    def last_entry(self) -> int:
        """The newest own time of anything, without the moments at which imports saw it; at most `as_of`."""
        newest_of = [rows.max() for name, table in self.history.tables.items()
                     if len(rows := table.loc[~table[OWN_TIME[name]].isin(self.import_times), OWN_TIME[name]])]
        return min(int(max(newest_of, default=self.as_of)), self.as_of)

    def log_begins(self, kind: str) -> int | None:
        """The oldest entry in the logs of a kind's fields; None without a log."""
        first = [int(one.events.at.min()) for one in self.fields(kind) if one.past == "logged" and len(one.events)]
        return min(first, default=None)

    @cached_property
    def import_times(self) -> Int:
        """Moments at which rows were recorded."""
        stamps = [table["recorded_at"].to_numpy(np.int64) for table in self.history.tables.values()]
        return np.unique(np.concatenate(stamps))

    def first_known(self, one: FieldPast) -> Int:
        """When each subject's field was first known (n,), EMPTY where it never was filled."""
        events, everyone = one.events, self.pairs(one.kind)
        found = np.full(len(everyone.subject), EMPTY)
        filled = events.where(np.array([value is not None for value in events.value], dtype=bool))
        if len(filled):
            has = filled.start[1:] > filled.start[:-1]
            found[has] = filled.visible[filled.start[:-1][has]]
        return found

    def first_sight(self, kind: str) -> Int:
        """The import that first saw each subject (n,)."""
        rows = self.history.tables[f"{kind}s"]
        first = rows.groupby(f"{kind}_id")["recorded_at"].min()
        return first.reindex(pd.Index(self.history.subjects(kind).ids)).to_numpy(np.int64)

    def at_first(self, one: FieldPast) -> npt.NDArray[np.generic]:
        """The values with which subjects began, as far as they are known for then: of a log what stood there soon after
        the creation, of a column that does not change the oldest value."""
        subjects = self.history.subjects(one.kind)
        if one.past == "logged":
            return one.values(self.pairs(one.kind, subjects.visible_at + _FIRST_ENTRIES), subjects.created_at)
        everyone = self.pairs(one.kind)
        row = oldest(one.events, everyone)
        at = np.where(row >= 0, one.events.visible[np.maximum(row, 0)], self.as_of) if len(one.events) else everyone.at
        return one.values(everyone.moved_to(at), subjects.created_at)

    def at_last(self, one: FieldPast) -> npt.NDArray[np.generic]:
        """The last values."""
        return one.values(self.pairs(one.kind), self.history.subjects(one.kind).created_at)


def _read_ends(material: Material, kind: str) -> Ends | None:
    mapping = material.history.mapping
    if not mapping.endings(kind):
        return None
    subjects = material.history.subjects(kind)
    endings = read_endings(material.history, kind).known_at(material.as_of)
    if kind == "lead":  # a lead that has ended is one, whatever its status says afterwards
        endings = endings.ends_only()
    codes, states, since, _ = endings.last
    state = np.full(len(subjects), OPEN)
    state[codes] = states
    good, bad = state == WON, state == LOST
    at = np.full(len(subjects), EMPTY)
    at[codes] = since
    at[state == OPEN] = EMPTY
    judged = good | bad
    if kind == "lead" and mapping.leads is not None:
        over = ~judged & (subjects.created_at + mapping.leads.horizon.days * DAY <= material.as_of)
        bad, judged = bad | over, judged | over
    return Ends(good, bad, at, ~np.isin(at, material.import_times), judged)
