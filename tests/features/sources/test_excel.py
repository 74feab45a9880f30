from __future__ import annotations

import zipfile
from datetime import datetime
from pathlib import Path
from typing import Any

import openpyxl
import pytest
import xlsxwriter

from features.errors import BadInput
from features.mapping import Source
from features.sources.tables import read_tables
from tests.companies import DEALS, bring_in, changes, counts, mapping_text

HEADER = ["id", "created", "stage", "closed", "amount", "industry"]
ANY = Source(rows="accounts", columns={"account_id": "id", "created_at": "created"})
SHEET = mapping_text(DEALS.replace("file: deals.csv", "file: '*.xls*'"))


def workbook(path: Path, sheets: dict[str, list[list[Any]]]) -> Path:
    with xlsxwriter.Workbook(path, {"default_date_format": "yyyy-mm-dd"}) as book:
        for name, rows in sheets.items():
            sheet = book.add_worksheet(name)
            for i, row in enumerate(rows):
                sheet.write_row(i, 0, row)
    return path


def test_several_sheets_of_one_shape_are_one_source_and_each_row_keeps_its_sheet(tmp_path: Path) -> None:
    book = workbook(tmp_path / "deals.xlsx", {
        "2023": [HEADER, ["D1", "2023-01-01", "Talk", "", 5, ""], ["D2", "soon", "", "", "", ""]],
        "2024": [["Report of 2024"], [], HEADER, ["D3", "2024-01-01", "Talk", "", 5, ""], ["D4", "soon"]],
        "Empty": [], "Notes": [["read me"]]})
    text = SHEET.replace("rows: deals", "rows: deals\n    sheet: ['2023', '2024']")
    report = bring_in(tmp_path / "home", book, text)
    assert counts(report) == (4, 2, 0, 2)
    assert [(one["file"], one["line"]) for one in report.rejects] == [
        ("deals.xlsx, sheet '2023'", 3), ("deals.xlsx, sheet '2024'", 5)]
    assert {one[0] for one in changes(tmp_path / "home")} == {"D1", "D3"}
    every = SHEET.replace("rows: deals", "rows: deals\n    sheet: '*'")
    with pytest.raises(BadInput, match="sheet 'Notes' has no column"):
        bring_in(tmp_path / "other", book, every)
    with pytest.raises(BadInput, match=r"has no sheet 'Nots'. Did you mean 'Notes'\?"):
        bring_in(tmp_path / "other", book, text.replace("'2023'", "'Nots'"))


def test_the_first_visible_sheet_is_read_and_said_where_none_is_named(tmp_path: Path) -> None:
    with xlsxwriter.Workbook(tmp_path / "deals.xlsx") as book:
        hidden, shown, other = (book.add_worksheet(name) for name in ("Old", "Deals", "Other"))
        shown.activate()
        shown.set_first_sheet()
        hidden.hide()
        for sheet, one in ((hidden, "D0"), (shown, "D1"), (other, "D2")):
            sheet.write_row(0, 0, HEADER)
            sheet.write_row(1, 0, [one, "2024-01-01", "Talk", "", 5, ""])
    report = bring_in(tmp_path / "home", tmp_path / "deals.xlsx", SHEET)
    assert {one[0] for one in changes(tmp_path / "home")} == {"D1"}
    assert report.read_as == {"deals.xlsx, sheet 'Deals' as deals": ["sheet 'Deals'"]}


def test_merged_headers_are_joined_and_merged_cells_below_count_for_each_row(tmp_path: Path) -> None:
    with xlsxwriter.Workbook(tmp_path / "deals.xlsx") as book:
        sheet = book.add_worksheet()
        sheet.merge_range(0, 0, 0, 4, "All deals of 2024")
        sheet.merge_range(2, 0, 3, 0, "Deal")
        sheet.merge_range(2, 1, 2, 2, "Contact")
        sheet.write_row(3, 1, ["Name", "Mail", "Stage", "Amount"])
        sheet.write_row(2, 3, ["", "Money"])
        sheet.write_row(4, 0, ["D1", "Ann", "a@x", "Won", 5])
        sheet.merge_range(5, 0, 6, 0, "D2")
        sheet.write_row(5, 1, ["Bob", "b@x", "Talk", 6])
        sheet.write_row(6, 1, ["Cyn", "c@x", "Talk", 7])
    for wanted in ((), ("Deal", "Contact / Mail", "Money / Amount")):
        raw = read_tables(tmp_path / "deals.xlsx", ANY, wanted)[0]
        assert raw.frame.columns.tolist() == ["Deal", "Contact / Name", "Contact / Mail", "Stage", "Money / Amount"]
        assert raw.frame["Deal"].tolist() == ["D1", "D2", "D2"]
        assert raw.line.tolist() == [5, 6, 7]


