from __future__ import annotations

import json
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from features import importing
from features.errors import BadInput
from features.home import Home
from features.import_report import report_lines
from features.mapping import load_mapping
from features.store import imports, rejects
from tests.companies import (
    CALLS,
    DAY,
    DEALS,
    LOG,
    NOW,
    bring_in,
    changes,
    counts,
    day,
    deals_file,
    mapping_text,
    write,
)
from tests.running import ROOT

SHIPPED = ROOT / "configs" / "mappings"


# ---- logs ----


def test_a_field_history_sets_each_field_in_its_own_type(tmp_path: Path) -> None:
    folder = write(tmp_path / "in", log="""
        id,at,field,value
        D1,2024-02-01 10:30,Stage,Talk
        D1,2024-02-01 10:30,Amount,"1,250.5"
        D1,2024-02-01 10:30,Close date,2024-06-30
        D1,2024-02-01 10:30,Colour,red
        D1,2024-02-02,Stage,
    """)
    report = bring_in(tmp_path / "home", folder, mapping_text(LOG))
    at = day("2024-02-01T10:30")
    assert changes(tmp_path / "home") == [
        ("D1", "amount", "125050", at, at), ("D1", "expected_close", "2024-06-30T00:00:00Z", at, at),
        ("D1", "stage", "Talk", at, at), ("D1", "stage", None, day("2024-02-02"), day("2024-02-02"))]
    assert counts(report) == (4, 4, 0, 0)  # rows about a field that is not mapped are not asked for ...
    assert report.unmapped_fields == {"Colour": 1}  # ... and said
    assert "map 1 more fields of the field history: Colour" in "\n".join(report_lines(report, "./home"))


EACH_ROW = """
  - file: log.csv
    rows: changes
    subject: deal
    where: {kind: [1, true]}
    where_not: {who: ["robot", ""]}
    columns: {subject_id: id, changed_at: at, sequence: n}
    known_at: entered
    fields:
      stage: {column: stage, past: logged, values: {Closed Won: Won, "-": ""}}
      owner: {column: who, past: logged}
"""


def test_a_log_can_set_several_fields_a_row_and_leave_rows_out(tmp_path: Path) -> None:
    folder = write(tmp_path / "in", log="""
        id,at,n,entered,kind,who,stage
        D1,2024-02-01,7,2024-02-05,1,ann,Closed Won
        D1,2024-02-01,8,,TRUE,bob,-
        D1,2024-02-01,9,,true,robot,Talk
        D1,2024-02-01,9,,1,,Talk
        D1,2024-02-01,9,,2,ann,Talk
    """)
    report = bring_in(tmp_path / "home", folder, mapping_text(EACH_ROW))
    assert counts(report) == (2, 2, 0, 0)
    at, entered = day("2024-02-01"), day("2024-02-05")
    assert changes(tmp_path / "home") == [("D1", "owner", "ann", at, entered), ("D1", "owner", "bob", at, at),
                                          ("D1", "stage", "Won", at, entered), ("D1", "stage", None, at, at)]
    assert sorted(Home.open(tmp_path / "home").history().tables["changes"]["sequence"]) == [7, 7, 8, 8]


def test_ties_keep_the_order_of_the_file(tmp_path: Path) -> None:
    folder = write(tmp_path / "in", log="""
        id,at,field,value
        D1,2024-02-01,Stage,Won
        D2,2024-02-01,Stage,Offer
        D1,2024-02-01,Stage,Talk
    """, deals="id,created,stage,closed,amount,industry\nD1,2024-01-01,,,,\nD2,2024-01-01,,,,")
    only_created = DEALS.split("    fields:")[0]
    bring_in(tmp_path / "home", folder, mapping_text(only_created, LOG))
    stage = Home.open(tmp_path / "home").history().changes("deal", "stage")
    last = stage.newest[stage.position(np.array([0, 1]), NOW)]
    assert stage.value[last].tolist() == ["Talk", "Offer"]


def test_a_longer_export_of_the_same_log_changes_no_entry_that_is_known(tmp_path: Path) -> None:
    home, text = tmp_path / "home", mapping_text(LOG)
    rows = ["D1,2024-02-03,Stage,Offer", "D1,2024-02-01,Stage,Talk", "D1,2024-02-01,Stage,Offer"]
    for i, part in enumerate((rows[1:], rows, ["D1,2024-02-04,Amount,5", *rows])):
        report = bring_in(home, write(tmp_path / str(i), log="id,at,field,value\n" + "\n".join(part)), text)
        assert counts(report)[1] == (2 if i == 0 else 1)
    assert len(changes(home)) == 4


