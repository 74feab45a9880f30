"""The whole simulated past of a company: people, leads, deals and customers, drawn from one seed.

The company is older than its log. It is simulated from `warm_weeks` before the log's first day, so that the pipeline is
full when the log begins. The CRM of the log took over what was open on that day, with its true earlier history; what
had ended before was left behind. So earlier days show only what lasted until then, and nobody could have asked the CRM
about them: its rows are known from the first day on.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from features.calendar import DAY
from simulation.clock import Clocks, make_clocks
from simulation.customers import run_with_customers
from simulation.deal_life import DealRules
from simulation.frailty import draw_unseen
from simulation.lead_life import LeadTraits, LeadWorld, lead_traits, live, steps_of
from simulation.people import Accounts, Owners, draw_kind, ids, make_accounts, make_owners
from simulation.pipeline import Deals, Panel, in_order, make_deals, poisson_moments
from simulation.world import Size, World

__all__ = ["NEVER", "Past", "arrivals", "intake", "lead_ends", "simulate", "stream"]

Int = npt.NDArray[np.int64]
Float = npt.NDArray[np.float64]
NEVER = 2**62

# Each room of the simulation has a stream of random numbers of its own, so that one can change without the others.
_STREAMS = ("people", "leads", "lead lives", "deals", "deal lives", "export", "lead truth", "deal truth", "causes",
            "oracle")


@dataclass(frozen=True)
class Past:
    """What happened. lead_* : (leads,) codes and moments by creation. lead_ended : moment at which a lead converted or
    was disqualified, which may lie beyond the end of the log. lead_traits and deals.traits hold what can be seen;
    lead_unseen and deals.unseen what nobody sees."""

    world: World
    size: Size
    clocks: Clocks
    owners: Owners
    accounts: Accounts
    lead_created: Int
    lead_account: Int
    lead_owner: Int
    lead_role: Int
    lead_source: Int
    lead_ended: Int
    lead_unseen: Float
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


def intake(size: Size, clocks: Clocks) -> tuple[Float, Float]:
    """Leads and partners' own deals expected on each of the clocks' days."""
    in_log = clocks.days >= clocks.first
    return (size.leads * clocks.lead_weight / clocks.lead_weight[in_log].sum(),
            size.direct_deals * clocks.deal_weight / clocks.deal_weight[in_log].sum())


def simulate(world: World, size: Size, seed: int) -> Past:
    """Draw a company and let it live to the end of its log."""
    clocks = make_clocks(world)
    leads_per_day, direct_per_day = intake(size, clocks)
    rng = stream(seed, "people")
    owners = make_owners(world, size, clocks, rng)
    accounts = make_accounts(world, max(1, round(leads_per_day.sum() * world.accounts_per_lead)), rng)

    rng = stream(seed, "leads")
    created = arrivals(clocks, leads_per_day, rng)
    n = len(created)
    source, role = draw_kind(rng, world.sources, n), draw_kind(rng, world.roles, n)
    account = rng.integers(0, len(accounts.segment), n)
    owner = owners.pick(rng, accounts.region[account])
    unseen = draw_unseen(world, n, rng)

    rng = stream(seed, "lead lives")
    bounds = steps_of(created, world)
    traits = lead_traits(world, clocks, owners, created, owner, {
        "segment": accounts.segment[account], "industry": accounts.industry[account], "source": source, "role": role})
    life = live(world, traits.with_unseen(world, unseen), bounds, rng)
    ended = lead_ends(clocks, life, rng)

    converted = np.where(life.converted, ended, NEVER)
    rules = DealRules.of(world, clocks, owners)
    deals = make_deals(world, clocks, owners, accounts, stream(seed, "deals"), lead_created=converted,
                       lead_account=account, lead_owner=owner, lead_role=role, lead_source=source,
                       direct_per_day=direct_per_day)
    deals, panel = run_with_customers(rules, clocks, accounts, deals, stream(seed, "deal lives"))

    kept = np.flatnonzero(ended >= clocks.first)
    deals, panel = _seen(clocks, deals, panel, kept)
    return Past(world, size, clocks, owners, accounts, created[kept], account[kept], owner[kept], role[kept],
                source[kept], ended[kept], unseen[kept], traits.take(kept), life.take(kept), rules, deals, panel)


def arrivals(clocks: Clocks, per_day: Float, rng: np.random.Generator) -> Int:
    """Moments at which leads come in, ascending: from early morning to late in the evening, on busy days more."""
    day = poisson_moments(clocks, per_day, rng)
    hour = np.clip(rng.normal(13.0, 3.5, len(day)), 6.0, 22.0) + rng.random(len(day))
    return np.sort(clocks.days[day] + (hour * (DAY / 24)).astype(np.int64))


def lead_ends(clocks: Clocks, life: LeadWorld, rng: np.random.Generator) -> Int:
    """When each lead converted or was disqualified; at the last age, leads that are still open are closed."""
    everyone, steps = np.arange(len(life.bounds)), life.bounds.shape[1] - 1
    step = np.minimum(life.step_of_end, steps - 1)
    resolved = clocks.work.between(rng, life.bounds[everyone, step], life.bounds[everyone, step + 1])
    closed = clocks.work.between(rng, life.bounds[:, -1], life.bounds[:, -1] + 4 * DAY, late=np.full(len(step), 0.1))
    return np.where(life.step_of_end < steps, resolved, closed)


def _seen(clocks: Clocks, deals: Deals, panel: Panel, leads: Int) -> tuple[Deals, Panel]:
    """Deals that had not ended before the log, by creation, their panel by week, and positions counted anew.

    leads : positions of the leads that are kept, ascending.
    """
    ends = panel.won | panel.lost
    ended = np.full(len(deals), NEVER)
    ended[panel.deal[ends]] = panel.ended[ends]
    kept = np.flatnonzero(ended >= clocks.first)
    kept = kept[np.argsort(deals.created[kept], kind="stable")]
    place = np.full(len(deals) + 1, -1)  # the last one stands for none
    place[kept] = np.arange(len(kept))
    deals = deals.take(kept)
    lead_place = np.searchsorted(leads, deals.lead)
    lead_known = (deals.lead >= 0) & (leads[np.minimum(lead_place, len(leads) - 1)] == deals.lead)
    deals = replace(deals, parent=place[deals.parent], lead=np.where(lead_known, lead_place, -1))
    panel = panel.rows(np.flatnonzero(place[panel.deal] >= 0))
    return deals, in_order(replace(panel, deal=place[panel.deal]))
