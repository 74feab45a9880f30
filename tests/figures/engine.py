"""The as-of engine in time and memory: beside its peers, the whole catalogue, one deal, and how it grows."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import time
from typing import Any

import numpy as np

from features.asof import AsOf, compute
from features.catalogue import catalogue
from features.history import History
from features.leakage import leaks
from tests.benchmarks.large import large_company, weeks_of_deals
from tests.benchmarks.peers import against_peers
from tests.figures.cache import ROOT, cached

__all__ = ["table"]

SIZES = (100_000, 1_000_000, 4_000_000)


def whole_catalogue(n_changes: int, n_pairs: int) -> dict[str, float]:
    """Seconds for the whole catalogue of deals, the first time and warm; milliseconds for one deal, median; memory."""
    history = large_company(n_changes)
    pairs = weeks_of_deals(history, n_pairs)
    features = catalogue(history, "deal")
    begun = time.perf_counter()
    compute(features, AsOf(history, "deal", pairs.subject[:1], pairs.at[:1]))
    warmed = time.perf_counter()
    compute(features, pairs)
    done = time.perf_counter()
    return {"changes": n_changes, "pairs": n_pairs, "features": len(features), "first_seconds": warmed - begun,
            "seconds": done - warmed, "one_ms": _one_ms(history, pairs),
            "peak_gib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20}


def _one_ms(history: History, pairs: AsOf, times: int = 200) -> float:
    features = catalogue(history, "deal")
    taken = []
    for i in range(times):
        one = AsOf(history, "deal", pairs.subject[i:i + 1], pairs.at[i:i + 1])
        begun = time.perf_counter()
        compute(features, one)
        taken.append(time.perf_counter() - begun)
    return float(np.median(taken) * 1000)


def gate(n_changes: int) -> dict[str, float]:
    """Seconds for the gate over the whole catalogue."""
    history = large_company(n_changes)
    begun = time.perf_counter()
    report = leaks(history)
    return {"changes": n_changes, "seconds": time.perf_counter() - begun, "leaks": len(report.leaks),
            "features": sum(report.features.values()), "pairs": sum(report.pairs.values())}


def _alone(call: str) -> Any:
    """What a call of this module gives in a process of its own, so that its memory is its own."""
    code = f"import json\nfrom tests.figures import engine\nprint(json.dumps(engine.{call}))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True,
                          env={**os.environ, "PYTHONPATH": str(ROOT)})
    return json.loads(done.stdout.splitlines()[-1])


def table(small: bool) -> str:
    scale = 50 if small else 1
    peers = cached(f"engine-peers-{scale}", lambda: against_peers(1_000_000 // scale, 500_000 // scale))
    sizes = [cached(f"engine-{n // scale}", lambda n=n: _alone(f"whole_catalogue({n // scale}, {1_000_000 // scale})"))
             for n in SIZES]
    tried = cached(f"engine-gate-{scale}", lambda: _alone(f"gate({200_000 // scale})"))
    best = min(seconds for name, seconds in peers.items() if name != "dealcast")
    lines = [f"12 fields × (value, count so far, days since the change) for {500_000 // scale:,} questions over "
             f"{1_000_000 // scale:,} changes of 50,000 subjects, best of 3, equal answers: "
             + ", ".join(f"{name} {seconds:.2f} s" for name, seconds in peers.items())
             + f"; {best / peers['dealcast']:.1f} times as fast as the fastest of the others.", "",
             f"The whole catalogue of deals ({sizes[0]['features']} features) for {1_000_000 // scale:,} (deal, week) "
             "pairs:", "",
             "| changes | first use | all pairs | one deal, median | peak memory |", "| --: | --: | --: | --: | --: |"]
    lines += [f"| {one['changes']:,} | {one['first_seconds']:.1f} s | {one['seconds']:.1f} s | "
              f"{one['one_ms']:.2f} ms | "
              f"{one['peak_gib']:.1f} GiB |" for one in sizes]
    lines += ["", f"The gate over {tried['features']} features at {tried['pairs']:,} pairs, in a history of "
              f"{tried['changes']:,} changes: {tried['seconds']:.0f} s, {tried['leaks']} leaks."]
    return "\n".join(lines)
