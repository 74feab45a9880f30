"""What a training costs over the fits that it contains, and scoring over the boosters' own predictions.

`python -m tests.benchmarks.training HOME leads|deals ROWS` trains on the home's past, in a process of its own so that
its memory is its own, scores so many landmark × bin rows whose features are ready, and prints what it measured as JSON.
"""

from __future__ import annotations

import json
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import lightgbm as lgb
import numpy as np
from sklearn.pipeline import Pipeline

from features.home import Home
from features.settings import load_settings
from training import deal_close, lead_conversion
from training.hazard import HazardModel, LandmarkTable, bin_matrix
from training.voices import Logistic

__all__ = ["measure"]


class Stopwatch:
    """Seconds spent in functions, by what they are for; one that another one calls counts as part of that."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._inside = False

    def watch(self, owner: Any, name: str, purpose: str, wrap: Callable[[Any], Any] = lambda watched: watched) -> None:
        """Put a watched function in the place of an owner's."""
        plain = getattr(owner, name)

        def watched(*given: Any, **named: Any) -> Any:
            if self._inside:
                return plain(*given, **named)
            self._inside, start = True, time.perf_counter()
            try:
                return plain(*given, **named)
            finally:
                self._inside = False
                self.seconds[purpose] = self.seconds.get(purpose, 0.0) + time.perf_counter() - start

        setattr(owner, name, wrap(watched))


KINDS = {"leads": lead_conversion, "deals": deal_close}


def measure(home: Path, name: str, rows: int) -> dict[str, Any]:
    """Seconds of a training and its parts, of scoring `rows` rows and of the boosters alone, and bytes at the peak.

    name : what is trained, of KINDS.
    """
    kind = KINDS[name]
    past = Home.open(home).history()
    watch = Stopwatch()
    for owner, part, purpose, wrap in ((lgb, "train", "fits", lambda watched: watched),
                                       (Logistic, "fit", "fits", staticmethod),
                                       (Pipeline, "fit", "fits", lambda watched: watched),
                                       (kind, "landmark_table", "features", lambda watched: watched),
                                       (HazardModel, "hazards_by_voice", "asking voices", lambda watched: watched)):
        watch.watch(owner, part, purpose, wrap)
    as_of = int(past.tables["changes"]["known_at"].max())
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        kind.train(past, as_of, load_settings(), Path(folder))
        whole = time.perf_counter() - start
        parts = dict(watch.seconds)
        model = HazardModel.load(Path(folder))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    job = kind.task(past, as_of, load_settings().training)
    return {"train": whole, **parts, "train_peak": peak, "subjects": len(past.subjects(job.kind)), "wins": model.wins,
            **_scoring(model, job.history, job.table, job.window_end, rows),
            "score_peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024}


def _scoring(model: HazardModel, history: Any, table: LandmarkTable, end: Any, rows: int) -> dict[str, float]:
    """Landmarks again and again until they make so many rows with their bins."""
    bins = len(model.edges_days) - 1
    again = np.arange(-(-rows // bins)) % len(table.landmarks)
    table, end = table.take(again), end[again]
    start = time.perf_counter()
    model.curves_of(history, table).win_by(end)
    scored = time.perf_counter() - start
    encoded = np.repeat(model.encoder.encode(table.features), bins, axis=0)
    facts = bin_matrix(history, table, model.edges_days)
    matrix = np.concatenate([encoded, facts.reshape(len(encoded), -1)], axis=1)
    start = time.perf_counter()
    for booster in model.boosters:
        booster.predict(matrix)
    return {"rows": float(len(matrix)), "score": scored, "boosters": time.perf_counter() - start}


if __name__ == "__main__":
    print(json.dumps(measure(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]))))
