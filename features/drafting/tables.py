"""Which table of the contract a file is: by its name, by what its columns mean, and by whether an id repeats in it."""

from __future__ import annotations

from pathlib import PurePosixPath

import pandas as pd

from features.drafting.drafted import Table
from features.drafting.looking import Look
from features.drafting.meaning import best, meanings_of
from features.drafting.naming import table_meanings
from features.drafting.profile import profile_column
from features.drafting.words import name_of

__all__ = ["classify", "find_links", "open_table"]

ENTITIES = ("deals", "leads", "accounts", "contacts", "owners")
_ENOUGH = 1.1
_XES = {("case", "concept", "name"), ("concept", "name"), ("time", "timestamp")}  # the standard's own names
# How much a meaning among the columns speaks for a table.
_SIGNS = {
    "deals": {"deal_id": 1.2, "stage": 0.8, "amount": 0.7, "expected_close": 1.0, "closed_at": 0.6, "is_won": 0.8,
              "rep_probability": 0.7, "forecast_category": 0.8, "loss_reason": 0.4, "outcome": 0.3, "is_closed": 0.4,
              "created_at": 0.1},
    "leads": {"lead_id": 1.2, "status": 0.5, "converted_at": 1.2, "is_converted": 1.0, "source": 0.4, "outcome": 0.5,
              "email": 0.2, "created_at": 0.1, "person_name": 0.1},
    "accounts": {"account_id": 1.2, "industry": 0.4, "size": 0.4, "place": 0.2, "country": 0.2, "other_money": 0.2,
                 "subject_name": 0.2},
    "contacts": {"contact_id": 1.2, "email": 0.5, "person_name": 0.4, "title_of_person": 0.4, "phone": 0.3,
                 "account_id": 0.3},
    "owners": {"owner_id": 0.8, "owner": 0.4, "manager": 1.0, "team": 0.5, "region": 0.4, "role": 0.2, "email": 0.2},
}
_SUBJECT_OF = {"deals": "deal", "leads": "lead", "accounts": "account", "contacts": "contact", "owners": "owner",
               "activities": "activity"}


def open_table(look: Look) -> Table:
    """A table with its columns profiled, nothing decided."""
    return Table(look, {str(name): profile_column(look.frame[name], str(name)) for name in look.frame.columns})


def classify(table: Table) -> None:
    """Decide which table of the contract the file is, and what its columns may mean then."""
    named = table_meanings(table.look.sheet or "") or table_meanings(PurePosixPath(table.look.file).stem)
    by_name = {rows: 1.6 * score for rows, score in named.items()}
    scores: dict[str, float] = {}
    said: dict[str, list[str]] = {}
    for rows in ENTITIES:
        scores[rows], said[rows] = _signs(table, rows)
        scores[rows] += by_name.get(rows, 0)
    for rows, test in (("changes", _log_signs), ("activities", _activity_signs), ("deal_contacts", _pair_signs)):
        score, signs = test(table, by_name)
        scores[rows], said[rows] = score, signs
    rows = max(scores, key=lambda one: scores[one])
    if scores[rows] < _ENOUGH:
        table.reason = "its columns fit no table that dealcast knows"
        table.meanings = {name: meanings_of(profile, None) for name, profile in table.profiles.items()}
        return
    others = sorted((score for one, score in scores.items() if one != rows), reverse=True)
    table.rows = rows
    table.confidence = min(0.98, 0.5 + 0.2 * (scores[rows] - _ENOUGH) + 0.25 * (scores[rows] - others[0]))
    name = f"its name '{table.look.sheet or PurePosixPath(table.look.file).stem}'" if by_name.get(rows) else ""
    columns = f"columns {', '.join(repr(one) for one in said[rows][:4])}" if said[rows] else ""
    table.reason = " and ".join(one for one in (name, columns) if one)
    table.subject = _SUBJECT_OF.get(rows)
    table.meanings = {name: meanings_of(profile, table.subject) for name, profile in table.profiles.items()}


