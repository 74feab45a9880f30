"""Each kind of check finds what is wrong, stays silent where nothing is, and says what to do."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from features.checking.fields import FieldReport
from features.checking.finding import Finding
from features.checking.report import CheckReport, advice, check
from features.home import Home
from features.importing import import_files
from serving.cli.data import read_mapping
from simulation.company import generate
from tests.companies import CALLS, DAY, DEALS, LOG, NOW, bring_in, mapping_text, write

CREATED = DEALS.split("    fields:")[0]
PEOPLE = """
  - file: accounts.csv
    rows: accounts
    columns: {account_id: id, created_at: created}
    fields: {name: {column: name, type: text, past: at_creation}}
  - file: contacts.csv
    rows: contacts
    columns: {contact_id: id, created_at: created, account_id: account}
    fields: {email: {column: email, type: text, past: at_creation}}
"""


def looked(tmp_path: Path, text: str, as_of: int | None = None, at: int = NOW, **files: str) -> CheckReport:
    """What a check says of a few files."""
    folder = write(tmp_path / f"in{at}", **files)
    bring_in(tmp_path / "home", folder, text, at)
    home = Home.open(tmp_path / "home")
    return check(home.history(), home.last_known() if as_of is None else as_of)


def of(report: CheckReport, kind: str) -> list[Finding]:
    return [one for one in report.findings if one.check == kind]


def days(count: int, start: str = "2023-01-02") -> pd.DatetimeIndex:
    """Working days."""
    return pd.bdate_range(start, periods=count)


def deals(count: int) -> str:
    return "id,created\n" + "\n".join(f"D{i},{one.date()}" for i, one in enumerate(days(count)))


# ---- duplicates and orphans ----


def test_an_id_with_two_contents_is_found_and_says_in_what_they_differ(tmp_path: Path) -> None:
    found, = of(looked(tmp_path, mapping_text(CREATED), deals="id,created\nD1,2024-01-10\nD1,2024-02-10\nD2,2024-01-10"
                       ), "duplicate_id")
    assert (found.examples, found.weight) == (["D1"], "wrong")
    assert "1 deal came with several contents (they differ in created_at)" in found.what


def test_a_deal_that_comes_again_unchanged_is_no_duplicate(tmp_path: Path) -> None:
    for at in (NOW, NOW + DAY):
        report = looked(tmp_path, mapping_text(CREATED), at=at, deals="id,created\nD1,2024-01-10")
    assert of(report, "duplicate_id") == []


def test_people_and_companies_under_two_ids_are_found_by_mail_and_name(tmp_path: Path) -> None:
    report = looked(tmp_path, mapping_text(PEOPLE), accounts="""id,created,name
        A1,2024-01-01,Muster AG
        A2,2024-01-01,muster ag
        A3,2024-01-01,Other""", contacts="""id,created,account,email
        C1,2024-01-01,A1,a@x.example
        C2,2024-01-01,A3,A@X.example
        C3,2024-01-01,A3,b@x.example
        C4,2024-01-01,A3,""")
    assert {(one.subject, one.field, *one.examples) for one in of(report, "duplicate_name")} == {
        ("account", "name", "muster ag"), ("contact", "email", "a@x.example")}


def test_activities_that_repeat_under_another_id_are_counted(tmp_path: Path) -> None:
    calls = CALLS.replace("kind: kind", "kind: kind, activity_id: call")
    report = looked(tmp_path, mapping_text(CREATED, calls), deals="id,created\nD1,2024-01-10",
                    calls="call,id,at,kind,seconds\n1,D1,2024-01-11,call,5\n2,D1,2024-01-11,call,5\n"
                          "3,D1,2024-01-12,call,5")
    found, = of(report, "duplicate_activity")
    assert found.figures["activities"] == 1


def test_rows_and_links_that_lead_nowhere_are_told_with_examples(tmp_path: Path) -> None:
    report = looked(tmp_path, mapping_text(CREATED, LOG, PEOPLE), deals="id,created\nD1,2024-01-10",
                    log="id,at,field,value\nD1,2024-01-11,Stage,Talk\nD9,2024-01-11,Stage,Talk",
                    accounts="id,created,name\nA1,2024-01-01,Muster",
                    contacts="id,created,account,email\nC1,2024-01-01,A7,a@x.example")
    assert [(one.examples, one.figures["rows"]) for one in of(report, "orphan")] == [(["A7"], 1), (["D9"], 1)]


OWNERS = """
  - file: owners.csv
    rows: owners
    columns: {owner_id: id, name: name, manager_id: boss}
