"""The leads' pages: the list of open leads, and one lead with its reasons."""

from __future__ import annotations

import json
import re
import shutil
from html import unescape
from pathlib import Path

import pytest
from click.testing import CliRunner
from starlette.testclient import TestClient

from features.calendar import parse_as_of
from features.home import Home
from features.overrides import set_override
from serving.cli import cli
from serving.pages.words import fine_percent, percent, points
from tests.serving.asking import client, text_of

VIEW = {"as_of": "2026-08-14"}
MOMENT = "2026-08-14T23:59:59.999999"


@pytest.fixture(scope="module")
def browser_like(trained_home: Path) -> TestClient:
    found = client(trained_home)
    found.headers["accept"] = "text/html,application/xhtml+xml"
    return found


def rows(page: str) -> list[tuple[str, str]]:
    return re.findall(r'<tr><th scope="row"><a href="([^"]+)">.*?</a></th>(.*?)</tr>', page, re.DOTALL)


@pytest.fixture(scope="module")
def listed(browser_like: TestClient) -> str:
    answer = browser_like.get("/leads", params=VIEW)
    assert answer.status_code == 200, answer.text
    return answer.text


def test_open_leads_are_listed_by_score_with_grade_chance_trend_and_reason(browser_like: TestClient,
                                                                          listed: str) -> None:
    found = rows(listed)
    assert 1 < len(found) <= 50
    ids = [re.sub(r"\?.*", "", address).removeprefix("/leads/") for address, _ in found]
    said = browser_like.post("/v1/leads/score", json={"lead_ids": ids, "as_of": MOMENT, "reasons": 5}).json()["scores"]
    assert [row["probability"] for row in said] == sorted((row["probability"] for row in said), reverse=True)
    for row, (_, cells) in zip(said, found, strict=True):
        shown = text_of(cells)
        assert f" {row['grade']} " in shown
        assert f" {row['score']} " in shown
        assert percent(row["probability"]) in shown
        assert ("new" if row["change"] is None else points(row["change"])) in shown
        top = max(row["reasons"], key=lambda one: abs(one["effect"]))["text"]
        assert top[1:] in shown


def test_the_headline_counts_what_the_chances_add_up_to(listed: str) -> None:
    assert re.search(r"<h1>Of \d+ open leads about [\d.]+ will convert\.</h1>", listed)
    assert "Simulated company." in text_of(listed)


def test_a_list_by_a_model_without_skill_says_so(trained_home: Path, listed: str, tmp_path: Path) -> None:
    done = CliRunner().invoke(cli, ["--home", str(trained_home), "report", "leads", "--out", str(tmp_path / "r.html"),
                                    "--json"])
    verdict = json.loads(done.output)["verdict"]
    said = text_of(listed)
    assert ("report says" in said) is not verdict["skill"]
    assert verdict["skill"] or verdict["sentence"].split(" It is ")[0] in said


@pytest.mark.parametrize("sort", ["value", "rising", "falling"])
def test_leads_are_sorted_as_asked(browser_like: TestClient, sort: str) -> None:
    answer = browser_like.get("/leads", params={**VIEW, "sort": sort})
    assert answer.status_code == 200
    assert f'<option value="{sort}" selected>' in answer.text


def test_a_leads_page_tells_why_what_would_change_it_and_what_it_was(browser_like: TestClient, listed: str) -> None:
    address = unescape(rows(listed)[0][0])
    answer = browser_like.get(address)
    assert answer.status_code == 200, answer.text
    shown = text_of(answer.text)
    key = re.sub(r"\?.*", "", address).removeprefix("/leads/")
    said = browser_like.get(f"/v1/leads/{key}/explanation", params={"as_of": MOMENT}).json()
    assert f"{fine_percent(said['score']['probability'])} to convert by" in shown
    for reason in said["reasons"]:
        assert reason["text"][1:] in shown
        assert points(reason["points"]) in shown
    for change in said["what_if"]:
        assert change["text"] in shown
    if len(said["past"]) > 1:
        assert answer.text.count("<circle") == len(said["past"])


@pytest.mark.parametrize(("address", "status", "part"), [
    ("/leads/nobody", 404, "lead nobody"), ("/leads?as_of=2026-01-05", 409, "train leads --as-of 2026-01-05"),
    ("/leads?sort=name", 422, "sort"), ("/leads?week=3", 400, "no parameter 'week'"),
    ("/leads/%3Cscript%3E", 404, "lead <script>"),
])
def test_what_cannot_be_shown_is_a_page_with_the_cure(browser_like: TestClient, address: str, status: int,
                                                      part: str) -> None:
    answer = browser_like.get(address)
    assert answer.status_code == status
    assert part in text_of(answer.text.replace("&lt;", "‹").replace("&gt;", "›")).replace("‹", "<").replace("›", ">")
    assert "<script" not in answer.text


def test_pages_lead_to_each_other_and_have_no_inline_styles_or_scripts(browser_like: TestClient, listed: str) -> None:
    overview = browser_like.get("/", params={**VIEW, "period": "2026-Q3"}).text
    assert '<a href="/leads?as_of=2026-08-14">Leads</a>' in overview
    assert '<a href="/?as_of=2026-08-14">Forecast</a>' in listed
    assert '<a href="/leads?as_of=2026-08-14" aria-current="page">Leads</a>' in listed
    one = browser_like.get(unescape(rows(listed)[0][0])).text
    for page in (overview, listed, one):
        assert not re.search(r"<style|<script|\sstyle=|\son\w+=", page)


def test_what_a_person_said_stands_beside_the_models_own_score(trained_home: Path, tmp_path: Path) -> None:
    shutil.copytree(trained_home, tmp_path / "home")
    home, browser = Home.open(tmp_path / "home"), client(tmp_path / "home")
    browser.headers["accept"] = "text/html"
    address = unescape(rows(browser.get("/leads", params=VIEW).text)[0][0])
    key = re.sub(r"\?.*", "", address).removeprefix("/leads/")
    zone = home.mapping.zone
    set_override(home, key, grade="D", note="spoke to <them>", until=parse_as_of("2026-09-20", zone),
                 set_at=parse_as_of("2026-08-01", zone), set_by="Eva")
    assert "by hand: D" in browser.get("/leads", params=VIEW).text
    shown = browser.get(address).text
    assert "spoke to &lt;them&gt; (Eva, until 20 Sept 2026)" in text_of(shown.replace("&lt;", "&amp;lt;").replace(
        "&gt;", "&amp;gt;"))