def _signs(table: Table, rows: str) -> tuple[float, list[str]]:
    """Points that the columns give for a table of entities, and the columns that gave them."""
    points: dict[str, tuple[float, str]] = {}
    for name, profile in table.profiles.items():
        for meaning, score in list(meanings_of(profile, _SUBJECT_OF[rows]).items())[:3]:
            worth = _SIGNS[rows].get(meaning, 0) * score
            if meaning.endswith("_id") and meaning != "account_id" and not profile.unique:
                worth *= -0.3  # a link to such a thing, not the thing
            elif meaning == "account_id" and rows == "accounts" and not profile.unique:
                worth *= -0.3
            if score > 0.55 and abs(worth) > abs(points.get(meaning, (0, ""))[0]):
                points[meaning] = (worth, name)
    strongest = sorted(points.values(), reverse=True)
    return sum(worth for worth, _ in strongest), [name for worth, name in strongest if worth > 0.15]


def _has(table: Table, subject: str | None, *wanted: str, least: float = 0.6) -> str:
    """The column that best has one of the meanings, or ""."""
    found = [(score, name) for name, profile in table.profiles.items()
             for meaning, score in meanings_of(profile, subject).items() if meaning in wanted and score >= least]
    return max(found, default=(0, ""))[1]


def repeating_id(table: Table) -> str:
    """A column of ids, each of which stands in several rows: what a log is about."""
    found = []
    for name, profile in table.profiles.items():
        meanings = meanings_of(profile, None)
        idlike = max((score for meaning, score in meanings.items()
                      if meaning in ("id", "record") or (meaning.endswith("_id") and meaning != "owner_id")), default=0)
        if idlike >= 0.55 and profile.filled > 0.6 and not profile.unique and not profile.of("category", "boolean"):
            found.append((idlike, -profile.distinct, name))
    return max(found)[2] if found else ""


def _log_signs(table: Table, by_name: dict[str, float]) -> tuple[float, list[str]]:
    """A field history (field, value, time), versions of rows, or a log of stages."""
    subject = repeating_id(table) or _has(table, None, "record", "deal_id", "lead_id")
    named = by_name.get("changes", 0)
    if {profile.words.tokens for profile in table.profiles.values()} >= _XES:
        return 6.0 + named, ["case:concept:name", "time:timestamp"]  # whatever its cases' amounts and stages look like
    at = _has(table, None, "changed_at", "valid_from") or (_has(table, None, "created_at") if named else "")
    if not at or not (subject or _has(table, None, "id")):
        return 0.0, []
    field, value = _has(table, None, "field"), _has(table, None, "new_value")
    version = _has(table, None, "valid_from", least=0.9)
    if field and value and field != value:
        return 2.6 + named, [field, value, at]
    ended = [name for name, profile in table.profiles.items() if name_of(name).tokens[-1:] in (("end",), ("to",),
                                                                                               ("until",))
             and profile.of("date", "empty")]
    if version and (named or (ended and subject)):
        return 6.0 + named, [version, *ended[:1]]  # rows of versions look like the rows of what they are versions of
    state = _has(table, None, "stage", "status", "activity", "new_value")
    whose = _has(table, None, "deal_id", "lead_id", least=0.9)
    if named and state and whose and not table.profiles[whose].unique:
        return 6.0 + named, [state, whose, at]  # a history with a row per change looks like a table of deals, too
    if state and (repeating_id(table) or named):
        return 0.9 + named, [state, at]
    return named, [at]


def _activity_signs(table: Table, by_name: dict[str, float]) -> tuple[float, list[str]]:
    """What happened: a kind, a time, and whom or what it was about."""
    at = _has(table, "activity", "happened_at", "created_at")
    kind = _has(table, "activity", "activity")
    named = by_name.get("activities", 0)
    if not at:
        return 0.0, []
    signs = [name for name in (kind, _has(table, "activity", "direction", least=0.8),
                               _has(table, "activity", "duration", least=0.8),
                               _has(table, "activity", "lifecycle", least=0.8)) if name]
    subject = repeating_id(table) or _has(table, None, "record", least=0.8)
    if not subject and not named:
        return 0.0, []
    return named + (0.3 if named else 0) + 0.35 * len(signs) + (0.5 if subject else 0), [*signs, at]


