from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from features.history import History
from features.home import Home
from features.people import contact_accounts, managers, owner_facts, reports
from tests.companies import DAY, NOW, bring_in, counts, mapping_text, write
from tests.histories import history

OWNERS = """
  - file: owners*.csv
    rows: owners
    columns: {owner_id: id, name: name, manager_id: boss, team: team, region: region, valid_from: since}
"""
UNDATED = OWNERS.replace(", valid_from: since", "")
DATED = """
    id,name,boss,team,region,since
    ann,Ann,,Sales,EU,
    ben,Ben,ann,North,EU,
    ben,Ben,cid,South,EU,2024-03-01
    cid,Cid,ann,South,EU,2024-01-01
    dee,Dee,ben,North,EU,2024-01-01"""


def _history(*rows: tuple[str, str | None, float, float]) -> History:
    """Owners as (id, manager, day since when, day since when that was known)."""
    past = history()
    table = pd.DataFrame({
        "owner_id": [row[0] for row in rows], "name": [row[0].title() for row in rows],
        "manager_id": [row[1] for row in rows], "team": None, "region": None,
        "valid_from": [round(row[2] * DAY) for row in rows], "known_at": [round(row[3] * DAY) for row in rows],
        "recorded_at": [round(row[3] * DAY) for row in rows], "source": "here"})
    return History({**past.tables, "owners": table}, past.mapping)


def _at(*days: float) -> np.ndarray:
    return np.array([round(day * DAY) for day in days], dtype=np.int64)


