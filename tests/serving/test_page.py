"""The managers' page: what it says, for which moment, and that it needs nothing from outside."""

from __future__ import annotations

import re
import shutil
from html import unescape
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from starlette.testclient import TestClient

from features.calendar import DAY, fiscal_quarter, parse_as_of
from features.home import Home
from features.mapping import Mapping
from serving.pages.charts import Bar, forecast_chart
from serving.pages.overview import beside_reps
from serving.pages.periods import choices, period_at, period_name
from serving.pages.record import past_periods, record_in_words
from serving.pages.words import money, number, percent, short_money
from tests.serving.asking import as_real, assert_error, client

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")


@pytest.fixture(scope="module")
def browser_like(trained_home: Path) -> TestClient:
    found = client(trained_home)
    found.headers["accept"] = "text/html,application/xhtml+xml"
    return found


@pytest.fixture(scope="module")
def mapping(trained_home: Path) -> Mapping:
    return Home.open(trained_home).mapping


def text_of(html: str) -> str:
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", " ", html)))


def test_the_page_says_how_much_how_sure_and_how_wrong_it_has_been(browser_like: TestClient) -> None:
    answer = browser_like.get("/", params={"as_of": "2026-08-14", "period": "2026-Q3"})
    assert answer.status_code == 200, answer.text
    headline = text_of(re.findall(r"<h1>.*?</h1>", answer.text)[0])
    said = browser_like.get("/v1/forecast", params={"period": "2026-Q3", "as_of": "2026-08-14T23:59:59.999999"}).json()
    amount = said["total"]["won_amount"]
    assert f"2026-Q3 will most likely bring {short_money(amount['p50'], 'EUR')}" in headline
    assert short_money(amount["p10"], "EUR") in headline
    assert short_money(amount["p90"], "EUR") in headline
    assert "Simulated company." in text_of(answer.text)
    assert "deals/1" in text_of(answer.text)


def test_a_picked_date_means_the_end_of_that_day_and_the_page_says_so(browser_like: TestClient) -> None:
    said = text_of(browser_like.get("/", params={"as_of": "2026-08-14", "period": "28d"}).text)
    assert "As of 14 Aug 2026, 23:59" in said
    assert "A date means the end of that day" in said
    assert "The next 28 days will most likely bring" in said


def test_on_its_last_day_the_next_quarter_is_shown(browser_like: TestClient) -> None:
    said = browser_like.get("/").text
    assert "2026-Q4 will most likely bring" in said
    assert re.search(r'<option value="2026-Q4" selected>2026-Q4 \(next quarter\)', said)
    assert '<option value="2026-Q3">2026-Q3 (this quarter)' in said


def test_a_log_that_ended_long_ago_is_pointed_out(trained_home: Path) -> None:
    page = as_real(trained_home, "2026-11-02T10:00").get("/").text
    assert "Simulated company" not in page
    assert "As of 2 Nov 2026, 10:00" in text_of(page)
    assert "Nothing is known of the time after 30 Sept 2026" in text_of(page)
    assert '<a href="/?as_of=2026-09-30">' in page
    assert "Nothing is known" not in as_real(trained_home, "2026-10-05T10:00").get("/").text


def test_open_deals_are_sorted_by_what_is_at_stake_and_carry_a_reason(browser_like: TestClient) -> None:
    view = {"as_of": "2026-08-14", "period": "2026-Q3"}
    page = browser_like.get("/", params=view).text
    open_deals = page.split('<table class="stack deals">')[1]
    rows = re.findall(r'<tr><th scope="row">(D-\d+)</th>(.*?)</tr>', open_deals, re.DOTALL)
    assert 1 < len(rows) <= 25
    assert all(re.search(r'class="arrow (up|down)"', cells) for _, cells in rows)
    asked = {"deal_ids": [one for one, _ in rows], "as_of": "2026-08-14T23:59:59.999999", "within_days": 47}
    scores = browser_like.post("/v1/deals/score", json=asked).json()["scores"]
    amounts = [float(re.findall(r"€([\d,]+)", cells)[0].replace(",", "")) for _, cells in rows]
    stakes = [amount * score["p_win"] for amount, score in zip(amounts, scores, strict=True)]
    assert stakes == sorted(stakes, reverse=True)
    every = browser_like.get("/", params={**view, "deals": "all"}).text
    assert len(re.findall(r'<th scope="row">D-\d+</th>', every)) >= len(rows)


