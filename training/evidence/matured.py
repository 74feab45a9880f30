"""Plain models that a hazard model is measured against, all fitted to what had run its course by an origin.

In: a task and an origin. Only landmarks whose whole window had closed by the origin count, with what came of them as it
was known then; an open one says nothing yet. Out: a function from landmarks to P(won within their window), (n,). This
is how leads are usually scored: the younger half of the past is thrown away, and the level is that of the older half.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import lightgbm as lgb
import numpy as np
import numpy.typing as npt
import pandas as pd

from features.events import Int
from features.settings import TrainingSettings
from training.baselines import state_rate
from training.evidence.rolling import Task
from training.hazard import STATE_COLUMNS, Encoder, LandmarkTable
from training.outcomes import WON, Landmarks, Outcomes

__all__ = ["PLAIN_MODELS", "Past", "Predict", "fit_plain", "past_at", "won_by"]

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
Predict = Callable[[LandmarkTable], Floats]

RECENT_ROWS = 1000  # the last known outcomes that the recent rate is counted from
NEWEST_ROWS = 20_000  # a regression gains nothing from more rows than these, and older ones tell of older times
AGE_BANDS_DAYS = (0.5, 2.0, 5.0, 10.0, 22.0, 45.0, 75.0, 105.0, 150.0, 225.0, 320.0, 450.0, 640.0, 900.0)
SMOOTHING = 0.1  # added to each count of naive Bayes, as open CRMs do
SURE = 1e-6


@dataclass(frozen=True)
class Past:
    """Landmarks whose window had closed by an origin, oldest closing first: their `kind` of subject, their features
    and whether they were `won` in it, (n,)."""

    kind: str
    table: LandmarkTable
    won: Bools

    @property
    def has_both(self) -> bool:
        """Whether some were won and some were not."""
        return bool(self.won.any() and not self.won.all())

    def newest(self, n: int) -> Past:
        rows = np.arange(max(len(self.won) - n, 0), len(self.won))
        return Past(self.kind, self.table.take(rows), self.won[rows])


def won_by(ends: Outcomes, landmarks: Landmarks, window_end: Int) -> Bools:
    """Whether each landmark's first end is a win at or before `window_end`, (n,)."""
    state, when = ends.next_end(landmarks.subject, landmarks.at)
    return np.asarray((state == WON) & (when <= window_end), dtype=np.bool_)


def past_at(task: Task, origin: int) -> Past:
    """What had run its course by an origin, as it was known then."""
    marks = task.table.landmarks
    closed = np.flatnonzero((marks.at < origin) & (task.window_end <= origin)
                            & task.ends.is_answered(marks.subject, marks.at, np.minimum(task.window_end, origin)))
    closed = closed[np.argsort(task.window_end[closed], kind="stable")]
    table = task.table.take(closed)
    return Past(task.kind, table, won_by(task.ends.known_at(origin), table.landmarks, task.window_end[closed]))


def fit_plain(past: Past, settings: TrainingSettings, pooled: Predict) -> dict[str, Predict]:
    """Fit every plain model, by name. Where no window had closed with either end, each says what `pooled` says: the
    rate that counts open subjects as far as they have come."""
    return {name: fit(past, settings) if past.has_both else pooled for name, fit in PLAIN_MODELS.items()}


def _base(past: Past, _: TrainingSettings) -> Predict:
    """One rate for all, with half a win and half a loss added."""
    rate = (float(past.won.sum()) + 0.5) / (len(past.won) + 1.0)
    return lambda table: np.full(len(table.landmarks), rate)


def _recent(past: Past, settings: TrainingSettings) -> Predict:
    """The rate of the newest RECENT_ROWS."""
    return _base(past.newest(RECENT_ROWS), settings)


def _stage(past: Past, _: TrainingSettings) -> Predict:
    """The rate of each state."""
    state = past.table.state(past.kind)[0]
    return lambda table: state_rate(state, past.won, table.state(past.kind)[0])[1]


