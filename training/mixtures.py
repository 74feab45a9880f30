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
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from features.events import Int
from features.history import History
from features.mapping import Mapping
from training.calibration import age_state_groups
from training.curves import Curves
from training.forest import BinMasks, Masks
from training.hazard import BIN_COLUMNS, STATE_COLUMNS, HazardModel, LandmarkTable, bin_matrix
from training.level import level_offsets
from training.margins import hazards_of, margins_of
from training.rows import DUE_COLUMNS, days_in_state, due_days, due_facts
from training.voices import Logistic

__all__ = ["Mixtures", "log_odds"]

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
ROWS_AT_ONCE = 128  # what fits into a processor's cache
PARTS_AT_ONCE = 4
MOST_REMEMBERED = 200


def log_odds(probability: Floats) -> Floats:
    """Log-odds of probabilities, those below a millionth or above its complement taken as that."""
    clipped = np.clip(probability, 1e-6, 1 - 1e-6)
    return np.asarray(np.log(clipped / (1.0 - clipped)), dtype=np.float64)


@dataclass(frozen=True)
class _Rows:
    """Rows (n) as the model reads them: encoded columns, age, state, since when it stands there, and `due`, what
    `due_facts` gives, which the bins look at too; all (n,). by_column : what the logistic's columns add, (n, columns,
    2). code : its code of the state, (n,).
    """

    encoded: npt.NDArray[np.float32]
    age: Floats
    state: npt.NDArray[np.object_]
    since: Floats
    due: tuple[Floats, Bools, Floats]
    by_column: Floats
    code: Int

    @staticmethod
    def read(model: HazardModel, encoded: npt.NDArray[np.float32], features: pd.DataFrame, mapping: Mapping) -> _Rows:
        state, since, age = STATE_COLUMNS[model.kind]
        logistic = model.logistic
        by_column = logistic.by_column(encoded) if logistic else np.zeros((*encoded.shape, 2))
        code = logistic.design.states(encoded) if logistic else np.zeros(len(encoded), dtype=np.int64)
        return _Rows(encoded, features[age].to_numpy(np.float64), features[state].to_numpy(object),
                     features[since].to_numpy(np.float64), due_facts(features, mapping), by_column, code)


@dataclass(frozen=True)
class _Parts:
    """What parts say of rows (n): masks (n, parts, trees) and what they add in the logistic hazard (n, parts, 2)."""

    masks: Masks
    said: Floats

    @staticmethod
    def of(model: HazardModel, rows: _Rows, part: Int, parts: int) -> _Parts:
        said = np.einsum("ncd,cp->npd", rows.by_column, (part[:, None] == np.arange(parts)).astype(np.float64))
        return _Parts(model.forest.masks(rows.encoded, part, parts), said)


