"""Nothing that learns, forecasts or serves can read the truth: not by import, and not by opening its files."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from simulation.company import Summary
from tests.running import light

ROOT = Path(__file__).parents[2]
# Imports a company, trains on it, scores and forecasts, while every file that is opened is looked at. The importer may
# see the names of files that lie below an export, to tell of them in its messages; it must open none of the truth's.
# Libraries that open files without Python escape the watch: for them the answers are compared without any truth.
RUN = """
import sys
truth, export, home = sys.argv[1:]
def watch(event, details):
    if event == "import" and details[0].split(".")[0] == "simulation":
        raise RuntimeError(f"imported {details[0]}")
    if event == "open" and isinstance(details[0], (str, bytes)):
        name = details[0].decode() if isinstance(details[0], bytes) else details[0]
        if truth in name:
            raise RuntimeError(f"the truth was opened: {name}")
if truth != "-":
    sys.addaudithook(watch)
from serving.cli import cli
def run(*words):
    cli.main(["--home", home, *words], standalone_mode=False)
run("import", export, "--mapping", "simulated")
run("train", "deals", "--as-of", "2026-03-01")
run("score", "deals", "--as-of", "2026-03-01", "--within", "91d", "--out", home + "/scores.csv")
run("forecast", "--as-of", "2026-03-01", "--period", "2026-Q2")
"""


def run(truth: str, export: Path, home: Path) -> subprocess.CompletedProcess[str]:
    env = os.environ | {"PYTHONPATH": str(ROOT), "MLFLOW_DISABLE_TELEMETRY": "true"}
    return subprocess.run([sys.executable, "-W", "ignore", "-c", RUN, truth, str(export), str(home)], env=env,
                          capture_output=True, text=True, check=False, cwd=home.parent)


def test_the_whole_way_from_import_to_forecast_opens_nothing_of_the_truth(exported: Summary, tmp_path: Path) -> None:
    shutil.copytree(exported.export_folder, tmp_path / "export")
    for home in ("home", "other"):
        light(tmp_path / home)
    done = run(str(tmp_path / "export" / "truth"), tmp_path / "export", tmp_path / "home")
    assert done.returncode == 0, done.stderr[-2000:]
    with_truth = (tmp_path / "home" / "scores.csv").read_bytes()

    # And where there is no truth the answers are the same, to the byte.
    shutil.rmtree(tmp_path / "export" / "truth")
    done = run("-", tmp_path / "export", tmp_path / "other")
    assert done.returncode == 0, done.stderr[-2000:]
    assert (tmp_path / "other" / "scores.csv").read_bytes() == with_truth


@pytest.mark.parametrize("slip", [
    "open(truth + '/causes.csv')", "import pandas; pandas.read_csv(truth + '/causes.csv')", "import simulation.truth"])
def test_the_watch_would_see_it(exported: Summary, tmp_path: Path, slip: str) -> None:
    code = RUN.split("from serving.cli")[0] + slip
    done = subprocess.run([sys.executable, "-c", code, str(exported.truth_folder), "-", "-"], capture_output=True,
                          text=True, check=False, env=os.environ | {"PYTHONPATH": str(ROOT)})
    assert "RuntimeError" in done.stderr
