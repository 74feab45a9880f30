"""How deals and leads end: the stage column, words for won and lost, columns that say it otherwise, and its date."""

from __future__ import annotations

import re

import numpy as np
import numpy.typing as npt
import pandas as pd

from features.drafting.drafted import Table
from features.drafting.meaning import outcome_word, outcome_words
from features.drafting.naming import value_is
from features.drafting.profile import Profile
from features.drafting.words import tokens_of, words

__all__ = ["ended_rows", "lead_word", "outcome_columns", "stage_order"]

_LAST_LEAST = 0.15  # several rows may be written at once when a deal ends, so that its last one is any of them
Bools = npt.NDArray[np.bool_]


def outcome_columns(table: Table) -> None:
    """Decide the columns that say where a deal or a lead stands, how it ended and when."""
    if table.rows == "deals":
        _deal_state(table)
    elif table.rows == "leads":
        _lead_state(table)
    if table.rows in ("deals", "leads"):
        _closing_dates(table)


def _deal_state(table: Table) -> None:
    stage, score = _best(table, "stage")
    other, other_score = _best(table, "outcome", "status", skip=stage)
    flag, flag_score = _best(table, "is_won", skip=stage)
    ends = set(outcome_words(table.profiles[stage]).values()) if stage else set()
    if not stage and other:
        stage, score, other = other, other_score, ""
        ends = set(outcome_words(table.profiles[stage]).values())
    if stage:
        _add_state(table, "stage", stage, score)
    if ends >= {"won", "lost"}:
        return
    if other and set(outcome_words(table.profiles[other]).values()) & {"won", "lost"}:
        _add_state(table, "result", other, other_score)
    elif flag:
        _add_state(table, "is_won", flag, flag_score)
        for meaning in ("is_closed", "is_lost"):
            name, its_score = _best(table, meaning)
            if name:
                _add_state(table, meaning, name, its_score)


def _lead_state(table: Table) -> None:
    status, score = _best(table, "status", "stage")
    flag, flag_score = _best(table, "is_converted", "outcome", "is_won", skip=status)
    if status and not (flag and not any(lead_word(str(value))
                                        for value in table.profiles[status].text.dropna().unique()[:100])
                       and flag_score > score):
        _add_state(table, "status", status, score)
        if flag and not any(lead_word(str(value)) == "converted"
                            for value in table.profiles[status].text.dropna().unique()[:100]):
            _add_state(table, "is_converted", flag, flag_score)
    elif flag:
        _add_state(table, "status", flag, flag_score)
    converted, its_score = _best(table, "converted_at")
    if converted and not ({"status", "is_converted"} & set(table.fields)):
        made = table.add_field("converted_at", converted, "date", "final_only", "it is entered when the lead converts",
                               0.55 + 0.4 * its_score, f"name '{converted}' and {table.profiles[converted].says()}")
        made.closed_at = converted


def _best(table: Table, *wanted: str, skip: str = "") -> tuple[str, float]:
    found = [(table.meanings[name].get(one, 0) - 0.01 * i, name) for name in table.undecided() if name != skip
             for i, one in enumerate(wanted)]
    score, name = max(found, default=(0.0, ""))
    return (name, score) if score >= 0.6 else ("", 0.0)


def _add_state(table: Table, field: str, column: str, score: float) -> None:
    profile = table.profiles[column]
    shown = ", ".join(profile.examples[:3])
    table.add_field(field, column, "category", "final_only", "only its last value is here", 0.55 + 0.44 * score,
              f"name '{column}' and {profile.distinct} words that repeat ({shown})")


def _closing_dates(table: Table) -> None:
    """The date of the end; one that open rows have too is (also) the expected one."""
    states = _ending_fields(table)
    wanted = ("closed_at", "converted_at") if table.rows == "leads" else ("closed_at",)
    found = sorted(((max(table.meanings[name].get(one, 0) for one in wanted), name) for name in table.undecided()),
                   reverse=True)
    found = [(score, name) for score, name in found if score >= 0.5]
    if not found or not states:
        return
    ended, unfinished = ended_rows(table)
    filled = {name: table.profiles[name].text.notna().to_numpy(bool) for _, name in found}

    def shares(name: str) -> tuple[float, float]:
        return (filled[name][ended].mean() if ended.any() else np.nan,
                filled[name][unfinished].mean() if unfinished.any() else np.nan)
    exact = [one for one in found if one[0] > found[0][0] - 0.1]
    score, name = max(exact, key=lambda one: (np.nan_to_num(shares(one[1])[0]), one[0]))
    at_end, before = shares(name)
    profile = table.profiles[name]
    if not np.isfinite(before) and profile.filled >= 0.9:
        before = profile.filled  # which rows are open is not known, but some will be
    if np.isfinite(before) and before >= 0.5 and "expected_close" not in _named(table):
        table.add_field("expected_close", name, "date", "final_only", "only its last value is here", 0.7,
                        f"name '{name}', and {before:.0%} of the open rows have it too: the expected date while open")
        table.decisions[name].also = "closed_at"
    for state in states:
        table.fields[state].closed_at = name
    if name in table.decisions:
        return
    reason = f"name '{name}' and {profile.says()}"
    if np.isfinite(at_end):
        reason += f"; filled in {at_end:.0%} of the rows that ended"
        reason += f" and {before:.0%} of the others" if np.isfinite(before) else ""
    table.decide(name, "closed_at", 0.55 + 0.44 * score, reason)