class Mixtures:
    """Subjects of one model, ready to be mixed with its background.

    part : (columns,) the part of each of the model's columns, 0 to `parts` - 1. end : (n,) the moment by which to win.
    """

    def __init__(self, model: HazardModel, history: History, table: LandmarkTable, end: Int, part: Int) -> None:
        self.model = model
        self._bins = bin_matrix(history, table, model.edges_days)
        self._mine = _Rows.read(model, model.encoder.encode(table.features), table.features, history.mapping)
        self._theirs = _remembered(model, ("background",), lambda: _Rows.read(
            model, model.background, _decoded(model), history.mapping))
        left, self._share = _place(model, history, table, end)
        self._last = left + 1
        self._of_place = self._of_places()
        pooled = model.weights["pooled"] * margins_of(model.cells.cells[""])
        self._same = pooled + level_offsets(model, history, table)
        self._take(part)

    def _take(self, part: Int) -> None:
        self.part, self.parts = part, int(part.max(initial=-1)) + 1
        self._mine_by_part = _Parts.of(self.model, self._mine, part, self.parts)
        self._theirs_by_part = _remembered(self.model, ("parts", part.tobytes()), lambda: _Parts.of(
            self.model, self._theirs, part, self.parts))

    def _of_places(self) -> Floats:
        """What cells and calibrator say where state, time in it and age are a subject's or another row's: margins
        (n, 8 × background, m, 2), by whether the state, the time and the age are its own, and whose they are else.
        """
        model, mine, theirs = self.model, self._mine, self._theirs
        n, others = len(mine.age), len(theirs.age)
        shape = (n, 2, 2, 2, others)

        def both(own: npt.NDArray[Any], other: npt.NDArray[Any], axis: int) -> npt.NDArray[Any]:
            found = np.empty(shape, dtype=own.dtype)
            np.moveaxis(found, axis, 0)[0] = other
            np.moveaxis(found, axis, 0)[1] = own.reshape(n, 1, 1, 1)
            return found

        state, since, age = both(mine.state, theirs.state, 1), both(mine.since, theirs.since, 2), both(
            mine.age, theirs.age, 3)
        states, days = state.ravel(), days_in_state(since.ravel(), age.ravel())
        rates = model.cells.hazards(pd.Series(states, dtype=object), days)
        offsets = model.calibrator.offsets(age_state_groups(age.ravel(), states, model.cycle_days))
        margins = model.weights["rates"] * margins_of(rates) + offsets[:, None]
        return np.asarray(margins.reshape(n, 8 * others, *margins.shape[1:]), dtype=np.float64)

    def by(self, part: Int) -> Mixtures:
        """The same subjects, to be mixed by other parts."""
        found = copy.copy(self)
        found._take(part)
        return found

    def differ(self, subject: int) -> Bools:
        """Which columns (background rows, columns) of the background are not a subject's."""
        mine, others = self._mine.encoded[subject], self._theirs.encoded
        unequal = (mine != others) & ~(np.isnan(mine) & np.isnan(others))
        state = self.model.encoder.columns.index(STATE_COLUMNS[self.model.kind][0])
        unequal[:, state] |= self._mine.state[subject] != self._theirs.state
        return np.asarray(unequal, dtype=np.bool_)

    def score(self, subject: int, other: Int, own: Bools) -> Floats:
        """Log-odds (k,) of mixtures of a subject: part p is its own where `own` (k, parts), else that of the background
        row `other` (k,)."""
        mine, theirs = self._mine_by_part.masks[subject], self._theirs_by_part.masks
        # All mixtures of a few parts each: rows are put together from those.
        tables: list[tuple[Masks, Int]] = []
        for first in range(0, self.parts, PARTS_AT_ONCE):
            parts = range(first, min(first + PARTS_AT_ONCE, self.parts))
            mixed = np.full((len(theirs), 1, mine.shape[1]), np.iinfo(mine.dtype).max, dtype=mine.dtype)
            for part in parts:
                mixed = np.concatenate([mixed & theirs[:, part, None], mixed & mine[part]], axis=1)
            which = own[:, parts] @ (1 << np.arange(len(parts)))
            tables.append((mixed.reshape(len(theirs) * mixed.shape[1], mine.shape[1]),
                           other * mixed.shape[1] + which))

        def masks(rows: slice) -> Masks:
            found = tables[0][0][tables[0][1][rows]]
            for mixed, row in tables[1:]:
                found &= mixed[row[rows]]
            return found

        return self._score(subject, other, own, masks)

    def score_without(self, subject: int, other: Int, part: Int) -> Floats:
        """Log-odds (k,) of a subject of which one part (k,) is that of the background row `other` (k,)."""
        own = np.ones((len(part), self.parts), dtype=bool)
        own[np.arange(len(part)), part] = False
        mine, theirs = self._mine_by_part.masks[subject], self._theirs_by_part.masks
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
        model, last = self.model, self._last[subject]
        state, since, age = (self._is_own(own, name) for name in STATE_COLUMNS[model.kind])
        place = (4 * state + 2 * since + age) * len(self._theirs.age) + other
        margins = self._of_place[subject][place, :last] + self._same[subject, :last]
        due = due_days(*(np.where(self._is_own(own, name), mine[subject], theirs[other]) for name, mine, theirs in zip(
            DUE_COLUMNS, self._mine.due, self._theirs.due, strict=True)))
        levels, which = np.unique(due, return_inverse=True)  # one NaN for all
        bins = np.repeat(self._bins[subject:subject + 1, :last], len(levels), axis=0)
        bins[:, :, BIN_COLUMNS.index("bin_due_days")] = levels[:, None] - model.edges_days[None, :last]
        if model.boosters:
            margins += model.weights["lightgbm"] * margins_of(self._of_forest(masks, bins, which))
        if model.logistic:
            margins += model.weights["logistic"] * self._of_logistic(model.logistic, subject, other, own, state, bins,
                                                                     which)
        return hazards_of(margins)

    def _of_logistic(self, logistic: Logistic, subject: int, other: Int, own: Bools, state: Bools,
                     bins: npt.NDArray[np.float32], which: Int) -> Floats:
        mine, theirs = self._mine_by_part.said[subject], self._theirs_by_part.said
        said = theirs.sum(axis=1)[other] + np.einsum("kp,kpc->kc", own.astype(np.float64), (mine - theirs)[other])
        code = np.where(state, self._mine.code[subject], self._theirs.code[other])
        of_bins = logistic.of_bins(bins)
        return logistic.margins_of(said, code, of_bins if len(of_bins) == 1 else of_bins[which])

    def _of_forest(self, masks: Masks, bins: npt.NDArray[np.float32], which: Int) -> Floats:
        hazards = np.empty((len(masks), bins.shape[1], 3))
        for i, one in enumerate(bins):
            here = which == i
            hazards[here] = self.model.forest.hazards(masks[here], self._bin_masks(one))
        return hazards

    def _bin_masks(self, bins: npt.NDArray[np.float32]) -> BinMasks:
        found: BinMasks = _remembered(self.model, ("bins", bins.tobytes()), lambda: self.model.forest.bin_masks(
            bins, len(self.part)))
        return found


def _remembered(model: HazardModel, key: tuple[str | bytes, ...], compute: Callable[[], Any]) -> Any:
    """What is the same for many subjects is computed once a model."""
    kept = model.memo.get(key)
    if kept is None:
        if len(model.memo) >= MOST_REMEMBERED:
            model.memo.clear()
        kept = model.memo[key] = compute()
    return kept


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
