"""Time and peak memory of each step of the demo, and what a second start takes."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

from tests.figures.cache import cached
from tests.running import run

__all__ = ["results", "table"]


def results(small: bool) -> list[dict[str, Any]]:
    """What `dealcast demo --no-serve --json` printed, the first time and again on the same home."""
    size = "tiny" if small else "demo"
    found: list[dict[str, Any]] = cached(f"demo-{size}", lambda: _two_runs(size))
    return found


def table(small: bool) -> str:
    size = "tiny" if small else "demo"
    runs = results(small)
    lines = [f"| step (`dealcast demo --no-serve --json`, size {size}) | seconds | peak memory | again, seconds |",
             "| --- | --: | --: | --: |"]
    again = {step["name"].split()[-1]: step["seconds"] for step in runs[1]["steps"]}
    for step in runs[0]["steps"]:
        second = again.get(step["name"].split()[-1])
        lines.append(f"| {step['name']} | {step['seconds']:.1f} | {step['peak_memory_mib']} MiB | "
                     f"{'' if second is None else f'{second:.1f}'} |")
    total = [sum(step["seconds"] for step in one["steps"]) for one in runs]
    return "\n".join([*lines, f"| **all** | **{total[0]:.0f}** | | **{total[1]:.0f}** |", ""])


def _two_runs(size: str) -> list[dict[str, Any]]:
    with tempfile.TemporaryDirectory() as folder:
        made = [run("--home", "home", "demo", "--no-serve", "--json", "--size", size, cwd=Path(folder), timeout=1800)
                for _ in range(2)]
        for one in made:
            if one.returncode:
                raise RuntimeError(one.stderr)
        return [json.loads(one.stdout) for one in made]
