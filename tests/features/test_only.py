"""The history of one subject: the same answers as the whole history gives about it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from features.asof import AsOf, compute
from features.calendar import DAY
from features.catalogue import catalogue
from features.errors import NotFound
from features.history import History
from features.home import Home
from features.store import add_rows, load_history
from tests.features.test_store import MAPPING, frame


@pytest.fixture(scope="module")
def whole(trained_home: Path) -> History:
    return Home.open(trained_home).history()


@pytest.mark.parametrize("kind", ["deal", "lead"])
def test_one_subject_s_history_gives_the_features_that_the_whole_history_gives(whole: History, kind: str) -> None:
    # An owner's record is made of all the owner's deals, so it is asked of the whole history.
    features = [one for one in catalogue(whole, kind) if not one.by_others]
    subjects = whole.subjects(kind)
    rng = np.random.default_rng(1)
    for code in rng.choice(len(subjects), size=12, replace=False):
        at = subjects.created_at[code] + np.array([0, 3, 30, 200], dtype=np.int64) * DAY
        expected = compute(features, AsOf(whole, kind, np.full(len(at), code), at))
        alone = whole.only(kind, str(subjects.ids[code]))
        assert len(alone.subjects(kind)) >= 1
        its = alone.subjects(kind).codes([subjects.ids[code]])
        pd.testing.assert_frame_equal(compute(features, AsOf(alone, kind, np.repeat(its, len(at)), at)), expected)


def test_it_holds_what_belongs_to_the_subject_and_nothing_else(whole: History) -> None:
    deals = whole.tables["deals"]
    deal = deals[deals["lead_id"].notna() & deals["account_id"].notna()].iloc[0]
    alone = whole.only("deal", deal["deal_id"])
    assert alone.tables["deals"]["deal_id"].tolist() == [deal["deal_id"]]
    assert deal["lead_id"] in set(alone.tables["leads"]["lead_id"])
    assert deal["account_id"] in set(alone.tables["accounts"]["account_id"])
    roles = whole.tables["deal_contacts"]
    roles = roles[roles["deal_id"] == deal["deal_id"]]
    pd.testing.assert_frame_equal(alone.tables["deal_contacts"].reset_index(drop=True), roles.reset_index(drop=True))
    assert set(roles["contact_id"]) <= set(alone.tables["contacts"]["contact_id"])
    about = {("deal", deal["deal_id"]), *(("lead", one) for one in alone.tables["leads"]["lead_id"]),
             *(("account", one) for one in alone.tables["accounts"]["account_id"]),
             *(("contact", one) for one in alone.tables["contacts"]["contact_id"])}
    for name in ("changes", "activities"):
        table = whole.tables[name]
        wanted = [one in about for one in zip(table["subject"], table["subject_id"], strict=True)]
        columns = list(table.columns)
        pd.testing.assert_frame_equal(
            alone.tables[name].sort_values(columns, ignore_index=True),
            table[wanted].sort_values(columns, ignore_index=True))
    assert alone.tables["owners"] is whole.tables["owners"]


def test_cutting_one_subject_s_history_is_taking_one_subject_of_the_cut_history(tmp_path: Path) -> None:
    store = Home.open(tmp_path, must_exist=False).store
    deals = pd.DataFrame({"deal_id": ["D1", "D2"], "created_at": 0, "lead_id": None, "account_id": None, "kind": None,
                          "known_at": 0, "known_at_assumed": True, "recorded_at": 0, "source": "deals.csv"})
    for late, recorded_at in ((None, 7), (3, 8), (2, 9)):
        with store.write() as connection:
            add_rows(connection, "deals", deals)
            rows = [("D1", "stage", "Won", 1, 0, late), ("D2", "stage", "Lost", 1, 0, 0)]
            add_rows(connection, "changes", frame(rows, recorded_at))
    history = load_history(store, MAPPING)
    for recorded_by in (None, 6, 7, 8, 9):
        for as_of in (1, 3, 4, 9):
            one = history.only("deal", "D1").until(as_of, recorded_by).tables["changes"]
            two = history.until(as_of, recorded_by).only("deal", "D1").tables["changes"]
            pd.testing.assert_frame_equal(one.reset_index(drop=True), two.reset_index(drop=True))


def test_a_subject_that_is_not_known_is_named(whole: History) -> None:
    with pytest.raises(NotFound, match="Not known as of that date: deal D-none"):
        whole.only("deal", "D-none")
