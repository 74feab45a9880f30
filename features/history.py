"""History: a CRM's past as sorted, immutable columns.

In: the contract's tables as data frames (ids are text, times are int64 microseconds in UTC, values are text,
None where a field was emptied). Out: per field or activity kind an `Events` with everything sorted for as-of
questions. Ties are broken by (own time, sequence, stage order, value).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from features.errors import NotFound
from features.events import Events, Int, sort_events
from features.mapping import Mapping
from features.places import Places, places
from features.recorded import FOREVER, counting, cut, split, together
from features.rule_book import Rules

__all__ = ["OWN_TIME", "STAMPS", "History", "Subjects"]

STAMPS = ("known_at", "recorded_at", "source")

# The column that says when a row became so, by table.
OWN_TIME = {"leads": "created_at", "deals": "created_at", "accounts": "created_at", "contacts": "created_at",
            "deal_contacts": "valid_from", "owners": "valid_from", "changes": "changed_at",
            "activities": "happened_at", "rates": "valid_from", "quotas": "valid_from", "calls": "made_at"}


@dataclass(frozen=True)
class Subjects:
    """All subjects of one kind, sorted by id. A subject's code is its position here.

    ids : (n,) text. created_at, visible_at : (n,) int64 microseconds. links : data frame of the other columns.
    """

    ids: npt.NDArray[np.object_]
    created_at: Int
    visible_at: Int
    links: pd.DataFrame

    def __len__(self) -> int:
        return len(self.ids)

    def codes(self, ids: npt.ArrayLike) -> Int:
        """Codes of the given ids, -1 where an id is not known."""
        wanted = np.asarray(ids, dtype=object)
        if not len(self.ids):
            return np.full(len(wanted), -1, dtype=np.int64)
        found = pd.Index(self.ids).get_indexer(pd.Index(wanted))
        return found.astype(np.int64)


@dataclass(frozen=True)
class History:
    """Everything known of one company: the contract's tables and the mapping that describes them."""

    tables: dict[str, pd.DataFrame]
    mapping: Mapping
    # Rows that no longer count, yet did by what had been recorded earlier; by table, only where there are some.
    spare: dict[str, pd.DataFrame] = field(default_factory=dict, repr=False, compare=False)
    # What was derived from it and is asked for again and again, by name; a cut history starts its own.
    memo: dict[tuple[str, ...], Any] = field(default_factory=dict, repr=False, compare=False)
    # The company's own rules for points, where its home has some.
    rules: Rules | None = None

    @classmethod
    def of_rows(cls, rows: dict[str, pd.DataFrame], mapping: Mapping) -> History:
        """A history of all stored rows, table by table: see `features.recorded`."""
        parts = {name: split(one, counting(name, OWN_TIME[name], one)) for name, one in rows.items()}
        return cls({name: table for name, (table, _) in parts.items()}, mapping,
                   {name: spare for name, (_, spare) in parts.items() if len(spare)})

    def until(self, as_of: int, recorded_by: int | None = None) -> History:
        """What was known at `as_of` (int64 microseconds, UTC): rows whose own time and known_at are both at or
        before it. With `recorded_by`, for replaying an answer, what was known by the rows that dealcast had by then:
        a row counts as it stood before a better time of entry, or another content, was imported later."""
        parts = {name: cut(name, OWN_TIME[name], table, self.spare.get(name), as_of, recorded_by)
                 for name, table in self.tables.items()}
        if all(parts[name][0] is table for name, table in self.tables.items()):
            return self  # nothing to cut: what it remembers stays
        return History({name: table for name, (table, _) in parts.items()}, self.mapping,
                       {name: spare for name, (_, spare) in parts.items() if spare is not None and len(spare)},
                       rules=self.rules)

    def only(self, kind: str, subject_id: str) -> History:
        """The history of one lead, deal, account or contact, with what belongs to it: its lead, account and contacts,
        the deals that a lead became, everything about them, and all owners and rates. The first call sorts the tables;
        those that follow take a subject's rows as they stand. A feature `by_others`, such as an owner's record, must
        be asked of the whole history. Raises NotFound."""
        about = self._related(kind, subject_id)
        keys: dict[str, list[Any]] = {
            **{f"{one}s": [key for its, key in about if its == one] for one in ("lead", "deal", "account", "contact")},
            "changes": about, "activities": about, "deal_contacts": [key for its, key in about if its == "deal"]}
        tables, spare = {}, {}
        for name, table in self.tables.items():
            if name in keys:
                rows = self._places(name).of(keys[name])
                if name in self.spare:
                    table, spare[name] = split(rows.drop(columns="chosen"), rows["chosen"].to_numpy(bool))
                else:
                    table = rows
            tables[name] = table
        return History(tables, self.mapping, spare, rules=self.rules)

    def _related(self, kind: str, subject_id: str) -> list[tuple[str, str]]:
        """(kind, id) of a subject and of what belongs to it, each once."""
        found = {(kind, subject_id): None}
        wanted = [(kind, subject_id)]
        while wanted:
            its, key = wanted.pop()
            rows = self._places(f"{its}s").of([key])
            if not len(rows) and key == subject_id:
                self.codes(kind, [subject_id])
            links = [(one.removesuffix("_id"), rows[one]) for one in ("lead_id", "account_id", "contact_id")
                     if one in rows and one != f"{its}_id"]
            if its == "deal":
                links.append(("contact", self._places("deal_contacts").of([key])["contact_id"]))
            if its == "lead" and kind == "lead":
                links.append(("deal", self._places("deals", "lead_id").of([key])["deal_id"]))
            for other, ids in links:
                new = [(other, one) for one in ids.dropna() if (other, one) not in found]
                found.update(dict.fromkeys(new))
                wanted += new
        return list(found)

    def _places(self, name: str, key: str | None = None) -> Places:
        """Where the rows about each subject stand in a table; spare rows among them, marked."""
        if ("places", name, key or "") not in self.memo:
            rows = self.tables[name]
            if name in self.spare:
                rows, chosen = together(rows, self.spare[name])
                rows = rows.assign(chosen=chosen)
            about = {"changes": ["subject", "subject_id"], "activities": ["subject", "subject_id"],
                     "deal_contacts": ["deal_id"]}.get(name, [key or f"{name[:-1]}_id"])
            self.memo["places", name, key or ""] = places(rows, about)
        found: Places = self.memo["places", name, key or ""]
        return found

    @cached_property
    def leads(self) -> Subjects:
        return self._subjects("leads", "lead_id")

    @cached_property
    def deals(self) -> Subjects:
        return self._subjects("deals", "deal_id")

    @cached_property
    def accounts(self) -> Subjects:
        return self._subjects("accounts", "account_id")

    @cached_property
    def contacts(self) -> Subjects:
        return self._subjects("contacts", "contact_id")

    def subjects(self, kind: str) -> Subjects:
        """All subjects of a kind: lead, deal, account or contact."""
        found: Subjects = getattr(self, f"{kind}s")
        return found

    def _subjects(self, table_name: str, id_column: str) -> Subjects:
        table = self.tables[table_name]
        table = table.assign(visible_at=np.maximum(table["created_at"], table["known_at"]))
        # An id that was imported with different content was created by the claim that was known first, whatever the
        # file order, so that a later claim changes nothing before it.
        links = [name for name in table.columns
                 if name not in (id_column, "created_at", "visible_at", *STAMPS)]
        table = table.sort_values([id_column, "visible_at", "created_at", *links], kind="stable")
        table = table.drop_duplicates(id_column).reset_index(drop=True)
        return Subjects(table[id_column].to_numpy(object), table["created_at"].to_numpy(np.int64),
                        table["visible_at"].to_numpy(np.int64), table[links])

    def codes(self, kind: str, ids: npt.ArrayLike) -> Int:
        """Codes of subjects by id. Raises NotFound naming the first few that are not known."""
        codes = self.subjects(kind).codes(ids)
        if (codes < 0).any():
            unknown = [str(one) for one in np.asarray(ids, dtype=object)[codes < 0]]
            more = f" and {len(unknown) - 3} more" if len(unknown) > 3 else ""
            raise NotFound(f"Not known as of that date: {kind} {', '.join(unknown[:3])}{more}. "
                           f"Check the id, or import the file that holds it.")
        return codes

    def changes(self, kind: str, name: str, value: str | None = None) -> Events:
        """All changes of one field of one kind of subject, or those to one value; empty when there are none."""
        events = self._cached("changes", kind, name)
        return events if value is None else self._only("changes", kind, name, value)

    def activities(self, kind: str, activity_kind: str = "", direction: str | None = None) -> Events:
        """All activities about one kind of subject, of one activity kind or ("") of any, in one direction or any.
        value is the direction."""
        events = self._cached("activities", kind, activity_kind)
        return events if direction is None else self._only("activities", kind, activity_kind, direction)

    def deal_roles(self, role: str | None = None) -> Events:
        """Contacts that joined each deal's decision, in one role or any; value is the role."""
        return self._cached("roles", "deal") if role is None else self._only("roles", "deal", role)

    def links(self, kind: str, column: str) -> Events:
        """What the rows of one kind of subject say in a column beside id and creation, such as the account, each since
        it was known; a row that says nothing there says nothing. Of rows known at once the smallest value counts."""
        return self._cached("links", kind, column)

    def durations(self, kind: str) -> Events:
        """Those activities about one kind of subject that say how long they took; value is the seconds."""
        return self._cached("durations", kind)

    def activity_kinds(self, kind: str, as_of: int = FOREVER) -> list[str]:
        """Kinds of activity that were known of at a moment about a kind of subject, sorted."""
        table = self.tables["activities"]
        known = (table["happened_at"] <= as_of) & (table["known_at"] <= as_of)
        return sorted(table.loc[(table["subject"] == kind) & known, "kind"].unique())

    def memo_of(self, key: tuple[str, ...], make: Callable[[History], Any]) -> Any:
        """What `make` gives for this history, made once; `key` tells it from all else."""
        if key not in self.memo:
            self.memo[key] = make(self)
        return self.memo[key]

    def _cached(self, *key: str) -> Events:
        if key not in self.memo:
            build: dict[str, Callable[..., Events]] = {
                "changes": self._change_events, "activities": self._activity_events, "roles": self._role_events,
                "links": self._link_events, "durations": self._duration_events}
            self.memo[key] = build[key[0]](*key[1:])
        found: Events = self.memo[key]
        return found

    def _only(self, *key: str) -> Events:
        if key not in self.memo:
            events = self._cached(*key[:-1])
            self.memo[key] = events.where(events.value == key[-1])
        found: Events = self.memo[key]
        return found

    def _change_events(self, kind: str, name: str) -> Events:
        table = self._by_field.get((kind, name))
        if table is None:
            table = self.tables["changes"].iloc[:0]
        order = {stage.name: i for i, stage in enumerate(self.mapping.stages)} if name == "stage" else {}
        rank = np.asarray(table["value"].map(order).fillna(len(order)), dtype=np.int64)
        events = self._sorted(kind, table, table["changed_at"].to_numpy(np.int64),
                              [table["sequence"].to_numpy(np.int64), rank], table["value"])
        rates = self.tables["rates"]
        if rates.empty or self.mapping.field_types(kind).get(name) != "money":
            return events
        return replace(events, rates=(rates, self.mapping.currency))

    def _activity_events(self, kind: str, activity_kind: str) -> Events:
        table = self.tables["activities"]
        keep = table["subject"] == kind
        if activity_kind:
            keep &= table["kind"] == activity_kind
        table = table[keep]
        return self._sorted(kind, table, table["happened_at"].to_numpy(np.int64), [], table["direction"])

    def _duration_events(self, kind: str) -> Events:
        table = self.tables["activities"]
        table = table[(table["subject"] == kind) & table["duration_seconds"].notna()]
        return self._sorted(kind, table, table["happened_at"].to_numpy(np.int64), [], table["duration_seconds"])

    def _role_events(self, kind: str) -> Events:
        table = self.tables["deal_contacts"].rename(columns={"deal_id": "subject_id"})
        return self._sorted(kind, table, table["valid_from"].to_numpy(np.int64), [], table["role"])

    def _link_events(self, kind: str, column: str) -> Events:
        table = self.tables[f"{kind}s"]
        table = table[table[column].notna()]
        visible = np.maximum(table["created_at"].to_numpy(np.int64), table["known_at"].to_numpy(np.int64))
        value = table[column].astype(object).to_numpy(object)
        newness = np.empty(len(table), dtype=np.int64)
        newness[np.lexsort((-pd.factorize(value, sort=True)[0], visible))] = np.arange(len(table))
        subject = self.subjects(kind).codes(table[f"{kind}_id"].to_numpy(object))
        return sort_events(subject, visible, visible, newness, value, len(self.subjects(kind)))

    def _sorted(self, kind: str, table: pd.DataFrame, at: Int, ties: list[Int], value: pd.Series) -> Events:
        subjects = self.subjects(kind)
        subject = subjects.codes(table["subject_id"].to_numpy(object))
        values = value.astype(object).where(value.notna(), None).to_numpy(object)
        text = pd.factorize(pd.Series(values, dtype=object).fillna("").astype(str), sort=True)[0]
        newness_order = np.lexsort((text, *reversed(ties), at))
        newness = np.empty(len(at), dtype=np.int64)
        newness[newness_order] = np.arange(len(at))
        known = subject >= 0  # rows about subjects that no file created wait in the store, unused
        visible = np.maximum(at, table["known_at"].to_numpy(np.int64))
        return sort_events(subject[known], at[known], visible[known], newness[known], values[known], len(subjects))

    @cached_property
    def _by_field(self) -> dict[tuple[str, str], pd.DataFrame]:
        changes = self.tables["changes"]
        return {(str(kind), str(name)): rows for (kind, name), rows in changes.groupby(["subject", "field"])}