def _age(past: Past, _: TrainingSettings) -> Predict:
    """The rate of those about as old: what the clock alone tells."""
    def band(table: LandmarkTable) -> pd.Series:
        age = table.features[STATE_COLUMNS[past.kind][2]].to_numpy(np.float64)
        return pd.Series(np.searchsorted(AGE_BANDS_DAYS, np.nan_to_num(age)).astype(str))

    known = band(past.table)
    return lambda table: state_rate(known, past.won, band(table))[1]


def _naive_bayes(past: Past, _: TrainingSettings) -> Predict:
    """Naive Bayes on categories, as open CRMs do it: counts of each level among the won and the others, plus
    SMOOTHING. A level that was never seen, and a missing value, say nothing."""
    n_won, n_other = float(past.won.sum()), float((~past.won).sum())
    evidence: dict[str, pd.Series] = {}
    for name, column in past.table.features.items():
        if column.dtype == np.float64 or column.notna().sum() == 0:
            continue
        counts = pd.crosstab(column.astype(object), past.won).reindex(columns=[False, True], fill_value=0) + SMOOTHING
        share = counts / counts.sum()
        evidence[str(name)] = np.log(share[True]) - np.log(share[False])

    def predict(table: LandmarkTable) -> Floats:
        log_odds = np.full(len(table.landmarks), np.log(n_won / n_other))
        for name, by_level in evidence.items():
            log_odds += table.features[name].astype(object).map(by_level).astype(float).fillna(0.0).to_numpy()
        return np.asarray(1.0 / (1.0 + np.exp(-log_odds)), dtype=np.float64)

    return predict


def _logistic(past: Past, _: TrainingSettings) -> Predict:
    """Logistic regression: numbers on a log scale with their medians where missing, categories one-hot."""
    from sklearn.compose import make_column_transformer
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler

    newest = past.newest(NEWEST_ROWS)
    past = newest if newest.has_both else past
    encoder = Encoder.learn(past.table)
    categories = [i for i, name in enumerate(encoder.columns) if name in encoder.levels]
    numbers = [i for i in range(len(encoder.columns)) if i not in categories]
    model = make_pipeline(
        make_column_transformer(
            (make_pipeline(SimpleImputer(strategy="median", add_indicator=True, keep_empty_features=True),
                           FunctionTransformer(_log_scale), StandardScaler()), numbers),
            (OneHotEncoder(handle_unknown="ignore"), categories)),
        LogisticRegression(max_iter=300, tol=1e-3))
    model.fit(encoder.encode(past.table.features).astype(np.float64), past.won)
    return lambda table: _sure(model.predict_proba(encoder.encode(table.features).astype(np.float64))[:, 1])


def _log_scale(numbers: Floats) -> Floats:
    return np.asarray(np.sign(numbers) * np.log1p(np.abs(numbers)), dtype=np.float64)


def _lightgbm(past: Past, settings: TrainingSettings) -> Predict:
    """LightGBM on "won within the window", with the hazard model's own settings."""
    encoder, options = Encoder.learn(past.table), settings.lightgbm
    data = lgb.Dataset(encoder.encode(past.table.features), past.won.astype(np.float64),
                       categorical_feature=[encoder.columns.index(name) for name in encoder.levels])
    booster = lgb.train({
        "objective": "binary", "num_leaves": options.num_leaves, "learning_rate": options.learning_rate,
        "min_data_in_leaf": options.min_data_in_leaf, "lambda_l2": options.lambda_l2,
        "feature_fraction": options.feature_fraction, "bagging_fraction": options.bagging_fraction, "bagging_freq": 1,
        "seed": 1, "num_threads": options.num_threads, "deterministic": True, "force_col_wise": True, "verbosity": -1,
    }, data, num_boost_round=options.num_rounds)
    return lambda table: _sure(np.asarray(booster.predict(encoder.encode(table.features)), dtype=np.float64))


def _sure(probability: Floats) -> Floats:
    return np.clip(probability, SURE, 1.0 - SURE)


PLAIN_MODELS: dict[str, Callable[[Past, TrainingSettings], Predict]] = {
    "base": _base, "recent": _recent, "stage": _stage, "age": _age, "naive_bayes": _naive_bayes, "logistic": _logistic,
    "lightgbm": _lightgbm}
