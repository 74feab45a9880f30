"""What becomes of a lead: it is answered, writes back, converts, is disqualified, or grows old.

A life is cut at the `ages` of the settings. In each step the rates depend on what the CRM shows at its start: the
lead's own traits, whether and how soon it was answered, and how often it got in touch. The same two functions,
`resolves` and `moves`, make the world and its true probabilities.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from features.calendar import DAY
from simulation.clock import Clocks, has_drifted, in_recession
from simulation.people import Owners, effect
from simulation.world import World

__all__ = ["LeadState", "LeadTraits", "LeadWorld", "contacts", "lead_traits", "live", "moves", "resolves", "steps_of"]

Int = npt.NDArray[np.int64]
Float = npt.NDArray[np.float64]
Bool = npt.NDArray[np.bool_]
Tiny = npt.NDArray[np.int8]
MOST_REPLIES = 3


@dataclass(frozen=True)
class LeadTraits:
    """What does not change, (leads,) each: additions to log-rates, and the business days in each step of life. What
    nobody sees is not among them before `with_unseen` adds it."""

    convert: Float
    disqualify: Float
    reply: Float
    respond: Float
    work: Float  # (leads, steps)

    def take(self, rows: npt.NDArray[np.generic]) -> LeadTraits:
        return LeadTraits(self.convert[rows], self.disqualify[rows], self.reply[rows], self.respond[rows],
                          self.work[rows])

    def with_unseen(self, world: World, unseen: Float) -> LeadTraits:
        """The same leads, each with its own value of what nobody sees."""
        sizes = world.frailty
        return replace(self, convert=self.convert + sizes.lead * unseen,
                       disqualify=self.disqualify + sizes.lead_out * unseen,
                       reply=self.reply + sizes.lead_reply * unseen)


@dataclass(frozen=True)
class LeadState:
    """What changes. response : 0 none yet, 1 within hours, 2 within a day, 3 later. replies : in touch, up to 3."""

    response: Tiny
    replies: Tiny

    def take(self, rows: npt.NDArray[np.generic]) -> LeadState:
        return LeadState(self.response[rows], self.replies[rows])


@dataclass(frozen=True)
class LeadWorld:
    """Every lead's life. states : the state at the start of each step. step_of_end : the step in which it converted or
    was disqualified (len(steps) if neither). responded_in : step of the first answer. replied : (leads, steps) new
    contacts in each step. open_at : (leads, steps) still open at the start of the step."""

    bounds: Int  # (leads, steps + 1) moments
    states: list[LeadState]
    open_at: Bool
    converted: Bool
    step_of_end: Int
    responded_in: Int
    replied: Tiny

    def take(self, rows: npt.NDArray[np.generic]) -> LeadWorld:
        return LeadWorld(self.bounds[rows], [state.take(rows) for state in self.states], self.open_at[rows],
                         self.converted[rows], self.step_of_end[rows], self.responded_in[rows], self.replied[rows])


def steps_of(created: Int, world: World) -> Int:
    """Moments at which each lead's steps begin and end, (leads, steps + 1)."""
    ages = np.round(np.array(world.leads.ages) * DAY).astype(np.int64)
    return created[:, None] + ages[None, :]


def lead_traits(world: World, clocks: Clocks, owners: Owners, created: Int, owner: Int,
                codes: dict[str, Int]) -> LeadTraits:
    """Traits from the codes of segment, industry, source and role."""
    trait = (effect(world.segments, "lead", codes["segment"]) + effect(world.industries, "lead", codes["industry"])
             + effect(world.sources, "lead", codes["source"]) + effect(world.roles, "lead", codes["role"]))
    days = (created - clocks.first) / DAY
    drifted, slump = has_drifted(world, days), in_recession(world, days)
    return LeadTraits(
        convert=(trait + owners.lead[owner] + world.drift.lead * drifted + world.recession.lead * slump
                 + world.frailty.offset_lead), disqualify=world.leads.disqualify_by_trait * trait,
        reply=world.leads.reply_by_trait * trait + owners.reply[owner],
        respond=world.leads.respond + owners.respond[owner] + world.drift.respond * drifted,
        work=np.diff(clocks.work.read(steps_of(created, world)), axis=1))


def resolves(world: World, traits: LeadTraits, state: LeadState, step: int) -> tuple[Float, Float]:
    """P(converts) and P(is disqualified) in the step, for leads open at its start."""
    settings = world.leads
    convert = np.exp(settings.convert[step] + traits.convert + np.array(settings.convert_by_response)[state.response]
                     + np.array(settings.convert_by_replies)[state.replies])
    out = np.exp(settings.disqualify[step] + traits.disqualify
                 + np.array(settings.disqualify_by_replies)[state.replies])
    ends = -np.expm1(-(convert + out) * traits.work[:, step])
    return ends * convert / (convert + out), ends * out / (convert + out)


def contacts(world: World, traits: LeadTraits, state: LeadState, step: int, answered: Bool) -> Float:
    """How often a lead that stays open is expected to get in touch in the step."""
    # A lead writes back only to somebody who wrote: in the step of the first answer, for half of it.
    share = np.where(answered, 0.5, state.response > 0)
    return np.exp(world.leads.reply[step] + traits.reply) * traits.work[:, step] * share


def moves(world: World, traits: LeadTraits, state: LeadState, step: int,
          rng: np.random.Generator) -> tuple[LeadState, Bool, Int]:
    """What else happens in the step to leads that stay open: (state after, first answered now, times in touch)."""
    work = traits.work[:, step]
    answered = (state.response == 0) & (rng.random(len(work)) < -np.expm1(-np.exp(traits.respond) * work))
    age = world.leads.ages[step + 1]
    response = np.where(answered, 1 if age < 0.5 else 2 if age <= 1 else 3, state.response).astype(np.int8)
    times = rng.poisson(contacts(world, traits, state, step, answered))
    return LeadState(response, np.minimum(state.replies + times, MOST_REPLIES).astype(np.int8)), answered, times


def live(world: World, traits: LeadTraits, bounds: Int, rng: np.random.Generator) -> LeadWorld:
    """Run every lead through all steps of its life."""
    n, steps = len(bounds), len(world.leads.ages) - 1
    state = LeadState(np.zeros(n, dtype=np.int8), np.zeros(n, dtype=np.int8))
    alive, converted = np.ones(n, dtype=bool), np.zeros(n, dtype=bool)
    step_of_end, responded_in = np.full(n, steps), np.full(n, steps)
    open_at, replied = np.zeros((n, steps), dtype=bool), np.zeros((n, steps), dtype=np.int8)
    states = []
    for step in range(steps):
        states.append(replace(state))
        open_at[:, step] = alive
        p_convert, p_out = resolves(world, traits, state, step)
        drawn = rng.random(n)
        converts, ends = alive & (drawn < p_convert), alive & (drawn < p_convert + p_out)
        converted |= converts
        step_of_end[ends] = step
        after, answered, times = moves(world, traits, state, step, rng)
        alive &= ~ends
        responded_in[alive & answered] = step
        replied[alive, step] = np.minimum(times[alive], 127)
        state = after
    return LeadWorld(bounds, states, open_at, converted, step_of_end, responded_in, replied)
