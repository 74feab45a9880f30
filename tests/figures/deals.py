"""How long it takes to say everything of 100,000 open deals, and to forecast them, each in a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

from tests.figures.cache import ROOT, cached

__all__ = ["table"]

DEALS, SMALL_DEALS = 100_000, 1_000


def _measured(what: str, deals: int) -> dict[str, Any]:
    command = [sys.executable, "-W", "ignore", "-m", "tests.benchmarks.deals", what, str(deals)]
    done = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def table(small: bool) -> str:
    deals = SMALL_DEALS if small else DEALS
    one = cached(f"deal-speed-{deals}", lambda: _measured("scores", deals))
    whole = cached(f"deal-speed-forecast-{deals}", lambda: _measured("forecast", deals))
    lines = ["| what | seconds | of it processor |", "| --- | --: | --: |"]
    for key, name in (("features", f"features of {one['deals']:,} open deals, a history just read"),
                      ("curves", f"their curves over {one['bins']} bins, from {one['columns']} features"),
                      ("everything", "every column of their scores, the trend and its features included")):
        lines.append(f"| {name} | {one[key]:.0f} | {one[f'{key} cpu']:.0f} |")
    lines.append(f"| a whole forecast of the 91 days to come, {whole['deals']:,} open deals, {whole['draws']:,} draws "
                 f"| {whole['forecast']:.0f} | {whole['forecast cpu']:.0f} |")
    return "\n".join([*lines, "", f"Peak memory, the whole made-up company in it: {one['peak'] / 2**30:.1f} GiB for "
                      f"scores, {whole['peak'] / 2**30:.1f} GiB for the forecast."])
