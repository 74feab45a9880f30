"""A draft of a mapping from files: the function behind `dealcast map`."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd

from features.drafting.drafted import Draft, Table
from features.drafting.ends import lead_word, stage_order
from features.drafting.entities import decide_entity
from features.drafting.event_logs import deals_from_log
from features.drafting.logs import decide_log, split_by_subject
from features.drafting.looking import look_at
from features.drafting.lookups import join_lookups
from features.drafting.meaning import outcome_words, says_outcome
from features.drafting.naming import value_is
from features.drafting.profile import dates_of, profile_column
from features.drafting.tables import ENTITIES, classify, find_links, open_table
from features.drafting.words import han, tokens_of
from features.sources.currency import is_currency

__all__ = ["draft_mapping"]

_HORIZONS = (30, 60, 90, 180, 365)


def draft_mapping(paths: list[Path]) -> Draft:
    """Look at files and folders and draft their mapping. Raises NotFound and BadInput when nothing can be read."""
    looks = look_at(paths)
    tables = [open_table(look) for look in looks.tables]
    for table in tables:
        classify(table)
    deals_from_log(tables)
    _at_least_one_subject(tables)
    find_links(tables)
    for table in tables:
        if table.rows in ENTITIES and not table.decisions:
            decide_entity(table, tables)
    # Links name tables by their place, so that the parts of a log are added behind them.
    logs = [part for table in tables if table.rows and table.rows not in ENTITIES for part in split_by_subject(table)]
    for part in logs:
        decide_log(part, tables)
    for table in tables:
        if not table.rows:
            for name in table.profiles:
                table.decide(name, "left out", 0.8, "its table is left out")
    files = [table.look.name for table in tables]
    tables = sorted([*(table for table in tables if not table.rows or table.rows in ENTITIES), *logs],
                    key=lambda table: files.index(table.look.name))
    for table in tables:
        _decide_dates(table)
    draft = Draft(_company(paths), tables, looks.unreadable)
    join_lookups(tables)
    _prefer_logs(tables)
    _draft_stages(draft)
    _draft_deal_ends(draft)
    _draft_lead_ends(draft)
    _draft_settings(draft)
    _ask(draft)
    return draft


def _company(paths: list[Path]) -> str:
    first = paths[0].resolve()
    return (first.name if first.is_dir() else first.stem).replace("_", " ").strip() or "My company"


def _at_least_one_subject(tables: list[Table]) -> None:
    """Where no file is one of deals or leads, the one that says yes or no to an outcome is taken for leads."""
    if any(table.rows in ("deals", "leads") for table in tables):
        return
    found = [(len(table.look.frame), i) for i, table in enumerate(tables) if not table.rows
             and any(says_outcome(table.profiles[name]) and meanings.get("outcome", 0) >= 0.6
                     for name, meanings in table.meanings.items())]
    if found:
        table = tables[max(found)[1]]
        table.rows, table.subject, table.confidence = "leads", "lead", 0.5
        table.reason = "a column says how each row ended, and no column is a stage or an amount"
        table.questions.append("is a row of it a lead, someone who may buy (drafted so), or a deal? For deals, write "
                               "rows: deals and deal_id.")


def _decide_dates(table: Table) -> None:
    """One date_format for the source, or a question where dates may be read in two ways."""
    used = [table.profiles[name] for name, one in table.decisions.items() if name in table.profiles
            and table.profiles[name].of("date") and (one.role != "left out")]
    forms = {profile.date_format for profile in used if profile.date_format}
    unclear = [profile for profile in used if profile.date_doubt]
    if len(forms) > 1:
        table.questions.append(f"dates are written in several ways ({', '.join(sorted(forms))}), and a source has one "
                               "date_format. Which columns should be exported anew?")
    elif forms:
        table.date_format = forms.pop()
    elif unclear:
        table.date_format = "?"
        table.questions.append(f"'{unclear[0].name}': {unclear[0].date_doubt}. Write the right one as date_format.")


def _prefer_logs(tables: list[Table]) -> None:
    """A field that a log has is not also taken from the table with its last value."""
    logged = {(table.subject, name): table for table in tables if table.rows == "changes" and not table.blocked
              for name in table.fields}
    for table in tables:
        if table.rows not in ("deals", "leads", "accounts", "contacts"):
            continue
        for name in list(table.fields):
            log = logged.get((table.subject, name))
            state = name in ("stage", "status", "result", "is_won", "is_lost", "is_closed", "is_converted")
            log = log or (logged.get((table.subject, "stage" if table.rows == "deals" else "status")) if state
                          else None)
            if log is None:
                continue
            gone = table.fields.pop(name)
            reason = f"{log.look.name} has every change of it"
            table.decide(gone.column, "left out", 0.85, reason)
            if gone.closed_at and gone.closed_at not in {one.column for one in table.fields.values()}:
                table.decide(gone.closed_at, "left out", 0.85, reason)


def _state_of(draft: Draft, rows: str, field: str) -> tuple[Table, str] | None:
    """The table and column that say where deals or leads stand; a log before a last value."""
    subject = rows.removesuffix("s")
    for table in draft.tables:
        is_log = table.rows == "changes" and table.subject == subject
        if is_log and field in table.fields and "field" not in table.columns:
            return table, table.fields[field].column
    for table in draft.tables:
        if table.rows == rows and field in table.fields:
            return table, table.fields[field].column
    return None


def _words_of(draft: Draft, rows: str, field: str) -> pd.Series:
    """Values of a field as a log with a row per change has them, or else as its column has them."""
    subject = rows.removesuffix("s")
    for table in draft.tables:
        if table.rows == "changes" and table.subject == subject and field in table.fields and "field" in table.columns:
            names = table.profiles[table.columns["field"]].text
            ours = (names == table.fields[field].column).to_numpy(bool) & table.rows_read()
            return table.profiles[table.columns["value"]].text[ours]
    found = _state_of(draft, rows, field)
    return found[0].profiles[found[1]].text if found else pd.Series([], dtype="str")


def _draft_stages(draft: Draft) -> None:
    text = _words_of(draft, "deals", "stage")
    found = _state_of(draft, "deals", "stage")
    if not len(text):
        return
    profile = profile_column(text.reset_index(drop=True), "stage")
    if found and found[0].rows == "changes":
        log = found[0]
        at = dates_of(log.profiles[log.columns["changed_at"]]) if log.columns.get("changed_at", "?") != "?" else None
        subject = log.profiles[log.columns["subject_id"]].text if log.columns.get("subject_id", "?") != "?" else None
        draft.stages = stage_order(profile, subject, at)
        draft.stages_reason = "in the order in which deals mostly enter them"
    else:
        draft.stages = stage_order(profile)
        numbered = all(name[:1].isdigit() for name, _ in draft.stages)
        draft.stages_reason = "by their numbers" if numbered else "by the usual order of such words"
    if not profile.few or profile.distinct > 60:
        draft.stages_reason += f"; CHECK: {profile.distinct} different ones are many for stages"


def _draft_deal_ends(draft: Draft) -> None:
    """won and lost by other columns, where the stages do not say both."""
    deals = [table for table in draft.tables if table.rows == "deals"]
    if not deals:
        return
    outcomes = {outcome for _, outcome in draft.stages if outcome}
    for table in deals:
        if "result" in table.fields:
            ends = outcome_words(table.profiles[table.fields["result"].column])
            for kind in ("won", "lost"):
                some = [word for word, meant in ends.items() if meant == kind]
                if some:
                    draft.deals.append(f"  {kind}: [{{field: result, becomes: {_words(some)}}}]")
            outcomes |= set(ends.values())
        elif "is_won" in table.fields:
            draft.deals.append(f"  won: [{{field: is_won, becomes: {_truths(table, 'is_won')}}}]")
            outcomes.add("won")
            other = next((name for name in ("is_lost", "is_closed") if name in table.fields), "")
            if other:
                # Won comes first: a deal that is closed and not won is lost.
                draft.deals.append(f"  lost: [{{field: {other}, becomes: {_truths(table, other)}}}]")
                outcomes.add("lost")
    names = [name for name, _ in draft.stages]
    dated = [] if any(outcome for _, outcome in draft.stages) else _undate_stages(deals)
    missing = [word for word in ("won", "lost") if word not in outcomes]
    if missing:
        listed = f" The stages are: {', '.join(names)}." if names else ""
        where = "Mark it with outcome under stages" if names else "Map the column as field stage and list the stages"
        draft.questions.append(f"Which stage means that a deal is {' and which that it is '.join(missing)}?{listed} "
                               f"{where}.{f' Then give the field stage closed_at: {dated[0]}.' if dated else ''}")


def _undate_stages(deals: list[Table]) -> list[str]:
    """Take the date of the end from stages of which none is known to end a deal; returns the columns."""
    stages = [table.fields["stage"] for table in deals if "stage" in table.fields]
    columns = [one.closed_at for one in stages if one.closed_at]
    for one in stages:
        one.closed_at = None
    return columns


def _draft_lead_ends(draft: Draft) -> None:
    leads = [table for table in draft.tables if table.rows == "leads"]
    if not leads:
        return
    converted: list[str] = []
    disqualified: list[str] = []
    text = _words_of(draft, "leads", "status")
    found = {str(value): lead_word(str(value)) for value in text.dropna().unique()[:100]}
    if len(found) <= 3 and not any(kind == "converted" and not value_is(tokens_of(value), "yes")
                                   for value, kind in found.items()):
        found = {value: "converted" for value in found if value_is(tokens_of(value), "yes")} or found
    converted += [json.dumps(value, ensure_ascii=False) for value, kind in found.items() if kind == "converted"]
    disqualified += [json.dumps(value, ensure_ascii=False) for value, kind in found.items() if kind == "disqualified"]
    for table in leads:
        if "converted_at" in table.fields:
            converted.append("{field: converted_at, filled: true}")
        if "is_converted" in table.fields:
            converted.append(f"{{field: is_converted, becomes: {_truths(table, 'is_converted')}}}")
    if not converted and any(table.rows == "deals" and "lead_id" in table.columns for table in draft.tables):
        converted.append("{deal: created}")
    if not converted:
        draft.questions.append("What says that a lead has converted? Write it under leads: converted, for example a "
                               "status, {field: NAME, filled: true} or {deal: created}; or take the leads out.")
        converted.append('"?"')
    days, reason = _horizon(leads)
    draft.leads = [f"  converted: [{', '.join(converted)}]"]
    if disqualified:
        draft.leads.append(f"  disqualified: [{', '.join(disqualified)}]")
    draft.leads.append(f"  horizon: {{days: {days}, from: created}}  # {reason}")


def _horizon(leads: list[Table]) -> tuple[int, str]:
    """Days within which most conversions came, where the leads' dates say so."""
    for table in leads:
        ended = next((one.column for name, one in table.fields.items() if name == "converted_at"), None) or \
            next((one.closed_at for one in table.fields.values() if one.closed_at), None)
        created = table.columns.get("created_at")
        if ended and created:
            days = (dates_of(table.profiles[ended], table.date_format) - dates_of(table.profiles[created],
                                                                                  table.date_format))
            share = days.dropna().dt.total_seconds() / 86_400
            if len(share) >= 20:
                ninth = float(np.quantile(share, 0.9))
                chosen = next((one for one in _HORIZONS if one >= ninth), _HORIZONS[-1])
                return chosen, f"9 of 10 conversions came within {ninth:.0f} days"
    return 90, "CHECK: nothing here says how long a conversion takes; 90 days is common"