def test_dates_without_their_format_formulas_and_booleans_are_read(tmp_path: Path) -> None:
    with xlsxwriter.Workbook(tmp_path / "deals.xlsx") as book:
        sheet = book.add_worksheet()
        sheet.write_row(0, 0, HEADER)
        sheet.write_row(1, 0, ["D1", 45358.5, "Talk", "", "", True])
        sheet.write_formula(1, 4, "=1+1.5", None, 2.5)
        sheet.write_row(2, 0, ["D2", datetime(2024, 3, 7, 12), "Talk", "", 7.25, False])
        sheet.write_row(3, 0, ["D3", 2024, "Talk", "", 1, ""])  # a year is no day
    report = bring_in(tmp_path / "home", tmp_path / "deals.xlsx", SHEET)
    assert counts(report) == (3, 2, 0, 1)
    assert (report.rejects[0]["column"], report.rejects[0]["value"]) == ("created", "2024")
    assert [one[2:3] for one in changes(tmp_path / "home", "amount")] == [("250",), ("725",)]
    assert {one[2:4] for one in changes(tmp_path / "home", "industry")} == {("true", 19789.5), ("false", 19789.5)}


def test_errors_and_formulas_without_a_value_are_reasons_and_no_empty_cells(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    sheet = book.active
    for row in (HEADER, ["D1", "2024-01-01", "Talk", "", "=1+1", ""], ["D2", "2024-01-01", "Talk", "", "#N/A", ""],
                ["D3", "2024-01-01", "Talk", "", 5, ""], ["D4", "2024-01-01", "Talk", "", 5, ""]):
        sheet.append(row)
    sheet["G1"], sheet["G5"] = "Not mapped", "#REF!"
    book.save(tmp_path / "deals.xlsx")
    report = bring_in(tmp_path / "home", tmp_path / "deals.xlsx", SHEET)
    assert counts(report) == (4, 2, 0, 2)
    assert [(one["line"], one["column"], one["value"], one["reason"][:44]) for one in report.rejects] == [
        (2, "amount", "", "is a formula that was saved without its valu"),
        (3, "amount", "#N/A", "shows an error of the workbook instead of a ")]
    with xlsxwriter.Workbook(tmp_path / "empty.xlsx") as other:
        page = other.add_worksheet()
        page.write_row(0, 0, HEADER)
        page.write_row(1, 0, ["D1", "2024-01-01", "Talk"])
        page.write_formula(1, 4, '=IF(1=1,"",5)', None, "")
    # Excel marks a formula whose value is the empty text; the library does not.
    with zipfile.ZipFile(tmp_path / "empty.xlsx") as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(tmp_path / "empty.xlsx", "w") as archive:
        for name, content in parts.items():
            archive.writestr(name, content.replace(b'<c r="E2">', b'<c r="E2" t="str">'))
    assert counts(bring_in(tmp_path / "home2", tmp_path / "empty.xlsx", SHEET)) == (1, 1, 0, 0)


def test_what_stands_beside_the_table_is_set_aside(tmp_path: Path) -> None:
    book = workbook(tmp_path / "deals.xlsx", {"A": [HEADER, ["D1", "2024-01-01"], [*[None] * 7, "a note"],
                                                    ["Total", None, None, None, 12]]})
    report = bring_in(tmp_path / "home", book, SHEET)
    assert counts(report) == (3, 1, 0, 2)
    assert sorted((one["line"], one["value"], one["reason"]) for one in report.rejects) == [
        (3, "a note", "has nothing below the columns that are named"), (4, "Total", "is a total of other rows")]


@pytest.mark.parametrize("content", [b"PK\x03\x04", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600,
                                     b"id,created\n1,2"])
@pytest.mark.parametrize("ending", ["xlsx", "xlsm", "xls", "xlsb", "ods"])
def test_what_is_no_workbook_is_said_to_be_none(tmp_path: Path, ending: str, content: bytes) -> None:
    (tmp_path / f"a.{ending}").write_bytes(content)
    with pytest.raises(BadInput, match="cannot be read as an Excel file"):
        read_tables(tmp_path / f"a.{ending}", ANY)
