"""What becomes of a deal, week by week: it goes on to the next stage, is won, is lost, or goes on waiting.

In each week the rates depend on what the CRM shows at its start: stage, weeks in it, weeks since the customer last
got in touch, proof of concept, roles reached, owner, and the deal's own traits. The same two functions, `resolves`
and `moves`, make the world and its true probabilities. Arrays are (deals,) and of small types: many futures of many
deals run through here.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields

import numpy as np
import numpy.typing as npt

from simulation.clock import Clocks
from simulation.people import Owners
from simulation.world import World

__all__ = ["DealRules", "DealState", "DealTraits", "Moves", "moves", "resolves", "start"]

Bool = npt.NDArray[np.bool_]
Small = npt.NDArray[np.int16]
Float = npt.NDArray[np.float32]
LONGEST_SILENCE = 26  # weeks are counted up to here


@dataclass(frozen=True)
class DealTraits:
    """What does not change: additions to the log-rates of winning, losing and going on, and the region."""

    win: Float
    lose: Float
    pace: Float
    region: Small

    def take(self, rows: npt.NDArray[np.generic]) -> DealTraits:
        return DealTraits(self.win[rows], self.lose[rows], self.pace[rows], self.region[rows])


@dataclass(frozen=True)
class DealState:
    """What changes. roles : bit mask of the roles reached."""

    stage: Small
    weeks_in_stage: Small
    silence: Small
    proof: Small
    roles: Small
    owner: Small

    def take(self, rows: npt.NDArray[np.generic] | slice) -> DealState:
        return DealState(*(getattr(self, one.name)[rows] for one in fields(self)))


@dataclass(frozen=True)
class Moves:
    """What happened in a week to deals that stayed open. role : bit of the role met, 0 for none."""

    advanced: Bool
    replied: Bool
    proved: Bool
    role: Small
    reassigned: Bool


@dataclass(frozen=True)
class DealRules:
    """The settings as tables, so that a week of many deals is a few look-ups."""

    world: World
    owners: Owners
    work_weight: Float
    sign_weight: Float
    base: dict[str, Float] = field(repr=False)  # win, lose, advance by (stage, weeks in stage)
    silence: dict[str, Float] = field(repr=False)  # by weeks of silence
    roles: dict[str, Float] = field(repr=False)  # by bit mask
    reply: Float = field(repr=False)  # log-odds by (stage, silence)
    reps: Small = field(repr=False)  # (regions, most reps in one) the reps of each region, then nothing
    reps_in: npt.NDArray[np.int64] = field(repr=False)  # how many reps a region has
    missing: Small = field(repr=False)  # (bit mask, k): bit of the k-th role not yet reached

    @classmethod
    def of(cls, world: World, clocks: Clocks, owners: Owners) -> DealRules:
        deals = world.deals
        weeks = np.searchsorted(deals.weeks_in_stage, np.arange(deals.longest * 2 + 2))
        silent = np.minimum(np.arange(LONGEST_SILENCE + 1), len(deals.win_by_silence) - 1)
        reached = np.array([mask.bit_count() for mask in range(16)])
        by_stage = (("win", deals.win, deals.win_by_weeks), ("lose", deals.lose, deals.lose_by_weeks),
                    ("advance", [*deals.advance, -np.inf], deals.advance_by_weeks))
        base = {name: (np.array(rates)[:, None] + np.array(by_weeks)[weeks][None, :]).astype(np.float32)
                for name, rates, by_weeks in by_stage}
        by_silence = {name: np.array(values, dtype=np.float32)[silent] for name, values in
                      (("win", deals.win_by_silence), ("lose", deals.lose_by_silence),
                       ("advance", deals.advance_by_silence))}
        by_roles = {name: np.array(values, dtype=np.float32)[np.maximum(reached - 1, 0)] for name, values in
                    (("win", deals.win_by_roles), ("lose", deals.lose_by_roles))}
        reply = np.array(deals.reply_by_stage)[:, None] + np.array(deals.reply_by_silence)[silent][None, :]
        reps_in = np.bincount(owners.region)
        reps = np.zeros((len(reps_in), reps_in.max()), dtype=np.int16)
        for region, n in enumerate(reps_in):
            reps[region, :n] = np.flatnonzero(owners.region == region)
        missing = np.zeros((16, 4), dtype=np.int16)
        for mask in range(16):
            left = [1 << bit for bit in range(4) if not mask & (1 << bit)]
            missing[mask, : len(left)] = left
        return cls(world, owners, clocks.work_weight, clocks.sign_weight, base, by_silence, by_roles,
                   reply.astype(np.float32), reps, reps_in, missing)


def start(owner: npt.NDArray[np.int64], role: npt.NDArray[np.int64]) -> DealState:
    """The state of new deals: first stage, the customer in touch, one role reached."""
    zero = np.zeros(len(owner), dtype=np.int16)
    return DealState(zero, zero, zero, zero, (1 << role).astype(np.int16), owner.astype(np.int16))


def resolves(rules: DealRules, traits: DealTraits, state: DealState,
             week: npt.NDArray[np.int64] | int) -> tuple[Float, Float]:
    """P(won) and P(lost) in the week (position in Clocks.weeks), for deals open at its start."""
    deals, owner = rules.world.deals, rules.owners
    win = rules.sign_weight[week] * np.exp(
        rules.base["win"][state.stage, state.weeks_in_stage] + rules.silence["win"][state.silence]
        + rules.roles["win"][state.roles] + np.float32(deals.proof_win) * state.proof + traits.win
        + owner.win.astype(np.float32)[state.owner])
    lose = rules.work_weight[week] * np.exp(
        rules.base["lose"][state.stage, state.weeks_in_stage] + rules.silence["lose"][state.silence]
        + rules.roles["lose"][state.roles] + np.float32(deals.proof_lose) * state.proof + traits.lose)
    both = win + lose
    share = -np.expm1(-both) / both
    return win * share, lose * share


def moves(rules: DealRules, traits: DealTraits, state: DealState, week: npt.NDArray[np.int64] | int,
          rng: np.random.Generator) -> tuple[DealState, Moves]:
    """What else happens in the week to deals that stay open, and their state after it."""
    deals, owners, n = rules.world.deals, rules.owners, len(state.stage)
    pace = rules.work_weight[week]
    drawn = rng.random((4, n), dtype=np.float32)
    odds = rules.reply[state.stage, state.silence] + owners.reply.astype(np.float32)[state.owner]
    # Quiet weeks bring fewer replies: P(silent) of an ordinary week to the power of the week's pace.
    replied = drawn[0] < -np.expm1(-pace * np.log1p(np.exp(odds)))
    advance = np.exp(rules.base["advance"][state.stage, state.weeks_in_stage] + rules.silence["advance"][state.silence]
                     + np.float32(deals.proof_advance) * state.proof + traits.pace)
    advanced = drawn[1] < -np.expm1(-pace * advance)
    proof_rate = np.array(deals.proof_by_stage, dtype=np.float32)[state.stage]
    proved = (replied & (state.proof == 0)
              & (drawn[2] < -np.expm1(-proof_rate * np.exp(owners.proof.astype(np.float32))[state.owner])))
    left = 4 - _BITS[state.roles]
    p_reach = -np.expm1(-np.float32(deals.reach) * np.exp(owners.reach.astype(np.float32))[state.owner])
    meets = replied & (drawn[3] < p_reach) & (left > 0)
    # What is left of the draw is again evenly spread: it picks the role.
    pick = np.minimum((drawn[3] / p_reach * left).astype(np.int16), np.maximum(left - 1, 0))
    role = np.where(meets, rules.missing[state.roles, np.where(meets, pick, 0)], 0).astype(np.int16)

    owner = state.owner.copy()
    reassigned = drawn[3] > 1 - rules.world.owners.reassigned  # the far end of the same draw
    owner[reassigned] = _colleagues(rules, traits.region[reassigned], rng)
    after = DealState(
        stage=state.stage + advanced, weeks_in_stage=np.where(advanced, 0, state.weeks_in_stage + 1).astype(np.int16),
        silence=np.where(replied, 0, np.minimum(state.silence + 1, LONGEST_SILENCE)).astype(np.int16),
        proof=state.proof | proved, roles=state.roles | role, owner=owner)
    return after, Moves(advanced, replied, proved, role, reassigned)


_BITS = np.array([mask.bit_count() for mask in range(16)], dtype=np.int16)


def _colleagues(rules: DealRules, regions: Small, rng: np.random.Generator) -> Small:
    """A rep of each deal's region, by chance the same one."""
    return rules.reps[regions, (rng.random(len(regions)) * rules.reps_in[regions]).astype(np.int64)]