def _truths(table: Table, field: str) -> str:
    """The column's words for yes; where none stands in it yet, any of the usual ones."""
    text = table.profiles[table.fields[field].column].text
    found = [str(value) for value in text.dropna().unique()[:20] if value_is(tokens_of(str(value)), "yes")]
    return _words(found) if found else "[true]"


def _words(some: list[str]) -> str:
    return json.dumps(some, ensure_ascii=False)  # a list of quoted words is the same in YAML


def _draft_settings(draft: Draft) -> None:
    """Currency and time zone: from the files where they say so, else a usual one to check."""
    headers = [name for table in draft.tables for name in table.profiles]
    chinese = sum(any(han(token) for token in tokens_of(name)) for name in headers) > len(headers) / 3
    named = [profile.words.currency for table in draft.tables for profile in table.profiles.values()
             if profile.words.currency]
    columns = [table.profiles[one.column] for table in draft.tables for name, one in table.fields.items()
               if name == "currency"]
    if named:
        draft.currency = (named[0], "a header names it")
    elif columns and columns[0].distinct == 1 and is_currency(columns[0].examples[0]):
        draft.currency = (columns[0].examples[0], f"the only one in '{columns[0].name}'")
    elif chinese:
        draft.currency = ("CNY", "CHECK: guessed from the Chinese headers")
    else:
        draft.currency = ("EUR", "CHECK: no file says in which currency amounts are")
    if chinese:
        draft.time_zone = ("Asia/Shanghai", "CHECK: guessed from the Chinese headers")
    else:
        draft.time_zone = ("UTC",
                           "CHECK: the clock behind dates without a time, such as Europe/Berlin; no file says it")


def _ask(draft: Draft) -> None:
    """Gather the tables' questions, and those about the whole."""
    subjects = [table for table in draft.tables if table.rows in ("deals", "leads")]
    for table in draft.tables:
        if table.blocked and table.rows in ("deals", "leads"):
            draft.questions.append(f"{table.look.name}: {table.blocked}, and without that nothing can be learned from "
                                   "it. Export that date and name it as created_at.")
            table.columns["created_at"], table.blocked = "?", ""
        draft.questions += [f"{table.look.name}: {one}" for one in table.questions]
    if not subjects:
        draft.questions.append("No file looks like deals or leads. Which one is, and which of its columns are the id "
                               "and the date of creation?")
    several = [table for table in subjects if table.rows == "deals" and not table.blocked]
    if len(several) > 1:
        names = ", ".join(table.look.name for table in several)
        draft.questions.append(f"Several tables look like deals ({names}). Take out what is not; rows about the same "
                               "deal must have the same id in each.")
