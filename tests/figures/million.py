"""How long a million changes take to simulate and to export, and how much memory, in a process of their own."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from typing import Any

from simulation.options import settings_hash
from tests.figures.cache import ROOT, cached

__all__ = ["table"]

MAKE = """
import json, resource, sys, time
from pathlib import Path
from simulation.company import shown_tables
from simulation.options import Options, prepare
from simulation.past import simulate, stream
from simulation.truth import deal_truth, lead_truth
from simulation.warts import chosen_warts
from simulation.writing import write_files
folder, wins, variant = Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
wall, cpu = time.perf_counter(), time.process_time()
world, size = prepare(Options(size="company", variant=variant, wins=wins))
past = simulate(world, size, 1)
tables = shown_tables(past, 1, chosen_warts(world, "open" if variant == "open" else "all"))[0]
write_files(tables, folder, "csv", world.zone)
found = {"wall": time.perf_counter() - wall, "cpu": time.process_time() - cpu,
         "peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
         "changes": len(tables["field_history"]), "rows": sum(map(len, tables.values())),
         "leads": len(past.lead_created), "deals": len(past.deals)}
del tables
wall, cpu = time.perf_counter(), time.process_time()
truth = [len(ask(past, size.replicas, stream(1, name))) for ask, name in (
    (deal_truth, "deal truth"), (lead_truth, "lead truth"))]
found |= {"truth_wall": time.perf_counter() - wall, "truth_cpu": time.process_time() - cpu, "truth_rows": sum(truth),
          "truth_peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024}
print(json.dumps(found))
"""


def measure(wins: int, variant: str) -> dict[str, Any]:
    """What the process measured of itself: seconds (wall and processor), bytes at the peak, rows."""
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run([sys.executable, "-c", MAKE, folder, str(wins), variant], cwd=ROOT, check=True,
                              capture_output=True, text=True)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def table(small: bool) -> str:
    lines = [f"Settings {settings_hash()}.", "",
             "| variant | leads | deals | changes | rows in all files | simulated and exported in | of it processor | "
             "peak memory | true probabilities, besides |", "| --- | --: | --: | --: | --: | --: | --: | --: | --: |"]
    for variant in ("open", "real"):
        wins = 20 if small else 540
        one = cached(f"million-{variant}-{wins}", lambda variant=variant, wins=wins: measure(wins, variant))  # type: ignore[misc]
        lines.append(f"| {variant} | {one['leads']:,} | {one['deals']:,} | {one['changes']:,} | {one['rows']:,} | "
                     f"{one['wall']:.0f} s | {one['cpu']:.0f} s | {one['peak'] / 2**30:.2f} GiB | "
                     f"{one['truth_rows']:,} rows in {one['truth_wall']:.0f} s |")
    return "\n".join(lines)