def _ending_fields(table: Table) -> list[str]:
    """The fields whose values end a deal or lead; those beside a stage only where it has no word for it."""
    for some in (("result",), ("is_won", "is_closed", "is_lost"), ("stage",), ("is_converted",), ("status",)):
        found = [name for name in some if name in table.fields]
        if found:
            return found
    return []


def _named(table: Table) -> set[str]:
    return {meaning for name in table.undecided() for meaning, score in table.meanings[name].items() if score > 0.7}


def ended_rows(table: Table) -> tuple[Bools, Bools]:
    """Rows that ended and rows that did not, as far as the state columns tell; both empty where they do not."""
    n = len(table.look.frame)
    ended = np.zeros(n, dtype=bool)
    known = False
    for field in ("stage", "result", "status", "is_won", "is_converted", "is_closed", "is_lost"):
        if field not in table.fields:
            continue
        profile = table.profiles[table.fields[field].column]
        word = lead_word if table.rows == "leads" else outcome_word
        values = {str(value): bool(word(str(value))) or (field.startswith("is_")
                                                         and value_is(tokens_of(str(value)), "yes"))
                  for value in profile.text.dropna().unique()[:500]}
        known |= any(values.values())
        ended |= profile.text.isin([value for value, is_end in values.items() if is_end]).to_numpy(bool)
    if "converted_at" in table.fields:
        ended |= table.profiles[table.fields["converted_at"].column].text.notna().to_numpy(bool)
        known = True
    return (ended, ~ended) if known else (np.zeros(n, dtype=bool), np.zeros(n, dtype=bool))


def lead_word(value: str) -> str:
    """converted, disqualified or "" for a lead's status."""
    tokens = tokens_of(value)
    for kind in ("disqualified", "converted"):
        if value_is(tokens, kind):
            return kind
    for size in (2, 1):
        for at in range(len(tokens) - size + 1):
            for kind in ("disqualified", "converted"):
                if value_is(tokens[at:at + size], kind) and len("".join(tokens[at:at + size])) > 3:
                    return kind
    return ""


def stage_order(profile: Profile, subject: pd.Series | None = None,
                at: pd.Series | None = None) -> list[tuple[str, str]]:
    """Stages as (name, "won", "lost" or ""), in a likely order, ends last.

    By the numbers before the names where each has one; else by when a log has them, if there is one; else by the usual
    order of such words, unknown ones by how many rows have them.
    """
    counts = profile.text.value_counts()
    names = [str(value) for value in counts.index[:60]]
    ends = {name: outcome_word(name) for name in names}
    numbered = {name: re.match(r"\D{0,3}(\d{1,3})", name) for name in names}
    if all(numbered.values()):
        place = {name: float(found[1]) for name, found in numbered.items() if found}
    elif subject is not None and at is not None:
        place = _places_in_log(profile.text, subject, at)
        ends = {name: ends[name] if last >= _LAST_LEAST else "" for name,
                last in _last_shares(profile.text, subject, at, names)}
    else:
        place = {name: _usual_place(name, i) for i, name in enumerate(names)}
    rank = {"": 0, "won": 1, "lost": 2}
    ordered = sorted(names, key=lambda name: (rank[ends[name]], place.get(name, 99), names.index(name)))
    return [(name, ends[name]) for name in ordered]


def _places_in_log(text: pd.Series, subject: pd.Series, at: pd.Series) -> dict[str, float]:
    """Mean place of each stage among the different stages that its subject had, in the order of time."""
    log = pd.DataFrame({"stage": text.to_numpy(), "subject": subject.to_numpy(), "at": at.to_numpy()}).dropna()
    log = log.sort_values("at", kind="stable").drop_duplicates(["subject", "stage"])
    log["place"] = log.groupby("subject").cumcount()
    return {str(name): float(place) for name, place in log.groupby("stage")["place"].mean().items()}


def _last_shares(text: pd.Series, subject: pd.Series, at: pd.Series, names: list[str]) -> list[tuple[str, float]]:
    """Of the subjects that ever had a stage, the share that stayed there: an accepted quote is none if most went on."""
    log = pd.DataFrame({"stage": text.to_numpy(), "subject": subject.to_numpy(), "at": at.to_numpy()}).dropna()
    log = log.sort_values("at", kind="stable")
    ever = log.drop_duplicates(["subject", "stage"])["stage"].value_counts()
    last = log.drop_duplicates("subject", keep="last")["stage"].value_counts()
    return [(name, last.get(name, 0) / max(1, ever.get(name, 0))) for name in names]


def _usual_place(name: str, by_count: int) -> float:
    tokens = tokens_of(name)
    bare = tuple(token for token in tokens if not token.isdigit() and token != "%")
    for i, some in enumerate(words().stages):
        if tokens in some or bare in some:
            return float(i)
    for i in reversed(range(len(words().stages))):
        for size in (3, 2, 1):
            if any(bare[at:at + size] in words().stages[i] for at in range(len(bare) - size + 1)):
                return i + 0.1
    joined = "".join(bare)
    for i in reversed(range(len(words().stages))):
        if any(len(word) == 1 and not word[0].isascii() and len(word[0]) > 1 and word[0] in joined
               for word in words().stages[i]):
            return i + 0.2
    return 2.5 + by_count / 100


