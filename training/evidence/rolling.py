"""Rolling origins: refit at earlier origins on what was known then, and look at what came after.

This is where everything that is chosen or judged comes from: the half-life, the blend's weights, the calibrator and the
evaluation. No fold sees a row, a label or a category of later than its origin.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import numpy.typing as npt
import pandas as pd

from features.calendar import DAY, fiscal_quarter
from features.catalogue import catalogue
from features.events import Int
from features.history import History
from features.settings import Prior, TrainingSettings
from training.baselines import AalenJohansen
from training.blend import (
    VOICES,
    blended,
    blended_margins,
    earned_weights,
    learned_stretch,
    prior_weights,
    stretched,
)
from training.calibration import Calibrator, choose_calibrator
from training.certainty import Certainty, Familiar, learn_certainty, learn_familiar
from training.choosing import clearly_best
from training.hazard import HazardModel
from training.level import LevelRule, Past, choose_level, followed, plain_rule
from training.margins import margins_of
from training.outcomes import OPEN, WON, Outcomes
from training.rows import (
    FAST_LIFE_DAYS,
    STATE_COLUMNS,
    LandmarkTable,
    Rows,
    background_rows,
    bin_matrix,
    bins_seen,
    build_rows,
    recency_weights,
    within_budget,
)
from training.voices import Design, Encoder, Logistic, fit_boosters

__all__ = ["Fold", "Task", "cycle", "earlier_origins", "fit", "logistic_hazards", "prior_rows", "roll"]

Floats = npt.NDArray[np.float64]
Reals = npt.NDArray[np.float32]
Progress = Callable[[str], None]
LOOKED_AT = 1000  # newest landmarks of which the spread of scores is taken
MOST_ASKED = 10_000  # landmarks from which the blend's stretch is learned; of more every so many
LEAST_ROWS = 1e-9  # of a prior in any bin
SETTLE_DAYS = 14  # an origin wants this much log before it, and after it


@dataclass(frozen=True)
class Task:
    """What is learned: the kind of subject, its landmarks with features, its bins and the window of its figures.

    window_end : (n,) for each landmark, the moment by which "won" is asked in the evaluation. fold_days : between
    origins, where lives are short. cycle_days and edges_days are those of the task's end at every origin.
    """

    history: History
    ends: Outcomes
    table: LandmarkTable
    edges_days: Floats
    cycle_days: float
    window_end: Int
    fold_days: float
    fingerprint: str

    @cached_property
    def bins(self) -> Reals:
        """What each landmark knows about each bin: (n, m, len(BIN_COLUMNS))."""
        return bin_matrix(self.history, self.table, self.edges_days)

    @property
    def kind(self) -> str:
        return self.ends.kind


@dataclass(frozen=True)
class Fold:
    """One earlier origin: the model as it was then, and the landmarks after it on which it is judged.

    later : positions in the task's table of landmarks from this origin to the next. hazards : of each voice,
    (len(later), m, 3), before calibration. followed : the same at the level that was known at each landmark, as they
    would have been served. cells : cell rates at the origin by half-life in cycles.
    """

    origin: int
    model: HazardModel
    later: Int
    hazards: dict[str, Floats]
    followed: dict[str, Floats]
    cells: dict[float, AalenJohansen]


def cycle(ends: Outcomes, prior: Prior) -> float:
    """Median days that winning took, at least 1; the prior's before anything was won."""
    return max(float(np.median(ends.life_days)), 1.0) if len(ends.won_at[0]) else prior.days


def earlier_origins(task: Task, as_of: int, settings: TrainingSettings) -> list[int]:
    """Origins before `as_of`, oldest first: starts of fiscal quarters, or every `fold_days` where lives are short.

    An origin wants `min_wins` wins known by then and some log before it.
    """
    _, state, _, known_since = task.ends.endings.last
    known_won = np.sort(known_since[state == WON])
    first = int(task.history.subjects(task.kind).visible_at.min(initial=as_of))
    fast = task.cycle_days < FAST_LIFE_DAYS
    found: list[int] = []
    step = 0
    while len(found) < settings.origins:
        origin = (as_of - round((SETTLE_DAYS + step * task.fold_days) * DAY) if fast
                  else fiscal_quarter(as_of, task.history.mapping, -step)[1])
        step += 1
        if origin - SETTLE_DAYS * DAY < first:
            break
        if np.searchsorted(known_won, origin, side="right") < settings.min_wins:
            break
        if origin <= as_of - SETTLE_DAYS * DAY:
            found.append(origin)
    return found[::-1]


