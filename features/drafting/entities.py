"""What the columns of a table of deals, leads, accounts, contacts or owners become.

The order matters: the id, then links to other tables, then dates, where it stands, the other well-known fields, and at
last the company's own fields. A column is decided once.
"""

from __future__ import annotations

import re

import numpy as np
import numpy.typing as npt
import pandas as pd

from features.drafting.drafted import Table
from features.drafting.ends import ended_rows, outcome_columns
from features.drafting.meaning import best, outcome_words
from features.drafting.profile import Profile, dates_of
from features.drafting.tables import own_id
from features.drafting.words import han, tokens_of, words
from features.mapping import TABLE_COLUMNS

__all__ = ["decide_entity", "decide_own_fields", "field_name", "field_type", "left_out_by_meaning"]

Bools = npt.NDArray[np.bool_]
_LEAST = 0.5  # a name must fit at least so well to fill a slot of the contract
_NEAR = 0.04  # two columns whose scores are nearer than this are a question
_WELL_KNOWN = {
    "deals": ["amount", "currency", "owner", "expected_close", "forecast_category", "rep_probability"],
    "leads": ["owner", "amount"], "accounts": ["owner"], "contacts": ["owner"],
}
_TYPES = {"amount": "money", "expected_close": "date", "rep_probability": "number"}
_FIXED = {"source": "where a subject came from does not change", "industry": "an industry hardly changes",
          "country": "a country hardly changes"}
_LEFT_OUT = {
    "modified": "a date of the export's or the last entry's, not of the subject's own past",
    "deleted": "says whether the row is still in the CRM, not what it is",
    "changed_by": "who entered it; the owner is what counts",
    "phone": "identifies a person and predicts nothing",
    "email": "identifies a person and predicts nothing",
    "days": "is counted up to the day of the export, so it knows what came later",
    "count": "is counted up to the day of the export, so it knows what came later",
    "duration": "is known only after it happened",
    "loss_reason": "is entered when it has ended, so it says how",
    "converted_at": "is entered when it has ended",
    "is_won": "says how it ended", "is_lost": "says how it ended", "is_closed": "says whether it has ended",
    "is_converted": "says how it ended", "outcome": "says how it ended", "closed_at": "is entered when it has ended",
    "old_value": "is the value before, which the row before has",
}


def decide_entity(table: Table, tables: list[Table]) -> None:
    """Decide every column of a table of entities."""
    _decide_id(table)
    _decide_links(table, tables)
    if table.rows == "owners":
        _decide_owner(table)
        return
    _decide_created(table)
    outcome_columns(table)
    _decide_well_known(table)
    decide_own_fields(table)


def _decide_id(table: Table) -> None:
    slot = f"{table.subject}_id"
    found = own_id(table)
    named = [(score, name) for score, name in found if score >= 0.5]
    if named:
        score, name = named[0]
        rivals = [other for its, other in named[1:] if its > score - _NEAR and its >= 0.85]
        if rivals:
            table.questions.append(f"which column identifies a row for good, {_listed([name, *rivals])}? Each is "
                                   f"different in every row. Drafted: '{name}'.")
        table.decide(name, slot, 0.6 + 0.4 * score, f"name '{name}', and different in every row")
        table.columns[slot] = name
        return
    called = [name for name, meanings in table.meanings.items()
              if meanings.get("subject_name",
                              0) > 0.5 and table.profiles[name].unique and table.profiles[name].filled > 0.98]
    if table.rows == "accounts" and called:
        table.decide(called[0], slot, 0.7, f"name '{called[0]}', different in every row; there is no other id")
        table.columns[slot] = called[0]
        return
    others = [*called, *(name for score, name in found if name not in called and not table.profiles[name].of("text"))]
    if others:
        table.decide(others[0], slot, 0.4, "different in every row, yet no name says that it is an id")
        table.columns[slot] = others[0]
        table.questions.append(f"no column is called an id. Is '{others[0]}', which is different in every row, the "
                               "same from export to export? If it may change, export the CRM's own id and name it "
                               "here.")
    else:
        repeated = _repeated_id(table)
        table.columns[slot] = repeated or "?"
        table.questions.append(
            f"'{repeated}' is called an id, but stands in several rows: which column is different in each?"
            if repeated else
            "no column identifies a row. Add one with a number that stays the same from export to export, and name it "
            f"here as {slot}.")
        if repeated:
            table.decide(repeated, slot, 0.4, "called an id, yet it stands in several rows")


