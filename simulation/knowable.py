"""What can be known of what nobody sees, from what a lead or a deal has shown so far.

Each of the values that it may have (`frailty.nodes`) is weighted with the chance of all that was seen up to a moment:
that the subject went on being open, that the customer got in touch or did not, that the deal moved on or did not.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from simulation import deal_life, lead_life
from simulation.frailty import nodes
from simulation.past import Past
from simulation.pipeline import RENEWAL, Panel

__all__ = ["deal_weights", "draw_by_weights", "has_unseen", "lead_weights"]

Int = npt.NDArray[np.int64]
Float = npt.NDArray[np.float64]
AT_ONCE = 100_000  # rows


def has_unseen(past: Past) -> bool:
    """Whether there is anything that nobody sees."""
    sizes = past.world.frailty
    return any((sizes.win, sizes.lose, sizes.pace, sizes.reply, sizes.proof, sizes.lead, sizes.lead_out,
                sizes.lead_reply, sizes.renew))


def deal_weights(past: Past, rows: Int) -> Float:
    """P(each value | what the deal has shown as the row's week begins), (rows, nodes); rows of the panel, ascending."""
    panel, values = past.panel, nodes(past.world)
    logs = np.zeros((len(past.deals), len(values)))
    renewals = np.flatnonzero(past.deals.kind == RENEWAL)
    odds = past.deals.traits.renew[renewals, None] + past.world.frailty.renew * values
    # That the customer is still one says that it renewed each time before.
    logs[renewals] = -(past.deals.term[renewals, None] - 1) * np.log1p(np.exp(-odds))
    found = np.zeros((len(rows), len(values)))
    bounds = np.searchsorted(panel.week, np.arange(panel.week[-1] + 2)) if len(panel.week) else np.zeros(1, dtype=int)
    wanted = np.searchsorted(rows, bounds)
    for week in range(len(bounds) - 1):
        if wanted[week] == len(rows):
            break
        asked = slice(wanted[week], wanted[week + 1])
        found[asked] = logs[panel.deal[rows[asked]]]
        for first in range(bounds[week], bounds[week + 1], AT_ONCE):
            part = panel.rows(slice(first, min(first + AT_ONCE, bounds[week + 1])))
            part = part.rows(~(part.won | part.lost))
            logs[part.deal] += _seen_in_week(past, part, week, values)
    return _normalised(found)


def _seen_in_week(past: Past, part: Panel, week: int, values: Float) -> Float:
    """Log-chance of what these deals, which stayed open, showed in the week, under each value."""
    found = np.zeros((len(part.deal), len(values)))
    traits, moved = past.deals.traits.take(part.deal), part.moves
    usual = np.isnan(traits.renew)
    may_prove = usual & moved.replied & (part.state.proof == 0)
    for i, value in enumerate(values):
        here = traits.with_unseen(past.world, np.full(len(part.deal), value))
        p_win, p_lose = deal_life.resolves(past.rules, here, part.state, week)
        chances = deal_life.chances(past.rules, here, part.state, week)
        found[:, i] = np.log1p(-p_win - p_lose) + _either(moved.replied, chances.reply)
        found[:, i] += np.where(usual, _either(moved.advanced, chances.advance), 0.0)
        found[:, i] += np.where(may_prove, _either(moved.proved > 0, chances.proof), 0.0)
    return found


def _either(happened: npt.NDArray[np.bool_], chance: Float) -> Float:
    return np.log(np.where(happened, np.maximum(chance, 1e-300), 1 - chance))


def lead_weights(past: Past, rows: Int, step: int) -> Float:
    """P(each value | what the lead has shown as the step of its life begins), (rows, nodes)."""
    world, life, values = past.world, past.life, nodes(past.world)
    found = np.zeros((len(rows), len(values)))
    traits = past.lead_traits.take(rows)
    for before in range(step):
        state = life.states[before].take(rows)
        answered, times = life.responded_in[rows] == before, life.replied[rows, before]
        for i, value in enumerate(values):
            here = traits.with_unseen(world, np.full(len(rows), value))
            p_convert, p_out = lead_life.resolves(world, here, state, before)
            rate = lead_life.contacts(world, here, state, before, answered)
            found[:, i] += np.log1p(-p_convert - p_out) - rate + np.where(
                times > 0, times * np.log(np.maximum(rate, 1e-300)), 0.0)
    return _normalised(found)


def _normalised(logs: Float) -> Float:
    weights = np.exp(logs - logs.max(axis=1, keepdims=True))
    return np.asarray(weights / weights.sum(axis=1, keepdims=True))


def draw_by_weights(values: Float, weights: Float, replicas: int, rng: np.random.Generator) -> Float:
    """For each row, `replicas` values in proportion to its weights, evenly spread, (rows * replicas,)."""
    spread = (np.arange(replicas) + rng.random((len(weights), 1))) / replicas
    upto = np.cumsum(weights, axis=1)[:, None, :-1]
    return np.asarray(values[(spread[:, :, None] >= upto).sum(axis=2)].ravel())