def test_an_entry_made_late_counts_from_when_it_was_made(tmp_path: Path) -> None:
    late = LOG + "    known_at: entered\n"
    folder = write(tmp_path / "in", log="id,at,field,value,entered\nD1,2024-02-01,Stage,Won,2024-03-01",
                   deals="id,created,stage,closed,amount,industry\nD1,2024-01-01,,,,")
    bring_in(tmp_path / "home", folder, mapping_text(DEALS.split("    fields:")[0], late))
    history = Home.open(tmp_path / "home")
    assert len(history.history(as_of=int(day("2024-02-28") * DAY)).changes("deal", "stage")) == 0
    assert len(history.history(as_of=int(day("2024-03-01") * DAY)).changes("deal", "stage")) == 1


@pytest.mark.parametrize("order", [(LOG, LOG + "    known_at: entered\n"), (LOG + "    known_at: entered\n", LOG)])
def test_following_the_advice_to_export_times_of_entry_mends_the_past(tmp_path: Path, order: tuple[str, str]) -> None:
    folder = write(tmp_path / "in", log="id,at,field,value,entered\nD1,2024-02-01,Stage,Won,2024-03-01\n"
                                        "D1,2024-01-20,Stage,Talk,")
    for text in order:
        report = bring_in(tmp_path / "home", folder, mapping_text(text))
    # The better time of entry is new; that there is none is not.
    assert counts(report) == ((2, 1, 1, 0) if order[0] == LOG else (2, 0, 2, 0))
    assert report.waiting_rows == {"deal": 2}
    assert [one[2:] for one in changes(tmp_path / "home")] == [
        ("Talk", day("2024-01-20"), day("2024-01-20")), ("Won", day("2024-02-01"), day("2024-03-01"))]
    early = Home.open(tmp_path / "home").history(as_of=int(day("2024-02-28") * DAY)).tables["changes"]
    assert early["value"].tolist() == ["Talk"]


# ---- the same again, and in another order ----

a_row = st.tuples(st.sampled_from(["D1", "D2", "9007199254740993001"]), st.integers(0, 3),
                  st.sampled_from(["Stage,Talk", "Stage,Won", "Stage,", "Amount,12.5", "Amount,x", "Colour,red"]))


@settings(max_examples=12, deadline=None)
@given(st.lists(st.lists(a_row, max_size=5), min_size=1, max_size=3), st.data())
def test_import_is_idempotent_and_the_order_of_files_does_not_matter(
        files: list[list[tuple[str, int, str]]], data: st.DataObject) -> None:
    text = mapping_text(LOG)
    order = data.draw(st.permutations(range(len(files))))
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        for i, rows in enumerate(files):
            lines = [f"{one},2024-02-0{at + 1},{what}" for one, at, what in rows]
            write(root / "in", **{f"log{i}": "\n".join(["id,at,field,value", *lines])})
        report = bring_in(root / "at once", root / "in", text)
        read, stored, _, rejected = counts(report)
        assert read == sum(not what.startswith("Colour") for rows in files for _, _, what in rows)
        assert rejected == sum(what == "Amount,x" for rows in files for _, _, what in rows)
        again = bring_in(root / "at once", root / "in", text, NOW + DAY)
        assert counts(again) == (read, 0, read - rejected, rejected)
        for i in order:
            bring_in(root / "one by one", root / "in" / f"log{i}.csv", text)
        assert changes(root / "at once") == changes(root / "one by one")
        assert len(changes(root / "at once")) == stored


def test_entities_in_several_files_come_out_the_same_in_any_order(tmp_path: Path) -> None:
    text = mapping_text("""
  - file: d*.csv
    rows: deals
    columns: {deal_id: id, created_at: created}
    fields:
      industry: {column: industry, past: at_creation}
      amount: {column: amount, type: money, past: at_creation}
""", CALLS, LOG)
    folder = write(tmp_path / "in", d1="id,created,amount,industry\nD1,2024-01-10,5,Retail",
                   d2="id,created,amount,industry\nD2,2024-01-10,,", log="id,at,field,value\nD1,2024-01-20,Amount,7",
                   calls="id,at,kind,seconds\nD1,2024-01-21,call,60\nD1,2024-01-21,call,60\nD3,2024-01-21,mail,")
    found = []
    for names in (["d1", "d2", "log", "calls"], ["calls", "log", "d2", "d1"], ["d2", "calls", "d1", "log"]):
        home = tmp_path / "-".join(names)
        for name in names:
            bring_in(home, folder / f"{name}.csv", text)
        found.append(Home.open(home).history().tables)
    bring_in(tmp_path / "at once", folder, text)
    for name, table in Home.open(tmp_path / "at once").history().tables.items():
        for other in found:
            pd.testing.assert_frame_equal(table, other[name])


