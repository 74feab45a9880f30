"""Deal features: where a deal stands and how it got there, from what was known of it as of a date."""

from __future__ import annotations

import numpy as np

from features.asof import (
    AsOf,
    Feature,
    Floats,
    Texts,
    age_days,
    category,
    count,
    days_since_last,
    days_until,
    newest,
    number,
    oldest,
)
from features.calendar import DAY, fiscal_quarter, quarter_index

__all__ = ["DEAL_FEATURES"]


def _stage_order(pairs: AsOf) -> Floats:
    order = {stage.name: float(i) for i, stage in enumerate(pairs.history.mapping.stages)}
    return np.array([order.get(name, np.nan) for name in category(pairs.changes("stage"), pairs)], dtype=np.float64)


def _days_in_stage(pairs: AsOf) -> Floats:
    """Days since the stage was set; the age where it is unknown, or where all that is known is a snapshot's first sight
    of the deal, which says nothing of when the stage was entered."""
    events = pairs.changes("stage")
    since_stage = days_since_last(events, pairs)
    unknown = np.isnan(since_stage)
    if not pairs.history.mapping.is_logged(pairs.kind, "stage"):
        unknown |= newest(events, pairs) == oldest(events, pairs)
    return np.where(unknown, age_days(pairs), since_stage)


def _steps_back(pairs: AsOf) -> Floats:
    """Stage rows whose stage stands before that of the row before them, so far."""
    events = pairs.changes("stage")
    order = {stage.name: i for i, stage in enumerate(pairs.history.mapping.stages)}
    rank = np.array([order.get(name, -1) for name in events.value], dtype=np.int64)
    back = np.zeros(len(events), dtype=bool)
    back[1:] = (rank[1:] < rank[:-1]) & (events.subject[1:] == events.subject[:-1]) & (rank[1:] >= 0)
    return count(events.where(back), pairs)


def _amount_change(pairs: AsOf) -> Floats:
    """Amount now over the first amount; NaN where either is unknown or 0."""
    events = pairs.changes("amount")
    if not len(events):
        return np.full(len(pairs.at), np.nan)
    row = oldest(events, pairs)
    now, first = number(events, pairs), np.where(row >= 0, events.numbers[row], np.nan)
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = now / first
    return np.where(np.isfinite(ratio), ratio, np.nan)


def _days_pushed(pairs: AsOf) -> Floats:
    """Days by which the expected close stands later than when it was first entered."""
    events = pairs.changes("expected_close")
    if not len(events):
        return np.full(len(pairs.at), np.nan)
    first, last = oldest(events, pairs), newest(events, pairs)
    return np.asarray(np.where(last >= 0, (events.moments[last] - events.moments[first]) / DAY, np.nan))


def _pushes(pairs: AsOf) -> Floats:
    return np.maximum(count(pairs.changes("expected_close"), pairs) - 1, 0)


def _roles_reached(pairs: AsOf) -> Floats:
    reached = [count(pairs.history.deal_roles(role), pairs) > 0
               for role in ("technical", "budget", "business", "user")]
    return np.asarray(np.sum(reached, axis=0), dtype=np.float64)


def _days_to_quarter_end(pairs: AsOf) -> Floats:
    mapping = pairs.history.mapping
    _, first, position = np.unique(quarter_index(pairs.at, mapping), return_index=True, return_inverse=True)
    ends = np.array([fiscal_quarter(int(moment), mapping)[2] for moment in pairs.at[first]], dtype=np.int64)
    return np.asarray((ends[position] - pairs.at) / DAY, dtype=np.float64)


def _kind(pairs: AsOf) -> Texts:
    links = pairs.history.deals.links
    if "kind" not in links:
        return np.full(len(pairs.at), None, dtype=object)
    kind = links["kind"].astype(object)
    known = kind.where(kind.notna(), None)
    return np.asarray(known, dtype=object)[pairs.subject]


DEAL_FEATURES = [
    Feature("deal_age_days", "Days since the deal was created.", "days", "number", "age", False,
            "the deal is {value} days old", age_days),
    Feature("stage", "Stage of the deal.", "text", "category", "stage", True, "it stands at {value}",
            lambda pairs: category(pairs.changes("stage"), pairs)),
    Feature("stage_order", "Position of the stage in the company's list.", "position", "number", "stage", True,
            "how far its stage is", _stage_order),
    Feature("days_in_stage", "Days since the stage was last set.", "days", "number", "time in stage", True,
            "{value} days in its stage", _days_in_stage),
    Feature("stage_changes", "How often the stage was set.", "changes", "number", "stage history", False,
            "its stage was set {value} times", lambda pairs: count(pairs.changes("stage"), pairs)),
    Feature("stage_changes_last_28d", "Stage changes in the last 28 days.", "changes", "number", "stage history", True,
            "{value} stage changes in 28 days", lambda pairs: count(pairs.changes("stage"), pairs, 28)),
    Feature("steps_back", "Steps back to an earlier stage.", "changes", "number", "stage history", False,
            "{value} steps back to an earlier stage", _steps_back),
    Feature("amount", "Amount of the deal.", "minor units", "number", "amount", False, "the size of its amount",
            lambda pairs: number(pairs.changes("amount"), pairs)),
    Feature("amount_change_ratio", "Amount now over the first amount.", "ratio", "number", "amount", False,
            "how its amount changed since the start", _amount_change),
    Feature("deal_owner", "Who works the deal.", "text", "category", "owner", False, "it is owned by {value}",
            lambda pairs: category(pairs.changes("owner"), pairs)),
    Feature("owner_changes", "How often the owner was set.", "changes", "number", "owner", False,
            "its owner was set {value} times", lambda pairs: count(pairs.changes("owner"), pairs)),
    Feature("days_to_expected_close", "Days until the close date that the rep expects.", "days", "number",
            "expected close", True, "its expected close is {value} days away",
            lambda pairs: days_until(pairs.changes("expected_close"), pairs)),
    Feature("expected_close_pushes", "How often the expected close was moved.", "changes", "number", "expected close",
            True, "its expected close was moved {value} times", _pushes),
    Feature("expected_close_days_pushed", "Days by which the expected close moved since it was first set.", "days",
            "number", "expected close", True, "its expected close moved by {value} days", _days_pushed),
    Feature("forecast_category", "The rep's forecast category.", "text", "category", "rep's view", False,
            "its rep calls it {value}", lambda pairs: category(pairs.changes("forecast_category"), pairs)),
    Feature("rep_probability", "The rep's own probability.", "as entered", "number", "rep's view", False,
            "its rep's probability is {value}", lambda pairs: number(pairs.changes("rep_probability"), pairs)),
    Feature("contacts_reached", "Contacts who take part in the decision.", "contacts", "number", "roles", True,
            "{value} contacts take part", lambda pairs: count(pairs.history.deal_roles(), pairs)),
    Feature("roles_reached", "Roles reached of technical, budget, business and user.", "roles", "number", "roles",
            True, "{value} of 4 roles reached", _roles_reached),
    Feature("days_to_quarter_end", "Days to the end of the fiscal quarter.", "days", "number", "calendar", False,
            "the quarter ends in {value} days", _days_to_quarter_end),
    Feature("kind", "New business, renewal or expansion.", "text", "category", "kind", False, "it is {value} business",
            _kind),
]
