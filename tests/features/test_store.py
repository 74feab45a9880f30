from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select

from features.home import Home
from features.mapping import parse_mapping
from features.store import Store, add_rows, contract, load_history, open_store
from tests.companies import DEALS, mapping_text

MAPPING = parse_mapping(mapping_text(DEALS), "here")

a_change = st.tuples(
    st.sampled_from(["D1", "D2", "007"]), st.sampled_from(["stage", "amount"]),
    st.one_of(st.none(), st.text(max_size=3)), st.integers(-5, 5), st.integers(0, 2),
    st.one_of(st.none(), st.integers(0, 3)))
Change = tuple[str, str, str | None, int, int, int | None]


def frame(rows: list[Change], recorded_at: int = 1) -> pd.DataFrame:
    """Changes; the last of each tuple is how late it was entered, None where the file does not say."""
    table = pd.DataFrame(rows, columns=["subject_id", "field", "value", "changed_at", "sequence", "late"])
    late = table.pop("late")
    table["known_at"] = table["changed_at"] + late.fillna(0)
    table["known_at_assumed"] = late.isna()
    return table.assign(subject="deal", recorded_at=recorded_at, source="here.csv").astype(
        {"subject_id": "str", "field": "str", "value": "str", "changed_at": "int64", "sequence": "int64",
         "known_at": "int64"})


def store_in(folder: str) -> Store:
    return open_store(f"sqlite:///{Path(folder) / 'test.db'}")


def content(store: Store) -> pd.DataFrame:
    return load_history(store, MAPPING).tables["changes"]


@settings(max_examples=30, deadline=None)
@given(st.lists(a_change, max_size=12), st.randoms(use_true_random=False), st.integers(0, 12))
def test_the_same_rows_give_the_same_history_in_whatever_order_and_parts_they_come(
        rows: list[Change], random: object, cut: int) -> None:
    shuffled = sorted(rows, key=lambda row: random.random())  # type: ignore[attr-defined]
    with tempfile.TemporaryDirectory() as one, tempfile.TemporaryDirectory() as two:
        whole, parts = store_in(one), store_in(two)
        with whole.write() as connection:
            new = add_rows(connection, "changes", frame(rows))
        assert new.sum() == len({row[:5] for row in rows})
        for part in (shuffled[:cut], shuffled[cut:], rows):
            with parts.write() as connection:
                new = add_rows(connection, "changes", frame(part))
        assert not new.any()  # everything was known by then
        pd.testing.assert_frame_equal(content(whole), content(parts))
        for as_of in (-5, 0, 3):
            pd.testing.assert_frame_equal(load_history(parts, MAPPING, as_of).tables["changes"],
                                          load_history(whole, MAPPING).until(as_of).tables["changes"])


@pytest.mark.usefixtures("database")
@pytest.mark.parametrize(("lates", "counted"), [
    ([None, 3], 4), ([3, None], 4), ([None, 0], 1), ([3, None, 2], 3), ([2, None, 3], 3), ([None, None], 1)])
def test_a_stated_time_of_entry_outweighs_an_assumed_one_and_the_earliest_stated_counts(
        tmp_path: Path, lates: list[int | None], counted: int) -> None:
    store = Home.open(tmp_path, must_exist=False).store
    for again in (False, True):
        for late in lates:
            with store.write() as connection:
                new = add_rows(connection, "changes", frame([("D1", "stage", "Won", 1, 0, late)]))
            assert not (again and new.any())
    assert content(store)["known_at"].tolist() == [counted]
    # Before the entry was made nothing is known, although a row that assumes so is stored.
    assert load_history(store, MAPPING, counted - 1).tables["changes"].empty


@pytest.mark.usefixtures("database")
def test_what_was_answered_before_the_time_of_entry_was_stated_can_be_replayed(tmp_path: Path) -> None:
    store = Home.open(tmp_path, must_exist=False).store
    for late, recorded_at in ((None, 7), (3, 8)):
        with store.write() as connection:
            add_rows(connection, "changes", frame([("D1", "stage", "Won", 1, 0, late)], recorded_at))
    assert load_history(store, MAPPING, recorded_by=7).tables["changes"]["known_at"].tolist() == [1]
    assert load_history(store, MAPPING, recorded_by=8).tables["changes"]["known_at"].tolist() == [4]


def test_an_emptied_value_is_not_an_empty_text(tmp_path: Path) -> None:
    store = store_in(str(tmp_path))
    with store.write() as connection:
        assert add_rows(connection, "changes", frame([("D1", "stage", None, 1, 0, 0), ("D1", "stage", "", 1, 0, 0),
                                                      ("D1", "stage", "None", 1, 0, 0)])).all()
    assert content(store)["value"].isna().sum() == 1


