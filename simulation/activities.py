"""Calls, mails, meetings, demos, proofs of concept and quotes: what the CRM shows of the work on leads and deals.

The customer's contacts are just those that the lives of leads and deals counted: a week with a reply has at least
one inbound mail or call, a week without has none.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from features.calendar import DAY
from simulation.markets import Offices, market_of
from simulation.past import Past
from simulation.world import World

__all__ = ["deal_activities", "lead_activities"]

Int = npt.NDArray[np.int64]
LONG = ("meeting", "demo", "discovery meeting", "ROI study", "value review")
Float = npt.NDArray[np.float64]
SECOND = 1_000_000


def _frame(who: Int, kind: npt.NDArray[np.object_] | str, direction: str, at: Int, owner: Int) -> pd.DataFrame:
    return pd.DataFrame({"who": who, "kind": kind, "direction": direction, "at": at, "owner": owner})


def _mail_or_call(rng: np.random.Generator, world: World, n: int) -> npt.NDArray[np.object_]:
    return np.where(rng.random(n) < world.activities.call_share, "call", "email").astype(object)


def lead_activities(past: Past, rng: np.random.Generator) -> tuple[pd.DataFrame, Int]:
    """Activities about leads, and the moment of each lead's first answer (2**62: none)."""
    world, clocks, life, owner = past.world, past.clocks, past.life, past.lead_owner
    n, steps = life.replied.shape
    answered = np.full(n, 2**62)
    parts = []
    for step in range(steps):
        begin, end = life.bounds[:, step], np.minimum(life.bounds[:, step + 1], past.lead_ended)
        # The answer comes in the first half of the step's working time, so that a reply can follow in it.
        now = np.flatnonzero(life.responded_in == step)
        early = 0.5 * rng.random(len(now))
        answered[now] = clocks.work.between(rng, begin[now], life.bounds[now, step + 1], late=early)
        parts.append(_frame(now, _mail_or_call(rng, world, len(now)), "outbound", answered[now], owner[now]))

        who = np.repeat(np.arange(n), life.replied[:, step])
        at = clocks.work.between(rng, np.maximum(begin[who], answered[who]), life.bounds[who, step + 1])
        parts.append(_frame(who, _mail_or_call(rng, world, len(who)), "inbound", at, owner[who]))

        open_now = np.flatnonzero(life.open_at[:, step] & (answered < end))
        since = np.maximum(begin[open_now], answered[open_now])
        work = clocks.work.read(end[open_now]) - clocks.work.read(since)
        pace = world.leads.chase * (1.0 if world.leads.ages[step] < world.leads.nurture_age else 1 / 3)
        who = np.repeat(open_now, rng.poisson(pace * work))
        at = clocks.work.between(rng, np.maximum(begin[who], answered[who]), end[who])
        parts.append(_frame(who, _mail_or_call(rng, world, len(who)), "outbound", at, owner[who]))
    return _sized(pd.concat(parts, ignore_index=True), rng), answered


def deal_activities(past: Past, stage: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """Activities about deals; `stage` as from changes.stage_entries."""
    world, clocks, deals, panel = past.world, past.clocks, past.deals, past.panel
    settings, state = world.activities, panel.state
    negotiation = len(world.deals.stages) - 1
    begin = clocks.weeks[panel.week]
    # In the week of its end a deal is worked until then; the panel's last week lies beyond the log.
    end = np.where(panel.won | panel.lost, panel.ended, begin + 7 * DAY)
    live = np.flatnonzero(panel.week < clocks.closed)
    offices, market = Offices(world, clocks), market_of(world, past.accounts.country[deals.account])[panel.deal]
    pace = (offices.read(market, end) - offices.read(market, begin)) / 5

    def spread(rows: Int) -> Int:
        return offices.between(rng, market[rows], begin[rows], end[rows])

    def about(rows: Int, kind: npt.NDArray[np.object_] | str, direction: str, at: Int | None = None) -> pd.DataFrame:
        return _frame(panel.deal[rows], kind, direction, spread(rows) if at is None else at,
                      state.owner[rows].astype(np.int64))

    # Every deal starts with a call from the customer.
    parts = [_frame(np.arange(len(deals)), "call", "inbound", deals.created + 60 * SECOND, deals.owner)]
    for kind, rates in (("email", settings.mails_out), ("call", settings.calls_out)):
        rows = np.repeat(live, rng.poisson(np.array(rates)[state.stage[live]] * pace[live]))
        parts.append(about(rows, kind, "outbound"))
    replied = np.flatnonzero(panel.moves.replied)
    rows = np.repeat(replied, 1 + rng.poisson(settings.more_mails_in, len(replied)))
    parts.append(about(rows, _mail_or_call(rng, world, len(rows)), "inbound"))
    for kind, rates in (("meeting", settings.meeting), ("demo", settings.demo)):
        rows = replied[rng.random(len(replied)) < np.array(rates)[state.stage[replied]]]
        parts.append(about(rows, kind, ""))
    for kind, code in (("proof of concept", 1), ("ROI study", 2), ("reference", 3)):
        parts.append(about(np.flatnonzero(panel.moves.proved == code), kind, ""))
    for kind, happened in (("discovery meeting", panel.moves.discovered), ("value review", panel.moves.anchored)):
        parts.append(about(np.flatnonzero(happened), kind, ""))
    first = stage[stage["stage"] == negotiation]
    parts.append(about(first["row"].to_numpy(), "quote", "outbound", first["at"].to_numpy() + 1800 * SECOND))
    last_stage = live[state.stage[live] == negotiation]
    again = last_stage[rng.random(len(last_stage)) < settings.quote * pace[last_stage]]
    parts.append(about(again, "quote", "outbound"))
    return _sized(pd.concat(parts, ignore_index=True), rng)


def _sized(activities: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """Add how long it took: calls some minutes, meetings and demos about an hour, the rest nothing."""
    kind = activities["kind"].to_numpy(object)
    minutes = np.select([kind == "call", np.isin(kind, LONG)], [8.0, 50.0], 0.0)
    activities["seconds"] = np.round(60 * minutes * np.exp(0.5 * rng.standard_normal(len(kind)))).astype(np.int64)
    return activities