def _repeated_id(table: Table) -> str:
    found = [(max(meanings.get(f"{table.subject}_id", 0), meanings.get("id", 0) * 0.9), name)
             for name, meanings in table.meanings.items()]
    score, name = max(found, default=(0.0, ""))
    return name if score >= 0.8 else ""


def _decide_links(table: Table, tables: list[Table]) -> None:
    """Columns that hold another table's ids, by their values, or by their name where that table is not here."""
    contract = TABLE_COLUMNS[table.rows]
    for name, (place, share) in sorted(table.links.items(), key=lambda one: -one[1][1]):
        other = tables[place]
        if name in table.decisions or other.rows == table.rows:
            continue
        slot = f"{other.subject}_id"
        named = max(table.meanings[name].get(slot, 0), 0.8 * table.meanings[name].get(str(other.subject), 0))
        if other.subject == "owner":
            continue
        if slot in contract and slot not in table.columns and not _another(name, str(other.subject)):
            table.columns[slot] = name
            table.decide(name, slot, 0.75 + 0.24 * max(named, share - 0.1),
                         f"{share:.0%} of its values are ids of {other.look.name}")
        elif slot in table.columns or slot not in contract:
            table.decide(name, "left out", 0.8, f"holds ids of {other.look.name}, which rows of {table.rows} do not "
                                                "link to")
    for slot in contract:
        if not slot.endswith("_id") or slot in table.columns:
            continue
        found = [(meanings.get(slot, 0), name) for name, meanings in table.meanings.items()
                 if name not in table.decisions]
        score, name = max(found, default=(0.0, ""))
        if score >= 0.9 and slot != "manager_id":
            table.columns[slot] = name
            table.decide(name, slot, 0.85 * score, f"name '{name}'; no file here has such ids to compare with")


def _another(name: str, subject: str) -> bool:
    """Whether a link says of itself that it is a special one: a parent account, a primary contact."""
    return bool({"parent", "primary", "master", "partner", "billing", "上级", "母公司"} & set(tokens_of(name)))


def _decide_created(table: Table) -> None:
    if "created_at" not in TABLE_COLUMNS[table.rows]:
        return
    found = sorted(((meanings.get("created_at", 0), name) for name, meanings in table.meanings.items()
                    if name not in table.decisions and table.profiles[name].of("date")), reverse=True)
    if found and found[0][0] >= _LEAST:
        score, name = found[0]
        rivals = [other for its, other in found[1:] if its > score - _NEAR]
        _ask_which(table, "created_at", "the date on which it was entered", name, rivals)
        reason = f"name '{name}' and {table.profiles[name].says()}"
    else:
        name, score = _earliest_date(table), 0.5
        reason = "no name says so, but of the dates it is the first of each row"
    if not name:
        if table.rows in ("accounts", "contacts"):
            table.undated = "no column says when they were entered: they count from the import that first sees them"
        else:
            table.blocked = "no column says when its rows were entered"
        return
    table.columns["created_at"] = name
    empty = 1 - table.profiles[name].filled
    if empty > 0.0005:
        table.undated = f"CHECK: '{name}' is empty in {empty:.1%} of the rows; these count from the import on"
    table.decide(name, "created_at", 0.55 + 0.44 * score if score > 0.5 else 0.62, reason)


def _earliest_date(table: Table) -> str:
    """The date column that is filled in most rows and not after any other; "" when there is none."""
    dates = {name: dates_of(profile, _common_format(table)) for name, profile in table.profiles.items()
             if profile.of("date") and name not in table.decisions and not table.meanings[name].get("modified",
                                                                                                    0) > 0.5}
    for name in sorted(dates, key=lambda one: -table.profiles[one].filled):
        if table.profiles[name].filled < 0.8:
            break
        others = [moments for other, moments in dates.items() if other != name]
        if all(_not_after(dates[name], other) for other in others) and not table.meanings[name].get("expected_close",
                                                                                                    0) > 0.5 \
                and not table.meanings[name].get("closed_at", 0) > 0.5:
            return name
    return ""


def _not_after(first: pd.Series, second: pd.Series) -> bool:
    both = first.notna() & second.notna()
    return bool((first[both] <= second[both]).mean() >= 0.97) if both.any() else True


