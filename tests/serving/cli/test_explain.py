"""`dealcast explain`, and the columns that `dealcast score leads` writes."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest
from click.testing import CliRunner, Result

from serving.cli import cli

AS_OF = "2026-08-14T12:00"


def dealcast(home: Path, *arguments: str) -> Result:
    return CliRunner().invoke(cli, ["--home", str(home), *arguments])


@pytest.fixture(scope="module")
def scored(trained_home: Path, tmp_path_factory: pytest.TempPathFactory) -> pd.DataFrame:
    out = tmp_path_factory.mktemp("scored") / "leads.csv"
    done = dealcast(trained_home, "score", "leads", "--as-of", AS_OF, "--out", str(out), "--reasons", "2")
    assert done.exit_code == 0, done.output
    return pd.read_csv(out)


def test_scores_of_leads_come_with_trend_worth_and_reasons(scored: pd.DataFrame) -> None:
    assert list(scored.columns) == [
        "lead_id", "probability", "probability_low", "probability_high", "score", "grade", "expected_value",
        "probability_before", "change", "voice", "unlike", "override_grade", "override_probability",
        "override_note", "override_until", "override_by",
        *[f"{what}_{side}_{i}" for side in ("for", "against") for i in (1, 2)
          for what in ("reason", "effect", "actionable")], "as_of", "model"]
    assert (scored["effect_for_1"].dropna() > 0).all()
    assert (scored["effect_against_1"].dropna() < 0).all()


def test_only_the_leads_asked_for_are_scored(trained_home: Path, scored: pd.DataFrame, tmp_path: Path) -> None:
    asked = scored["lead_id"].tolist()[:2]
    out = tmp_path / "leads.csv"
    done = dealcast(trained_home, "score", "leads", "--as-of", AS_OF, "--out", str(out), "--ids", ", ".join(asked))
    assert done.exit_code == 0, done.output
    assert pd.read_csv(out)["lead_id"].tolist() == asked
    empty = dealcast(trained_home, "score", "leads", "--as-of", AS_OF, "--out", str(out), "--ids", " ,")
    assert empty.exit_code == 2
    assert "--ids names nothing" in empty.output


def test_leads_past_their_horizon_are_counted(trained_home: Path, tmp_path: Path) -> None:
    done = dealcast(trained_home, "score", "leads", "--as-of", AS_OF, "--out", str(tmp_path / "leads.csv"), "--json")
    said = json.loads(done.stdout)
    assert said["past_horizon"] >= 0
    told = dealcast(trained_home, "score", "leads", "--as-of", AS_OF, "--out", str(tmp_path / "leads.csv"))
    assert ("past their horizon" in told.output) == (said["past_horizon"] > 0)


def test_a_lead_is_explained_in_words_and_as_json(trained_home: Path, scored: pd.DataFrame) -> None:
    lead = scored.iloc[0]
    done = dealcast(trained_home, "explain", "lead", lead["lead_id"], "--as-of", AS_OF)
    assert done.exit_code == 0, done.output
    assert f"{lead['probability']:.1%} to convert within its horizon" in done.stdout
    said = json.loads(dealcast(trained_home, "explain", "lead", lead["lead_id"], "--as-of", AS_OF, "--json").stdout)
    assert said["score"]["probability"] == pytest.approx(lead["probability"])
    for reason in said["reasons"]:
        assert reason["text"] in done.stdout
    for change in said["what_if"]:
        assert change["text"] in done.stdout


def test_a_deal_is_explained_within_a_span(trained_home: Path, tmp_path: Path) -> None:
    out = tmp_path / "deals.csv"
    dealcast(trained_home, "score", "deals", "--as-of", AS_OF, "--within", "91d", "--out", str(out))
    deal = pd.read_csv(out).iloc[0]
    done = dealcast(trained_home, "explain", "deal", deal["deal_id"], "--as-of", AS_OF, "--within", "91d")
    assert done.exit_code == 0, done.output
    assert f"{deal['p_win']:.1%} to be won within 91 days" in done.stdout
    assert f"Won in 2026-Q3: {deal['p_win_this_period']:.1%}" in done.stdout
    assert "If it is won, most likely around" in done.stdout
    assert f"days at {deal['stage']}; half of the won deals took" in done.stdout
    assert "Its rep expects it on" in done.stdout


@pytest.mark.parametrize(("arguments", "part"), [
    (["lead", "nobody", "--as-of", AS_OF], "lead nobody"),
    (["deal", "D-000001", "--as-of", AS_OF, "--within", "soon"], "soon"),
    (["lead", "L-000001", "--as-of", "2999-01-01"], "2999"),
])
def test_what_cannot_be_explained_says_why(trained_home: Path, arguments: list[str], part: str) -> None:
    done = dealcast(trained_home, "explain", *arguments)
    assert done.exit_code == 2
    assert part in done.output
    assert "Traceback" not in done.output
