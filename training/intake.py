"""Deals that do not exist yet: past weeks of intake, drawn whole, so that number, lines and amounts stay together.

Where deals come of leads, those that will come of leads in hand are as many more or fewer as there are leads; renewals
are as many as there are contracts that are due.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache

import numpy as np
import numpy.typing as npt
import pandas as pd

from features.calendar import DAY, business_clock
from features.events import Int
from features.history import History
from features.settings import Settings
from training.amounts import amount_of
from training.draws import Amounts, Part, Sums, draw, numbers, stream
from training.hazard import HazardModel
from training.in_hand import InHand, contracts_in_hand, leads_in_hand
from training.outcomes import OPEN, WON, Outcomes
from training.shock import Wins

__all__ = ["Intake", "draw_intake", "intake"]

Floats = npt.NDArray[np.float64]
Singles = npt.NDArray[np.float32]
Stream = np.random.Generator
Again = tuple[Part, list[tuple[int, int]]]
WEEK = 7 * DAY


@dataclass(frozen=True)
class Intake:
    """The deals of recent weeks, each with its curve from creation on, as those of future weeks will look.

    subject : (n,) codes. week : (n,) how many whole weeks before `as_of` each was seen. chance : (weeks,) of each week
    to come again; recent ones weigh more. busy : (weeks,) business days of each. in_hand : what the leads and the
    contracts in hand change.
    """

    history: History
    as_of: int
    subject: Int
    week: Int
    amount: Floats
    wins: Wins
    chance: Floats
    busy: Floats
    in_hand: tuple[InHand, ...]


def intake(model: HazardModel, history: History, ends: Outcomes, as_of: int, shock: Floats,
           settings: Settings) -> Intake:
    """Read the recent weeks of a history that ends at `as_of`."""
    deals, recent_weeks = history.deals, settings.forecast.recent_weeks
    log_weeks = int((as_of - int(deals.created_at.min(initial=as_of))) // WEEK)
    n_weeks = min(recent_weeks, log_weeks)
    subject = np.flatnonzero(deals.visible_at > as_of - n_weeks * WEEK)
    seen = deals.visible_at[subject]
    wins = Wins.under(model.curves(history, subject, seen), shock)
    # A deal that is entered when it has ended already, as some are, comes with its end.
    state = ends.state_as_of(subject, seen)
    wins.win[:, state != OPEN] = (state[state != OPEN] == WON)[None, :, None]
    weight = 0.5 ** (np.arange(n_weeks) / max(recent_weeks / 2, 1))
    busy = np.array([_business_days(as_of - (one + 1) * WEEK, history) for one in range(n_weeks)])
    chance = weight / weight.sum()
    return Intake(history, as_of, subject, (as_of - seen) // WEEK,
                  amount_of(history, subject, np.full(len(subject), as_of)), wins, chance, busy,
                  (leads_in_hand(history, as_of, chance), contracts_in_hand(history, ends, as_of, chance)))


def draw_intake(recent: Intake, codes: dict[str, Int], start: int, end: int, level: Int, amounts: Amounts,
                sums: dict[str, Sums]) -> None:
    """Draw the deals to come that are won in (start, end] and add them: each draw gives each future week the intake of
    one past week, whole. codes : by grouping, (n,) the line of each recent deal.

    Which week comes again hangs on no deal, and each deal draws from a stream of its own, so that one deal more moves
    no other's draws."""
    if not len(recent.chance):
        return
    weeks, streams = np.random.default_rng(0), _streams(recent)
    for parts in _weeks(recent, codes, start, end):
        chosen = weeks.choice(len(recent.chance), size=len(level), p=recent.chance)
        for week in np.unique(chosen):
            rows, (part, own) = np.flatnonzero(chosen == week), parts[week]
            drawn_from = [streams(*one) for one in own]

            def uniform(here: slice, drawn_from: list[Stream] = drawn_from, rows: Int = rows) -> Singles:
                return numbers(drawn_from[here], len(rows))

            draw(part, level, rows, uniform, amounts, sums)


def _streams(recent: Intake) -> Callable[[int, int], Stream]:
    """The stream of each recent deal, by its position, that each copy of it draws from. They are kept from week to
    week: making one costs more than what a week asks of it. An open deal that also comes again does so by other
    numbers."""
    seeds = pd.util.hash_array(recent.history.deals.ids[recent.subject].astype(object), hash_key="deals come again")
    return cache(lambda deal, copy: stream(int(seeds[deal]) + copy))


def _weeks(recent: Intake, codes: dict[str, Int], start: int, end: int) -> Iterator[list[Again]]:
    """For each future week, what each past week's intake would bring if it came again. A week with fewer business days
    than its source has, by as much, less of it."""
    members = [np.flatnonzero(recent.week == one) for one in range(len(recent.chance))]
    for ahead in range(int(-(-(end - recent.as_of) // WEEK))):
        # A deal of a past week comes again in a future one, as many weeks later as lie between the two.
        later = (recent.week + 1 + ahead) * WEEK
        win = recent.wins.between(max(start, recent.as_of) - later, end - later)
        days = _business_days(recent.as_of + ahead * WEEK, recent.history)
        share = (days / np.maximum(recent.busy, 0.5))[recent.week]
        for one in recent.in_hand:
            share = share * one.share(recent.subject, later, recent.as_of, ahead)
        yield [_part(recent, codes, win, share, here) for here in members]


def _part(recent: Intake, codes: dict[str, Int], win: Singles, share: Floats, here: Int) -> Again:
    """Deals of one week, each counting `share` times; one that is likelier won than 1 in `share` comes more than once,
    since no chance exceeds 1. With the recent deal that each is, by its position, and which copy of it."""
    times = np.where(win[:, here].max(axis=0, initial=0.0) * share[here] > 1.0, np.ceil(share[here]), 1.0).astype(int)
    copy = np.arange(times.sum()) - np.repeat(np.cumsum(times) - times, times)
    here, times = np.repeat(here, times), np.repeat(times, times)
    counts = np.where(times == 1, share[here], np.minimum(share[here] - copy, 1.0)).astype(np.float32)
    part = Part(win[:, here] * counts, recent.amount[here], {name: code[here] for name, code in codes.items()})
    return part, list(zip(here.tolist(), copy.tolist(), strict=True))


def _business_days(start: int, history: History) -> float:
    clock = business_clock(np.array([start, start + WEEK]), history.mapping)
    return float(clock[1] - clock[0])