def test_calls_without_an_id_are_told_apart_and_found_again(tmp_path: Path) -> None:
    folder = write(tmp_path / "in", calls="id,at,kind,seconds\nD1,2024-01-21,call,60\nD1,2024-01-21,call,60")
    assert counts(bring_in(tmp_path / "home", folder, mapping_text(CALLS))) == (2, 2, 0, 0)
    assert counts(bring_in(tmp_path / "home", folder, mapping_text(CALLS))) == (2, 0, 2, 0)
    longer = write(tmp_path / "in2", calls="id,at,kind,seconds\nD2,2024-01-21,call,60\nD1,2024-01-21,call,60\n"
                                           "D1,2024-01-21,call,60")
    assert counts(bring_in(tmp_path / "home", longer, mapping_text(CALLS))) == (3, 1, 2, 0)


RATES = """
  - file: rates.csv
    rows: rates
    columns: {currency: currency, rate: rate, valid_from: since}
"""


@pytest.mark.usefixtures("database")
def test_rates_of_currencies_are_numbers_from_a_date_on(tmp_path: Path) -> None:
    folder = write(tmp_path / "in", rates="currency,rate,since\nUSD,0.92,2024-01-01\nUSD,,2024-02-01\n"
                                          "GBP,x,2024-02-01\nGBP,1.17,2024-02-01")
    report = bring_in(tmp_path / "home", folder, mapping_text(RATES))
    assert counts(report) == (4, 2, 0, 2)
    assert [one["reason"] for one in report.rejects] == ["is empty", "is not a number (decimal mark '.')"]
    rates = Home.open(tmp_path / "home").history(as_of=int(day("2024-01-31") * DAY)).tables["rates"]
    assert rates[["currency", "rate"]].values.tolist() == [["USD", 0.92]]


# ---- rows that cannot be read ----


@pytest.mark.usefixtures("database")
def test_a_bad_row_is_set_aside_whole_with_file_line_column_value_and_reason(tmp_path: Path) -> None:
    folder = deals_file(tmp_path / "in", "\n".join([
        "D1,2024-01-10,Talk,,900,Retail",
        "D2,2024-31-10,Talk,,900,Retail",
        "",
        "D3,2024-01-10,Talk,,nine,Retail",
        ",2024-01-10,Talk,,1,Retail",
        "D5,,Talk,,1,Retail",
        "D6,2024-01-10,Won,someday,1,Retail",
        "D7,2024-01-10,Won",
        'D8,0024-01-10,Talk,,1,"Retail,\nand more"',
        "D9,2024-01-10,Talk,,900,Retail"]))
    home = tmp_path / "home"
    report = bring_in(home, folder, mapping_text(DEALS))
    assert counts(report) == (9, 2, 0, 7)
    with Home.open(home).store.read() as connection:
        kept = connection.execute(select(rejects).order_by(rejects.c.line)).all()
        assert connection.execute(select(imports.c.path)).scalars().all() == ["in"]
    assert [(one.file, one.line, one.column, one.value, one.reason) for one in kept] == [
        ("deals.csv", 3, "created", "2024-31-10", "is not a date"),
        ("deals.csv", 5, "amount", "nine", "is not a number (decimal mark '.')"),
        ("deals.csv", 6, "id", "", "is empty"),
        ("deals.csv", 7, "created", "", "is empty"),
        ("deals.csv", 8, "closed", "someday", "is not a date"),
        ("deals.csv", 9, None, "D7", "has 3 values, but there are 6 columns"),
        ("deals.csv", 10, "created", "0024-01-10", "is not a date")]
    assert {one.source for one in kept} == {"deals.csv as deals"}
    assert json.loads(kept[1].cells) == {"id": "D3", "created": "2024-01-10", "stage": "Talk", "closed": None,
                                         "amount": "nine", "industry": "Retail"}
    assert kept[5].cells is None
    assert {one[0] for one in changes(home)} == {"D1", "D9"}
    assert "deals.csv, line 3: created '2024-31-10' is not a date" in "\n".join(report_lines(report, "./home"))
    assert report.to_dict()["total"] == {"read": 9, "stored": 2, "already_known": 0, "rejected": 7}


