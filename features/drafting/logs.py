"""What the columns of logs become: field histories, versions of rows, logs of stages, activities, who takes part."""

from __future__ import annotations

from features.drafting.drafted import DraftField, Table
from features.drafting.entities import field_name, field_type, left_out_by_meaning
from features.drafting.meaning import best, meanings_of
from features.drafting.naming import meanings, value_is
from features.drafting.profile import profile_column
from features.drafting.tables import repeating_id
from features.drafting.words import han, name_of, tokens_of, words
from features.mapping import TABLE_COLUMNS

__all__ = ["decide_log", "split_by_subject"]

_SUBJECT_KINDS = ("lead", "deal", "account", "contact")
_Found = list[tuple[float, str | None, str]]  # how sure, the kind of subject, the column
_FIELDS_OF_HISTORY = 40
_ACTIVITY_KINDS = ("call", "meeting", "email", "mail", "visit", "appointment", "task", "note", "demo",
                   "通话", "会议", "拜访", "邮件", "任务", "日程")
_LOGGED = "every change of it is a row here"


def decide_log(table: Table, tables: list[Table]) -> None:
    """Decide every column of a table of changes, activities or deal_contacts."""
    if table.rows == "deal_contacts":
        _decide_pairs(table)
        return
    about = table.subject if "subject_id" in table.columns else _decide_subject(table, tables)
    table.meanings = {name: meanings_of(profile, about, log=True) for name, profile in table.profiles.items()}
    if table.rows == "changes":
        _decide_changes(table)
    else:
        _decide_activities(table)


def split_by_subject(table: Table) -> list[Table]:
    """A log about leads and deals in one file becomes a table for each kind, by the column that tells them apart."""
    if table.rows not in ("changes", "activities") or "subject_id" in table.columns:
        return [table]
    whole = {name: meanings_of(profile, None) for name, profile in table.profiles.items()}
    kinds, column = max(((_subjects_named(table, name), name) for name, its in whole.items()
                         if its.get("object", 0) >= 0.5),
                        key=lambda one: len(one[0]), default=({}, ""))
    records = [(max(its.get("record", 0), 0.8 * its.get("id", 0)), name) for name, its in whole.items()
               if not table.profiles[name].unique and name != column]
    score, record = max(records, default=(0.0, ""))
    if not kinds or score < 0.7:
        return [table]
    parts = []
    for kind in dict.fromkeys(kinds.values()):
        its_words = [word for word, its in kinds.items() if its == kind]
        part = Table(table.look, table.profiles, table.rows, kind, table.confidence, table.reason, whole, table.links)
        part.columns["subject_id"] = record
        part.where[column] = its_words
        part.decide(record, "subject_id", 0.93, f"name '{record}', and '{column}' says of what")
        part.decide(column, "where", 0.93, f"says what a row is about; rows of {', '.join(its_words)} are read")
        parts.append(part)
    return parts


def _decide_subject(table: Table, tables: list[Table]) -> str | None:
    """The column with the id of what a row is about, and the kind of that."""
    linked: _Found = [(share, tables[place].subject, name) for name, (place, share) in table.links.items()
              if tables[place].subject in _SUBJECT_KINDS]
    named: _Found = [(score, meaning.removesuffix("_id"), name) for name, its in table.meanings.items()
             for meaning, score in its.items() if meaning.removesuffix("_id") in _SUBJECT_KINDS and score >= 0.9]
    record: _Found = [(score, None, name) for name, its in table.meanings.items() for meaning, score in its.items()
              if meaning in ("record", "id") and score >= 0.5 and (meaning == "record" or table.rows == "changes")]
    whose = _kind_of_file(table)
    versions: _Found = [(score, whose, name) for name, its in table.meanings.items() for meaning, score in its.items()
                if whose and meaning in ("id", f"{whose}_id") and score >= 0.9]
    order = {"deal": 0, "lead": 1, "contact": 2, "account": 3, None: 4}
    whole = ("deal", "lead")
    choices = [([one for one in linked if one[1] in whole], 0.97), ([one for one in named if one[1] in whole], 0.9),
               (record if table.rows == "activities" else [], 0.75), (linked, 0.97), (named, 0.9), (record, 0.75)]
    if table.rows == "changes" and not any(kind == whose for _, kind, _ in linked):
        choices.insert(0, (versions, 0.9))
    for found, sure in choices:
        if not found:
            continue
        repeated = repeating_id(table)
        _, kind, name = min(found, key=lambda one: (order[one[1]], one[2] != repeated, -one[0]))
        kind = kind or whose
        if kind is None:
            table.questions.append(f"whose ids are in '{name}', deals' or leads'? Drafted: deals'. Change subject if "
                                   "not.")
        table.subject = kind or "deal"
        table.columns["subject_id"] = name
        where = f"name '{name}'"
        if name in table.links:
            where = f"its values are ids of {tables[table.links[name][0]].look.name}"
        table.decide(name, "subject_id", sure if kind else 0.55, where)
        return table.subject
    table.subject = whose or "deal"
    table.columns["subject_id"] = "?"
    table.questions.append("which column says which deal or lead a row is about? Name it as subject_id.")
    return table.subject


