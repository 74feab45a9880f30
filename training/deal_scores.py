"""Scores of deals: everything that is said of an open deal as of a moment, one row a deal.

In: a deal model, a history, a moment, a time within which to win. Out: a frame with the columns of COLUMNS. All of it
is read from the same curves and from what was known at the moment. A chance that nobody can state is NaN, a word that
nobody can say is None.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from features.asof import AsOf
from features.calendar import DAY, fiscal_quarter, local_micros
from features.deal_stage import entered_unknown
from features.events import Int
from features.history import History
from features.mapping import Mapping
from features.money import in_major
from features.record import won_stage_days
from training.amounts import amount_of, closing_ratios, typical_amounts
from training.at_risk import at_risk
from training.certainty import unlike
from training.curves import Curves
from training.deal_close import asked_deals, chances
from training.hazard import HazardModel, LandmarkTable, landmark_table
from training.lead_scores import TREND_DAYS
from training.outcomes import Landmarks, outcomes
from training.slip import NO_DATE, chance_of_period, expected_close, slips

__all__ = ["COLUMNS", "ROLES", "amounts_at_close", "curve", "periods", "score"]

Floats = npt.NDArray[np.float64]
Texts = npt.NDArray[np.object_]

ROLES = ("technical", "budget", "business", "user")
FACTS = {"stage": "stage", "amount": "amount", "expected close": "expected_close", "category": "forecast_category",
         "owner": "owner"}  # of which changes are told, by what they are called, and their fields
FEWEST_WON = 5  # deals won, before the time that they took in a stage is told

COLUMNS = {
    "deal_id": "The deal.",
    "kind": "New business, renewal or expansion; empty where nothing says so.",
    "stage": "Stage at that moment.",
    "owner": "Who owned it.",
    "amount": "Its amount in whole units of the company's currency.",
    "p_win": "P(won within the time asked about).",
    "p_lose": "P(lost within it).",
    "p_open": "P(still open after it). The three add up to 1.",
    "close_p10": "When it is won, given that it is won: 1 of 10 by this moment.",
    "close_p50": "Half of them by this one.",
    "close_p90": "9 of 10 by this one.",
    "resolve_p10": "When it is won or lost; empty: later than the model looks.",
    "resolve_p50": "Either end with a chance of a half by this moment.",
    "resolve_p90": "9 of 10 by this one.",
    "p_win_this_period": "P(won in what is left of the fiscal quarter).",
    "p_win_next_period": "P(won in the next one).",
    "p_win_later": "P(won after that, as far as the model looks).",
    "expected_close": "The day on which its rep expected it to close.",
    "overdue": "Whether that day had passed; empty without a day.",
    "p_on_time": "P(won by the end of that day).",
    "p_lost_before": "P(lost by then).",
    "p_slip": "P(still open then): it slips. Empty for an overdue deal.",
    "slip_days": "Days from that day to the likely win (the median), given a win after it.",
    "p_win_by_period_end": "P(won by the end of the fiscal quarter that holds that day); empty where that is over.",
    "at_risk": "Whether that chance is under the model's cut-off; empty where nobody can say.",
    "p_win_before": "p_win as the same model says it as of seven days before; empty: not open then.",
    "change": "Percentage points since then.",
    "changed": "What was changed in those days: stage, amount, expected close, category, owner.",
    "days_in_stage": "Days at its stage, in all; empty where nobody knows since when.",
    "won_stage_days_p25": "Days there of the deals won by then: a quarter of them took at most so many …",
    "won_stage_days_p75": "… and three quarters at most so many; empty with fewer than five of them.",
    "missing_roles": "Roles of which nobody takes part yet, of those that the company records; empty: none is missing.",
    "amount_close": "Its amount at the close, on average, given a win.",
    "amount_close_p10": "80% range of it: 1 of 10 below …",
    "amount_close_p50": "… the middle …",
    "amount_close_p90": "… 9 of 10 below.",
    "expected_value": "p_win times amount_close.",
    "unlike": "Whether it is unlike anything that has closed so far.",
}


def score(model: HazardModel, history: History, as_of: int, within_days: float,
          ids: list[str] | None = None) -> pd.DataFrame:
    """Scores of every deal open as of a moment, or of those asked for by id: the columns of COLUMNS.

    Moments are UTC text, days are days of the company's time zone, amounts are whole units of its currency. Raises
    NotFound for an unknown id and BadInput for a deal that had ended by then.
    """
    subject = asked_deals(history, as_of, ids)
    at = np.full(len(subject), as_of)
    table = landmark_table(history, "deal", Landmarks(subject, at))
    curves = model.curves_of(history, table)
    frame = chances(history, subject, curves, as_of + round(within_days * DAY))
    expected = expected_close(history, subject, at)
    found = {
        **{str(name): column for name, column in frame.items()},
        **_standing(table), "amount": _amounts(table, history.mapping),
        **_by_period(curves, as_of), **_words_of_slip(model, curves, expected),
        **_trend(model, history, table, expected, within_days, frame["p_win"].to_numpy()),
        **_in_stage(history, as_of, table), "missing_roles": _missing_roles(history, as_of, table),
        **_closing(history, subject, as_of, frame["p_win"].to_numpy()), "unlike": unlike(model, table.features)}
    # pandas would make texts of its own kind of what holds any.
    return pd.DataFrame({name: pd.Series(found[name], dtype=found[name].dtype) for name in COLUMNS})


def _standing(table: LandmarkTable) -> dict[str, Texts]:
    return {"kind": _texts(table.features["kind"]), "stage": _texts(table.features["stage"]),
            "owner": _texts(table.features["deal_owner"])}


def _amounts(table: LandmarkTable, mapping: Mapping) -> Floats:
    """Amounts in whole units."""
    return in_major(table.features["amount"].to_numpy(np.float64), mapping.currency)


def _texts(column: pd.Series) -> Texts:
    found: Texts = column.to_numpy(object, copy=True)
    found[column.isna().to_numpy(bool)] = None
    return found


def periods(as_of: int, mapping: Mapping) -> list[tuple[str, int]]:
    """The fiscal quarter that goes on after a moment, and the next one: name and end."""
    found = [fiscal_quarter(as_of + 1, mapping, ahead) for ahead in (0, 1)]
    return [(name, end) for name, _, end in found]


def _by_period(curves: Curves, as_of: int) -> dict[str, Floats]:
    this, following = (curves.win_by(end) for _, end in periods(as_of, curves.mapping))
    # Rounding may leave a hair less than nothing.
    return {"p_win_this_period": this, "p_win_next_period": np.maximum(following - this, 0.0),
            "p_win_later": np.maximum(curves.win[:, -1] - following, 0.0)}


def _words_of_slip(model: HazardModel, curves: Curves, expected: Int) -> dict[str, Texts | Floats]:
    said, chance = slips(curves, expected), chance_of_period(curves, expected)
    return {"expected_close": _days(expected, curves.mapping), "overdue": _where(expected != NO_DATE, said.overdue),
            "p_on_time": said.on_time, "p_lost_before": said.lost_before, "p_slip": said.slip,
            "slip_days": said.slip_days, "p_win_by_period_end": chance, "at_risk": at_risk(model.evaluation, chance)}


def _where(known: npt.NDArray[np.bool_], values: npt.NDArray[np.bool_]) -> Texts:
    found = np.full(len(known), None, dtype=object)
    found[known] = values[known].tolist()
    return found


def _days(moments: Int, mapping: Mapping) -> Texts:
    """The days on the company's clock that hold moments, as text; None for NO_DATE."""
    known = moments != NO_DATE
    found = np.full(len(moments), None, dtype=object)
    days = local_micros(moments[known], mapping.zone) // DAY
    found[known] = days.astype("datetime64[D]").astype(str).astype(object)
    return found


