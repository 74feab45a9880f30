"""`dealcast worklist` as it is typed: the list, the past, and slips."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pandas as pd
import pytest
from click.testing import CliRunner, Result

from serving.cli import cli


def dealcast(home: Path, *arguments: str) -> Result:
    return CliRunner().invoke(cli, ["--home", str(home), "worklist", *arguments], prog_name="dealcast")


@pytest.mark.parametrize(("arguments", "cure"), [
    (["--as-of", "now"], "--budget N (contacts) or --hours H"),
    (["--as-of", "now", "--budget", "3", "--hours", "2"], "one of the two"),
    (["--as-of", "now", "--budget", "0"], "x>=1"),
    (["--as-of", "now", "--evidence", "--budget", "3"], "leave --budget, --hours and --out out"),
    (["--as-of", "now", "--budgt", "3"], "'--budget'"),
    (["--budget", "3"], "--as-of"),
    (["--as-of", "now", "--budget", "3", "--out", "list.txt"], ".csv or .parquet"),
    (["--as-of", "now", "--budget", "3"], "Nothing was imported")])
def test_a_slip_is_answered_with_the_cure(tmp_path: Path, arguments: list[str], cure: str) -> None:
    done = dealcast(tmp_path / "home", *arguments)
    assert done.exit_code == 2, done.output
    assert cure in done.stderr
    assert done.stdout == ""


def test_the_list_is_told_written_and_given_as_json(trained_home: Path, tmp_path: Path) -> None:
    out = tmp_path / "list.csv"
    done = dealcast(trained_home, "--as-of", "2026-07-01", "--budget", "3", "--out", str(out), "--json")
    assert done.exit_code == 0, done.output
    answer = json.loads(done.stdout)
    assert [row["rank"] for row in answer["leads"]] == [1, 2, 3]
    values = [row["expected_value"] for row in answer["leads"]]
    assert values == sorted(values, reverse=True)
    assert sum(one["contacts"] for one in answer["bands"]) == 3
    assert answer["hours"] == 1.5
    assert any(row["reason"] for row in answer["leads"])
    assert pd.read_csv(out)["lead_id"].tolist() == [row["lead_id"] for row in answer["leads"]]
    told = dealcast(trained_home, "--as-of", "2026-07-01", "--hours", "1").stdout
    assert "2 leads to contact first as of 2026-07-01" in told
    assert "It takes about 1 hour." in told
    refused = dealcast(trained_home, "--as-of", "2026-07-01", "--hours", "0.1")
    assert "not enough for one contact" in refused.stderr


def test_the_past_is_told_by_band_against_each_other_order(trained_home: Path) -> None:
    done = dealcast(trained_home, "--as-of", "2026-07-01", "--evidence")
    assert done.exit_code == 0, done.output
    assert "All leads together" in done.stdout
    assert "The model's order against newest first" in done.stdout
    assert "There were no rules to compare with" in done.stdout
    answer = json.loads(dealcast(trained_home, "--as-of", "2026-07-01", "--evidence", "--json").stdout)
    assert answer["bands"][0]["orders"]["random"]["reached_10"] == pytest.approx(0.1)


def test_a_score_stands_as_it_was_beside_what_is_said_by_hand(trained_home: Path, tmp_path: Path) -> None:
    home = shutil.copytree(trained_home, tmp_path / "home")

    def scores() -> pd.DataFrame:
        done = CliRunner().invoke(cli, ["--home", str(home), "score", "leads", "--as-of", "now", "--out",
                                        str(tmp_path / "leads.csv")])
        assert done.exit_code == 0, done.output
        return pd.read_csv(tmp_path / "leads.csv").set_index("lead_id")

    before = scores()
    lead = str(before.index[0])
    said = CliRunner().invoke(cli, ["--home", str(home), "override", "set", lead, "--grade", "A", "--note", "met",
                                    "--until", "2059-01-31", "--by", "Kim"])
    assert said.exit_code == 0, said.output
    after = scores()
    ours = [name for name in after if not name.startswith("override_")]
    pd.testing.assert_frame_equal(before[ours], after[ours])
    assert before["override_grade"].isna().all()
    assert after.loc[lead, ["override_grade", "override_note", "override_by"]].tolist() == ["A", "met", "Kim"]
    assert after.drop(index=lead)["override_grade"].isna().all()
