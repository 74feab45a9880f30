"""How long training leads takes beside the fits that it contains, scoring beside the boosters, and peak memory."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from features.home import Home
from features.importing import import_files
from serving.cli.data import read_mapping
from simulation.company import generate
from tests.figures.cache import ROOT, cached

__all__ = ["table"]

ROWS, SMALL_ROWS = 1_000_000, 20_000


def _measured(size: str, rows: int) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        made = generate(Path(folder) / "simulated", seed=1, size=size)
        home = Home.open(Path(folder) / "home", must_exist=False)
        mapping, text = read_mapping("simulated")
        import_files(home, made.export_folder, mapping, text, recorded_at=made.end)
        command = [sys.executable, "-m", "tests.benchmarks.training", str(Path(folder) / "home"), str(rows)]
        done = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def table(small: bool) -> str:
    size, rows = ("tiny", SMALL_ROWS) if small else ("demo", ROWS)
    one = cached(f"speed-{size}-{rows}", lambda: _measured(size, rows))
    rest = one["train"] - one["fits"] - one["features"] - one["asking voices"]
    return "\n".join([
        "| what | seconds | over | seconds | ratio | peak memory |", "| --- | --: | --- | --: | --: | --: |",
        f"| training, {one['leads']:,} leads of which {one['wins']:,} converted | {one['train']:.1f} | its bare fits | "
        f"{one['fits']:.1f} | {one['train'] / one['fits']:.2f} | {one['train_peak'] / 2**20:,.0f} MiB |",
        f"| scoring {one['rows']:,.0f} ready rows (landmark × bin) | {one['score']:.1f} | the boosters' predictions | "
        f"{one['boosters']:.1f} | {one['score'] / one['boosters']:.2f} | {one['score_peak'] / 2**20:,.0f} MiB |", "",
        f"Of the training {one['features']:.1f} s are for the features, {one['asking voices']:.1f} s for asking each "
        f"voice at earlier dates and {rest:.1f} s for all else. The fits are those of LightGBM, of the logistic hazard "
        "and of the plain models that it is judged beside."]) + "\n"
