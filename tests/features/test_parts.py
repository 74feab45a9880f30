from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from features.errors import BadInput, Conflict
from features.home import Home
from features.mapping import Mapping, parse_mapping
from features.parts import merged
from features.store import get_meta, set_meta
from tests.companies import CALLS, DEALS, bring_in, counts, mapping_text, write

PHONE = """
company: Test
part: phone
currency: EUR
fiscal_year_starts: 2
sources:
""" + CALLS


@pytest.fixture
def export(tmp_path: Path) -> Path:
    return write(tmp_path / "export", deals="""
        id,created,stage,closed,amount,industry
        D1,2024-01-10,Won,2024-03-01,1200.50,Retail
        D2,2024-02-10,Talk,,900,Energy""", calls="""
        id,at,kind,seconds
        D1,2024-02-01,call,60
        D2,2024-02-12,call,30""")


def _tables(home: Path) -> dict[str, pd.DataFrame]:
    return Home.open(home).history().tables


@pytest.mark.usefixtures("database")
def test_two_parts_are_one_company_whatever_comes_first(tmp_path: Path, export: Path) -> None:
    home = tmp_path / "home"
    bring_in(home, export, mapping_text(DEALS))
    report = bring_in(home, export, PHONE)
    assert counts(report) == (2, 2, 0, 0)
    assert report.outcomes["deals"].good == 1  # the report is about the company, not about the part alone
    mapping = Home.open(home).mapping
    assert [source.rows for source in mapping.sources] == ["deals", "activities"]
    assert (mapping.fiscal_year_starts, [stage.name for stage in mapping.stages][:2]) == (2, ["Talk", "Offer"])


def test_the_order_of_parts_does_not_matter(tmp_path: Path, export: Path) -> None:
    one, other = tmp_path / "one", tmp_path / "other"
    for home, texts in ((one, (mapping_text(DEALS), PHONE)), (other, (PHONE, mapping_text(DEALS)))):
        for text in texts:
            bring_in(home, export, text)
    assert Home.open(one).mapping == Home.open(other).mapping
    for name, table in _tables(one).items():
        pd.testing.assert_frame_equal(table, _tables(other)[name])


@pytest.mark.usefixtures("database")
def test_a_part_imported_again_takes_its_own_place(tmp_path: Path, export: Path) -> None:
    for text in (mapping_text(DEALS), PHONE, PHONE.replace("fiscal_year_starts: 2", "fiscal_year_starts: 3")):
        bring_in(tmp_path / "home", export, text)
    mapping = Home.open(tmp_path / "home").mapping
    assert (len(mapping.sources), mapping.fiscal_year_starts) == (2, 3)


@pytest.mark.usefixtures("database")
@pytest.mark.parametrize(("text", "message"), [
    (PHONE.replace("currency: EUR", "currency: USD"),
     r"'main' and 'phone' of Test have a different currency \('EUR' and"),
    (PHONE.replace("currency: EUR", "time_zone: Asia/Tokyo"), "'main' and 'phone' of Test have a different time_zone"),
    (PHONE.replace("currency: EUR", "stages: [{name: Talk}]"),
     "'main' and 'phone' of Test have a different stages. Write"),
    (PHONE + DEALS.replace("amount, type: money", "amount, type: number").replace(", closed_at: closed", ""),
     "The parts main, phone of Test do not fit together.*deal field 'amount' has two types"),
    (PHONE.replace("company: Test", "company: Other"), "One home holds one company")])
def test_parts_that_do_not_agree_are_named_with_the_setting(tmp_path: Path, export: Path, text: str,
                                                            message: str) -> None:
    home = tmp_path / "home"
    bring_in(home, export, mapping_text(DEALS))
    with pytest.raises(Conflict, match=f"(?s){message}"):
        bring_in(home, export, text)
    assert len(Home.open(home).mapping.sources) == 1
    assert _tables(home)["activities"].empty


def test_a_part_that_leaves_the_time_zone_out_was_read_in_utc_and_may_not_join_another_clock(tmp_path: Path,
                                                                                             export: Path) -> None:
    berlin = mapping_text(DEALS, zone="Europe/Berlin")
    for texts in ((berlin, PHONE), (PHONE, berlin)):
        home = tmp_path / f"home{texts[0] == PHONE}"
        bring_in(home, export, texts[0])
        with pytest.raises(Conflict, match="a part that leaves it out reads its files by the default"):
            bring_in(home, export, texts[1])


@pytest.mark.usefixtures("database")
def test_a_home_of_an_earlier_version_holds_the_part_main(tmp_path: Path, export: Path) -> None:
    home = tmp_path / "home"
    bring_in(home, export, mapping_text(DEALS))
    with Home.open(home).store.write() as connection:
        text = get_meta(connection, "mapping:main")
        assert text is not None
        set_meta(connection, "mapping", text)
        connection.exec_driver_sql("DELETE FROM meta WHERE key = 'mapping:main'")
    bring_in(home, export, PHONE)
    assert len(Home.open(home).mapping.sources) == 2
    bring_in(home, export, mapping_text(DEALS, CALLS))
    assert len(Home.open(home).mapping.sources) == 3
    with Home.open(home).store.read() as connection:
        assert get_meta(connection, "mapping") is None


def test_a_single_part_is_the_mapping_as_it_stands() -> None:
    mapping: Mapping = parse_mapping(mapping_text(DEALS), "here")
    assert merged({"main": mapping}) is mapping


def test_a_part_s_name_is_a_plain_word() -> None:
    with pytest.raises(BadInput, match="part: "):
        parse_mapping(PHONE.replace("part: phone", "part: 'a:b'"), "here")
