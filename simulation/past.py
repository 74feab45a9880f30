"""The whole simulated past of a company: people, leads and deals, drawn from one seed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from features.calendar import DAY
from simulation.clock import Clocks, make_clocks
from simulation.deal_life import DealRules
from simulation.lead_life import LeadTraits, LeadWorld, lead_traits, live, steps_of
from simulation.people import Accounts, Owners, draw_kind, ids, make_accounts, make_owners
from simulation.pipeline import Deals, Panel, make_deals, run
from simulation.world import Size, World

__all__ = ["Past", "simulate", "stream"]

Int = npt.NDArray[np.int64]

# Each room of the simulation has a stream of random numbers of its own, so that one can change without the others.
_STREAMS = ("people", "leads", "lead lives", "deals", "deal lives", "export", "lead truth", "deal truth")


@dataclass(frozen=True)
class Past:
    """What happened. lead_* : (leads,) codes and moments by creation. lead_ended : moment at which a lead converted or
    was disqualified, which may lie beyond the end of the log."""

    world: World
    clocks: Clocks
    owners: Owners
    accounts: Accounts
    lead_created: Int
    lead_account: Int
    lead_owner: Int
    lead_role: Int
    lead_source: Int
    lead_ended: Int
    lead_traits: LeadTraits
    life: LeadWorld
    rules: DealRules
    deals: Deals
    panel: Panel

    @property
    def lead_ids(self) -> npt.NDArray[np.object_]:
        return ids("L", np.arange(1, len(self.lead_created) + 1))

    @property
    def deal_ids(self) -> npt.NDArray[np.object_]:
        return ids("D", np.arange(1, len(self.deals) + 1))


def stream(seed: int, name: str) -> np.random.Generator:
    """The random numbers of one room."""
    return np.random.default_rng([seed, _STREAMS.index(name)])


def simulate(world: World, size: Size, seed: int) -> Past:
    """Draw a company and let it live to the end of its log."""
    clocks = make_clocks(world)
    rng = stream(seed, "people")
    owners = make_owners(world, size, clocks, rng)
    accounts = make_accounts(world, max(1, round(size.leads * world.accounts_per_lead)), rng)

    rng = stream(seed, "leads")
    n = size.leads
    source, role = draw_kind(rng, world.sources, n), draw_kind(rng, world.roles, n)
    created = _arrivals(world, clocks, source, rng)
    account = rng.integers(0, len(accounts.segment), n)
    owner = owners.pick(rng, accounts.region[account])

    rng = stream(seed, "lead lives")
    bounds = steps_of(created, world)
    traits = lead_traits(world, clocks, owners, created, owner, {
        "segment": accounts.segment[account], "industry": accounts.industry[account], "source": source, "role": role})
    life = live(world, traits, bounds, rng)
    ended = _ends(clocks, life, rng)

    converted = np.where(life.converted, ended, 2**62)
    deals = make_deals(world, clocks, owners, accounts, stream(seed, "deals"), lead_created=converted,
                       lead_account=account, lead_owner=owner, lead_role=role, lead_source=source,
                       direct=size.direct_deals)
    rules = DealRules.of(world, clocks, owners)
    panel = run(rules, clocks, deals, stream(seed, "deal lives"))
    return Past(world, clocks, owners, accounts, created, account, owner, role, source, ended, traits, life, rules,
                deals, panel)


def _arrivals(world: World, clocks: Clocks, source: Int, rng: np.random.Generator) -> Int:
    """Moments at which leads come in, ascending: from early morning to late in the evening, on busy days more."""
    n = len(source)
    day = rng.choice(len(clocks.days), n, p=clocks.lead_weight / clocks.lead_weight.sum())
    hour = np.clip(rng.normal(13.0, 3.5, n), 6.0, 22.0) + rng.random(n)
    return np.sort(clocks.days[day] + (hour * (DAY / 24)).astype(np.int64))


def _ends(clocks: Clocks, life: LeadWorld, rng: np.random.Generator) -> Int:
    """When each lead converted or was disqualified; at the last age, leads that are still open are closed."""
    everyone, steps = np.arange(len(life.bounds)), life.bounds.shape[1] - 1
    step = np.minimum(life.step_of_end, steps - 1)
    resolved = clocks.work.between(rng, life.bounds[everyone, step], life.bounds[everyone, step + 1])
    closed = clocks.work.between(rng, life.bounds[:, -1], life.bounds[:, -1] + 4 * DAY, late=np.full(len(step), 0.1))
    return np.where(life.step_of_end < steps, resolved, closed)
