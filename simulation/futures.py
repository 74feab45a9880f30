"""Simulated futures of the whole company from a date on: what will be won in the quarter that begins?

Many futures are one company with so many times the records: what is open at the date is repeated for each future, what
will come in comes in at so many times its true rate, and each newcomer belongs to one of the futures by chance. What
nobody sees is drawn for each future by what is knowable of it. Left out are expansions that begin and are won within
the quarter: hardly any are.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from simulation import lead_life
from simulation.deal_life import moves, resolves
from simulation.frailty import draw_unseen, nodes
from simulation.knowable import deal_weights, draw_by_weights, has_unseen, lead_weights
from simulation.lead_life import LeadTraits, lead_traits, steps_of
from simulation.past import NEVER, Past, arrivals, intake, lead_ends
from simulation.people import draw_kind
from simulation.pipeline import RENEWAL, Deals, make_deals, run

__all__ = ["WEEKS", "Quarter", "drawn", "quarters"]

Int = npt.NDArray[np.int64]
Float = npt.NDArray[np.float64]
WEEKS = 13


@dataclass
class Tally:
    """Deals won and their amounts, (futures,) each."""

    won: Float
    amount: Float

    def add(self, future: Int, amount: Float) -> None:
        self.won += np.bincount(future, minlength=len(self.won))
        self.amount += np.bincount(future, amount, minlength=len(self.won))


@dataclass(frozen=True)
class Quarter:
    """Thirteen weeks of the log, [begin, end) in microseconds: what was won in them, and its futures as drawn at their
    start, (futures,); amounts in the company's currency."""

    begin: int
    end: int
    won: float
    amount: float
    futures: Tally


def drawn(past: Past, futures: int, rng: np.random.Generator, latest: int | None = None) -> list[Quarter]:
    """The whole quarters of the log, oldest first, or the `latest` of them."""
    clocks, panel = past.clocks, past.panel
    starts = np.arange(clocks.closed, clocks.opened, -WEEKS)[1:]  # the first ends with the log
    worth = _worth(past, past.deals.amount[panel.deal], panel.state.discounts)
    found = []
    for start in starts[:latest][::-1].tolist():
        came = panel.won & (panel.week >= start) & (panel.week < start + WEEKS)
        found.append(Quarter(int(clocks.weeks[start]), int(clocks.weeks[start + WEEKS]), float(came.sum()),
                             float(worth[came].sum()), _quarter(past, start, futures, rng)))
    return found


def quarters(past: Past, futures: int, rng: np.random.Generator) -> dict[str, Any]:
    """Forecasts at the start of each whole quarter of the log, against what came.

    For the number won and the amount: n (quarters), error (mean of |P50 − actual| / actual), held (quarters whose
    actual lies in P10–P90), width (mean of (P90 − P10) / P50).
    """
    told = drawn(past, futures, rng)
    return {"won": _judged([(one.won, one.futures.won) for one in told]),
            "amount": _judged([(one.amount, one.futures.amount) for one in told])}


def _judged(told: list[tuple[float, Float]]) -> dict[str, Any]:
    told = [(actual, drawn) for actual, drawn in told if actual > 0]
    if not told:
        return {"n": 0}
    quantiles = np.array([np.quantile(drawn, [0.1, 0.5, 0.9]) for _, drawn in told])
    actual = np.array([one for one, _ in told])
    low, middle, high = quantiles.T
    return {"n": len(told), "error": float(np.mean(np.abs(middle - actual) / actual)),
            "held": int(((low <= actual) & (actual <= high)).sum()),
            "width": float(np.mean((high - low) / np.maximum(middle, 1e-9)))}


def _worth(past: Past, amount: Float, discounts: npt.NDArray[np.int16]) -> Float:
    return np.asarray(amount * (1 - past.world.causes.discount_cut) ** discounts)


def _quarter(past: Past, start: int, futures: int, rng: np.random.Generator) -> Tally:
    tally = Tally(np.zeros(futures), np.zeros(futures))
    _open_deals(past, start, tally, rng)
    _coming_renewals(past, start, tally, rng)
    deals, future = _new_deals(past, start, futures, rng)
    _play(past, deals, future, start, tally, rng)
    return tally


def _open_deals(past: Past, start: int, tally: Tally, rng: np.random.Generator) -> None:
    """Deals that are open as the quarter begins."""
    futures = len(tally.won)
    rows = np.flatnonzero(past.panel.week == start)
    paths = np.repeat(rows, futures)
    deal, future = past.panel.deal[paths], np.tile(np.arange(futures), len(rows))
    unseen = (draw_by_weights(nodes(past.world), deal_weights(past, rows), futures, rng) if has_unseen(past)
              else np.zeros(len(paths)))
    # Futures are evenly spread over what is unseen of each deal; without this they would be so together.
    unseen = rng.permuted(unseen.reshape(-1, futures), axis=1).ravel()
    state, traits = past.panel.state.take(paths), past.deals.traits.take(deal).with_unseen(past.world, unseen)
    for week in range(start, start + WEEKS):
        p_win, p_lose = resolves(past.rules, traits, state, week)
        drawn = rng.random(len(deal))
        won, stays = drawn < p_win, drawn >= p_win + p_lose
        tally.add(future[won], _worth(past, past.deals.amount[deal[won]], state.discounts[won]))
        after, _ = moves(past.rules, traits, state, week, rng)
        state, traits, deal, future = after.take(stays), traits.take(stays), deal[stays], future[stays]