def roll(task: Task, as_of: int, settings: TrainingSettings, progress: Progress,
         settings_at: Callable[[int], TrainingSettings] | None = None) -> list[Fold]:
    """Refit every voice at each earlier origin, with half-life, weights and calibrator from the folds before it; where
    `settings_at` is given, with the settings that it gives for the origin."""
    origins = earlier_origins(task, as_of, settings)
    folds: list[Fold] = []
    for i, origin in enumerate(origins):
        progress(f"{task.kind}s: judging origin {i + 1} of {len(origins)}")
        until = origins[i + 1] if i + 1 < len(origins) else as_of
        later = np.flatnonzero((task.table.landmarks.at >= origin) & (task.table.landmarks.at < until))
        own = settings_at(origin) if settings_at else settings
        model, cells = _fit(task, origin, own, folds, seeds=1, every_voice=True)
        table = task.table.take(later)
        hazards = model.hazards_by_voice(table, task.bins[later])
        rule = plain_rule(task.cycle_days, settings.level)
        level = {name: followed(said, task.ends, table, task.edges_days, origin, until, rule)
                 for name, said in hazards.items()}
        folds.append(Fold(origin, model, later, hazards, level, cells))
    return folds


def fit(task: Task, origin: int, settings: TrainingSettings, folds: list[Fold], seeds: int) -> HazardModel:
    """Fit on everything known at `origin`; half-life, weights and calibrator come from the folds before it."""
    model = _fit(task, origin, settings, folds, seeds, every_voice=False)[0]
    return replace(model, certainty=_certainty(model, task, settings), familiar=_familiar(task, origin, settings))


def _fit(task: Task, origin: int, settings: TrainingSettings, folds: list[Fold], seeds: int, *,
         every_voice: bool) -> tuple[HazardModel, dict[float, AalenJohansen]]:
    """The model at an origin, and its cell rates by half-life in cycles. A voice without weight is fitted only when
    every voice is asked for."""
    ends = task.ends.known_at(origin)
    wins = len(ends.won_at[0])
    seen = [_seen(fold, task, ends, origin) for fold in folds]
    half_life = _choose_half_life(folds, seen, task, settings)
    weights = _weights(folds, seen, task, ends, origin, prior_weights(wins, settings.blend), settings)
    before = np.flatnonzero(task.table.landmarks.at < origin)
    past, bins = task.table.take(before), task.bins[before]
    rows = build_rows(ends, past.landmarks, task.edges_days, origin)
    ids = task.history.subjects(task.kind).ids
    cells = {one: _cells(task, past, rows, recency_weights(past.landmarks.at, origin, one * task.cycle_days), settings)
             for one in settings.half_lives_in_cycles}
    encoder = Encoder.learn(past)
    encoded = encoder.encode(past.features)
    asked = {name for name in VOICES if weights[name] > 0.0 or every_voice} if wins else set()
    recency = recency_weights(past.landmarks.at, origin, half_life * task.cycle_days)
    boosters, logistic = [], None
    if "lightgbm" in asked:
        kept = within_budget(rows, past, ids, settings.row_budget)
        matrix = np.concatenate([encoded[kept.landmark], bins[kept.landmark, kept.bin]], axis=1)
        boosters = fit_boosters(matrix, kept.label, recency[kept.landmark], past.landmarks.subject[kept.landmark],
                                encoder, settings, seeds)
    if "logistic" in asked:
        logistic = _logistic(task, past, bins, rows, encoder, encoded, recency, settings)
    calibrator = _calibrator(folds, seen, task, weights, settings)
    model = HazardModel(
        kind=task.kind, company=task.history.mapping.company, as_of=origin, wins=wins, weights=weights,
        edges_days=task.edges_days, cycle_days=task.cycle_days, encoder=encoder, boosters=boosters, logistic=logistic,
        cells=cells[half_life], calibrator=calibrator,
        level=_level(folds, task, ends, origin, weights, calibrator, settings),
        certainty=Certainty.unknown(), familiar=Familiar.nothing(),
        half_life_days=half_life * task.cycle_days, background=background_rows(encoded, past.landmarks, ids),
        fingerprint=task.fingerprint, evaluation={})
    return model, cells


def _logistic(task: Task, past: LandmarkTable, bins: Reals, rows: Rows, encoder: Encoder, encoded: Reals,
              recency: Floats, settings: TrainingSettings) -> Logistic:
    kept = within_budget(rows, past, task.history.subjects(task.kind).ids, settings.logistic_rows)
    state, *clocks = STATE_COLUMNS[task.kind]
    return Logistic.fit(encoded, bins, kept, recency[kept.landmark] * _row_weight(past),
                        Design.learn(encoded, encoder, state, clocks), settings.logistic_prior_sd)