def _common_format(table: Table) -> str | None:
    return next((profile.date_format for profile in table.profiles.values() if profile.date_format), None)


def _ask_which(table: Table, slot: str, what: str, chosen: str, rivals: list[str]) -> None:
    if rivals:
        table.questions.append(f"which column is {what}, {_listed([chosen, *rivals])}? Drafted as {slot}: '{chosen}'.")


def _listed(names: list[str]) -> str:
    return ", ".join(f"'{name}'" for name in names[:-1]) + f" or '{names[-1]}'"


def _decide_well_known(table: Table) -> None:
    """amount, owner, expected close and the like: the best-named column of each."""
    for field in _WELL_KNOWN.get(table.rows, []):
        if field in table.fields:
            continue
        least = _LEAST if table.rows == "deals" else 0.7
        found = sorted(((_slot_score(table, name, field), name) for name in table.undecided()), reverse=True)
        found = [(score, name) for score, name in found if score >= least]
        if not found:
            continue
        score, name = found[0]
        rivals = [other for its, other in found[1:] if its > score - _NEAR and score >= 0.85]
        if field in ("amount", "expected_close", "owner"):
            what = {"amount": "the amount that counts", "owner": "who works it",
                    "expected_close": "when it is expected to close"}[field]
            _ask_which(table, f"field {field}", what, name, rivals)
        profile = table.profiles[name]
        link = table.links.get(name)
        reason = f"name '{name}' and {profile.says()}" + (f", found in another file for {link[1]:.0%}" if link else "")
        table.add_field(field, name, _TYPES.get(field, "category"), "final_only", "only its last value is here",
                  0.55 + 0.44 * score, reason)
        _warn_of_late(table, field)
    kinds = [(table.meanings[name].get("kind", 0), name) for name in table.undecided()]
    score, name = max(kinds, default=(0.0, ""))
    if table.rows == "deals" and score >= 0.8:
        table.columns["kind"] = name
        table.decide(name, "kind", 0.55 + 0.4 * score, f"name '{name}' and {table.profiles[name].says()}")


def _warn_of_late(table: Table, field: str) -> None:
    """Say of a field that is needed, yet filled only after the end."""
    ended, unfinished = ended_rows(table)
    filled = table.profiles[table.fields[field].column].text.notna().to_numpy(bool)
    if _only_after(filled, ended, unfinished):
        table.fields[field].warning += ("filled only after the end, so that no open row has it; never mark it "
                                        "at_creation")


def _only_after(filled: Bools, ended: Bools, unfinished: Bools) -> bool:
    if ended.sum() < 20 or unfinished.sum() < 20:
        return False
    return bool(filled[ended].mean() >= 0.25 and filled[unfinished].mean() <= 0.02)


def _slot_score(table: Table, name: str, field: str) -> float:
    score = table.meanings[name].get(field, 0)
    if field == "owner":
        score = max(score, table.meanings[name].get("owner_id", 0) * 0.99)
    return score if best(table.meanings[name])[1] - score < 0.12 else 0.0


def _decide_owner(table: Table) -> None:
    """Rows of people who own leads and deals."""
    slots = {"manager_id": ("manager",), "name": ("person_name", "owner"), "team": ("team",),
             "region": ("region",), "valid_from": ("valid_from",)}
    for slot, wanted in slots.items():
        found = [(max(table.meanings[name].get(one, 0) for one in wanted), name) for name in table.undecided()]
        score, name = max(found, default=(0.0, ""))
        if score >= _LEAST:
            table.columns[slot] = name
            table.decide(name, slot, 0.55 + 0.44 * score, f"name '{name}' and {table.profiles[name].says()}")
    if "name" not in table.columns and table.columns.get("owner_id", "?") != "?":
        table.columns["name"] = table.columns["owner_id"]
    for name in table.undecided():
        table.decide(name, "left out", 0.8, "rows of owners have no such column")


def decide_own_fields(table: Table) -> None:
    """Everything that is left: the company's own fields, or left out with a reason."""
    ended, unfinished = ended_rows(table)
    for name in table.undecided():
        profile, meanings = table.profiles[name], table.meanings[name]
        why = _why_left_out(table, name, ended, unfinished)
        if why:
            table.decide(name, "left out", why[1], why[0])
            continue
        meaning, score = best(meanings)
        past, why_past = _past(profile, meaning if score >= 0.6 else "")
        kind = field_type(profile, meaning if score >= 0.6 else "")
        if kind == "money" and table.rows != "deals" and not profile.of("money"):
            kind = "number"  # what a customer earns is not in our currency, and is never added to what it pays
        made_from = f"name '{name}' and {profile.says()}" if score >= 0.6 else profile.says()
        table.add_field(field_name(name, table), name, kind, past, why_past, 0.88 if score >= 0.8 else 0.72, made_from)