def _coming_renewals(past: Past, start: int, tally: Tally, rng: np.random.Generator) -> None:
    """Contracts whose renewal will be opened within the quarter, which is settled by when they were signed."""
    futures, weeks = len(tally.won), past.clocks.weeks
    deals = past.deals
    rows = np.flatnonzero((deals.kind == RENEWAL) & (deals.created > weeks[start])
                          & (deals.created <= weeks[start + WEEKS]))
    odds = deals.traits.renew[rows, None] + past.world.frailty.renew * nodes(past.world)
    weights = np.exp(-(deals.term[rows, None] - 1) * np.log1p(np.exp(-odds)))
    unseen = draw_by_weights(nodes(past.world), weights / weights.sum(axis=1, keepdims=True), futures, rng)
    few = replace(deals.take(np.repeat(rows, futures)), unseen=rng.permuted(
        unseen.reshape(-1, futures), axis=1).ravel())
    _play(past, few, np.tile(np.arange(futures), len(rows)), start, tally, rng)


def _play(past: Past, deals: Deals, future: Int, start: int, tally: Tally, rng: np.random.Generator) -> None:
    """Run deals that begin within the quarter to its end."""
    panel = run(past.rules, past.clocks, deals, rng, first=start, last=start + WEEKS)
    won = panel.deal[panel.won]
    tally.add(future[won], _worth(past, deals.amount[won], panel.state.discounts[panel.won]))


def _new_deals(past: Past, start: int, futures: int, rng: np.random.Generator) -> tuple[Deals, Int]:
    """Deals that come from leads and partners within the quarter, and the future of each."""
    world, clocks = past.world, past.clocks
    begin, end = int(clocks.weeks[start]), int(clocks.weeks[start + WEEKS])
    within = (clocks.days >= begin) & (clocks.days < end)
    leads_per_day, direct_per_day = (futures * rate * within for rate in intake(past.size, clocks))

    rows = np.flatnonzero((past.lead_created <= begin) & (past.lead_ended > begin) & (past.life.bounds[:, -1] > begin))
    converted = _open_leads(past, rows, begin, futures, rng)
    created = arrivals(clocks, leads_per_day, rng)
    n = len(created)
    source, role = draw_kind(rng, world.sources, n), draw_kind(rng, world.roles, n)
    account = rng.integers(0, len(past.accounts.segment), n)
    owner = past.owners.pick(rng, past.accounts.region[account])
    bounds = steps_of(created, world)
    traits = lead_traits(world, clocks, past.owners, created, owner, {
        "segment": past.accounts.segment[account], "industry": past.accounts.industry[account], "source": source,
        "role": role}).with_unseen(world, draw_unseen(world, n, rng))
    life = lead_life.live(world, traits, bounds, rng)
    converted = np.concatenate([converted, np.where(life.converted, lead_ends(clocks, life, rng), NEVER)])
    converted[converted >= end] = NEVER
    again = np.repeat(rows, futures)
    deals = make_deals(
        world, clocks, past.owners, past.accounts, rng, lead_created=converted,
        lead_account=np.concatenate([past.lead_account[again], account]),
        lead_owner=np.concatenate([past.lead_owner[again], owner]),
        lead_role=np.concatenate([past.lead_role[again], role]),
        lead_source=np.concatenate([past.lead_source[again], source]), direct_per_day=direct_per_day)
    of_lead = np.concatenate([np.tile(np.arange(futures), len(rows)), rng.integers(0, futures, n)])
    by_chance = rng.integers(0, futures, len(deals))
    return deals, np.where(deals.lead >= 0, of_lead[deals.lead], by_chance) if len(of_lead) else by_chance


def _open_leads(past: Past, rows: Int, begin: int, futures: int, rng: np.random.Generator) -> Int:
    """When each of these open leads converts in each future, (rows * futures,); NEVER where it does not."""
    world, life, clocks = past.world, past.life, past.clocks
    found = np.full((len(rows), futures), NEVER)
    step = (life.bounds[rows] <= begin).sum(axis=1) - 1
    for first in np.unique(step).tolist():
        place = np.flatnonzero(step == first)
        ours = rows[place]
        paths = np.repeat(ours, futures)
        unseen = np.zeros(len(paths))
        if has_unseen(past):
            drawn = draw_by_weights(nodes(world), lead_weights(past, ours, first), futures, rng)
            unseen = rng.permuted(drawn.reshape(-1, futures), axis=1).ravel()
        begun, now, ends = (clocks.work.read(moment) for moment in (
            life.bounds[paths, first], np.full(len(paths), begin), life.bounds[paths, first + 1]))
        gone = (now - begun) / (ends - begun)
        traits = past.lead_traits.take(paths).with_unseen(world, unseen)
        found[place] = _walk(past, traits, paths, first, gone, begin, rng).reshape(-1, futures)
    return found.ravel()


def _walk(past: Past, traits: LeadTraits, paths: Int, first: int, gone: Float, begin: int,
          rng: np.random.Generator) -> Int:
    """When leads convert that are open at `begin`, when `gone` of the step `first` has passed."""
    life, state = past.life, past.life.states[first].take(paths)
    found, left = np.full(len(paths), NEVER), np.ones(len(paths), dtype=bool)
    for step in range(first, life.bounds.shape[1] - 1):
        p_convert, p_out = lead_life.resolves(past.world, traits, state, step)
        if step == first:
            rest = (1 - gone) / (1 - gone * (p_convert + p_out))
            p_convert, p_out = p_convert * rest, p_out * rest
        drawn = rng.random(len(paths))
        now = np.flatnonzero(left & (drawn < p_convert))
        since = np.maximum(life.bounds[paths[now], step], begin)
        found[now] = past.clocks.work.between(rng, since, life.bounds[paths[now], step + 1])
        left &= drawn >= p_convert + p_out
        state, _, _ = lead_life.moves(past.world, traits, state, step, rng)
    return found
