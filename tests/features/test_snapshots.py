"""What a snapshot says of the past: nothing that it does not date."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from features.asof import AsOf
from features.errors import BadInput
from features.home import Home
from features.import_report import report_lines
from features.mapping import parse_mapping
from tests.companies import (
    CALLS,
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
from training.evidence.judge import won_by
from training.hazard import build_rows
from training.outcomes import Landmarks, outcomes

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
    lines = "\n".join(report_lines(report, "./home"))
    assert "add the date since when each contact takes part in a deal (valid_from)" in lines
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


# ---- deletions ----

FULL = DEALS.replace("    rows: deals\n", "    rows: deals\n    snapshot: full\n")


def snapshot(tmp_path: Path, at: float, *rows: str, text: str = FULL, name: str = "deals") -> tuple[int, int, int, int]:
    """Import a snapshot on a day."""
    folder = tmp_path / f"{at}-{len(rows)}"
    write(folder, **{name: "id,created,stage,closed,amount,industry\n" + "\n".join(rows)})
    return counts(bring_in(tmp_path / "home", folder, mapping_text(text), int(at * DAY)))


def deleted(home: Path) -> list[tuple[str, str, float, float]]:
    return [(one[0], *one[2:]) for one in changes(home, "deleted")]


def open_deals(home: Path, at: float) -> list[str]:
    history = Home.open(home).history()
    return list(history.deals.ids[outcomes(history, "deal").open_at(int(at * DAY))])


D = [f"D{i},2024-01-10,Talk,,900," for i in range(6)]


@pytest.mark.usefixtures("database")
def test_who_is_gone_from_a_full_snapshot_is_deleted_from_then_on_and_may_return(tmp_path: Path) -> None:
    home = tmp_path / "home"
    snapshot(tmp_path, TODAY, *D)
    assert snapshot(tmp_path, TODAY + 1, *D[:5]) == (5, 0, 5, 0)
    assert snapshot(tmp_path, TODAY + 2, *D[:5]) == (5, 0, 5, 0)
    assert deleted(home) == [("D5", "true", TODAY + 1, TODAY + 1)]
    assert open_deals(home, TODAY + 0.5) == ["D0", "D1", "D2", "D3", "D4", "D5"]
    assert open_deals(home, TODAY + 1) == ["D0", "D1", "D2", "D3", "D4"]
    assert snapshot(tmp_path, TODAY + 3, *D) == (6, 1, 5, 0)
    assert snapshot(tmp_path, TODAY + 4, *D) == (6, 0, 6, 0)
    assert deleted(home)[0] == ("D5", "false", TODAY + 3, TODAY + 3)
    assert "D5" in open_deals(home, TODAY + 3)
    assert "D5" not in open_deals(home, TODAY + 2)


def test_an_end_dated_before_an_earlier_import_is_known_from_the_import_that_told_it(tmp_path: Path) -> None:
    home = tmp_path / "home"
    snapshot(tmp_path, TODAY, "D1,2024-01-10,Talk,,900,")
    snapshot(tmp_path, TODAY + 9, "D1,2024-01-10,Won,2024-01-20,900,")
    assert open_deals(home, TODAY + 8.9) == ["D1"]
    assert open_deals(home, TODAY + 9) == []
    known, = [one[-1] for one in changes(home, "stage") if one[2] == "Won"]
    assert known == TODAY + 9


def test_a_part_of_an_export_says_nothing_of_what_is_not_in_it(tmp_path: Path) -> None:
    snapshot(tmp_path, TODAY, *D, text=DEALS)
    snapshot(tmp_path, TODAY + 1, D[0], text=DEALS)
    assert deleted(tmp_path / "home") == []


def test_the_files_of_a_full_snapshot_are_taken_together_and_those_of_other_sources_left_alone(tmp_path: Path) -> None:
    text = FULL.replace("file: deals.csv", "file: deals*.csv")
    other = DEALS.replace("file: deals.csv", "file: old.csv")
    head = "id,created,stage,closed,amount,industry\n"
    write(tmp_path / "a", deals_1=head + "\n".join(D[:3]), deals_2=head + "\n".join(D[3:5]), old=head + D[5])
    write(tmp_path / "b", deals_2=head + "\n".join([*D[:2], *D[3:5]]), deals_3=head, old=head + D[4])
    for day_, folder in ((NOW, "a"), (NOW + DAY, "b")):
        report = bring_in(tmp_path / "home", tmp_path / folder, mapping_text(text, other), day_)
    assert report.deleted == {"deal": 1}
    said = "\n".join(report_lines(report, "./home"))
    assert "1 deal is gone from the full snapshot" in said
    assert "6 deals: " in said
    assert " open, 1 deleted: " in said
    assert [one[0] for one in deleted(tmp_path / "home")] == ["D2"]


def test_a_full_snapshot_that_lacks_most_of_what_is_known_is_refused_and_changes_nothing(tmp_path: Path) -> None:
    home = tmp_path / "home"
    snapshot(tmp_path, TODAY, *D)
    with pytest.raises(BadInput, match=r"4 of the 6 that are known are not in it, such as D2, D3, D4.*most_deleted"):
        snapshot(tmp_path, TODAY + 1, *D[:2])
    assert deleted(home) == []
    (home / "dealcast.yaml").write_text("imports: {most_deleted: 0.9}\n", encoding="utf-8")
    snapshot(tmp_path, TODAY + 1, *D[:2])
    assert [one[0] for one in deleted(home)] == ["D2", "D3", "D4", "D5"]


def test_a_row_that_cannot_be_read_is_not_a_deleted_one(tmp_path: Path) -> None:
    snapshot(tmp_path, TODAY, *D)
    assert snapshot(tmp_path, TODAY + 1, *D[:5], "D5,nonsense,Talk,,900,") == (6, 0, 5, 1)
    assert deleted(tmp_path / "home") == []


def test_what_ended_stays_ended_when_it_is_deleted(tmp_path: Path) -> None:
    snapshot(tmp_path, TODAY, *D, "W,2024-01-10,Won,2024-03-01,900,")
    report = bring_in(tmp_path / "home", deals_file(tmp_path / "b", "\n".join(D[:5])), mapping_text(FULL), NOW + DAY)
    assert report.deleted == {"deal": 2}
    found = report.outcomes["deals"]
    assert (found.subjects, found.good, found.bad, found.open) == (7, 1, 0, 5)


def test_a_deleted_deal_is_censored_and_neither_won_nor_lost(tmp_path: Path) -> None:
    snapshot(tmp_path, TODAY, *D)
    snapshot(tmp_path, TODAY + 10, *D[:4], "D4,2024-01-10,Lost,2024-10-10,900,")
    history = Home.open(tmp_path / "home").history()
    ends = outcomes(history, "deal")
    marks = Landmarks(np.array([0, 4, 5]), np.full(3, NOW + DAY))
    rows = build_rows(ends, marks, np.array([0.0, 2, 4, 6, 8, 10, 12, 14]), NOW + 15 * DAY)
    assert [(rows.landmark == i).sum() for i in range(3)] == [7, 3, 4]
    assert list(rows.label[rows.landmark == 2]) == [0, 0, 0, 0]
    window = np.full(3, NOW + 12 * DAY)
    assert list(ends.is_answered(marks.subject, marks.at, window)) == [True, True, False]
    assert not won_by(ends, marks, window).any()
    assert list(ends.followed_until(marks.subject, marks.at, NOW + 5 * DAY)) == [NOW + 5 * DAY] * 3


def test_full_is_for_tables_of_subjects_alone() -> None:
    with pytest.raises(BadInput, match="'snapshot: full' is for leads, deals, accounts, contacts, not for activities"):
        parse_mapping(mapping_text(DEALS, CALLS.replace("    subject:", "    snapshot: full\n    subject:")), "m")


# ---- ends that are dated anew ----


def ends_as_of(home: Path, at: float, recorded_by: float | None = None) -> list[tuple[str, float]]:
    """(deal, day of its win) as known at a day."""
    history = Home.open(home).history(int(at * DAY), None if recorded_by is None else int(recorded_by * DAY))
    subject, when = outcomes(history, "deal").won_at
    return [(history.deals.ids[one], moment / DAY) for one, moment in zip(subject, when, strict=True)]


@pytest.mark.usefixtures("database")
@pytest.mark.parametrize(("first", "second"), [("2024-03-01", "2024-04-01"), ("2024-04-01", "2024-03-01")])
def test_a_corrected_close_date_counts_from_when_it_was_corrected(tmp_path: Path, first: str, second: str) -> None:
    home = tmp_path / "home"
    for i, closed in enumerate((first, second, second)):
        seen = snapshot(tmp_path, TODAY + i, f"D1,2024-01-10,Won,{closed},,")
        assert seen == ((1, 0, 1, 0) if i == 2 else (1, 1, 0, 0))
    assert ends_as_of(home, TODAY + 0.5) == [("D1", day(first))]
    assert ends_as_of(home, TODAY + 1) == [("D1", day(second))]
    history = Home.open(home).history()
    early = AsOf(history, "deal", np.array([0]), np.array([int(day("2024-02-01") * DAY)]))
    assert outcomes(history, "deal").next_end(early.subject, early.at)[1] == [int(day(second) * DAY)]


def test_an_end_seen_without_a_date_is_put_where_it_belongs_once_the_date_is_told(tmp_path: Path) -> None:
    home = tmp_path / "home"
    for i, closed in enumerate(("", "2024-03-01", "2024-03-01")):
        snapshot(tmp_path, TODAY + i, f"D1,2024-01-10,Won,{closed},,")
    assert ends_as_of(home, day("2024-06-01")) == [("D1", day("2024-03-01"))]
    assert ends_as_of(home, TODAY + 5) == [("D1", day("2024-03-01"))]
    assert ends_as_of(home, TODAY + 5, recorded_by=TODAY + 0.5) == [("D1", TODAY)]
    assert ends_as_of(home, day("2024-06-01"), recorded_by=TODAY + 0.5) == []


def test_a_date_that_is_told_does_not_go_back_before_a_snapshot_that_saw_the_deal_open(tmp_path: Path) -> None:
    for i, row in enumerate(("Offer,", "Won,", "Won,2024-03-01", "Won,2024-03-01")):
        snapshot(tmp_path, TODAY + i, f"D1,2024-01-10,{row},,")
    (_, won), = ends_as_of(tmp_path / "home", TODAY + 9)
    assert TODAY < won < TODAY + 0.01


# ---- one id, several rows ----


@pytest.mark.parametrize("turned", [False, True])
def test_of_one_id_with_several_contents_the_same_row_counts_in_any_order(tmp_path: Path, turned: bool) -> None:
    rows = ["D1,2024-01-10,Talk,,900,Retail", "D1,2024-01-10,Offer,,100,Energy", "D2,2024-01-10,Talk,,1,"]
    folder = deals_file(tmp_path / "in", "\n".join(rows[::-1] if turned else rows))
    report = bring_in(tmp_path / "home", folder, mapping_text(DEALS))
    assert counts(report)[0] == 3
    assert report.repeated_ids == {"deals.csv": 1}
    assert "1 row repeats an id with other content" in "\n".join(report_lines(report, "./home"))
    found = Home.open(tmp_path / "home").history().tables["changes"]
    one = found[found["subject_id"] == "D1"].set_index("field")["value"]
    assert dict(one) in ({"stage": "Talk", "amount": "90000", "industry": "Retail"},
                         {"stage": "Offer", "amount": "10000", "industry": "Energy"})
    assert one["stage"] == "Talk"


def test_rows_that_repeat_exactly_are_not_worth_a_word(tmp_path: Path) -> None:
    report = bring_in(tmp_path / "home", deals_file(tmp_path / "in", "\n".join([D[0], D[0]])), mapping_text(DEALS))
    assert report.repeated_ids == {}


def test_the_past_of_a_field_with_only_its_last_value_is_not_invented(tmp_path: Path) -> None:
    home = tmp_path / "home"
    snapshot(tmp_path, TODAY, "D1,2024-01-10,Talk,,900,")
    snapshot(tmp_path, TODAY + 7, "D1,2024-01-10,Offer,,950,")
    for at, expected in ((day("2024-09-01"), []), (TODAY, ["90000", "Talk"]), (TODAY + 7, ["95000", "Offer"])):
        history = Home.open(home).history(int(at * DAY))
        newest = history.tables["changes"].sort_values("changed_at").drop_duplicates("field", keep="last")
        assert sorted(newest["value"]) == expected
