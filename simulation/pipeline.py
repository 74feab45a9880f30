"""The deals of the world: where they come from, and their weeks as one long panel."""

from __future__ import annotations

from dataclasses import dataclass, fields, is_dataclass, replace
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from features.calendar import DAY
from simulation.clock import Clocks
from simulation.deal_life import SEATS, DealRules, DealState, DealTraits, Moves, moves, resolves, slow_share, start
from simulation.frailty import draw_unseen
from simulation.people import Accounts, Owners, draw_kind, effect
from simulation.world import World

__all__ = ["EXPANSION", "KINDS", "NEW", "RENEWAL", "Deals", "Panel", "draw_traits", "first_mask", "in_order", "joined",
           "make_deals", "poisson_moments", "run"]

Bool = npt.NDArray[np.bool_]
Int = npt.NDArray[np.int64]
Float = npt.NDArray[np.float64]
KINDS = ("new", "expansion", "renewal")
NEW, EXPANSION, RENEWAL = range(3)
NOBODY = 3  # the code of users, who take no part in decisions


@dataclass(frozen=True)
class Deals:
    """All deals, (deals,) each, by creation.

    kind : code of KINDS. lead, parent : position of the lead it came from, of the deal that it follows; -1 for none.
    term : 0, for renewals which one it is, from 1. contract_end : moment, for renewals.
    role : code of the role of the first contact. seats : (deals, SEATS) code of the role of each person who decides;
    traits.people counts them. needs, implicit : how many needs the customer has, and how many of them are implicit.
    found : (deals, depths) how many of the implicit ones so many discovery meetings find. mask : of the people known
    when it begins. start : position of the first week that begins with it. stage : in which it begins.
    unseen, unseen_customer : what nobody sees, of the deal and of the renewals that follow it.
    """

    created: Int
    kind: Int
    lead: Int
    parent: Int
    term: Int
    contract_end: Int
    account: Int
    owner: Int
    role: Int
    seats: Int
    source: Int
    product: Int
    delivery: Int
    amount: Float
    needs: Int
    implicit: Int
    found: Int
    start: Int
    mask: Int
    stage: Int
    unseen: Float
    unseen_customer: Float
    traits: DealTraits

    def __len__(self) -> int:
        return len(self.created)

    def take(self, rows: npt.NDArray[np.generic]) -> Deals:
        """These rows; `parent` still counts as before."""
        columns = {one.name: getattr(self, one.name)[rows] for one in fields(self) if one.name != "traits"}
        return Deals(**columns, traits=self.traits.take(rows))


@dataclass(frozen=True)
class Panel:
    """One row for each deal and week that began with it open, by week and deal. state : as the week begins.

    won, lost : it ended in that week, `ended` is the moment. slow : lost because the decision was too slow. The last
    week of the panel is the one after the log: it only has states.
    """

    deal: Int
    week: Int
    state: DealState
    won: Bool
    lost: Bool
    slow: Bool
    ended: Int
    moves: Moves

    def rows(self, keep: npt.NDArray[np.generic] | slice) -> Panel:
        return Panel(self.deal[keep], self.week[keep], self.state.take(keep), self.won[keep], self.lost[keep],
                     self.slow[keep], self.ended[keep],
                     Moves(*(getattr(self.moves, one.name)[keep] for one in fields(Moves))))


Rows = TypeVar("Rows", DealState, DealTraits, Deals, Moves, Panel)


def poisson_moments(clocks: Clocks, per_day: Float, rng: np.random.Generator) -> Int:
    """Positions of the days on which something comes in, ascending, at so many a day expected."""
    return np.repeat(np.arange(len(per_day)), rng.poisson(per_day))


def make_deals(world: World, clocks: Clocks, owners: Owners, accounts: Accounts, rng: np.random.Generator, *,
               lead_created: Int, lead_account: Int, lead_owner: Int, lead_role: Int, lead_source: Int,
               direct_per_day: Float) -> Deals:
    """New deals from converted leads (`lead_created` holds the moments of conversion, beyond the log's end where there
    was none) and those that partners register themselves."""
    from_lead = np.flatnonzero(lead_created <= clocks.last)
    midnight = clocks.days[poisson_moments(clocks, direct_per_day, rng)]
    registered = clocks.work.between(rng, midnight, midnight + DAY)
    direct = len(registered)
    account = np.concatenate([lead_account[from_lead], rng.integers(0, len(accounts.segment), direct)])
    owner = np.concatenate([lead_owner[from_lead], owners.pick(rng, accounts.region[account[len(from_lead):]])])
    partner = list(world.sources).index("partner")
    source = np.concatenate([lead_source[from_lead], np.full(direct, partner)])
    role = np.concatenate([lead_role[from_lead], draw_kind(rng, world.roles, direct)])
    created = np.concatenate([lead_created[from_lead], registered])
    lead = np.concatenate([from_lead, np.full(direct, -1)])
    order = np.argsort(created, kind="stable")
    created, lead, account, owner, source, role = (
        column[order] for column in (created, lead, account, owner, source, role))

    n = len(created)
    product, delivery = draw_kind(rng, world.products, n), draw_kind(rng, world.deliveries, n)
    segment = accounts.segment[account]
    size = (np.log(effect(world.segments, "amount", segment)) + effect(world.sources, "amount", source)
            + effect(world.products, "amount", product)
            + effect(world.segments, "spread", segment) * rng.standard_normal(n))
    nothing, none = np.zeros(n, dtype=np.int64), np.full(n, -1)
    deals = Deals(created=created, kind=nothing, lead=lead, parent=none, term=nothing, contract_end=nothing,
                  account=account, owner=owner, role=role, seats=nothing, source=source, product=product,
                  delivery=delivery, amount=np.exp(size), needs=nothing, implicit=nothing, found=nothing,
                  start=np.searchsorted(clocks.weeks, created), mask=first_mask(role), stage=nothing,
                  unseen=nothing.astype(np.float64), unseen_customer=nothing.astype(np.float64),
                  traits=_traits(world, accounts, account, source, product))
    return draw_traits(world, deals, rng)


