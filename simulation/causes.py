"""The true effect of each action, beside the difference that one would see without knowing better.

True effects come from simulating both worlds with the same random numbers: once every deal (lead) at a landmark has the
action done, once none has, and nothing else is touched. The naive difference compares those that really had it with
those that had not; it also holds why they had it: good reps do more of everything, customers who answer are met more
often, and what is winning anyway gets its value validated.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from features.calendar import DAY
from simulation import deal_life, lead_life
from simulation.customers import renewal_odds
from simulation.deal_life import DEEPEST, DESIGN, DISCOVERY, NEGOTIATION, DealRules, DealState
from simulation.lead_life import LeadState
from simulation.past import Past
from simulation.pipeline import NEW, RENEWAL

__all__ = ["ACTIONS", "Action", "effects"]

Int = npt.NDArray[np.int64]
Float = npt.NDArray[np.float64]
Bool = npt.NDArray[np.bool_]
MOST_DEALS = 400  # deals or leads that an effect is averaged over
REPLICAS = 8
WEEKS = 104  # hardly any decision takes longer after a landmark
VALIDATION = 2


@dataclass(frozen=True)
class Action:
    """stage : new deals are taken as they enter it. done, blocked : the state in which the action is done, and is not.
    rates : settings of `causes` that are 0 meanwhile, so that nobody does it later. had : whether a deal in this state
    has had it."""

    name: str
    stage: int
    done: Callable[[DealState], DealState]
    rates: dict[str, Any]
    had: Callable[[DealState], Bool]
    blocked: Callable[[DealState], DealState] = lambda state: state


def _all(state: DealState, **values: int) -> DealState:
    return replace(state, **{name: np.full(len(state.stage), value, dtype=np.int16) for name, value in values.items()})


ACTIONS = (
    Action("deep discovery", DISCOVERY, lambda state: _all(state, depth=DEEPEST), {"discover": 0.0},
           lambda state: state.depth == DEEPEST, lambda state: _all(state, depth=0)),
    Action("value validated", VALIDATION, lambda state: _all(state, proof=1), {"proof_by_stage": [0.0] * 4},
           lambda state: state.proof > 0, lambda state: _all(state, proof=0)),
    Action("missing roles reached", VALIDATION, lambda state: replace(state, roles=state.roles | np.int16(7)),
           {"reach": 0.0}, lambda state: (state.roles & 7) == 7),
    Action("value anchor", NEGOTIATION, lambda state: _all(state, anchor=1), {"anchor": 0.0},
           lambda state: state.anchor > 0, lambda state: _all(state, anchor=0)),
    Action("discount", NEGOTIATION, lambda state: _all(state, discounts=1), {"discount": 0.0},
           lambda state: state.discounts > 0, lambda state: _all(state, discounts=0)),
    Action("over-commitment", DESIGN + 1, lambda state: _all(state, promised=1), {"promise": 0.0},
           lambda state: state.promised > 0, lambda state: _all(state, promised=0)),
)


def effects(past: Past, rng: np.random.Generator, most: int = MOST_DEALS) -> pd.DataFrame:
    """One row for each action and outcome: win (probability), weeks (from the landmark to the decision), renewal
    (probability, of those won); convert for leads (probability within the horizon).

    Columns: action, at (the stage as whose entry it is asked), outcome, with, without (means of both worlds), effect
    (their difference), se (its standard error, from the spread between subjects), naive_with, naive_without, naive
    (their difference), n (subjects of the true effect).
    """
    rows = []
    for action in ACTIONS:
        rows += _deal_effects(past, action, int(rng.integers(2**62)), most)
    rows.append(_response(past, int(rng.integers(2**62)), most))
    return pd.DataFrame(rows)


def _deal_effects(past: Past, action: Action, seed: int, most: int) -> list[dict[str, Any]]:
    panel = past.panel
    entered = (panel.state.stage == action.stage) & (panel.state.weeks_in_stage == 0)
    entered &= (past.deals.kind[panel.deal] == NEW) & (panel.week < past.clocks.closed)
    landmarks = np.flatnonzero(entered)
    rng = np.random.default_rng(seed)
    rows = np.sort(rng.choice(landmarks, min(most, len(landmarks)), replace=False))
    causes = past.world.causes.model_copy(update=action.rates)
    rules = DealRules.of(past.world.model_copy(update={"causes": causes}), past.clocks, past.owners)
    both = [_world(past, rules, rows, change, seed) for change in (action.done, action.blocked)]
    naive = _seen(past, action, landmarks)
    return [_row(action.name, past.world.deals.stages[action.stage], outcome, both[0][outcome], both[1][outcome],
                 naive[outcome]) for outcome in ("win", "weeks", "renewal")]


def _world(past: Past, rules: DealRules, rows: Int, change: Callable[[DealState], DealState],
           seed: int) -> dict[str, tuple[Float, Float]]:
    """What becomes of the deals from these rows of the panel: for each outcome sums and weights by deal."""
    rng = np.random.default_rng(seed)
    paths = np.repeat(rows, REPLICAS)
    deal, week = past.panel.deal[paths], past.panel.week[paths]
    state = change(past.panel.state.take(paths))
    traits = past.deals.traits.take(deal).with_unseen(past.world, past.deals.unseen[deal])
    deals, customer = past.deals.take(deal), past.world.frailty.renew * past.deals.unseen_customer[deal]
    stays, wins, weeks, renewed = np.ones(len(paths)), np.zeros(len(paths)), np.zeros(len(paths)), np.zeros(len(paths))
    for step in range(WEEKS):
        p_win, p_lose = deal_life.resolves(rules, traits, state, week + step)
        odds = renewal_odds(past.world, past.accounts, deals, state) + customer
        wins += stays * p_win
        renewed += stays * p_win / (1 + np.exp(-odds))
        weeks += stays * (p_win + p_lose) * (step + 0.5)
        stays *= 1 - p_win - p_lose
        state, _ = deal_life.moves(rules, traits, state, week + step, rng)
    by_deal = [one.reshape(-1, REPLICAS).mean(axis=1) for one in (wins, weeks, 1 - stays, renewed)]
    return {"win": (by_deal[0], np.ones(len(rows))), "weeks": (by_deal[1], by_deal[2]),
            "renewal": (by_deal[3], by_deal[0])}


def _seen(past: Past, action: Action, landmarks: Int) -> dict[str, tuple[float, float]]:
    """The means of deals that had the action and of those that had not, as they came out within the log."""
    panel, deals = past.panel, past.deals
    ends = np.flatnonzero(panel.won | panel.lost)
    last = np.full(len(deals), -1)
    last[panel.deal[ends]] = ends
    deal = panel.deal[landmarks]
    closed = last[deal] >= 0
    begin, end = landmarks[closed], last[deal[closed]]
    had = action.had(panel.state.take(end))
    won, weeks = panel.won[end], panel.week[end] - panel.week[begin] + 0.5

    had_deal = np.zeros(len(deals), dtype=bool)
    had_deal[deal[closed]] = had
    renewals = np.flatnonzero((deals.kind == RENEWAL) & (deals.term == 1) & (deals.parent >= 0) & (last >= 0))
    renewals = renewals[np.isin(deals.parent[renewals], deal[closed])]
    renewed, before = panel.won[last[renewals]], had_deal[deals.parent[renewals]]
    return {"win": _two_means(won, had), "weeks": _two_means(weeks, had), "renewal": _two_means(renewed, before)}


def _two_means(values: npt.NDArray[Any], had: Bool) -> tuple[float, float]:
    found = [float(values[which].mean()) if which.any() else float("nan") for which in (had, ~had)]
    return found[0], found[1]


def _row(action: str, at: str, outcome: str, done: tuple[Float, Float], blocked: tuple[Float, Float],
         naive: tuple[float, float]) -> dict[str, Any]:
    (a, weight_a), (b, weight_b) = done, blocked
    mean_a, mean_b = a.sum() / weight_a.sum(), b.sum() / weight_b.sum()
    # Both means are ratios of sums over the same deals.
    spread = (a - mean_a * weight_a) / weight_a.mean() - (b - mean_b * weight_b) / weight_b.mean()
    return {"action": action, "at": at, "outcome": outcome, "with": mean_a, "without": mean_b,
            "effect": mean_a - mean_b, "se": spread.std(ddof=1) / np.sqrt(len(a)), "naive_with": naive[0],
            "naive_without": naive[1], "naive": naive[0] - naive[1], "n": len(a)}


def _response(past: Past, seed: int, most: int) -> dict[str, Any]:
    """Leads that are answered within hours at once, against those first answered on their second day."""
    world, life = past.world, past.life
    rng = np.random.default_rng(seed)
    rows = np.sort(rng.choice(len(past.lead_created), min(4 * most, len(past.lead_created)), replace=False))
    late = next(i for i, age in enumerate(world.leads.ages) if age >= 1)
    done, blocked = (_leads(past, rows, step, seed) for step in (0, late))
    horizon = past.lead_created + world.leads.horizon * DAY
    over = horizon <= past.clocks.last
    converted = life.converted & (past.lead_ended <= horizon)
    quick, slow = over & (life.responded_in == 0), over & (life.responded_in >= late) & (
        life.responded_in < life.replied.shape[1])
    naive = _two_means(converted[quick | slow], quick[quick | slow])
    ones = np.ones(len(rows))
    return _row("quick answer", "creation", "convert", (done, ones), (blocked, ones), naive)


def _leads(past: Past, rows: Int, answered: int, seed: int) -> Float:
    """P(converts within the horizon) of leads first answered as that step of their life begins."""
    rng = np.random.default_rng(seed)
    world, paths = past.world, np.repeat(rows, REPLICAS)
    traits = past.lead_traits.take(paths).with_unseen(world, past.lead_unseen[paths])
    traits = replace(traits, respond=np.full(len(paths), -np.inf))
    nothing = np.zeros(len(paths), dtype=np.int8)
    state = LeadState(nothing, nothing)
    stays, converts = np.ones(len(paths)), np.zeros(len(paths))
    for step in range(world.leads.ages.index(world.leads.horizon)):
        if step == answered:
            state = replace(state, response=np.full(len(paths), 1 if step == 0 else 3, dtype=np.int8))
        p_convert, p_out = lead_life.resolves(world, traits, state, step)
        converts += stays * p_convert
        stays *= 1 - p_convert - p_out
        state, _, _ = lead_life.moves(world, traits, state, step, rng)
    return np.asarray(converts.reshape(-1, REPLICAS).mean(axis=1))
