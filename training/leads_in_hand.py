"""Leads in hand: how many of the deals to come they will become, beside what a usual week's leads became.

A lead turns into a deal by its age: hazards by whole weeks since it came are counted over the recent weeks that intake
is drawn from, with leads that end without a deal as a competing risk. Under the same hazards the leads in hand at each
of those weeks' starts, and those in hand now, let expect so many deals in the weeks after. Their ratio is what a deal
of a past week counts when it comes again from a lead that is already there: with twice the usual leads, twice. That
takes the recent weeks to be alike; where leads grow from week to week it is on the careful side.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from features.calendar import DAY
from features.events import Int
from features.history import History
from training.outcomes import outcomes

__all__ = ["LeadsInHand", "leads_in_hand"]

Floats = npt.NDArray[np.float64]
WEEK = 7 * DAY
NEVER = np.iinfo(np.int64).max
OLDEST_WEEKS = 60  # leads of more weeks are alike
FURTHEST_WEEKS = 53  # beyond which no lead in hand is counted on
USUAL_DEALS = 5.0  # deals worth of "as many as usual"
LARGEST_FACTOR = 4.0
STOCKED = 0.95  # a week is usual once the leads' log is so long that this share of them would have become deals


@dataclass(frozen=True)
class LeadsInHand:
    """came : by deal code, (deals,) when its lead came, NEVER for a deal without one. factor : (FURTHEST_WEEKS,) deals
    to expect from the leads in hand in each week ahead, over those of a usual week."""

    came: Int
    factor: Floats

    def share(self, deal: Int, later: Int, as_of: int, ahead: int) -> Floats:
        """What past deals (n,) count that come again by so much `later` (n,), in a week ahead: one whose lead would
        have come by `as_of` comes of a lead in hand."""
        came = self.came[deal]
        of_hand = came <= as_of - later
        return np.where(of_hand & (ahead < FURTHEST_WEEKS), self.factor[min(ahead, FURTHEST_WEEKS - 1)], 1.0)


def leads_in_hand(history: History, as_of: int, chance: Floats) -> LeadsInHand:
    """Read a history that ends at `as_of`; chance (weeks,) of each recent week to come again, the newest first."""
    came, factor = np.full(len(history.deals), NEVER), np.ones(FURTHEST_WEEKS)
    named = history.links("deal", "lead_id")
    lead = history.leads.codes(named.value)
    there = lead >= 0
    converts = any(end == "won" for end, _ in history.mapping.endings("lead"))
    if not there.any() or not converts:
        return LeadsInHand(came, factor)
    came[named.subject[there]] = history.leads.visible_at[lead[there]]
    first_deal = np.full(len(history.leads), NEVER)
    np.minimum.at(first_deal, lead[there], np.maximum(history.deals.visible_at[named.subject[there]],
                                                      named.visible[there]))
    log_since = int(history.leads.visible_at.min()) + int(np.quantile(
        np.maximum(first_deal - history.leads.visible_at, 0)[first_deal < NEVER], STOCKED))
    usual = min(len(chance), max((as_of - log_since) // WEEK, 0))
    if usual:
        factor = _factor(history, first_deal, as_of, chance[:usual] / chance[:usual].sum())
    return LeadsInHand(came, factor)


def _factor(history: History, first_deal: Int, as_of: int, chance: Floats) -> Floats:
    seen, everyone = history.leads.visible_at, np.arange(len(first_deal))
    ends = outcomes(history, "lead")

    def in_hand(at: int) -> npt.NDArray[np.bool_]:
        return np.asarray((first_deal > at) & ends.is_open(everyone, np.full(len(everyone), at)), dtype=np.bool_)

    def by_age(which: npt.NDArray[np.bool_], at: int) -> Floats:
        age = np.minimum((at - seen[which]) // WEEK, OLDEST_WEEKS - 1)
        return np.bincount(age, minlength=OLDEST_WEEKS).astype(np.float64)

    now = next_week = in_hand(as_of)
    held, became, left = [by_age(now, as_of)], np.zeros(OLDEST_WEEKS), np.zeros(OLDEST_WEEKS)
    for week in range(1, len(chance) + 1):
        at = as_of - week * WEEK
        this_week = in_hand(at)
        deal = this_week & (first_deal <= at + WEEK)
        held.append(by_age(this_week, at))
        became += by_age(deal, at)
        left += by_age(this_week & ~deal & ~next_week, at)
        next_week = this_week
    at_risk = np.maximum(np.sum(held[1:], axis=0), 1.0)
    expected = np.array(held) @ _by_week_ahead(became / at_risk, left / at_risk).T
    factor = (expected[0] + USUAL_DEALS) / (chance @ expected[1:] + USUAL_DEALS)
    return np.asarray(np.clip(factor, 1.0 / LARGEST_FACTOR, LARGEST_FACTOR), dtype=np.float64)


def _by_week_ahead(becomes: Floats, leaves: Floats) -> Floats:
    """P(turns into a deal in a week ahead), (FURTHEST_WEEKS, ages), from hazards by age in weeks."""
    age, left, found = np.arange(OLDEST_WEEKS), np.ones(OLDEST_WEEKS), []
    for _ in range(FURTHEST_WEEKS):
        found.append(left * becomes[age])
        left = left * (1.0 - becomes[age] - leaves[age])
        age = np.minimum(age + 1, OLDEST_WEEKS - 1)
    return np.array(found)