def _kind_of_file(table: Table) -> str | None:
    tokens = tokens_of(table.look.sheet or "") + tokens_of(table.look.file.rsplit(".", 1)[0])
    for size in (2, 1):
        for at in range(len(tokens) - size + 1):
            kind = words().subjects.get(tokens[at:at + size])
            if kind in _SUBJECT_KINDS:
                return kind
    joined = "".join(tokens)
    return next((kind for phrase, kind in words().subjects.items()
                 if kind in _SUBJECT_KINDS and not phrase[0].isascii() and phrase[0] in joined), None)


def _take(table: Table, slot: str, *wanted: str, least: float = 0.6, why: str = "") -> str:
    """Give a contract's column to the best-named undecided column; "" when none is."""
    found = [(table.meanings[name].get(one, 0) - 0.02 * i, name) for name in table.undecided() for i,
             one in enumerate(wanted)]
    score, name = max(found, default=(0.0, ""))
    if score < least:
        return ""
    table.columns[slot] = name
    table.decide(name, slot, 0.55 + 0.44 * score, why or f"name '{name}' and {table.profiles[name].says()}")
    return name


def _decide_changes(table: Table) -> None:
    version = max((its.get("valid_from", 0) for its in table.meanings.values()), default=0) >= 0.9
    if not _take(table, "changed_at", *(("valid_from",) if version else ("changed_at", "happened_at", "created_at"))):
        table.columns["changed_at"] = "?"
        table.questions.append("which column says when a change was made? Name it as changed_at.")
    fields = [(its.get("field", 0), name) for name, its in table.meanings.items() if name not in table.decisions]
    values = [(its.get("new_value", 0), name) for name, its in table.meanings.items() if name not in table.decisions]
    _take(table, "sequence", "sequence", least=0.8)
    _only_done(table)
    if max(fields, default=(0, ""))[0] >= 0.6 and max(values, default=(0, ""))[0] >= 0.6 and not version:
        _take(table, "field", "field")
        _take(table, "value", "new_value")
        _fields_in_rows(table)
        for name in table.undecided():
            table.decide(name, "left out", 0.85, "a change needs its record, field, new value and time alone")
    else:
        _fields_in_columns(table, version)


def _subjects_named(table: Table, column: str) -> dict[str, str]:
    """Values of a column that name a kind of subject, with the kind."""
    found = {}
    for value in table.profiles[column].text.dropna().unique()[:50]:
        kind = words().subjects.get(tokens_of(str(value)))
        if kind in _SUBJECT_KINDS:
            found[str(value)] = kind
    return found


def _fields_in_rows(table: Table) -> None:
    """Fields of a history with a row per change: by the names in its field column."""
    read = table.rows_read()
    names = table.profiles[table.columns["field"]].text[read]
    values = table.profiles[table.columns["value"]].text[read]
    for column in map(str, names.value_counts().index[:_FIELDS_OF_HISTORY]):
        profile = profile_column(values[names == column].reset_index(drop=True), column)
        meaning, score = best(meanings(name_of(column), table.subject))
        well_known = _well_known(meaning) if score >= 0.85 else ""
        kind = {"amount": "money", "expected_close": "date", "rep_probability": "number"}.get(well_known) \
            or field_type(profile, meaning)
        name = well_known if well_known and well_known not in table.fields else field_name(column, table)
        table.fields[name] = DraftField(column, kind, "logged", _LOGGED)


def _well_known(meaning: str) -> str:
    known = {"stage", "status", "owner", "amount", "currency", "expected_close", "forecast_category", "rep_probability"}
    return {"closed_at": "expected_close"}.get(meaning, meaning if meaning in known else "")


def _fields_in_columns(table: Table, version: bool) -> None:
    """Fields of a log whose rows each set all of them: versions of rows, or a log of stages."""
    state = "status" if table.subject == "lead" else "stage"
    found = [(max(its.get(one, 0) - 0.02 * i for i, one in enumerate(("stage", "status", "activity", "new_value"))),
              name)
             for name, its in table.meanings.items() if name not in table.decisions
             and (name_of(name).tokens[:1] not in (("prev",), ("previous",), ("old",), ("from",)))]
    score, name = max(found, default=(0.0, ""))
    if score >= 0.6 and (not version or table.subject in ("deal", "lead")):
        table.add_field(state, name, "category", "logged", _LOGGED, 0.55 + 0.44 * score,
                        f"name '{name}' and {table.profiles[name].distinct} words that repeat")
    for field, kind in (("owner", "category"), ("amount", "money"), ("expected_close", "date"),
                        ("currency", "category"),
                        ("forecast_category", "category"), ("rep_probability", "number")):
        wanted = {"expected_close": ("expected_close", "closed_at"), "owner": ("owner", "owner_id")}.get(field,
                                                                                                         (field,))
        its = [(max(table.meanings[name].get(one, 0) for one in wanted), name) for name in table.undecided()]
        score, name = max(its, default=(0.0, ""))
        if score >= 0.8 and (table.subject in ("deal", "lead") or field == "owner"):
            table.add_field(field, name, kind, "logged", _LOGGED, 0.55 + 0.44 * score,
                            f"name '{name}' and {table.profiles[name].says()}")
    for name in table.undecided():
        _own_logged_field(table, name, version)
    if not table.fields:
        table.blocked = "no column of it is a field"


