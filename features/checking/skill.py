"""How much one field alone tells of an outcome, measured out of fold and among subjects of the same time.

A field that merely moves with the years (an interest rate, a price list, the season) tells apart good years and bad
ones, not one subject from its neighbour. So each subject is compared only with those created about when it was; what
knows the end itself keeps its skill there, and a drift loses it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from features.events import Int

__all__ = ["LEAST_OF_EACH", "Skill", "classes_of", "solo_skill"]

Bools = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]

LEAST_OF_EACH = 10  # ends of each kind below which no skill is measured: the bound would be as wide as the scale
_BOUND_Z = 2.326  # one-sided 99%: some thirty fields are looked at, and none should stand out by luck
_FOLDS = 5
_BINS = 20
_FREQUENT = 0.01  # a number that often is a class of its own: 0, 999 and -1 mean something else than their neighbours
_SHRINK = 20  # subjects' worth of the overall rate that each class's rate is drawn to
_STRATA = 20
_A_STRATUM = 30  # ends of the rarer kind in each time stratum


@dataclass(frozen=True)
class Skill:
    """Area under the curve of one field: the chance that it ranks a good end above a bad one of the same time.
    0.5 tells nothing, 1 everything; ties count half. lower : bound with 99% one-sided confidence (DeLong).
    n : subjects that were compared."""

    auc: float
    lower: float
    n: int


def classes_of(values: npt.NDArray[np.generic]) -> Int:
    """A field's values as classes (n,): words as they are, numbers by rank; what is empty is a class too."""
    if values.dtype == object:
        return pd.factorize(pd.Series(values, dtype=object).fillna("").astype(str))[0].astype(np.int64)
    numbers = pd.Series(values.astype(np.float64))
    often = numbers.value_counts(normalize=True)
    alone = {value: i for i, value in enumerate(often.index[often >= _FREQUENT])}
    classes = np.array(numbers.map(alone), dtype=np.float64)
    rest = np.isnan(classes) & numbers.notna().to_numpy()
    if rest.any():
        rank = numbers[rest].rank(method="average", pct=True).to_numpy()
        classes[rest] = 1 / _FREQUENT + 1 + np.minimum(np.floor(rank * _BINS), _BINS - 1)
    return pd.factorize(np.where(np.isnan(classes), -1, classes))[0].astype(np.int64)


def solo_skill(classes: Int, good: Bools, moment: Int) -> Skill | None:
    """Skill of a field's classes (n,) for `good` (n,) among subjects of about the same `moment` (n,), microseconds.

    None where either kind of end is rarer than `LEAST_OF_EACH`.
    """
    rarer = int(min(good.sum(), (~good).sum()))
    if rarer < LEAST_OF_EACH:
        return None
    fold = np.random.default_rng(0).permutation(len(good)) % _FOLDS
    score = _rates_of_other_folds(classes, good, fold)
    count = int(np.clip(rarer // _A_STRATUM, 1, _STRATA))
    stratum = np.searchsorted(np.quantile(moment, np.arange(1, count) / count), moment, side="right")
    return _area(score, good, stratum * _FOLDS + fold)


def _rates_of_other_folds(classes: Int, good: Bools, fold: Int) -> Floats:
    """Share of good ends of each subject's class among the other folds, drawn to the overall share."""
    width = int(classes.max()) + 1
    total = np.zeros((_FOLDS, width))
    wins = np.zeros((_FOLDS, width))
    np.add.at(total, (fold, classes), 1.0)
    np.add.at(wins, (fold, classes), good.astype(np.float64))
    others, others_won = total.sum(axis=0) - total, wins.sum(axis=0) - wins
    overall = others_won.sum(axis=1) / np.maximum(others.sum(axis=1), 1)
    rate = (others_won + _SHRINK * overall[:, None]) / (others + _SHRINK)
    return np.asarray(rate[fold, classes], dtype=np.float64)


def _area(score: Floats, good: Bools, cell: Int) -> Skill | None:
    """Area under the curve over all pairs of a good and a bad end in one cell, and its bound.

    Cells are a time and a fold: the rates of two folds differ by the folds' own luck, so a pair across them would be
    ranked by that. The bound is DeLong's, with a floor: perfect order of few says less than perfect order of many.
    """
    table = pd.DataFrame({"score": score, "good": good, "cell": cell})
    outcomes = table.groupby("cell")["good"]
    wins, losses = outcomes.transform("sum"), outcomes.transform(lambda one: (~one).sum())
    table = table.assign(others=np.where(good, losses, wins))[(wins > 0) & (losses > 0)]
    pairs = float(table.loc[table["good"], "others"].sum())
    if not pairs:
        return None
    # A subject's place: the share of the other kind in its cell that stands below it, ties half.
    below = table.groupby("cell")["score"].rank() - table.groupby(["cell", "good"])["score"].rank()
    place = (below / table["others"]).to_numpy(np.float64)
    is_good, weight = table["good"].to_numpy(bool), table["others"].to_numpy(np.float64) / pairs
    place = np.where(is_good, place, 1 - place)
    auc = float((place * weight)[is_good].sum())
    error = float(np.sqrt((((place - auc) * weight) ** 2).sum()))
    error = max(error, 0.5 / min(int(good.sum()), int((~good).sum())))
    return Skill(auc, max(auc - _BOUND_Z * error, 0.0), len(good))
