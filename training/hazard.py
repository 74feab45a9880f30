"""The hazard model that leads and deals share: landmark rows, LightGBM, calibrated curves.

A row is a landmark (subject, time) times a bin since then; the model gives the chance that the subject goes on, is
won (converts) or is lost (disqualified) in that bin. A subject still open at the origin is censored there: a row is
kept only if the subject is open at the bin's start and the bin's end lies at or before the origin. Features are those
of the landmark plus what was known then about the bin (length, business days, quarter end), so that a curve never
needs the future path of a feature. Discrete-time competing risks after Tutz & Schmid, *Modeling Discrete
Time-to-Event Data* (2016); landmarking after van Houwelingen (2007).
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import lightgbm as lgb
import numpy as np
import numpy.typing as npt
import pandas as pd

from features.asof import AsOf, compute
from features.calendar import DAY, business_clock, quarter_index
from features.catalogue import catalogue
from features.errors import NotFound
from features.history import History, Int
from features.settings import TrainingSettings
from training.baselines import AalenJohansen
from training.calibration import Calibrator, age_state_groups
from training.curves import Curves, curves_from_hazards
from training.forest import Forest
from training.outcomes import Landmarks, Outcomes

__all__ = ["BIN_COLUMNS", "STATE_COLUMNS", "Encoder", "HazardModel", "LandmarkTable", "Rows", "background_rows",
           "bin_edges", "bin_matrix", "build_rows", "fit_boosters", "landmark_table", "recency_weights",
           "within_budget"]

Floats = npt.NDArray[np.float64]

SLOW_EDGES = (0, 1, 2, 3, 5, 7, 10, 14, 21, 28, 42, 63, 91, 133, 196, 280, 365)
FAST_EDGES = (0, 1, 2, 3, 4, 5, 6, 7, 9, 11, 14, 16, 18, 21, 25, 28, 35, 42, 49, 63, 91, 133, 196, 280, 365)
FAST_LIFE_DAYS = 60  # a median life below this wants fine bins and two landmarks a week
BIN_COLUMNS = ["bin", "bin_days", "bin_business_days", "bin_has_quarter_end", "bin_expected_close_days"]
# Per kind: the feature that says where a subject stands, since when, and its age.
STATE_COLUMNS = {"lead": ("status", "days_in_status", "lead_age_days"),
                 "deal": ("stage", "days_in_stage", "deal_age_days")}
MODEL_FORMAT = 2
BACKGROUND_ROWS = 20  # training landmarks that reasons are against: what a reason costs grows with them
RARE_LEVEL = 10  # a category seen on fewer subjects than this is "other"


def bin_edges(median_life_days: float, last_day: float) -> Floats:
    """Edges of the bins in days since the landmark, the last one at the first listed edge from `last_day` on."""
    listed = FAST_EDGES if median_life_days < FAST_LIFE_DAYS else SLOW_EDGES
    n = int(np.searchsorted(listed, last_day)) + 1
    return np.array(listed[:n], dtype=np.float64)


@dataclass(frozen=True)
class LandmarkTable:
    """Landmarks with their features: (n, features) as of each landmark, numbers and texts."""

    landmarks: Landmarks
    features: pd.DataFrame

    def state(self, kind: str) -> tuple[pd.Series, Floats]:
        """Where each subject stood, (n,), and since how many days, (n,)."""
        state, since, _ = STATE_COLUMNS[kind]
        return self.features[state], self.features[since].to_numpy(np.float64)

    def take(self, positions: Int) -> LandmarkTable:
        return LandmarkTable(self.landmarks.take(positions), self.features.iloc[positions].reset_index(drop=True))


def landmark_table(history: History, kind: str, landmarks: Landmarks) -> LandmarkTable:
    """Compute the whole catalogue as of every landmark."""
    pairs = AsOf(history, kind, landmarks.subject, landmarks.at)
    last = int(landmarks.at.max(initial=np.iinfo(np.int64).min))
    return LandmarkTable(landmarks, compute(catalogue(history, kind, last), pairs))


@dataclass(frozen=True)
class Encoder:
    """Turns features into the numbers that LightGBM sees, with the categories seen in training.

    columns : names in order. levels : for each category column its known levels; any other level is one more code,
    a missing value stays missing.
    """

    columns: list[str]
    levels: dict[str, list[str]]

    @staticmethod
    def learn(table: LandmarkTable) -> Encoder:
        levels = {}
        for name in table.features.columns:
            if table.features[name].dtype == np.float64:
                continue
            seen = pd.DataFrame({"level": table.features[name], "subject": table.landmarks.subject})
            subjects = seen.dropna().drop_duplicates().groupby("level").size()
            levels[name] = sorted(str(level) for level in subjects[subjects >= RARE_LEVEL].index)
        return Encoder(list(table.features.columns), levels)

    def encode(self, features: pd.DataFrame) -> npt.NDArray[np.float32]:
        """(n, columns) as float32; a column that the history does not have is missing throughout."""
        matrix = np.full((len(features), len(self.columns)), np.nan, dtype=np.float32)
        for i, name in enumerate(self.columns):
            if name not in features:
                continue
            if name in self.levels:
                known = pd.Index(self.levels[name], dtype=object)
                code = known.get_indexer(pd.Index(features[name], dtype=object)).astype(np.float32)
                code[code < 0] = len(known)
                code[features[name].isna().to_numpy()] = np.nan
                matrix[:, i] = code
            else:
                matrix[:, i] = features[name].to_numpy(np.float64)
        return matrix


@dataclass(frozen=True)
class Rows:
    """Landmark × bin: `landmark` and `bin` positions and the `label` (goes on 0, WON, LOST), all (rows,)."""

    landmark: Int
    bin: Int
    label: Int


def build_rows(ends: Outcomes, landmarks: Landmarks, edges_days: Floats, origin: int) -> Rows:
    """All rows whose bin ends by the origin, and before a deletion, and at whose start the subject is open."""
    state, when = ends.next_end(landmarks.subject, landmarks.at)
    end_days = np.where(when == np.iinfo(np.int64).max, np.inf, (when - landmarks.at) / DAY)
    known_days = (ends.followed_until(landmarks.subject, landmarks.at, origin) - landmarks.at) / DAY
    n_bins = np.minimum(np.searchsorted(edges_days[1:], known_days, side="right"),
                        np.searchsorted(edges_days[:-1], end_days, side="left"))
    n_bins = np.maximum(n_bins, 0)
    landmark = np.repeat(np.arange(len(landmarks)), n_bins)
    position = np.arange(len(landmark)) - np.repeat(np.cumsum(n_bins) - n_bins, n_bins)
    ends_here = end_days[landmark] <= edges_days[position + 1]
    return Rows(landmark, position, np.where(ends_here, state[landmark], 0))


def bin_matrix(history: History, table: LandmarkTable, edges_days: Floats) -> npt.NDArray[np.float32]:
    """What each landmark knows about each bin: (n, m, len(BIN_COLUMNS))."""
    at = table.landmarks.at
    moments = at[:, None] + (edges_days * DAY).astype(np.int64)[None, :]
    business = np.diff(business_clock(moments, history.mapping), axis=1)
    quarter = np.diff(quarter_index(moments, history.mapping), axis=1) > 0
    n, m = business.shape
    expected = table.features.get("days_to_expected_close", pd.Series(np.nan, index=range(n))).to_numpy(np.float64)
    columns = [np.broadcast_to(np.arange(m), (n, m)), np.broadcast_to(np.diff(edges_days), (n, m)), business, quarter,
               expected[:, None] - edges_days[None, :-1]]
    return np.stack(columns, axis=2).astype(np.float32)


def recency_weights(at: Int, origin: int, half_life_days: float) -> Floats:
    """Weight of each landmark by its age at the origin; 0 days means no decay."""
    if half_life_days <= 0:
        return np.ones(len(at))
    return np.asarray(0.5 ** ((origin - at) / DAY / half_life_days), dtype=np.float64)


def within_budget(rows: Rows, table: LandmarkTable, ids: npt.NDArray[np.object_], budget: int) -> Rows:
    """Keep each (subject, week) with one probability, by hash and never by outcome, when there are too many rows."""
    if len(rows.landmark) <= budget:
        return rows
    subject = pd.util.hash_array(ids[table.landmarks.subject])
    week = (table.landmarks.at // (7 * DAY)).astype(np.uint64)
    keep = pd.util.hash_array(subject ^ (week * np.uint64(0x9E3779B97F4A7C15))) / 2.0**64 < budget / len(rows.landmark)
    kept = keep[rows.landmark]
    return Rows(rows.landmark[kept], rows.bin[kept], rows.label[kept])


def background_rows(table: LandmarkTable, ids: npt.NDArray[np.object_], encoder: Encoder) -> npt.NDArray[np.float32]:
    """Encoded landmarks (BACKGROUND_ROWS or fewer, columns) of as many subjects, by a hash that knows no outcome."""
    mark = pd.util.hash_array(ids[table.landmarks.subject]) ^ pd.util.hash_array(table.landmarks.at)
    order = np.argsort(mark, kind="stable")
    _, first = np.unique(table.landmarks.subject[order], return_index=True)
    return encoder.encode(table.features.iloc[order[np.sort(first)[:BACKGROUND_ROWS]]])


def fit_boosters(matrix: npt.NDArray[np.float32], label: Int, weight: Floats, subject: Int, encoder: Encoder,
                 settings: TrainingSettings, seeds: int) -> list[lgb.Booster]:
    """Fit one multiclass booster a seed; the same rows and settings give the same text, whatever the threads.

    matrix (rows, columns), label, weight and subject code (rows,). A leaf holds several subjects' worth of rows: the
    hundreds of rows of one deal are no hundreds of observations.
    """
    options = settings.lightgbm
    rows_per_subject = len(subject) / max(len(np.unique(subject)), 1)
    min_rows = max(options.min_data_in_leaf, round(options.min_subjects_in_leaf * rows_per_subject))
    names = [*(f"f{i}" for i in range(len(encoder.columns))), *BIN_COLUMNS]
    data = lgb.Dataset(matrix, label, weight=weight, feature_name=names, free_raw_data=False,
                       categorical_feature=[encoder.columns.index(name) for name in encoder.levels])
    boosters = []
    for seed in range(1, seeds + 1):
        parameters = {
            "objective": "multiclass", "num_class": 3, "num_leaves": options.num_leaves,
            "learning_rate": options.learning_rate, "min_data_in_leaf": min_rows,
            "lambda_l2": options.lambda_l2, "feature_fraction": options.feature_fraction,
            "bagging_fraction": options.bagging_fraction, "bagging_freq": 1, "seed": seed,
            "num_threads": options.num_threads, "deterministic": True, "force_row_wise": True, "verbosity": -1,
        }
        boosters.append(lgb.train(parameters, data, num_boost_round=options.num_rounds))
    return boosters


@dataclass(frozen=True)
class HazardModel:
    """A trained model of one kind of subject, as it is stored and served.

    as_of : the origin, microseconds; nothing later was read. voice : "lightgbm", or "rates" where too little had
    ended to fit more than cell rates. cycle_days : median life of the won. background : (at most BACKGROUND_ROWS,
    columns) encoded training landmarks, against which reasons are given. evaluation : what earlier origins showed.
    """

    kind: str
    company: str
    as_of: int
    voice: str
    edges_days: Floats
    cycle_days: float
    encoder: Encoder
    boosters: list[lgb.Booster]
    cells: AalenJohansen
    calibrator: Calibrator
    half_life_days: float
    background: npt.NDArray[np.float32]
    fingerprint: str
    evaluation: dict[str, Any]

    @cached_property
    def forest(self) -> Forest:
        """The boosters' trees as reasons read them."""
        return Forest.of(self.boosters)

    def raw_hazards(self, table: LandmarkTable, bins: npt.NDArray[np.float32]) -> Floats:
        """Hazards (n, m, 3) before calibration."""
        if self.voice == "rates":
            return self.cells.hazards(*table.state(self.kind))
        n, m = bins.shape[:2]
        if not n:
            return np.empty((0, m, 3))
        encoded = self.encoder.encode(table.features)
        matrix = np.concatenate([np.repeat(encoded, m, axis=0), bins.reshape(n * m, -1)], axis=1)
        mean = np.mean([booster.predict(matrix) for booster in self.boosters], axis=0)
        return np.asarray(mean, dtype=np.float64).reshape(n, m, 3)

    def groups(self, table: LandmarkTable) -> npt.NDArray[np.object_]:
        """Calibration group of each landmark."""
        state, _, age = STATE_COLUMNS[self.kind]
        return age_state_groups(table.features[age].to_numpy(np.float64), table.features[state].to_numpy(object),
                                self.cycle_days)

    def curves_of(self, history: History, table: LandmarkTable) -> Curves:
        """Calibrated curves of landmarks whose features are already there."""
        bins = bin_matrix(history, table, self.edges_days)
        hazards = self.calibrator.apply(self.raw_hazards(table, bins), self.groups(table))
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
            "voice": self.voice, "edges_days": self.edges_days.tolist(), "cycle_days": self.cycle_days,
            "columns": self.encoder.columns, "levels": self.encoder.levels, "boosters": len(self.boosters),
            "cells": self.cells.to_dict(), "calibrator": self.calibrator.to_dict(),
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
            kind=content["kind"], company=content["company"], as_of=content["as_of"], voice=content["voice"],
            edges_days=np.array(content["edges_days"]), cycle_days=content["cycle_days"],
            encoder=Encoder(content["columns"], content["levels"]), boosters=boosters,
            cells=AalenJohansen.from_dict(content["cells"]), calibrator=Calibrator.from_dict(content["calibrator"]),
            half_life_days=content["half_life_days"],
            background=np.array(content["background"], dtype=np.float32).reshape(-1, len(content["columns"])),
            fingerprint=content["fingerprint"], evaluation=evaluation)


def _write_json(path: Path, content: dict[str, Any]) -> None:
    path.write_text(json.dumps(content, indent=1, sort_keys=True, allow_nan=False) + "\n", encoding="utf-8")
