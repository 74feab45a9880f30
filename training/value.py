"""What a lead is worth: probability times amount, against what working it costs.

Amounts and values are in minor units of the company's currency, (n,); settings and what is shown in whole units.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from features.asof import AsOf, category, number
from features.events import Int
from features.history import History
from features.money import minor_digits
from features.record import state_log
from features.settings import Grades, Settings

__all__ = ["AMOUNT", "conversion_amounts", "expected_value", "grades", "usual_amount", "value_of_grade"]

Floats = npt.NDArray[np.float64]
AMOUNT = "amount"


def conversion_amounts(history: History, subject: Int, at: Int, usual: float) -> Floats:
    """What a conversion of each lead (code) would bring, as was known at its time, (n,): minor units.

    The lead's own amount where it has one above 0, else `usual`, of `usual_amount`.
    """
    own = _own_amounts(history, subject, at)
    return np.where(np.isnan(own), usual, own)


def usual_amount(history: History, as_of: int, settings: Settings) -> float:
    """What earlier conversions brought on average, as known at a moment, minor units: their deals in sum, or the lead's
    own amount where there is no deal of it; where nothing is known of any the setting `value.amount`."""
    usual = _mean_of_conversions(history, as_of)
    return usual if usual > 0 else settings.value.amount * 10.0 ** minor_digits(history.mapping.currency)


def _own_amounts(history: History, subject: Int, at: Int) -> Floats:
    """The amount of each lead (code) at its time, (n,) minor units; NaN where it has none above 0."""
    if history.mapping.field_types("lead").get(AMOUNT) != "money":
        return np.full(len(subject), np.nan)
    pairs = AsOf(history, "lead", subject, at)
    found = number(pairs.changes(AMOUNT), pairs)
    return np.where(found > 0, found, np.nan)


def _mean_of_conversions(history: History, as_of: int) -> float:
    there = np.flatnonzero(history.leads.visible_at <= as_of)
    at = np.full(len(there), as_of)
    won = category(state_log(history, "lead"), AsOf(history, "lead", there, at)) == "won"
    own = pd.Series(_own_amounts(history, there[won], at[won]), index=there[won])
    known = _amounts_of_deals(history, as_of).reindex(own.index).fillna(own).dropna()
    return float(known.mean())


def _amounts_of_deals(history: History, as_of: int) -> pd.Series:
    """By lead (code) that has deals with an amount: their sum, minor units."""
    deals, leads = history.deals, history.leads
    if "lead_id" not in deals.links or not len(deals):
        return pd.Series(dtype=np.float64)
    of = leads.codes(deals.links["lead_id"].to_numpy(object))
    there = np.flatnonzero((of >= 0) & (deals.visible_at <= as_of))
    pairs = AsOf(history, "deal", there, np.full(len(there), as_of))
    return pd.Series(number(pairs.changes(AMOUNT), pairs), index=of[there]).dropna().groupby(level=0).sum()


def expected_value(probability: Floats, amount: Floats) -> Floats:
    """Probability times amount, (n,)."""
    return np.asarray(probability * amount, dtype=np.float64)


def grades(value: Floats, usual: float, settings: Settings, currency: str) -> list[str]:
    """Grade A to D of each lead by its expected value in minor units, (n,).

    Where a contact costs something (`value.cost_per_contact`), in such costs (`value.grades`): a D is not worth its
    contact. Else in what a conversion usually brings (`usual`, minor units; `grades`), which is the probability of a
    lead that has no amount of its own.
    """
    lowest, unit = _thresholds(usual, settings, currency)
    return [lowest.grade(one) for one in (value / unit).tolist()]


def value_of_grade(grade: str, value: float, usual: float, settings: Settings, currency: str) -> float:
    """What a lead of an expected value is worth to somebody who gave it that grade, minor units: its value, moved into
    the grade's range; that of a D is 0."""
    lowest, unit = _thresholds(usual, settings, currency)
    ends = {"A": (lowest.A, np.inf), "B": (lowest.B, lowest.A), "C": (lowest.C, lowest.B), "D": (0.0, 0.0)}[grade]
    return float(np.clip(value, ends[0] * unit, ends[1] * unit))


def _thresholds(usual: float, settings: Settings, currency: str) -> tuple[Grades, float]:
    """The lowest expected values of the grades, and in what they are counted, minor units."""
    cost = settings.value.cost_per_contact * 10.0 ** minor_digits(currency)
    return (settings.value.grades, cost) if cost > 0 else (settings.grades, usual)