def _trend(model: HazardModel, history: History, now: LandmarkTable, expected: Int, within_days: float,
           p_win: Floats) -> dict[str, Floats | Texts]:
    """What the same model says as of TREND_DAYS before, for the deals that were open then, and what changed since."""
    subject, before = now.landmarks.subject, now.landmarks.at - TREND_DAYS * DAY
    there = np.flatnonzero(outcomes(history, "deal").is_open(subject, before))
    said, changed = np.full(len(subject), np.nan), np.full(len(subject), None, dtype=object)
    if len(there):
        then = landmark_table(history, "deal", Landmarks(subject[there], before[there]))
        end = before[there] + round(within_days * DAY)
        said[there] = model.curves_of(history, then).win_by(end)
        expected_then = expected_close(history, subject[there], before[there])
        changed[there] = _changed(history.mapping, then, expected_then, now.take(there), expected[there])
    return {"p_win_before": said, "change": 100 * (p_win - said), "changed": changed}


def _changed(mapping: Mapping, then: LandmarkTable, expected_then: Int, now: LandmarkTable, expected: Int) -> Texts:
    """Which of a deal's facts became others, as "stage: Demo → Proposal; amount: 40,000 → 52,000"; None: none. What an
    import's first sight of a deal told of it was not changed."""
    def facts(table: LandmarkTable, dates: Int) -> dict[str, Texts]:
        standing = _standing(table)
        amount = np.array([None if np.isnan(one) else f"{one:,.0f}" for one in _amounts(table, mapping)], dtype=object)
        return {"stage": standing["stage"], "amount": amount, "expected close": _days(dates, mapping),
                "category": _texts(table.features["forecast_category"]), "owner": standing["owner"]}

    before, after = facts(then, expected_then), facts(now, expected)
    seen = [name for name, field in FACTS.items() if not mapping.is_logged("deal", field)]
    unseen = np.array([pd.isna(before[name]) for name in seen], dtype=bool).reshape(-1, len(expected)).all(axis=0)
    told: list[list[str]] = [[] for _ in range(len(expected))]
    for name, values in after.items():
        for i in np.flatnonzero((values != before[name]) & ~(unseen & (name in seen))):
            told[i].append(f"{name}: {before[name][i] or 'none'} → {values[i] or 'none'}")
    return np.array(["; ".join(one) or None for one in told], dtype=object)


