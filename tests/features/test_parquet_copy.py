"""The copy in Parquet: the same rows as the database's, or none."""

from __future__ import annotations

import threading
from pathlib import Path

import pandas as pd
import pytest
from sqlalchemy import Connection, update

from features import store as store_module
from features.history import History
from features.parquet_copy import read_copy, write_copy
from features.store import Store, add_rows, contract, load_history, open_store
from features.stored import read_rows
from tests.features.test_store import MAPPING, frame


@pytest.fixture(autouse=True)
def _copy_small_tables(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store_module, "_ROWS_WORTH_A_COPY", 1)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    found = open_store(f"sqlite:///{tmp_path / 'test.db'}")
    with found.write() as connection:
        add_rows(connection, "changes", frame([(f"D{i}", "stage", None if i % 7 == 0 else "Talk", i, 0, None)
                                               for i in range(50)]))
        add_rows(connection, "changes", frame([("D1", "stage", "Talk", 1, 0, 2)], recorded_at=5))
    return found


def without_copy(store: Store, monkeypatch: pytest.MonkeyPatch) -> History:
    with monkeypatch.context() as patch:
        patch.setattr(store_module, "read_copy", lambda *_: None)
        patch.setattr(store_module, "write_copy", lambda *_: None)
        return load_history(store, MAPPING)


def same(one: History, two: History) -> None:
    for mine, theirs in ((one.tables, two.tables), (one.spare, two.spare)):
        assert mine.keys() == theirs.keys()
        for name in mine:
            pd.testing.assert_frame_equal(mine[name], theirs[name])


def test_what_the_copy_gives_is_what_the_database_gives(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = without_copy(store, monkeypatch)
    assert expected.spare["changes"]["known_at"].tolist() == [1]
    assert store.copies is not None
    assert not store.copies.exists()
    same(load_history(store, MAPPING), expected)
    assert [one.name.split(".")[0] for one in store.copies.iterdir()] == ["changes"]
    with monkeypatch.context() as patch:  # now from the copy alone
        patch.setattr(store_module, "read_rows", all_but_changes)
        same(load_history(store, MAPPING), expected)
    for as_of, recorded_by in ((20, None), (20, 4), (100, 1)):
        same(load_history(store, MAPPING, as_of, recorded_by), expected.until(as_of, recorded_by))


def all_but_changes(connection: Connection, name: str) -> pd.DataFrame:
    assert name != "changes", "read from the database although there is a copy"
    return read_rows(connection, name)


def copy_of(store: Store) -> Path:
    assert store.copies is not None
    (path,) = store.copies.iterdir()
    return path


def test_every_write_makes_the_copy_worthless_even_one_that_changes_rows_in_place(
        store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    load_history(store, MAPPING)
    assert store.copies is not None
    path, old = copy_of(store), copy_of(store).read_bytes()
    with store.write() as connection:
        connection.execute(update(contract["changes"]).where(contract["changes"].c.value == "Talk").values(value="-"))
    assert not store.copies.exists()  # what was erased is gone from the disk
    store.copies.mkdir()
    path.write_bytes(old)  # as a reader would that began before the write
    found = load_history(store, MAPPING)
    assert "Talk" not in set(found.tables["changes"]["value"])
    same(found, without_copy(store, monkeypatch))
    assert copy_of(store) != path  # one alone, of the new state


@pytest.mark.parametrize("damage", ["cut off", "flipped", "no Parquet", "empty"])
def test_a_damaged_copy_is_passed_over_and_mended(store: Store, monkeypatch: pytest.MonkeyPatch, damage: str) -> None:
    expected = without_copy(store, monkeypatch)
    load_history(store, MAPPING)
    path = copy_of(store)
    sound = path.read_bytes()
    for at in range(4, len(sound) - 8, 97) if damage == "flipped" else (len(sound) // 2,):
        flipped = sound[:at] + bytes([sound[at] ^ 0x55]) + sound[at + 1:]
        path.write_bytes({"cut off": sound[:at], "flipped": flipped, "no Parquet": b"PAR1 no", "empty": b""}[damage])
        same(load_history(store, MAPPING), expected)


def test_where_no_copy_can_be_written_the_history_is_read_all_the_same(
        store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    assert store.copies is not None
    store.copies.write_text("a file stands where the folder would")
    same(load_history(store, MAPPING), without_copy(store, monkeypatch))


def test_writers_of_a_copy_at_once_leave_whole_ones_and_nothing_else(tmp_path: Path) -> None:
    rows = {state: frame([(f"D{i}", "stage", state, i, 0, None) for i in range(200)]) for state in "abcd"}
    folder = tmp_path / "copy"
    writers = [threading.Thread(target=lambda s=state: [write_copy(folder, "changes", s, rows[s]) for _ in range(10)])
               for state in rows]
    for one in writers:
        one.start()
    for one in writers:
        one.join()
    # Each removes the others' copies, so there may be none left; what is left is whole.
    for state in rows:
        one = read_copy(folder, "changes", state)
        if one is not None:
            pd.testing.assert_frame_equal(one, rows[state])
    assert not list(folder.glob("*.part"))
    write_copy(folder, "changes", "a", rows["a"])
    pd.testing.assert_frame_equal(read_copy(folder, "changes", "a"), rows["a"])
