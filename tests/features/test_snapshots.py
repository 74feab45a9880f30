"""What a snapshot says of the past: nothing that it does not date."""

from __future__ import annotations

from pathlib import Path

import pytest

from features.home import Home
from features.import_report import report_lines
from tests.companies import (
    DAY,
    DEALS,
    NOW,
    bring_in,
    changes,
    counts,
    day,
    deals_file,
    mapping_text,
    write,
)

TODAY = NOW / DAY


@pytest.mark.usefixtures("database")
def test_a_last_value_is_known_from_the_import_on_and_what_was_fixed_from_creation_on(tmp_path: Path) -> None:
    bring_in(tmp_path / "home", deals_file(tmp_path / "in", "D1,2024-01-10,Talk,,900,Retail"), mapping_text(DEALS))
    assert changes(tmp_path / "home") == [
        ("D1", "amount", "90000", TODAY, TODAY),
        ("D1", "industry", "Retail", day("2024-01-10"), day("2024-01-10")),
        ("D1", "stage", "Talk", TODAY, TODAY)]


@pytest.mark.usefixtures("database")
def test_repeated_snapshots_become_changes_and_an_emptied_field_is_one(tmp_path: Path) -> None:
    home, text = tmp_path / "home", mapping_text(DEALS)
    for i, row in enumerate(("Talk,,900,", "Talk,,900,", "Offer,,,", "Offer,,950,")):
        report = bring_in(home, deals_file(tmp_path / str(i), f"D1,2024-01-10,{row}"), text, NOW + i * DAY)
        assert counts(report) == ((1, 0, 1, 0) if i == 1 else (1, 1, 0, 0))
    assert changes(home, "amount") == [("D1", "amount", "90000", TODAY, TODAY),
                                       ("D1", "amount", "95000", TODAY + 3, TODAY + 3),
                                       ("D1", "amount", None, TODAY + 2, TODAY + 2)]
    assert [one[2:] for one in changes(home, "stage")] == [("Offer", TODAY + 2, TODAY + 2), ("Talk", TODAY, TODAY)]


def test_a_field_said_to_be_fixed_that_changes_all_the_same_changes_when_it_is_seen(tmp_path: Path) -> None:
    home, text = tmp_path / "home", mapping_text(DEALS)
    for i, industry in enumerate(("Retail", "Energy", "Energy")):
        bring_in(home, deals_file(tmp_path / str(i), f"D1,2024-01-10,Talk,,900,{industry}"), text, NOW + i * DAY)
    assert [one[2:4] for one in changes(home, "industry")] == [("Energy", TODAY + 1), ("Retail", day("2024-01-10"))]


def test_an_end_stands_at_its_date_and_a_close_date_without_an_end_says_nothing(tmp_path: Path) -> None:
    rows = "D1,2024-01-10,Won,2024-03-01,,\nD2,2024-01-10,Offer,2024-12-31,,\nD3,2024-01-10,Lost,,,"
    bring_in(tmp_path / "home", deals_file(tmp_path / "in", rows), mapping_text(DEALS))
    assert [one[2:] for one in changes(tmp_path / "home")] == [
        ("Won", day("2024-03-01"), day("2024-03-01")), ("Offer", TODAY, TODAY), ("Lost", TODAY, TODAY)]


def test_an_end_dated_before_the_last_snapshot_still_comes_after_it(tmp_path: Path) -> None:
    # Exported at noon as open, won in the afternoon: the close date alone says midnight.
    home, text, noon = tmp_path / "home", mapping_text(DEALS), NOW + DAY // 2
    bring_in(home, deals_file(tmp_path / "a", "D1,2024-01-10,Offer,,,"), text, noon)
    for at in (NOW + 2 * DAY, NOW + 3 * DAY):
        bring_in(home, deals_file(tmp_path / "b", "D1,2024-01-10,Won,2024-10-04,,"), text, at)
    won, = (one for one in changes(home) if one[2] == "Won")
    assert won[3] == (noon + 1) / DAY


def test_a_deal_closed_on_the_day_of_its_creation_does_not_end_before_it(tmp_path: Path) -> None:
    rows = "D1,2024-01-10T15:00:00,Won,2024-01-10,,"
    bring_in(tmp_path / "home", deals_file(tmp_path / "in", rows), mapping_text(DEALS))
    assert changes(tmp_path / "home")[0][3] == day("2024-01-10T15:00")


ENTITY_AND_LOG = """
  - file: deals.csv
    rows: deals
    columns: {deal_id: id, created_at: created}
    fields:
      amount: {column: amount, type: money, past: logged}
  - file: log.csv
    rows: changes
    subject: deal
    columns: {subject_id: id, changed_at: at, field: field, value: value}
    fields:
      amount: {column: Amount, type: money, past: logged}
"""


def test_a_logged_field_without_a_log_entry_was_so_from_creation_on(tmp_path: Path) -> None:
    folder = write(tmp_path / "in", deals="id,created,amount\nD1,2024-01-10,100\nD2,2024-01-10,300",
                   log="id,at,field,value\nD2,2024-02-01,Amount,300")
    bring_in(tmp_path / "home", folder, mapping_text(ENTITY_AND_LOG))
    assert [one[:1] + one[2:4] for one in changes(tmp_path / "home")] == [
        ("D1", "10000", day("2024-01-10")), ("D2", "30000", day("2024-02-01"))]


def test_a_logged_field_is_a_snapshot_as_long_as_its_log_was_not_read(tmp_path: Path) -> None:
    folder = write(tmp_path / "in", deals="id,created,amount\nD1,2024-01-10,100")
    bring_in(tmp_path / "home", folder / "deals.csv", mapping_text(ENTITY_AND_LOG))
    assert [one[3] for one in changes(tmp_path / "home")] == [TODAY]


