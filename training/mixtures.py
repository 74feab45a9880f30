"""Scores of mixtures: what a model would say of a subject if some of its facts were those of another row.

In: subjects with their features and a moment by which to win each, the model's background rows, and a part for each of
the model's columns. Out: log-odds of the score itself, after blend and calibration, of a subject's mixtures with
background rows: every part is the subject's or the other row's. The moment asked about and the horizon stay the
subject's, and so does the level known then.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from features.history import History, Int
from training.blend import blended
from training.calibration import age_state_groups, shift_hazards
from training.curves import Curves
from training.forest import BinMasks, Masks
from training.hazard import BIN_COLUMNS, STATE_COLUMNS, HazardModel, LandmarkTable, bin_matrix
from training.level import level_offsets
from training.rows import days_in_state
from training.voices import Logistic

__all__ = ["Mixtures", "log_odds"]

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
EXPECTED = "days_to_expected_close"  # the bins look at it too
ROWS_AT_ONCE = 128  # what fits into a processor's cache


def log_odds(probability: Floats) -> Floats:
    """Log-odds of probabilities, those below a millionth or above its complement taken as that."""
    clipped = np.clip(probability, 1e-6, 1 - 1e-6)
    return np.asarray(np.log(clipped / (1.0 - clipped)), dtype=np.float64)


@dataclass(frozen=True)
class _Rows:
    """Rows (n) as the model reads them: encoded columns, masks by part (n, parts, trees), age, state, since when it
    stands there, days to the expected close; all (n,). said : what the logistic's columns add by part, (n, parts, 2).
    code : its code of the state, (n,)."""

    encoded: npt.NDArray[np.float32]
    masks: Masks
    age: Floats
    state: npt.NDArray[np.object_]
    since: Floats
    expected: Floats
    said: Floats
    code: Int


class Mixtures:
    """Subjects of one model, ready to be mixed with its background.

    part : (columns,) the part of each of the model's columns, 0 to `parts` - 1. end : (n,) the moment by which to win.
    """

    def __init__(self, model: HazardModel, history: History, table: LandmarkTable, end: Int, part: Int) -> None:
        self.model, self.part, self.parts = model, part, int(part.max(initial=-1)) + 1
        self._bins = bin_matrix(history, table, model.edges_days)
        self._features = table.features, _decoded(model)
        self._subjects = self._read(model.encoder.encode(table.features), self._features[0])
        self._background = self._read(model.background, self._features[1])
        left, self._share = _place(model, history, table, end)
        self._last = left + 1
        self._level = level_offsets(model, history, table)
        self._seen: dict[bytes, BinMasks] = {}

    def _read(self, encoded: npt.NDArray[np.float32], features: pd.DataFrame) -> _Rows:
        state, since, age = STATE_COLUMNS[self.model.kind]
        expected = features[EXPECTED].to_numpy(np.float64) if EXPECTED in features else np.full(len(encoded), np.nan)
        return _Rows(encoded, self.model.forest.masks(encoded, self.part, self.parts),
                     features[age].to_numpy(np.float64), features[state].to_numpy(object),
                     features[since].to_numpy(np.float64), expected, *self._read_logistic(encoded))

    def _read_logistic(self, encoded: npt.NDArray[np.float32]) -> tuple[Floats, Int]:
        said = np.zeros((len(encoded), self.parts, 2))
        logistic = self.model.logistic
        if logistic is None:
            return said, np.zeros(len(encoded), dtype=np.int64)
        by_column = logistic.by_column(encoded)
        for part in range(self.parts):
            said[:, part] = by_column[:, self.part == part].sum(axis=1)
        return said, logistic.design.states(encoded)

    def by(self, part: Int) -> Mixtures:
        """The same subjects, to be mixed by other parts."""
        found = copy.copy(self)
        found.part, found.parts = part, int(part.max(initial=-1)) + 1
        found._subjects = found._read(self._subjects.encoded, self._features[0])
        found._background = found._read(self._background.encoded, self._features[1])
        return found

    def differ(self, subject: int) -> Bools:
        """Which columns (background rows, columns) of the background are not a subject's."""
        mine, others = self._subjects.encoded[subject], self._background.encoded
        unequal = (mine != others) & ~(np.isnan(mine) & np.isnan(others))
        state = self.model.encoder.columns.index(STATE_COLUMNS[self.model.kind][0])
        unequal[:, state] |= self._subjects.state[subject] != self._background.state
        return np.asarray(unequal, dtype=np.bool_)

    def score(self, subject: int, other: Int, own: Bools) -> Floats:
        """Log-odds (k,) of mixtures of a subject: part p is its own where `own` (k, parts), else that of the background
        row `other` (k,)."""
        mine, theirs = self._subjects.masks[subject], self._background.masks

        def masks(rows: slice) -> Masks:
            found = np.full((len(own[rows]), mine.shape[1]), np.iinfo(mine.dtype).max, dtype=mine.dtype)
            for part in range(self.parts):
                found &= np.where(own[rows, part, None], mine[part], theirs[other[rows], part])
            return found

        return self._score(subject, other, own, masks)

    def score_without(self, subject: int, other: Int, part: Int) -> Floats:
        """Log-odds (k,) of a subject of which one part (k,) is that of the background row `other` (k,)."""
        own = np.ones((len(part), self.parts), dtype=bool)
        own[np.arange(len(part)), part] = False
        mine, theirs = self._subjects.masks[subject], self._background.masks
        nothing = np.full((1, mine.shape[1]), np.iinfo(mine.dtype).max, dtype=mine.dtype)
        before = np.bitwise_and.accumulate(np.concatenate([nothing, mine[:-1]]), axis=0)
        after = np.bitwise_and.accumulate(np.concatenate([nothing, mine[:0:-1]]), axis=0)[::-1]
        others = before & after  # what all parts but one leave
        return self._score(subject, other, own, lambda rows: others[part[rows]] & theirs[other[rows], part[rows]])

    def _score(self, subject: int, other: Int, own: Bools, masks: Callable[[slice], Masks]) -> Floats:
        """Some rows at a time; `masks` gives those of the rows asked for."""
        said = [np.empty(0)]
        for start in range(0, len(other), ROWS_AT_ONCE):
            rows = slice(start, start + ROWS_AT_ONCE)
            hazards = self._hazards(subject, other[rows], own[rows], masks(rows))
            survival = np.cumprod(hazards[:, :, 0], axis=1)
            won = hazards[:, :, 1]
            won[:, 1:] *= survival[:, :-1]
            won[:, -1] *= self._share[subject]
            said.append(log_odds(won.sum(axis=1)))
        return np.concatenate(said)

    def _is_own(self, own: Bools, column: str) -> Bools:
        columns = self.model.encoder.columns
        return own[:, self.part[columns.index(column)]] if column in columns else np.ones(len(own), dtype=bool)

    def _hazards(self, subject: int, other: Int, own: Bools, masks: Masks) -> Floats:
        """Calibrated hazards (k, m, 3) of the bins up to the one in which the subject's horizon ends."""
        mine, theirs, model = self._subjects, self._background, self.model
        state, since, age = (self._is_own(own, name) for name in STATE_COLUMNS[model.kind])
        # Few mixtures differ in what the cells and the calibrator look at.
        asked, where = np.unique(np.stack([state, since, age, other], axis=1).astype(np.int64), axis=0,
                                 return_inverse=True)
        at = asked[:, 3]
        states = np.where(asked[:, 0], mine.state[subject], theirs.state[at])
        days = np.where(asked[:, 1], mine.since[subject], theirs.since[at])
        ages = np.where(asked[:, 2], mine.age[subject], theirs.age[at])
        last = self._last[subject]
        said = {"rates": model.cells.hazards(pd.Series(states, dtype=object), days_in_state(days, ages))[where, :last],
                "pooled": model.cells.cells[""][None, :last]}
        if model.boosters:
            said["lightgbm"] = self._of_forest(subject, other, own, masks)
        if model.logistic:
            said["logistic"] = self._of_logistic(model.logistic, subject, other, own)
        hazards = blended(said, model.weights)
        calibrated = model.calibrator.apply(hazards, age_state_groups(ages, states, model.cycle_days)[where])
        return shift_hazards(calibrated, self._level[subject])

    def _expected(self, subject: int, other: Int, own: Bools) -> Floats:
        return np.where(self._is_own(own, EXPECTED), self._subjects.expected[subject], self._background.expected[other])

    def _of_logistic(self, logistic: Logistic, subject: int, other: Int, own: Bools) -> Floats:
        mine, theirs = self._subjects, self._background
        said = theirs.said[other]
        said = np.where(own[:, :, None], mine.said[subject], said).sum(axis=1)
        state = np.where(self._is_own(own, STATE_COLUMNS[self.model.kind][0]), mine.code[subject], theirs.code[other])
        bins = np.repeat(self._bins[subject:subject + 1, :self._last[subject]], len(other), axis=0)
        expected = self._expected(subject, other, own)
        bins[:, :, BIN_COLUMNS.index("bin_expected_close_days")] = (
            expected[:, None] - self.model.edges_days[None, :bins.shape[1]])
        return logistic.hazards_of(said, state, bins)

    def _of_forest(self, subject: int, other: Int, own: Bools, masks: Masks) -> Floats:
        bins = self._bins[subject, :self._last[subject]]
        expected = self._expected(subject, other, own)
        levels, which = np.unique(expected, return_inverse=True)  # one NaN for all
        hazards = np.empty((len(other), len(bins), 3))
        for i, days in enumerate(levels):
            here = which == i
            hazards[here] = self.model.forest.hazards(masks[here], self._bin_masks(bins, float(days)))
        return hazards

    def _bin_masks(self, bins: npt.NDArray[np.float32], expected: float) -> BinMasks:
        bins = bins.copy()
        bins[:, BIN_COLUMNS.index("bin_expected_close_days")] = expected - self.model.edges_days[:len(bins)]
        key = bins.tobytes()
        if key not in self._seen:
            self._seen[key] = self.model.forest.bin_masks(bins, len(self.part))
        return self._seen[key]


def _decoded(model: HazardModel) -> pd.DataFrame:
    """The background's features: a rare level has no name any more, and is one that was never seen."""
    columns = {}
    for name, values in zip(model.encoder.columns, model.background.T, strict=True):
        levels = model.encoder.levels.get(name)
        columns[name] = values.astype(np.float64) if levels is None else np.array(
            [None if np.isnan(code) else [*levels, "(rare)"][int(code)] for code in values], dtype=object)
    return pd.DataFrame(columns)


def _place(model: HazardModel, history: History, table: LandmarkTable, end: Int) -> tuple[Int, Floats]:
    """The bin (n,) in which each horizon ends, and the share of its wins that come by then."""
    nothing = np.zeros((len(end), len(model.edges_days)))
    left, _, business = Curves(table.landmarks.at, model.edges_days, nothing, nothing, history.mapping).place(end)
    return left, business
