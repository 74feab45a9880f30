"""Engagement features, of leads and deals alike: what was done about them, and whether the customer answered."""

from __future__ import annotations

from features.asof import Feature, count, days_since_last

__all__ = ["ENGAGEMENT_FEATURES"]

ENGAGEMENT_FEATURES = [
    Feature("days_since_activity", "Days since the last activity of any kind.", "days", "number", "engagement", True,
            "the last activity was {value} days ago", lambda pairs: days_since_last(pairs.activities(), pairs)),
    Feature("activities_total", "Activities so far.", "activities", "number", "engagement", True,
            "{value} activities so far", lambda pairs: count(pairs.activities(), pairs)),
    Feature("activities_last_7d", "Activities in the last 7 days.", "activities", "number", "engagement", True,
            "{value} activities in the last 7 days", lambda pairs: count(pairs.activities(), pairs, 7)),
    Feature("activities_last_28d", "Activities in the last 28 days.", "activities", "number", "engagement", True,
            "{value} activities in the last 28 days", lambda pairs: count(pairs.activities(), pairs, 28)),
    Feature("days_since_inbound", "Days since the customer last got in touch.", "days", "number", "replies", True,
            "the customer last got in touch {value} days ago",
            lambda pairs: days_since_last(pairs.activities(direction="inbound"), pairs)),
    Feature("inbound_last_28d", "Times the customer got in touch in the last 28 days.", "activities", "number",
            "replies", True, "the customer got in touch {value} times in 28 days",
            lambda pairs: count(pairs.activities(direction="inbound"), pairs, 28)),
]
