"""What the model leans on: how much worse it gets when a group of facts is shuffled among the rows.

Permutation importance (Breiman 2001) by declared group of features, since features of one group say much the same and
each could stand in for the other. It is measured on rows after the model's date. What matters to the model is shown,
not what would change an outcome.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from features.catalogue import catalogue
from features.events import Int
from features.history import History
from training.evidence.measures import log_losses
from training.evidence.paired import Asked
from training.hazard import HazardModel, LandmarkTable

__all__ = ["group_importance"]

MOST_ROWS = 1000
REPEATS = 2


def group_importance(model: HazardModel, history: History, table: LandmarkTable, window_end: Int,
                     answers: Asked) -> list[dict[str, Any]]:
    """Rows of group and loss (added log-loss), the largest first, on at most MOST_ROWS landmarks spread over all."""
    random = np.random.default_rng(0)
    chosen = np.sort(random.permutation(len(answers.won))[:MOST_ROWS])
    table, end, won = table.take(chosen), window_end[chosen], answers.won[chosen]
    last = int(table.landmarks.at.max())
    groups: dict[str, list[str]] = {}
    for feature in catalogue(history, model.kind, last):
        if feature.name in table.features:
            groups.setdefault(feature.group, []).append(feature.name)
    plain = log_losses(model.curves_of(history, table).win_by(end), won).mean()
    rows = []
    for group, names in sorted(groups.items()):
        added = [float(log_losses(model.curves_of(history, _shuffled(table, names, random)).win_by(end), won).mean()
                       - plain) for _ in range(REPEATS)]
        rows.append({"group": group, "loss": float(np.mean(added))})
    return sorted(rows, key=lambda row: (-row["loss"], row["group"]))


def _shuffled(table: LandmarkTable, names: list[str], random: np.random.Generator) -> LandmarkTable:
    order = random.permutation(len(table.landmarks))
    features = table.features.copy()
    for name in names:
        features[name] = table.features[name].to_numpy()[order]
    return LandmarkTable(table.landmarks, features)
