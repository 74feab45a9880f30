"""`dealcast check`: a page for people, a document for tools, and a home that stays as it was."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from serving.cli import cli
from tests.companies import CALLS, DEALS, bring_in, deals_file, mapping_text, write


def dealcast(home: Path, *arguments: str) -> Result:
    return CliRunner().invoke(cli, ["--home", str(home), *arguments], prog_name="dealcast")


@pytest.fixture
def home(tmp_path: Path) -> Path:
    rows = [f"D{i},2023-01-{i % 28 + 1:02d},{'Won' if i % 2 else 'Lost'},2023-03-01,{i if i % 2 else 0},Retail"
            for i in range(80)]
    folder = deals_file(tmp_path / "in", "\n".join(rows))
    write(folder, calls="id,at,kind,seconds\nD99,2023-02-01,call,5")
    bring_in(tmp_path / "home", folder, mapping_text(DEALS.replace("money, past: final_only", "money, past: at_creation"
                                                                   ), CALLS))
    return tmp_path / "home"


def test_check_shows_each_field_each_suspicion_and_what_to_mend_first(home: Path) -> None:
    before = (home / "dealcast.db").read_bytes()
    said = dealcast(home, "check")
    assert said.exit_code == 0, said.output
    for part in ("80 deals", "amount", "suspicion", "100% of the lost have '0'", "What to mend first",
                 "  1. Suspicion of a leak: deal amount.", "D99"):
        assert part in said.stdout, part
    assert (home / "dealcast.db").read_bytes() == before


def test_check_json_is_one_complete_document(home: Path) -> None:
    said = json.loads(dealcast(home, "check", "--json").stdout)
    assert set(said) == {"company", "as_of", "rows", "fields", "findings", "advice"}
    assert said["rows"]["deals"] == 80
    amount, = (one for one in said["fields"] if one["field"] == "amount")
    assert amount["auc"] == 1
    assert amount["suspicion"]
    assert {one["check"] for one in said["findings"]} >= {"leak", "orphan"}
    assert len(said["advice"]) <= len(said["findings"])


def test_check_as_of_a_date_knows_what_was_known_then(home: Path) -> None:
    said = json.loads(dealcast(home, "check", "--as-of", "2023-02-15", "--json").stdout)
    assert said["as_of"].startswith("2023-02-15T00:00:00")
    assert [one["auc"] for one in said["fields"] if one["field"] == "amount"] == [None]


def test_check_of_a_home_without_data_says_how_to_begin(tmp_path: Path) -> None:
    said = dealcast(tmp_path / "none", "check")
    assert said.exit_code == 2
    assert "Nothing was imported" in said.output
