"""Reasons: what moves a score, by how much, in a salesperson's words.

A score's log-odds less the mean log-odds of the model's background rows are shared out to at most 15 themes of
facts by Shapley values: what a theme adds when it becomes the subject's own, after a random set of others did,
averaged over background rows and orders. It is the score itself that is asked, after blend and calibration, so the
parts add up to the difference exactly. Orders come in pairs, one the other's reverse, from a fixed seed (Štrumbelj &
Kononenko 2014; antithetic orders: Mitchell et al., JMLR 2022); what sampling leaves open is stated as `error`.
"""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
from threadpoolctl import threadpool_limits

from features.asof import Feature
from features.catalogue import catalogue
from features.events import Int
from features.history import History
from training.hazard import HazardModel, LandmarkTable, landmark_table
from training.lead_conversion import as_learned
from training.mixtures import Mixtures
from training.outcomes import Landmarks
from training.wording import themes, words

__all__ = ["Explanation", "Reason", "explain", "explain_at"]

Floats = npt.NDArray[np.float64]
PAIRS = 1  # pairs of orders for each background row
LEAST_EFFECT = 0.01  # of log-odds: what moves a score less is no reason
SUBJECTS_AT_ONCE = 64
SAID_BY = {"stage_order": "stage"}  # features that another one says better


@dataclass(frozen=True)
class Reason:
    """One theme's part of a score.

    effect : log-odds, above 0 speaks for a win; error : at most its standard error by the sampling of orders. points :
    percentage points that the probability would lose without it. feature : the theme's one that `text` tells, that
    which moves the score most.
    """

    theme: str
    text: str
    actionable: bool
    effect: float
    error: float
    points: float
    feature: str


@dataclass(frozen=True)
class Explanation:
    """All themes of one subject's score, the largest effect first; base : mean log-odds of the background.

    base plus all effects is log_odds, the score's own.
    """

    log_odds: float
    base: float
    themes: list[Reason]

    def reasons(self, most: int = 5) -> list[Reason]:
        """At most so many that speak for a win, then as many against it, the largest first; none below its error."""
        told = [one for one in self.themes if abs(one.effect) >= max(LEAST_EFFECT, one.error)]
        return [*[one for one in told if one.effect > 0][:most], *[one for one in told if one.effect < 0][:most]]


def explain_at(model: HazardModel, history: History, subject: Int, at: Int, end: Int) -> list[Explanation]:
    """Explain P(won by `end`) (n,) of subjects (codes), each as of a moment `at`."""
    if model.kind == "lead":
        history = as_learned(model, history)
    return explain(model, history, landmark_table(history, model.kind, Landmarks(subject, at)), end)


def explain(model: HazardModel, history: History, table: LandmarkTable, end: Int) -> list[Explanation]:
    """Explain P(won by `end`) (n,) of the n subjects of a table, each as of its landmark."""
    last = int(table.landmarks.at.max(initial=np.iinfo(np.int64).min))
    features = {one.name: one for one in catalogue(history, model.kind, last)}
    said = [features.get(SAID_BY.get(name, name)) for name in model.encoder.columns]
    names, part = themes(model.encoder.columns, features)

    def some(start: int) -> list[Explanation]:
        here = np.arange(start, min(start + SUBJECTS_AT_ONCE, len(end)))
        asked = table.take(here)
        by_theme = Mixtures(model, history, asked, end[here], part)
        by_column = by_theme.by(np.arange(len(part)))
        found = []
        for i in range(len(here)):
            shares = shapley(by_theme, i)
            told = [said[column] for column in _told(by_column, i, shares, part)]
            found.append(_explanation(history, shares, names, told, asked.features.iloc[i]))
        return found

    starts = range(0, len(end), SUBJECTS_AT_ONCE)
    if len(starts) < 2:
        return [one for start in starts for one in some(start)]
    # Most of the time goes into arrays, which threads share out; those of the matrices would only wait for each other.
    with threadpool_limits(1, user_api="blas"), ThreadPoolExecutor(os.cpu_count()) as threads:
        return [one for found in threads.map(some, starts) for one in found]


@dataclass(frozen=True)
class Shares:
    """A subject's log-odds, the background's mean and what each theme adds, with its standard error, (parts,)."""

    log_odds: float
    base: float
    effect: Floats
    error: Floats


