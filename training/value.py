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
from features.settings import Settings

__all__ = ["AMOUNT", "conversion_amounts", "expected_value", "grades", "usual_amount"]

Floats = npt.NDArray[np.float64]
AMOUNT = "amount"


def conversion_amounts(history: History, subject: Int, at: Int, settings: Settings) -> Floats:
    """What a conversion of each lead (code) would bring, as was known at its time, (n,): minor units.

    The lead's own amount where it has one above 0; else the usual one, as known at the earliest of the times.
    """
    if not len(at):
        return np.empty(0)
    amounts = np.full(len(subject), np.nan)
    if history.mapping.field_types("lead").get(AMOUNT) == "money":
        pairs = AsOf(history, "lead", subject, at)
        amounts = number(pairs.changes(AMOUNT), pairs)
    return np.where(amounts > 0, amounts, usual_amount(history, int(at.min()), settings))


def usual_amount(history: History, as_of: int, settings: Settings) -> float:
    """The mean of what the deals of earlier conversions amount to, as known at a moment, minor units; where there are
    none the setting `value.amount`."""
    usual = _mean_of_conversions(history, as_of)
    return usual if usual > 0 else settings.value.amount * 10.0 ** minor_digits(history.mapping.currency)


def _mean_of_conversions(history: History, as_of: int) -> float:
    """Mean over the leads that had converted of their deals' amounts in sum; NaN where no such amount was known."""
    deals, leads = history.deals, history.leads
    if "lead_id" not in deals.links or not len(deals) or not len(leads):
        return float("nan")
    of = leads.codes(deals.links["lead_id"].to_numpy(object))
    there = np.flatnonzero((of >= 0) & (deals.visible_at <= as_of))
    pairs = AsOf(history, "deal", there, np.full(len(there), as_of))
    frame = pd.DataFrame({"lead": of[there], "amount": number(pairs.changes(AMOUNT), pairs)}).dropna()
    by_lead = frame.groupby("lead")["amount"].sum()
    code = by_lead.index.to_numpy(np.int64)
    state = category(state_log(history, "lead"), AsOf(history, "lead", code, np.full(len(code), as_of)))
    return float(by_lead[state == "won"].mean())


def expected_value(probability: Floats, amount: Floats) -> Floats:
    """Probability times amount, (n,)."""
    return np.asarray(probability * amount, dtype=np.float64)


def grades(value: Floats, usual: float, settings: Settings, currency: str) -> list[str]:
    """Grade A to D of each lead by its expected value in minor units, (n,).

    Where a contact costs something (`value.cost_per_contact`), in such costs (`value.grades`): a D is not worth its
    contact. Else in what a conversion usually brings (`usual`, minor units; `grades`), which is the probability of a
    lead that has no amount of its own.
    """
    cost = settings.value.cost_per_contact * 10.0 ** minor_digits(currency)
    if cost > 0:
        return [settings.value.grades.grade(one) for one in (value / cost).tolist()]
    return [settings.grades.grade(one) for one in (value / usual).tolist()]
