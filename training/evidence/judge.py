"""What earlier origins showed: probabilities against outcomes, beside plain baselines."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from features.events import Int
from features.intent import intent_bands
from features.settings import Settings
from training.baselines import AalenJohansen
from training.calibration import scores
from training.curves import curves_from_hazards
from training.evidence.clock import clock_probability
from training.evidence.matured import fit_plain, past_at, won_by
from training.evidence.paired import Asked
from training.evidence.rolling import Task
from training.hazard import HazardModel, LandmarkTable
from training.outcomes import Outcomes

__all__ = ["Asked", "judge", "won_by"]

Floats = npt.NDArray[np.float64]
# What segments are formed by, where there is such a feature.
SEGMENT_FEATURES = ("kind", "source",
                    *(f"field:{name}" for name in ("source", "segment", "region", "product", "industry")))


def judge(model: HazardModel, ends: Outcomes, table: LandmarkTable, window_end: Int, task: Task,
          settings: Settings) -> tuple[dict[str, float], Asked]:
    """Score a model and the plain ones of its origin, fitted to `task`, on landmarks (n,) whose windows have closed in
    `ends`."""
    history = ends.history
    won = won_by(ends, table.landmarks, window_end)
    probability = model.curves_of(history, table).win_by(window_end)
    def by_cells(cells: AalenJohansen, asked: LandmarkTable) -> Floats:
        hazards = cells.hazards(*asked.state(model.kind))
        return curves_from_hazards(asked.landmarks.at, model.edges_days, hazards, history.mapping).win_by(window_end)

    everyone = AalenJohansen({"": model.cells.cells[""]})
    past = past_at(task, model.as_of)
    fitted = fit_plain(past, settings.training, lambda asked: by_cells(everyone, asked))
    plain = {**{name: predict(table) if len(won) else np.zeros(0) for name, predict in fitted.items()},
             "aj": by_cells(model.cells, table),
             "clock": clock_probability(task, model.as_of, table, window_end, settings.training) if model.wins
             else by_cells(everyone, table)}
    found = scores(probability, won)
    for name, other in plain.items():
        theirs = scores(other, won)
        found[f"log_loss_{name}"], found[f"auc_{name}"] = theirs["log_loss"], theirs["auc"]
    segments: dict[str, Any] = {name.removeprefix("field:"): table.features[name] for name in SEGMENT_FEATURES
                                if name in table.features}
    segments["state"] = table.state(model.kind)[0]
    if model.kind == "lead":
        segments["intent"] = intent_bands(history, table.landmarks.subject, table.landmarks.at, settings.intent)
    named = {name: np.array(["(none)" if one is None or one != one else str(one) for one in values], dtype=object)
             for name, values in segments.items()}
    return found, Asked(probability, won, table.landmarks.subject, table.landmarks.at, plain, named)