def _own_logged_field(table: Table, name: str, version: bool) -> None:
    profile, its = table.profiles[name], table.meanings[name]
    meaning, score = best(its)
    flags = {"is_won", "is_lost", "is_closed", "is_converted", "outcome", "loss_reason"}
    why = None if version and meaning in flags else left_out_by_meaning(its)
    if profile.of("empty"):
        table.decide(name, "left out", 0.9, "no cell is filled")
    elif not version and (meaning in ("old_value", "created_at", "sequence", "changed_at", "happened_at")
                          or profile.of("date")):
        table.decide(name, "left out", 0.8, "the row before has it, or the table of what it is about")
    elif why:
        table.decide(name, "left out", why[1], why[0])
    elif meaning in ("created_at", "id", "valid_from") or (meaning.endswith("_id") and meaning != "owner_id"):
        table.decide(name, "left out", 0.75, "does not change, or belongs to the table of what it is about")
    elif profile.unique and profile.whole and score < 0.6:
        table.decide(name, "left out", 0.75, "ids or numbers of rows")
    elif not version and profile.filled > 0 and name_of(name).tokens[:1] in (("prev",), ("previous",), ("old",),
                                                                             ("from",)):
        table.decide(name, "left out", 0.9, "the value before, which the row before has")
    else:
        kind = field_type(profile, meaning if score >= 0.6 else "")
        table.add_field(field_name(name, table), name, kind, "logged", _LOGGED, 0.86 if score >= 0.8 else 0.7,
                        profile.says())


def _decide_activities(table: Table) -> None:
    if not _take(table, "happened_at", "happened_at", "changed_at", "created_at"):
        table.columns["happened_at"] = "?"
        table.questions.append("which column says when an activity happened? Name it as happened_at.")
    kind = _kind_in_name(table)
    if not _take(table, "kind", "activity", "kind") and kind:
        table.constants["kind"] = kind
    elif "kind" not in table.columns:
        table.columns["kind"] = "?"
        table.questions.append("which column says what kind an activity was (call, mail, meeting)? Name it as kind, "
                               "or write the kind under constants: {kind: call}.")
    own = [name for name in table.undecided() if table.profiles[name].unique
           and max(table.meanings[name].get("activity_id", 0), table.meanings[name].get("id", 0)) >= 0.6]
    if own:
        table.columns["activity_id"] = own[0]
        table.decide(own[0], "activity_id", 0.95, f"name '{own[0]}', and different in every row")
    _take(table, "direction", "direction", least=0.8)
    _take(table, "owner_id", "owner", "owner_id", least=0.7)
    _take(table, "contact_ids", "contact_id", least=0.8)
    _take(table, "text", "text", least=0.8)
    minutes = {"minute", "min", "minutes", "分钟"}
    for name in table.undecided():
        if table.meanings[name].get("duration", 0) >= 0.7 and not minutes & set(name_of(name).tokens):
            _take(table, "duration_seconds", "duration")
            break
    _only_done(table)
    for name in table.undecided():
        table.decide(name, "left out", 0.75, "an activity has no such column, or the table of what it is about has it")


def _kind_in_name(table: Table) -> str:
    """The one kind of activity that a file named "meetings" or "通话记录" holds; "" where its name says none."""
    tokens = (*tokens_of(table.look.sheet or ""), *tokens_of(table.look.file.rsplit(".", 1)[0]))
    return next((word for word in _ACTIVITY_KINDS if any(word in token if han(word) else word == token
                                                         for token in tokens)), "")


def _only_done(table: Table) -> None:
    """Of work that a log has with its beginning and its end, only the end is read."""
    for name in table.undecided():
        done = [str(value) for value in table.profiles[name].text.dropna().unique()[:20]
                if value_is(tokens_of(str(value)), "done")]
        if table.meanings[name].get("lifecycle", 0) >= 0.8 and done and table.profiles[name].distinct > 1:
            table.where[name] = done
            table.decide(name, "where", 0.85, f"of each piece of work only its end ({', '.join(done)}) is an activity "
                                              "that was done")


def _decide_pairs(table: Table) -> None:
    for slot in TABLE_COLUMNS["deal_contacts"]:
        _take(table, slot, slot, least=0.8)
    for name in table.undecided():
        table.decide(name, "left out", 0.85, "rows of deal_contacts have no such column")
