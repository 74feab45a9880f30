"""One origin of a backtest: train on what was known then, say everything, and keep it beside what came.

Everything is done anew, the choice of half-life and calibrator with it, exactly as `dealcast train --as-of` would have
done on that day. What comes out is plain JSON, frozen: every score is computed from it later, the same for us and for
all that we are compared with.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from features.adjustments import ADJUSTMENT_COLUMNS
from features.calendar import DAY
from features.errors import BadInput
from features.events import Int
from features.history import History
from features.money import in_major
from features.settings import Settings
from training import deal_close
from training.amounts import won_amounts
from training.called import people_of, with_people
from training.curves import curves_from_hazards
from training.evidence.close_amounts import close_amounts
from training.evidence.dates import (
    closing_days,
    kaplan_meier,
    raw_resolution,
    raw_win,
    rep_days,
    resolution_days,
    win_days,
)
from training.evidence.distributions import LEVELS
from training.evidence.judge import judge
from training.evidence.plain_deals import by_stage_alone, plain_deals
from training.evidence.plain_forecasts import Past, finally_won, plain_forecasts
from training.evidence.predictive import Told, predicted, predicted_by
from training.evidence.rolling import Task, logistic_hazards, prior_rows
from training.evidence.schedule import Period
from training.evidence.summary import finite
from training.forecast import TOTAL
from training.groups import has, labels
from training.hazard import HazardModel, LandmarkTable, landmark_table
from training.outcomes import OPEN, WON, Landmarks, Outcomes, outcomes
from training.reps import reps_call
from training.won import actual, actual_by

__all__ = ["backtest_origin", "people_said"]

Floats = npt.NDArray[np.float64]
WEEK = 7 * DAY
LIFE_SHARE = 2 / 3  # of a closed deal's life, at which it is asked whether it will be won
SHORTEST_DAYS = 1.0  # lives of closed deals that are asked about; some are entered when they have ended
# Of a kind that brought nothing, and what is said of one that nobody had seen by the origin.
NOTHING = {"won_count": 0.0, "won_amount": 0.0}
UNSEEN = {measure: {"mean": 0.0, "quantiles": [0.0] * len(LEVELS)} for measure in NOTHING}


def backtest_origin(history: History, period: Period, settings: Settings) -> dict[str, Any]:
    """Train at the origin and look at what came in the period, which is over in `history`.

    Returns, beside `origin`, `end`, `next` (microseconds) and `days`:
    figures : of P(won in the period), as `judge` has them. deals : the deals that were open, by column: `id`, `won`,
    what the `model` and each `plain` one said, `segments`, and their `kind` where the company tells kinds. resolution,
    win : dates, see `training.evidence.dates`. amount : of those won in the period, see
    `training.evidence.close_amounts`. two_thirds : deals that were two thirds through their life between this origin
    and the next. forecast : what came, and mean and quantiles of what each method `said`. kinds : by kind, what of ours
    came and what was said. weeks : what we said each week of the period, beside the reps' call from their deals and
    what people and their managers said themselves.
    """
    then = deal_close.task(history.until(period.origin), period.origin, settings.training)
    model, _ = deal_close.learn(then, period.origin, settings)
    ends = outcomes(history, "deal")
    past = Past.at_origin(history, period.origin, period.days, model.edges_days,
                          prior_rows(settings.training.priors.deal, model.edges_days))
    found = {"origin": period.origin, "end": period.end, "next": period.next, "days": period.days,
             "model": {"voice": model.voice, "wins": model.wins, "cycle_days": model.cycle_days},
             **_deals(then, history, ends, model, past, period, settings),
             "two_thirds": _two_thirds(history, ends, model, past, period)}
    by = ["kind"] if has(past.history, "kind") else []
    try:
        first = predicted_by(by, model, history, period.origin, period.origin, period.end, settings)
        weeks = _weeks(history, model, period, settings, first[TOTAL][TOTAL])
    except BadInput:  # no amount was known then: nothing is forecast
        return {**found, "forecast": None, "kinds": {}, "weeks": []}
    said = {"model": weeks[0]["model"], **plain_forecasts(past)}
    return {**found, "forecast": {"came": actual(history, period.origin, period.end), "said": said},
            "kinds": _kinds(history, period, first["kind"]) if by else {}, "weeks": weeks}


def _deals(then: Task, history: History, ends: Outcomes, model: HazardModel, past: Past, period: Period,
           settings: Settings) -> dict[str, Any]:
    subject = deal_close.open_deals(history, period.origin)
    at, end = np.full(len(subject), period.origin), np.full(len(subject), period.end)
    answered = ends.is_answered(subject, at, end)
    subject, at, end = subject[answered], at[answered], end[answered]
    table = landmark_table(history, "deal", Landmarks(subject, at))
    asked_within = replace(then, window_end=then.table.landmarks.at + round(period.days * DAY))
    figures, asked = judge(model, ends, table, end, asked_within, settings)
    rows = _rows_of(past, history.deals.ids[subject])
    here = {name: said[rows] for name, said in plain_deals(past).items()}
    hazards = {"aj_stage": by_stage_alone(model.cells).hazards(*table.state("deal")),
               "logistic_hazard": logistic_hazards(then, period.origin, table, settings.training)}
    curves = {name: curves_from_hazards(at, model.edges_days, one, history.mapping).win_by(end)
              for name, one in hazards.items() if one is not None}
    plain = {**asked.plain, **curves, **here}
    return {"figures": finite(figures),
            "deals": {"id": history.deals.ids[subject].tolist(), "won": asked.won.tolist(),
                      "model": asked.probability.tolist(), "plain": {name: one.tolist() for name, one in plain.items()},
                      "segments": {name: one.tolist() for name, one in asked.segments.items()},
                      "kind": labels(history, "kind", subject, at).tolist() if has(past.history, "kind") else None},
            **_dates(history, ends, model, past, table, rows, period)}


def _rows_of(past: Past, ids: npt.NDArray[np.object_]) -> Int:
    """Positions of deals among those that were open at the past's origin; a cut history numbers them anew."""
    codes = past.table.landmarks.subject[past.asked(past.origin)]
    place = np.full(len(past.history.deals), -1, dtype=np.int64)
    place[codes] = np.arange(len(codes))
    return place[past.history.deals.codes(ids)]


