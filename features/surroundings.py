"""Features of what stands around a lead or deal: its owner, its account, the calendar, how well its record is kept."""

from __future__ import annotations

from functools import reduce

import numpy as np

from features.asof import AsOf, Feature, Floats, age_days, code, count, days_since_last, ratio
from features.calendar import DAY, local_micros, quarter_ends
from features.events import Events
from features.history import History
from features.paths import value_changes
from features.record import account_record, field_record, time_in_stage_quantile

__all__ = ["SURROUNDINGS", "created_weekday", "days_to_quarter_end"]


def days_to_quarter_end(pairs: AsOf) -> Floats:
    days: Floats = pairs.kept("quarter end", lambda: _days_to_quarter_end(pairs))
    return days


def _days_to_quarter_end(pairs: AsOf) -> Floats:
    ends = quarter_ends(pairs.history.mapping)
    return (ends[ends.searchsorted(pairs.at)] - pairs.at) / DAY


def created_weekday(pairs: AsOf) -> Floats:
    local_day = local_micros(pairs.created_at, pairs.history.mapping.zone) // DAY
    return ((local_day + 3) % 7).astype(np.float64)  # 1970-01-01 was a Thursday


def _state_log(pairs: AsOf) -> Events:
    return pairs.changes(pairs.history.mapping.state_field(pairs.kind))


def _fields(pairs: AsOf) -> list[Events]:
    """The logs of all mapped fields but that of the state, which features of their own tell of."""
    def logs(history: History) -> list[Events]:
        told = {history.mapping.state_field(pairs.kind), *history.mapping.ending_fields(pairs.kind)}
        return [history.changes(pairs.kind, name) for name in sorted(history.mapping.field_types(pairs.kind))
                if name not in told]

    found: list[Events] = pairs.history.memo_of(("all fields", pairs.kind), logs)
    return found


def _share_filled(pairs: AsOf) -> Floats:
    logs = _fields(pairs)
    filled = sum((_is_filled(events, pairs) for events in logs), np.zeros(len(pairs)))
    return filled / len(logs) if logs else np.full(len(pairs), np.nan)


def _is_filled(events: Events, pairs: AsOf) -> Floats:
    return (code(events, pairs) >= 0).astype(np.float64)


def _changes_last_28d(pairs: AsOf) -> Floats:
    return sum((value_changes(events, pairs, 28) for events in _fields(pairs)), np.zeros(len(pairs)))


def _days_since_any_change(pairs: AsOf) -> Floats:
    nothing = np.full(len(pairs), np.nan)
    return reduce(np.fmin, (days_since_last(events, pairs) for events in [*_fields(pairs), _state_log(pairs)]), nothing)


SURROUNDINGS = [
    Feature("owner_changes", "How often the owner was set.", "changes", "number", "owner", False,
            "its owner was set {value} times", lambda pairs: count(pairs.changes("owner"), pairs)),
    Feature("days_since_owner_change", "Days since the owner was last set.", "days", "number", "owner", False,
            "its owner was set {value} days ago", lambda pairs: days_since_last(pairs.changes("owner"), pairs)),
    Feature("owner_open_load", "How many its owner has open, this one included.", "count", "number", "owner's record",
            False, "its owner has {value} open at once", lambda pairs: field_record(pairs, "owner").open,
            by_others=True),
    Feature("owner_won", "How many of its owner's had been won or had converted.", "count", "number",
            "owner's record", False, "its owner had won {value} before", lambda pairs: field_record(pairs, "owner").won,
            by_others=True),
    Feature("owner_win_rate", "Share won of those of its owner that had ended, drawn to the share of all.", "share",
            "number", "owner's record", False, "its owner has won {value} of those that ended",
            lambda pairs: field_record(pairs, "owner").win_rate, by_others=True),
    Feature("owner_cycle_days", "Days that its owner's wins took on average, drawn to the average of all.", "days",
            "number", "owner's record", False, "its owner's wins took {value} days",
            lambda pairs: field_record(pairs, "owner").cycle_days, by_others=True),
    Feature("age_over_owner_cycle", "Its age over the days that its owner's wins took.", "ratio", "number",
            "owner's record", False, "it is {value} as old as its owner's wins were",
            lambda pairs: ratio(age_days(pairs), field_record(pairs, "owner").cycle_days), by_others=True),
    Feature("account_won", "Other deals of its account that had been won.", "deals", "number", "account", False,
            "its account had {value} other deals won", lambda pairs: account_record(pairs).won, by_others=True),
    Feature("account_lost", "Other deals of its account that had been lost.", "deals", "number", "account", False,
            "its account had {value} other deals lost", lambda pairs: account_record(pairs).lost, by_others=True),
    Feature("account_open", "Other deals of its account that are open.", "deals", "number", "account", False,
            "its account has {value} other deals open", lambda pairs: account_record(pairs).open, by_others=True),
    Feature("time_in_stage_quantile", "Share of those won by then that spent at most as long where it stands.",
            "share", "number", "time in stage", True,
            "it has stood there longer than {value} of those that were won did",
            time_in_stage_quantile, by_others=True),
    Feature("days_to_quarter_end", "Days to the end of the fiscal quarter.", "days", "number", "calendar", False,
            "the quarter ends in {value} days", days_to_quarter_end),
    Feature("share_of_fields_filled", "Share of its mapped fields that hold a value.", "share", "number",
            "data quality", True, "{value} of its record is filled in", _share_filled),
    Feature("field_changes_last_28d", "Fields of it that got another value in the last 28 days.", "changes", "number",
            "data quality", True, "{value} changes of its fields in 28 days", _changes_last_28d),
    Feature("days_since_any_change", "Days since anything of it was last set.", "days", "number", "data quality", True,
            "nothing of it was set for {value} days", _days_since_any_change),
]