def first_mask(role: Int) -> Int:
    """The mask of the people known at the start: the first contact, unless it is a user."""
    return np.where(role == NOBODY, 0, 1 << role)


def _traits(world: World, accounts: Accounts, account: Int, source: Int, product: Int) -> DealTraits:
    parts = ((world.segments, accounts.segment[account]), (world.industries, accounts.industry[account]),
             (world.sources, source), (world.products, product))
    win, lose, pace = (np.sum([effect(kinds, name, codes) for kinds, codes in parts], axis=0)
                       for name in ("win", "lose", "pace"))
    zero, none = np.zeros(len(account)), np.full(len(account), np.nan)
    return DealTraits(win + world.frailty.offset_win, lose, pace, zero, world.causes.proof_by_trait * win, none,
                      accounts.region[account].astype(np.int16), zero.astype(np.int16))


def draw_traits(world: World, deals: Deals, rng: np.random.Generator) -> Deals:
    """Give deals what is drawn for each: who decides, what they need, and what nobody sees."""
    settings, n = world.deals, len(deals)
    people = 3 + np.searchsorted(np.cumsum(settings.people)[:-1], rng.random(n), side="right")
    # One of each role, and the others so that the roles' shares come out over all people.
    shares = np.array([kind.share for kind in world.roles.values()])[:NOBODY]
    mean = float(np.dot(settings.people, np.arange(3, SEATS + 1)))
    others = np.cumsum(np.maximum(shares / shares.sum() * mean - 1, 0.0))
    seats = np.tile(np.arange(SEATS), (n, 1))
    seats[:, 3:] = np.searchsorted(others[:-1] / others[-1], rng.random((n, SEATS - 3)), side="right")
    needs = 2 + rng.poisson(settings.needs - 2, n)
    implicit = rng.binomial(needs, settings.implicit)
    chance = np.array(settings.found_by_depth)
    found = np.zeros((n, len(chance)), dtype=np.int64)
    found[:, 0] = rng.binomial(implicit, chance[0])
    for depth in range(1, len(chance)):
        more = (chance[depth] - chance[depth - 1]) / (1 - chance[depth - 1])
        found[:, depth] = found[:, depth - 1] + rng.binomial(implicit - found[:, depth - 1], more)
    return replace(deals, seats=seats, needs=needs, implicit=implicit, found=found,
                   unseen=draw_unseen(world, n, rng), unseen_customer=draw_unseen(world, n, rng),
                   traits=replace(deals.traits, people=people.astype(np.int16)))


def run(rules: DealRules, clocks: Clocks, deals: Deals, rng: np.random.Generator, first: int = 0,
        last: int | None = None) -> Panel:
    """Run every week (positions in clocks.weeks) from the first to the last one, of which only the states are told; by
    default to the end of the log."""
    last = clocks.closed if last is None else last
    first = max(first, int(deals.start.min(initial=last)))
    traits = deals.traits.with_unseen(rules.world, deals.unseen)
    open_deals = np.zeros(0, dtype=np.int64)
    state = _begin(deals, open_deals)
    by_start = np.argsort(deals.start, kind="stable")
    arrivals = np.searchsorted(deals.start[by_start], np.arange(last + 2))
    weeks = []
    for week in range(first, last + 1):
        new = by_start[arrivals[week]:arrivals[week + 1]]
        open_deals = np.concatenate([open_deals, new])
        state = joined(state, _begin(deals, new))
        n = len(open_deals)
        here = traits.take(open_deals)
        p_win, p_lose = resolves(rules, here, state, week)
        drawn, slow = rng.random(n), rng.random(n)
        inside = week < last
        won, lost = inside & (drawn < p_win), inside & (drawn >= p_win) & (drawn < p_win + p_lose)
        ended, begins, ends = np.full(n, clocks.last), clocks.weeks[week], clocks.weeks[week + 1]
        for clock, which in ((clocks.sign, won), (clocks.work, lost)):
            ended[which] = clock.between(rng, np.full(which.sum(), begins), np.full(which.sum(), ends))
        stays = ~(won | lost)
        after, moved = moves(rules, here, state, week, rng)
        moved = Moves(*(getattr(moved, one.name) * (stays & inside) for one in fields(Moves)))
        weeks.append(Panel(open_deals, np.full(n, week), state, won, lost, lost & (slow < slow_share(rules, state)),
                           ended, moved))
        open_deals, state = open_deals[stays], after.take(stays)
    return joined(*weeks)


def _begin(deals: Deals, rows: Int) -> DealState:
    state = start(deals.owner[rows], deals.mask[rows])
    return replace(state, stage=deals.stage[rows].astype(np.int16))


def in_order(panel: Panel) -> Panel:
    """The rows by week and deal."""
    return panel.rows(np.lexsort((panel.deal, panel.week)))


def joined(first: Rows, *others: Rows) -> Rows:
    """The rows of all, one after the other."""
    columns: dict[str, Any] = {}
    for one in fields(first):
        values = [getattr(rows, one.name) for rows in (first, *others)]
        columns[one.name] = joined(*values) if is_dataclass(values[0]) else np.concatenate(values)
    return replace(first, **columns)
