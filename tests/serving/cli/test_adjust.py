"""`dealcast adjust`, and people's numbers beside the forecast as commands and API tell them."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from serving.cli import cli
from serving.cli.forecast import forecast, show_forecast
from serving.pages.words import moment
from tests.serving.asking import client, text_of
from training.groups import BY
from training.reps import CATEGORIES


@pytest.fixture(scope="module")
def home(trained_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home of its own: what is called by hand stays."""
    return Path(shutil.copytree(trained_home, tmp_path_factory.mktemp("adjusted") / "home"))


def _works(home: Path, *arguments: str) -> str:
    done = CliRunner().invoke(cli, ["--home", str(home), *arguments])
    assert done.exit_code == 0, done.output
    return done.stdout


def _said(home: Path, *arguments: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(_works(home, *arguments, "--json"))
    return found


@pytest.mark.parametrize("amount", ["1e300", "nan", "much"])
def test_what_is_no_amount_is_refused_and_nothing_is_kept(home: Path, amount: str) -> None:
    done = CliRunner().invoke(cli, ["--home", str(home), "adjust", "set", "R-002", "--period", "2027-Q3", "--amount",
                                    amount, "--note", "x"])
    assert done.exit_code == 2
    assert f"'{amount}' is not an amount" in done.output
    assert "2027-Q3" not in _works(home, "adjust", "list", "--all")


def test_what_a_manager_calls_stands_beside_a_forecast_that_stays_as_it_is(home: Path) -> None:
    ask = ("forecast", "--as-of", "now", "--period", "2026-Q4", "--by", "owner")
    before = _said(home, *ask)
    owner = next(group for group in before["groups"] if "people" in group)["id"]
    said = _said(home, "adjust", "set", owner, "--period", "2026-Q4", "--amount", "123000", "--note", "two deals slip",
                 "--by", "Eva")
    assert (said["amount"], said["note"], said["set_by"]) == (123000.0, "two deals slip", "Eva")
    after = _said(home, *ask)
    for group in after["groups"]:
        people = group.pop("people", None)
        if group["id"] == owner:
            assert people["adjusted"] == 123000.0
            assert (people["adjustment"]["note"], people["adjustment"]["by"]) == ("two deals slip", "Eva")
    for group in before["groups"]:
        group.pop("people", None)
    assert after["groups"] == before["groups"]
    assert after["total"] == before["total"]
    assert after["people"]["adjusted"] != before["people"]["adjusted"]
    table = _works(home, *ask)
    for word in ("two deals slip", "people's numbers", "P50 falls by"):
        assert word in table
    ask = ("forecast", "--as-of", "2026-08-14", "--period", "2026-Q3", "--by", "owner")  # a quarter with quotas
    assert 0 <= _said(home, *ask)["total"]["p_quota"] <= 1
    assert "chance to reach it" in _works(home, *ask)
    told = client(home).get("/v1/forecast", params={"period": "2026-Q4", "by": "owner"}).json()
    (group,) = [one for one in told["groups"] if one["id"] == owner]
    assert group["people"]["adjustment"]["note"] == "two deals slip"
    page = text_of(client(home).get("/", params={"period": "2026-Q4"}).text)
    (standing,) = told["people"]["adjustments"]
    assert f"{standing['name']} €123K Eva {moment(standing['at'])} two deals slip" in page


def test_what_was_called_is_listed_and_taken_back_and_none_of_it_is_lost(home: Path) -> None:
    owner = _said(home, "forecast", "--as-of", "now", "--period", "2026-Q4", "--by", "owner")["groups"][0]["id"]
    _works(home, "adjust", "set", owner, "--period", "2027-Q1", "--amount", "5", "--note", "far off")
    listed = _said(home, "adjust", "list")["adjustments"]
    assert [row["note"] for row in listed if row["period"] == "2027-Q1"] == ["far off"]
    assert "nothing is called by hand" in _works(home, "adjust", "remove", owner, "--period", "2027-Q1")
    every = [row["amount"] for row in _said(home, "adjust", "list", "--all")["adjustments"]
             if row["period"] == "2027-Q1"]
    assert every == [5.0, None]
    assert "far off" not in _works(home, "adjust", "list")
    assert "taken back" in _works(home, "adjust", "list", "--all")


def test_the_command_offers_the_groupings_that_there_are_and_each_answers(home: Path) -> None:
    (option,) = [one for one in forecast.params if one.name == "by"]
    assert tuple(option.type.to_info_dict()["choices"]) == BY
    totals = [_said(home, "forecast", "--as-of", "now", "--period", "2026-Q4", "--by", by)["total"] for by in BY]
    assert all(total == totals[0] for total in totals)


def test_the_same_word_of_two_quarters_is_told_of_each(home: Path) -> None:
    for period, amount in (("2026-Q4", 12.0), ("2027-Q1", 13.0)):
        said = _said(home, "adjust", "set", "R-002", "--period", period, "--amount", str(amount), "--note", "as always")
        assert (said["period"], said["amount"]) == (period, amount)


def test_what_is_adjusted_is_shown_of_a_company_without_amounts(capsys: pytest.CaptureFixture[str]) -> None:
    count = {"mean": 2.0, "p10": 1.0, "p25": 1.0, "p50": 2.0, "p75": 3.0, "p90": 3.0}
    nothing, part = dict.fromkeys(count, 0.0), {"won_count": 1.0, "won_amount": 0.0}
    said = {"categories": dict.fromkeys(CATEGORIES, 0.0), "called": 0.0, "adjusted": 123.0, "usually_comes": 0.0}
    adjustment = {"owner_id": "R-1", "name": "Ann", "amount": 123.0, "by": "Eva", "at": "2026-08-01", "note": "slips"}
    show_forecast({
        "from": "2026-07-01", "to": "2026-09-30", "as_of": "2026-08-14", "currency": "EUR", "model": "deals/1",
        "total": {"won_count": count, "won_amount": nothing,
                  "parts": {"won_so_far": part, "open": part, "new": part}},
        "groups": [], "concentration": [], "people": {**said, "adjustments": [adjustment]}})
    shown = capsys.readouterr().out
    assert "only numbers are forecast" in shown
    assert re.search(r"Ann +€123 +Eva +2026-08-01 +slips", shown)
