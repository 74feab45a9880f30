"""Seconds and memory of one forecast by owner of a company with very many open deals. The curves are given: what a
model takes to make them is another measure."""

from __future__ import annotations

import resource
import time
from typing import Any, cast

import numpy as np
import pandas as pd

from features.calendar import DAY
from features.history import History
from features.settings import load_settings
from tests.histories import history, mapping
from tests.known_curves import KnownCurves
from training.forecast import forecast
from training.hazard import HazardModel

__all__ = ["many_open_deals", "time_forecast"]

AS_OF = 20_000 * DAY
OWNERS = 300


def many_open_deals(n: int, seed: int = 0) -> History:
    """Open deals that came evenly over two years, each with a stage, an owner and an amount, and some that were won."""
    rng = np.random.default_rng(seed)
    n_won = n // 10
    ids = np.array([f"D{i:07d}" for i in range(n + n_won)], dtype=object)
    created = AS_OF - (rng.random(n + n_won) * 730 * DAY).astype(np.int64)

    def rows(subject: Any, field: str, value: Any, at: Any) -> pd.DataFrame:
        return pd.DataFrame({"subject": "deal", "subject_id": ids[subject], "field": field, "value": value,
                             "changed_at": at, "sequence": 0, "known_at": at, "recorded_at": at, "source": "made up"})

    every = np.arange(n + n_won)
    owner = np.array([f"O{i}" for i in range(OWNERS)], dtype=object)[rng.integers(0, OWNERS, n + n_won)]
    amount = np.rint(rng.lognormal(14, 1, n + n_won)).astype(np.int64).astype(str).astype(object)
    won_at = created[n:] + (rng.random(n_won) * (AS_OF - created[n:])).astype(np.int64)
    changes = pd.concat([rows(every, "stage", "Talk", created), rows(every, "owner", owner, created),
                         rows(every, "amount", amount, created), rows(every[n:], "stage", "Won", won_at)],
                        ignore_index=True)
    deals = pd.DataFrame({"deal_id": ids, "created_at": created, "lead_id": None, "account_id": None, "kind": None,
                          "known_at": created, "recorded_at": created, "source": "made up"})
    return History({**history().tables, "deals": deals, "changes": changes}, mapping())


def time_forecast(n: int, draws: int) -> dict[str, float]:
    """One forecast of the next 91 days by owner: seconds, gibibytes at the peak of this process, deals and draws."""
    past = many_open_deals(n)
    settings = load_settings()
    settings = settings.model_copy(update={"forecast": settings.forecast.model_copy(update={"draws": draws})})
    begun, cpu = time.perf_counter(), time.process_time()
    said = forecast(cast(HazardModel, KnownCurves()), past, AS_OF, AS_OF, AS_OF + 91 * DAY, settings)
    return {"seconds": time.perf_counter() - begun, "cpu": time.process_time() - cpu,
            "peak_gib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20, "open": n, "draws": draws,
            "groups": len(said["groups"]), "wins": said["total"]["won_count"]["mean"]}