@pytest.mark.usefixtures("database")
def test_a_reorganisation_does_not_rewrite_the_past(tmp_path: Path) -> None:
    bring_in(tmp_path / "home", write(tmp_path / "in", owners=DATED), mapping_text(OWNERS))
    past = Home.open(tmp_path / "home").history()
    february, march = (int(pd.Timestamp(day).value // 1000) for day in ("2024-02-29", "2024-03-01"))
    facts = owner_facts(past, ["ben", "ben", "nobody"], np.array([february, march, march]))
    assert facts.values.tolist() == [["Ben", "ann", "North", "EU"], ["Ben", "cid", "South", "EU"], [None] * 4]
    assert managers(past, ["dee", "dee"], np.array([february, march])).tolist() == [
        ["ben", "ann", None], ["ben", "cid", "ann"]]
    assert reports(past, "cid", february) == ["cid"]
    assert reports(past, "cid", march) == ["ben", "cid", "dee"]
    assert reports(past, "ann", march) == ["ann", "ben", "cid", "dee"]


def test_a_row_that_was_entered_late_counts_from_when_it_was_known() -> None:
    past = _history(("ben", "ann", 0, 0), ("ben", "cid", 10, 20))
    assert owner_facts(past, ["ben"] * 3, _at(9, 15, 20))["manager_id"].tolist() == ["ann", "ann", "cid"]
    assert reports(past, "cid", 15 * DAY) == ["cid"]
    for day in (9, 15, 20):
        assert reports(past.until(day * DAY), "cid", day * DAY) == reports(past, "cid", day * DAY)


def test_an_older_row_that_is_told_later_does_not_undo_a_newer_one() -> None:
    past = _history(("ben", "cid", 10, 10), ("ben", "ann", 5, 20))
    assert owner_facts(past, ["ben"] * 2, _at(12, 25))["manager_id"].tolist() == ["cid", "cid"]


def test_a_cycle_in_the_hierarchy_ends() -> None:
    past = _history(("ann", "ben", 0, 0), ("ben", "cid", 0, 0), ("cid", "ann", 0, 0), ("dee", "dee", 0, 0),
                    ("eve", "ann", 0, 0))
    above = managers(past, ["ann", "dee", "eve"], _at(1, 1, 1))
    assert [[one for one in row if one] for row in above.tolist()] == [
        ["ben", "cid"], [], ["ann", "ben", "cid"]]
    assert reports(past, "ann", DAY) == ["ann", "ben", "cid", "eve"]


def test_nobody_has_nobody_above() -> None:
    assert managers(_history(), ["x"], _at(1)).tolist() == [[]]
    assert reports(_history(), "x", 1) == ["x"]


@pytest.mark.usefixtures("database")
def test_a_list_of_owners_without_dates_is_so_since_ever_and_changes_from_the_import_that_tells(
        tmp_path: Path) -> None:
    home, text = tmp_path / "home", mapping_text(UNDATED)
    first = write(tmp_path / "1", owners="id,name,boss,team,region\nann,Ann,,,\nben,Ben,ann,North,EU")
    second = write(tmp_path / "2", owners="id,name,boss,team,region\nann,Ann,,,\nben,Ben,ann,South,EU\ncid,Cid,ann,,")
    assert counts(bring_in(home, first, text, NOW)) == (2, 2, 0, 0)
    assert counts(bring_in(home, first, text, NOW + DAY)) == (2, 0, 2, 0)
    assert counts(bring_in(home, second, text, NOW + 2 * DAY)) == (3, 2, 1, 0)
    assert counts(bring_in(home, second, text, NOW + 3 * DAY)) == (3, 0, 3, 0)
    assert counts(bring_in(home, first, text, NOW + 4 * DAY)) == (2, 1, 1, 0)
    past = Home.open(home).history()
    at = np.array([0, NOW, NOW + DAY, NOW + 2 * DAY, NOW + 4 * DAY])
    assert owner_facts(past, ["ben"] * 5, at)["team"].tolist() == ["North", "North", "North", "South", "North"]
    assert owner_facts(past, ["cid"], np.array([0]))["name"].tolist() == ["Cid"]


@pytest.mark.usefixtures("database")
def test_two_files_may_each_tell_a_part_of_an_owner(tmp_path: Path) -> None:
    text = mapping_text("""
  - file: users.csv
    rows: owners
    columns: {owner_id: id, name: name}
  - file: teams.csv
    rows: owners
    columns: {owner_id: id, team: team}
""")
    folder = write(tmp_path / "in", users="id,name\nann,Ann\nben,Ben", teams="id,team\nann,North")
    bring_in(tmp_path / "home", folder, text)
    assert counts(bring_in(tmp_path / "home", folder, text, NOW + DAY)) == (3, 0, 3, 0)
    bring_in(tmp_path / "home", write(tmp_path / "in", teams="id,team\nann,South"), text, NOW + 2 * DAY)
    past = Home.open(tmp_path / "home").history()
    facts = owner_facts(past, ["ann", "ann", "ben"], np.array([NOW, NOW + 2 * DAY, NOW]))
    assert facts[["name", "team"]].values.tolist() == [["Ann", "North"], ["Ann", "South"], ["Ben", None]]


CONTACTS = """
  - file: contacts.csv
    rows: contacts
    columns: {contact_id: id, created_at: created, account_id: account}
    fields:
      account: {column: account, past: final_only}
  - file: parts.csv
    rows: deal_contacts
    columns: {deal_id: deal, contact_id: contact, role: role, valid_from: since}
    values: {role: {Decision maker: budget, Developer: technical}}
"""


@pytest.mark.usefixtures("database")
def test_a_contact_who_moves_to_another_account_was_at_the_first_one_before(tmp_path: Path) -> None:
    for i, account in enumerate(("A1", "A2")):
        folder = write(tmp_path / f"in{i}", contacts=f"id,created,account\nC1,2024-01-01,{account}",
                       parts="deal,contact,role,since\nD1,C1,Decision maker,2024-01-02\nD1,C2,user,2024-01-02")
        bring_in(tmp_path / "home", folder, mapping_text(CONTACTS), NOW + i * DAY)
    past = Home.open(tmp_path / "home").history()
    created = int(pd.Timestamp("2024-01-01").value // 1000)
    at = np.array([created - 1, created, NOW, NOW + DAY])
    assert contact_accounts(past, ["C1"] * 4, at).tolist() == [None, "A1", "A1", "A2"]
    assert sorted(past.tables["deal_contacts"]["role"]) == ["budget", "user"]