def shapley(mixtures: Mixtures, subject: int, n_pairs: int = PAIRS) -> Shares:
    """Share out one subject's score to the mixtures' parts, by so many pairs of orders for each background row."""
    unequal = mixtures.differ(subject)
    differ = np.zeros((len(unequal), mixtures.parts), dtype=bool)
    for part in range(mixtures.parts):
        differ[:, part] = unequal[:, mixtures.part == part].any(axis=1)
    order, own = _orders(len(unequal), mixtures.parts, n_pairs)
    # A part that is the same in both rows changes nothing, so that few sets are left to be asked.
    bits = 1 << np.arange(mixtures.parts)
    key = (own & differ[:, None, None, :]) @ bits
    row = np.broadcast_to(np.arange(len(unequal))[:, None, None], key.shape)
    everything = key == (differ @ bits)[:, None, None]
    key = np.where(everything, bits.sum(), key)
    row = np.where(everything, 0, row)
    asked, where = np.unique(row * (1 << mixtures.parts) + key, return_inverse=True)
    said = mixtures.score(subject, asked >> mixtures.parts, (asked[:, None] & bits) > 0)[where.reshape(key.shape)]
    added = np.empty(order.shape)
    np.put_along_axis(added, order, np.diff(said, axis=2), axis=2)
    pairs = added.reshape(len(unequal), n_pairs, 2, mixtures.parts)
    # An order and its reverse err to opposite sides, so that half their difference is more than their mean's error.
    error = np.sqrt((((pairs[:, :, 0] - pairs[:, :, 1]) / 2) ** 2).sum(axis=(0, 1))) / (n_pairs * len(unequal))
    return Shares(float(said[0, 0, -1]), float(said[:, :, 0].mean()), added.mean(axis=(0, 1)), error)


def _orders(rows: int, parts: int, n_pairs: int) -> tuple[Int, npt.NDArray[np.bool_]]:
    """Orders (rows, 2 × n_pairs, parts) in which parts become the subject's own, each followed by its reverse, and
    which are its own after each step (rows, 2 × n_pairs, parts + 1, parts)."""
    random = np.random.default_rng(1)
    forward = random.permuted(np.tile(np.arange(parts), (rows, n_pairs, 1)), axis=2)
    order = np.stack([forward, forward[:, :, ::-1]], axis=2).reshape(rows, 2 * n_pairs, parts)
    rank = np.argsort(order, axis=2)
    return order, rank[:, :, None, :] < np.arange(parts + 1)[:, None]


def _told(mixtures: Mixtures, subject: int, shares: Shares, theme: Int) -> list[int]:
    """Of each theme the column that moves the score most in the theme's own direction, taken from the background alone.

    Every fourth background row is asked: it is about which fact to tell, not how much it weighs. A theme that is no
    reason tells its first.
    """
    weighs = np.abs(shares.effect) >= LEAST_EFFECT
    has_choice = weighs & (np.bincount(theme, minlength=len(weighs)) > 1)
    row, column = np.nonzero(mixtures.differ(subject)[::4] & has_choice[theme])
    lost = shares.log_odds - mixtures.score_without(subject, row * 4, column)
    moved = np.bincount(column, weights=lost, minlength=len(theme))
    return [int(here[np.argmax(moved[here] * np.sign(shares.effect[part]))])
            for part in range(len(shares.effect)) for here in [np.flatnonzero(theme == part)]]


def _explanation(history: History, shares: Shares, names: list[str], told: list[Feature | None],
                 values: pd.Series) -> Explanation:
    probability = _probability(shares.log_odds)
    found = []
    for i in np.argsort(-np.abs(shares.effect), kind="stable").tolist():
        feature, effect = told[i], float(shares.effect[i])
        text = words(history, feature, values[feature.name]) if feature else f"{names[i]} as a whole"
        points = 100 * (probability - _probability(shares.log_odds - effect))
        found.append(Reason(names[i], text, feature is not None and feature.actionable, effect, float(shares.error[i]),
                            points, feature.name if feature else ""))
    return Explanation(shares.log_odds, shares.base, found)


def _probability(log_odds: float) -> float:
    return float(1.0 / (1.0 + np.exp(-log_odds)))
