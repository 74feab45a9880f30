"""Engagement features, of leads and deals alike: what was done about them, and whether the customer answered."""

from __future__ import annotations

import numpy as np

from features.asof import AsOf, Feature, Floats, Texts, category, count, days_since_last, ratio
from features.events import Events
from features.paths import longest_gap_days, mean_gap_days, mean_reply_days

__all__ = ["ENGAGEMENT_FEATURES"]


def _inbound(pairs: AsOf) -> Events:
    return pairs.activities(direction="inbound")


def _outbound(pairs: AsOf) -> Events:
    return pairs.activities(direction="outbound")


def _inbound_share(pairs: AsOf, window_days: float | None = None) -> Floats:
    inbound = count(_inbound(pairs), pairs, window_days)
    return ratio(inbound, inbound + count(_outbound(pairs), pairs, window_days))


def _last_direction(pairs: AsOf) -> Texts:
    return category(pairs.activities(), pairs)


def _silence_over_usual(pairs: AsOf) -> Floats:
    events = pairs.activities()
    return ratio(days_since_last(events, pairs), mean_gap_days(events, pairs))


def _trend(pairs: AsOf) -> Floats:
    events = pairs.activities()
    recent = count(events, pairs, 28)
    return recent - (count(events, pairs, 56) - recent)


def _unanswered_days(pairs: AsOf) -> Floats:
    """Days since the customer got in touch, where nothing went out after it."""
    inbound, outbound = days_since_last(_inbound(pairs), pairs), days_since_last(_outbound(pairs), pairs)
    return np.where(inbound >= outbound, np.nan, inbound)


ENGAGEMENT_FEATURES = [
    Feature("days_since_activity", "Days since the last activity of any kind.", "days", "number", "engagement", True,
            "the last activity was {value} days ago", lambda pairs: days_since_last(pairs.activities(), pairs)),
    Feature("activities_total", "Activities so far.", "activities", "number", "engagement", True,
            "{value} activities so far", lambda pairs: count(pairs.activities(), pairs)),
    Feature("activities_last_7d", "Activities in the last 7 days.", "activities", "number", "engagement", True,
            "{value} activities in the last 7 days", lambda pairs: count(pairs.activities(), pairs, 7)),
    Feature("activities_last_28d", "Activities in the last 28 days.", "activities", "number", "engagement", True,
            "{value} activities in the last 28 days", lambda pairs: count(pairs.activities(), pairs, 28)),
    Feature("activities_last_91d", "Activities in the last 91 days.", "activities", "number", "engagement", True,
            "{value} activities in the last 91 days", lambda pairs: count(pairs.activities(), pairs, 91)),
    Feature("activity_trend_28d", "Activities in the last 28 days less those in the 28 days before.", "activities",
            "number", "engagement", True, "{value} activities more in the last 28 days than in those before", _trend),
    Feature("mean_days_between_activities", "Mean days from one activity to the next.", "days", "number", "engagement",
            True, "there are {value} days from one activity to the next",
            lambda pairs: mean_gap_days(pairs.activities(), pairs)),
    Feature("longest_silence_days", "Longest time between two activities.", "days", "number", "engagement", False,
            "there were {value} days without any activity",
            lambda pairs: longest_gap_days(pairs.activities(), pairs)),
    Feature("silence_over_usual", "Days since the last activity over the usual days between two.", "ratio", "number",
            "engagement", True, "the silence is {value} as long as is usual for it", _silence_over_usual),
    Feature("days_since_inbound", "Days since the customer last got in touch.", "days", "number", "replies", True,
            "the customer last got in touch {value} days ago", lambda pairs: days_since_last(_inbound(pairs), pairs)),
    Feature("inbound_total", "Times the customer got in touch so far.", "activities", "number", "replies", True,
            "the customer got in touch {value} times", lambda pairs: count(_inbound(pairs), pairs)),
    Feature("inbound_last_28d", "Times the customer got in touch in the last 28 days.", "activities", "number",
            "replies", True, "the customer got in touch {value} times in 28 days",
            lambda pairs: count(_inbound(pairs), pairs, 28)),
    Feature("days_since_outbound", "Days since the customer was last approached.", "days", "number", "outreach", True,
            "the customer was last approached {value} days ago",
            lambda pairs: days_since_last(_outbound(pairs), pairs)),
    Feature("outbound_last_28d", "Times the customer was approached in the last 28 days.", "activities", "number",
            "outreach", True, "the customer was approached {value} times in 28 days",
            lambda pairs: count(_outbound(pairs), pairs, 28)),
    Feature("inbound_share", "Share of the customer's own among activities with a direction.", "share", "number",
            "replies", True, "{value} of the talk comes from the customer", _inbound_share),
    Feature("inbound_share_last_91d", "The same share among the last 91 days' activities.", "share", "number",
            "replies", True, "{value} of the last quarter's talk comes from the customer",
            lambda pairs: _inbound_share(pairs, 91)),
    Feature("last_activity_direction", "Direction of the last activity.", "text", "category", "replies", True,
            "the last activity was {value}", _last_direction),
    Feature("customer_reply_days", "Mean days from approaching the customer to their getting in touch.", "days",
            "number", "replies", True, "the customer takes {value} days to answer",
            lambda pairs: mean_reply_days(pairs.activities(), pairs, "inbound", "outbound")),
    Feature("our_reply_days", "Mean days from the customer's getting in touch to our answer.", "days", "number",
            "outreach", True, "we take {value} days to answer the customer",
            lambda pairs: mean_reply_days(pairs.activities(), pairs, "outbound", "inbound")),
    Feature("days_unanswered", "Days since the customer got in touch and nothing went out after it.", "days", "number",
            "outreach", True, "the customer has waited {value} days for an answer", _unanswered_days),
]