"""


def test_owners_and_managers_whom_no_file_names_are_found(tmp_path: Path) -> None:
    owner = LOG.replace("stage: {column: Stage", "owner: {column: Owner").replace("file: log*", "file: log*")
    report = looked(tmp_path, mapping_text(CREATED, owner, OWNERS), deals="id,created\nD1,2024-01-10",
                    owners="id,name,boss\nR1,Ann,M1\nR2,Bob,R1",
                    log="id,at,field,value\nD1,2024-01-11,Owner,R1\nD1,2024-01-12,Owner,Bob\nD1,2024-01-13,Owner,R9")
    assert sorted(tuple(one.examples) for one in of(report, "orphan")) == [("M1",), ("R9",)]


# ---- clocks ----


def test_clocks_that_run_backwards_are_found_each_with_its_cure(tmp_path: Path) -> None:
    log = LOG.replace("value: value}", "value: value, sequence: n}\n    known_at: entered")
    report = looked(tmp_path, mapping_text(CREATED, log), deals="id,created\nD1,2024-01-10\nD2,2024-03-10",
                    log="""id,at,entered,n,field,value
                        D1,2024-01-11,2024-01-11,1,Stage,Talk
                        D1,2024-01-14,2024-01-12,2,Stage,Offer
                        D2,2024-03-20,2024-03-20,4,Stage,Offer
                        D2,2024-03-11,2024-03-11,5,Stage,Talk
                        D2,2024-02-01,2024-02-01,3,Stage,Won""")
    said = " ".join(one.what for one in of(report, "clock"))
    for part in ("1 changes lie more than a day before the creation of their deal", "1 rows of changes were entered "
                 "before what they tell came to be", "1 changes stand later in the source's own order"):
        assert part in said
    ended = looked(tmp_path / "b", mapping_text(CREATED, LOG), deals="id,created\nD2,2024-03-10",
                   log="id,at,field,value\nD2,2024-02-01,Stage,Won")
    assert any(one.what.startswith("1 deal ended before their creation") for one in of(ended, "clock"))


def test_an_end_on_the_day_of_the_creation_is_not_before_it(tmp_path: Path) -> None:
    report = looked(tmp_path, mapping_text(CREATED, LOG), deals="id,created\nD1,2024-01-10T15:00:00",
                    log="id,at,field,value\nD1,2024-01-10,Stage,Won")
    assert of(report, "clock") == []


def test_rows_that_lie_after_their_import_are_found(tmp_path: Path) -> None:
    report = looked(tmp_path, mapping_text(CREATED, CALLS), as_of=NOW + 900 * DAY, deals="id,created\nD1,2024-01-10",
                    calls="id,at,kind,seconds\nD1,2026-01-11,call,")
    found, = of(report, "clock")
    assert "1 rows of activities lie after the import that brought them" in found.what


# ---- gaps and time zones ----


def calls(moments: pd.DatetimeIndex) -> str:
    return "id,at,kind,seconds\n" + "\n".join(f"D{i % 50},{one.isoformat()},call," for i, one in enumerate(moments))


def office(count: int, start: str = "2023-01-02", first_hour: int = 8) -> pd.DatetimeIndex:
    """Four calls on each working day, spread over nine hours."""
    rng = np.random.default_rng(1)
    at = days(count, start).repeat(4)
    return at + pd.to_timedelta(first_hour * 60 + rng.integers(0, 540, len(at)), unit="min")


def test_weeks_without_any_call_are_a_gap_where_calls_are_usual(tmp_path: Path) -> None:
    at = office(200)
    hole = (at < "2023-05-01") | (at >= "2023-05-22")
    found, = of(looked(tmp_path, mapping_text(CREATED, CALLS), deals=deals(50), calls=calls(at[hole])), "gap")
    assert "No activities at all from 2023-04-29 to 2023-05-21 (23 days), where 20 a week are usual" in found.what


def test_weekends_and_christmas_are_no_gap(tmp_path: Path) -> None:
    at = office(200)
    off = (at >= "2023-05-01") & (at < "2023-05-04")
    assert of(looked(tmp_path, mapping_text(CREATED, CALLS), deals=deals(50), calls=calls(at[~off])), "gap") == []


def test_a_log_that_was_switched_on_late_starts_in_the_middle(tmp_path: Path) -> None:
    log = "id,at,field,value\n" + "\n".join(f"D{i},2023-03-01,Stage,Offer" for i in range(50))
    report = looked(tmp_path, mapping_text(CREATED, LOG), deals=deals(50), log=log)
    found, = of(report, "starts_in_the_middle")
    assert "The log of deal stage begins on 2023-03-01" in found.what
    stage, = (one for one in report.fields if one.field == "stage")
    assert stage.unknown is not None
    assert stage.unknown > 0.8
    assert stage.inferred == 0


@pytest.mark.parametrize(("first_hour", "shift"), [(18, -10), (23, 9)])
def test_an_office_that_works_by_night_has_a_wrong_time_zone(tmp_path: Path, first_hour: int, shift: int) -> None:
    report = looked(tmp_path, mapping_text(CREATED, CALLS), deals=deals(50),
                    calls=calls(office(100, first_hour=first_hour)))
    found, = of(report, "time_zone")
    assert found.figures["shift_hours"] == shift
    assert "set the mapping's time_zone" in found.cure.casefold()


def test_an_office_that_works_by_day_has_a_right_one(tmp_path: Path) -> None:
    report = looked(tmp_path, mapping_text(CREATED, CALLS), deals=deals(50), calls=calls(office(100)))
    assert [one.check for one in report.findings if one.check in ("time_zone", "dates_only", "weekend")] == []


def test_midnights_are_said_to_be_dates_and_another_zone_s_midnights_to_be_shifted(tmp_path: Path) -> None:
    for zone, expected in (("UTC", "dates_only"), ("America/New_York", "time_zone")):
        at = pd.DatetimeIndex(days(300)).tz_localize("UTC")
        report = looked(tmp_path / expected, mapping_text(CREATED, CALLS, zone=zone), deals=deals(50), calls=calls(at))
        assert [one.check for one in report.findings if one.check in ("time_zone", "dates_only")] == [expected]


def test_weekends_as_busy_as_other_days_are_odd(tmp_path: Path) -> None:
    at = office(100) + pd.Timedelta("3D")
    found, = of(looked(tmp_path, mapping_text(CREATED, CALLS), deals=deals(50), calls=calls(at)), "weekend")
    assert found.figures["share"] == pytest.approx(0.4)


# ---- states and currencies ----


def test_a_stage_that_nobody_lists_and_one_that_nobody_leaves_are_found(tmp_path: Path) -> None:
    rows = [f"D{i},2023-04-01,Stage,Offer\nD{i},2023-04-0{2 + i % 2},Stage,{'Won' if i < 25 else 'Dormant'}"
            for i in range(50)]
    report = looked(tmp_path, mapping_text(CREATED, LOG), deals=deals(50), log="id,at,field,value\n" + "\n".join(rows))
    unknown, = of(report, "unknown_stage")
    assert "Dormant (25 rows)" in unknown.what
    listed = mapping_text(CREATED, LOG).replace("- {name: Offer}", "- {name: Offer}\n  - {name: Dormant}")
    again = looked(tmp_path / "b", listed, deals=deals(50), log="id,at,field,value\n" + "\n".join(rows))
    left, = of(again, "never_left")
    assert "Of 25 deals that came to Dormant, 100% still stand there" in left.what
    assert {"no_ends"} <= {one.check for one in again.findings}
    assert of(again, "unknown_stage") == []


def test_open_deals_without_an_entry_for_a_year_are_silent(tmp_path: Path) -> None:
    log = "id,at,field,value\n" + "\n".join(f"D{i},2024-09-01,Stage,Offer" for i in range(30))
    report = looked(tmp_path, mapping_text(CREATED, LOG), deals=deals(50), log=log)
    found, = of(report, "silent")
    assert found.figures == {"subjects": 20, "open": 50}


def test_ends_without_a_date_are_told(tmp_path: Path) -> None:
    report = looked(tmp_path, mapping_text(DEALS), deals="id,created,stage,closed,amount,industry\n"
                    "D1,2024-01-10,Won,,,\nD2,2024-01-10,Lost,2024-02-10,,")
    found, = of(report, "undated_end")
    assert "Of 2 deals that ended, 50% have no date of it" in found.what


def test_what_the_past_of_each_field_is_worth_is_told_in_shares_of_subjects_and_time(tmp_path: Path) -> None:
    looked(tmp_path, mapping_text(DEALS), deals="id,created,stage,closed,amount,industry\n"
           "D1,2024-09-24,Talk,,5,Retail\nD2,2024-09-14,Talk,,,")
    report = looked(tmp_path, mapping_text(DEALS), as_of=NOW + 10 * DAY, at=NOW + 5 * DAY,
                    deals="id,created,stage,closed,amount,industry\nD1,2024-09-24,Talk,,6,Energy\nD2,2024-09-14,Talk,,,")
    by_name = {one.field: one for one in report.fields}
    amount, industry = by_name["amount"], by_name["industry"]
    # D1 was created 10 days before the first import, and 20 before the time of the check.
    assert worth(amount) == (0, 0, 1, 0.5, 0, 0.5)
    assert worth(industry) == (0, 1, 0, 0.25, 0.75, 0)
    assert (amount.coverage, industry.ever_filled) == (0.5, 0.5)
    assert str(industry.first_known).startswith("2024-09-24")
    assert str(amount.first_known).startswith("2024-10-04")


def worth(one: FieldReport) -> tuple[float | None, ...]:
    return one.known, one.inferred, one.unknown, one.known_time, one.inferred_time, one.unknown_time


# ---- the whole ----


def test_a_check_as_of_a_date_sees_nothing_later(tmp_path: Path) -> None:
    made = generate(tmp_path / "simulated", seed=1, size="tiny")
    home = Home.open(tmp_path / "home", must_exist=False)
    import_files(home, made.export_folder, *read_mapping("simulated"), recorded_at=made.end)
    home = Home.open(tmp_path / "home")
    moment = made.end - 200 * DAY
    assert check(home.history(moment), moment).to_dict() == check(home.history(), moment).to_dict()


def test_a_sound_company_is_given_no_advice_but_on_its_twins(tmp_path: Path) -> None:
    made = generate(tmp_path / "simulated", seed=2, size="tiny")
    home = Home.open(tmp_path / "home", must_exist=False)
    import_files(home, made.export_folder, *read_mapping("simulated"), recorded_at=made.end)
    home = Home.open(tmp_path / "home")
    report = check(home.history(), home.last_known())
    # Its mapping also names a stage and a field that only a change of process brings.
    assert {one.check for one in report.findings} <= {"duplicate_name", "unused_stage", "coverage"}
    json.dumps(report.to_dict(), allow_nan=False)


def test_the_most_important_stands_first_and_alike_findings_are_told_together() -> None:
    found = [Finding("gap", "missing", 0.5, "A gap.", "Why gap.", "Fill it."),
             Finding("leak", "wrong", 0.8, "x", "Why.", "Cure x.", "deal", "x"),
             Finding("leak", "wrong", 0.9, "y", "Why.", "Cure y.", "deal", "y")]
    told = advice(CheckReport("Test", "now", {}, [], found[1:] + found[:1]))
    assert told[0].startswith("Suspicion of a leak: deal x, deal y. Why. Mark each final_only")
    assert told[1] == "A gap. Why gap. Fill it."
    assert advice(CheckReport("Test", "now", {}, [], [])) == [
        "Nothing stands out. What was measured of each field is in the table."]