@pytest.mark.parametrize(("period", "untested"), [("28d", False), ("2026-Q4", False), ("2027-Q1", True)])
def test_the_record_says_that_it_is_of_forecasts_made_at_the_start(
        browser_like: TestClient, period: str, untested: bool) -> None:
    said = text_of(browser_like.get("/", params={"period": period, "as_of": "2026-09-30"}).text)
    assert "forecast at their start, the range" in said
    assert (f"before the start, as here of {period}, was not tested" in said) == untested


@pytest.mark.parametrize(("reps", "won", "note"), [
    (0.0, 0.0, "Nobody has called anything yet."), (50.0, 50.0, "Nothing is called beyond what is won."),
    (60.0, 50.0, "40% below our middle"), (150.0, 0.0, "50% above our middle"),
])
def test_the_reps_call_is_held_against_ours_only_where_something_is_called(reps: float, won: float, note: str) -> None:
    assert beside_reps(reps, won, 100.0) == note


def test_the_page_has_one_reps_call_and_each_category_of_it(browser_like: TestClient) -> None:
    view = {"as_of": "2026-08-14T23:59:59.999999", "period": "2026-Q3"}
    people = browser_like.get("/v1/forecast", params=view).json()["people"]
    by_deals = people["categories"]["closed"] + people["categories"]["commit"]
    assert people["said"]
    assert short_money(people["called"], "EUR") != short_money(by_deals, "EUR")
    page = browser_like.get("/", params=view).text
    called = short_money(people["called"], "EUR")
    assert f"The reps’ call {called}" in text_of(page)
    assert "of earlier ones what they had committed to" in text_of(page)
    row = page.split("What people call")[1].split("<tbody>")[1].split("</tr>")[0]
    written = dict(re.findall(r'data-label="([^"]+)">([^<]+)<', row))
    assert written["called"] == called
    for name in ("closed", "commit", "best case", "pipeline", "omitted"):
        assert written[name] == short_money(people["categories"][name], "EUR")
    assert f"the reps call {called}" in page


def test_owners_add_up_to_the_company(browser_like: TestClient) -> None:
    body = browser_like.get("/v1/forecast", params={"period": "2026-Q4", "by": "owner"}).json()
    page = browser_like.get("/", params={"period": "2026-Q4"}).text
    assert sum(group["won_amount"]["mean"] for group in body["groups"]) == pytest.approx(
        body["total"]["won_amount"]["mean"], rel=1e-3)
    for group in body["groups"]:
        if group["won_amount"]["mean"] > 0:
            assert group["name"] in page


@pytest.mark.parametrize(("query", "status", "parts"), [
    ({"as_of": "2026-01-05"}, 409, ["no deals model", "train deals --as-of 2026-01-05"]),
    ({"as_of": "2027-01-05"}, 422, ["lies ahead", "Pick 2026-09-30 or a day before"]),
    ({"as_of": "yesterday"}, 422, ["'yesterday' is not a date"]),
    ({"as_of": "0001-01-01"}, 422, ["outside the years"]),
    ({"as_of": "9999-12-31"}, 422, ["outside the years"]),
    ({"period": "2026-Q1"}, 422, ["The period was over at"]),
    ({"period": "9999-Q4"}, 422, ["outside the years"]),
    ({"period": "2050-Q4"}, 422, ["more than ten years"]),
    ({"period": "99999d"}, 422, ["longer than ten years"]),
    ({"period": "soon"}, 422, ["not a span of time"]),
    ({"week": "3"}, 400, ["no parameter 'week'"]),
])
def test_what_cannot_be_shown_is_a_page_with_the_cure(
        browser_like: TestClient, query: dict[str, str], status: int, parts: list[str]) -> None:
    answer = browser_like.get("/", params=query)
    assert answer.status_code == status
    assert answer.headers["content-type"].startswith("text/html")
    for part in parts:
        assert part in text_of(answer.text)
    assert 'href="/"' in answer.text


