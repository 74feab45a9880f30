"""How long training leads takes beside the fits that it contains, scoring beside the boosters, and peak memory."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

from tests.figures.cache import ROOT, cached
from tests.figures.sets import simulated

__all__ = ["table"]

ROWS, SMALL_ROWS = 1_000_000, 20_000


def _measured(size: str, rows: int) -> dict[str, Any]:
    with simulated(size) as (_, home):
        command = [sys.executable, "-m", "tests.benchmarks.training", str(home), str(rows)]
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
