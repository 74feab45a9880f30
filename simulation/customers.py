"""What becomes of customers: their contracts come up for renewal, and some buy more.

Each deal won within a contract's first term may bring expansions; each contract comes up for renewal before its end,
and again a term later while it is renewed. A renewal's log-odds were settled by how the first deal was won.

A company that has lived for long has customers from years before anything that is simulated. They are made like those
of the last term before the log, so many years earlier, as far as they have renewed since.
"""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from simulation.clock import WEEK, Clocks
from simulation.deal_life import NEGOTIATION, DealRules, DealState
from simulation.frailty import draw_unseen
from simulation.people import Accounts, effect
from simulation.pipeline import EXPANSION, NEW, RENEWAL, Deals, Panel, draw_traits, first_mask, joined, run
from simulation.world import World

__all__ = ["renewal_odds", "run_with_customers", "yearly"]

Int = npt.NDArray[np.int64]
Float = npt.NDArray[np.float64]
OLDEST_CUSTOMER = 9  # years; hardly any contract is renewed as often


def run_with_customers(rules: DealRules, clocks: Clocks, accounts: Accounts, deals: Deals,
                       rng: np.random.Generator) -> tuple[Deals, Panel]:
    """Run the new deals, and all that follows from those won, to the end of the log."""
    panel = run(rules, clocks, deals, rng)
    everything, weeks = [deals], [panel]
    before = 0  # position of the generation's first deal among all
    since = clocks.first - rules.world.renewals.term_weeks * WEEK
    while len(deals):
        ended = np.flatnonzero(panel.won & (panel.ended >= since))
        # The state as its last week began: nothing moves in the week of the end.
        won = Won(deals.take(panel.deal[ended]), panel.deal[ended], panel.ended[ended], panel.state.take(ended))
        follow = _followers(rules.world, clocks, accounts, won, rng)
        follow = replace(follow, parent=follow.parent + before)
        if before == 0:
            follow = joined(follow, _from_years_ago(rules.world, clocks, accounts, won, rng))
        before += len(deals)
        deals, panel = follow, run(rules, clocks, follow, rng)
        everything.append(deals)
        weeks.append(replace(panel, deal=panel.deal + before))
    return joined(*everything), joined(*weeks)


class Won(NamedTuple):
    """Deals that were won: their rows, positions in their generation, moments of signature and last states."""

    deals: Deals
    position: Int
    at: Int
    state: DealState

    def take(self, rows: npt.NDArray[np.generic]) -> Won:
        return Won(self.deals.take(rows), self.position[rows], self.at[rows], self.state.take(rows))


def _followers(world: World, clocks: Clocks, accounts: Accounts, won: Won, rng: np.random.Generator) -> Deals:
    """Renewals and expansions of won deals, as far as they begin within the log."""
    settings = world.renewals
    won = won.take(won.deals.kind != EXPANSION)  # an expansion joins the contract that is there
    renewals = _renewals(world, accounts, won)

    won = won.take(won.deals.kind == NEW)
    times = rng.poisson(settings.expansion * settings.term_weeks, len(won.at))
    won = won.take(np.repeat(np.arange(len(won.at)), times))
    created = clocks.work.between(rng, won.at, won.at + settings.term_weeks * WEEK)
    more = _following(won, EXPANSION, created, settings.expansion_amount * won.deals.amount)
    traits = replace(more.traits, win=more.traits.win + settings.expansion_win,
                     pace=more.traits.pace + settings.expansion_pace)
    more = draw_traits(world, replace(more, traits=traits), rng)
    return _begun(clocks, joined(renewals, more))


def _renewals(world: World, accounts: Accounts, won: Won) -> Deals:
    """The next renewal of each contract."""
    again = won.deals.kind == RENEWAL
    # A renewed contract goes on from the end of the old one, whenever it was signed.
    ends = np.where(again, won.deals.contract_end, won.at) + world.renewals.term_weeks * WEEK
    odds = np.where(again, won.deals.traits.renew, renewal_odds(world, accounts, won.deals, won.state))
    amount = np.where(again, won.deals.amount, yearly(world, won.deals, won.state))
    found = _following(won, RENEWAL, ends - world.renewals.ahead_weeks * WEEK, amount)
    return replace(found, contract_end=ends, term=won.deals.term + 1, traits=replace(found.traits, renew=odds),
                   stage=np.full(len(ends), NEGOTIATION), unseen=won.deals.unseen_customer)


def _from_years_ago(world: World, clocks: Clocks, accounts: Accounts, won: Won, rng: np.random.Generator) -> Deals:
    """Renewals, in the last term before the log, of customers won in the years before it."""
    parts = []
    for years in range(1, OLDEST_CUSTOMER):
        unseen = draw_unseen(world, len(won.at), rng)
        odds = renewal_odds(world, accounts, won.deals, won.state) + world.frailty.renew * unseen
        there = (1 + world.calendar.growth_per_year) ** -years / (1 + np.exp(-odds)) ** (years - 1)
        kept = np.flatnonzero((rng.random(len(won.at)) < there) & (won.deals.kind == NEW) & (won.at < clocks.first))
        few = won.take(kept)
        # Won so many terms earlier, the contract ends on the day on which its like was signed.
        found = _renewals(world, accounts, few._replace(at=few.at - world.renewals.term_weeks * WEEK))
        parts.append(replace(found, term=np.full(len(kept), years), parent=np.full(len(kept), -1),
                             unseen=unseen[kept], unseen_customer=unseen[kept]))
    return _begun(clocks, joined(*parts))


def _following(won: Won, kind: int, created: Int, amount: Float) -> Deals:
    """Deals of a kind with the same account, product and people as the won ones, and their last owner."""
    n = len(created)
    return replace(won.deals, created=created, kind=np.full(n, kind), lead=np.full(n, -1), parent=won.position,
                   amount=amount, owner=won.state.owner.astype(np.int64), mask=first_mask(won.deals.role),
                   start=np.zeros(n, dtype=np.int64), stage=np.zeros(n, dtype=np.int64))


def _begun(clocks: Clocks, deals: Deals) -> Deals:
    """Those that begin within the log, each with its first week."""
    deals = deals.take(np.flatnonzero(deals.created <= clocks.last))
    return replace(deals, start=np.searchsorted(clocks.weeks, deals.created))


def renewal_odds(world: World, accounts: Accounts, deals: Deals, state: DealState) -> Float:
    """Log-odds that the contract of each of these deals, won in this state, is renewed."""
    settings = world.renewals
    fit = np.array(world.deals.fit_by_depth)[state.depth] - 1
    kind = (effect(world.deliveries, "renew", deals.delivery)
            + effect(world.segments, "renew", accounts.segment[deals.account]))
    return np.asarray(kind + settings.by_promise * state.promised + settings.by_discount * state.discounts
                      + settings.by_fit * fit)


def yearly(world: World, deals: Deals, state: DealState) -> Float:
    """What a renewal of each of these deals, won in this state, brings a year."""
    won = deals.amount * (1 - world.causes.discount_cut) ** state.discounts
    return np.asarray(won * effect(world.deliveries, "yearly", deals.delivery))
