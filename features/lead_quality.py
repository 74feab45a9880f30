"""Lead features: how good a lead looks, from what was known of it as of a date."""

from __future__ import annotations

from functools import partial

import numpy as np

from features.asof import (
    AsOf,
    Feature,
    Floats,
    Texts,
    age_days,
    category,
    count,
    days_since_first,
    days_since_last,
    distinct,
)
from features.calendar import DAY, local_micros
from features.events import Events
from features.paths import days_in_spell, path
from features.surroundings import created_weekday

__all__ = ["LEAD_FEATURES"]

_Lead = partial(Feature, subjects=("lead",))


def _status_log(pairs: AsOf) -> Events:
    return pairs.changes(pairs.history.mapping.state_field("lead"))


def _first_response_days(pairs: AsOf) -> Floats:
    # Days from creation to the first activity; unknown while there is none.
    return age_days(pairs) - days_since_first(pairs.activities(), pairs)


def _first_inbound_days(pairs: AsOf) -> Floats:
    return age_days(pairs) - days_since_first(pairs.activities(direction="inbound"), pairs)


def _status_path(pairs: AsOf) -> Texts:
    return path(_status_log(pairs), pairs, 2)


def _created_hour(pairs: AsOf) -> Floats:
    local = local_micros(pairs.created_at, pairs.history.mapping.zone)
    return np.asarray((local % DAY) // (DAY // 24), dtype=np.float64)


LEAD_FEATURES = [
    _Lead("lead_age_days", "Days since the lead was created.", "days", "number", "age", False,
          "the lead is {value} days old", age_days),
    _Lead("status", "Status of the lead.", "text", "category", "status", False, "its status is {value}",
          lambda pairs: category(_status_log(pairs), pairs)),
    _Lead("days_in_status", "Days since the status was last set.", "days", "number", "status", True,
          "its status was set {value} days ago", lambda pairs: days_since_last(_status_log(pairs), pairs)),
    _Lead("status_changes", "How often the status was set.", "changes", "number", "status", False,
          "its status was set {value} times", lambda pairs: count(_status_log(pairs), pairs)),
    _Lead("status_path", "The last two statuses, in order.", "text", "category", "status", False,
          "its status went {value}", _status_path),
    _Lead("days_at_status", "Days since the present status began, whatever was set again since.", "days", "number",
          "status", True, "it has had its status for {value} days",
          lambda pairs: days_in_spell(_status_log(pairs), pairs)),
    _Lead("statuses_seen", "Different statuses so far.", "statuses", "number", "status", False,
          "it has had {value} statuses", lambda pairs: distinct(_status_log(pairs), pairs)),
    _Lead("status_changes_last_28d", "Times the status was set in the last 28 days.", "changes", "number", "status",
          False, "its status was set {value} times in 28 days", lambda pairs: count(_status_log(pairs), pairs, 28)),
    _Lead("lead_owner", "Who works the lead.", "text", "category", "owner", False, "it is owned by {value}",
          lambda pairs: category(pairs.changes("owner"), pairs)),
    _Lead("first_response_days", "Days from creation to the first activity.", "days", "number", "response", True,
          "the first activity came {value} days after the lead", _first_response_days),
    _Lead("first_inbound_days", "Days from creation to the customer's first getting in touch.", "days", "number",
          "response", False, "the customer first got in touch {value} days after the lead", _first_inbound_days),
    _Lead("created_weekday", "Weekday of creation, Monday is 0.", "weekday", "number", "calendar", False,
          "it came in on a {value}", created_weekday),
    _Lead("created_hour", "Hour of creation in the company's time zone.", "hour", "number", "calendar", False,
          "it came in at {value}", _created_hour),
]
