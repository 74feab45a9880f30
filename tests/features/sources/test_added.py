from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from features.errors import BadInput, NotFound
from features.home import Home
from features.import_report import report_lines
from tests.companies import CALLS, DAY, DEALS, NOW, bring_in, changes, counts, day, mapping_text, write

JOINED = """
  - file: deals.csv
    rows: deals
    join:
      - {file: products.csv, by: product, key: name, columns: {price: price}, values: {GTXPro: GTX Pro}}
      - {file: lists.csv, by: price, columns: {list: list}}
    columns: {deal_id: id, created_at: created}
    fields:
      price: {column: price, type: money, past: at_creation}
      list: {column: list, past: at_creation}
"""
FILES = {"deals": "id,created,product\nD1,2024-01-01,GTX Pro\nD2,2024-01-01,GTXPro\nD3,2024-01-01,None such\n"
                  "D4,2024-01-01,",
         "products": "name,price,other\nGTX Pro,5,a\nGTX Pro,5,b\n,7,c", "lists": "price,list\n5,cheap"}


@pytest.mark.usefixtures("database")
def test_a_row_takes_columns_of_another_file_by_a_key_and_a_joined_column_may_be_the_next_key(tmp_path: Path) -> None:
    report = bring_in(tmp_path / "home", write(tmp_path / "in", **FILES), mapping_text(JOINED))
    assert counts(report) == (4, 4, 0, 0)
    assert [one[:3] for one in changes(tmp_path / "home")] == [
        ("D1", "list", "cheap"), ("D1", "price", "500"), ("D2", "list", "cheap"), ("D2", "price", "500")]


def test_a_single_file_finds_what_it_joins_beside_it(tmp_path: Path) -> None:
    folder = write(tmp_path / "in", **FILES)
    assert counts(bring_in(tmp_path / "home", folder / "deals.csv", mapping_text(JOINED))) == (4, 4, 0, 0)


@pytest.mark.parametrize(("name", "text", "message"), [
    ("products", "name,price\nGTX Pro,5\nGTX Pro,6", r"products.csv has several rows with different values for 'name' "
                                                     r"GTX Pro, so deals.csv cannot take columns"),
    ("products", "title,price\nx,1", "products.csv has no column 'name'"),
    ("deals", "id,created,product,price\nD1,2024-01-01,x,1", "deals.csv has a column 'price' already"),
    ("deals", "id,created\nD1,2024-01-01", "deals.csv has no column 'product'")])
def test_a_join_that_cannot_be_made_says_why(tmp_path: Path, name: str, text: str, message: str) -> None:
    folder = write(tmp_path / "in", **{**FILES, name: text})
    with pytest.raises(BadInput, match=message):
        bring_in(tmp_path / "home", folder, mapping_text(JOINED))


def test_a_file_to_join_that_is_not_there_is_named(tmp_path: Path) -> None:
    folder = write(tmp_path / "in", **FILES)
    (folder / "lists.csv").unlink()
    with pytest.raises(NotFound, match=r"lists\.csv"):
        bring_in(tmp_path / "home", folder, mapping_text(JOINED))


MADE = """
  - file: calls.csv
    rows: deals
    made:
      day: {order: n, month: month, weekday: weekday, from: 2023-11-20}
      told: {after: day, days: 1.5}
    columns: {deal_id: n, created_at: day}
    fields:
      stage: {column: answer, past: final_only, closed_at: told, values: {"yes": Won, "no": Lost}}
"""


def test_dates_are_made_from_the_order_of_rows_their_months_and_weekdays_and_the_report_says_so(tmp_path: Path) -> None:
    folder = write(tmp_path / "in", calls="""
        n,month,weekday,answer
        5,jan,mon,yes
        1,nov,Friday,no
        2,NOV,fri,no
        3,December,mon,no
        4,12,tue,yes
        6,feb,thu,
        7,smarch,mon,no""")
    report = bring_in(tmp_path / "home", folder, mapping_text(MADE))
    assert counts(report) == (7, 6, 0, 1)
    said = "\n".join(report_lines(report, "./home"))
    assert "dates that the mapping makes up, since calls.csv has none: day, told" in said
    deals = Home.open(tmp_path / "home").history().tables["deals"]
    created = dict(zip(deals["deal_id"], pd.to_datetime(deals["created_at"], unit="us").dt.strftime("%F"), strict=True))
    assert created == {"1": "2023-11-24", "2": "2023-11-24", "3": "2023-12-04", "4": "2023-12-05", "5": "2024-01-01",
                       "6": "2024-02-01"}
    ends = {one[0]: one[2:4] for one in changes(tmp_path / "home", "stage")}
    assert ends["5"] == ("Won", day("2024-01-02T12:00"))