def _pair_signs(table: Table, by_name: dict[str, float]) -> tuple[float, list[str]]:
    """Who takes part in which deal."""
    deal, contact = _has(table, None, "deal_id", least=0.8), _has(table, None, "contact_id", least=0.8)
    if deal and contact and deal != contact and len(table.profiles) <= 8:
        return 2.5 + by_name.get("deal_contacts", 0), [deal, contact]
    return 0.0, []


def own_id(table: Table) -> list[tuple[float, str]]:
    """Columns that identify the rows of an entity's table, best first, with a score."""
    found = []
    for name, meanings in table.meanings.items():
        profile = table.profiles[name]
        if not profile.unique or profile.filled < 0.98 or profile.of("date", "boolean", "money", "email") \
                or (profile.of("number") and not profile.whole):
            continue
        ours = meanings.get(f"{table.subject}_id", 0)
        score = max(ours, 0.9 * meanings.get("id", 0), 0.85 * meanings.get("record", 0))
        if name_of(name).tokens == ("id",):
            score = 1.05  # beside it, a "deal number" is only another one
        if table.subject == "owner":
            score = max(score, 0.95 * meanings.get("owner", 0))
        if best({meaning: value for meaning, value in meanings.items() if meaning.endswith("_id")})[1] > max(ours, 0.9):
            continue  # another table's
        found.append((score, name))
    return sorted(found, key=lambda one: -one[0])


def find_links(tables: list[Table]) -> None:
    """Note in each table which columns hold ids of another: {column: (the other's place in `tables`, share found)}."""
    parents = []
    for i, table in enumerate(tables):
        if table.rows in ENTITIES:
            for score, name in own_id(table)[:1]:
                parents.append((i, name, score, frozenset(table.profiles[name].text.dropna())))
            if table.rows == "accounts" and not any(score >= 0.5 for score, _ in own_id(table)):
                parents += [(i, name, 0.4, frozenset(profile.text.dropna())) for name, profile in table.profiles.items()
                            if profile.unique and table.meanings[name].get("subject_name", 0) > 0.5]
    for i, table in enumerate(tables):
        ours = {name for score, name in own_id(table)[:1] if score >= 0.5} if table.rows in ENTITIES else set()
        for name, profile in table.profiles.items():
            if profile.of("date", "boolean", "empty", "money") or name in ours:
                continue
            found = [(share * (0.6 + 0.4 * min(1, score)), place, share) for place, parent, score, values in parents
                     if (place, parent) != (i, name)
                     and (share := _contained(profile.text, values, _related(table, name, tables[place]))) >= 0.8]
            if found:
                _, place, share = max(found)
                if place != i:
                    table.links[name] = (place, share)


def _related(table: Table, column: str, other: Table) -> bool:
    """Whether a column's name speaks of the other table."""
    wanted = {f"{other.subject}_id", other.subject, "record", "id"}
    if other.subject == "owner":
        wanted |= {"owner"}
    if other.subject == "account":
        wanted |= {"subject_name"}
    return bool(wanted & {meaning for meaning, score in table.meanings.get(column, {}).items() if score > 0.5})


def _contained(text: pd.Series, values: frozenset[str], related: bool) -> float:
    """Share of a column's different values that are among the ids; 0 when there are too few to tell."""
    distinct = pd.Series(text.dropna().unique()[:5_000])
    if len(distinct) < (2 if related else 8) or (not related and _counts_up(values)):
        return 0.0
    return float(distinct.isin(values).mean())


def _counts_up(values: frozenset[str]) -> bool:
    """Whether ids are 1, 2, 3 …: any small number is among them."""
    return bool(values) and all(value.isdigit() for value in values) and max(int(one)
                                                                             for one in values) <= 20 * len(values)
