"""What is said of a deal in sentences, for its page and for the command line.

In: a deal's score as the API gives it (`training.deal_scores.COLUMNS`). Out: a sentence, or None where there is nothing
to say.
"""

from __future__ import annotations

from datetime import date
from typing import Any

from features.calendar import local_date, parse_as_of
from features.mapping import Mapping
from serving.pages.words import day, fine_percent, money, number, percent, points

__all__ = ["amount_at_close", "changes", "expected", "in_stage", "likely_close", "missing", "trend"]

Score = dict[str, Any]


def expected(score: Score) -> str | None:
    """What becomes of the day on which its rep expects it."""
    if score["expected_close"] is None:
        return None
    on = f"Its rep expects it on {day(score['expected_close'])}"
    if score["p_on_time"] is None:
        return f"{on}, which is further away than the model looks."
    if score["overdue"]:
        return f"{on.replace('expects', 'expected')}: that day has passed.{_later(score, 'after that day')}"
    return (f"{on}: {percent(score['p_on_time'])} to be won by then, {percent(score['p_lost_before'])} to be lost, "
            f"{percent(score['p_slip'])} to be open still.{_later(score, 'later')}")


def _later(score: Score, what: str) -> str:
    days = score["slip_days"]
    if days is None:
        return ""
    return f" If it is won after it, most likely about {_days(days)} {what}."


def _days(days: float) -> str:
    shown = number(days) if days >= 0.5 else "less than 1"
    return f"{shown} day{'' if shown in ('1', 'less than 1') else 's'}"


def likely_close(score: Score, mapping: Mapping) -> str | None:
    """When it is won, if it is won."""
    low, middle, high = (_local(score[f"close_p{level}"], mapping) for level in (10, 50, 90))
    if low is None or middle is None or high is None:
        return None
    return f"If it is won, most likely around {day(middle)} (80% sure: {day(low)} to {day(high)})."


def _local(text: str | None, mapping: Mapping) -> date | None:
    return None if text is None else local_date(parse_as_of(text, mapping.zone), mapping.zone)


def amount_at_close(score: Score, mapping: Mapping) -> str | None:
    """For how much it is won, if it is won."""
    if score["amount_close"] is None:
        return None
    low, middle, high = (money(score[f"amount_close_p{level}"], mapping.currency) for level in (10, 50, 90))
    known = "" if score["amount"] is not None else " It has no amount: these are what deals usually bring."
    return f"If it is won, for about {middle} (80% sure: {low} to {high}).{known}"


def in_stage(score: Score) -> str | None:
    """How long it has been at its stage, beside the deals that were won."""
    if score["stage"] is None or score["days_in_stage"] is None:
        return None
    said = f"{_days(score['days_in_stage'])} at {score['stage']}"
    low, high = score["won_stage_days_p25"], score["won_stage_days_p75"]
    if low is None:
        return f"{said}."
    return f"{said}; half of the won deals took {number(low)} to {number(high)}."


def missing(score: Score) -> str | None:
    """Who does not take part yet."""
    roles = (score["missing_roles"] or "").split(", ")
    if roles == [""]:
        return None
    named = roles[0] if len(roles) == 1 else f"{', '.join(roles[:-1])} and {roles[-1]}"
    return f"Nobody takes part yet in the role{'' if len(roles) == 1 else 's'}: {named}."


def trend(score: Score) -> str:
    """How its chance moved in seven days."""
    if score["p_win_before"] is None:
        return "It was not open seven days before."
    return f"Seven days before it was {fine_percent(score['p_win_before'])} ({points(score['change'])} points)."


def changes(score: Score) -> str | None:
    """What was changed of it in those days."""
    return f"Changed since then: {score['changed']}." if score["changed"] else None
