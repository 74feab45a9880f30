"""The catalogue: every feature of a kind of subject, the declared ones and those that a company's own data adds.

Own data adds, without programming: of each mapped field its last value (a date as the days to it, a text as its length
and a bag of words, a field of several values as membership in each) and, where its log is known, how often and when it
changed; of the account the fields that the lead or deal itself lacks; and a clock and a count for each stage or status
that was entered and each kind of activity that happened ("the clocks matter most"). Which of these exist is itself a
matter of what was known: it is read from the history that is passed in, by what it knew `as_of` a moment.
"""

from __future__ import annotations

from functools import partial

import numpy as np

from features.asof import (
    AsOf,
    Feature,
    Floats,
    Texts,
    category,
    count,
    days_since_last,
    days_until,
    mean,
    number,
    total,
)
from features.deal_stage import DEAL_FEATURES
from features.endings import is_end
from features.engagement import ENGAGEMENT_FEATURES
from features.history import History
from features.lead_quality import LEAD_FEATURES
from features.paths import value_changes
from features.record import account_of
from features.recorded import FOREVER
from features.rules import rule_features
from features.surroundings import SURROUNDINGS
from features.texts import held_values, holds, separator_of, text_length, words_hashed

__all__ = ["DECLARED", "catalogue"]

DECLARED = {"lead": [*LEAD_FEATURES, *ENGAGEMENT_FEATURES, *SURROUNDINGS],
            "deal": [*DEAL_FEATURES, *ENGAGEMENT_FEATURES, *SURROUNDINGS]}
WELL_KNOWN = {"stage", "status", "owner", "amount", "currency", "expected_close", "forecast_category",
              "rep_probability"}
BUCKETS = 8  # of a text's bag of words
MOST_HELD = 50  # a field with more values between its separators than these holds texts, not several values


def catalogue(history: History, kind: str, as_of: int = FOREVER) -> list[Feature]:
    """All features of leads or deals, in a fixed order.

    `as_of` is the latest moment at which they are asked: what became known later adds none and takes none away.
    """
    asked = as_of, history.rules
    kept = history.memo.get(("catalogue", kind))
    if kept is None or kept[0] != asked:  # who asks about one subject asks again as of the same moment
        kept = history.memo["catalogue", kind] = (asked, _catalogue(history, kind, as_of))
    return list(kept[1])


def _catalogue(history: History, kind: str, as_of: int) -> list[Feature]:
    return [*DECLARED[kind], *_own_fields(history, kind, as_of), *_stage_clocks(history, kind, as_of),
            *_activity_clocks(history, kind, as_of), *_durations(history, kind, as_of),
            *_account_fields(history, kind, as_of),
            *(rule_features(history) if kind == "lead" else [])]


def _own_fields(history: History, kind: str, as_of: int) -> list[Feature]:
    declared = WELL_KNOWN - ({"amount"} if kind == "lead" else set()) | {history.mapping.state_field(kind)}
    declared |= history.mapping.ending_fields(kind)  # what says that a subject ended is nothing to predict it from
    types = history.mapping.field_types(kind)
    return [feature for name in sorted(types) if name not in declared
            for feature in _own_field(history, kind, name, types[name], as_of)]


def _own_field(history: History, kind: str, name: str, dtype: str, as_of: int) -> list[Feature]:
    features = _text_field(name) if dtype == "text" else [_last_value(name, dtype)]
    if dtype == "category":
        features += _members(history, kind, name, as_of)
    if history.mapping.is_logged(kind, name):
        features += [
            Feature(f"field_changes:{name}", f"How often {name} became another.", "changes", "number", name, False,
                    f"its {_literal(name)} was changed {{value}} times",
                    lambda pairs: value_changes(pairs.changes(name), pairs)),
            Feature(f"days_since_field:{name}", f"Days since {name} was last set.", "days", "number", name, False,
                    f"its {_literal(name)} was set {{value}} days ago",
                    lambda pairs: days_since_last(pairs.changes(name), pairs))]
    return features


def _last_value(name: str, dtype: str) -> Feature:
    if dtype == "date":
        return Feature(f"field:{name}", f"Days from now to {name}.", "days", "number", name, False,
                       f"its {_literal(name)} is {{value}} days away",
                       lambda pairs: days_until(pairs.changes(name), pairs))
    if dtype == "category":
        return Feature(f"field:{name}", f"Last value of {name}.", "text", "category", name, False,
                       f"its {_literal(name)} is {{value}}", lambda pairs: category(pairs.changes(name), pairs))
    unit, wording = ("minor units", f"the size of its {_literal(name)}") if dtype == "money" else (
        "as entered", f"its {_literal(name)} is {{value}}")
    return Feature(f"field:{name}", f"Last value of {name}.", unit, "number", name, False, wording,
                   lambda pairs: number(pairs.changes(name), pairs))


def _text_field(name: str) -> list[Feature]:
    def words(bucket: int) -> Feature:
        return Feature(f"field:{name}:words_{bucket + 1}_of_{BUCKETS}",
                       f"Words of {name} that fall into one of {BUCKETS} heaps by their hash.", "words", "number",
                       name, False, f"the words of its {_literal(name)}",
                       lambda pairs: words_hashed(pairs.changes(name), pairs, bucket, BUCKETS))

    return [Feature(f"field:{name}:length", f"Length of {name}.", "characters", "number", name, False,
                    f"its {_literal(name)} has {{value}} characters",
                    lambda pairs: text_length(pairs.changes(name), pairs)), *map(words, range(BUCKETS))]


