"""What becomes of a deal, week by week: it goes on to the next stage, is won, is lost, or goes on waiting.

In each week the rates depend on what the CRM shows at its start: stage, weeks in it, weeks since the customer last
got in touch, what was done about the deal (see `causes` in the settings), owner, and the deal's own traits. The same
two functions, `resolves` and `moves`, make the world and its true probabilities. Arrays are (deals,), codes of small
types: many futures of many deals run through here. Rates are float64, so that the last digit of an exponential, which
differs between processors, decides no draw.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields, replace
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from features.calendar import DAY
from simulation.clock import Clocks, has_drifted, in_recession
from simulation.people import Owners
from simulation.world import World

__all__ = ["SEATS", "Chances", "DealRules", "DealState", "DealTraits", "Moves", "chances", "moves", "resolves",
           "slow_share", "start"]

Bool = npt.NDArray[np.bool_]
Small = npt.NDArray[np.int16]
Int = npt.NDArray[np.int64]
Float = npt.NDArray[np.float64]
LONGEST_SILENCE = 26  # weeks are counted up to here
DEEPEST = 3  # discovery meetings are counted up to here
MOST_DISCOUNTS = 2
SEATS = 7  # people in a decision; the first three are of the roles technical, budget and business
DISCOVERY, DESIGN, NEGOTIATION = 0, 1, 3


@dataclass(frozen=True)
class DealTraits:
    """What does not change: additions to the log-rates of winning, losing, going on, getting in touch and validating,
    the region, the number of people who decide, and for renewals the log-odds of renewing (others: NaN). What nobody
    sees is not among them before `with_unseen` adds it."""

    win: Float
    lose: Float
    pace: Float
    reply: Float
    proof: Float
    renew: Float
    region: Small
    people: Small

    def take(self, rows: npt.NDArray[np.generic]) -> DealTraits:
        return DealTraits(*(getattr(self, one.name)[rows] for one in fields(self)))

    def with_unseen(self, world: World, unseen: Float) -> DealTraits:
        """The same deals, each with its own value of what nobody sees."""
        sizes = world.frailty
        return replace(self, win=self.win + sizes.win * unseen, lose=self.lose + sizes.lose * unseen,
                       pace=self.pace + sizes.pace * unseen, reply=self.reply + sizes.reply * unseen,
                       proof=self.proof + sizes.proof * unseen, renew=self.renew + sizes.renew * unseen)


@dataclass(frozen=True)
class DealState:
    """What changes.

    roles : bit mask of the people reached, see SEATS. depth : discovery meetings. proof : 0 or the kind of validation,
    from 1. anchor : 1 when the price is anchored in the value. promised : 1 when too much is promised.
    """

    stage: Small
    weeks_in_stage: Small
    silence: Small
    roles: Small
    owner: Small
    depth: Small
    proof: Small
    anchor: Small
    discounts: Small
    promised: Small

    def take(self, rows: npt.NDArray[np.generic] | slice) -> DealState:
        return DealState(*(getattr(self, one.name)[rows] for one in fields(self)))

    def deeds(self) -> Small:
        """What was done about the deal, as one number."""
        code = (self.depth * np.int16(4) + self.proof) * np.int16(2) + self.anchor
        return (code * np.int16(MOST_DISCOUNTS + 1) + self.discounts) * np.int16(2) + self.promised


@dataclass(frozen=True)
class Moves:
    """What happened in a week to deals that stayed open. role : bit of the person met, 0 for none. discovered : a
    discovery meeting. proved : 0 or the kind of validation."""

    advanced: Bool
    replied: Bool
    role: Small
    reassigned: Bool
    discovered: Bool
    proved: Small
    anchored: Bool
    discounted: Bool
    promised: Bool


@dataclass(frozen=True)
class DealRules:
    """The settings as tables, so that a week of many deals is a few look-ups."""

    world: World
    owners: Owners
    work_weight: Float
    sign_weight: Float
    shift: dict[str, Float] = field(repr=False)  # win, lose, pace, proof by week: recession and change of process
    ages: int  # weeks in a stage are counted up to here
    base: dict[str, Float] = field(repr=False)  # win, lose, advance by stage and weeks in it, see `place`
    silence: dict[str, Float] = field(repr=False)  # by weeks of silence: win, lose, advance; discount as a factor
    roles: dict[str, Float] = field(repr=False)  # win, lose by bit mask
    done: dict[str, Float] = field(repr=False)  # win, lose by what was done, see `deeds`
    reply: Float = field(repr=False)  # log-odds by stage and silence
    habit: dict[str, Float] = field(repr=False)  # P(reach, discover, anchor, promise | there is occasion) by rep
    renewal: Float = field(repr=False)  # P(decided in the week | open) by weeks since the renewal was opened
    reps: Small = field(repr=False)  # (regions, most reps in one) the reps of each region, then nothing
    reps_in: Int = field(repr=False)  # how many reps a region has
    missing: Small = field(repr=False)  # (bit mask, k): bit of the k-th person not yet reached

    def place(self, state: DealState) -> Int:
        """Stage and weeks in it as one number; one look-up is faster than two."""
        return state.stage * np.int32(self.ages) + state.weeks_in_stage

    @classmethod
    def of(cls, world: World, clocks: Clocks, owners: Owners) -> DealRules:
        deals, causes = world.deals, world.causes
        weeks = np.searchsorted(deals.weeks_in_stage, np.arange(deals.longest * 2 + len(clocks.weeks)))
        silent = np.minimum(np.arange(LONGEST_SILENCE + 1), len(deals.win_by_silence) - 1)
        by_stage = (("win", deals.win, deals.win_by_weeks), ("lose", deals.lose, deals.lose_by_weeks),
                    ("advance", [*deals.advance, -np.inf], deals.advance_by_weeks))
        base = {name: (np.array(rates)[:, None] + np.array(by_weeks)[weeks][None, :]).ravel()
                for name, rates, by_weeks in by_stage}
        silence = {name: np.array(values)[silent] for name, values in
                   (("win", deals.win_by_silence), ("lose", deals.lose_by_silence),
                    ("advance", deals.advance_by_silence))}
        silence["discount"] = np.exp(np.where(np.arange(LONGEST_SILENCE + 1) > 1, causes.discount_if_silent, 0.0))
        reached = np.array([(mask & 7).bit_count() for mask in range(1 << SEATS)])
        missing = np.zeros((1 << SEATS, SEATS), dtype=np.int16)
        for mask in range(1 << SEATS):
            left = [1 << bit for bit in range(SEATS) if not mask & (1 << bit)]
            missing[mask, : len(left)] = left
        reply = (np.array(deals.reply_by_stage)[:, None] + np.array(deals.reply_by_silence)[silent][None, :]).ravel()
        reps_in = np.bincount(owners.region)
        reps = np.zeros((len(reps_in), reps_in.max()), dtype=np.int16)
        for region, n in enumerate(reps_in):
            reps[region, :n] = np.flatnonzero(owners.region == region)
        renewal = np.ones(len(weeks))
        renewal[: len(world.renewals.decided)] = world.renewals.decided
        return cls(
            world, owners, clocks.work_weight, clocks.sign_weight, _shifts(world, clocks), len(weeks), base, silence,
            {"win": np.array(causes.win_by_roles)[reached], "lose": np.array(causes.lose_by_roles)[reached]},
            {"win": _done(world, causes.win_by_fit, causes.proof_win, causes.anchor_win, causes.discount_win,
                          causes.promise_win),
             "lose": _done(world, causes.lose_by_fit, causes.proof_lose, causes.anchor_lose, 0.0, 0.0)},
            reply, _habits(world, owners), renewal, reps, reps_in, missing)


def _done(world: World, fit: float, proof: float, anchor: float, discount: float, promise: float) -> Float:
    """What was done about a deal, as an addition to a log-rate, see `deeds`."""
    depth = fit * (np.array(world.deals.fit_by_depth) - 1)
    return np.ravel(depth[:, None, None, None, None] + proof * np.array([0, 1, 1, 1])[:, None, None, None]
                    + anchor * np.arange(2)[:, None, None] + discount * np.arange(MOST_DISCOUNTS + 1)[:, None]
                    + promise * np.arange(2))


def _habits(world: World, owners: Owners) -> dict[str, Float]:
    causes = world.causes
    rates = {"reach": (causes.reach, owners.reach), "discover": (causes.discover, owners.proof),
             "anchor": (causes.anchor, owners.anchor), "promise": (causes.promise, owners.promise)}
    return {name: -np.expm1(-rate * np.exp(own)) for name, (rate, own) in rates.items()}


def _shifts(world: World, clocks: Clocks) -> dict[str, Float]:
    days = (clocks.weeks[:-1] - clocks.first) / DAY
    drifted, slump, drift, recession = has_drifted(world, days), in_recession(world, days), world.drift, world.recession
    return {"win": drift.win * drifted + recession.win * slump, "lose": recession.lose * slump,
            "pace": drift.pace * drifted + recession.pace * slump, "proof": drift.proof * drifted}


def start(owner: Int, roles: Int) -> DealState:
    """The state of new deals: first stage, the customer in touch; `roles` is the mask of the people known."""
    zero = np.zeros(len(owner), dtype=np.int16)
    return DealState(zero, zero, zero, roles.astype(np.int16), owner.astype(np.int16), zero, zero, zero, zero, zero)


def resolves(rules: DealRules, traits: DealTraits, state: DealState, week: Int | int) -> tuple[Float, Float]:
    """P(won) and P(lost) in the week (position in Clocks.weeks), for deals open at its start."""
    done, place = state.deeds(), rules.place(state)
    win = rules.sign_weight[week] * np.exp(
        rules.base["win"][place] + rules.silence["win"][state.silence]
        + rules.roles["win"][state.roles] + rules.done["win"][done] + traits.win + rules.owners.win[state.owner]
        + rules.shift["win"][week])
    lose = rules.work_weight[week] * np.exp(
        rules.base["lose"][place] + rules.silence["lose"][state.silence]
        + rules.roles["lose"][state.roles] + rules.done["lose"][done] + traits.lose + rules.shift["lose"][week])
    both = win + lose
    share = -np.expm1(-both) / both
    p_win, p_lose = win * share, lose * share
    renewals = np.flatnonzero(~np.isnan(traits.renew))
    if len(renewals):
        decided = rules.renewal[state.weeks_in_stage[renewals]]
        renews = 1 / (1 + np.exp(-traits.renew[renewals]))
        p_win[renewals], p_lose[renewals] = decided * renews, decided * (1 - renews)
    return p_win, p_lose


def slow_share(rules: DealRules, state: DealState) -> Float:
    """P(the loss comes from a decision that was too slow | lost in this week)."""
    deals = rules.world.deals
    odds = (deals.slow + np.array(deals.slow_by_silence)[np.minimum(state.silence, len(deals.slow_by_silence) - 1)]
            + np.array(deals.slow_by_weeks)[np.searchsorted(deals.weeks_in_stage, state.weeks_in_stage)])
    return np.asarray(1 / (1 + np.exp(-odds)))


class Chances(NamedTuple):
    """P(the customer gets in touch), P(goes on to the next stage), and P(validated | in touch and not yet)."""

    reply: Float
    advance: Float
    proof: Float


def chances(rules: DealRules, traits: DealTraits, state: DealState, week: Int | int) -> Chances:
    """The chances of those moves in the week that what nobody sees acts upon."""
    pace = rules.work_weight[week]
    odds = (rules.reply[state.stage * np.int16(LONGEST_SILENCE + 1) + state.silence]
            + rules.owners.reply[state.owner] + traits.reply)
    # Quiet weeks bring fewer replies: P(silent) of an ordinary week to the power of the week's pace.
    reply = -np.expm1(-pace * np.log1p(np.exp(odds)))
    causes = rules.world.causes
    advance = np.exp(rules.base["advance"][rules.place(state)] + rules.silence["advance"][state.silence]
                     + causes.proof_pace * (state.proof > 0) + traits.pace + rules.shift["pace"][week])
    proof = np.array(causes.proof_by_stage)[state.stage] * np.exp(
        rules.owners.proof[state.owner] + traits.proof + rules.shift["proof"][week])
    return Chances(reply, -np.expm1(-pace * advance), -np.expm1(-proof))


def moves(rules: DealRules, traits: DealTraits, state: DealState, week: Int | int,
          rng: np.random.Generator) -> tuple[DealState, Moves]:
    """What else happens in the week to deals that stay open, and their state after it."""
    causes, n = rules.world.causes, len(state.stage)
    drawn = rng.random((5, n))
    usual = np.isnan(traits.renew)
    p_reply, p_advance, p_proof = chances(rules, traits, state, week)
    replied, advanced = drawn[0] < p_reply, usual & (drawn[1] < p_advance)
    proves = replied & usual & (state.proof == 0) & (drawn[2] < p_proof)
    # What is left of a draw is again evenly spread: it picks the kind, the person.
    kinds = np.cumsum(causes.proof_kinds)[:-1]
    proved = np.zeros(n, dtype=np.int16)
    proved[proves] = 1 + np.searchsorted(kinds, drawn[2][proves] / p_proof[proves])
    left = traits.people - _BITS[state.roles]
    p_reach = rules.habit["reach"][state.owner]
    meets = replied & usual & (drawn[3] < p_reach) & (left > 0)
    role = np.zeros(n, dtype=np.int16)
    pick = (drawn[3][meets] / p_reach[meets] * left[meets]).astype(np.int16)
    role[meets] = rules.missing[state.roles[meets], np.minimum(pick, left[meets] - 1)]

    discovered = (state.stage == DISCOVERY) & replied & usual & (state.depth < DEEPEST) & (
        drawn[4] < rules.habit["discover"][state.owner])
    promised = (state.stage == DESIGN) & advanced & (drawn[4] < rules.habit["promise"][state.owner])
    talks = (state.stage == NEGOTIATION) & usual
    p_anchor = np.where(state.anchor == 0, rules.habit["anchor"][state.owner], 0.0)
    p_discount = rules.silence["discount"][state.silence] * np.where(
        state.anchor == 0, causes.discount, causes.discount * np.exp(causes.discount_if_anchored))
    anchored = talks & (drawn[4] < p_anchor)
    discounted = talks & ~anchored & (state.discounts < MOST_DISCOUNTS) & (drawn[4] < p_anchor + p_discount)

    owner = state.owner.copy()
    reassigned = drawn[3] > 1 - rules.world.owners.reassigned  # the far end of the same draw
    owner[reassigned] = _colleagues(rules, traits.region[reassigned], rng)
    after = DealState(
        stage=state.stage + advanced, weeks_in_stage=np.where(advanced, 0, state.weeks_in_stage + 1).astype(np.int16),
        silence=np.where(replied, 0, np.minimum(state.silence + 1, LONGEST_SILENCE)).astype(np.int16),
        roles=state.roles | role, owner=owner, depth=state.depth + discovered, proof=state.proof + proved,
        anchor=state.anchor | anchored, discounts=state.discounts + discounted, promised=state.promised | promised)
    return after, Moves(advanced, replied, role, reassigned, discovered, proved, anchored, discounted, promised)


_BITS = np.array([mask.bit_count() for mask in range(1 << SEATS)], dtype=np.int16)


def _colleagues(rules: DealRules, regions: Small, rng: np.random.Generator) -> Small:
    """A rep of each deal's region, by chance the same one."""
    return rules.reps[regions, (rng.random(len(regions)) * rules.reps_in[regions]).astype(np.int64)]
