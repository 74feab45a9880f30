from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from features.errors import BadInput
from features.home import Home
from features.import_report import report_lines
from tests.companies import DEALS, LOG, bring_in, changes, counts, day, deals_file, mapping_text, write


def test_ids_stay_the_text_they_are(tmp_path: Path) -> None:
    folder = deals_file(tmp_path / "in", "\n".join(f"{one},2024-01-10,,,,Retail" for one in (
        "007", "9007199254740993001", "1e5", "NA", " spaced ", "null", "1.0")))
    bring_in(tmp_path / "home", folder, mapping_text(DEALS))
    assert {one[0] for one in changes(tmp_path / "home")} == {
        "007", "9007199254740993001", "1e5", "NA", "spaced", "null", "1.0"}


def test_a_sequence_may_have_19_digits(tmp_path: Path) -> None:
    text = mapping_text(LOG.replace("value: value", "value: value, sequence: n"))
    folder = write(tmp_path / "in", log="""id,at,field,value,n
        D1,2024-02-01,Stage,Talk,9007199254740993001
        D1,2024-02-01,Stage,Offer,99999999999999999999
        D1,2024-02-01,Stage,Offer,9999999999999999999
        D1,2024-02-01,Stage,Offer,1.5""")
    assert counts(bring_in(tmp_path / "home", folder, text)) == (4, 1, 0, 3)
    assert Home.open(tmp_path / "home").history().tables["changes"]["sequence"].tolist() == [9007199254740993001]


@pytest.mark.parametrize(("decimal", "cell", "value"), [
    (".", '"1,234,567.89"', "123456789"), (".", "€ 12", "1200"), (".", "12.345", "1234"), (".", "12.355", "1236"),
    (".", "(5)", "-500"), (".", "-€5.5", "-550"), (".", "1 EUR", "100"), (".", "1'234.5", "123450"),
    (".", "0", "0"), (".", "1e3", "100000"), (",", '"1.234.567,89"', "123456789"), (",", "1 234", "123400"),
    (",", '"12,5"', "1250"), (".", '"1,23"', None), (",", "1.5", None), (".", "1.2.3", None), (".", "12 months", None),
    (".", "nan", None), (".", "inf", None), (".", "-", None)])
def test_amounts_are_read_to_the_cent_or_refused(tmp_path: Path, decimal: str, cell: str, value: str | None) -> None:
    folder = deals_file(tmp_path / "in", f"D1,2024-01-10,,,{cell},")
    text = mapping_text(DEALS + f"    decimal: '{decimal}'\n")
    assert counts(bring_in(tmp_path / "home", folder, text))[3] == (1 if value is None else 0)
    assert [one[2] for one in changes(tmp_path / "home")] == ([] if value is None else [value])


@pytest.mark.parametrize(("currency", "cell", "read"), [
    ("EUR", "-$5.5", False), ("EUR", "1 USD", False), ("EUR", "£1", False), ("EUR", "100 kr.", False),
    ("EUR", "5 MIO", False), ("USD", "$5", True), ("USD", "US$5", True), ("USD", "A$5", False), ("USD", "€5", False),
    ("AUD", "A$5", True), ("AUD", "AU$5", True), ("AUD", "$5", True), ("BRL", "R$ 5", True), ("BRL", "US$ 5", False),
    ("SEK", "5 kr", True), ("PLN", "5 zł", True), ("CHF", "CHF 5", True), ("CHF", "EUR 5", False)])
def test_an_amount_with_another_currency_s_sign_or_code_is_set_aside(tmp_path: Path, currency: str, cell: str,
                                                                     read: bool) -> None:
    text = mapping_text(DEALS).replace("currency: EUR", f"currency: {currency}")
    report = bring_in(tmp_path / "home", deals_file(tmp_path / "in", f"D1,2024-01-10,,,{cell},"), text)
    assert counts(report) == ((1, 1, 0, 0) if read else (1, 0, 0, 1))
    if not read:
        assert f"cannot be added to {currency}" in report.rejects[0]["reason"]


def dates_of(tmp_path: Path, cells: list[str], zone: str = "UTC", more: str = "") -> list[str]:
    """Import deals created at these cells; the times in UTC, "refused" for those set aside."""
    source = DEALS.split("    fields:")[0] + more
    rows = "\n".join(f'D{i},"{cell}",,,,' for i, cell in enumerate(cells))
    bring_in(tmp_path / "home", deals_file(tmp_path / "in", rows), mapping_text(source, zone=zone))
    table = Home.open(tmp_path / "home").history().tables["deals"]
    found = dict(zip(table["deal_id"], pd.to_datetime(table["created_at"], unit="us"), strict=True))
    return [found[f"D{i}"].isoformat() if f"D{i}" in found else "refused" for i in range(len(cells))]


