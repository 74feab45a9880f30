"""The worklist: which leads to work first within a budget, and what working in its order would have reached before.

A list is drawn up by expected value: each next contact goes to the lead with the most to gain, less what the contact
costs. Leads of high and of low intent stand in it as what they are, and everything that is told of it is told of each
band by itself. It takes the worth of a contact to follow the lead's chance: how much a contact changes that chance is
not known from a CRM's log.

The past: at each fold of a training, lists are drawn up as they would have been (every 7 days until the next origin,
by the model of that origin and what was known on the day), of leads whose horizon has ended since.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from features.calendar import DAY
from features.errors import BadInput
from features.events import Int
from features.history import History
from features.intent import HIGH, LOW, intent_bands
from features.money import minor_digits
from features.rules import rule_points
from features.settings import Settings
from training.evidence.effort import Case, effort
from training.evidence.judge import won_by
from training.evidence.rolling import Fold, Task
from training.hazard import LandmarkTable, landmark_table
from training.outcomes import Landmarks
from training.value import AMOUNT, conversion_amounts, expected_value, usual_amount, value_of_grade

__all__ = ["Worklist", "cases_at_age", "contacts_within", "past_worklists", "worklist"]

Floats = npt.NDArray[np.float64]
WindowEnd = Callable[[History, Int, Int], Int]
LIST_EVERY_DAYS = 7
MOST_ROWS = 20_000  # of a fold's lists together: larger companies' lists are looked at less often


@dataclass(frozen=True)
class Worklist:
    """rows : the leads to work, first to last. bands : what each band's part of the list is expected to bring. left :
    leads beyond the budget. not_worth : leads that would bring less than their contact costs."""

    rows: pd.DataFrame
    bands: list[dict[str, Any]]
    left: int
    not_worth: int


def contacts_within(hours: float, settings: Settings) -> int:
    """How many contacts so many hours are enough for. Raises BadInput when for none."""
    if not np.isfinite(hours):
        raise BadInput(f"Say for how many hours leads can be contacted, not {hours:g}.")
    contacts = int(hours / settings.value.hours_per_contact + 1e-9)
    if contacts < 1:
        raise BadInput(f"{hours:g} hours are not enough for one contact, which takes "
                       f"{settings.value.hours_per_contact:g} (value.hours_per_contact in dealcast.yaml).")
    return contacts


def worklist(history: History, scores: pd.DataFrame, said: pd.DataFrame, as_of: int, contacts: int,
             settings: Settings) -> Worklist:
    """The leads to work first, at most `contacts` of them.

    scores : lead_id and probability of every open lead, by the model. said : overrides that stand
    (`features.overrides`): a probability said by hand takes the model's place in the order, and a grade moves the
    expected value into its range. Returns rows of rank, lead_id, band, probability (the model's own), said_grade,
    said_probability, note, expected_value and cost, in minor units.
    """
    subject = history.codes("lead", scores["lead_id"].to_numpy(object))
    frame = scores[["lead_id", "probability"]].reset_index(drop=True)
    by_hand = said.set_index("lead_id")[["grade", "probability", "note"]].add_prefix("said_")
    frame = frame.join(by_hand.rename(columns={"said_note": "note"}), on="lead_id")
    at = np.full(len(subject), as_of)
    frame["band"] = intent_bands(history, subject, at, settings.intent)
    usual, currency = usual_amount(history, as_of, settings), history.mapping.currency
    amount = conversion_amounts(history, subject, at, usual)
    chance = np.asarray(frame["said_probability"].astype("float64").fillna(frame["probability"]), dtype=np.float64)
    frame["expected_value"] = [
        value_of_grade(grade, value, usual, settings, currency) if isinstance(grade, str) else value
        for grade, value in zip(frame["said_grade"], expected_value(chance, amount).tolist(), strict=True)]
    frame["cost"] = settings.value.cost_per_contact * 10.0 ** minor_digits(currency)
    frame["expected_value"] = np.minimum(frame["expected_value"], amount)  # no word by hand makes it more
    frame["chance"] = frame["expected_value"] / amount
    # The budget goes, contact by contact, to the band whose next lead gains most, and each band's next lead is the one
    # that gains most in it: together that is one order by gain.
    gain = frame["expected_value"] - frame["cost"]
    worth = frame.assign(gain=gain)[(gain >= 0) & (frame["expected_value"] > 0)]
    worth = worth.sort_values(["gain", "lead_id"], ascending=[False, True], kind="stable")
    chosen = worth.head(contacts).reset_index(drop=True)
    chosen.insert(0, "rank", np.arange(1, len(chosen) + 1))
    columns = ["rank", "lead_id", "band", "probability", "said_grade", "said_probability", "note", "expected_value",
               "cost"]
    return Worklist(chosen[columns], [_band(chosen, worth, band) for band in (HIGH, LOW)], len(worth) - len(chosen),
                    len(frame) - len(worth))


def _band(chosen: pd.DataFrame, worth: pd.DataFrame, band: str) -> dict[str, Any]:
    """What a band's part of the list is expected to bring; `next_value` is that of the first lead beyond it."""
    ours, everyone = chosen[chosen["band"] == band], worth[worth["band"] == band]
    beyond = everyone["expected_value"].iloc[len(ours):]
    return {"band": band, "open": len(everyone), "contacts": len(ours),
            "expected_conversions": float(ours["chance"].sum()), "expected_value": float(ours["expected_value"].sum()),
            "cost": float(ours["cost"].sum()), "next_value": float(beyond.iloc[0]) if len(beyond) else None}


def past_worklists(job: Task, folds: list[Fold], as_of: int, settings: Settings, window_end: WindowEnd,
                   horizon_days: float) -> dict[str, Any]:
    """What earlier lists would have reached, by the models of a training's folds: see `training.evidence.effort`.

    window_end : the end of leads' horizons, from a history, codes and moments. Nothing after `as_of` is looked at, and
    only leads whose horizon had ended by then.
    """
    cases = []
    for i, fold in enumerate(folds):
        until = folds[i + 1].origin if i + 1 < len(folds) else as_of
        cases += _cases_of(job, fold, until, as_of, settings, window_end)
    return {"horizon_days": horizon_days, "lists": len(cases), "rules": job.history.rules is not None,
            "bands": effort(cases, horizon_days)}


def _cases_of(job: Task, fold: Fold, until: int, as_of: int, settings: Settings, window_end: WindowEnd) -> list[Case]:
    moments = range(fold.origin, until, LIST_EVERY_DAYS * DAY)
    lists = []
    for moment in moments:
        subject = job.ends.open_at(moment)
        at = np.full(len(subject), moment)
        end = window_end(job.history, subject, at)
        asked = (end > moment) & (end <= as_of)
        asked[asked] = job.ends.is_answered(subject[asked], at[asked], end[asked])
        # A list of those whose horizon has ended and not of the others would be another list.
        if asked.any() and (end <= as_of).all():
            lists.append((Landmarks(subject[asked], at[asked]), end[asked]))
    every = max(1, int(np.ceil(sum(len(marks) for marks, _ in lists) / MOST_ROWS)))
    return [_case(job, fold, landmark_table(job.history, "lead", marks), end, settings)
            for marks, end in lists[::every]]


def cases_at_age(job: Task, folds: list[Fold], as_of: int, age_days: float, settings: Settings) -> list[Case]:
    """One list per fold: the leads that were still open at an age (one of the landmarks' ages), ranked at that age."""
    marks = job.table.landmarks
    age = (marks.at - job.history.leads.visible_at[marks.subject]) / DAY
    answered = job.ends.is_answered(marks.subject, marks.at, np.minimum(job.window_end, as_of))
    wanted = (age == age_days) & (job.window_end <= as_of) & answered
    found = []
    for fold in folds:
        rows = fold.later[wanted[fold.later]]
        if len(rows):
            found.append(_case(job, fold, job.table.take(rows), job.window_end[rows], settings))
    return found


def _case(job: Task, fold: Fold, table: LandmarkTable, end: Int, settings: Settings) -> Case:
    history, marks = job.history, table.landmarks
    probability = fold.model.curves_of(history, table).win_by(end)
    amount = conversion_amounts(history, marks.subject, marks.at, usual_amount(history, int(marks.at.min()), settings))
    points = {"model": probability}
    if history.mapping.field_types("lead").get(AMOUNT) == "money":  # else it is the same order
        points["expected value"] = expected_value(probability, amount)
    if history.rules is not None:
        points["rules"] = rule_points(history, marks.subject, marks.at)
    points["newest first"] = history.leads.created_at[marks.subject].astype(np.float64)
    points["random"] = np.zeros(len(marks))
    return Case(fold.origin, points, won_by(job.ends, marks, end), amount,
                intent_bands(history, marks.subject, marks.at, settings.intent))
