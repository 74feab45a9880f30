"""The fits that hazards are blended from: LightGBM and a multinomial logistic regression, both on landmark × bin rows.

In: landmarks as encoded numbers (n, columns), their bins (n, m, 5) and Rows. Out: what gives hazards (n, m, 3) of any
landmarks: goes on, won, lost. Both know the categories that training saw; a level that it did not see, or on too few
subjects, is one of its own, and so is a missing one.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import lightgbm as lgb
import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.optimize import minimize
from scipy.stats import rankdata
from threadpoolctl import threadpool_limits

from features.events import Int
from features.settings import TrainingSettings
from training.baselines import BAND_DAYS
from training.margins import hazards_of
from training.outcomes import LOST, WON
from training.rows import BIN_COLUMNS, STATE_COLUMNS, LandmarkTable, Rows

__all__ = ["Design", "Encoder", "Logistic", "booster_hazards", "fit_boosters"]

Floats = npt.NDArray[np.float64]
Reals = npt.NDArray[np.float32]
CLOCK_CORRELATION = 0.5  # with the date, above which a number is a clock of the calendar
CLOCK_ROWS = 5000  # landmarks that this is told from
CLOCK_LEAST = 50  # with fewer known values nothing is told
ROWS_AT_ONCE = 50_000  # that boosters are asked about, so that their matrix stays small
SLOW_UP_TO_WINS = 500  # what was won beyond makes boosters learn faster, by its root
FASTEST = 3.0  # times the learning rate of few wins
RARE_LEVEL = 10  # a category seen on fewer subjects than this is "other"
MOST_LEVELS = 20  # levels of a category that the logistic hazard tells apart
TAIL = 0.005  # a number is cut at these quantiles of training: a line drawn on beyond what was seen means nothing
LOOSE = 10.0  # how much wider the prior of bins and bands of time is: nobody expects level hazards
ITERATIONS = 80  # more move coefficients, and hardly a hazard
DIGITS = 6  # of the coefficients that are kept


@dataclass(frozen=True)
class Encoder:
    """Turns features into the numbers that the voices see, with the categories seen in training.

    columns : names in order, without the numbers that go with the calendar. levels : for each category column its known
    levels; any other level is one more code, a missing value stays missing.
    """

    columns: list[str]
    levels: dict[str, list[str]]

    @staticmethod
    def learn(table: LandmarkTable) -> Encoder:
        clocks = _calendar_clocks(table)
        columns = [str(name) for name in table.features.columns if name not in clocks]
        return Encoder(columns, {name: _levels(table.features[name], table.landmarks.subject) for name in columns
                                 if table.features[name].dtype != np.float64})

    def encode(self, features: pd.DataFrame) -> npt.NDArray[np.float32]:
        """(n, columns) as float32; a column that the history does not have is missing throughout."""
        matrix = np.full((len(features), len(self.columns)), np.nan, dtype=np.float32)
        for i, name in enumerate(self.columns):
            if name not in features:
                continue
            if name in self.levels:
                code_of = {level: code for code, level in enumerate(self.levels[name])}
                matrix[:, i] = [np.nan if value is None or value != value else code_of.get(value, len(code_of))
                                for value in features[name].to_numpy(object)]
            else:
                matrix[:, i] = features[name].to_numpy(np.float64)
        return matrix


def fit_boosters(matrix: npt.NDArray[np.float32], label: Int, weight: Floats, subject: Int, encoder: Encoder,
                 settings: TrainingSettings, seeds: int) -> list[lgb.Booster]:
    """Fit one multiclass booster a seed; the same rows and settings give the same text, whatever the threads.

    matrix (rows, columns), label, weight and subject code (rows,). A leaf holds several subjects' worth of rows: the
    hundreds of rows of one deal are no hundreds of observations.
    """
    options = settings.lightgbm
    rows_per_subject = len(subject) / max(len(np.unique(subject)), 1)
    min_rows = max(options.min_data_in_leaf, round(options.min_subjects_in_leaf * rows_per_subject))
    won = len(np.unique(subject[label == WON]))
    rate = options.learning_rate * float(np.clip(np.sqrt(won / SLOW_UP_TO_WINS), 1.0, FASTEST))
    names = [*(f"f{i}" for i in range(len(encoder.columns))), *BIN_COLUMNS]
    data = lgb.Dataset(matrix, label, weight=weight, feature_name=names, free_raw_data=False,
                       categorical_feature=[encoder.columns.index(name) for name in encoder.levels])
    boosters = []
    for seed in range(1, seeds + 1):
        parameters = {
            "objective": "multiclass", "num_class": 3, "num_leaves": options.num_leaves,
            "learning_rate": rate, "min_data_in_leaf": min_rows,
            "lambda_l2": options.lambda_l2, "feature_fraction": options.feature_fraction,
            "bagging_fraction": options.bagging_fraction, "bagging_freq": 1, "seed": seed,
            "num_threads": options.num_threads, "deterministic": True, "force_col_wise": True, "verbosity": -1,
        }
        boosters.append(lgb.train(parameters, data, num_boost_round=options.num_rounds))
    return boosters


def booster_hazards(boosters: list[lgb.Booster], encoded: Reals, bins: Reals) -> Floats:
    """Mean hazards (n, m, 3) of the boosters for landmarks' codes (n, columns) and bins (n, m, 5)."""
    n, m = bins.shape[:2]
    columns = encoded.shape[1]
    total = np.zeros((n, m, 3))
    step = max(ROWS_AT_ONCE // max(m, 1), 1)
    for start in range(0, n, step):
        here = slice(start, start + step)
        matrix = np.empty((len(encoded[here]), m, columns + bins.shape[2]), dtype=np.float32)
        matrix[:, :, :columns], matrix[:, :, columns:] = encoded[here, None], bins[here]
        rows = matrix.reshape(-1, matrix.shape[2])
        for booster in boosters:
            total[here] += np.asarray(booster.predict(rows)).reshape(-1, m, 3)
    return total / len(boosters)


@dataclass(frozen=True)
class Design:
    """The columns of the logistic hazard, learned at the origin from encoded landmarks.

    numbers : column to (fill, mean, sd, lowest, highest) of its signed log, so that the clocks' long tails weigh no
    more than their start, cut to what was seen; a missing number is the fill, with a flag of its own. levels : column
    to the codes of its most frequent levels; others are pooled, a missing text is a level. state : the column whose
    levels have a shape over the bins of their own. clocks : the columns that count days since something began, which
    have a level in each of BAND_DAYS too: what happens in the first hours may never happen again.
    """

    numbers: dict[int, tuple[float, float, float, float, float]]
    levels: dict[int, list[int]]
    state: int
    clocks: list[int]

    @staticmethod
    def learn(encoded: Reals, encoder: Encoder, state: str, clocks: Sequence[str]) -> Design:
        numbers: dict[int, tuple[float, float, float, float, float]] = {}
        levels: dict[int, list[int]] = {}
        for i, name in enumerate(encoder.columns):
            known = encoded[~np.isnan(encoded[:, i]), i].astype(np.float64)
            if name in encoder.levels:
                counts = np.bincount(known.astype(np.int64), minlength=len(encoder.levels[name]) + 1)[:-1]
                levels[i] = sorted(np.argsort(-counts, kind="stable")[:MOST_LEVELS].tolist())
            elif len(known):
                known = _signed_log(known)
                low, high = np.quantile(known, [TAIL, 1.0 - TAIL])
                known = np.clip(known, low, high)
                if known.std() > 1e-9:
                    numbers[i] = (float(np.median(known)), float(known.mean()), float(known.std()), float(low),
                                  float(high))
        return Design(numbers, levels, encoder.columns.index(state),
                      [i for i in map(encoder.columns.index, clocks) if i in numbers])

    def parts(self, encoded: Reals) -> Iterator[tuple[int, Floats]]:
        """Each column that says something, with what it says of the landmarks: (n, 2) a number's value and its flag,
        (n, levels + 2) ones and zeros; last the clocks' bands."""
        for i, (fill, mean, sd, low, high) in self.numbers.items():
            value = _signed_log(encoded[:, i].astype(np.float64))
            missing = np.isnan(value)
            scaled = (np.clip(np.where(missing, fill, value), low, high) - mean) / sd
            yield i, np.stack([scaled, missing], axis=1)
        for i, levels in self.levels.items():
            yield i, (self._code(encoded, i)[:, None] == np.arange(len(levels) + 2)).astype(np.float64)
        for i in self.clocks:
            band = np.searchsorted(BAND_DAYS, np.where(np.isnan(encoded[:, i]), -1.0, encoded[:, i]), side="right")
            yield i, (band[:, None] == np.arange(len(BAND_DAYS) + 1)).astype(np.float64)

    def states(self, encoded: Reals) -> Int:
        """Code of each landmark's state, (n,): missing 0, pooled 1, then the levels."""
        return self._code(encoded, self.state)

    def _code(self, encoded: Reals, column: int) -> Int:
        value = encoded[:, column]
        missing = np.isnan(value)
        code = np.where(missing, -1, value).astype(np.int64)
        levels = np.array(self.levels[column], dtype=np.int64)
        place = np.searchsorted(levels, code)
        known = np.append(levels, -2)[place] == code
        return np.where(missing, 0, np.where(known, place + 2, 1)).astype(np.int64)


@dataclass(frozen=True)
class Logistic:
    """Multinomial logistic hazard of winning and losing against going on.

    A row's two log-odds are the sum of what its landmark says (`landmark_part`, (columns, 2) of the design), what is
    known of its bin (`bin_part`, (BIN_FACTS, 2)) and how its state fares in the bin (`state_part`, (states, m, 2)).
    """

    design: Design
    landmark_part: Floats
    bin_part: Floats
    state_part: Floats

    @staticmethod
    def fit(encoded: Reals, bins: Reals, rows: Rows, weight: Floats, design: Design, prior_sd: float) -> Logistic:
        """Most probable coefficients given rows (landmark, bin, label; weight (rows,)) of landmarks (n, columns) with
        bins (n, m, 5), found with L-BFGS.

        Each coefficient is normal around 0 with `prior_sd` per standard deviation of its column, but for those of bins
        and of the clocks' bands, which are nearly free. What landmarks say is summed once a landmark, not once a row:
        there are ten times fewer.
        """
        present, place = np.unique(rows.landmark, return_inverse=True)
        said = np.concatenate([part for _, part in design.parts(encoded[present])], axis=1)
        facts = _bin_facts(bins[rows.landmark, rows.bin])
        n_bins = bins.shape[1]
        shape = _shape(n_bins)
        n_states = len(design.levels[design.state]) + 2
        cell = design.states(encoded)[rows.landmark] * n_bins + rows.bin
        happened = np.stack([rows.label == WON, rows.label == LOST])
        starts = np.searchsorted(place, np.arange(len(present)))
        sizes = [said.shape[1], facts.shape[1], n_bins, n_states * shape.shape[1]]
        ends = np.cumsum(sizes)
        bands = len(design.clocks) * (len(BAND_DAYS) + 1)
        tight, loose = prior_sd**-2, (LOOSE * prior_sd) ** -2
        precision = np.repeat([tight, loose, tight, loose, tight], [sizes[0] - bands, bands, *sizes[1:]])[:, None]

        def parts(flat: Floats) -> tuple[Floats, Floats, Floats]:
            ours, theirs, base, shapes = np.split(flat.reshape(-1, 2), ends[:-1])
            return ours, theirs, base + np.einsum("mq,sqk->smk", shape, shapes.reshape(n_states, -1, 2))

        def loss(flat: Floats) -> tuple[float, Floats]:
            ours, theirs, states = parts(flat)
            by_landmark, by_cell = (said @ ours).T, states.reshape(-1, 2).T
            margin = np.stack([by_landmark[k][place] + by_cell[k][cell] for k in (0, 1)]) + theirs.T @ facts.T
            top = np.maximum(np.maximum(margin[0], margin[1]), 0.0)
            odds = np.exp(margin - top)
            total = odds[0] + odds[1] + np.exp(-top)
            value = weight @ (top + np.log(total)) - ((margin * happened) @ weight).sum()
            slope = weight * (odds / total - happened)
            cells = np.stack([np.bincount(cell, one, n_states * n_bins) for one in slope], axis=1)
            cells = cells.reshape(n_states, n_bins, 2)
            gradient = np.concatenate([said.T @ np.add.reduceat(slope, starts, axis=1).T, facts.T @ slope.T,
                                       cells.sum(axis=0), np.einsum("mq,smk->sqk", shape, cells).reshape(-1, 2)])
            pulled = precision * flat.reshape(-1, 2)
            return float(value + 0.5 * (pulled * flat.reshape(-1, 2)).sum()), (gradient + pulled).ravel()

        start = np.zeros((ends[-1], 2))
        start[ends[1]:ends[2]] = np.log((happened @ weight + 0.01) / (weight.sum() + 1.0))
        with threadpool_limits(1, user_api="blas"):  # more threads only wait for each other here, and round otherwise
            found = minimize(loss, start.ravel(), jac=True, method="L-BFGS-B", options={"maxiter": ITERATIONS}).x
        ours, theirs, states = (np.round(part, DIGITS) for part in parts(found))
        return Logistic(design, ours, theirs, states)

    def by_column(self, encoded: Reals) -> Floats:
        """What each column adds to the log-odds of winning and losing in every bin, (n, columns, 2)."""
        said = np.zeros((*encoded.shape, 2))
        start = 0
        for i, part in self.design.parts(encoded):
            said[:, i] += part @ self.landmark_part[start:start + part.shape[1]]
            start += part.shape[1]
        return said

    def hazards(self, encoded: Reals, bins: Reals) -> Floats:
        """Hazards (n, m, 3) of encoded landmarks (n, columns) with bins (n, m, 5)."""
        return hazards_of(self.margins_of(self.by_column(encoded).sum(axis=1), self.design.states(encoded),
                                          self.of_bins(bins)))

    def of_bins(self, bins: Reals) -> Floats:
        """What is known of bins (n, m, 5) adds to the log-odds, (n, m, 2)."""
        n, m = bins.shape[:2]
        return np.asarray((_bin_facts(bins.reshape(n * m, bins.shape[2])) @ self.bin_part).reshape(n, m, 2))

    def margins_of(self, said: Floats, state: Int, of_bins: Floats) -> Floats:
        """Margins (n, m, 2) from columns' sums (n, 2), codes of states (n,) and what bins add (n or 1, m, 2)."""
        return np.asarray(said[:, None] + self.state_part[state, :of_bins.shape[1]] + of_bins, dtype=np.float64)

    def to_dict(self) -> dict[str, Any]:
        design = self.design
        return {"numbers": [[i, *values] for i, values in design.numbers.items()],
                "levels": [[i, codes] for i, codes in design.levels.items()], "state": design.state,
                "clocks": design.clocks,
                "landmark_part": self.landmark_part.tolist(), "bin_part": self.bin_part.tolist(),
                "state_part": self.state_part.tolist()}

    @staticmethod
    def from_dict(content: dict[str, Any]) -> Logistic:
        design = Design({i: (fill, mean, sd, low, high) for i, fill, mean, sd, low, high in content["numbers"]},
                        dict(content["levels"]), content["state"], content["clocks"])
        return Logistic(design, np.array(content["landmark_part"]), np.array(content["bin_part"]),
                        np.array(content["state_part"]))


def _bin_facts(bins: Reals) -> Floats:
    """What is known of bins (rows, 5) beside their index: share of business days, of them at a quarter's end, and where
    the day lies that the deal is due: in it, before it, how far away."""
    expected = bins[:, 4].astype(np.float64)
    known = ~np.isnan(expected)
    expected = np.where(known, expected, 0.0)
    due = known & (expected >= 0) & (expected < bins[:, 1])
    facts = [bins[:, 2] / bins[:, 1], bins[:, 3], due, known & (expected < 0), _signed_log(expected) / 3]
    return np.stack(facts, axis=1).astype(np.float64)


def _shape(n_bins: int) -> Floats:
    """How a state may differ over the bins, (m, 2): in the first, and with the logarithm of the bin's number."""
    index = np.arange(n_bins)
    return np.stack([index == 0, np.log1p(index) - np.log1p(index).mean()], axis=1)


def _levels(column: pd.Series, subject: Int) -> list[str]:
    """Values that RARE_LEVEL subjects or more had."""
    code, values = pd.factorize(column)
    had = np.unique(np.stack([code, subject])[:, code >= 0], axis=1)[0]
    return sorted(str(value) for value in values[np.bincount(had, minlength=len(values)) >= RARE_LEVEL])


def _calendar_clocks(table: LandmarkTable) -> set[str]:
    """Numbers that tell the date rather than the subject, such as a count of all wins so far, or the days to the
    quarter's end in a log of one quarter: what a fit makes of them is the past's level, and beyond the origin they take
    values that no row had. Told by rank correlation with the landmark's date, so no outcome is looked at."""
    own = {name for names in STATE_COLUMNS.values() for name in names}
    few = np.arange(0, len(table.landmarks), max(1, len(table.landmarks) // CLOCK_ROWS))
    found = set()
    for name, column in table.features.items():
        if column.dtype != np.float64 or name in own:
            continue
        values = column.to_numpy()[few]
        known = ~np.isnan(values)
        values, date = values[known], table.landmarks.at[few][known]
        if len(values) < CLOCK_LEAST or np.ptp(values) == 0 or np.ptp(date) == 0:
            continue
        if abs(np.corrcoef(rankdata(values), rankdata(date))[0, 1]) > CLOCK_CORRELATION:
            found.add(str(name))
    return found


def _signed_log(values: Floats) -> Floats:
    return np.asarray(np.sign(values) * np.log1p(np.abs(values)), dtype=np.float64)