def test_the_same_moment_is_read_from_every_common_form(tmp_path: Path) -> None:
    cells = ["2024-03-07", "2024-03-07T00:00:00", "2024-03-07 00:00", "2024-03-07T00:00:00.000", "2024/3/7",
             "2024-03-06T23:00:00Z", "2024-03-07T05:00:00+06:00", "2024-03-07 01:00:00+01", "7.3.2024",
             "07.03.2024 00:00", "7 Mar 2024", "March 7, 2024", "07-Mar-2024"]
    found = dates_of(tmp_path, cells, "Europe/Berlin")
    assert found[0] == "2024-03-06T23:00:00"
    expected = dict.fromkeys(cells, found[0]) | {"2024-03-07 01:00:00+01": "2024-03-07T00:00:00"}
    assert dict(zip(cells, found, strict=True)) == expected


def test_what_is_no_date_is_refused(tmp_path: Path) -> None:
    cells = ["2024-02-30", "20240307", "2024", "45000", "07.03.24", "tomorrow", "2024-03-07T25:00", "9999-12-31",
             "13:45"]
    assert dates_of(tmp_path, cells) == ["refused"] * len(cells)


def test_days_and_months_that_can_be_told_apart_are_read(tmp_path: Path) -> None:
    assert dates_of(tmp_path, ["31/12/2024", "12/31/2024", "05/05/2024", "31-12-2024 14:05"]) == [
        "2024-12-31T00:00:00", "2024-12-31T00:00:00", "2024-05-05T00:00:00", "2024-12-31T14:05:00"]


@pytest.mark.parametrize("cells", [["03/04/2024", "05/05/2024"], ["10/20/2024", "03/04/2024", "20/10/2024"]])
def test_days_and_months_that_cannot_be_told_apart_ask_for_a_format_and_nothing_is_stored(tmp_path: Path,
                                                                                          cells: list[str]) -> None:
    with pytest.raises(BadInput, match=r"deals.csv, column 'created' holds dates such as 03/04/2024, .*day or month "
                                       r"first. Set the source's date_format: '%d/%m/%Y' or '%m/%d/%Y'"):
        dates_of(tmp_path, cells)
    assert not (tmp_path / "home").exists()


@pytest.mark.parametrize(("settling", "read"), [("10/20/2024", "2024-03-04"), ("20/10/2024", "2024-04-03")])
def test_one_date_that_has_a_single_reading_settles_those_of_its_column(tmp_path: Path, settling: str,
                                                                        read: str) -> None:
    assert dates_of(tmp_path, [settling, "03/04/2024"]) == ["2024-10-20T00:00:00", f"{read}T00:00:00"]


def test_a_column_in_doubt_follows_the_other_columns_of_its_file(tmp_path: Path) -> None:
    folder = deals_file(tmp_path / "in", """D1,25/12/2023,Won,03/04/2024,"1,234",
                                            D2,25/12/2023,Lost,05/04/2024,"5,5",""")
    report = bring_in(tmp_path / "home", folder, mapping_text(DEALS))
    assert {one[3] for one in changes(tmp_path / "home", "stage")} == {day("2024-04-03"), day("2024-04-05")}
    assert {one[2] for one in changes(tmp_path / "home", "amount")} == {"123", "550"}
    assert report.read_as == {"deals.csv as deals": ["read as utf-8", "',' between columns", "1.234,50",
                                                     "dates day first"]}
    said = report_lines(report, "./home")
    assert "  deals.csv as deals: read as utf-8, ',' between columns, 1.234,50, dates day first" in said


@pytest.mark.parametrize("cells", [['"1,234"', '"2,345"'], ["1.5", '"1,5"', '"1,234"']])
def test_thousands_that_may_be_decimals_ask_for_the_mark_and_nothing_is_stored(tmp_path: Path,
                                                                               cells: list[str]) -> None:
    rows = "\n".join(f"D{i},2024-01-10,,,{cell}," for i, cell in enumerate(cells))
    with pytest.raises(BadInput, match=r"deals.csv, column 'amount' holds numbers such as 1.* which may be thousands "
                                       r"or decimals. Set the source's decimal: '.' or ','"):
        bring_in(tmp_path / "home", deals_file(tmp_path / "in", rows), mapping_text(DEALS))
    assert not (tmp_path / "home").exists()


