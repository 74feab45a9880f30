"""One sheet of deals, imported once, as most begin: of its past nothing is known but creations and ends,
and no command may say more, or end in a traceback."""

from __future__ import annotations

import json
import time
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from click.testing import CliRunner, Result

from features.calendar import fiscal_quarter
from features.home import Home
from serving.cli import cli
from tests.running import ROOT, light

EXAMPLES = ROOT / "configs" / "examples"
QUARTER = f"{date.today().year + 1}-Q2"


def _asked(home: Path, *arguments: str | Path) -> Result:
    done = CliRunner().invoke(cli, ["--home", str(home), *map(str, arguments)])
    assert done.exit_code == 0, done.output
    return done


def _begun(folder: Path, sheet: Path) -> Path:
    home = light(folder / "home")
    _asked(home, "import", sheet, "--mapping", "one_table")
    return home


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The shipped example, with a model of its deals."""
    home = _begun(tmp_path_factory.mktemp("sheet"), EXAMPLES / "my_deals.csv")
    _asked(home, "train", "deals", "--as-of", "now")
    return home


@pytest.fixture(scope="module")
def scores(home: Path) -> pd.DataFrame:
    out = home.parent / "deals.csv"
    _asked(home, "score", "deals", "--as-of", "now", "--within", "28d", "--out", out)
    return pd.read_csv(out)


def _forecast(home: Path, *more: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(_asked(home, "forecast", "--as-of", "now", "--period", QUARTER, "--json",
                                              *more).stdout)
    return found


def test_a_backtest_writes_its_page_also_where_nothing_had_closed_at_the_first_origin(home: Path) -> None:
    page = home.parent / "page.html"
    _asked(home, "backtest", "--out", page)
    assert "Origin by origin" in page.read_text(encoding="utf-8")


def test_a_first_import_changed_nothing_and_tells_of_no_stage_since_when(scores: pd.DataFrame) -> None:
    assert len(scores) > 5
    assert scores["changed"].isna().all()
    assert scores["days_in_stage"].isna().all()
    assert scores["stage"].notna().all()


def test_where_nobody_calls_anything_only_what_is_adjusted_is_told(home: Path) -> None:
    assert "people" not in _forecast(home)
    _asked(home, "adjust", "set", "Mira Vogel", "--period", QUARTER.replace("-", ""), "--amount", "9000", "--note",
           "why")
    found = _forecast(home, "--by", "product")["people"]
    assert found["adjusted"] == 9000.0
    assert [(one["owner_id"], one["note"]) for one in found["adjustments"]] == [("Mira Vogel", "why")]
    shown = _asked(home, "forecast", "--as-of", "now", "--period", QUARTER).stdout
    assert "Mira Vogel" in shown
    removed = json.loads(_asked(home, "adjust", "remove", "Mira Vogel", "--period", QUARTER.lower(), "--json").stdout)
    assert removed["period"] == QUARTER
    assert "people" not in _forecast(home)


def test_a_name_nearly_right_and_a_quarter_that_is_over_are_told(home: Path) -> None:
    slip = CliRunner().invoke(cli, ["--home", str(home), "adjust", "set", "Mira Vogl", "--period", QUARTER, "--amount",
                                    "1", "--note", "x"])
    assert slip.exit_code == 2
    assert "Did you mean 'Mira Vogel'?" in slip.stderr
    late = _asked(home, "adjust", "set", "Mira Vogel", "--period", "2020-Q1", "--amount", "1", "--note", "x")
    assert "2020-Q1 is over" in late.stderr


def test_an_old_export_says_that_no_new_deals_are_expected(home: Path) -> None:
    assert "no deal was created in the 13 weeks before" in _asked(home, "forecast", "--as-of", "now", "--period",
                                                                  QUARTER).stderr


def _sheet(folder: Path, rows: list[str]) -> Path:
    head = (EXAMPLES / "my_deals.csv").read_text(encoding="utf-8").splitlines()[0]
    sheet = folder / "deals.csv"
    sheet.write_text("\n".join([head, *rows]) + "\n", encoding="utf-8")
    return sheet


def test_one_deal_is_enough_for_a_backtest_to_write_its_page(tmp_path: Path) -> None:
    home = _begun(tmp_path, _sheet(tmp_path, ["D-1,2024-09-04,Closed Won,2024-12-11,12060.00,Tom Berg,,,,,"]))
    _asked(home, "backtest", "--out", tmp_path / "page.html")
    assert (tmp_path / "page.html").is_file()


def test_deals_without_an_amount_are_worth_the_same_in_scores_and_forecast(tmp_path: Path) -> None:
    today = date.today()

    def day(ago: int) -> str:
        return (today - timedelta(days=ago)).isoformat()

    ended = [f"W-{i},{day(500 - i)},{'Closed Won' if i % 2 else 'Closed Lost'},{day(440 - i)},10000,Tom Berg,,,,,"
             for i in range(120)]
    still = [f"O-{i},{day(20 + i)},Prospecting,,{'90000' if i % 2 else ''},Tom Berg,,,,," for i in range(40)]
    home = _begun(tmp_path, _sheet(tmp_path, ended + still))
    _asked(home, "train", "deals", "--as-of", "now")
    _asked(home, "score", "deals", "--as-of", "now", "--within", "28d", "--out", tmp_path / "scores.csv")
    scores = pd.read_csv(tmp_path / "scores.csv")
    clock = time.time_ns() // 1000
    quarter = fiscal_quarter(clock, Home.open(home).mapping)[0]
    answer = json.loads(_asked(home, "forecast", "--as-of", "now", "--period", quarter, "--json").stdout)
    expected = (scores["p_win_this_period"] * scores["amount_close"]).sum()
    assert answer["total"]["parts"]["open"]["won_amount"] == pytest.approx(expected, rel=0.05)
    assert scores.loc[scores["amount"].isna(), "amount_close"].unique() == [10000.0]
    assert scores["unlike"].mean() < 0.2  # what an import tells of all open deals makes none of them strange
