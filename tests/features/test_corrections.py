"""What a later import says otherwise: known when it was seen, and nothing of what was known before changes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from features.asof import AsOf
from features.endings import read_endings
from features.history import History
from features.home import Home
from features.record import account_of, account_record
from tests.companies import DAY, NOW, bring_in, changes, counts, day, mapping_text, write

DEALS = """
  - file: deals*.csv
    rows: deals
    columns: {deal_id: id, created_at: created, lead_id: lead, account_id: account}
    fields:
      industry: {column: industry, past: at_creation}
  - file: leads.csv
    rows: leads
    columns: {lead_id: id, created_at: created}
leads: {converted: [{deal: created}], horizon: {days: 90}}
"""
CALLS = """
  - file: calls.csv
    rows: activities
    subject: deal
    columns: {activity_id: id, subject_id: deal, happened_at: at, kind: kind}
"""


def _imported(root: Path, *imports: str, text: str = mapping_text(DEALS)) -> Home:
    """A home after imports of deals.csv, one a day."""
    for i, rows in enumerate(imports):
        folder = write(root / str(i), deals="id,created,lead,account,industry\n" + rows,
                       leads="id,created\nL1,2024-01-01")
        bring_in(root / "home", folder, text, NOW + i * DAY)
    return Home.open(root / "home")


def _asked(history: History, *days: float) -> AsOf:
    at = np.array([round(NOW + one * DAY) for one in days], dtype=np.int64)
    return AsOf(history, "deal", np.repeat(history.codes("deal", ["D1"]), len(at)), at)


@pytest.mark.usefixtures("database")
@pytest.mark.parametrize(("first", "then"), [("", "A"), ("B", "A"), ("A", "B")])
def test_an_account_that_a_later_snapshot_names_counts_from_that_snapshot_on_whatever_its_name(
        tmp_path: Path, first: str, then: str) -> None:
    home = _imported(tmp_path, *(f"D1,2024-01-10,,{one},\nD2,2024-01-10,,A," for one in (first, then, then)))
    pairs, found = _asked(home.history(), -100, 0, 1, 2), [first, first, then, then]
    assert account_of(pairs).tolist() == [one or None for one in found]
    assert account_of(_asked(home.history(as_of=NOW), 0)).tolist() == [first or None]
    assert np.nan_to_num(account_record(pairs).open).tolist() == [float(one == "A") for one in found]


@pytest.mark.usefixtures("database")
def test_a_lead_that_a_later_snapshot_names_had_not_converted_for_anyone_before_it(tmp_path: Path) -> None:
    home = _imported(tmp_path, "D1,2024-01-10,,,", "D1,2024-01-10,L1,,")
    known = read_endings(home.history(), "lead").known
    assert [(one / DAY, then) for one, then in zip(known.at, known.visible, strict=True)] == [
        (day("2024-01-10"), NOW + DAY)]
    assert not len(read_endings(home.history(as_of=NOW), "lead").known)


@pytest.mark.usefixtures("database")
def test_a_date_of_creation_that_is_corrected_later_makes_nobody_known_earlier(tmp_path: Path) -> None:
    home = _imported(tmp_path, "D1,2024-03-10,,,Retail", "D1,2024-01-10,,,Retail")
    assert not len(home.history(as_of=round(day("2024-02-01") * DAY)).deals)
    assert home.history().deals.created_at.tolist() == [day("2024-03-10") * DAY]
    assert [one[3] for one in changes(home.path, "industry")] == [day("2024-03-10")]


@pytest.mark.usefixtures("database")
def test_a_field_of_the_creation_that_an_import_saw_empty_is_known_when_it_is_filled(tmp_path: Path) -> None:
    rows = ("D1,2024-01-10,,,\nD2,2024-01-10,,,Retail", "D1,2024-01-10,,,Energy\nD2,2024-01-10,,,Retail")
    home = _imported(tmp_path, *rows, rows[1])
    assert [one[:1] + one[2:] for one in changes(home.path, "industry")] == [
        ("D1", "Energy", (NOW + DAY) / DAY, (NOW + DAY) / DAY),
        ("D2", "Retail", day("2024-01-10"), day("2024-01-10"))]


@pytest.mark.usefixtures("database")
def test_a_field_that_is_mapped_later_was_seen_empty_by_nobody(tmp_path: Path) -> None:
    bare = mapping_text(DEALS.replace("    fields:\n      industry: {column: industry, past: at_creation}\n", ""))
    row = "D1,2024-01-10,,,Retail"
    _imported(tmp_path, row, text=bare)
    bring_in(tmp_path / "home", tmp_path / "0", mapping_text(DEALS), NOW + DAY)
    assert [one[3] for one in changes(tmp_path / "home", "industry")] == [day("2024-01-10")]


@pytest.mark.usefixtures("database")
@pytest.mark.parametrize("kind", ["call", "demo", "mail", "meeting", "visit"])  # the order is that of a hash
def test_an_activity_that_is_corrected_later_stays_what_it_was_known_to_be(tmp_path: Path, kind: str) -> None:
    head = "id,deal,at,kind\n"
    bring_in(tmp_path / "home", write(tmp_path / "1", calls=head + "c1,D1,2024-03-21,chat"), mapping_text(CALLS), NOW)
    corrected = write(tmp_path / "2", calls=head + f"c1,D1,2024-01-21,{kind}")
    assert counts(bring_in(tmp_path / "home", corrected, mapping_text(CALLS), NOW + DAY)) == (1, 1, 0, 0)
    assert counts(bring_in(tmp_path / "home", corrected, mapping_text(CALLS), NOW + 2 * DAY)) == (1, 0, 1, 0)
    calls = Home.open(tmp_path / "home").history().tables["activities"]
    assert calls[["kind", "happened_at"]].values.tolist() == [["chat", day("2024-03-21") * DAY]]
    assert Home.open(tmp_path / "home").history(as_of=round(day("2024-02-01") * DAY)).tables["activities"].empty
