"""Who set which field to what, and when: the raw material of the field history.

Every function returns a data frame of `who` (code of the lead or deal), field, value (text) and at (microseconds).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from features.calendar import DAY
from simulation.clock import in_recession
from simulation.past import Past
from simulation.pipeline import Panel
from simulation.reps import rep_changes

__all__ = ["deal_changes", "lead_changes", "stage_entries"]

Int = npt.NDArray[np.int64]


def stage_entries(past: Past, rng: np.random.Generator) -> pd.DataFrame:
    """Stages entered after the first: deal, row of the panel, stage (one beyond the last: won, two: lost), at."""
    panel, clocks = past.panel, past.clocks
    advanced, ended = np.flatnonzero(panel.moves.advanced), np.flatnonzero(panel.won | panel.lost)
    begin = clocks.weeks[panel.week[advanced]]
    stages = len(past.world.deals.stages)
    return pd.DataFrame({
        "who": np.concatenate([panel.deal[advanced], panel.deal[ended]]),
        "row": np.concatenate([advanced, ended]),
        "stage": np.concatenate([panel.state.stage[advanced] + 1, np.where(panel.won[ended], stages, stages + 1)]),
        "at": np.concatenate([clocks.work.between(rng, begin, begin + 7 * DAY), panel.ended[ended]])})


def lead_changes(past: Past, answered: Int, rng: np.random.Generator) -> pd.DataFrame:
    """Status and owner of leads up to the end of the log.

    answered : moment of each lead's first answer, 2**62 where there is none.
    """
    life, ended, leads = past.life, past.lead_ended, past.world.leads
    old = leads.ages.index(leads.nurture_age)
    everyone, nurtured = np.arange(len(ended)), np.flatnonzero(life.open_at[:, old])
    since = life.bounds[nurtured, old]
    moved = past.clocks.work.between(rng, since, since + 4 * DAY, late=np.full(len(since), 0.1))
    young = np.flatnonzero(answered < life.bounds[:, old])
    parts = [
        (everyone, "status", "New", past.lead_created),
        (young, "status", "Working", answered[young]),
        (nurtured, "status", "Nurturing", moved),
        (everyone, "status", np.where(life.converted, "Converted", "Disqualified").astype(object), ended),
        (everyone, "owner", past.owners.ids[past.lead_owner], past.lead_created),
    ]
    log = pd.concat([pd.DataFrame({"who": who, "field": field, "value": value, "at": at})
                     for who, field, value, at in parts], ignore_index=True)
    return log[log["at"] <= np.minimum(ended[log["who"]], past.clocks.last)]


def deal_changes(past: Past, stage: pd.DataFrame, rival: npt.NDArray[np.bool_],
                 rng: np.random.Generator) -> pd.DataFrame:
    """All logged fields of deals; `stage` as from stage_entries, rival : (deals,) whether there is a competitor."""
    deals, panel = past.deals, past.panel
    names = np.array([*past.world.deals.stages, past.world.deals.won, past.world.deals.lost], dtype=object)
    everyone, given = np.arange(len(deals)), np.flatnonzero(panel.moves.reassigned)
    promised, cut = np.flatnonzero(panel.moves.promised), np.flatnonzero(panel.moves.discounted)
    begin = past.clocks.weeks[panel.week]

    def within(rows: Int) -> Int:
        return past.clocks.work.between(rng, begin[rows], begin[rows] + 7 * DAY)

    return pd.concat([
        pd.DataFrame({"who": everyone, "field": "stage", "value": names[deals.stage], "at": deals.created}),
        pd.DataFrame({"who": stage["who"], "field": "stage", "value": names[stage["stage"]], "at": stage["at"]}),
        pd.DataFrame({"who": everyone, "field": "owner", "value": past.owners.ids[deals.owner], "at": deals.created}),
        pd.DataFrame({"who": panel.deal[given], "field": "owner",
                      "value": past.owners.ids[_owner_a_week_on(panel)[given]],
                      "at": within(given)}),
        pd.DataFrame({"who": panel.deal[promised], "field": "beyond_standard", "value": "yes", "at": within(promised)}),
        pd.DataFrame({"who": panel.deal[cut], "field": "discounts", "at": within(cut),
                      "value": (panel.state.discounts[cut] + 1).astype(str).astype(object)}),
        _loss_reasons(past, rival),
        rep_changes(past, rng)], ignore_index=True)


def _loss_reasons(past: Past, rival: npt.NDArray[np.bool_]) -> pd.DataFrame:
    """Why a deal was lost, set with the loss: nobody decided, no need, a competitor, frozen budgets, the price."""
    panel, lost = past.panel, np.flatnonzero(past.panel.lost)
    slump = in_recession(past.world, (panel.ended[lost] - past.clocks.first) / DAY) > 0
    reason = np.select([panel.slow[lost], panel.state.stage[lost] == 0, rival[panel.deal[lost]], slump],
                       ["no decision", "no need", "competitor", "no budget"], "price")
    return pd.DataFrame({"who": panel.deal[lost], "field": "loss_reason", "value": reason.astype(object),
                         "at": panel.ended[lost]})


def _owner_a_week_on(panel: Panel) -> Int:
    """Owner of each row's deal as the next week begins; of its last row, the owner that it has."""
    order = np.lexsort((panel.week, panel.deal))
    owner = panel.state.owner.astype(np.int64)
    after = owner.copy()
    same = panel.deal[order][1:] == panel.deal[order][:-1]
    after[order[:-1][same]] = owner[order[1:][same]]
    return after