def _dates(history: History, ends: Outcomes, model: HazardModel, past: Past, table: LandmarkTable, rows: Int,
           period: Period) -> dict[str, Any]:
    """When each deal was resolved, and when those won were; in days from the origin, beside what was said."""
    marks, days = table.landmarks, period.days
    state, when = ends.next_end(marks.subject, marks.at)
    stage = table.state("deal")[0]
    cells = {name: curves_from_hazards(marks.at, model.edges_days, rates.hazards(*table.state("deal")), history.mapping)
             for name, rates in (("aj", model.cells), ("aj_stage", by_stage_alone(model.cells)))}
    curves = {"model": model.curves_of(history, table), **cells}
    due = past.due[past.asked(past.origin)][rows]
    rep = {"rep": rep_days(due, period.origin, days)} if np.isfinite(due).any() else {}
    resolution = {**{name: resolution_days(one, days) for name, one in curves.items()},
                  "raw": raw_resolution(past, stage), **rep}
    win = {**{name: win_days(one, days) for name, one in curves.items()},
           "raw": raw_win(past, stage), "kaplan_meier": kaplan_meier(past, stage), **rep}
    came = closing_days(marks.at, when, days)
    won = np.flatnonzero((state == WON) & (when <= period.end))
    everyone = np.arange(len(came))
    return {**{name: _frozen(kept, came[kept], {way: one[kept] for way, one in said.items()})
               for name, said, kept in (("resolution", resolution, everyone), ("win", win, won))},
            "amount": _amounts(history, past.history, marks.subject[won], when[won], won, period.origin)}


