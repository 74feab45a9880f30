from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from features.asof import AsOf, number
from features.home import Home
from features.rates import worth
from tests.companies import DAY, DEALS, LOG, NOW, bring_in, changes, counts, mapping_text, write

RATES = """
  - file: rates*.csv
    rows: rates
    columns: {currency: currency, rate: rate, valid_from: since}
"""
WITH_CURRENCY = DEALS + "      currency: {column: currency, past: final_only}\n"
HEADER = "id,created,stage,closed,amount,industry,currency\n"
LOGGED = LOG.replace("    columns:", "    currency_column: currency\n    columns:") + DEALS.replace(
    "      amount: {column: amount, type: money, past: final_only}\n", "")
LOGGED_HEADER = "id,at,field,value,currency\n"
NO_DEALS = "id,created,stage,closed,amount,industry\nD1,2024-01-01,,,,\nD2,2024-01-01,,,,"


def _at(*days: str) -> np.ndarray:
    return np.array([int(pd.Timestamp(day).value // 1000) for day in days], dtype=np.int64)


def _amounts(home: Path, deal: str, at: np.ndarray) -> list[float]:
    """A deal's amount as of each time, in cents."""
    past = Home.open(home).history()
    found = number(past.changes("deal", "amount"), AsOf(past, "deal", past.codes("deal", [deal] * len(at)), at))
    for moment, whole in zip(at, found, strict=True):
        cut = past.until(int(moment))
        if deal in cut.deals.ids:
            one = AsOf(cut, "deal", cut.codes("deal", [deal]), np.array([moment]))
            assert np.array_equal(number(cut.changes("deal", "amount"), one), [whole], equal_nan=True)
    return found.tolist()


def test_amounts_of_another_currency_are_taken_where_there_are_rates_and_set_aside_where_there_are_none(
        tmp_path: Path) -> None:
    deals = HEADER + ("D1,2024-01-10,,,900,,EUR\nD2,2024-01-10,,,900,,usd\nD3,2024-01-10,,,JPY 900,,\n"
                      "D4,2024-01-10,,,$9,,")
    folder = write(tmp_path / "in", deals=deals, rates="currency,rate,since\nUSD,0.9,2024-01-01\nJPY,0.006,2024-01-01")
    assert counts(bring_in(tmp_path / "none", folder, mapping_text(WITH_CURRENCY))) == (4, 1, 0, 3)
    report = bring_in(tmp_path / "home", folder, mapping_text(WITH_CURRENCY, RATES))
    assert counts(report) == (6, 5, 0, 1)
    assert "the currency of an amount cannot be told from '$'" in report.rejects[0]["reason"]
    assert [one[2] for one in changes(tmp_path / "home", "amount")] == ["90000", "90000 USD", "900 JPY"]
    now = np.array([NOW])
    assert [_amounts(tmp_path / "home", one, now) for one in ("D1", "D2", "D3")] == [[90_000], [81_000], [540]]
    # The rates are in the store: a later import need not bring them again.
    more = write(tmp_path / "in2", deals=HEADER + "D5,2024-01-10,,,1,,USD")
    assert counts(bring_in(tmp_path / "home", more, mapping_text(WITH_CURRENCY))) == (1, 1, 0, 0)


def test_a_source_may_be_in_one_currency_whatever_its_rows_do_not_say(tmp_path: Path) -> None:
    folder = write(tmp_path / "in", rates="currency,rate,since\nUSD,0.9,2024-01-01",
                   deals="id,created,stage,closed,amount,industry\nD1,2024-01-10,,,$5,\nD2,2024-01-10,,,5,\n"
                         "D3,2024-01-10,,,EUR 5,")
    dollars = DEALS.replace("    columns:", "    currency: USD\n    columns:")
    bring_in(tmp_path / "home", folder, mapping_text(dollars, RATES))
    assert [one[2] for one in changes(tmp_path / "home", "amount")] == ["500 USD", "500 USD", "500"]


def test_an_amount_is_worth_what_its_rate_was_at_its_own_time(tmp_path: Path) -> None:
    folder = write(tmp_path / "in", deals=NO_DEALS, rates=(
        "currency,rate,since\nUSD,0.9,2024-02-01\nUSD,0.8,2024-03-01\nUSD,0.7,2024-04-01"), log=LOGGED_HEADER + (
        "D1,2024-01-15,Amount,100,USD\nD1,2024-02-15,Amount,100,USD\nD1,2024-03-15,Amount,100,USD"))
    bring_in(tmp_path / "home", folder, mapping_text(LOGGED, RATES))
    found = _amounts(tmp_path / "home", "D1", _at("2024-01-16", "2024-02-16", "2024-03-16", "2024-05-01"))
    assert np.isnan(found[0])
    assert found[1:] == [9_000, 8_000, 8_000]


@pytest.mark.usefixtures("database")
def test_a_rate_that_is_corrected_later_changes_nothing_that_was_known_before(tmp_path: Path) -> None:
    home, text = tmp_path / "home", mapping_text(LOGGED, RATES)
    rates = "currency,rate,since\nUSD,{},2024-02-01"
    log = LOGGED_HEADER + "D1,2024-02-15,Amount,100,USD"
    bring_in(home, write(tmp_path / "1", deals=NO_DEALS, rates=rates.format("0.9"), log=log), text, NOW)
    later = f"{log}\nD2,{pd.Timestamp(NOW + 2 * DAY, unit='us')},Amount,100,USD"
    bring_in(home, write(tmp_path / "2", deals=NO_DEALS, rates=rates.format("0.5"), log=later), text, NOW + DAY)
    at = np.array([NOW - DAY, NOW, NOW + 3 * DAY])
    assert _amounts(home, "D1", at) == [9_000, 9_000, 9_000]
    assert _amounts(home, "D2", at[2:]) == [5_000]
    assert counts(bring_in(home, tmp_path / "2", text, NOW + 5 * DAY))[1] == 0


def test_an_amount_that_was_entered_late_takes_the_rate_of_its_own_day_as_known_by_then(tmp_path: Path) -> None:
    rates = RATES.replace("    columns", "    known_at: known\n    columns")
    log = LOGGED.replace("    subject: deal", "    subject: deal\n    known_at: known", 1)
    folder = write(tmp_path / "in", deals=NO_DEALS, rates=(
        "currency,rate,since,known\nUSD,0.9,2024-02-01,2024-02-01\nUSD,0.8,2024-02-01,2024-02-20\n"
        "USD,0.7,2024-03-01,2024-03-01"), log="id,at,field,value,currency,known\n" + (
        "D1,2024-02-15,Amount,100,USD,2024-03-10\nD2,2024-02-15,Amount,100,USD,2024-02-15"))
    bring_in(tmp_path / "home", folder, mapping_text(log, rates))
    assert _amounts(tmp_path / "home", "D1", _at("2024-04-01")) == [8_000]
    assert _amounts(tmp_path / "home", "D2", _at("2024-04-01")) == [9_000]


def test_the_order_of_files_makes_no_difference(tmp_path: Path) -> None:
    rates = write(tmp_path / "rates", rates="currency,rate,since\nUSD,0.9,2024-01-01")
    log = write(tmp_path / "log", log=LOGGED_HEADER + "D1,2024-02-15,Amount,100,USD")
    deals = write(tmp_path / "deals", deals=NO_DEALS)
    text = mapping_text(LOGGED, RATES)
    files = [rates / "rates.csv", log / "log.csv", deals / "deals.csv"]
    found = []
    for home, order in (("one", files), ("other", files[::-1])):
        for file in order:
            bring_in(tmp_path / home, file, text)
        found.append(_amounts(tmp_path / home, "D1", _at("2024-03-01")))
    assert found == [[9_000]] * 2


def test_rates_may_be_told_the_other_way_round(tmp_path: Path) -> None:
    folder = write(tmp_path / "in", rates="currency,rate,since\nUSD,1.25,2024-01-01\nUSD,0,2024-01-02\n"
                                          "XXY,1,2024-01-01")
    inverse = RATES.replace("    columns", "    inverse: true\n    columns")
    report = bring_in(tmp_path / "home", folder, mapping_text(inverse))
    assert [one["reason"] for one in report.rejects] == [
        "is no rate: it must be above 0", "is no currency's ISO code, such as USD"]
    assert Home.open(tmp_path / "home").history().tables["rates"]["rate"].tolist() == [0.8]


def test_foreign_deals_whose_amounts_stand_elsewhere_without_a_currency_are_set_aside(tmp_path: Path) -> None:
    deals = """
  - file: deals.csv
    rows: deals
    columns: {deal_id: id, created_at: created}
    fields: {currency: {column: currency, past: at_creation}}
"""
    folder = write(tmp_path / "in", deals="id,created,currency\nD1,2024-01-01,USD\nD2,2024-01-01,EUR",
                   log="id,at,field,value\nD1,2024-02-15,Amount,100", rates="currency,rate,since\nUSD,0.9,2024-01-01")
    report = bring_in(tmp_path / "home", folder, mapping_text(deals, LOG, RATES))
    assert [one["reason"].split(":")[0] for one in report.rejects] == ["amounts in USD would be taken for EUR"]
    joined = LOG.replace("    columns:", "    join: [{file: deals.csv, by: id, columns: {iso: currency}}]\n"
                                         "    currency_column: iso\n    columns:")
    report = bring_in(tmp_path / "joined", folder, mapping_text(deals, joined, RATES))
    assert counts(report) == (4, 4, 0, 0)
    assert _amounts(tmp_path / "joined", "D1", _at("2024-03-01")) == [9_000]


@pytest.mark.parametrize("seed", range(10))
def test_the_rate_is_the_one_that_a_slow_reading_finds(seed: int) -> None:
    rng = np.random.default_rng(seed)
    valid = rng.integers(0, 20, 30)
    rates = pd.DataFrame({"currency": "USD", "rate": np.arange(1.0, 31.0), "valid_from": valid,
                          "known_at": valid + rng.choice([-2, 0, 5], 30)})
    at = rng.integers(0, 25, 200)
    visible = at + rng.choice([0, 0, 7], 200)
    found = worth(pd.Series(["100 USD"] * 200, dtype=object), at, visible, rates, "EUR")
    for own, seen, got in zip(at, visible, found, strict=True):
        known = rates.assign(known=np.maximum(rates["valid_from"], rates["known_at"]))
        known = known[(known["valid_from"] <= own) & (known["known"] <= seen)]
        best = known.sort_values(["valid_from", "known", "rate"])["rate"]
        assert np.isnan(got) if best.empty else got == 100 * best.iloc[-1]
