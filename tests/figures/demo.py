"""Time and peak memory of each step of the demo, and what a second start takes."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

from tests.figures.cache import cached
from tests.running import run
from tests.serving.asking import client

__all__ = ["first_request", "request", "results", "table"]

SHOWN = 12  # fields of a score: who, chances and dates


def results(small: bool) -> dict[str, Any]:
    """`runs`: what `dealcast demo --no-serve --json` printed, the first time and again on the same home. `answer`: what
    the service says to a first request about that home."""
    size = "tiny" if small else "demo"
    found: dict[str, Any] = cached(f"demo-{size}", lambda: _two_runs(size))
    return found


def request(small: bool) -> str:
    """A request and its whole answer, for the integrators' page."""
    return _request(results(small)["answer"])


def first_request(small: bool) -> str:
    """The same for the README, with the fields that come first."""
    answer = results(small)["answer"]
    shown = [dict(list(one.items())[:SHOWN]) for one in answer["scores"]]
    hidden = len(answer["scores"][0]) - SHOWN
    head = {name: answer[name] for name in ("as_of", "within_days", "model")}
    return _request({**head, "scores": shown}) + (f"\nand {hidden} fields more: slip, risk, trend, time in stage, "
                                                    "amount at the close ([all of them](docs/deal-scores.md)).\n")


def _request(answer: dict[str, Any]) -> str:
    asked = json.dumps({"deal_ids": [one["deal_id"] for one in answer["scores"]]})
    return ("```sh\ncurl -s http://127.0.0.1:3000/v1/deals/score -H 'Content-Type: application/json' \\\n"
            f"     -d '{asked}'\n```\n\n```json\n{json.dumps(answer, indent=2)}\n```\n")


def table(small: bool) -> str:
    size = "tiny" if small else "demo"
    runs = results(small)["runs"]
    lines = [f"| step (`dealcast demo --no-serve --json`, size {size}) | seconds | peak memory | again, seconds |",
             "| --- | --: | --: | --: |"]
    again = {step["name"].split()[-1]: step["seconds"] for step in runs[1]["steps"]}
    for step in runs[0]["steps"]:
        second = again.get(step["name"].split()[-1])
        lines.append(f"| {step['name']} | {step['seconds']:.1f} | {step['peak_memory_mib']} MiB | "
                     f"{'' if second is None else f'{second:.1f}'} |")
    total = [sum(step["seconds"] for step in one["steps"]) for one in runs]
    return "\n".join([*lines, f"| **all** | **{total[0]:.0f}** | | **{total[1]:.0f}** |", ""])


def _two_runs(size: str) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        made = [run("--home", "home", "demo", "--no-serve", "--json", "--size", size, cwd=Path(folder), timeout=1800)
                for _ in range(2)]
        for one in made:
            if one.returncode:
                raise RuntimeError(one.stderr)
        runs = [json.loads(one.stdout) for one in made]
        asked = {"deal_ids": [runs[1]["deals"][0]["deal_id"]]}
        answer = client(Path(folder) / "home").post("/v1/deals/score", json=asked)
        return {"runs": runs, "answer": answer.raise_for_status().json()}
