"""What the reps write down about their deals: amount, expected close, forecast category and probability.

They look at the same things that drive the deal, with their own optimism and noise, so their word helps but knows
nothing that the rest of the CRM does not show.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from features.calendar import DAY, local_micros
from simulation.clock import Clocks
from simulation.deal_life import SEATS
from simulation.past import Past
from simulation.people import Owners
from simulation.pipeline import Panel
from simulation.world import World

__all__ = ["CATEGORIES", "rep_changes", "rounded"]

Int = npt.NDArray[np.int64]
Float = npt.NDArray[np.float64]
Bool = npt.NDArray[np.bool_]
# In the order of the codes.
CATEGORIES = ("omitted", "pipeline", "best case", "commit", "closed")
OMITTED, CLOSED = 0, 4
_BITS = np.array([max((mask & 7).bit_count(), 1) for mask in range(1 << SEATS)])  # roles, of the first three people


@dataclass
class Notes:
    """What stands in the CRM for each deal now, (deals,) each. expected : days since 1970, company time."""

    amount: Float
    expected: Int
    category: Int
    probability: Int


def rep_changes(past: Past, rng: np.random.Generator) -> pd.DataFrame:
    """Every change of the four fields: who (code of the deal), field, value (text), at (microseconds)."""
    world, clocks, owners, deals, panel = past.world, past.clocks, past.owners, past.deals, past.panel
    settings, n = world.reps, len(deals)
    noise = rng.standard_normal(n) * settings.noise_spread
    notes = Notes(rounded(deals.amount), np.zeros(n, dtype=np.int64), np.zeros(n, dtype=np.int64),
                  np.zeros(n, dtype=np.int64))
    everyone = np.arange(n)
    first = np.zeros(n, dtype=np.int64)
    notes.expected = _guess(world, owners, deals.owner, first, _local_day(deals.created, world), rng)
    notes.probability, notes.category = _opinion(world, owners, deals.owner, first, first, first, first + 1, noise)
    changes = [_rows(everyone, name, notes, deals.created)
               for name in ("amount", "expected_close", "forecast_category", "rep_probability")]

    offsets = np.searchsorted(panel.week, np.arange(clocks.closed + 1))
    for week in range(clocks.closed):
        rows = panel.rows(slice(offsets[week], offsets[week + 1]))
        changes += _week(world, clocks, owners, notes, rows, noise, rng)
    return pd.concat(changes, ignore_index=True)


def _week(world: World, clocks: Clocks, owners: Owners, notes: Notes, rows: Panel, noise: Float,
          rng: np.random.Generator) -> list[pd.DataFrame]:
    """One week's changes; `notes` is brought up to date."""
    settings = world.reps
    n, deal, state = len(rows.deal), rows.deal, rows.state
    if not n:
        return []
    ends, stays = rows.won | rows.lost, ~(rows.won | rows.lost)
    begin = clocks.weeks[rows.week]
    at = clocks.work.between(rng, begin, begin + 7 * DAY)
    stage = state.stage.astype(np.int64) + rows.moves.advanced
    owner = state.owner.astype(np.int64)
    today = _local_day(begin, world)
    changes = []

    amount, kind = notes.amount[deal], rng.random(n)
    mean, spread = np.array(settings.amount_mean)[stage], np.array(settings.amount_spread)[stage]
    drift = np.exp(mean + spread * rng.standard_normal(n))
    discount = stays & rows.moves.discounted
    revised = stays & rows.moves.advanced & (kind < np.array(settings.amount_changed)[stage])
    cut = 1 - world.causes.discount_cut
    amount = rounded(np.select([revised, discount], [amount * drift, amount * cut], amount))
    changed = (revised | discount) & (amount != notes.amount[deal])
    notes.amount[deal[changed]] = amount[changed]
    changes.append(_rows(deal[changed], "amount", notes, at[changed]))

    guess = _guess(world, owners, owner, stage, today, rng)
    due = stays & (notes.expected[deal] < today + 7) & (rng.random(n) > settings.forgets)
    steps = 1 + np.searchsorted(np.cumsum(settings.push_steps)[:-1], rng.random(n))
    pushed = _month_end(np.maximum(notes.expected[deal] + 1, today), steps - 1)
    again = stays & rows.moves.advanced & (np.abs(guess - notes.expected[deal]) > 31)
    expected = np.where(again, np.maximum(guess, today + 7), np.where(due, pushed, notes.expected[deal]))
    changed = expected != notes.expected[deal]
    notes.expected[deal[changed]] = expected[changed]
    changes.append(_rows(deal[changed], "expected_close", notes, at[changed]))

    silence = np.where(rows.moves.replied, 0, state.silence + 1)
    proof = np.minimum(state.proof | rows.moves.proved, 1)
    probability, category = _opinion(world, owners, owner, stage, silence, proof,
                                     _BITS[state.roles | rows.moves.role], noise[deal])
    looks = stays & (rows.moves.advanced | (rng.random(n) < settings.revised))
    for name, kept, new in (("rep_probability", notes.probability, probability),
                            ("forecast_category", notes.category, category)):
        changed = looks & (kept[deal] != new)
        kept[deal[changed]] = new[changed]
        changes.append(_rows(deal[changed], name, notes, at[changed]))

    # The day of the end: the CRM itself closes the fields.
    over, moment, won = deal[ends], rows.ended[ends], rows.won[ends]
    for name, kept, new in (("expected_close", notes.expected, _local_day(moment, world)),
                            ("rep_probability", notes.probability, np.where(won, 100, 0)),
                            ("forecast_category", notes.category, np.where(won, CLOSED, OMITTED))):
        changed = kept[over] != new
        kept[over[changed]] = new[changed]
        changes.append(_rows(over[changed], name, notes, moment[changed]))
    return changes


