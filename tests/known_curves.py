"""A stand-in for a trained model whose curves are known: what is drawn from them can be worked out by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from features.events import Int
from features.history import History
from training.curves import Curves, curves_from_hazards

__all__ = ["KnownCurves"]

EDGES = np.array([0, 7, 14, 28, 63, 91, 182.0])


class KnownCurves:
    """Each deal's hazards follow from its id alone, from whenever it is asked."""

    cycle_days = 90.0

    def __init__(self, periods: list[dict[str, Any]] | None = None, win: float = 0.06) -> None:
        self.evaluation = {"periods": periods or []}
        self.win = win

    def curves(self, history: History, subject: Int, at: Int) -> Curves:
        own = pd.util.hash_array(history.deals.ids[subject].astype(object)) % 1000 / 1000
        hazards = np.empty((len(subject), len(EDGES) - 1, 3))
        hazards[:, :, 1] = (2 * self.win * own)[:, None]
        hazards[:, :, 2] = 0.08
        hazards[:, :, 0] = 1 - hazards[:, :, 1] - hazards[:, :, 2]
        return curves_from_hazards(at, EDGES, hazards, history.mapping)


