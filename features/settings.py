"""Settings: the shipped defaults, overridden key by key by a home's dealcast.yaml.

Strict: an unknown key or a value of another type is an error that names the key and the nearest known one.
Nothing is read from the environment or the current folder.
"""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any, Self

import yaml
from pydantic import Field, ValidationError, model_validator

from features.errors import BadInput
from features.strict import Strict, explain_invalid, read_yaml

__all__ = ["SETTINGS_FILE", "BlendSettings", "ForecastSettings", "Grades", "ImportSettings", "IntentSettings",
           "LevelSettings", "LightGBMSettings", "Prior", "Settings", "TrainingSettings", "ValueSettings",
           "load_settings"]

SETTINGS_FILE = "dealcast.yaml"

Count = Annotated[int, Field(ge=1)]
Positive = Annotated[float, Field(gt=0)]
NotNegative = Annotated[float, Field(ge=0)]
Share = Annotated[float, Field(gt=0, le=1)]


class LightGBMSettings(Strict):
    num_leaves: Annotated[int, Field(ge=2, le=64)]  # reasons read no larger trees
    learning_rate: Share
    num_rounds: Count
    min_data_in_leaf: Count
    min_subjects_in_leaf: Count
    lambda_l2: NotNegative
    feature_fraction: Share
    bagging_fraction: Share
    num_threads: Count


class LevelSettings(Strict):
    half_life_in_cycles: NotNegative
    prior_events: Positive


class Trust(Strict):
    """Wins at which a voice of the blend is trusted by half, before there is evidence."""

    lightgbm: Positive
    logistic: Positive
    rates: Positive


class BlendSettings(Strict):
    half_trusted_at_wins: Trust
    weight_sd: Positive
    stretch_sd: Positive


class Prior(Strict):
    """What is believed of a kind before anything is known: shares won and lost in the end, median days to it, and how
    many subjects' worth of evidence that is."""

    won: Share
    lost: Share
    days: Positive
    subjects: Positive

    @model_validator(mode="after")
    def _leave_room(self) -> Self:
        if self.won + self.lost > 1.0:
            raise ValueError(f"won and lost together must be at most 1, got {self.won} + {self.lost}")
        return self


class Priors(Strict):
    lead: Prior
    deal: Prior


class TrainingSettings(Strict):
    row_budget: Count
    seeds: Count
    origins: Count
    min_wins: Count
    half_lives_in_cycles: Annotated[list[NotNegative], Field(min_length=1)]
    calibration_prior_events: NotNegative
    logistic_prior_sd: Positive
    logistic_rows: Count
    blend: BlendSettings
    priors: Priors
    lightgbm: LightGBMSettings
    level: LevelSettings
    unlike_share: Share


class ForecastSettings(Strict):
    draws: Annotated[int, Field(ge=100, le=1_000_000)]
    shock_sd: NotNegative
    shock_prior_periods: NotNegative
    recent_weeks: Count


class Grades(Strict):
    """Lowest expected value of each grade, in costs of a contact or in usual conversions; below C is D."""

    A: Positive
    B: Positive
    C: Positive

    @model_validator(mode="after")
    def _fall(self) -> Self:
        if not self.A > self.B > self.C:
            raise ValueError(f"must fall from A to C, got A {self.A}, B {self.B}, C {self.C}")
        return self

    def grade(self, worth: float) -> str:
        """Grade of an expected value: A, B, C or D."""
        return next((name for name in ("A", "B", "C") if worth >= getattr(self, name)), "D")


class ValueSettings(Strict):
    """What a conversion is worth and what trying for one costs, in whole units of the company's currency."""

    amount: Positive
    cost_per_contact: NotNegative
    hours_per_contact: Positive
    grades: Grades


class IntentSettings(Strict):
    """Which leads are of high intent: they came to us, or get in touch."""

    inbound_days: Positive
    field: str
    values: list[str]


class ImportSettings(Strict):
    most_deleted: Share


class Settings(Strict):
    training: TrainingSettings
    forecast: ForecastSettings
    grades: Grades
    value: ValueSettings
    intent: IntentSettings
    imports: ImportSettings


def load_settings(home_path: Path | None = None) -> Settings:
    """The shipped settings, overridden by `home_path`/dealcast.yaml where it exists. Raises BadInput."""
    shipped = files("configs").joinpath(SETTINGS_FILE).read_text(encoding="utf-8")
    merged: dict[str, Any] = yaml.safe_load(shipped)
    where = "the shipped settings"
    if home_path is not None and (home_path / SETTINGS_FILE).is_file():
        where = str(home_path / SETTINGS_FILE)
        merged = _merged(merged, _read(home_path / SETTINGS_FILE), where)
    try:
        return Settings.model_validate(merged)
    except ValidationError as error:
        raise BadInput(explain_invalid(error, Settings, where)) from error


def _read(path: Path) -> dict[str, Any]:
    try:
        content = read_yaml(path.read_text(encoding="utf-8"), str(path))
    except UnicodeDecodeError as error:
        raise BadInput(f"{path} is not YAML: {error}") from error
    if content is None:  # a file with nothing but comments changes nothing
        return {}
    if not isinstance(content, dict):
        raise BadInput(f"{path} must hold settings such as 'forecast: {{draws: 20000}}'.")
    return content


def _merged(base: dict[str, Any], changes: dict[str, Any], where: str, above: str = "") -> dict[str, Any]:
    """`base` with the keys of `changes` set; sections are merged, lists and values replaced."""
    result = dict(base)
    for key, value in changes.items():
        if isinstance(base.get(key), dict):
            if not isinstance(value, dict):
                raise BadInput(f"{where} cannot be used:\n  {above}{key}: is a section with the keys "
                               f"{', '.join(base[key])}; it cannot be {value!r}.")
            value = _merged(base[key], value, where, f"{above}{key}.")
        result[key] = value
    return result
