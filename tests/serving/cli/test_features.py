"""`dealcast features`: what there is, what one says, and what it was as of a date."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest
from click.testing import CliRunner, Result

from features.asof import AsOf, compute
from features.calendar import parse_as_of
from features.catalogue import catalogue
from features.home import Home
from features.leakage import leaks
from serving.cli import cli
from tests.figures import features as page
from tests.figures.cache import ROOT


def dealcast(home: Path, *arguments: str) -> Result:
    return CliRunner().invoke(cli, ["--home", str(home), *arguments], prog_name="dealcast")


@pytest.mark.parametrize("what", ["leads", "deals"])
def test_list_names_every_feature_of_the_home(trained_home: Path, what: str) -> None:
    said = json.loads(dealcast(trained_home, "features", "list", what, "--json").stdout)
    names = [one["name"] for one in said["features"]]
    assert names == [one.name for one in catalogue(Home.open(trained_home).history(), what[:-1])]
    shown = dealcast(trained_home, "features", "list", what).stdout
    assert all(name in shown for name in names)


def test_describe_tells_meaning_and_wording(trained_home: Path) -> None:
    said = dealcast(trained_home, "features", "describe", "deals", "days_in_stage").stdout
    assert "Days since the stage was last set." in said
    assert "{value} days in its stage" in said


def test_describe_of_no_feature_suggests_the_nearest(trained_home: Path) -> None:
    said = dealcast(trained_home, "features", "describe", "deals", "days_in_stag")
    assert said.exit_code == 2
    assert "Did you mean 'days_in_stage'?" in said.output


def test_compute_writes_what_was_known_at_the_date(trained_home: Path, tmp_path: Path) -> None:
    out = tmp_path / "features.csv"
    said = dealcast(trained_home, "features", "compute", "deals", "--as-of", "2026-01-05", "--out", str(out))
    assert said.exit_code == 0, said.output
    written = pd.read_csv(out, dtype={"deal_id": str}).set_index("deal_id")
    past = Home.open(trained_home).history()
    moment = parse_as_of("2026-01-05", past.mapping.zone)
    ids = written.index.to_numpy(object)
    assert set(ids) == set(past.deals.ids[past.deals.visible_at <= moment])
    pairs = AsOf(past, "deal", past.codes("deal", ids), pd.Series(moment, index=ids).to_numpy())
    some = [one for one in catalogue(past, "deal") if one.name in ("days_in_stage", "activities_total")]
    expected = compute(some, pairs)
    for name in expected:
        pd.testing.assert_series_equal(written[name].reset_index(drop=True), expected[name], check_dtype=False)


def test_compute_prints_single_ones(trained_home: Path) -> None:
    one = str(Home.open(trained_home).history().deals.ids[0])
    ask = ("features", "compute", "deals", "--as-of", "2026-06-01", "--id", one)
    assert "days_in_stage" in dealcast(trained_home, *ask).stdout
    row, = json.loads(dealcast(trained_home, *ask, "--json").stdout)["deals"]
    assert row["deal_id"] == one
    assert row["deal_age_days"] > 0


def test_compute_without_file_or_id_says_what_to_give(trained_home: Path) -> None:
    said = dealcast(trained_home, "features", "compute", "deals", "--as-of", "2026-06-01")
    assert said.exit_code == 2
    assert "--out FILE" in said.output


def test_check_leaks_says_that_no_feature_peeks(trained_home: Path) -> None:
    said = dealcast(trained_home, "check", "--leaks")
    assert said.exit_code == 0, said.output
    assert "Features that peek: none." in said.stdout


def test_check_leaks_fails_and_names_the_feature(trained_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from dataclasses import replace

    from features import leakage

    def with_a_trap(past, kind, **_):
        trap = replace(catalogue(past, "deal")[0], name="ever", compute=lambda pairs: pairs.at * 0.0 + len(
            pairs.history.tables["changes"]))
        return leaks(past, lambda *_: [trap], times=2)

    monkeypatch.setattr(leakage, "leaks", lambda past, progress: with_a_trap(past, "deal"))
    said = dealcast(trained_home, "check", "--leaks", "--json")
    assert said.exit_code == 1
    assert {one["feature"] for one in json.loads(said.stdout)["leaks"]} == {"ever"}


def test_the_page_of_features_is_made_from_the_catalogue() -> None:
    assert page.table(small=False) in (ROOT / "docs" / "features.md").read_text(encoding="utf-8"), (
        "run: python -m tests.figures features")