@pytest.mark.parametrize(("right", "wrong", "message"), [
    ("order: n, ", "", "a date by order needs 'order', 'from', and 'month' or 'weekday'"),
    ("{after: day, days: 1.5}", "{after: day, order: n}", "'after' makes a date by distance"),
    ("days: 1.5", "days: 0", "greater than 0"), ("weekday: weekday", "weekdy: weekday", "Did you mean 'weekday'")])
def test_a_slip_in_what_is_made_is_named(right: str, wrong: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=message):
        bring_in(tmp_path / "home", tmp_path, mapping_text(MADE.replace(right, wrong)))


def test_a_star_in_a_condition_on_rows_stands_for_anything(tmp_path: Path) -> None:
    calls = CALLS.replace("    columns", "    where: {id: ['006*']}\n    where_not: {kind: ['*mail*']}\n    columns")
    folder = write(tmp_path / "in", calls="id,at,kind,seconds\n006A,2024-01-01,call,1\n001A,2024-01-01,call,1\n"
                                          "006B,2024-01-01,Email sent,1\n006C,2024-01-01,e-mail,1\n0060,2024-01-01,*,1")
    bring_in(tmp_path / "home", folder, mapping_text(calls))
    rows = Home.open(tmp_path / "home").history().tables["activities"]
    assert sorted(rows["subject_id"]) == ["0060", "006A"]


def test_words_of_a_contract_column_are_ours_by_values(tmp_path: Path) -> None:
    calls = CALLS.replace("    columns", "    values: {kind: {CALL: call}}\n    columns")
    folder = write(tmp_path / "in", calls="id,at,kind,seconds\nA,2024-01-01,CALL,1\nA,2024-01-01,other,1")
    bring_in(tmp_path / "home", folder, mapping_text(calls))
    assert sorted(Home.open(tmp_path / "home").history().tables["activities"]["kind"]) == ["call", "other"]
    with pytest.raises(BadInput, match="'values' has words for 'knd', which is none of 'columns'"):
        bring_in(tmp_path / "home", folder, mapping_text(calls.replace("{kind: {", "{knd: {")))


@pytest.mark.usefixtures("database")
def test_subjects_without_a_date_are_there_since_the_import_that_first_saw_them_if_the_mapping_says_so(
        tmp_path: Path) -> None:
    undated = DEALS.replace("    columns", "    undated: import\n    columns")
    rows = "id,created,stage,closed,amount,industry\nD1,,Talk,,5,Retail\nD2,2024-01-01,Talk,,5,Retail"
    home, folder = tmp_path / "home", write(tmp_path / "in", deals=rows)
    assert counts(bring_in(home, folder, mapping_text(undated))) == (2, 2, 0, 0)
    assert counts(bring_in(home, folder, mapping_text(undated), NOW + DAY)) == (2, 0, 2, 0)
    deals = Home.open(home).history().deals
    assert dict(zip(deals.ids, deals.created_at, strict=True)) == {
        "D1": NOW, "D2": int(pd.Timestamp("2024-01-01").value // 1000)}
    assert [one[3] for one in changes(home, "industry")] == [NOW / DAY, day("2024-01-01")]
    accounts = "\n  - file: a.csv\n    rows: accounts\n    undated: import\n    columns: {account_id: id}\n"
    report = bring_in(home, write(tmp_path / "a", a="id\nA1"), mapping_text(accounts), NOW + 2 * DAY)
    assert counts(report) == (1, 1, 0, 0)
    with pytest.raises(BadInput, match="'undated: import' is for leads, deals"):
        bring_in(home, folder, mapping_text(CALLS.replace("    columns", "    undated: import\n    columns")))


@pytest.mark.parametrize("ending", ["csv", "xlsx", "parquet"])
def test_an_id_of_19_digits_stays_what_it_is(tmp_path: Path, ending: str) -> None:
    long_ids = ["7205759403792793601", "7205759403792793602", "0000000000000000019"]
    frame = pd.DataFrame({"id": long_ids, "created": "2024-01-01", "stage": "Talk", "closed": "", "amount": "1",
                          "industry": ""})
    if ending == "parquet":
        frame["id"] = frame["id"].astype("int64")
        long_ids[2] = "19"
    file = tmp_path / f"deals.{ending}"
    {"csv": frame.to_csv, "xlsx": frame.to_excel, "parquet": frame.to_parquet}[ending](file, index=False)
    bring_in(tmp_path / "home", file, mapping_text(DEALS.replace("deals.csv", f"deals.{ending}")))
    assert sorted(Home.open(tmp_path / "home").history().deals.ids) == sorted(long_ids)