def logistic_hazards(task: Task, origin: int, table: LandmarkTable, settings: TrainingSettings) -> Floats | None:
    """Hazards (n, m, 3) of landmarks by the blend's logistic regression alone, from all rows known at an origin; None
    before anything was won."""
    ends = task.ends.known_at(origin)
    if not len(ends.won_at[0]):
        return None
    before = np.flatnonzero(task.table.landmarks.at < origin)
    past, bins = task.table.take(before), task.bins[before]
    encoder = Encoder.learn(past)
    logistic = _logistic(task, past, bins, build_rows(ends, past.landmarks, task.edges_days, origin), encoder,
                         encoder.encode(past.features), np.ones(len(before)), settings)
    return logistic.hazards(encoder.encode(table.features), bin_matrix(task.history, table, task.edges_days))


def _row_weight(table: LandmarkTable) -> float:
    """What a landmark's row counts: the landmarks of one subject say much the same, so together they count as one."""
    return len(np.unique(table.landmarks.subject)) / len(table.landmarks) if len(table.landmarks) else 1.0


def _cells(task: Task, past: LandmarkTable, rows: Rows, recency: Floats, settings: TrainingSettings) -> AalenJohansen:
    prior = prior_rows(getattr(settings.priors, task.kind), task.edges_days) / _row_weight(past)
    return AalenJohansen.fit(*past.state(task.kind), rows.landmark, rows.bin, rows.label, recency[rows.landmark],
                             prior)


def prior_rows(prior: Prior, edges_days: Floats) -> Floats:
    """Rows (m, 3) that `prior.subjects` subjects would leave in each bin: go on, won, lost."""
    ended = 1.0 - 0.5 ** (edges_days / prior.days)
    start = 1.0 - (prior.won + prior.lost) * ended[:-1]
    gone = np.diff(ended)[:, None] * np.array([prior.won, prior.lost])
    rows = prior.subjects * np.column_stack([start - gone.sum(axis=1), gone])
    return np.maximum(rows, LEAST_ROWS)  # a quick end leaves nothing to the last bins


def _seen(fold: Fold, task: Task, ends: Outcomes, origin: int) -> Rows:
    """Rows of a fold's landmarks whose outcome is known at `origin`, an origin after it."""
    return build_rows(ends, task.table.landmarks.take(fold.later), task.edges_days, origin)


def _choose_half_life(folds: list[Fold], seen: list[Rows], task: Task, settings: TrainingSettings) -> float:
    """Half-life in cycles, 0 for none, by the folds' out-of-time likelihood.

    It is judged on cell rates, which follow the level and cost nothing."""
    tried = settings.half_lives_in_cycles
    plain = 0.0 if 0.0 in tried else max(tried)
    if not folds:
        return plain
    subject = np.concatenate([task.table.landmarks.subject[fold.later[rows.landmark]]
                              for fold, rows in zip(folds, seen, strict=True)])
    said: dict[float, list[Floats]] = {half_life: [] for half_life in tried}
    for fold, rows in zip(folds, seen, strict=True):
        state = task.table.take(fold.later).state(task.kind)
        for half_life, cells in fold.cells.items():
            said[half_life].append(np.log(_happened(cells.hazards(*state), rows)))
    return clearly_best({half_life: np.concatenate(logs) for half_life, logs in said.items()}, plain, subject)


def _weights(folds: list[Fold], seen: list[Rows], task: Task, ends: Outcomes, origin: int, prior: dict[str, float],
             settings: TrainingSettings) -> dict[str, float]:
    """The blend's weights by what the folds' voices said of what was known later."""
    if not folds:
        return earned_weights({}, np.empty(0, dtype=np.int64), 1.0, prior, settings.blend)
    said = {name: np.concatenate([fold.followed[name][rows.landmark, rows.bin]
                                  for fold, rows in zip(folds, seen, strict=True)]) for name in VOICES}
    label = np.concatenate([rows.label for rows in seen])
    everyone = task.table.take(np.concatenate([fold.later for fold in folds]))
    row_weight = _row_weight(everyone)
    weights = earned_weights(said, label, row_weight, prior, settings.blend)
    return stretched(weights, _stretch(folds, task, ends, origin, weights, row_weight, settings))


def _stretch(folds: list[Fold], task: Task, ends: Outcomes, origin: int, weights: dict[str, float], row_weight: float,
             settings: TrainingSettings) -> float:
    """How far the blend is to be moved from everyone's curve, by who of the folds' landmarks was won by `origin`."""
    every = 1 + sum(len(fold.later) for fold in folds) // MOST_ASKED
    asked = [_asked(fold, task, ends, origin, weights, every) for fold in folds]
    everyone, apart, last, won = (np.concatenate(parts) for parts in zip(*asked, strict=True))
    return learned_stretch(everyone, apart, last, won, row_weight * every, settings.blend)