def left_out_by_meaning(meanings: dict[str, float]) -> tuple[str, float] | None:
    """Why a column with such a meaning is left out, and how sure that is; None when it is not."""
    meaning, score = best(meanings)
    if meaning in _LEFT_OUT and score >= 0.6:
        return _LEFT_OUT[meaning], 0.55 + 0.4 * score
    return None


def _why_left_out(table: Table, name: str, ended: Bools, unfinished: Bools) -> tuple[str, float] | None:
    profile = table.profiles[name]
    if profile.of("empty"):
        return "no cell is filled", 0.95
    if profile.distinct == 1 and profile.filled > 0.99 and best(table.meanings[name])[1] < 0.6:
        return "is the same in every row, so that nothing can be learned from it", 0.75
    by_meaning = left_out_by_meaning(table.meanings[name])
    if by_meaning:
        return by_meaning
    if name in table.links:
        return None if table.profiles[name].few else ("holds ids of another file that these rows do not link to", 0.7)
    if len(set(outcome_words(profile).values())) >= 2 and table.rows in ("deals", "leads"):
        return "its words say how it ended", 0.75
    filled = profile.text.notna().to_numpy(bool)
    if _only_after(filled, ended, unfinished):
        return (f"is filled only after the end: in {filled[ended].mean():.0%} of those that ended and "
                f"{filled[unfinished].mean():.0%} of the others", 0.8)
    if profile.of("date"):
        return _why_no_date_field(table, name)
    if (profile.of("id") or (profile.unique and profile.whole)) and best(table.meanings[name])[1] < 0.6:
        return "ids of something that no file here holds", 0.75
    return None


def _why_no_date_field(table: Table, name: str) -> tuple[str, float] | None:
    """A date that repeats the creation, or one that is entered as things go on, is no field."""
    created = table.columns.get("created_at")
    if not created:
        return None
    form = _common_format(table)
    mine, its = dates_of(table.profiles[name], form), dates_of(table.profiles[created], form)
    both = mine.notna() & its.notna()
    same = both.any() and ((mine - its)[both].abs() < pd.Timedelta(days=1)).mean() > 0.95
    if same and table.profiles[name].filled > 0.95:
        return f"says the same as '{created}'", 0.75
    if table.rows in ("deals", "leads") and table.profiles[name].filled < 0.95 and _not_after(its, mine):
        return "is entered as things go on: empty at first, so that being filled tells what came", 0.7
    return None


def _past(profile: Profile, meaning: str) -> tuple[str, str]:
    """What a field's past is worth. Only a name that says so makes a column one that never changes."""
    early = [token for token in profile.words.tokens for word in words().at_creation
             if token == word or (han(word) and token.startswith(word))]
    if early and meaning not in ("person_name", "title_of_person"):
        return "at_creation", f"'{early[0]}' says that it is as it was at first"
    if meaning in _FIXED:
        return "at_creation", _FIXED[meaning]
    return "final_only", "only its last value is here"


def field_type(profile: Profile, meaning: str) -> str:
    """The type of an own field, by its values first."""
    if profile.of("date"):
        return "date"
    if profile.of("number", "money"):
        return "money" if profile.of("money") or meaning in ("other_money", "amount") else "number"
    if meaning in ("text", "person_name", "subject_name"):
        return "text"
    return "category" if profile.of("category", "boolean", "country", "person", "multi") else "text"


def field_name(column: str, table: Table) -> str:
    """A name for an own field: the column's in snake_case, or as it stands in Chinese."""
    camel = column if re.search(r"\d", column) else re.sub(r"(?<=[a-z])(?=[A-Z])", "_", column)
    plain = re.sub(r"\W+", "_", camel).strip("_").lower() or "field"
    reserved = {"stage", "status", "owner", "amount", "currency", "expected_close", "forecast_category",
                "rep_probability"}
    name = f"its_{plain}" if plain in reserved else plain
    while name in table.fields:
        name += "_2"
    return name