def _members(history: History, kind: str, name: str, as_of: int) -> list[Feature]:
    """Whether each of the values that a field holds is among those of its last entry, where an entry holds several."""
    entries = _known_values(history, kind, name, as_of)
    separator = separator_of(entries)
    if separator is None:
        return []
    held = held_values(entries, separator)
    return [Feature(f"field:{name}:{value}", f"Whether {name} holds {value}.", "0 or 1", "number", name, False,
                    f"whether its {_literal(name)} holds {_literal(value)}",
                    partial(_holds, name=name, value=value, separator=separator))
            for value in held if len(held) <= MOST_HELD]


def _holds(pairs: AsOf, name: str, value: str, separator: str) -> Floats:
    return holds(pairs.changes(name), pairs, value, separator)


def _known_values(history: History, kind: str, name: str, as_of: int) -> Texts:
    """The distinct values that a field was known to have had by a moment, of subjects that were known too, sorted."""
    events, subjects = history.changes(kind, name), history.subjects(kind)
    codes = np.unique(events.codes[np.maximum(events.visible, subjects.visible_at[events.subject]) <= as_of])
    return events.levels[codes[codes >= 0]]


def _account_fields(history: History, kind: str, as_of: int) -> list[Feature]:
    """Of the account: the last value of each field that the lead or deal has not itself."""
    types = history.mapping.field_types("account")
    if "account_id" not in history.subjects(kind).links or not (history.accounts.visible_at <= as_of).any():
        return []
    return [Feature(f"account_field:{name}", f"Last value of {name} of the account.",
                    "text" if dtype == "category" else "minor units" if dtype == "money" else "as entered",
                    "category" if dtype == "category" else "number", f"account's {name}", False,
                    f"its account ({_literal(name)}: {{value}})", partial(_of_account, name=name, dtype=dtype),
                    by_others=True)
            for name, dtype in sorted(types.items())
            if dtype in ("category", "number", "money") and name not in history.mapping.field_types(kind)]


def _of_account(pairs: AsOf, name: str, dtype: str) -> Floats | Texts:
    accounts = pairs.history.accounts
    code = accounts.codes(account_of(pairs))
    # What is asked of an account that is not known yet is not known either.
    known = (code >= 0) & (accounts.visible_at[code] <= pairs.at)
    asked = AsOf(pairs.history, "account", code[known], pairs.at[known])
    if dtype == "category":
        texts = np.full(len(pairs), None, dtype=object)
        texts[known] = category(asked.changes(name), asked)
        return texts
    numbers = np.full(len(pairs), np.nan)
    numbers[known] = number(asked.changes(name), asked)
    return numbers


def _stage_clocks(history: History, kind: str, as_of: int) -> list[Feature]:
    field = history.mapping.state_field(kind)
    names = _known_values(history, kind, field, as_of)
    ends = is_end(history.mapping, kind, field, names)
    return [_stage_clock(field, name) for name, ended in zip(names, ends, strict=True) if not ended]


def _stage_clock(field: str, name: str) -> Feature:
    return Feature(f"days_since_{field}:{name}", f"Days since the {field} was last set to {name}.", "days", "number",
                   "stage history", False, f"{{value}} days since {_literal(name)}",
                   lambda pairs: days_since_last(pairs.changes(field, name), pairs))


def _activity_clocks(history: History, kind: str, as_of: int) -> list[Feature]:
    return [feature for name in history.activity_kinds(kind, as_of) for feature in _activity_clock(name)]


def _activity_clock(name: str) -> tuple[Feature, Feature]:
    return (
        Feature(f"days_since_activity:{name}", f"Days since the last {name}.", "days", "number", "engagement", True,
                f"the last {_literal(name)} was {{value}} days ago",
                lambda pairs: days_since_last(pairs.activities(name), pairs)),
        Feature(f"activities:{name}", f"Number of {name} so far.", "activities", "number", "engagement", True,
                f"{{value}} {_literal(name)} so far", lambda pairs: count(pairs.activities(name), pairs)),
    )


def _durations(history: History, kind: str, as_of: int) -> list[Feature]:
    """How long activities took, where some say so."""
    events, subjects = history.durations(kind), history.subjects(kind)
    if not (np.maximum(events.visible, subjects.visible_at[events.subject]) <= as_of).any():
        return []
    return [Feature("activity_hours", "Hours that activities took so far.", "hours", "number", "engagement", True,
                    "{value} hours of activities so far",
                    lambda pairs: total(pairs.history.durations(pairs.kind), pairs) / 3600),
            Feature("mean_activity_hours", "Mean hours that an activity took.", "hours", "number", "engagement", True,
                    "an activity took {value} hours on average",
                    lambda pairs: mean(pairs.history.durations(pairs.kind), pairs) / 3600)]


def _literal(name: str) -> str:
    """A company's own word as a wording holds it: its braces are no placeholders."""
    return name.replace("{", "{{").replace("}", "}}")
