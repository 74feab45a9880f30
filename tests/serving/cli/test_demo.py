"""`dealcast demo`: everything once, and nothing twice."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from features.home import Home
from serving.cli import cli
from tests.running import free_port, get, light, running
from training.registry.versions import versions


def demo(home: Path, *arguments: str) -> dict[str, Any]:
    done = CliRunner().invoke(cli, ["--home", str(home), "demo", "--no-serve", "--size", "tiny", "--json", *arguments])
    assert done.exit_code == 0, done.output
    said: dict[str, Any] = json.loads(done.stdout)
    return said


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    home = light(tmp_path_factory.mktemp("demo") / "home")
    return home, demo(home)


def test_demo_tells_time_and_peak_memory_of_each_step(first: tuple[Path, dict[str, Any]]) -> None:
    steps = first[1]["steps"]
    assert [step["name"] for step in steps] == ["Simulated company", "Import", "Train leads", "Train deals", "Forecast",
                                                "Deals to look at"]
    assert all(step["seconds"] > 0 and step["peak_memory_mib"] > 10 for step in steps)


def test_demo_tells_how_good_it_is_what_comes_and_which_deals_to_look_at(first: tuple[Path, dict[str, Any]]) -> None:
    said = first[1]
    assert [one["model"] for one in said["models"]] == ["leads/1", "deals/1"]
    assert said["forecast"]["from"].startswith("2026-09-30T23:59:59")
    assert said["forecast"]["total"]["won_amount"]["p10"] <= said["forecast"]["total"]["won_amount"]["p90"]
    assert set(said["past_ranges"]) == {"held", "of"}
    assert len(said["deals"]) == 3
    assert all(deal["reason"] and 0 < deal["p_win"] < 1 for deal in said["deals"])


def test_a_second_demo_reuses_the_home_and_trains_nothing(first: tuple[Path, dict[str, Any]]) -> None:
    home, before = first
    said = demo(home)
    assert [step["name"] for step in said["steps"]] == ["Model of leads", "Model of deals", "Forecast",
                                                        "Deals to look at"]
    assert said["forecast"] == before["forecast"]
    assert said["deals"] == before["deals"]
    assert [len(versions(Home.open(home), name)) for name in ("leads", "deals")] == [1, 1]


def test_demo_serves_and_prints_the_address_a_request_and_what_comes_next(
        first: tuple[Path, dict[str, Any]], tmp_path: Path) -> None:
    port = free_port()
    address = f"http://127.0.0.1:{port}"
    with running("--home", first[0], "demo", "--port", str(port), ready=f"{address}/readyz", cwd=tmp_path) as log:
        assert get(f"{address}/")[0] == 200
        said = log.wait_for("Your own data:")
    assert f"{address}/" in said
    assert f"curl -s {address}/v1/deals/score" in said
    assert "dealcast --home ./mycompany import" in said
    assert "past ranges held" in said


def test_demo_refuses_the_home_of_a_real_company(tmp_path: Path) -> None:
    (tmp_path / "mapping.yaml").write_text("company: Real\nstages: [{name: Won, outcome: won}]\nsources: [{file: "
                                           "deals.csv, rows: deals, columns: {deal_id: id, created_at: created}}]\n")
    (tmp_path / "deals.csv").write_text("id,created\n1,2026-01-01\n")
    home = str(tmp_path / "home")
    done = CliRunner().invoke(cli, ["--home", home, "import", str(tmp_path / "deals.csv"), "--mapping",
                                    str(tmp_path / "mapping.yaml")])
    assert done.exit_code == 0, done.output
    done = CliRunner().invoke(cli, ["--home", home, "demo", "--no-serve"])
    assert done.exit_code == 2
    assert "holds the data of Real" in done.stderr
    assert "--home ./demo-home" in done.stderr