@pytest.mark.parametrize(("cells", "amounts"), [
    (["1.234", "1.234,5"], ["123400", "123450"]), (["1,234", "1,234.5"], ["123400", "123450"]),
    (["0,123", "1,234"], ["12", "123"]), (["1.234.567", "1.234"], ["123456700", "123400"]),
    (["1,234,567", "1,234"], ["123456700", "123400"]), (["1234,567"], ["123457"]), (["12"], ["1200"]),
    (["€ 5,-", "7,50"], ["500", "750"])])
def test_the_decimal_mark_is_found_where_one_number_has_a_single_reading(tmp_path: Path, cells: list[str],
                                                                         amounts: list[str]) -> None:
    rows = "\n".join(f'D{i},2024-01-10,,,"{cell}",' for i, cell in enumerate(cells))
    report = bring_in(tmp_path / "home", deals_file(tmp_path / "in", rows), mapping_text(DEALS))
    assert [one[2] for one in changes(tmp_path / "home", "amount")] == amounts, report.rejects


def test_a_slip_in_a_column_of_numbers_is_set_aside_and_does_not_stop_the_import(tmp_path: Path) -> None:
    rows = "\n".join(f"D{i},2024-01-10,,,{i}.5," for i in range(30)) + '\nD30,2024-01-10,,,"7,5",'
    report = bring_in(tmp_path / "home", deals_file(tmp_path / "in", rows), mapping_text(DEALS))
    assert counts(report) == (31, 30, 0, 1)
    assert report.rejects[0]["reason"] == "is not a number (decimal mark '.')"


def test_chinese_dates_and_clocks_are_read(tmp_path: Path) -> None:
    cells = ["2024年3月7日", "2024/3/7 9:05", "2024年3月7日 14时5分", "2024年03月07日 14:05:06", "2024/3/7 下午 2:05",
             "2024年3月7日上午9:05", "2024-03-07 08:00:00 UTC"]
    assert dates_of(tmp_path, cells, "Asia/Shanghai") == [
        "2024-03-06T16:00:00", "2024-03-07T01:05:00", "2024-03-07T06:05:00", "2024-03-07T06:05:06",
        "2024-03-07T06:05:00", "2024-03-07T01:05:00", "2024-03-07T08:00:00"]


def test_a_column_of_excel_s_day_numbers_alone_is_dates_and_said_to_be(tmp_path: Path) -> None:
    assert dates_of(tmp_path, ["45358", "45358.5"]) == ["2024-03-07T00:00:00", "2024-03-07T12:00:00"]
    assert dates_of(tmp_path / "mixed", ["45358", "2024-03-07"]) == ["refused", "2024-03-07T00:00:00"]


def test_a_date_format_reads_dates_with_and_without_a_clock_and_still_iso(tmp_path: Path) -> None:
    assert dates_of(tmp_path, ["03/04/2024", "3/4/2024 14:30", "03/04/2024 02:30 PM", "2024-04-03", "2024-04-03T01:00Z",
                               "13/13/2024"], more="    date_format: '%d/%m/%Y'\n") == [
        "2024-04-03T00:00:00", "2024-04-03T14:30:00", "2024-04-03T14:30:00", "2024-04-03T00:00:00",
        "2024-04-03T01:00:00", "refused"]


def test_a_date_format_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="date_format '%q' cannot be used"):
        dates_of(tmp_path, ["2024-01-01"], more="    date_format: '%q'\n")


def test_a_date_is_the_start_of_its_day_where_the_company_is_also_when_clocks_change(tmp_path: Path) -> None:
    assert dates_of(tmp_path, ["2024-03-31", "2024-04-01", "2024-10-27", "2024-10-28",
                               "2024-03-31 02:30", "2024-10-27 02:30"], "Europe/Berlin") == [
        "2024-03-30T23:00:00", "2024-03-31T22:00:00", "2024-10-26T22:00:00", "2024-10-27T23:00:00",
        "2024-03-31T01:00:00",  # did not exist: the moment of the change
        "2024-10-27T00:30:00"]  # happened twice: the first


def test_a_day_whose_midnight_does_not_exist_starts_when_it_starts(tmp_path: Path) -> None:
    assert dates_of(tmp_path, ["2018-11-04"], "America/Sao_Paulo") == ["2018-11-04T03:00:00"]
