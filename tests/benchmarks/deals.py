"""How long it takes to say everything of 100,000 open deals, to draw their curves alone, and to forecast a quarter.

`python -m tests.benchmarks.deals scores|forecast DEALS` makes up a large company, fits a model on a small one of the
same kind, and scores or forecasts so many open deals in a process of its own, so that its memory is its own. Prints
what it measured as JSON.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from features.calendar import DAY
from features.history import History
from features.settings import load_settings
from tests.benchmarks.large import START, large_company
from training.deal_close import task
from training.deal_scores import score
from training.evidence.rolling import fit
from training.forecast import forecast
from training.hazard import HazardModel, landmark_table
from training.outcomes import Landmarks, outcomes

__all__ = ["forecasts", "scores"]

AS_OF = START + 2000 * DAY
CHANGES_A_DEAL, OPEN_SHARE = 25, 0.85  # of the made-up companies: so many of their deals are open at that date
LEARNED_FROM = 200  # deals


def scores(deals: int) -> dict[str, Any]:
    """Seconds (wall, processor) of features, curves and whole scores of so many open deals, and bytes at the peak."""
    model, past = _made_up(deals)
    subject = outcomes(past, "deal").open_at(AS_OF)[:deals]
    found: dict[str, Any] = {"deals": len(subject), "bins": len(model.edges_days) - 1, "voices": model.weights,
                             "columns": len(model.encoder.columns)}
    marks = Landmarks(subject, np.full(len(subject), AS_OF))
    table = _timed(found, "features", lambda: landmark_table(past, "deal", marks))
    _timed(found, "curves", lambda: model.curves_of(past, table))
    ids = past.deals.ids[subject].tolist()
    _timed(found, "everything", lambda: score(model, past, AS_OF, 28, ids))
    return {**found, "peak": _peak()}


def forecasts(deals: int) -> dict[str, Any]:
    """The same of a whole forecast of the 91 days to come, by owner: features, curves, intake and all draws."""
    model, past = _made_up(deals)
    settings = load_settings()
    found: dict[str, Any] = {"draws": settings.forecast.draws}
    _timed(found, "forecast", lambda: forecast(model, past, AS_OF, AS_OF, AS_OF + 91 * DAY, settings))
    return {**found, "deals": len(outcomes(past, "deal").open_at(AS_OF)), "peak": _peak()}


def _timed(found: dict[str, Any], what: str, work: Callable[[], Any]) -> Any:
    """Do it, and note the seconds of wall and processor."""
    wall, cpu = time.perf_counter(), time.process_time()
    done = work()
    found[what], found[f"{what} cpu"] = time.perf_counter() - wall, time.process_time() - cpu
    return done


def _made_up(deals: int) -> tuple[HazardModel, History]:
    """A model, and a company with at least so many open deals."""
    small, settings = large_company(LEARNED_FROM * CHANGES_A_DEAL, seed=1).until(AS_OF), load_settings().training
    model = fit(task(small, AS_OF, settings), AS_OF, settings, [], settings.seeds)
    return model, large_company(round(deals / OPEN_SHARE * 1.02) * CHANGES_A_DEAL)


def _peak() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


if __name__ == "__main__":
    print(json.dumps({"scores": scores, "forecast": forecasts}[sys.argv[1]](int(sys.argv[2]))))
