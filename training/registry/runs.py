"""A training from end to end: train on what was known up to a date, log it, register it."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from features.errors import BadInput
from features.home import Home
from training.registry.tracking import register
from training.registry.versions import ModelVersion

if TYPE_CHECKING:
    from training.result import TrainingResult

__all__ = ["train_and_register", "trainable"]


def trainable(home: Home) -> list[str]:
    """The models that the home's mapping allows: leads and deals, where their outcomes are named.

    Raises BadInput when there is none.
    """
    mapping = home.mapping
    found = [f"{kind}s" for kind in ("lead", "deal")
             if any(outcome == "won" for outcome, _ in mapping.endings(kind))]
    if not found:
        raise BadInput("The mapping names no outcome, so there is nothing to learn. Mark the stage that means won "
                       "(stages: - {name: ..., outcome: won}) or a lead's outcome (leads: converted: [...]), and "
                       "import again.")
    return found


def train_and_register(home: Home, name: str, as_of: int, trained_at: int,
                       progress: Callable[[str], None] | None = None, trials: int | None = None,
                       seconds: float | None = None) -> tuple[ModelVersion, TrainingResult]:
    """Train 'leads' or 'deals' up to `as_of` (microseconds UTC) and register the result.

    trials or seconds : tune LightGBM's settings first (see `training.tuning`).

    Nothing of it stays when it fails. Raises Conflict when the history holds too little.
    """
    # LightGBM is loaded only here: `dealcast --help` and the registry's readers need none of it.
    from training import deal_close, lead_conversion
    from training.result import silent
    from training.tuning import Tuner

    train = {"leads": lead_conversion.train, "deals": deal_close.train}[name]
    (home.path / "models").mkdir(parents=True, exist_ok=True)
    # In the home itself, so that the finished files can be moved to their place in one step.
    work = Path(tempfile.mkdtemp(prefix=".training-", dir=home.path / "models"))
    try:
        folder = work / name
        folder.mkdir()
        tuner = Tuner(home.settings.training, trials, seconds) if trials or seconds else None
        result = train(home.history(as_of), as_of, home.settings, folder, progress or silent, tuner)
        version = register(home, name, as_of, folder, result.params, result.metrics, result.summary, result.figures,
                           trained_at, tuner.done if tuner else ())
    finally:
        shutil.rmtree(work, ignore_errors=True)
    return version, result
