"""Deal features: where a deal stands and how it got there, from what was known of it as of a date."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
import numpy.typing as npt

from features.asof import (
    AsOf,
    Feature,
    Floats,
    Texts,
    age_days,
    category,
    code,
    count,
    days_since_first,
    days_since_last,
    days_until,
    distinct,
    first_number,
    newest,
    number,
    oldest,
    rate_of_change,
    ratio,
)
from features.calendar import DAY
from features.events import Events
from features.paths import (
    days_at_value,
    days_in_spell,
    days_since_move,
    entries,
    last_move_days,
    moved_days,
    moves,
    path,
    transitions,
    value_changes,
)
from features.record import linked
from features.surroundings import days_to_quarter_end

__all__ = ["DEAL_FEATURES", "entered_unknown"]

_Deal = partial(Feature, subjects=("deal",))
_ROLES = ("technical", "budget", "business", "user")


def _stages(pairs: AsOf) -> Events:
    return pairs.changes("stage")


def _order(pairs: AsOf) -> list[str]:
    return [stage.name for stage in pairs.history.mapping.stages]


def _stage_order(pairs: AsOf) -> Floats:
    events, place = _stages(pairs), {name: float(i) for i, name in enumerate(_order(pairs))}
    places = np.array([*(place.get(level, np.nan) for level in events.levels), np.nan], dtype=np.float64)
    return places[code(events, pairs)]


def _days_in_stage(pairs: AsOf) -> Floats:
    """Days since the stage was set; the age where it is unknown, or where all that is known is a snapshot's first sight
    of the deal, which says nothing of when the stage was entered."""
    since_stage = days_since_last(_stages(pairs), pairs)
    return np.where(np.isnan(since_stage) | entered_unknown(pairs), age_days(pairs), since_stage)


def entered_unknown(pairs: AsOf) -> npt.NDArray[np.bool_]:
    """Whether all that is known of a deal's stage is an import's first sight of it, (n,)."""
    if pairs.history.mapping.is_logged(pairs.kind, "stage"):
        return np.zeros(len(pairs), dtype=bool)
    events = _stages(pairs)
    return np.asarray(newest(events, pairs) == oldest(events, pairs))


def _steps(kind: str, window_days: float | None = None) -> Callable[[AsOf], Floats]:
    return lambda pairs: transitions(_stages(pairs), pairs, _order(pairs), kind, window_days)


def _reopened(pairs: AsOf) -> Floats:
    mapping = pairs.history.mapping
    ends = {stage.name for stage in mapping.stages if stage.outcome}
    opens = {stage.name for stage in mapping.stages if not stage.outcome and stage.reopens}
    return entries(_stages(pairs), pairs, ends, opens)


def _amount(pairs: AsOf) -> Floats:
    return number(pairs.changes("amount"), pairs)


def _amount_change(pairs: AsOf) -> Floats:
    """Amount now over the first amount; NaN where either is unknown or 0."""
    return ratio(_amount(pairs), first_number(pairs.changes("amount"), pairs))


def _expected(pairs: AsOf) -> Events:
    return pairs.changes("expected_close")


def _days_pushed(pairs: AsOf) -> Floats:
    """Days by which the expected close stands later than when it was first entered."""
    events = _expected(pairs)
    if not len(events):
        return np.full(len(pairs), np.nan)
    first, last = oldest(events, pairs), newest(events, pairs)
    return np.asarray(np.where(last >= 0, (events.moments[last] - events.moments[first]) / DAY, np.nan))


def _pushes(pairs: AsOf) -> Floats:
    return np.maximum(count(_expected(pairs), pairs) - 1, 0)


def _overdue_days(pairs: AsOf) -> Floats:
    return np.maximum(-days_until(_expected(pairs), pairs), 0)


def _closes_this_quarter(pairs: AsOf) -> Floats:
    """1 where the expected close lies in the fiscal quarter of the time asked about or is overdue, else 0."""
    days = days_until(_expected(pairs), pairs)
    return np.where(np.isnan(days), np.nan, days <= days_to_quarter_end(pairs))


def _roles_reached(pairs: AsOf) -> Floats:
    return sum((np.minimum(count(pairs.history.deal_roles(role), pairs), 1) for role in _ROLES), np.zeros(len(pairs)))


def _since_role(role: str) -> Feature:
    return _Deal(f"days_since_{role}_role", f"Days since somebody in a {role} role first took part.", "days", "number",
                 "roles", True, f"somebody in a {role} role has taken part for {{value}} days",
                 lambda pairs: days_since_first(pairs.history.deal_roles(role), pairs))


def _kind(pairs: AsOf) -> Texts:
    return linked(pairs, "kind")


DEAL_FEATURES = [
    _Deal("deal_age_days", "Days since the deal was created.", "days", "number", "age", False,
          "the deal is {value} days old", age_days),
    _Deal("stage", "Stage of the deal.", "text", "category", "stage", True, "it stands at {value}",
          lambda pairs: category(_stages(pairs), pairs)),
    _Deal("stage_order", "Position of the stage in the company's list.", "position", "number", "stage", True,
          "how far its stage is", _stage_order),
    _Deal("days_in_stage", "Days since the stage was last set.", "days", "number", "time in stage", True,
          "{value} days in its stage", _days_in_stage),
    _Deal("days_at_stage", "Days since the present stage began, whatever was set again since.", "days", "number",
          "time in stage", True, "{value} days at its stage", lambda pairs: days_in_spell(_stages(pairs), pairs)),
    _Deal("days_in_stage_in_all", "Days that it stood at its present stage, earlier times included.", "days", "number",
          "time in stage", True, "{value} days at its stage in all",
          lambda pairs: days_at_value(_stages(pairs), pairs)),
    _Deal("stage_changes", "How often the stage was set.", "changes", "number", "stage history", False,
          "its stage was set {value} times", lambda pairs: count(_stages(pairs), pairs)),
    _Deal("stage_changes_last_28d", "Stage changes in the last 28 days.", "changes", "number", "stage history", True,
          "{value} stage changes in 28 days", lambda pairs: count(_stages(pairs), pairs, 28)),
    _Deal("stages_seen", "Different stages so far.", "stages", "number", "stage history", False,
          "it has been through {value} stages", lambda pairs: distinct(_stages(pairs), pairs)),
    _Deal("days_per_stage", "Age over the different stages so far.", "days", "number", "stage history", False,
          "{value} days for each stage so far", lambda pairs: ratio(age_days(pairs), distinct(_stages(pairs), pairs))),
    _Deal("steps_forward", "Steps to a later stage.", "changes", "number", "stage history", True,
          "{value} steps to a later stage", _steps("forward")),
    _Deal("steps_forward_last_28d", "Steps to a later stage in the last 28 days.", "changes", "number",
          "stage history", True, "{value} steps to a later stage in 28 days", _steps("forward", 28)),
    _Deal("steps_back", "Steps back to an earlier stage.", "changes", "number", "stage history", False,
          "{value} steps back to an earlier stage", _steps("back")),
    _Deal("steps_skipping", "Steps that left out a stage.", "changes", "number", "stage history", False,
          "{value} steps that left out a stage", _steps("skipped")),
    _Deal("times_reopened", "How often it was opened again after an end.", "times", "number", "stage history", False,
          "it was opened again {value} times", _reopened),
    _Deal("stage_path", "The last three stages, in order.", "text", "category", "stage history", False,
          "it went {value}", lambda pairs: path(_stages(pairs), pairs, 3)),
    _Deal("amount", "Amount of the deal.", "minor units", "number", "amount", False, "the size of its amount", _amount),
    _Deal("amount_change_ratio", "Amount now over the first amount.", "ratio", "number", "amount", False,
          "its amount is {value} the first one", _amount_change),
    _Deal("amount_changes", "How often the amount became another.", "changes", "number", "amount", False,
          "its amount was changed {value} times", lambda pairs: value_changes(pairs.changes("amount"), pairs)),
    _Deal("days_since_amount", "Days since the amount was last set.", "days", "number", "amount", True,
          "its amount was set {value} days ago", lambda pairs: days_since_last(pairs.changes("amount"), pairs)),
    _Deal("amount_change_a_day_last_91d", "Change of the amount a day over the last 91 days.", "minor units a day",
          "number", "amount", False, "how its amount moved in the last quarter",
          lambda pairs: rate_of_change(pairs.changes("amount"), pairs, 91)),
    _Deal("deal_owner", "Who works the deal.", "text", "category", "owner", False, "it is owned by {value}",
          lambda pairs: category(pairs.changes("owner"), pairs)),
    _Deal("days_to_expected_close", "Days until the close date that the rep expects.", "days", "number",
          "expected close", True, "its expected close is {value} days away",
          lambda pairs: days_until(_expected(pairs), pairs)),
    _Deal("expected_close_pushes", "How often the expected close was moved.", "changes", "number", "expected close",
          True, "its expected close was moved {value} times", _pushes),
    _Deal("expected_close_days_pushed", "Days by which the expected close moved since it was first set.", "days",
          "number", "expected close", True, "its expected close moved by {value} days", _days_pushed),
    _Deal("expected_close_days_pushed_in_all", "Days of all moves of the expected close to a later date.", "days",
          "number", "expected close", True, "its expected close was put off by {value} days in all",
          lambda pairs: moved_days(_expected(pairs), pairs, "later")),
    _Deal("expected_close_pushes_last_91d", "Times the expected close was put off in the last 91 days.", "changes",
          "number", "expected close", True, "its expected close was put off {value} times in 91 days",
          lambda pairs: moves(_expected(pairs), pairs, "later", 91)),
    _Deal("expected_close_pulled_in", "Times the expected close was moved to an earlier date.", "changes", "number",
          "expected close", True, "its expected close was brought forward {value} times",
          lambda pairs: moves(_expected(pairs), pairs, "earlier")),
    _Deal("expected_close_last_move_days", "The last move of the expected close, later above 0.", "days", "number",
          "expected close", True, "its expected close last moved by {value} days",
          lambda pairs: last_move_days(_expected(pairs), pairs)),
    _Deal("days_since_expected_close_moved", "Days since the expected close was last moved.", "days", "number",
          "expected close", True, "its expected close was moved {value} days ago",
          lambda pairs: days_since_move(_expected(pairs), pairs)),
    _Deal("expected_close_overdue_days", "Days since the expected close passed, 0 before.", "days", "number",
          "expected close", True, "its expected close passed {value} days ago", _overdue_days),
    _Deal("expected_close_this_quarter", "Whether the expected close lies in the running fiscal quarter or before it.",
          "0 or 1", "number", "expected close", False, "whether it is expected in this quarter", _closes_this_quarter),
    _Deal("forecast_category", "The rep's forecast category.", "text", "category", "rep's view", False,
          "its rep calls it {value}", lambda pairs: category(pairs.changes("forecast_category"), pairs)),
    _Deal("forecast_category_changes", "How often the rep's forecast category became another.", "changes", "number",
          "rep's view", False, "its rep changed the category {value} times",
          lambda pairs: value_changes(pairs.changes("forecast_category"), pairs)),
    _Deal("days_since_forecast_category", "Days since the rep's forecast category was last set.", "days", "number",
          "rep's view", False, "its rep set the category {value} days ago",
          lambda pairs: days_since_last(pairs.changes("forecast_category"), pairs)),
    _Deal("rep_probability", "The rep's own probability.", "as entered", "number", "rep's view", False,
          "its rep's probability is {value}", lambda pairs: number(pairs.changes("rep_probability"), pairs)),
    _Deal("rep_probability_changes", "How often the rep's probability became another.", "changes", "number",
          "rep's view", False, "its rep changed the probability {value} times",
          lambda pairs: value_changes(pairs.changes("rep_probability"), pairs)),
    _Deal("rep_probability_change_a_day_last_28d", "Change of the rep's probability a day over the last 28 days.",
          "as entered a day", "number", "rep's view", False, "how its rep's probability moved in 28 days",
          lambda pairs: rate_of_change(pairs.changes("rep_probability"), pairs, 28)),
    _Deal("contacts_reached", "Contacts who take part in the decision.", "contacts", "number", "roles", True,
          "{value} contacts take part", lambda pairs: count(pairs.history.deal_roles(), pairs)),
    _Deal("contacts_joined_last_28d", "Contacts who came to take part in the last 28 days.", "contacts", "number",
          "roles", True, "{value} contacts joined in 28 days",
          lambda pairs: count(pairs.history.deal_roles(), pairs, 28)),
    _Deal("roles_reached", "Roles reached of technical, budget, business and user.", "roles", "number", "roles",
          True, "{value} of 4 roles reached", _roles_reached),
    *(_since_role(role) for role in _ROLES),
    _Deal("kind", "New business, renewal or expansion.", "text", "category", "kind", False, "it is {value} business",
          _kind),
]
