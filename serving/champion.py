"""The models that serve: loaded once, checked, and swapped as soon as another version is champion.

Reads the exported files in `<home>/models/<name>/<version>/`; MLflow is never imported.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from features.home import Home
from training.hazard import HazardModel
from training.registry.versions import ModelVersion, version_for

__all__ = ["model_for"]


def model_for(home: Home, name: str, as_of: int, version: int | None = None) -> tuple[ModelVersion, HazardModel]:
    """The version of a model ('leads', 'deals') that speaks for a date, and the model itself.

    Which one that is, is asked anew each time, so a new champion serves from its registration on; a version's files
    never change, so they are read once. Raises Conflict when no version speaks for the date and NotFound when its
    files are gone.
    """
    chosen = version_for(home, name, as_of, version)
    return chosen, _load(chosen.path(home).resolve(), chosen.trained_at)


@lru_cache(maxsize=8)
def _load(folder: Path, trained_at: int) -> HazardModel:
    # trained_at tells a version apart from one of the same number in a home that was made anew at the same place.
    return HazardModel.load(folder)