def _asked(fold: Fold, task: Task, ends: Outcomes, origin: int, weights: dict[str, float],
           every: int) -> tuple[Floats, Floats, Int, npt.NDArray[np.bool_]]:
    """What `learned_stretch` asks about every so many of a fold's landmarks of which a bin has been seen."""
    marks = task.table.landmarks.take(fold.later)
    bins = bins_seen(ends, marks, task.edges_days, origin)
    here = np.flatnonzero(bins > 0)[::every]
    marks, last = marks.take(here), bins[here] - 1
    everyone = margins_of(fold.followed["pooled"][here])
    apart = blended_margins({name: said[here] for name, said in fold.followed.items()}, weights) - everyone
    state, when = ends.next_end(marks.subject, marks.at)
    by = marks.at + (task.edges_days[last + 1] * DAY).astype(np.int64)
    return everyone, apart, last, (state == WON) & (when <= by)


def _calibrator(folds: list[Fold], seen: list[Rows], task: Task, weights: dict[str, float],
                settings: TrainingSettings) -> Calibrator:
    """Offsets learned from what the folds' voices, blended as they are now, said of what was known later."""
    if not folds:
        return Calibrator()
    hazards, label, group, number, seen_by = [], [], [], [], []
    origins = np.array([fold.origin for fold in folds])
    for i, (fold, rows) in enumerate(zip(folds, seen, strict=True)):
        table = task.table.take(fold.later)
        bin_end = table.landmarks.at[rows.landmark] + (task.edges_days[rows.bin + 1] * DAY).astype(np.int64)
        hazards.append(blended({name: said[rows.landmark, rows.bin] for name, said in fold.followed.items()}, weights))
        label.append(rows.label)
        group.append(fold.model.groups(table)[rows.landmark])
        number.append(np.full(len(rows.label), i))
        seen_by.append(np.searchsorted(origins, bin_end))
    return choose_calibrator(np.concatenate(hazards), np.concatenate(label), np.concatenate(group),
                             np.concatenate(number), np.concatenate(seen_by), settings.calibration_prior_events)


def _level(folds: list[Fold], task: Task, ends: Outcomes, origin: int, weights: dict[str, float],
           calibrator: Calibrator, settings: TrainingSettings) -> LevelRule:
    """How the level is followed: as it would have been best after the folds' origins."""
    pasts = []
    for fold in folds:
        table = task.table.take(fold.later)
        hazards = calibrator.apply(blended(fold.hazards, weights), fold.model.groups(table))
        pasts.append(Past(fold.origin, table, hazards))
    return choose_level(pasts, ends, task.edges_days, task.cycle_days, origin, settings.level)


def _certainty(model: HazardModel, task: Task, settings: TrainingSettings) -> Certainty:
    """What a model is sure of, by what it says of the newest landmarks that it was learned from."""
    before = np.flatnonzero(task.table.landmarks.at < model.as_of)
    newest = before[np.argsort(-task.table.landmarks.at[before], kind="stable")[:LOOKED_AT]]
    said = model.curves_of(task.history, task.table.take(newest)).win_by(task.window_end[newest])
    heard = model.weights["lightgbm"] + model.weights["logistic"]
    # The rule that follows the level trusts it like so many events: its logarithm's variance is one over them.
    return learn_certainty(said, model.wins, heard, getattr(settings.priors, task.kind),
                           1.0 / settings.level.prior_events)


def _familiar(task: Task, origin: int, settings: TrainingSettings) -> Familiar:
    """What the landmarks look like of those that had ended by `origin`: their own facts, not the day they are asked on,
    nor what others do meanwhile."""
    marks = task.table.landmarks
    state, _ = task.ends.known_at(origin).next_end(marks.subject, marks.at)
    closed = np.flatnonzero((marks.at < origin) & (state != OPEN))
    ids = task.history.subjects(task.kind).ids[marks.subject[closed]]
    own = [one.name for one in catalogue(task.history, task.kind, origin)
           if not one.by_others and one.group != "calendar"]
    features = task.table.features
    return learn_familiar(features[[name for name in own if name in features]].iloc[closed], pd.util.hash_array(ids),
                          settings.unlike_share)


def _happened(hazards: Floats, rows: Rows) -> Floats:
    return np.asarray(np.maximum(hazards[rows.landmark, rows.bin, rows.label], 1e-12), dtype=np.float64)
