"""The models that serve: loaded once, checked, and swapped as soon as another version is champion.

Reads the exported files in `<home>/models/<name>/<version>/`; MLflow is never imported.
"""

from __future__ import annotations

from functools import lru_cache

from features.errors import BadInput, Conflict
from features.home import Home
from training.hazard import HazardModel
from training.registry.runs import trainable
from training.registry.versions import ModelVersion, check_files, version_for

__all__ = ["model_for"]

_OUTCOMES = {"leads": "when a lead is converted (leads: converted: [...])",
             "deals": "which stage means won (stages: - {name: ..., outcome: won})"}


def model_for(home: Home, name: str, as_of: int, version: int | None = None) -> tuple[ModelVersion, HazardModel]:
    """The version of a model ('leads', 'deals') that speaks for a date, and the model itself.

    Which one that is, is asked anew each time, so a new champion serves from its registration on; a version's files
    never change, so they are read and checked once. Raises Conflict when the mapping allows no such model, no version
    speaks for the date or its files are not those that were registered, and NotFound when they are gone.
    """
    _check_possible(home, name)
    chosen = version_for(home, name, as_of, version)
    return chosen, _load(home, chosen)


def _check_possible(home: Home, name: str) -> None:
    try:
        possible = trainable(home)
    except BadInput as error:
        raise Conflict(str(error)) from error
    if name not in possible:
        raise Conflict(f"The mapping of {home.mapping.company} does not say {_OUTCOMES[name]}, so there can be no "
                       f"{name} model. Add that to the mapping and import again, or ask about {possible[0]}.")


# A home and a version compare by their values: one of the same number in a home that was made anew at the same place
# was trained at another time.
@lru_cache(maxsize=8)
def _load(home: Home, version: ModelVersion) -> HazardModel:
    check_files(home, version)
    return HazardModel.load(version.path(home))
