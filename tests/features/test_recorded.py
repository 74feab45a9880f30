"""`until`: what was known as of a date, by what had been recorded by then, against a slow and plain reference."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.history import OWN_TIME, History
from features.home import Home
from features.store import Store, add_rows, load_history, open_store
from tests.features.test_store import MAPPING, Change, a_change, frame

# An activity and since when it was known, None where that was not said; imported again it may have other content.
a_call = st.tuples(st.sampled_from(["A", "B"]), st.sampled_from(["call", "mail"]), st.integers(0, 3),
                   st.one_of(st.none(), st.integers(0, 3)))
Call = tuple[str, str, int, int | None]


def calls_frame(rows: list[Call], recorded_at: int) -> pd.DataFrame:
    table = pd.DataFrame(rows, columns=["activity_id", "kind", "happened_at", "late"])
    late = table.pop("late")
    return table.assign(subject="deal", subject_id="D1", direction=None, duration_seconds=None, text=None,
                        owner_id=None, contact_ids=None, known_at=table["happened_at"] + late.fillna(0),
                        known_at_assumed=late.isna(), recorded_at=recorded_at, source="calls.csv").astype(
        {"happened_at": "int64", "known_at": "int64", "duration_seconds": "float64"})


def reference(imports: list[list[Any]], as_of: int, recorded_by: int) -> list[tuple[Any, ...]]:
    """(content, known_at) of what counts, row by row: the best time of entry of each content among those recorded by
    then, and of calls of one id the one that counted first; then what was known at `as_of`."""
    best: dict[Any, tuple[bool, int]] = {}
    for recorded_at, rows in enumerate(imports):
        for *content, late in rows if recorded_at <= recorded_by else ():
            own = content[2] if len(content) == 3 else content[3]
            rank = (late is None, own + (late or 0))
            best[tuple(content)] = min(best.get(tuple(content), rank), rank)
    found = [(content, known_at) for content, (_, known_at) in best.items()]
    if found and len(found[0][0]) == 3:
        first: dict[str, Any] = {}
        for content, known_at in found:
            key = (max(content[2], known_at), content[2])
            first.setdefault(content[0], set()).add((key, content, known_at))
        ties = [{one for one in its if one[0] == min(its)[0]} for its in first.values()]
        found = [(content, known_at) for its in ties for _, content, known_at in its]
    own_at = 2 if found and len(found[0][0]) == 3 else 3
    return [one for one in found if one[0][own_at] <= as_of and one[1] <= as_of]


def content_of(history: History, name: str) -> list[tuple[Any, ...]]:
    columns = ["subject_id", "field", "value", "changed_at", "sequence"] if name == "changes" else [
        "activity_id", "kind", "happened_at"]
    rows = history.tables[name]
    values = rows[columns].astype(object).where(rows[columns].notna(), None)
    return list(zip(values.itertuples(index=False, name=None), rows["known_at"].tolist(), strict=True))


def filled(folder: str, changes: list[list[Change]], calls: list[list[Call]], n: int) -> Store:
    """A store after the first n imports."""
    store = open_store(f"sqlite:///{Path(folder) / 'test.db'}")
    with store.write():
        pass
    for i in range(n):
        with store.write() as connection:
            add_rows(connection, "changes", frame(changes[i], recorded_at=i))
            add_rows(connection, "activities", calls_frame(calls[i], recorded_at=i))
    return store


@settings(max_examples=12, deadline=None)
@given(st.lists(st.lists(a_change, max_size=5), min_size=3, max_size=3),
       st.lists(st.lists(a_call, max_size=4), min_size=3, max_size=3), st.integers(-1, 7))
def test_until_gives_what_was_known_then_by_what_had_been_recorded_by_then(
        changes: list[list[Change]], calls: list[list[Call]], as_of: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        store = filled(folder, changes, calls, 3)
        whole = load_history(store, MAPPING)
        for recorded_by in range(-1, 4):
            then = whole.until(as_of, recorded_by)
            assert sorted(content_of(then, "changes"), key=repr) == sorted(
                reference(changes, as_of, recorded_by), key=repr)
            possible = reference(calls, as_of, recorded_by)  # of calls that counted at the same time, one does
            assert set(content_of(then, "activities")) <= set(possible)
            assert sorted(then.tables["activities"]["activity_id"]) == sorted({one[0][0] for one in possible})
            for later in (as_of, as_of + 2):  # cut once or twice, in memory or when loading
                same(then, whole.until(later).until(as_of, recorded_by))
                same(then, whole.until(later, recorded_by).until(as_of))
                same(then, whole.until(later, recorded_by + 1).until(as_of, recorded_by))
        same(whole.until(as_of, 1), load_history(store, MAPPING, as_of, recorded_by=1))


@settings(max_examples=15, deadline=None)
@given(st.lists(st.lists(a_change, max_size=5), min_size=3, max_size=3),
       st.lists(st.lists(a_call, max_size=4), min_size=3, max_size=3), st.integers(0, 2))
def test_what_is_imported_later_changes_nothing_of_what_was_recorded_before(
        changes: list[list[Change]], calls: list[list[Call]], before: int) -> None:
    with tempfile.TemporaryDirectory() as one, tempfile.TemporaryDirectory() as two:
        then = load_history(filled(one, changes, calls, before), MAPPING)
        now = load_history(filled(two, changes, calls, 3), MAPPING)
        for as_of in (1, 3, 10):
            same(then.until(as_of), now.until(as_of, recorded_by=before - 1))


@pytest.mark.usefixtures("database")
def test_a_history_can_be_replayed_as_it_stood_before_a_better_time_of_entry_was_imported(tmp_path: Path) -> None:
    store = Home.open(tmp_path, must_exist=False).store
    for late, recorded_at in ((None, 7), (3, 8), (2, 9)):
        with store.write() as connection:
            add_rows(connection, "changes", frame([("D1", "stage", "Won", 1, 0, late)], recorded_at))
    whole = load_history(store, MAPPING)
    assert [whole.until(10, recorded_by).tables["changes"]["known_at"].tolist() for recorded_by in (6, 7, 8, 9)] == [
        [], [1], [4], [3]]
    assert whole.until(1).tables["changes"].empty  # the better time of entry says that it was not known yet
    assert whole.until(1).until(1, recorded_by=7).tables["changes"]["known_at"].tolist() == [1]


def same(one: History, two: History) -> None:
    for name in OWN_TIME:
        pd.testing.assert_frame_equal(one.tables[name], two.tables[name])
