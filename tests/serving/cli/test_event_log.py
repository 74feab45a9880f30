"""An event log of one's own: the backtest tells of it what it tells of a CRM's export."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from serving.cli import cli
from simulation.company import generate
from tests.running import light


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The smallest simulated company as one log of events."""
    folder = tmp_path_factory.mktemp("log")
    made = generate(folder / "made", seed=1, size="tiny", layout="event-log")
    home = light(folder / "home")
    done = CliRunner().invoke(cli, ["--home", str(home), "import", str(made.export_folder), "--mapping",
                                    "simulated_event_log"])
    assert done.exit_code == 0, done.output
    return home


def test_the_backtest_of_an_event_log_has_every_table(home: Path) -> None:
    page = home.parent / "page.html"
    done = CliRunner().invoke(cli, ["--home", str(home), "backtest", "--every", "week", "--within", "28d", "--from",
                                    "2026-04-06", "--to", "2026-04-13", "--out", str(page), "--json"])
    assert done.exit_code == 0, done.output
    assert "2 of 2 origins done" in done.stderr  # a log shows how far it is
    found = json.loads(done.stdout)
    assert len(found["origins"]) == 2
    assert {"resolution", "win"} == set(found["dates"])
    assert "model" in found["dates"]["resolution"]
    assert {"model", "stage_weighted", "stage_28", "last", "average", "per_open", "run_rate", "aj"} <= \
        set(found["forecasts"]["won_count"])
    assert found["forecasts"]["won_amount"] == {}  # this log has none
    text = page.read_text(encoding="utf-8")
    for title in ("Forecast and what came", "Scoreboard", "logistic regression of hazards"):
        assert title in text
