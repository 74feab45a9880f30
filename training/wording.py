"""Facts in a salesperson's words: themes that features are joined into, and sentences from their declared wordings.

In: features as the catalogue declares them, and values as of a moment. Out: text without a capital or a full stop.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from babel.numbers import format_currency, format_decimal, format_percent

from features.asof import Feature
from features.history import History
from features.money import to_major
from training.groups import owner_name

__all__ = ["MOST_THEMES", "themes", "words"]

MOST_THEMES = 15
LOCALE = "en_GB"
DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
# Groups that say much the same become one theme; the account's fields are told from their name.
THEMES = {
    "its age": ("age",),
    "where it stands": ("status", "stage", "time in stage"),
    "how it moved": ("stage history",),
    "what was done about it": ("engagement",),
    "what the customer does": ("replies",),
    "how it is followed up": ("outreach", "response"),
    "who takes part": ("roles",),
    "its amount": ("amount",),
    "its expected close": ("expected close",),
    "what its rep says": ("rep's view",),
    "your rules": ("rules",),
    "its owner": ("owner", "owner's record"),
    "its account": ("account",),
    "the time of year": ("calendar",),
    "how its record is kept": ("data quality",),
}
OTHER = "its other fields"
# What it means that a fact is missing, where "not known" would say less.
MISSING = {
    "days_since_activity": "nothing has been done about it yet",
    "days_since_inbound": "the customer has not been in touch yet",
    "first_inbound_days": "the customer has not been in touch yet",
    "days_since_outbound": "the customer has not been approached yet",
    "first_response_days": "nobody has responded to it yet",
    "customer_reply_days": "the customer has not answered yet",
    "our_reply_days": "there is no answer of ours to the customer yet",
    "days_unanswered": "no message of the customer waits for an answer",
    "mean_days_between_activities": "fewer than two things were done about it",
    "longest_silence_days": "fewer than two things were done about it",
    "silence_over_usual": "fewer than two things were done about it",
    "activity_trend_28d": "nothing has been done about it yet",
    "last_activity_direction": "the direction of its last activity is not known",
    "days_to_expected_close": "it has no expected close date",
    "amount": "it has no amount",
    "field:amount": "it has no amount",
    "lead_owner": "nobody owns it",
    "deal_owner": "nobody owns it",
}
_COUNTED = re.compile(r"(?<![\d.,])\b1 (day|hour|time|step|contact|role|lead|other deal|deal|change|stage change|"
                      r"statuse|stage|character)s\b")
_READ_BETTER = ((re.compile(r"\bis -([\d,]+ days) away\b"), r"was \1 ago"),
                (re.compile(r"\b0 days ago\b"), "less than a day ago"),
                (re.compile(r"\bfor 0 days\b"), "for less than a day"),
                (re.compile(r"\b0 days (old|away)\b"), r"less than a day \1"),
                (re.compile(r"\b0 (activities|steps|stage changes|changes|contacts|other deals)\b"), r"no \1"),
                (re.compile(r"\b0 days\b"), "less than a day"))


def themes(columns: Sequence[str], features: dict[str, Feature]) -> tuple[list[str], npt.NDArray[np.int64]]:
    """Names of at most 15 themes, and the theme (columns,) of each of a model's columns.

    A company's own fields are a theme each while there is room; the others share one. A column that the catalogue does
    not have any more is one of those.
    """
    by_group = {group: theme for theme, groups in THEMES.items() for group in groups}
    named = [_theme(features.get(name), by_group) for name in columns]
    used = list(dict.fromkeys(theme for theme in named if theme in THEMES))
    own = list(dict.fromkeys(theme for theme in named if theme not in THEMES))
    room = MOST_THEMES - len(used)
    if len(own) > room:
        kept = [theme for theme in own if theme != OTHER][:room - 1]
        own = [*kept, OTHER]
    names = [*used, *own]
    place = {theme: i for i, theme in enumerate(names)}
    return names, np.array([place.get(theme, len(names) - 1) for theme in named], dtype=np.int64)


def _theme(feature: Feature | None, by_group: dict[str, str]) -> str:
    if feature is None:
        return OTHER
    if feature.group.startswith("account's "):
        return by_group["account"]
    return by_group.get(feature.group, f"its {feature.group.replace('_', ' ')}")


def words(history: History, feature: Feature, value: float | str | None) -> str:
    """One fact as a clause: "the last meeting was 3 days ago". None and NaN are what is not known."""
    if value is None or value != value:
        return MISSING.get(feature.name, _unknown(feature))
    shown = _shown(history, feature, value)
    wording = feature.wording
    if "field" in feature.name:  # a company's own names are written as columns are
        wording = wording.replace("_", " ")
    if wording.startswith("the size of "):
        return f"{wording.removeprefix('the size of ')} is {shown}".format()
    if "{value}" not in wording:
        wording = wording.format()  # doubled braces of a company's own words become single ones
        return wording if feature.unit == "words" else f"{wording} ({shown})"
    text = wording.format(value=shown)
    for pattern, instead in _READ_BETTER:
        text = pattern.sub(instead, text)
    text = text.replace("1 activities", "1 activity").replace("1 statuses", "1 status")
    if feature.name == "days_in_stage" and not history.mapping.is_logged("deal", "stage"):
        text += ", as far as is known"
    return _COUNTED.sub(r"1 \1", text)


def _unknown(feature: Feature) -> str:
    """What is said of a fact that is not there: of a clock, that what it counts from has not happened."""
    if feature.name.startswith("days_since_activity:"):
        return f"no {feature.name.split(':', 1)[1]} so far"
    if feature.name.startswith(("days_since_stage:", "days_since_status:")):
        return f"it has not been at {feature.name.split(':', 1)[1]}"
    if feature.name.startswith(("field:", "account_field:")):
        return f"its {feature.name.split(':')[1].replace('_', ' ')} is not known"
    if feature.name.startswith("days_since_field:"):
        return f"its {feature.name.split(':')[1].replace('_', ' ')} was never set"
    return f"not known: {feature.meaning[:1].lower()}{feature.meaning[1:].rstrip('.')}"


def _shown(history: History, feature: Feature, value: float | str) -> str:
    """A value as people write it, by the feature's unit."""
    if isinstance(value, str):
        if feature.name in ("lead_owner", "deal_owner"):
            return str(history.memo.setdefault(("owner's name", value), owner_name(history, value)))
        return value.replace(" > ", " → ")
    currency = history.mapping.currency
    if feature.unit.startswith("minor units"):
        money = to_major(value, currency)
        per_day = " a day" if feature.unit.endswith("a day") else ""
        return format_currency(round(money), currency, "¤#,##0", LOCALE, currency_digits=False) + per_day
    if feature.unit == "share":
        return str(format_percent(value, locale=LOCALE))
    if feature.unit == "weekday":
        return DAYS[int(value) % 7]
    if feature.unit == "hour":
        return f"{int(value):02d}:00"
    if feature.unit == "0 or 1":
        return "yes" if value else "no"
    if feature.unit == "ratio":
        return f"{format_decimal(round(value, 1), locale=LOCALE)} times"
    return str(format_decimal(round(value, 2 if abs(value) < 1 and feature.unit == "as entered" else 0), locale=LOCALE))