def _amounts(history: History, then: History, subject: Int, won_at: Int, place: Int, origin: int) -> dict[str, Any]:
    """What each deal that was won in the period brought, beside what was said; only where there is an amount, and only
    methods that had something to go by for all of them."""
    came = in_major(won_amounts(history, subject, won_at), history.mapping.currency)
    known = np.isfinite(came)
    said = close_amounts(then, then.deals.codes(history.deals.ids[subject[known]]), origin)
    return _frozen(place[known], came[known], {way: one for way, one in said.items() if np.isfinite(one).all()})


def _frozen(place: Int, came: Floats, said: dict[str, Floats]) -> dict[str, Any]:
    """Of some of the deals, by their `place` among them: what came, and quantiles of what each method said, rounded
    alike, so that one that comes exactly at a quantile is held."""
    return {"deal": place.tolist(), "came": np.round(came, 4).tolist(),
            "said": {way: np.round(one, 4).tolist() for way, one in said.items()}}


def _kinds(history: History, period: Period, said: dict[str, Told]) -> dict[str, Any]:
    """Of each kind of business, what came and what we said."""
    came = actual_by(history, "kind", period.origin, period.end)
    return {kind: {"came": came.get(kind, NOTHING), "said": said.get(kind, UNSEEN)} for kind in {**said, **came}}


def _two_thirds(history: History, ends: Outcomes, model: HazardModel, past: Past, period: Period) -> dict[str, Any]:
    """P(won | closed) two thirds through the life of deals that have closed since, by the model of the last origin
    before that moment and by the share finally won of the stage."""
    subject, state, closed_at, _ = ends.endings.last
    closed = state != OPEN
    subject, state, closed_at = subject[closed], state[closed], closed_at[closed]
    begun = history.deals.visible_at[subject]
    at = begun + np.round((closed_at - begun) * LIFE_SHARE).astype(np.int64)
    kept = (closed_at - begun >= SHORTEST_DAYS * DAY) & (at > period.origin) & (at <= period.next)
    subject, at, state = subject[kept], at[kept], state[kept]
    kept = ends.is_open(subject, at)
    subject, at, state = subject[kept], at[kept], state[kept]
    table = landmark_table(history, "deal", Landmarks(subject, at))
    curves = model.curves_of(history, table)
    ended = curves.win[:, -1] + curves.lose[:, -1]
    stage = finally_won(past, past.origin, table.state("deal")[0])
    return {"id": history.deals.ids[subject].tolist(), "won": (state == WON).tolist(),
            "model": (curves.win[:, -1] / np.maximum(ended, 1e-9)).tolist(),
            "stage": None if stage is None else stage.tolist()}


def _weeks(history: History, model: HazardModel, period: Period, settings: Settings,
           first: Told) -> list[dict[str, Any]]:
    """What was said each week of the period, of the same period, by the model of its start, whose level follows;
    `first` is what it said at the start."""
    return [{"week": week, "as_of": as_of, "reps": reps_call(history, as_of, period.origin, period.end),
             "people": people_said(history, as_of, period, pd.DataFrame(columns=ADJUSTMENT_COLUMNS)),
             "model": predicted(model, history, as_of, period.origin, period.end, settings) if week else first}
            for week, as_of in enumerate(range(period.origin, period.end, WEEK))]


def people_said(history: History, as_of: int, period: Period,
                by_hand: pd.DataFrame) -> dict[str, float | None] | None:
    """Amounts (major units) that people said for the period by then: the sum of their own `calls`, None where nobody
    had called, and that of their managers' numbers, `managers`; None where nobody had said anything.

    by_hand : the adjustments made here that stood then, of `features.adjustments`.
    """
    if history.tables["calls"].empty and by_hand.empty:
        return None
    people = people_of(history, as_of, period.origin, period.end, past_periods=0)
    if not (people.numbers["said"].any() or len(people.adjusted) or len(by_hand)):
        return None
    told = with_people({"groups": []}, people, by_hand, history, period.origin, period.end)["people"]
    return {"calls": told["called"] if people.numbers["said"].any() else None, "managers": told["adjusted"]}
