"""Lead features: how good a lead looks, from what was known of it as of a date."""

from __future__ import annotations

import numpy as np

from features.asof import (
    AsOf,
    Feature,
    Floats,
    age_days,
    category,
    count,
    days_since_first,
    days_since_last,
)
from features.calendar import DAY, local_micros
from features.history import Events

__all__ = ["LEAD_FEATURES"]


def _status_log(pairs: AsOf) -> Events:
    return pairs.changes(pairs.history.mapping.state_field("lead"))


def _first_response_days(pairs: AsOf) -> Floats:
    # Days from creation to the first activity; unknown while there is none.
    return age_days(pairs) - days_since_first(pairs.activities(), pairs)


def _weekday(pairs: AsOf) -> Floats:
    local_day = local_micros(pairs.created_at, pairs.history.mapping.zone) // DAY
    return ((local_day + 3) % 7).astype(np.float64)  # 1970-01-01 was a Thursday


LEAD_FEATURES = [
    Feature("lead_age_days", "Days since the lead was created.", "days", "number", "age", False,
            "the lead is {value} days old", age_days),
    Feature("status", "Status of the lead.", "text", "category", "status", False, "its status is {value}",
            lambda pairs: category(_status_log(pairs), pairs)),
    Feature("days_in_status", "Days since the status was last set.", "days", "number", "status", True,
            "its status was set {value} days ago", lambda pairs: days_since_last(_status_log(pairs), pairs)),
    Feature("status_changes", "How often the status was set.", "changes", "number", "status", False,
            "its status was set {value} times", lambda pairs: count(_status_log(pairs), pairs)),
    Feature("lead_owner", "Who works the lead.", "text", "category", "owner", False, "it is owned by {value}",
            lambda pairs: category(pairs.changes("owner"), pairs)),
    Feature("first_response_days", "Days from creation to the first activity.", "days", "number", "response", True,
            "the first activity came {value} days after the lead", _first_response_days),
    Feature("created_weekday", "Weekday of creation, Monday is 0.", "weekday", "number", "calendar", False,
            "the weekday on which it came in", _weekday),
]
