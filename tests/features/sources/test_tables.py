from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from features.errors import BadInput, NotFound
from tests.companies import DEALS, bring_in, changes, counts, deals_file, mapping_text, write


def test_excel_gives_what_csv_gives(tmp_path: Path) -> None:
    rows = "D1,2024-01-10,Won,2024-03-01,1200.5,Retail\n007,2024-01-11T09:30:00,Talk,,900,"
    bring_in(tmp_path / "csv", deals_file(tmp_path / "in", rows), mapping_text(DEALS))
    frame = pd.read_csv(tmp_path / "in" / "deals.csv", dtype=str)
    frame["created"] = pd.to_datetime(frame["created"], format="ISO8601")
    frame["closed"] = pd.to_datetime(frame["closed"])
    frame["amount"] = frame["amount"].astype(float)
    with pd.ExcelWriter(tmp_path / "deals.xlsx") as book:
        pd.DataFrame({"nothing": [1]}).to_excel(book, sheet_name="Cover", index=False)
        frame.to_excel(book, sheet_name="Deals", index=False)
    text = mapping_text(DEALS.replace("file: deals.csv", "sheet: Deals"))
    # Dates of a spreadsheet are dates, whatever the format of those that are text; so are its numbers.
    bring_in(tmp_path / "xlsx", tmp_path / "deals.xlsx", text + "    decimal: ','\n    date_format: '%d/%m/%Y'\n")
    assert changes(tmp_path / "xlsx") == changes(tmp_path / "csv")
    with pytest.raises(BadInput, match=r"has no sheet 'Deal'\. Did you mean 'Deals'\? It has: Cover, Deals"):
        bring_in(tmp_path / "x", tmp_path / "deals.xlsx", text.replace("sheet: Deals", "sheet: Deal"))


def test_a_number_that_excel_has_rounded_is_no_id(tmp_path: Path) -> None:
    frame = pd.DataFrame({"id": [float(2**60), 12.0], "created": ["2024-01-10"] * 2, "stage": "", "closed": "",
                          "amount": 1, "industry": ""})
    frame.to_excel(tmp_path / "deals.xlsx", index=False)
    report = bring_in(tmp_path / "home", tmp_path / "deals.xlsx", mapping_text(DEALS.replace("file: deals.csv", "")))
    assert counts(report) == (2, 1, 0, 1)
    assert "last digits are lost; export the column as text" in report.rejects[0]["reason"]
    assert {one[0] for one in changes(tmp_path / "home")} == {"12"}


def test_parquet_gives_what_csv_gives(tmp_path: Path) -> None:
    rows = "9007199254740993,2024-01-10,Won,2024-03-01,1200.5,Retail\n2,2024-01-11T09:30:00,Talk,,900,"
    bring_in(tmp_path / "csv", deals_file(tmp_path / "in", rows), mapping_text(DEALS))
    frame = pd.read_csv(tmp_path / "in" / "deals.csv", dtype={"id": "Int64", "closed": str})
    frame["created"] = pd.to_datetime(frame["created"], format="ISO8601").dt.tz_localize("UTC")
    frame["closed"] = pd.to_datetime(frame["closed"]).dt.date
    frame.loc[2] = [pd.NA, frame["created"][0], "Talk", None, 1.0, None]
    frame.to_parquet(tmp_path / "deals.parquet")
    report = bring_in(tmp_path / "parquet", tmp_path / "deals.parquet", mapping_text(DEALS.replace(".csv", ".parquet")))
    assert changes(tmp_path / "parquet") == changes(tmp_path / "csv")
    assert report.rejects[0] == {"file": "deals.parquet", "line": 3, "column": "id", "value": "",
                                       "reason": "is empty"}


def test_all_columns_that_a_file_lacks_are_named_at_once(tmp_path: Path) -> None:
    write(tmp_path / "in", deals="ID,Created,phase,closed,amount,industry\nD1,2024-01-10,,,,")
    with pytest.raises(BadInput, match=r"no column 'created'\. Did you mean 'Created'\? Nor 'id'\. Did you mean 'ID'\? "
                                       r"Nor 'stage'\. It has: ID, "):
        bring_in(tmp_path / "home", tmp_path / "in", mapping_text(DEALS))


def test_an_unknown_column_lists_the_file_s_columns_and_the_nearest(tmp_path: Path) -> None:
    folder = deals_file(tmp_path / "in", "D1,2024-01-10,,,,")
    with pytest.raises(BadInput, match=r"deals.csv has no column 'Industry'\. Did you mean 'industry'\? It has: id, "
                                       r"created, stage, closed, amount, industry\."):
        bring_in(tmp_path / "home", folder, mapping_text(DEALS.replace("column: industry", "column: Industry")))
    with pytest.raises(BadInput, match="does the mapping's 'delimiter' fit the file"):
        bring_in(tmp_path / "home", folder, mapping_text(DEALS + "    delimiter: ';'\n"))
    assert not (tmp_path / "home").exists()


@pytest.mark.parametrize(("make", "message"), [
    (lambda folder: folder / "absent", "There is no file or folder"),
    (lambda folder: write(folder, deal="id\n1"),
     r"has no file 'deals.csv'.*Did you mean 'deal.csv'\? It holds: deal.csv"),
    (lambda folder: write(folder), "It holds: no CSV, Excel, Parquet or XES file"),
    (lambda folder: write(folder, other="id\n1") / "other.csv", "other.csv is none of the files .*: deals.csv"),
    (lambda folder: write(folder, deals="") / "deals.csv", "deals.csv is empty"),
    (lambda folder: write(folder, deals="id,created,stage,closed,amount,industry,id"), "2 columns named 'id'"),
])
def test_a_file_that_cannot_be_used_is_named_and_nothing_is_written(tmp_path: Path, make: object, message: str) -> None:
    path = make(tmp_path / "in")  # type: ignore[operator]
    with pytest.raises((BadInput, NotFound), match=message):
        bring_in(tmp_path / "home", path, mapping_text(DEALS))
    assert not (tmp_path / "home").exists()


@pytest.mark.parametrize(("name", "message"), [
    ("deals.json", r"files of the kind '.json' are not read. Readable: .csv"), ("deals.parquet.gz", "are not read"),
    ("deals.xlsx", "cannot be read as an Excel file"), ("deals.xls", "cannot be read as an Excel file"),
    ("deals.ods", "cannot be read as an Excel file"), ("deals.parquet", "cannot be read as Parquet"),
    ("deals.xes", "line 1: broken XML"), ("deals.csv.gz", "cannot be unpacked: Not a gzipped file"),
    ("deals.csv.zip", "cannot be unpacked: File is not a zip file")])
def test_a_file_of_another_kind_is_refused(tmp_path: Path, name: str, message: str) -> None:
    (tmp_path / name).write_bytes(b"something else")
    with pytest.raises(BadInput, match=message):
        bring_in(tmp_path / "home", tmp_path / name, mapping_text(DEALS.replace("deals.csv", "deals.*")))


def test_a_source_reaches_no_file_outside_the_folder(tmp_path: Path) -> None:
    deals_file(tmp_path, "D1,2024-01-10,,,,")
    (tmp_path / "in").mkdir()
    for file in ("../deals.csv", str(tmp_path / "deals.csv")):
        with pytest.raises(BadInput, match="must lie in the folder that is imported"):
            bring_in(tmp_path / "home", tmp_path / "in", mapping_text(DEALS.replace("deals.csv", file)))