WITH_CURRENCY = DEALS + "      currency: {column: currency, past: final_only, values: {Euro: EUR}}\n"


def test_a_deal_in_another_currency_is_set_aside_and_not_summed(tmp_path: Path) -> None:
    rows = ["D1,2024-01-10,,,900,,EUR", "D2,2024-01-10,,,900,,USD", "D3,2024-01-10,,,900,,", "D4,2024-01-10,,,900,,eur",
            "D5,2024-01-10,,,900,,Euro", "D6,2024-01-10,,,$900,,EUR", "D7,2024-01-10,,,,,$", "D8,2024-01-10,,,1,,€"]
    folder = write(tmp_path / "in", deals="\n".join(["id,created,stage,closed,amount,industry,currency", *rows]))
    report = bring_in(tmp_path / "home", folder, mapping_text(WITH_CURRENCY))
    assert counts(report) == (8, 5, 0, 3)
    found = sorted((one["line"], one["column"], one["value"], one["reason"]) for one in report.rejects)
    assert [one[:3] for one in found] == [(3, "currency", "USD"), (7, "amount", "$900"), (8, "currency", "$")]
    assert found[0][3].startswith("amounts in USD cannot be added to EUR: convert them before the import")
    assert {one[0] for one in changes(tmp_path / "home", "amount")} == {"D1", "D3", "D4", "D5", "D8"}


def test_a_field_history_s_amounts_in_another_currency_are_set_aside(tmp_path: Path) -> None:
    folder = write(tmp_path / "in", log="id,at,field,value\nD1,2024-02-01,Amount,5 USD\nD1,2024-02-02,Amount,5 EUR\n"
                                        "D1,2024-02-02,Stage,USD\nD1,2024-02-03,Currency,USD")
    log = LOG + "      currency: {column: Currency, past: logged}\n"
    report = bring_in(tmp_path / "home", folder, mapping_text(log))
    assert counts(report) == (4, 2, 0, 2)
    assert [(one["line"], one["column"]) for one in report.rejects] == [(2, "value"), (5, "value")]


def test_the_currency_of_an_account_without_amounts_says_nothing(tmp_path: Path) -> None:
    accounts = """
  - file: accounts.csv
    rows: accounts
    columns: {account_id: id, created_at: created}
    fields:
      currency: {column: currency, past: at_creation}
"""
    folder = write(tmp_path / "in", accounts="id,created,currency\nA1,2024-01-10,USD")
    assert counts(bring_in(tmp_path / "home", folder, mapping_text(accounts))) == (1, 1, 0, 0)


def test_a_mended_row_is_taken_by_the_next_import(tmp_path: Path) -> None:
    bring_in(tmp_path / "home", deals_file(tmp_path / "a", "D1,soon,Talk,,900,"), mapping_text(DEALS))
    report = bring_in(tmp_path / "home", deals_file(tmp_path / "b", "D1,2024-01-01,Talk,,900,"), mapping_text(DEALS))
    assert counts(report) == (1, 1, 0, 0)


def test_the_line_is_right_below_cells_with_line_breaks(tmp_path: Path) -> None:
    folder = deals_file(tmp_path / "in", 'D1,2024-01-10,Talk,,900,"a\nb\nc"\nD2,never,Talk,,900,')
    assert bring_in(tmp_path / "home", folder, mapping_text(DEALS)).rejects[0]["line"] == 5


# ---- all or nothing ----


@pytest.mark.parametrize(("right", "wrong", "message"), [
    ("currency: EUR", "currency: EURO", "currency 'EURO' is not known"),
    ("currency: EUR", "currency: EUR\nholidays: Germania", "'Germania' is not a known country code")])
def test_a_mapping_that_could_not_be_used_later_is_refused_at_once(tmp_path: Path, right: str, wrong: str,
                                                                  message: str) -> None:
    with pytest.raises(BadInput, match=message):
        bring_in(tmp_path / "home", deals_file(tmp_path / "in", "D1,2024-01-10,,,,"),
                 mapping_text(DEALS).replace(right, wrong))
    assert not (tmp_path / "home").exists()


@pytest.mark.usefixtures("database")
def test_an_import_that_fails_midway_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home, text = tmp_path / "home", mapping_text(DEALS)
    bring_in(home, deals_file(tmp_path / "a", "D1,2024-01-10,Talk,,1,"), text)
    before = changes(home)

    def fail(*_: object) -> None:
        raise RuntimeError("power cut")

    with monkeypatch.context() as patch:
        patch.setattr(importing, "_remember", fail)
        with pytest.raises(RuntimeError, match="power cut"):
            bring_in(home, deals_file(tmp_path / "b", "D2,2024-01-10,Talk,,1,"), text)
    assert changes(home) == before
    assert len(Home.open(home).history().deals) == 1


