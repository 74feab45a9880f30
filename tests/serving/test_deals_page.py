"""The deals' pages: the open deals that deserve a look, and one deal with its curves and reasons."""

from __future__ import annotations

import re
from html import unescape
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from serving.pages import deal_words
from serving.pages.words import day, fine_percent, money, percent, points
from tests.serving.asking import client, text_of

VIEW = {"as_of": "2026-08-14"}
MOMENT = "2026-08-14T23:59:59.999999"
LEFT = 47.0  # days of the quarter after it


@pytest.fixture(scope="module")
def browser_like(trained_home: Path) -> TestClient:
    found = client(trained_home)
    found.headers["accept"] = "text/html,application/xhtml+xml"
    return found


def rows(page: str) -> list[tuple[str, str]]:
    return re.findall(r'<tr><th scope="row"><a href="([^"]+)">.*?</a>(.*?)</tr>', page, re.DOTALL)


def ids(page: str) -> list[str]:
    return [re.sub(r"\?.*", "", address).removeprefix("/deals/") for address, _ in rows(page)]


@pytest.fixture(scope="module")
def listed(browser_like: TestClient) -> str:
    answer = browser_like.get("/deals", params=VIEW)
    assert answer.status_code == 200, answer.text
    return answer.text


@pytest.fixture(scope="module")
def scores(browser_like: TestClient, listed: str) -> list[dict]:
    body = {"deal_ids": ids(listed), "as_of": MOMENT, "within_days": LEFT}
    return browser_like.post("/v1/deals/score", json=body).json()["scores"]


def test_deals_at_risk_or_overdue_come_first_and_the_largest_of_each_above(listed: str, scores: list[dict]) -> None:
    assert len(scores) > 5
    order = [(not (row["at_risk"] or row["overdue"]), -(row["amount"] or 0.0)) for row in scores]
    assert order == sorted(order)
    assert {troubled for troubled, _ in order} == {True, False}


def test_a_row_says_what_the_api_says(listed: str, scores: list[dict]) -> None:
    for row, (_, cells) in zip(scores, rows(listed), strict=True):
        shown = text_of(cells)
        assert f" {row['stage']} " in shown
        assert money(row["amount"], "EUR") in shown
        assert percent(row["p_win"]) in shown
        assert ("new" if row["change"] is None else points(row["change"])) in shown
        assert ("at risk" in shown) == bool(row["at_risk"])
        if row["expected_close"] is not None:
            assert day(row["expected_close"]) in shown
        if row["p_slip"] is not None:
            assert f"{percent(row['p_slip'])} to slip" in shown


def test_the_headline_counts_those_at_risk_and_the_page_says_how_often_that_was_right(
        browser_like: TestClient, listed: str, scores: list[dict]) -> None:
    flagged = [row for row in scores if row["at_risk"]]
    assert f"{len(flagged)} of {len(scores)} open deals" in text_of(listed)
    risk = browser_like.get(f"/v1/deals/{scores[0]['deal_id']}/explanation", params={"as_of": MOMENT}).json()["at_risk"]
    assert f"At earlier dates {risk['precision']:.0%} of the deals under it were not won by then" in text_of(listed)


@pytest.mark.parametrize(("sort", "column", "up"), [("chance", "p_win", False), ("amount", "amount", False),
                                                    ("falling", "change", True), ("rising", "change", False)])
def test_deals_are_sorted_as_asked(browser_like: TestClient, scores: list[dict], sort: str, column: str,
                                   up: bool) -> None:
    answer = browser_like.get("/deals", params={**VIEW, "sort": sort})
    assert answer.status_code == 200
    assert f'<option value="{sort}" selected>' in answer.text
    by_id = {row["deal_id"]: row[column] for row in scores}
    values = [by_id[one] for one in ids(answer.text) if by_id[one] is not None]
    assert values == sorted(values, reverse=not up)


def test_a_deals_page_tells_its_chances_dates_amount_and_why(browser_like: TestClient, listed: str) -> None:
    answer = browser_like.get(unescape(rows(listed)[0][0]))
    assert answer.status_code == 200, answer.text
    shown, key = text_of(answer.text), ids(listed)[0]
    said = browser_like.get(f"/v1/deals/{key}/explanation", params={"as_of": MOMENT, "within_days": LEFT}).json()
    score = said["score"]
    assert f"{fine_percent(score['p_win'])} to be won by 30 Sept 2026" in shown
    assert score["p_win"] == pytest.approx(score["p_win_this_period"])
    for name in ("p_win_this_period", "p_win_next_period", "p_win_later"):
        assert percent(score[name]) in shown
    for sentence in (deal_words.expected(score), deal_words.in_stage(score), deal_words.missing(score)):
        assert sentence is None or sentence in shown
    for reason in said["reasons"]:
        assert reason["text"][1:] in shown
    assert answer.text.count("</tr>") >= len(said["curve"])
    last = said["curve"][-1]
    assert f"won {percent(last['p_win'])}, lost {percent(last['p_lose'])}" in shown


def test_words_of_a_deal_whose_day_has_passed_or_is_not_known() -> None:
    score = {"expected_close": "2026-08-01", "p_on_time": 0.0, "p_lost_before": 0.0, "p_slip": None, "overdue": True,
             "slip_days": 40.2, "stage": "Talk", "days_in_stage": 1.0, "won_stage_days_p25": None,
             "won_stage_days_p75": None, "missing_roles": "budget, user", "p_win_before": None, "changed": None}
    assert deal_words.expected(score) == ("Its rep expected it on 1 Aug 2026: that day has passed. If it is won after "
                                          "it, most likely about 40 days after that day.")
    assert deal_words.expected({**score, "expected_close": None}) is None
    assert "further away than the model looks" in deal_words.expected({**score, "p_on_time": None, "overdue": False})
    assert deal_words.in_stage(score) == "1 day at Talk."
    assert deal_words.missing(score) == "Nobody takes part yet in the roles: budget and user."
    assert deal_words.missing({**score, "missing_roles": None}) is None
    assert deal_words.trend(score) == "It was not open seven days before."


@pytest.mark.parametrize(("address", "status", "part"), [
    ("/deals/nobody", 404, "deal nobody"), ("/deals?as_of=2026-01-05", 409, "train deals --as-of 2026-01-05"),
    ("/deals?sort=name", 422, "sort"), ("/deals?week=3", 400, "no parameter 'week'"),
])
def test_what_cannot_be_shown_is_a_page_with_the_cure(browser_like: TestClient, address: str, status: int,
                                                      part: str) -> None:
    answer = browser_like.get(address)
    assert answer.status_code == status
    assert part in text_of(answer.text)


def test_pages_lead_to_each_other_and_have_no_inline_styles_or_scripts(browser_like: TestClient, listed: str) -> None:
    assert '<a href="/deals?as_of=2026-08-14" aria-current="page">Deals</a>' in listed
    overview = browser_like.get("/", params={**VIEW, "period": "2026-Q3"}).text
    assert '<a href="/deals?as_of=2026-08-14">Deals</a>' in overview
    one = browser_like.get(unescape(rows(listed)[0][0])).text
    for page in (listed, one):
        assert not re.search(r"<style|<script|\sstyle=|\son\w+=", page)
