"""The backtest: train at each origin on what was known then, and look at what came.

Unlike the folds inside one training, everything is done anew at every origin, the choice of half-life and calibrator
with it, exactly as `dealcast train --as-of` would have done on that day.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from features.calendar import DAY
from features.history import History
from features.settings import Settings
from training import deal_close
from training.evidence.judge import Asked, judge
from training.evidence.summary import summary
from training.forecast import actual, forecast
from training.hazard import HazardModel, landmark_table
from training.outcomes import Landmarks, outcomes
from training.result import silent

__all__ = ["Backtest", "backtest", "backtest_origin"]


@dataclass(frozen=True)
class Backtest:
    """origins : a row per origin with the figures of P(win) and of the forecast. summary : P(win) over all origins
    together, as `training.evidence.summary` has it."""

    origins: pd.DataFrame
    summary: dict[str, Any]


def backtest(history: History, origins: list[int], within_days: float, settings: Settings,
             progress: Callable[[str], None] = silent) -> Backtest:
    """Backtest P(win within days) and the forecast of those days at each origin (microseconds).

    Windows must have closed in `history`. Each row holds the origin, `n` open deals, how many were `won`, AUC,
    log-loss and Brier score beside base rate, rate by stage and Aalen–Johansen, and the forecast's mean, P10 and P90
    beside what came, in number and amount (major units).
    """
    rows, asked = [], []
    for i, origin in enumerate(origins):
        progress(f"origin {i + 1} of {len(origins)}")
        row, answers = backtest_origin(history, origin, within_days, settings)
        rows.append(row)
        asked.append(answers)
    return Backtest(pd.DataFrame(rows), summary(asked, within_days))


def backtest_origin(history: History, origin: int, within_days: float,
                    settings: Settings) -> tuple[dict[str, Any], Asked]:
    """One origin of a backtest: its row, and each open deal's probability with what came."""
    end = origin + round(within_days * DAY)
    with tempfile.TemporaryDirectory() as folder:
        deal_close.train(history, origin, settings, Path(folder))
        model = HazardModel.load(Path(folder))
    ends = outcomes(history, "deal")
    subject = deal_close.open_deals(history, origin)
    subject = subject[ends.is_answered(subject, np.full(len(subject), origin), np.full(len(subject), end))]
    at = np.full(len(subject), origin)
    job = deal_close.task(history.until(origin), origin, settings.training, within_days)
    figures, answers = judge(model, ends, landmark_table(history, "deal", Landmarks(subject, at)),
                             np.full(len(subject), end), job, settings)
    said = forecast(model, history, origin, origin, end, settings, by_owner=False)["total"]
    came = actual(history, origin, end)
    return {"origin": origin, **figures,
            **{f"{measure}_{name}": said[measure][name] for measure in ("won_count", "won_amount")
               for name in ("mean", "p10", "p90")},
            **{f"{measure}_actual": value for measure, value in came.items()}}, answers
