"""What a person can get wrong: one message that says what, where and what to do, exit code 2, and nothing written."""

from __future__ import annotations

import socket
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from serving.cli import cli
from tests.running import ROOT, environment

SCORE_DEALS = ["score", "deals", "--as-of", "2026-01-05", "--within", "28d"]


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def dealcast(*arguments: str) -> Result:
    return CliRunner().invoke(cli, arguments, prog_name="dealcast")


def says(result: Result, *parts: str) -> None:
    """The error contract of the command line."""
    assert result.exit_code == 2, result.output
    assert result.stdout == ""
    assert "Traceback" not in result.stderr
    assert result.stderr.count("Error:") == 1
    for part in parts:
        assert part in result.stderr


@pytest.mark.parametrize(("arguments", "cure"), [
    (["trian", "deals"], "Did you mean 'train'?"),
    (["import", "x.csv", "--maping", "one_table"], "Did you mean '--mapping'?"),
    (["--hom", "x", "demo"], "Did you mean '--home'?"),
    (["train", "lead", "--as-of", "2026-01-05"], "'leads', 'deals', 'all'"),
    (["train", "deals"], "--as-of"),
    (["forecast", "--as-of", "2026-01-05"], "--period 2026-Q4"),
    (["forecast", "--as-of", "2026-01-05", "--from", "2026-01-05"], "--to DATE"),
    (["forecast", "--as-of", "2026-01-05", "--period", "2026-Q1", "--to", "2026-02-01"], "not both"),
    (["serve", "--port", "99999"], "1<=x<=65535"),
    (["demo", "--json"], "--no-serve"),
])
def test_a_slip_of_the_keyboard_is_answered_with_the_nearest_right_thing(
        here: Path, arguments: list[str], cure: str) -> None:
    says(dealcast(*arguments), cure)
    assert not any(here.iterdir())


@pytest.mark.parametrize("arguments", [
    ["train", "deals", "--as-of", "2026-01-05"],
    [*SCORE_DEALS, "--out", "deals.csv"],
    ["score", "leads", "--as-of", "2026-01-05", "--out", "leads.parquet"],
    ["forecast", "--as-of", "2026-01-05", "--period", "2026-Q1"],
    ["serve"],
    ["mlflow", "--port", "5055"],
])
def test_a_home_that_is_not_there_is_named_with_the_command_that_makes_it(here: Path, arguments: list[str]) -> None:
    says(dealcast("--home", "nobody", *arguments), "nobody", "dealcast --home nobody import PATH --mapping FILE")
    assert not any(here.iterdir())


@pytest.mark.parametrize(("out", "parts"), [
    ("deals.xlsx", ["deals.xlsx", ".csv or .parquet"]),
    ("deals", [".csv or .parquet"]),
    ("nowhere/deals.csv", ["there is no folder", "nowhere"]),
    ("folder.csv", ["is a folder"]),
])
def test_a_result_file_that_cannot_be_written_is_refused_before_any_work(
        here: Path, out: str, parts: list[str]) -> None:
    (here / "folder.csv").mkdir()
    # The home does not exist either: that it is not mentioned shows that the file was looked at first.
    says(dealcast(*SCORE_DEALS, "--out", out), "--out", *parts)


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="no folder here into which nobody may write")
@pytest.mark.parametrize("arguments", [[*SCORE_DEALS, "--out", "/proc/deals.csv"],
                                       ["backtest", "--out", "/proc/x.html"]])
def test_a_folder_into_which_nothing_can_be_written_is_refused_before_any_work(
        here: Path, arguments: list[str]) -> None:
    says(dealcast(*arguments), "--out", "nothing can be written into /proc")


def test_a_missing_mapping_is_answered_with_the_shipped_ones(here: Path) -> None:
    says(dealcast("import", ".", "--mapping", "simulted"), "bpic2012", "one_table", "Did you mean 'simulated'?")


def test_a_mapping_that_is_not_text_is_refused(here: Path) -> None:
    (here / "mapping.yaml").write_bytes(b"\xff\xfe\x00")
    says(dealcast("import", ".", "--mapping", "mapping.yaml"), "mapping.yaml", "UTF-8")


def test_an_unknown_setting_of_a_mapping_is_answered_with_the_nearest(here: Path) -> None:
    (here / "mapping.yaml").write_text("company: x\ntime_zon: UTC\nsources: [{file: x.csv, rows: deals, columns: "
                                       "{deal_id: id, created_at: created}}]\n")
    says(dealcast("import", ".", "--mapping", "mapping.yaml"), "time_zon", "Did you mean 'time_zone'?")


def test_a_missing_file_leaves_no_home_behind(here: Path) -> None:
    says(dealcast("--home", "new", "import", "gone.csv", "--mapping", "one_table"), "gone.csv", "no file or folder")
    assert not (here / "new").exists()


def test_an_unknown_size_of_the_simulated_company_is_refused(here: Path) -> None:
    says(dealcast("simulate", "--out", "out", "--size", "tniy"), "tniy", "tiny")
    assert not (here / "out").exists()


@pytest.mark.parametrize("command", ["serve", "demo", "mlflow"])
def test_a_port_in_use_is_refused_before_any_work_with_the_same_command_at_another(here: Path, command: str) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        says(dealcast(command, "--port", str(port)), f"Port {port}", f"another: `dealcast {command} --port {port + 1}`")
    assert not any(here.iterdir())


def test_make_run_asks_for_the_port_with_nothing_installed() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        # -S: no installed package can be seen.
        done = subprocess.run([sys.executable, "-I", "-S", ROOT / "serving" / "cli" / "port.py", str(port)],
                              capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert f"Port {port}" in done.stderr
    assert f"`make run PORT={port + 1}`" in done.stderr


@pytest.mark.parametrize("arguments", [["--help"], ["score", "deals", "--help"], ["demo", "--help"], ["trian"]])
def test_help_and_slips_load_nothing_heavy(arguments: list[str], tmp_path: Path) -> None:
    """So that they are answered in well under a second."""
    code = ("import sys\n"
            "from serving.cli import main\n"
            "try:\n"
            f"    sys.argv[1:] = {arguments!r}; main()\n"
            "finally:\n"
            "    heavy = {'pandas', 'numpy', 'lightgbm', 'mlflow', 'bentoml', 'matplotlib', 'sqlalchemy', 'pydantic'}\n"
            "    print('loaded:', sorted(heavy & sys.modules.keys()))\n")
    done = subprocess.run([sys.executable, "-c", code], env=environment(), cwd=tmp_path, capture_output=True, text=True,
                          check=False)
    assert done.stdout.endswith("loaded: []\n"), done.stdout + done.stderr
