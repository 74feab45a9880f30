"""`dealcast rules` and `dealcast override`, as they are typed: answers for people and as JSON, and slips."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest
from click.testing import CliRunner, Result

from features.rule_book import RULES_FILE
from serving.cli import cli
from tests.companies import bring_in, write
from tests.features.test_overrides import FILES

MAPPING = """
company: Test
sources:
  - {file: leads.csv, rows: leads, columns: {lead_id: id, created_at: created},
     fields: {contact: {column: contact, past: at_creation}}}
"""
RULES = """groups:
  fit: {rules: [{points: 10, field: contact, equals: c1}, {points: -1, field: contact, known: false}]}
"""


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    bring_in(tmp_path / "home", write(tmp_path / "in", **FILES), MAPPING)
    return tmp_path / "home"


def dealcast(*arguments: str) -> Result:
    return CliRunner().invoke(cli, ["--home", "home", *arguments], prog_name="dealcast")


def answer(*arguments: str) -> dict[str, object]:
    done = dealcast(*arguments, "--json")
    assert done.exit_code == 0, done.output
    found: dict[str, object] = json.loads(done.stdout)
    return found


def refused(*arguments: str) -> str:
    done = dealcast(*arguments)
    assert done.exit_code == 2, done.output
    assert done.stdout == ""
    assert done.stderr.count("Error:") == 1
    return done.stderr


def test_rules_are_checked_scored_and_explained(home: Path) -> None:
    (home.parent / "mine.yaml").write_text(RULES, encoding="utf-8")
    assert "mine.yaml: 2 rules can be used. Of 3 open leads" in dealcast("rules", "check", "mine.yaml").stdout
    (home / RULES_FILE).write_text(RULES, encoding="utf-8")
    assert [one["leads"] for one in answer("rules", "check")["each"]] == [1, 1]  # type: ignore[attr-defined]
    assert answer("rules", "score", "--as-of", "now", "--out", "points.csv")["rows"] == 3
    assert pd.read_csv(home.parent / "points.csv").to_dict("list") == {
        "lead_id": ["L1", "L2", "L3"], "points": [10, 0, -1], "points_fit": [10, 0, -1]}
    explained = answer("rules", "explain", "L1", "--as-of", "now")
    assert explained["points"] == 10
    assert "has 10 points" in dealcast("rules", "explain", "L1", "--as-of", "now").stdout


def test_slips_about_rules_say_what_to_do(home: Path) -> None:
    assert "Copy a shipped file of rules" in refused("rules", "check")
    assert "no rules.yaml" in refused("rules", "score", "--as-of", "now", "--out", "points.csv")
    assert "Did you mean 'general'?" in refused("rules", "check", "generl")
    assert "no lead field 'country'" in refused("rules", "check", "general")
    (home / RULES_FILE).write_text(RULES.replace("equals", "equal"), encoding="utf-8")
    assert "line 2, groups.fit.rules.1.equal: unknown setting. Did you mean 'equals'?" in refused(
        "rules", "explain", "L1", "--as-of", "now")
    assert "line 2" in refused("train", "leads", "--as-of", "now")
    (home / RULES_FILE).write_text(RULES, encoding="utf-8")
    assert "lead L9" in refused("rules", "explain", "L9", "--as-of", "now")
    (home / RULES_FILE).write_text("", encoding="utf-8")
    assert "holds no rules: it needs at least" in refused("rules", "check")


def test_an_override_is_set_listed_and_removed(home: Path) -> None:
    said = answer("override", "set", "L1", "--probability", "0.3", "--note", "met", "--until", "2059-01-31", "--by",
                  "Kim")
    assert (said["probability"], said["grade"], said["until"], said["set_by"]) == (
        0.3, None, "2059-01-31T00:00:00+00:00", "Kim")
    assert "30.0%" in dealcast("override", "list").stdout
    assert answer("override", "list", "--as-of", "2024-02-01")["overrides"] == []
    assert "nothing is said of lead L1" in dealcast("override", "remove", "L1").stdout
    assert answer("override", "list")["overrides"] == []
    assert len(answer("override", "list", "--all")["overrides"]) == 2  # type: ignore[arg-type]
    assert "removed" in dealcast("override", "list", "--all").stdout


def test_slips_about_overrides_say_what_to_do(home: Path) -> None:
    rest = ("--note", "met", "--until", "2059-01-31")
    assert "--grade A, or --probability 0.6" in refused("override", "set", "L1", *rest)
    assert "--grade A, or --probability 0.6" in refused("override", "set", "L1", "--grade", "A", "--probability", "1",
                                                        *rest)
    assert "Write 35% as 0.35" in refused("override", "set", "L1", "--probability", "35", *rest)
    assert "no lead 'L9'" in refused("override", "set", "L9", "--grade", "A", *rest)
    assert "is not a date" in refused("override", "set", "L1", "--grade", "A", "--note", "x", "--until", "soon")
    assert "over before it began" in refused("override", "set", "L1", "--grade", "A", "--note", "x", "--until",
                                             "2020-01-01")
    assert "no override" in refused("override", "remove", "L1")
    assert "give --as-of or --all" in refused("override", "list", "--all", "--as-of", "now")