def _in_stage(history: History, as_of: int, table: LandmarkTable) -> dict[str, Floats]:
    """Days at the stage, beside those of the deals won by then."""
    stage = _texts(table.features["stage"])
    usual = won_stage_days(history, as_of, [0.25, 0.75], FEWEST_WON)
    nobody = np.full(2, np.nan)
    low, high = np.array([usual.get(one, nobody) for one in stage.tolist()]).reshape(-1, 2).T
    pairs = AsOf(history, "deal", table.landmarks.subject, table.landmarks.at)
    days = table.features["days_in_stage_in_all"].to_numpy(np.float64)
    return {"days_in_stage": np.where(entered_unknown(pairs), np.nan, days),
            "won_stage_days_p25": low, "won_stage_days_p75": high}


def _missing_roles(history: History, as_of: int, table: LandmarkTable) -> Texts:
    """The roles of which nobody takes part, of those that anybody was known to have in any deal; None where none is."""
    recorded = [role for role in ROLES if (history.deal_roles(role).visible <= as_of).any()]
    absent = np.array([table.features[f"days_since_{role}_role"].isna() for role in recorded], dtype=bool)
    code = (1 << np.arange(len(recorded))) @ absent if recorded else np.zeros(len(table.landmarks), dtype=np.int64)
    words = [", ".join(role for i, role in enumerate(recorded) if code >> i & 1) or None
             for code in range(1 << len(recorded))]
    found: Texts = np.array(words, dtype=object)[code]
    return found


def _closing(history: History, subject: Int, as_of: int, p_win: Floats) -> dict[str, Floats]:
    low, middle, high, mean = amounts_at_close(history, subject, as_of)
    return {"amount_close": mean, "amount_close_p10": low, "amount_close_p50": middle, "amount_close_p90": high,
            "expected_value": p_win * mean}


def amounts_at_close(history: History, subject: Int, as_of: int) -> Floats:
    """P10, P50, P90 and mean of what each open deal brings if it is won: (4, n), whole units of the currency.

    As in the forecast: the amount as known times what past wins' amounts became by their close; of a deal without one,
    any of theirs at the win. NaN where none is known.
    """
    ratios = closing_ratios(history, outcomes(history, "deal").known_at(as_of))
    amount = amount_of(history, subject, np.full(len(subject), as_of))
    found = _spread(ratios)[:, None] * amount
    unknown = np.isnan(amount)
    if unknown.any():
        past = history.until(as_of)  # a win's amount may be told later only
        ends = outcomes(past, "deal")
        everybody = ends.open_at(as_of)
        typical = typical_amounts(past, ends, amount_of(past, everybody, np.full(len(everybody), as_of)))
        if len(typical):
            found[:, unknown] = _spread(typical)[:, None]
    return in_major(found, history.mapping.currency)


def _spread(values: Floats) -> Floats:
    return np.array([*np.quantile(values, [0.1, 0.5, 0.9]), values.mean()])


def curve(model: HazardModel, history: History, subject: int, as_of: int, step_days: float = 7) -> pd.DataFrame:
    """One deal's chances by date: `at` in microseconds, every so many days as far as the model looks; p_win, p_lose and
    p_open by then, which add up to 1."""
    moments = as_of + np.arange(0.0, model.edges_days[-1] + 1e-9, step_days) * DAY
    at = moments.astype(np.int64)
    one = model.curves(history, np.array([subject]), np.array([as_of]))
    every = Curves(np.full(len(at), as_of), one.edges_days, np.repeat(one.win, len(at), axis=0),
                   np.repeat(one.lose, len(at), axis=0), one.mapping)
    win, lose = every.win_by(at), every.lose_by(at)
    return pd.DataFrame({"at": at, "p_win": win, "p_lose": lose, "p_open": 1.0 - win - lose})