def _rows(deal: Int, name: str, notes: Notes, at: Int) -> pd.DataFrame:
    if name == "amount":
        value = notes.amount[deal].astype(np.int64).astype(str)
    elif name == "expected_close":
        value = notes.expected[deal].astype("datetime64[D]").astype(str)
    elif name == "forecast_category":
        value = np.array(CATEGORIES)[notes.category[deal]]
    else:
        value = notes.probability[deal].astype(str)
    return pd.DataFrame({"who": deal, "field": name, "value": value.astype(object), "at": at})


def _opinion(world: World, owners: Owners, owner: Int, stage: Int, silence: Int, proof: Int, roles: Int,
             noise: Float) -> tuple[Int, Int]:
    """The rep's probability (percent, in fives) and category."""
    settings = world.reps
    odds = (np.array(settings.probability_by_stage)[stage] + settings.probability_by_silence * np.minimum(silence, 6)
            + settings.probability_by_proof * proof + settings.probability_by_role * (roles - 1)
            + owners.bias[owner] + noise)
    chance = 1 / (1 + np.exp(-odds))
    category = np.where(chance >= settings.commit, 3, np.where(chance >= settings.best_case, 2, 1))
    category = np.where(silence >= settings.omitted_after, OMITTED, category)
    return np.clip(np.round(chance * 20) * 5, 5, 95).astype(np.int64), category


def _guess(world: World, owners: Owners, owner: Int, stage: Int, today: Int, rng: np.random.Generator) -> Int:
    """The month end nearest to the day on which the rep thinks the deal closes."""
    settings = world.reps
    weeks = (np.array(settings.weeks_left)[stage] * owners.optimism[owner]
             * np.exp(settings.guess_spread * rng.standard_normal(len(today))))
    return _month_end(today + np.round(7 * weeks).astype(np.int64) - 15, 0)


def _month_end(day: Int, months_on: Int | int) -> Int:
    """The last day of the month that holds `day`, or of a later one."""
    month = day.astype("datetime64[D]").astype("datetime64[M]") + months_on + 1
    return month.astype("datetime64[D]").astype(np.int64) - 1


def _local_day(moment: Int, world: World) -> Int:
    return local_micros(moment, world.zone) // DAY


def rounded(amount: Float) -> Float:
    """Amounts as people write them: in steps of 50 below 10,000, of 500 below 100,000, else of 1,000."""
    step = np.where(amount < 10_000, 50, np.where(amount < 100_000, 500, 1_000))
    return np.maximum(np.round(amount / step) * step, 500.0)