@pytest.mark.usefixtures("database")
def test_the_first_recorded_wins(tmp_path: Path) -> None:
    store = Home.open(tmp_path, must_exist=False).store
    for recorded_at in (5, 3, 9):
        with store.write() as connection:
            add_rows(connection, "changes", frame([("D1", "stage", "Talk", 1, 0, 0)], recorded_at))
    assert content(store)["recorded_at"].tolist() == [5]


@pytest.mark.usefixtures("database")
def test_a_row_counts_once_it_was_both_so_and_known_and_for_replay_recorded(tmp_path: Path) -> None:
    store = Home.open(tmp_path, must_exist=False).store
    with store.write() as connection:
        add_rows(connection, "changes", frame([("D1", "stage", "Talk", 1, 0, 0), ("D1", "stage", "Won", 2, 0, 3)], 7))
        add_rows(connection, "changes", frame([("D1", "stage", "Offer", 1, 1, 0)], 8))

    def seen(as_of: int, recorded_by: int | None = None) -> list[str]:
        return sorted(load_history(store, MAPPING, as_of, recorded_by).tables["changes"]["value"])

    assert seen(0) == []
    assert seen(1) == ["Offer", "Talk"]
    assert seen(4) == ["Offer", "Talk"]  # won since 2, entered at 5
    assert seen(5) == ["Offer", "Talk", "Won"]
    assert seen(5, recorded_by=7) == ["Talk", "Won"]


@pytest.mark.usefixtures("database")
def test_cutting_when_loading_is_cutting_the_history(tmp_path: Path) -> None:
    store = Home.open(tmp_path, must_exist=False).store
    calls = pd.DataFrame({
        "activity_id": ["A", "A", "B"], "subject": "deal", "subject_id": "D1", "kind": ["call", "call", "mail"],
        "direction": None, "happened_at": [5, 6, 2], "duration_seconds": [60.0, 90.0, np.nan], "text": None,
        "owner_id": None, "contact_ids": None, "known_at": [10, 6, 2], "recorded_at": 1, "source": "here.csv",
        "known_at_assumed": False})
    with store.write() as connection:
        add_rows(connection, "activities", calls)
    whole = load_history(store, MAPPING)
    for as_of in (1, 2, 5, 7, 12):
        pd.testing.assert_frame_equal(load_history(store, MAPPING, as_of).tables["activities"],
                                      whole.until(as_of).tables["activities"])
    # Imported again with other content, an activity counts once.
    assert sorted(whole.tables["activities"]["activity_id"]) == ["A", "B"]


@pytest.mark.usefixtures("database")
def test_a_failure_leaves_nothing(tmp_path: Path) -> None:
    store = Home.open(tmp_path, must_exist=False).store
    with store.write() as connection:
        add_rows(connection, "changes", frame([("D1", "stage", "Talk", 1, 0, 0)]))

    def fail_midway() -> None:
        with store.write() as connection:
            add_rows(connection, "changes", frame([("D2", "stage", "Talk", 1, 0, 0)]))
            raise RuntimeError("midway")

    with pytest.raises(RuntimeError, match="midway"):
        fail_midway()
    assert content(store)["subject_id"].tolist() == ["D1"]


@pytest.mark.usefixtures("database")
def test_a_store_in_which_the_first_write_failed_holds_nothing_yet(tmp_path: Path) -> None:
    store = Home.open(tmp_path, must_exist=False).store
    assert not store.exists()
    with pytest.raises(RuntimeError, match="midway"), store.write():
        raise RuntimeError("midway")
    assert not store.exists()


@pytest.mark.usefixtures("database")
def test_long_texts_and_odd_characters_come_back_as_they_were(tmp_path: Path) -> None:
    store = Home.open(tmp_path, must_exist=False).store
    texts = ["x" * 20_000, "Zoë 'quoted' \"twice\"; -- %s :name", "line\nbreak", "😀"]
    with store.write() as connection:
        add_rows(connection, "changes", frame([("D1", "note", text, 1, 0, 0) for text in texts]))
    assert sorted(content(store)["value"]) == sorted(texts)


@pytest.mark.usefixtures("database")
def test_more_rows_than_one_query_takes_are_told_apart(tmp_path: Path) -> None:
    store = Home.open(tmp_path, must_exist=False).store
    rows = [(f"D{i}", "stage", "Talk", i, 0, 0) for i in range(2_500)]
    with store.write() as connection:
        assert add_rows(connection, "changes", frame(rows[::2])).all()
        assert add_rows(connection, "changes", frame(rows)).tolist() == [i % 2 == 1 for i in range(2_500)]
        count = connection.execute(select(func.count()).select_from(contract["changes"])).scalar()
    assert count == 2_500
