from __future__ import annotations

from pathlib import Path

from features.import_report import report_lines
from tests.companies import CALLS, DEALS, LOG, bring_in, deals_file, mapping_text, write


def test_the_report_says_what_can_be_told_and_what_to_export_next(tmp_path: Path) -> None:
    folder = deals_file(tmp_path / "in", "D1,2024-01-10,Won,2024-03-01,1,Retail")
    write(folder, calls="id,at,kind,seconds\nD9,2024-01-21,call,60")
    report = bring_in(tmp_path / "home", folder, mapping_text(DEALS, CALLS))
    lines = "\n".join(report_lines(report, "./home"))
    for line in ("deal fields fixed at creation: industry", "deal fields last value only: amount, stage",
                 "1 row is about deals that no file created: kept, unused until those arrive",
                 "1 deal: 1 won, 0 lost, 0 open: too few for a model of their own: pooled rates",
                 "add the field history: 2 more fields would have a past (deal amount, deal stage)",
                 "import again weekly: changes are kept from today",
                 "assumed to be the date that it claims, in: calls.csv, deals.csv"):
        assert line in lines
    assert "add activities" not in lines


def test_a_log_outweighs_what_a_column_says_of_a_field_s_past(tmp_path: Path) -> None:
    folder = deals_file(tmp_path / "in", "D1,2024-01-10,Talk,,1,Retail")
    write(folder, log="id,at,field,value\nD1,2024-01-11,Stage,Talk")
    report = bring_in(tmp_path / "home", folder, mapping_text(DEALS, LOG))
    assert report.fields["deal"].logged == ["amount", "expected_close", "stage"]
    assert report.fields["deal"].final_only == []


def test_a_clerical_row_after_the_end_does_not_open_a_deal_again(tmp_path: Path) -> None:
    folder = write(tmp_path / "in", log="id,at,field,value\nD1,2024-01-11,Stage,Won\nD1,2024-01-12,Stage,Filed\n"
                   "D2,2024-01-11,Stage,Won\nD2,2024-01-12,Stage,Talk",
                   deals="id,created,stage,closed,amount,industry\nD1,2024-01-10,,,,\nD2,2024-01-10,,,,")
    report = bring_in(tmp_path / "home", folder, mapping_text(DEALS.split("    fields:")[0], LOG))
    assert (report.outcomes["deals"].good, report.outcomes["deals"].open) == (1, 1)


def test_a_stage_that_the_mapping_does_not_list_is_said(tmp_path: Path) -> None:
    report = bring_in(tmp_path / "home", deals_file(tmp_path / "in", "D1,2024-01-10,won,2024-03-01,1,"),
                      mapping_text(DEALS))
    assert report.unknown_stages == {"won": 1}
    lines = "\n".join(report_lines(report, "./home"))
    assert "stages that the mapping does not list, taken as open: won (1 row)" in lines


def test_ends_without_a_date_are_told_since_they_count_as_ended_now(tmp_path: Path) -> None:
    folder = deals_file(tmp_path / "in", "D1,2024-01-10,Won,,1,Retail\nD2,2024-01-10,Talk,,1,Retail\n"
                        "D3,2024-01-10,Won,2024-02-01,1,Retail")
    report = bring_in(tmp_path / "home", folder, mapping_text(DEALS))
    assert report.outcomes["deals"].undated_ends == 1
    assert "  1 of them had ended already, without a date" in "\n".join(report_lines(report, "./home"))


def test_counts_stay_in_their_columns_behind_long_and_chinese_names(tmp_path: Path) -> None:
    names = ["商机表", "all-deals-of-every-team-in-every-country-of-the-year-2026"]
    rows = "id,created,stage,closed,amount,industry\nD1,2024-01-10,Won,2024-03-01,1,x"
    write(tmp_path / "in", **dict.fromkeys(names, rows))
    report = bring_in(tmp_path / "home", tmp_path / "in",
                      mapping_text(*(DEALS.replace("deals.csv", f"{name}.csv") for name in names)))
    header, chinese, english, *_ = report_lines(report, "./home")
    if english.startswith(names[0]):
        chinese, english = english, chinese
    assert len(header) == len(english) == len(chinese) + len(names[0])  # each character has the room of two