def test_an_end_without_a_log_entry_stands_at_its_date_and_not_at_creation(tmp_path: Path) -> None:
    text = mapping_text(ENTITY_AND_LOG.replace("amount: {column: amount, type: money, past: logged}",
                                               "stage: {column: stage, past: logged, closed_at: closed}", 1)
                        .replace("amount: {column: Amount, type: money, past: logged}",
                                 "stage: {column: Stage, past: logged}"))
    folder = write(tmp_path / "in", deals="id,created,stage,closed\nD1,2024-01-10,Won,2024-03-01\n"
                                          "D2,2024-01-10,Talk,\nD3,2024-01-10,Won,2024-03-01",
                   log="id,at,field,value\nD3,2024-02-01,Stage,Won")
    for at in (NOW, NOW + DAY):
        report = bring_in(tmp_path / "home", folder, text, at)
    assert counts(report) == (4, 0, 4, 0)
    assert [(one[0], *one[2:4]) for one in changes(tmp_path / "home")] == [
        ("D1", "Won", day("2024-03-01")), ("D2", "Talk", day("2024-01-10")), ("D3", "Won", day("2024-02-01"))]


LEADS = """
  - file: leads.csv
    rows: leads
    columns: {lead_id: id, created_at: created}
    fields:
      status: {column: status, past: final_only, closed_at: closed}
leads: {converted: [Converted], disqualified: [Junk], horizon: {days: 60}}
"""


def test_a_lead_s_outcome_stands_at_its_date_and_other_values_do_not(tmp_path: Path) -> None:
    folder = write(tmp_path / "in", leads="id,created,status,closed\nL1,2024-01-10,Converted,2024-03-01\n"
                                          "L2,2024-01-10,Junk,2024-02-01\nL3,2024-01-10,Working,2024-12-31")
    bring_in(tmp_path / "home", folder, mapping_text(LEADS))
    assert [one[2:4] for one in changes(tmp_path / "home")] == [
        ("Converted", day("2024-03-01")), ("Junk", day("2024-02-01")), ("Working", TODAY)]


def test_a_last_value_is_never_earlier_than_the_creation_even_if_the_clock_runs_behind(tmp_path: Path) -> None:
    behind = int(day("2024-01-01") * DAY)
    for i, stage in enumerate(("Talk", "Offer")):
        bring_in(tmp_path / "home", deals_file(tmp_path / str(i), f"D1,2024-01-10,{stage},,,"), mapping_text(DEALS),
                 behind)
    at = day("2024-01-10")
    assert [(one[2], one[3] >= at) for one in changes(tmp_path / "home")] == [("Offer", True), ("Talk", True)]


CREATED = DEALS.split("    fields:")[0]
MEMBERS = """
  - file: members.csv
    rows: deal_contacts
    columns: {deal_id: deal, contact_id: contact, role: role}
"""
DATED_MEMBERS = MEMBERS.replace("role: role}", "role: role, valid_from: since}")


def roles(home: Path, as_of: float | None = None) -> list[tuple[str, float, float]]:
    """(contact, day since when, day of being known) of those who take part, as of a day."""
    table = Home.open(home).history(None if as_of is None else int(as_of * DAY)).tables["deal_contacts"]
    return sorted((one.contact_id, one.valid_from / DAY, one.known_at / DAY) for one in table.itertuples())


@pytest.mark.usefixtures("database")
def test_who_takes_part_today_does_not_take_part_in_the_past(tmp_path: Path) -> None:
    folder, home = deals_file(tmp_path / "in", "D1,2024-01-10,,,,"), tmp_path / "home"
    write(folder, members="deal,contact,role\nD1,C1,budget")
    report = bring_in(home, folder, mapping_text(CREATED, MEMBERS))
    assert "add the date since when each contact takes part in a deal (valid_from)" in "\n".join(report_lines(report))
    write(folder, members="deal,contact,role\nD1,C1,budget\nD1,C2,\nD1,C2,")
    assert counts(bring_in(home, folder, mapping_text(CREATED, MEMBERS), NOW + DAY)) == (4, 1, 3, 0)
    assert counts(bring_in(home, folder, mapping_text(CREATED, MEMBERS), NOW + 2 * DAY)) == (4, 0, 4, 0)
    assert roles(home) == [("C1", TODAY, TODAY), ("C2", TODAY + 1, TODAY + 1)]
    assert roles(home, TODAY - 1) == []


@pytest.mark.parametrize("order", [("undated", "dated"), ("dated", "undated")])
def test_a_contact_whose_date_is_given_later_takes_part_once_and_from_then(tmp_path: Path,
                                                                          order: tuple[str, str]) -> None:
    write(tmp_path / "undated", members="deal,contact,role\nD1,C1,budget")
    write(tmp_path / "dated", members="deal,contact,role,since\nD1,C1,budget,2024-02-01\nD1,C2,user,")
    for name in order:
        bring_in(tmp_path / "home", tmp_path / name, mapping_text(MEMBERS if name == "undated" else DATED_MEMBERS))
    at = day("2024-02-01")
    assert roles(tmp_path / "home") == [("C1", at, at), ("C2", TODAY, TODAY)]


def test_the_entry_of_an_undated_contact_says_since_when_it_takes_part(tmp_path: Path) -> None:
    folder = write(tmp_path / "in", members="deal,contact,role,entered\nD1,C1,budget,2024-03-01")
    bring_in(tmp_path / "home", folder, mapping_text(MEMBERS))
    bring_in(tmp_path / "home", folder, mapping_text(MEMBERS + "    known_at: entered\n"), NOW + DAY)
    assert roles(tmp_path / "home") == [("C1", day("2024-03-01"), day("2024-03-01"))]