def test_without_data_the_page_says_how_to_begin(tmp_path: Path) -> None:
    answer = client(tmp_path / "none").get("/", headers={"accept": "text/html"})
    assert answer.status_code == 404
    assert "import PATH --mapping FILE" in text_of(answer.text)


def test_a_fault_of_ours_is_a_page_too(trained_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("secret detail")

    monkeypatch.setattr("serving.pages.routes.overview", broken)
    answer = client(trained_home).get("/", headers={"accept": "text/html"})
    assert answer.status_code == 500
    assert "a fault of ours" in answer.text
    assert "secret" not in answer.text


def test_names_from_the_crm_are_text_and_never_markup(browser_like: TestClient) -> None:
    answer = browser_like.get("/", params={"period": "<script>alert(1)</script>Q"})
    assert answer.status_code == 422
    assert "<script>" not in answer.text
    assert "&lt;script&gt;" in answer.text


@pytest.mark.parametrize("address", ["/", "/?as_of=2020-01-01", "/v1/health", "/nothing", "/static/dealcast.css"])
def test_every_answer_forbids_what_it_does_not_need(browser_like: TestClient, address: str) -> None:
    headers = browser_like.get(address).headers
    assert "unsafe-inline" not in headers["content-security-policy"]
    assert headers["content-security-policy"].startswith("default-src 'none'")
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-frame-options"] == "DENY"
    assert headers["referrer-policy"] == "no-referrer"


def test_the_page_has_no_inline_styles_or_scripts(browser_like: TestClient) -> None:
    page = browser_like.get("/").text
    assert not re.search(r"<style|<script|\sstyle=|\son\w+=", page)


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("size", ["wide", "narrow"])
def test_the_chart_of_the_page_is_an_svg_that_tells_itself_to_a_screen_reader(
        browser_like: TestClient, theme: str, size: str) -> None:
    page = browser_like.get("/").text
    address = unescape(re.findall(r'<img class="chart" src="([^"]+)"', page)[0])
    address = address.replace("theme=light", f"theme={theme}").replace("size=wide", f"size={size}")
    answer = browser_like.get(address)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "image/svg+xml"
    drawn = ElementTree.fromstring(answer.text)
    space = "{http://www.w3.org/2000/svg}"
    assert drawn.findtext(f"{space}title") == "Forecast by period"
    assert "2026-Q4: between" in (drawn.findtext(f"{space}desc") or "")
    assert answer.text == browser_like.get(address).text
    assert not re.search(r'(href|src)="(?!#)', answer.text)


@pytest.mark.parametrize(("query", "field"), [
    ({"at": "-9999999999999999999"}, "at"), ({"at": "9999999999999999999"}, "at"), ({"at": "1e9"}, "at"),
    ({"at": "2800000000000000"}, "at"), ({"period": "9999-Q4"}, "period"), ({"period": "99999d"}, "period"),
])
def test_a_chart_of_no_moment_or_period_is_refused(
        browser_like: TestClient, mapping: Mapping, query: dict[str, str], field: str) -> None:
    at = str(parse_as_of("2026-08-14", mapping.zone))
    answer = browser_like.get("/charts/forecast.svg", params={"at": at, "period": "2026-Q3", **query},
                              headers={"accept": "image/svg+xml"})
    assert_error(answer, 422, "bad_input", field=field)


@pytest.mark.parametrize("day", ["1971-01-01", "2059-12-31"])
@pytest.mark.parametrize("fiscal_year_starts", [1, 10])
def test_periods_can_be_picked_on_the_first_and_the_last_day_of_the_calendar(
        mapping: Mapping, day: str, fiscal_year_starts: int) -> None:
    other = mapping.model_copy(update={"fiscal_year_starts": fiscal_year_starts})
    at = parse_as_of(day, other.zone)
    assert len(choices(at, period_at("28d", at, other), other)) == 3


def test_a_mark_on_the_axis_is_drawn_whole() -> None:
    bars = [Bar("2026-Q1", 0.0, 1e6, 2e6, actual=0.0, reps=0.0)]
    drawn = ElementTree.fromstring(forecast_chart(bars, "EUR", "light", narrow=False, description=""))
    marks = [group for group in drawn.iter("{http://www.w3.org/2000/svg}g")
             if (group.get("id") or "").startswith("PathCollection")]
    assert len(marks) == 2
    assert not any(one.get("clip-path") for group in marks for one in group.iter())


def test_a_chart_shows_what_is_known_of_each_period_and_no_more() -> None:
    bars = [Bar("2026-Q1", 1e6, 2e6, 3e6, actual=2.5e6, reps=4e6), Bar("2026-Q2", 1e6, 2e6, 3e6, past=False)]
    full = forecast_chart(bars, "EUR", "light", narrow=False, description="")
    assert "what it became" in full
    assert "the reps&#x27; call" in full or "the reps' call" in full
    alone = forecast_chart(bars[1:], None, "light", narrow=True, description="a <b> & c")
    assert "what it became" not in alone
    assert "€" not in alone
    assert "a &lt;b&gt; &amp; c" in alone


def evaluation(*periods: tuple[float, float | None], days: int = 91, every: int = 91) -> dict[str, Any]:
    """Periods that were forecast as 100 (90 to 110): (actual, reps' call)."""
    said = {"mean": 100.0, "p10": 90.0, "p50": 100.0, "p90": 110.0}
    return {"periods": [{"from": i * every * DAY, "to": (i * every + days) * DAY,
                         "won_amount": {**said, "actual": actual}, "won_count": {**said, "actual": actual},
                         "reps": None if reps is None else {"won_amount": reps, "won_count": reps}}
                        for i, (actual, reps) in enumerate(periods)]}


@pytest.mark.parametrize(("given", "words"), [
    (evaluation(), "No past period could be tested yet"),
    (evaluation((100, None)), "In the last 1 quarter, forecast at its start, the range held once and the middle was "
                              "off by 0% on average."),
    (evaluation((80, None)), "In the last 1 quarter, forecast at its start, the range never held and the middle was "
                             "off by 25% on average."),
    (evaluation((100, 150), (100, 130), (125, 130)),
     "In the last 3 quarters, forecast at their start, the range held 2 times and the middle was off by 8% on average; "
     "the reps’ call was off by 26%."),
    (evaluation((100, 100), (90, None)), "the range always held and the middle was off by 5% on average; the reps’ "
                                         "call was off by 0% in the 1 that have one."),
    (evaluation((100, None), (100, None), days=28, every=14), "In the last 2 overlapping 28-day periods, forecast"),
    (evaluation((0, None)), "In the last 1 quarter, forecast at its start, the range never held."),
])
def test_the_record_is_told_in_one_sentence(mapping: Mapping, given: dict[str, Any], words: str) -> None:
    assert words in record_in_words(past_periods(given, "won_amount", mapping))


def test_periods_are_called_by_their_quarter_or_their_days(mapping: Mapping) -> None:
    at = parse_as_of("2026-08-14T23:59", mapping.zone)
    quarter = period_at(None, at, mapping)
    assert (quarter.name, quarter.dates) == ("2026-Q3", "1 Jul – 30 Sept 2026")
    assert (quarter.start, quarter.end) == fiscal_quarter(at, mapping)[1:]
    assert period_at("2026-q4", at, mapping).value == "2026-Q4"
    weeks = period_at("4w", at, mapping)
    assert (weeks.name, weeks.end - weeks.start) == ("The next 28 days", 28 * DAY)
    assert period_name(at, at + 28 * DAY, mapping) == "14 Aug – 11 Sept 2026"


@pytest.mark.parametrize(("written", "expected"), [
    (short_money(1_940_000, "EUR"), "€1.9M"), (short_money(429_600, "EUR"), "€430K"), (short_money(0, "EUR"), "€0"),
    (short_money(999_960, "EUR"), "€1M"), (short_money(950, "JPY"), "JP¥950"), (short_money(-31_000, "EUR"), "-€31K"),
    (short_money(None, "EUR"), "–"), (short_money(float("nan"), "EUR"), "–"), (money(48_250.4, "EUR"), "€48,250"),
    (money(None, "EUR"), "–"), (number(3.14159, 1), "3.1"), (number(1234.0), "1,234"), (percent(0.31), "31%"),
    (percent(0.0), "0%"), (percent(0.004), "<1%"), (percent(0.997), ">99%"), (percent(1.0), "100%"),
])
def test_numbers_are_written_for_people(written: str, expected: str) -> None:
    assert written == expected
