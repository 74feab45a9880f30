"""A company of leads whose chances are planted: known exactly, as predictable as is asked for, and nothing else."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import numpy.typing as npt

from features.history import History
from features.mapping import Mapping, parse_mapping
from tests.histories import change, history

__all__ = ["HORIZON_DAYS", "planted"]

HORIZON_DAYS = 30
RATE = 0.2
SOURCES = ("web", "fair", "partner", "list")
_MAPPING = f"""
company: Planted
time_zone: UTC
currency: EUR
leads: {{converted: [Converted], disqualified: [Out], horizon: {{days: {HORIZON_DAYS}, from: created}}}}
sources:
  - rows: leads
    file: leads.csv
    columns: {{lead_id: id, created_at: created}}
    fields:
      status: {{column: status, past: final_only}}
      source: {{column: source, past: at_creation}}
      size: {{column: size, type: number, past: at_creation}}
      team: {{column: team, past: at_creation}}
"""


@lru_cache(maxsize=1)
def _mapping() -> Mapping:
    return parse_mapping(_MAPPING, "the planted company's mapping")


def planted(seed: int, leads: int, days: float, auc: float = 0.7, *, shuffled: bool = False) -> History:
    """Leads that come in evenly over some days. Source and size tell who converts within HORIZON_DAYS, as well as `auc`
    says; with `shuffled`, whose end is whose is drawn anew, so that nothing tells. Every lead has its end by day 60."""
    random = np.random.default_rng(seed)
    source, size = random.integers(0, len(SOURCES), leads), random.lognormal(3, 1, leads)
    signal = (np.array([0.9, 0.3, -0.3, -0.9])[source] + (np.log(size) - 3)) / np.sqrt(0.45 + 1.0)
    log_odds = _strength(auc) * signal
    chance = 1 / (1 + np.exp(-(log_odds - _offset(log_odds))))
    won = random.random(leads) < chance
    if shuffled:
        won = random.permutation(won)
    created = np.sort(random.uniform(0, days, leads))
    ended = created + np.where(won, random.uniform(0.5, HORIZON_DAYS - 0.5, leads), random.uniform(0.5, 60, leads))
    names = [f"x{i:05d}" for i in range(leads)]
    rows = []
    for i, name in enumerate(names):
        told = {"status": "New", "source": SOURCES[source[i]], "size": f"{size[i]:.2f}",
                "team": "north" if random.random() < 0.5 else "south"}
        rows += [change(name, key, value, created[i], kind="lead") for key, value in told.items()]
        if ended[i] < days:
            rows.append(change(name, "status", "Converted" if won[i] else "Out", ended[i], kind="lead"))
    return history(leads=dict(zip(names, created.tolist(), strict=True)), changes=rows, described_by=_mapping())


def _offset(log_odds: npt.NDArray[np.float64]) -> float:
    """What makes the mean chance RATE."""
    low, high = -10.0, 10.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if (1 / (1 + np.exp(middle - log_odds))).mean() > RATE else (low, middle)
    return low


@lru_cache(maxsize=4)
def _strength(auc: float) -> float:
    """How far apart the log-odds of a standard signal must lie for an AUC, by search on one large sample."""
    from sklearn.metrics import roc_auc_score

    random = np.random.default_rng(0)
    signal, luck = random.normal(size=100_000), random.random(100_000)
    low, high = 0.0, 5.0
    for _ in range(12):
        middle = (low + high) / 2
        log_odds = middle * signal
        won = luck < 1 / (1 + np.exp(_offset(log_odds) - log_odds))
        low, high = (middle, high) if roc_auc_score(won, signal) < auc else (low, middle)
    return low
