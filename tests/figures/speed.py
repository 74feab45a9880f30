"""How long training takes beside the fits that it contains, scoring beside the boosters, and peak memory."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

from tests.figures.cache import ROOT, cached
from tests.figures.sets import simulated

__all__ = ["table"]

ROWS, SMALL_ROWS = 1_000_000, 20_000


def _measured(size: str, kind: str, rows: int) -> dict[str, Any]:
    with simulated(size) as (_, home):
        command = [sys.executable, "-m", "tests.benchmarks.training", str(home), kind, str(rows)]
        done = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def table(small: bool) -> str:
    size, rows = ("tiny", SMALL_ROWS) if small else ("demo", ROWS)
    lines = ["| what | seconds | over | seconds | ratio | peak memory |", "| --- | --: | --- | --: | --: | --: |"]
    parts = []
    for kind, ended in (("leads", "converted"), ("deals", "won")):
        one = cached(f"speed-{size}-{kind}-{rows}", lambda kind=kind: _measured(size, kind, rows))
        rest = one["train"] - one["fits"] - one["features"] - one["asking voices"]
        lines += [
            f"| training, {one['subjects']:,} {kind} of which {one['wins']:,} {ended} | {one['train']:.1f} | its bare "
            f"fits | {one['fits']:.1f} | {one['train'] / one['fits']:.2f} | {one['train_peak'] / 2**20:,.0f} MiB |",
            f"| scoring {one['rows']:,.0f} ready rows ({kind} × bin) | {one['score']:.1f} | the boosters' "
            f"predictions | {one['boosters']:.1f} | {one['score'] / one['boosters']:.2f} "
            f"| {one['score_peak'] / 2**20:,.0f} MiB |"]
        parts.append(f"Of the training of {kind}, features take {one['features']:.1f} s, asking each voice at earlier "
                     f"dates {one['asking voices']:.1f} s and all else {rest:.1f} s.")
    fits = "The fits are those of LightGBM, of the logistic hazard and of the plain models that it is judged beside."
    return "\n".join([*lines, "", *parts, fits]) + "\n"
