"""What deals to come will come of: leads in hand, which turn into deals, and contracts in force, which are renewed.

Each turns into a deal by its age: hazards by whole weeks since the lead came, or since the contract began, are counted
over the recent weeks that intake is drawn from, with leads that end without a deal, and contracts that a later win in
the same account replaces, as a competing risk. Under the same hazards those in hand at each of those weeks' starts, and
those in hand now, let expect so many deals in the weeks after. Their ratio is what a deal of a past week counts when it
comes again of what is already in hand: with twice the usual leads, twice; with no contract that is due in that week,
hardly at all. Of leads that takes the recent weeks to be alike; where they grow from week to week it is on the careful
side. Contracts are signed in a rush at quarters' ends, so each of the recent weeks has its own number of them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from features.asof import AsOf, moment
from features.calendar import DAY
from features.events import Int
from features.history import History
from features.record import linked
from training.outcomes import Outcomes, outcomes
from training.rows import EXPANSION, RENEWAL, is_of_kind

__all__ = ["InHand", "contracts_in_hand", "leads_in_hand"]

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
WEEK = 7 * DAY
NEVER = np.iinfo(np.int64).max
OLDEST_WEEKS = 60  # leads and contracts of more weeks are alike
FURTHEST_WEEKS = 53  # beyond which nothing in hand is counted on
USUAL_LEADS = 5.0  # deals worth of "as many as usual"; leads tell less surely than contracts
USUAL_CONTRACTS = 1.0
LARGEST_FACTOR = 4.0
STOCKED = 0.95  # a week is usual once the log is so long that this share of the sources would have become deals


@dataclass(frozen=True)
class InHand:
    """came : by deal code, (deals,) when its source came, NEVER for a deal without one. factor : (FURTHEST_WEEKS,)
    deals to expect of what is in hand in each week ahead, over those of a usual week."""

    came: Int
    factor: Floats

    def share(self, deal: Int, later: Int, as_of: int, ahead: int) -> Floats:
        """What past deals (n,) count that come again by so much `later` (n,), in a week ahead: one whose source would
        have come by `as_of` comes of one in hand."""
        came = self.came[deal]
        of_hand = came <= as_of - later
        return np.where(of_hand & (ahead < FURTHEST_WEEKS), self.factor[min(ahead, FURTHEST_WEEKS - 1)], 1.0)


def leads_in_hand(history: History, as_of: int, chance: Floats) -> InHand:
    """Read a history that ends at `as_of`; chance (weeks,) of each recent week to come again, the newest first."""
    came = np.full(len(history.deals), NEVER)
    named = history.links("deal", "lead_id")
    lead = history.leads.codes(named.value)
    there = lead >= 0
    converts = any(end == "won" for end, _ in history.mapping.endings("lead"))
    if not there.any() or not converts:
        return InHand(came, np.ones(FURTHEST_WEEKS))
    came[named.subject[there]] = history.leads.visible_at[lead[there]]
    first_deal = np.full(len(history.leads), NEVER)
    np.minimum.at(first_deal, lead[there], np.maximum(history.deals.visible_at[named.subject[there]],
                                                      named.visible[there]))
    ends, everyone = outcomes(history, "lead"), np.arange(len(first_deal))

    def is_there(at: int) -> Bools:
        return ends.is_open(everyone, np.full(len(everyone), at))

    expected, chance = _expected(history.leads.visible_at, first_deal, is_there, as_of, chance)
    return InHand(came, _factor(expected[0], chance @ expected[1:], USUAL_LEADS))


def contracts_in_hand(history: History, ends: Outcomes, as_of: int, chance: Floats) -> InHand:
    """The same of renewals, each of which follows the newest win before it in its account, expansions aside. The
    contract of a win begins with it; that of a renewal where the one before it ended, where `contract_end` says so."""
    came = np.full(len(history.deals), NEVER)
    every = np.arange(len(history.deals))
    at = np.full(len(every), as_of)
    kind, account = (linked(AsOf(history, "deal", every, at), column) for column in ("kind", "account_id"))
    renews, expands, has_account = is_of_kind(kind, RENEWAL), is_of_kind(kind, EXPANSION), pd.notna(account)
    subject, won_at = ends.won_at
    counts = has_account[subject] & ~expands[subject]
    subject, won_at = subject[counts], won_at[counts]
    contracts = pd.DataFrame({"account": account[subject].astype(str), "won": won_at,
                              "began": _began(history, subject, won_at, renews)}).sort_values("won", ignore_index=True)
    opened = every[renews & has_account]
    renewals = pd.DataFrame({"deal": opened, "account": account[opened].astype(str),
                             "opened": history.deals.visible_at[opened]}).sort_values("opened")
    if contracts.empty or renewals.empty:
        return InHand(came, np.ones(FURTHEST_WEEKS))
    found = pd.merge_asof(renewals, contracts.reset_index(names="contract"), left_on="opened", right_on="won",
                          by="account", allow_exact_matches=False).dropna(subset="contract")
    came[found["deal"].to_numpy(np.int64)] = found["won"].to_numpy(np.float64).astype(np.int64)
    renewed = np.full(len(contracts), NEVER)
    np.minimum.at(renewed, found["contract"].to_numpy(np.int64), found["opened"].to_numpy(np.int64))
    won, began = (contracts[name].to_numpy(np.int64) for name in ("won", "began"))
    replaced = contracts.groupby("account")["won"].shift(-1, fill_value=NEVER).to_numpy(np.int64)
    expected, chance = _expected(began, renewed, lambda at: (won <= at) & (replaced > at), as_of, chance)
    # What the recent weeks themselves let expect, and how much of it is in hand so many weeks before.
    by_week_ahead = expected[1:].mean(axis=0)
    usual = chance @ expected[1:, 0] * by_week_ahead / max(by_week_ahead[0], 1e-9)
    return InHand(came, _factor(expected[0], usual, USUAL_CONTRACTS))


def _began(history: History, subject: Int, won_at: Int, renews: Bools) -> Int:
    """When the contracts of wins began, (n,)."""
    if history.mapping.field_types("deal").get("contract_end") != "date":
        return won_at
    ended = moment(history.changes("deal", "contract_end"), AsOf(history, "deal", subject, won_at))
    known = renews[subject] & ~np.isnan(ended)
    return np.where(known, np.nan_to_num(ended), won_at).astype(np.int64)


def _factor(expected: Floats, usual: Floats, prior: float) -> Floats:
    factor = (expected + prior) / (usual + prior)
    return np.asarray(np.clip(factor, 1.0 / LARGEST_FACTOR, LARGEST_FACTOR), dtype=np.float64)


def _expected(came: Int, first_deal: Int, is_there: Callable[[int], Bools], as_of: int,
              chance: Floats) -> tuple[Floats, Floats]:
    """Deals to expect of the sources in hand now, and at each recent week's start, newest first, in each week ahead of
    it, (1 + weeks, FURTHEST_WEEKS); and the chance of each of those weeks to come again. Only weeks from which on the
    log is long enough to hold the usual sources; without any, nothing differs from now.

    came, first_deal : when each source came and turned into a deal (NEVER: not by now). is_there : which had come and
    not ended at a moment.
    """
    ended = first_deal < NEVER
    took = int(np.quantile(np.maximum(first_deal - came, 0)[ended], STOCKED)) if ended.any() else as_of
    usual = min(len(chance), max((as_of - int(came.min()) - took) // WEEK, 0))
    if not usual:
        return np.zeros((2, FURTHEST_WEEKS)), np.ones(1)
    chance = chance[:usual] / chance[:usual].sum()

    def in_hand(at: int) -> Bools:
        return np.asarray((first_deal > at) & is_there(at), dtype=np.bool_)

    def by_age(which: Bools, at: int) -> Floats:
        age = np.clip((at - came[which]) // WEEK, 0, OLDEST_WEEKS - 1)
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
    return np.asarray(expected, dtype=np.float64), chance


def _by_week_ahead(becomes: Floats, leaves: Floats) -> Floats:
    """P(turns into a deal in a week ahead), (FURTHEST_WEEKS, ages), from hazards by age in weeks."""
    age, left, found = np.arange(OLDEST_WEEKS), np.ones(OLDEST_WEEKS), []
    for _ in range(FURTHEST_WEEKS):
        found.append(left * becomes[age])
        left = left * (1.0 - becomes[age] - leaves[age])
        age = np.minimum(age + 1, OLDEST_WEEKS - 1)
    return np.array(found)
