"""The hazard model that leads and deals share: several voices, blended and calibrated, as it is stored and served."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import lightgbm as lgb
import numpy as np
import numpy.typing as npt

from features.errors import NotFound
from features.events import Int
from features.history import History
from training.baselines import AalenJohansen
from training.blend import VOICES, blended_margins
from training.calibration import Calibrator, age_state_groups
from training.certainty import Certainty, Familiar
from training.curves import Curves, curves_from_hazards
from training.forest import Forest
from training.level import LevelRule, level_offsets
from training.margins import hazards_of
from training.outcomes import Landmarks
from training.rows import (
    BIN_COLUMNS,
    FAST_LIFE_DAYS,
    STATE_COLUMNS,
    LandmarkTable,
    Rows,
    background_rows,
    bin_edges,
    bin_matrix,
    build_rows,
    landmark_table,
    recency_weights,
    within_budget,
)
from training.voices import Encoder, Logistic, booster_hazards

__all__ = ["BIN_COLUMNS", "FAST_LIFE_DAYS", "STATE_COLUMNS", "Encoder", "HazardModel", "LandmarkTable", "Rows",
           "background_rows", "bin_edges", "bin_matrix", "build_rows", "landmark_table", "recency_weights",
           "within_budget"]

Floats = npt.NDArray[np.float64]
MODEL_FORMAT = 7


@dataclass(frozen=True)
class HazardModel:
    """A trained model of one kind of subject, as it is stored and served.

    as_of : the origin, microseconds; nothing later was read. wins : won (converted) by then. weights : of each voice in
    the blend. boosters, logistic : empty and None where they were not fitted. cycle_days : median life of the won.
    level : how it follows what happens after. certainty, familiar : how sure it is, and of whom.
    background : (at most BACKGROUND_ROWS, columns) encoded training landmarks, against which reasons are given.
    evaluation : what earlier origins showed.
    """

    kind: str
    company: str
    as_of: int
    wins: int
    weights: dict[str, float]
    edges_days: Floats
    cycle_days: float
    encoder: Encoder
    boosters: list[lgb.Booster]
    logistic: Logistic | None
    cells: AalenJohansen
    calibrator: Calibrator
    level: LevelRule
    certainty: Certainty
    familiar: Familiar
    half_life_days: float
    background: npt.NDArray[np.float32]
    fingerprint: str
    evaluation: dict[str, Any]

    @cached_property
    def forest(self) -> Forest:
        """The boosters' trees as reasons read them."""
        return Forest.of(self.boosters)

    @cached_property
    def memo(self) -> dict[Any, Any]:
        """What reasons computed once for all subjects."""
        return {}

    @property
    def voice(self) -> str:
        """Who speaks loudest: a voice of the blend, or "prior" before anything was won."""
        return max(VOICES, key=lambda name: self.weights[name]) if self.wins else "prior"

    def hazards_by_voice(self, table: LandmarkTable, bins: npt.NDArray[np.float32]) -> dict[str, Floats]:
        """Hazards (n, m, 3) of each voice that was fitted, before they are blended and calibrated."""
        found = {"rates": self.cells.hazards(*table.state(self.kind))}
        found["pooled"] = np.broadcast_to(self.cells.cells[""], found["rates"].shape)
        encoded = self.encoder.encode(table.features)
        if self.boosters:
            found["lightgbm"] = booster_hazards(self.boosters, encoded, bins)
        if self.logistic:
            found["logistic"] = self.logistic.hazards(encoded, bins)
        return found

    def groups(self, table: LandmarkTable) -> npt.NDArray[np.object_]:
        """Calibration group of each landmark."""
        state, _, age = STATE_COLUMNS[self.kind]
        return age_state_groups(table.features[age].to_numpy(np.float64), table.features[state].to_numpy(object),
                                self.cycle_days)

    def plain_margins(self, history: History, table: LandmarkTable) -> Floats:
        """Margins (n, m, 2) of the blended, calibrated hazards as of the model's date, whatever happened since."""
        bins = bin_matrix(history, table, self.edges_days)
        said = blended_margins(self.hazards_by_voice(table, bins), self.weights)
        return np.asarray(said + self.calibrator.offsets(self.groups(table))[:, None], dtype=np.float64)

    def plain_hazards(self, history: History, table: LandmarkTable) -> Floats:
        """The same as hazards (n, m, 3)."""
        return hazards_of(self.plain_margins(history, table))

    def curves_of(self, history: History, table: LandmarkTable) -> Curves:
        """Calibrated curves of landmarks whose features are already there, at the level known at each of them.

        `history` is the whole company's: the level is everyone's.
        """
        hazards = hazards_of(self.plain_margins(history, table) + level_offsets(self, history, table))
        return curves_from_hazards(table.landmarks.at, self.edges_days, hazards, history.mapping)

    def curves(self, history: History, subject: Int, at: Int) -> Curves:
        """Calibrated curves of subjects (codes) from moments on, with features as of those moments."""
        return self.curves_of(history, landmark_table(history, self.kind, Landmarks(subject, at)))

    def save(self, folder: Path) -> None:
        """Write the model's files: boosters as LightGBM text, everything else as JSON. No clock, no run id: the same
        history and settings give the same bytes."""
        folder.mkdir(parents=True, exist_ok=True)
        for i, booster in enumerate(self.boosters):
            (folder / f"booster_{i}.txt").write_text(booster.model_to_string(), encoding="utf-8")
        content = {
            "format": MODEL_FORMAT, "kind": self.kind, "company": self.company, "as_of": self.as_of,
            "wins": self.wins, "weights": self.weights, "edges_days": self.edges_days.tolist(),
            "cycle_days": self.cycle_days,
            "columns": self.encoder.columns, "levels": self.encoder.levels, "boosters": len(self.boosters),
            "logistic": self.logistic.to_dict() if self.logistic else None,
            "cells": self.cells.to_dict(), "calibrator": self.calibrator.to_dict(),
            "level": self.level.to_dict(), "certainty": self.certainty.to_dict(), "familiar": self.familiar.to_dict(),
            "half_life_days": self.half_life_days, "fingerprint": self.fingerprint,
            # JSON has no NaN.
            "background": [[None if np.isnan(one) else one for one in row] for row in self.background.tolist()],
        }
        _write_json(folder / "model.json", content)
        _write_json(folder / "evaluation.json", self.evaluation)

    @staticmethod
    def load(folder: Path) -> HazardModel:
        """Read a model's files. Raises NotFound when they are not there or of another format."""
        try:
            content = json.loads((folder / "model.json").read_text(encoding="utf-8"))
            evaluation = json.loads((folder / "evaluation.json").read_text(encoding="utf-8"))
            boosters = [lgb.Booster(model_str=(folder / f"booster_{i}.txt").read_text(encoding="utf-8"))
                        for i in range(content["boosters"])]
        except (OSError, ValueError, KeyError, lgb.basic.LightGBMError) as error:
            raise NotFound(f"The model in {folder} cannot be read ({error}). Train it again.") from error
        if content["format"] != MODEL_FORMAT:
            raise NotFound(f"The model in {folder} was written by another version of dealcast. Train it again.")
        return HazardModel(
            kind=content["kind"], company=content["company"], as_of=content["as_of"], wins=content["wins"],
            weights=content["weights"], edges_days=np.array(content["edges_days"]), cycle_days=content["cycle_days"],
            encoder=Encoder(content["columns"], content["levels"]), boosters=boosters,
            logistic=Logistic.from_dict(content["logistic"]) if content["logistic"] else None,
            cells=AalenJohansen.from_dict(content["cells"]), calibrator=Calibrator.from_dict(content["calibrator"]),
            level=LevelRule.from_dict(content["level"]), certainty=Certainty.from_dict(content["certainty"]),
            familiar=Familiar.from_dict(content["familiar"]),
            half_life_days=content["half_life_days"],
            background=np.array(content["background"], dtype=np.float32).reshape(-1, len(content["columns"])),
            fingerprint=content["fingerprint"], evaluation=evaluation)


def _write_json(path: Path, content: dict[str, Any]) -> None:
    path.write_text(json.dumps(content, indent=1, sort_keys=True, allow_nan=False) + "\n", encoding="utf-8")