# ---- shipped mappings, real data ----


@pytest.mark.parametrize("ending", ["csv", "xlsx"])
def test_the_mapping_for_a_single_table_fits_its_example(tmp_path: Path, ending: str) -> None:
    example = ROOT / "configs" / "examples" / "my_deals.csv"
    if ending == "xlsx":
        frame = pd.read_csv(example, parse_dates=["Created", "Closed on", "Expected close"])
        example = tmp_path / "my_deals.xlsx"
        frame.to_excel(example, index=False)
    report = bring_in(tmp_path / "home", example, (SHIPPED / "one_table.yaml").read_text(encoding="utf-8"))
    assert counts(report) == (72, 72, 0, 0)
    assert (report.outcomes["deals"].good, report.outcomes["deals"].bad, report.outcomes["deals"].open) == (29, 24, 19)
    amounts = [one for one in changes(tmp_path / "home", "amount") if one[0] == "D-1001"]
    assert [one[2] for one in amounts] == ["1206000"]


@pytest.mark.real_data
def test_bpic2012_gives_the_leads_deals_and_outcomes_that_its_readme_counts(tmp_path: Path, bpic2012: Path) -> None:
    mapping = SHIPPED / "bpic2012.yaml"
    report = bring_in(tmp_path / "home", bpic2012, mapping.read_text(encoding="utf-8"))
    assert report.total("rejected") == 0
    leads, deals = report.outcomes["leads"], report.outcomes["deals"]
    assert (leads.subjects, leads.good) == (13_087, 2_246)
    assert (deals.subjects, deals.good, deals.bad, deals.open) == (7_367, 2_246, 4_722, 399)
    home = Home.open(tmp_path / "home")
    assert home.mapping == load_mapping(mapping)
    history = home.history()
    assert (len(history.leads), len(history.deals)) == (13_087, 7_367)
    # The log's own end: nothing of the past is as of the day of the import.
    assert home.last_known() == int(pd.Timestamp("2012-03-14T15:04:54.681Z").value // 1000)
    assert counts(bring_in(tmp_path / "home", bpic2012, mapping.read_text(encoding="utf-8")))[1] == 0


QUOTAS = """
  - file: quotas.csv
    rows: quotas
    columns: {period: quarter, owner_id: who, amount: amount, valid_from: set}
    currency_column: currency
  - file: calls.csv
    rows: calls
    columns: {period: quarter, owner_id: who, amount: amount, made_at: at, made_by: by, note: note}
    constants: {kind: call}
"""


def test_quotas_and_calls_are_rows_of_their_own_and_what_cannot_be_used_is_set_aside(tmp_path: Path) -> None:
    folder = write(
        tmp_path / "in", deals="id,created,stage,closed,amount,industry",
        quotas="quarter,who,amount,currency,set\n2024-Q3,o1,1200.50,EUR,2024-01-01\n2024q4,,9000,EUR,2024-01-01\n"
               "Autumn,o1,5,EUR,2024-01-01\n2024-Q4,o1,5,USD,2024-01-01\n2024-Q4,o2,,EUR,2024-01-01",
        calls="quarter,who,amount,at,by,note\n2024-Q3,o1,700,2024-07-08,o1,\n2024-Q3,o1,650,2024-07-09,m1,too high")
    report = bring_in(tmp_path / "home", folder, mapping_text(DEALS, QUOTAS))
    tables = Home.open(tmp_path / "home").history(as_of=int(day("2024-07-08T12:00") * DAY)).tables
    assert tables["quotas"][["period", "owner_id", "amount"]].astype(object).where(
        tables["quotas"].notna(), None).sort_values("period").values.tolist() == [
            ["2024-Q3", "o1", 120050.0], ["2024-Q4", None, 900000.0]]
    assert tables["calls"][["period", "owner_id", "amount", "kind"]].values.tolist() == [
        ["2024-Q3", "o1", 70000.0, "call"]]
    reasons = " ".join(str(one["reason"]) for one in report.rejects)
    for part in ("no fiscal quarter", "USD", "is empty"):
        assert part in reasons
    again = bring_in(tmp_path / "home", folder, mapping_text(DEALS, QUOTAS), NOW + DAY)
    assert again.total("stored") == 0
