"""What a training returns, beside the files that it wrote."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from features.settings import Settings
from training.evidence.charts import reliability_figure
from training.evidence.paired import Asked
from training.evidence.summary import summary
from training.fingerprint import settings_fingerprint
from training.hazard import HazardModel

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["TrainingResult", "silent", "training_result"]


@dataclass(frozen=True)
class TrainingResult:
    """params : what was chosen. metrics : figures over all earlier origins together, and medians over them. figures :
    by name. summary : the evaluation that is stored with the model, from which its report is written."""

    model: HazardModel
    params: dict[str, Any]
    metrics: dict[str, float]
    figures: dict[str, Figure]
    summary: dict[str, Any]


def silent(_: str) -> None:
    """Progress for nobody."""


def training_result(model: HazardModel, evaluation: dict[str, Any], asked: list[Asked], settings: Settings,
                    folder: Path) -> TrainingResult:
    """Add the pooled figures to the evaluation, write the model's files and gather what is logged."""
    origins = evaluation["origins"]
    found = summary(asked, evaluation["window_days"])
    median = {name: float(np.median(values)) for name in (origins[0] if origins else {})
              if name != "origin" and (values := [one[name] for one in origins if one[name] is not None])}
    params = {"kind": model.kind, "company": model.company, "as_of": model.as_of, "voice": model.voice,
              "half_life_days": model.half_life_days, "cycle_days": model.cycle_days,
              "calibrator": "none" if model.calibrator.pooled == (0.0, 0.0) else
              "by group" if model.calibrator.groups else "pooled",
              "features": len(model.encoder.columns), "data_fingerprint": model.fingerprint,
              "settings_fingerprint": settings_fingerprint(settings),
              "training": settings.training.model_dump()}
    evaluation = {**evaluation, "median": median, **found, "params": params}
    model = replace(model, evaluation=evaluation, certainty=model.certainty.judged(asked))
    model.save(folder)
    figures = {"reliability": reliability_figure(found["reliability"])} if asked else {}
    metrics = {**{f"median_{name}": value for name, value in median.items()},
               **{f"pooled_{name}": value for name, value in found["pooled"].items() if value is not None}}
    return TrainingResult(model, params, metrics, figures, evaluation)
