"""Seconds and memory of a forecast over very many open deals, in a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

from tests.figures.cache import ROOT, cached

__all__ = ["table"]

SIZES = (10_000, 100_000)
DRAWS = 10_000


def _measured(n: int) -> dict[str, Any]:
    code = ("import json\nfrom tests.benchmarks.forecasting import time_forecast\n"
            f"print(json.dumps(time_forecast({n}, {DRAWS})))")
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True, capture_output=True, text=True)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def table(small: bool) -> str:
    scale = 50 if small else 1
    found = [cached(f"forecast-speed-{n // scale}", lambda n=n: _measured(n // scale)) for n in SIZES]  # type: ignore[misc]
    return "\n".join([
        f"A quarter's forecast with {DRAWS:,} draws, by {found[-1]['groups']} owners, of deals whose curves are given:",
        "", "| open deals | wins expected | forecast in | of it processor | peak memory |",
        "| --: | --: | --: | --: | --: |",
        *(f"| {one['open']:,} | {one['wins']:,.0f} | {one['seconds']:.0f} s | {one['cpu']:.0f} s | "
          f"{one['peak_gib']:.1f} GiB |" for one in found)]) + "\n"
