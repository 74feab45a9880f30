"""The deals of the world: where they come from, and their weeks as one long panel."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
import numpy.typing as npt

from simulation.clock import Clocks
from simulation.deal_life import DealRules, DealState, DealTraits, Moves, moves, resolves, start
from simulation.people import Accounts, Owners, draw_kind, effect
from simulation.world import World

__all__ = ["Deals", "Panel", "make_deals", "run"]

Int = npt.NDArray[np.int64]
Float = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Deals:
    """All deals, (deals,) each, by creation. lead : position of the lead it came from, -1 for a partner's own.

    role : code of the role of the first contact. start : position of the first week that begins with it.
    """

    created: Int
    lead: Int
    account: Int
    owner: Int
    role: Int
    source: Int
    product: Int
    delivery: Int
    amount: Float
    start: Int
    traits: DealTraits

    def __len__(self) -> int:
        return len(self.created)


@dataclass(frozen=True)
class Panel:
    """One row for each deal and week that began with it open, by week. state : as the week begins.

    won, lost : it ended in that week, `ended` is the moment. The last week of the panel is the one after the log: it
    only has states.
    """

    deal: Int
    week: Int
    state: DealState
    won: npt.NDArray[np.bool_]
    lost: npt.NDArray[np.bool_]
    ended: Int
    moves: Moves

    def rows(self, keep: npt.NDArray[np.bool_] | slice) -> Panel:
        return Panel(self.deal[keep], self.week[keep], self.state.take(keep), self.won[keep], self.lost[keep],
                     self.ended[keep], Moves(*(getattr(self.moves, one.name)[keep] for one in fields(Moves))))


def make_deals(world: World, clocks: Clocks, owners: Owners, accounts: Accounts, rng: np.random.Generator, *,
               lead_created: Int, lead_account: Int, lead_owner: Int, lead_role: Int, lead_source: Int,
               direct: int) -> Deals:
    """Deals from converted leads (`lead_created` holds the moments of conversion, beyond the log's end where there was
    none) and `direct` ones that partners register."""
    from_lead = np.flatnonzero(lead_created <= clocks.last)
    day = rng.choice(len(clocks.days), direct, p=clocks.deal_weight / clocks.deal_weight.sum())
    midnight = clocks.days[day]
    registered = clocks.work.between(rng, midnight, midnight + 24 * 3_600_000_000)
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
    parts = ((world.segments, segment), (world.industries, accounts.industry[account]), (world.sources, source),
             (world.products, product))
    win, lose, pace = (sum(effect(kinds, name, codes) for kinds, codes in parts).astype(np.float32)  # type: ignore[union-attr]
                       for name in ("win", "lose", "pace"))
    traits = DealTraits(win, lose, pace, accounts.region[account].astype(np.int16))
    return Deals(created, lead, account, owner, role, source, product, delivery, np.exp(size),
                 np.searchsorted(clocks.weeks, created), traits)


def run(rules: DealRules, clocks: Clocks, deals: Deals, rng: np.random.Generator) -> Panel:
    """Run every week of the log."""
    open_deals = np.zeros(0, dtype=np.int64)
    state = start(deals.owner[:0], deals.role[:0])
    by_start = np.argsort(deals.start, kind="stable")
    arrivals = np.searchsorted(deals.start[by_start], np.arange(clocks.closed + 2))
    weeks = []
    for week in range(clocks.closed + 1):
        new = by_start[arrivals[week]:arrivals[week + 1]]
        open_deals = np.concatenate([open_deals, new])
        state = _joined(state, start(deals.owner[new], deals.role[new]))
        n = len(open_deals)
        if week == clocks.closed:
            nothing = np.zeros(n, dtype=bool)
            weeks.append(Panel(open_deals, np.full(n, week), state, nothing, nothing, np.full(n, clocks.last),
                               Moves(nothing, nothing, nothing, np.zeros(n, dtype=np.int16), nothing)))
            break
        p_win, p_lose = resolves(rules, deals.traits.take(open_deals), state, week)
        drawn = rng.random(n, dtype=np.float32)
        won, lost = drawn < p_win, (drawn >= p_win) & (drawn < p_win + p_lose)
        ended, begins, ends = np.full(n, clocks.last), clocks.weeks[week], clocks.weeks[week + 1]
        for clock, which in ((clocks.sign, won), (clocks.work, lost)):
            ended[which] = clock.between(rng, np.full(which.sum(), begins), np.full(which.sum(), ends))
        stays = ~(won | lost)
        after, moved = moves(rules, deals.traits.take(open_deals), state, week, rng)
        weeks.append(Panel(open_deals, np.full(n, week), state, won, lost, ended,
                           Moves(moved.advanced & stays, moved.replied & stays, moved.proved & stays,
                                 moved.role * stays, moved.reassigned & stays)))
        open_deals, state = open_deals[stays], after.take(stays)
    return _stacked(weeks)


def _joined(first: DealState, second: DealState) -> DealState:
    return DealState(*(np.concatenate([getattr(first, one.name), getattr(second, one.name)])
                       for one in fields(DealState)))


def _stacked(weeks: list[Panel]) -> Panel:
    def column(name: str) -> npt.NDArray[np.int64]:
        return np.concatenate([getattr(week, name) for week in weeks])

    state = DealState(*(np.concatenate([getattr(week.state, one.name) for week in weeks]) for one in fields(DealState)))
    moved = Moves(*(np.concatenate([getattr(week.moves, one.name) for week in weeks]) for one in fields(Moves)))
    return Panel(column("deal"), column("week"), state, column("won").astype(bool), column("lost").astype(bool),
                 column("ended"), moved)
