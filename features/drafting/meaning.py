"""What a column may mean, by its name and its values together: a score from 0 to 1 for each meaning."""

from __future__ import annotations

from collections.abc import Callable

from features.drafting.naming import meanings, value_is
from features.drafting.profile import Profile
from features.drafting.words import tokens_of, words

__all__ = ["HIGH", "MEDIUM", "best", "level", "meanings_of", "outcome_words", "says_outcome"]

HIGH, MEDIUM = 0.85, 0.6  # a confidence of at least so much is high, medium; below it is low

_DATES = {"created_at", "closed_at", "expected_close", "converted_at", "changed_at", "happened_at", "valid_from"}
_OF_LOGS = {"changed_at", "happened_at", "field", "new_value", "old_value", "activity", "direction", "lifecycle",
            "record"}
_FLAGS = {"is_won", "is_lost", "is_closed", "is_converted"}
_MONEY = {"amount", "other_money"}


def level(confidence: float) -> str:
    """high: name and values agree. medium: the name only in part, or values alone. low: by exclusion or a weak hint."""
    return "high" if confidence >= HIGH else "medium" if confidence >= MEDIUM else "low"


def best(found: dict[str, float]) -> tuple[str, float]:
    """The likeliest meaning and its score; ("", 0) without any."""
    return max(found.items(), key=lambda item: item[1], default=("", 0.0))


def meanings_of(profile: Profile, subject: str | None, *, log: bool = False) -> dict[str, float]:
    """Meanings of a column in a table about `subject`, or in a log about it."""
    found = {meaning: score * _fit(meaning, profile) for meaning, score in meanings(profile.words, subject).items()
             if log or subject in (None, "activity") or meaning not in _OF_LOGS}
    if subject != "deal" and profile.words.tokens == ("age",):
        found.pop("days", None)  # a person's
    if subject is not None and words().subjects.get(profile.words.tokens) == subject:
        found["subject_name"] = max(found.get("subject_name", 0), 0.9 * _fit("subject_name", profile))
    # Values that speak by themselves, whatever the column is called.
    if profile.few and profile.of("category", "person", "text", "boolean"):
        ends = outcome_words(profile)
        if len(ends) >= 2 and profile.distinct > len(ends) and not profile.of("boolean"):
            found["stage"] = max(found.get("stage", 0), 0.65)
        elif len(ends) >= 2 and not profile.of("boolean"):
            found["outcome"] = max(found.get("outcome", 0), 0.65)
    if profile.of("email") and not {"owner", "owner_id"} & {meaning for meaning, score in found.items() if score > 0.6}:
        found["email"] = max(found.get("email", 0), 0.9)
    if profile.of("country"):
        found["country"] = max(found.get("country", 0), 0.65)
    return dict(sorted(((meaning, score) for meaning, score in found.items() if score > 0.2), key=lambda one: -one[1]))


def _fit(meaning: str, profile: Profile) -> float:
    """How well values fit a meaning: 1 they do, 0 they contradict it."""
    fit = _FITS.get(meaning)
    if profile.of("empty"):
        return 0.8
    if fit is not None:
        return fit(profile)
    if meaning == "id" or meaning.endswith("_id"):
        return 0.0 if profile.of("date", "boolean", "money", "email") else 1.0
    if meaning in _DATES:
        return profile.share if profile.of("date") else 0.1
    if meaning in _FLAGS:
        return 1.0 if profile.of("boolean") else 0.7 if _two_numbers(profile) else 0.1
    if meaning in _MONEY:
        return profile.share if profile.of("money", "number") else 0.1
    return 1.0


def _two_numbers(profile: Profile) -> bool:
    return profile.of("number") and set(profile.text.dropna()) <= {"0", "1"}


def _of_words(profile: Profile) -> float:
    if profile.of("date", "money", "email"):
        return 0.1
    if profile.of("boolean"):
        return 0.4
    if profile.of("number") and not profile.few:
        return 0.3
    return 1.0 if profile.few or profile.of("category", "multi", "country") else 0.6


def _stage(profile: Profile) -> float:
    if profile.of("date", "money", "email", "boolean") or not (profile.distinct <= 80):
        return 0.1
    return 1.0 if not profile.unique or profile.distinct < 15 else 0.4


def _outcome(profile: Profile) -> float:
    if profile.distinct > 20 or profile.of("date", "money", "email"):
        return 0.1
    return 1.0 if says_outcome(profile) else 0.5


def _name(profile: Profile) -> float:
    return 1.0 if profile.of("text", "person", "category", "country", "id", "multi") else 0.2


def _owner(profile: Profile) -> float:
    if profile.of("date", "money", "boolean"):
        return 0.1
    return 1.0 if not profile.unique or profile.distinct < 5 else 0.8


def _probability(profile: Profile) -> float:
    return profile.share if profile.of("number", "money") else 0.6 if profile.of("category") else 0.1


def _number(profile: Profile) -> float:
    return 1.0 if profile.of("number") else 0.2


def _time(profile: Profile) -> float:
    return 1.0 if profile.of("date", "boolean", "text", "person", "id", "number") else 0.6


_FITS: dict[str, Callable[[Profile], float]] = {
    "stage": _stage, "status": _stage, "outcome": _outcome, "owner": _owner, "person_name": _name,
    "subject_name": _name,
    "rep_probability": _probability, "days": _number, "count": _number, "duration": _number, "sequence": _number,
    "modified": _time, "kind": _of_words, "source": _of_words, "industry": _of_words, "country": _of_words,
    "segment": _of_words, "product": _of_words, "forecast_category": _of_words, "field": _of_words, "object": _of_words,
    "lifecycle": _of_words, "direction": _of_words, "pipeline": _of_words, "team": _of_words, "region": _of_words,
    "currency": lambda profile: 1.0 if profile.distinct <= 40 and not profile.of("number", "date") else 0.1,
    "email": lambda profile: 1.0 if profile.of("email") else 0.4,
    "text": lambda profile: 0.2 if profile.of("number", "date", "boolean") else 1.0,
    "size": lambda profile: 0.1 if profile.of("date", "boolean") else 1.0,
    "activity": _of_words, "manager": _owner,
}


def outcome_words(profile: Profile) -> dict[str, str]:
    """Values that are words for an end, with what they mean: won or lost."""
    found = {}
    for value in profile.text.dropna().unique()[:200]:
        kind = outcome_word(str(value))
        if kind:
            found[str(value)] = kind
    return found


def outcome_word(value: str) -> str:
    """won, lost or "" for a value; words may stand before or after it, as in "5 - Closed won (100%)"."""
    tokens = tokens_of(value)
    for kind in ("won", "lost"):
        if value_is(tokens, kind):
            return kind
    for size in (2, 1):  # "lost_declined", "A_CANCELLED": the longest run of tokens that is one
        for at in range(len(tokens) - size + 1):
            for kind in ("lost", "won"):
                if value_is(tokens[at:at + size], kind) and len("".join(tokens[at:at + size])) > 2 and len(tokens) <= 4:
                    return kind
    return ""


def says_outcome(profile: Profile) -> bool:
    """Whether a column says how something ended: yes or no, or words for an end."""
    return profile.of("boolean") or len(outcome_words(profile)) >= 1 or _two_numbers(profile)
