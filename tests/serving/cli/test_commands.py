"""What the commands write and print; other tools depend on these spellings."""

from __future__ import annotations

import json
import shutil
from importlib.resources import files
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from click.testing import CliRunner, Result

from features.home import Home
from serving.cli import cli
from tests.companies import DEALS, bring_in, deals_file, mapping_text
from training.deal_scores import COLUMNS
from training.registry.versions import versions

AS_OF = "2026-07-01"
DEAL_COLUMNS = [*COLUMNS, "as_of", "model"]
LEAD_COLUMNS = ["lead_id", "probability", "probability_low", "probability_high", "score", "grade", "expected_value",
                "probability_before", "change", "voice", "unlike", "override_grade", "override_probability",
                "override_note", "override_until", "override_by", "as_of", "model"]


@pytest.fixture
def home(trained_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the trained home at another path, and another current folder."""
    shutil.copytree(trained_home, tmp_path / "copy")
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    return tmp_path / "copy"


def dealcast(home: Path, *arguments: str) -> Result:
    return CliRunner().invoke(cli, ["--home", str(home), *arguments], prog_name="dealcast")


def works(home: Path, *arguments: str) -> Result:
    done = dealcast(home, *arguments)
    assert done.exit_code == 0, done.output
    return done


def document(home: Path, *arguments: str) -> dict[str, Any]:
    """stdout with --json: one document."""
    said: dict[str, Any] = json.loads(works(home, *arguments, "--json").stdout)
    return said


def test_score_deals_writes_every_open_deal_with_its_chances_dates_and_model(home: Path) -> None:
    works(home, "score", "deals", "--as-of", AS_OF, "--within", "28d", "--out", "deals.csv")
    deals = pd.read_csv("deals.csv")
    assert list(deals) == DEAL_COLUMNS
    assert len(deals) > 0
    assert deals["deal_id"].is_unique
    assert (deals["p_win"] + deals["p_lose"] + deals["p_open"] - 1).abs().max() < 1e-9
    assert set(deals["model"]) == {"deals/1"}
    assert (pd.to_datetime(deals["close_p10"]) <= pd.to_datetime(deals["close_p50"])).all()


def test_score_deals_says_which_periods_it_means_and_how_at_risk_did_before(home: Path) -> None:
    at = ("score", "deals", "--as-of", AS_OF, "--within", "28d", "--out")
    said = document(home, *at, "deals.csv")
    assert (said["this_period"], said["next_period"]) == ("2026-Q3", "2026-Q4")
    risk = said["at_risk"]
    assert risk["precision"] >= 0.8
    deals = pd.read_csv("deals.csv")
    flagged = deals["at_risk"] == True  # noqa: E712 (some say nothing)
    assert (deals["p_win_by_period_end"][flagged] < risk["cutoff"]).all()
    shown = works(home, *at, "deals.csv").stdout
    assert "This period is 2026-Q3" in shown
    assert f"At risk: under {risk['cutoff']:.0%}" in shown


def test_within_changes_the_chances_and_not_the_dates(home: Path) -> None:
    for span in ("28d", "13w"):
        works(home, "score", "deals", "--as-of", AS_OF, "--within", span, "--out", f"{span}.csv")
    short, long = pd.read_csv("28d.csv"), pd.read_csv("13w.csv")
    assert (short["p_win"] <= long["p_win"]).all()
    assert short["p_win"].sum() < long["p_win"].sum()
    dates = [name for name in DEAL_COLUMNS if name.startswith(("close_", "resolve_"))]
    pd.testing.assert_frame_equal(short[dates], long[dates])


def test_score_leads_writes_the_same_table_as_parquet_and_as_csv(home: Path) -> None:
    said = document(home, "score", "leads", "--as-of", AS_OF, "--out", "leads.parquet")
    works(home, "score", "leads", "--as-of", AS_OF, "--out", "leads.csv")
    leads = pd.read_parquet("leads.parquet")
    assert list(leads) == LEAD_COLUMNS
    assert leads["probability"].between(leads["probability_low"], leads["probability_high"]).all()
    assert said["rows"] == len(leads) > 0
    assert said["model"] == "leads/1"
    # Where a column holds nothing at all, Parquet says None and CSV says nothing.
    pd.testing.assert_frame_equal(leads.fillna(float("nan")), pd.read_csv("leads.csv"), check_dtype=False)


def test_a_result_file_is_replaced_whole_and_nothing_else_is_left(home: Path) -> None:
    Path("leads.csv").write_text("old")
    works(home, "score", "leads", "--as-of", AS_OF, "--out", "leads.csv")
    assert [path.name for path in Path().iterdir()] == ["leads.csv"]
    assert Path("leads.csv").read_text().startswith("lead_id,")
    # A file of a failed run stays as it was.
    assert dealcast(home, "score", "leads", "--as-of", "2020-01-01", "--out", "leads.csv").exit_code == 2
    assert Path("leads.csv").read_text().startswith("lead_id,")


def test_a_moved_home_scores_and_forecasts_to_the_byte_from_any_folder(home: Path, trained_home: Path) -> None:
    for name, place in (("a", home), ("b", trained_home)):
        works(place, "score", "deals", "--as-of", AS_OF, "--within", "28d", "--out", f"{name}.csv")
    assert Path("a.csv").read_bytes() == Path("b.csv").read_bytes()
    period = ("forecast", "--as-of", AS_OF, "--period", "2026-Q3", "--by", "owner")
    assert document(home, *period) == document(trained_home, *period)


def test_forecast_gives_the_documented_shape(home: Path) -> None:
    said = document(home, "forecast", "--as-of", AS_OF, "--from", AS_OF, "--to", "2026-08-01", "--by", "owner")
    assert set(said) == {"as_of", "from", "to", "currency", "model", "total", "groups", "concentration", "people"}
    assert said["as_of"] == "2026-07-01T00:00:00+02:00"
    assert said["from"] == "2026-06-30T23:59:59.999999+02:00"
    assert said["to"] == "2026-08-01T23:59:59.999999+02:00"
    assert (said["currency"], said["model"]) == ("EUR", "deals/1")
    assert set(said["total"]) == {"won_count", "won_amount", "parts"}
    assert set(said["total"]["won_count"]) == {"mean", "p10", "p25", "p50", "p75", "p90"}
    assert set(said["total"]["parts"]) == {"won_so_far", "open", "new"}
    assert said["groups"]
    for group in said["groups"]:
        assert {"by", "id", "won_count", "won_amount"} <= set(group)
        assert group["by"] == "owner"
    means = sum(group["won_amount"]["mean"] for group in said["groups"])
    assert means == pytest.approx(said["total"]["won_amount"]["mean"], abs=0.01 * len(said["groups"]) + 0.01)


def test_the_days_of_a_quarter_are_that_quarter_and_other_days_are_said_to_be_none(home: Path) -> None:
    ask, days = ("forecast", "--as-of", "2026-08-14"), ("--from", "2026-07-01", "--to", "2026-09-30")
    quarter = document(home, *ask, "--period", "2026-Q3", "--by", "owner")
    assert "quota" in quarter["total"]
    assert document(home, *ask, *days, "--by", "owner") == quarter
    assert "fiscal quarters" not in works(home, *ask, *days).stderr
    other = works(home, *ask, *days[:-1], "2026-10-01")
    assert "2026-Q3 is --from 2026-07-01 --to 2026-09-30" in other.stderr
    works(home, "adjust", "set", quarter["groups"][0]["id"], "--period", "2026-Q4", "--amount", "5", "--note", "late")
    said = document(home, "forecast", "--as-of", "now", "--from", "2026-10-01", "--to", "2026-12-31")
    assert [one["note"] for one in said["people"]["adjustments"]] == ["late"]


def test_forecast_without_by_has_no_groups_and_reads_as_a_table(home: Path) -> None:
    assert document(home, "forecast", "--as-of", AS_OF, "--period", "2026-Q3")["groups"] == []
    said = works(home, "forecast", "--as-of", AS_OF, "--period", "2026-Q3", "--by", "owner").stdout
    for word in ("Total", "P10 to P90", "open deals", "deals not yet created", "2026-09-30T23:59:59", "deals/1"):
        assert word in said


@pytest.mark.parametrize(("arguments", "parts"), [
    (("forecast", "--as-of", AS_OF, "--period", "2026-Q2"), ["over", "2026-06-30", "2026-07-01"]),
    (("forecast", "--as-of", AS_OF, "--from", "2026-08-01", "--to", "2026-07-15"), ["2026-07-15", "2026-08-01"]),
    (("forecast", "--as-of", AS_OF, "--from", "2026-08-01T00:00", "--to", "2026-08-01T00:00"),
     ["The period is empty"]),
    (("forecast", "--as-of", AS_OF, "--period", "Q3"), ["'Q3'", "2026-Q4"]),
    (("forecast", "--as-of", "1.7.2026", "--period", "2026-Q3"), ["'1.7.2026' is not a date", "2026-03-14"]),
    (("train", "deals", "--as-of", "soon"), ["'soon' is not a date"]),
    (("train", "deals", "--as-of", "2020-01-01"), ["No deal", "Train as of a later date"]),
    (("score", "leads", "--as-of", "2026-06-30", "--out", "x.csv"), ["no leads model", "leads --as-of 2026-06-30"]),
    (("score", "leads", "--as-of", AS_OF, "--model", "9", "--out", "x.csv"), ["no version 9", "there is 1"]),
    (("score", "deals", "--as-of", AS_OF, "--within", "a month", "--out", "x.csv"), ["'a month'", "28d"]),
])
def test_what_cannot_be_answered_is_refused_with_the_cure(
        home: Path, arguments: tuple[str, ...], parts: list[str]) -> None:
    done = dealcast(home, *arguments)
    assert (done.exit_code, done.stdout) == (2, ""), done.output
    assert "Traceback" not in done.stderr
    for part in parts:
        assert part in done.stderr
    assert not any(Path().iterdir())


def test_another_companys_data_is_refused_and_changes_nothing(home: Path) -> None:
    Path("mapping.yaml").write_text("company: Another\nstages: [{name: Won, outcome: won}]\nsources: [{file: "
                                    "deals.csv, rows: deals, columns: {deal_id: id, created_at: created}}]\n")
    Path("deals.csv").write_text("id,created\n1,2026-01-01\n")
    before = (home / "dealcast.db").read_bytes()
    done = dealcast(home, "import", "deals.csv", "--mapping", "mapping.yaml")
    assert done.exit_code == 2
    assert "Another" in done.stderr
    assert "--home" in done.stderr
    assert (home / "dealcast.db").read_bytes() == before


def test_importing_the_same_files_again_stores_nothing(home: Path, trained_home: Path) -> None:
    export = trained_home.parent / "simulated"
    said = document(home, "import", str(export), "--mapping", "simulated")
    assert said["total"]["stored"] == 0
    assert said["total"]["already_known"] == said["total"]["read"] > 0


def test_an_import_tells_people_what_they_can_do_with_it(trained_home: Path, tmp_path: Path) -> None:
    export = trained_home.parent / "simulated"
    said = works(tmp_path / "new", "import", str(export), "--mapping", "simulated").stdout
    for heading in ("What this export can tell you", "what can be predicted"):
        assert heading in said
    assert "What to export next" not in said  # nothing is missing
    example = files("configs") / "examples" / "my_deals.csv"
    assert "What to export next" in works(tmp_path / "mine", "import", str(example), "--mapping", "one_table").stdout


def test_training_for_an_earlier_date_leaves_the_champion_and_answers_earlier_questions(home: Path) -> None:
    said = works(home, "train", "deals", "--as-of", "2026-06-01").stdout
    assert "deals/2, trained up to 2026-06-01T00:00:00+02:00: speaks for dates from then until" in said
    assert "until 2026-07-01T00:00:00+02:00, when a later version takes over" in said
    works(home, "score", "deals", "--as-of", "2026-06-15", "--within", "28d", "--out", "june.csv")
    works(home, "score", "deals", "--as-of", AS_OF, "--within", "28d", "--out", "july.csv")
    assert set(pd.read_csv("june.csv")["model"]) == {"deals/2"}
    assert set(pd.read_csv("july.csv")["model"]) == {"deals/1"}
    assert [one.is_champion for one in versions(Home.open(home), "deals")] == [True, False]


def test_leads_that_the_mapping_does_not_have_are_not_sent_to_be_trained(tmp_path: Path) -> None:
    bring_in(tmp_path / "home", deals_file(tmp_path, "1,2024-01-02,Won,2024-02-01,100,x"), mapping_text(DEALS))
    done = dealcast(tmp_path / "home", "score", "leads", "--as-of", "now", "--out", str(tmp_path / "leads.csv"))
    assert done.exit_code == 2
    assert "does not say when a lead is converted" in done.stderr
    assert "train leads" not in done.stderr


def test_training_again_on_the_same_data_gives_the_same_files(home: Path) -> None:
    said = document(home, "train", "deals", "--as-of", AS_OF)["models"][0]
    assert said["model"] == "deals/2"
    assert said["champion"] == versions(Home.open(home), "deals")[1].is_champion
    first, second = (home / "models" / "deals" / version for version in ("1", "2"))
    assert {path.name: path.read_bytes() for path in first.iterdir()} == {
        path.name: path.read_bytes() for path in second.iterdir()}
    assert sorted(path.name for path in (home / "models").iterdir()) == ["deals", "leads"]


def test_an_unknown_setting_of_the_home_is_answered_with_the_nearest(home: Path) -> None:
    (home / "dealcast.yaml").write_text("forecast: {drawz: 500}\n")
    done = dealcast(home, "forecast", "--as-of", AS_OF, "--period", "2026-Q3")
    assert done.exit_code == 2
    assert "forecast.drawz" in done.stderr
    assert "Did you mean 'draws'?" in done.stderr


def test_now_is_the_end_of_a_simulated_companys_log(home: Path) -> None:
    said = document(home, "score", "leads", "--as-of", "now", "--out", "leads.csv")
    assert said["as_of"].startswith("2026-09-30T")


def test_a_date_that_is_still_to_come_is_refused(home: Path) -> None:
    done = dealcast(home, "score", "leads", "--as-of", "2999-01-01", "--out", "leads.csv")
    assert done.exit_code == 2
    assert "'2999-01-01' lies outside the years" in done.stderr
    done = dealcast(home, "score", "leads", "--as-of", "2059-01-01", "--out", "leads.csv")
    assert done.exit_code == 2
    assert "lies ahead" in done.stderr


def test_the_home_can_be_named_by_a_variable(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DEALCAST_HOME", str(home))
    done = CliRunner().invoke(cli, ["score", "leads", "--as-of", AS_OF, "--out", "leads.csv"])
    assert done.exit_code == 0, done.output
