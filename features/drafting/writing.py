"""A draft as the YAML text that a person finishes, and as one JSON document."""

from __future__ import annotations

import glob
import unicodedata
from typing import Any

import yaml

from features.drafting.drafted import Decision, Draft, DraftField, Table

__all__ = ["draft_document", "draft_text"]

_MEANING = """\
# Behind each column stands how sure the draft is of it, and why:
#   high    its name and its values agree
#   medium  its name fits only in part, or only its values speak for it
#   low     a weak hint, or what was left over
# Look at every line with CHECK. `past` says what a field's past is worth: logged (every change is in a file),
# at_creation (does not change after creation) or final_only (only today's value is known; its past is not invented)."""
_COMMENT_AT = 64


def draft_text(draft: Draft, source: str) -> str:
    """The mapping as YAML. `source` names the files for the command in its first lines."""
    lines = ["# A draft by `dealcast map`, to be finished by somebody who knows the data. Then:",
             f"#     dealcast --home ./mycompany import {source} --mapping THIS_FILE", _MEANING, ""]
    if draft.unreadable:
        lines += ["# Could not be read, and is not in this draft:",
                  *(f"#   {_one_line(one)}" for one in draft.unreadable), ""]
    if draft.questions:
        lines += ["# Open questions. Answer each one in the mapping below and delete it here; until none is left,",
                  "# `dealcast import` refuses this mapping.", "questions:",
                  *(f"  - {_quoted(one)}" for one in draft.questions), ""]
    currency, its_reason = draft.currency
    lines += [_commented(f"company: {_scalar(draft.company)}", "CHECK: taken from the file's name"),
              _commented(f"time_zone: {draft.time_zone[0]}", draft.time_zone[1]),
              _commented(f"currency: {currency}", its_reason), ""]
    if draft.stages:
        lines += [f"# First to last {draft.stages_reason}. CHECK the order, and which stages end a deal.", "stages:"]
        lines += [f"  - {{name: {_scalar(name)}{f', outcome: {outcome}' if outcome else ''}}}" for name,
                  outcome in draft.stages]
        lines.append("")
    for key, its in (("deals", draft.deals), ("leads", draft.leads)):
        if its:
            lines += [f"# When {key} end. CHECK.", f"{key}:", *its, ""]
    lines.append("sources:")
    for table in draft.tables:
        lines += _table_lines(table)
    return "\n".join(lines).rstrip() + "\n"


def _table_lines(table: Table) -> list[str]:
    about = f"{table.look.name}" + (" (only a sample of its rows was looked at)" if table.look.sampled else "")
    if not table.rows:
        joined = table.reason.startswith("no table of its own")
        return ["", f"  # {_one_line(about)}{'' if joined else ' is left out'}: {_one_line(table.reason)}."]
    if table.blocked:
        names = ", ".join(table.profiles)
        return ["", f"  # {_one_line(about)} looks like {table.rows} ({_one_line(table.reason)}), but {table.blocked}.",
                f"  # It is left out: {_one_line(names)}."]
    lines = ["", f"  # {_one_line(about)}: {table.rows}, by {_one_line(table.reason)}."]
    lines.append(f"  - file: {_scalar(glob.escape(table.look.file))}")
    if table.look.sheet:
        lines.append(f"    sheet: {_scalar(table.look.sheet)}")
    lines.append(f"    rows: {table.rows}")
    if table.rows in ("changes", "activities"):
        lines.append(f"    subject: {table.subject}")
    if table.date_format:
        lines.append(f"    date_format: {_quoted(table.date_format)}")
    if table.undated:
        lines.append(_commented("    undated: import", table.undated))
    for one in table.joins:
        taken = ", ".join(f"{_scalar(name)}: {_scalar(column)}" for name, column in one.columns.items())
        sheet = f", sheet: {_scalar(one.look.sheet)}" if one.look.sheet else ""
        lines += ["    join:"] if one is table.joins[0] else []
        lines.append(f"      - {{file: {_scalar(glob.escape(one.look.file))}{sheet}, by: {_scalar(one.by)}, "
                     f"key: {_scalar(one.key)}, columns: {{{taken}}}}}")
    if table.where:
        lines.append("    where:")
        lines += [_commented(f"      {_scalar(name)}: [{', '.join(map(_scalar, some))}]", _said(table.decisions[name]))
                  for name, some in table.where.items()]
    lines.append("    columns:")
    for slot, name in table.columns.items():
        decision = table.decisions.get(name)
        reason = "CHECK: see the questions"
        if decision:
            reason = _said(decision) if decision.role == slot else "also used here"
        lines.append(_commented(f"      {slot}: {_scalar(name)}", reason))
    if table.constants:
        said = ", ".join(f"{slot}: {_scalar(word)}" for slot, word in table.constants.items())
        lines.append(_commented(f"    constants: {{{said}}}", "CHECK: by the file's name"))
    if table.fields:
        lines.append("    fields:")
        lines += [_field_line(table, name, one) for name, one in table.fields.items()]
    left = [one for one in table.decisions.values() if one.role == "left out"]
    if left:
        lines.append("    # Left out:")
        lines += [_commented(f"    #   {_one_line(one.column)}", f"{one.level}: {one.reason}") for one in left]
    return lines


def _field_line(table: Table, name: str, field: DraftField) -> str:
    parts = [f"column: {_scalar(field.column)}"]
    if field.type != "category":
        parts.append(f"type: {field.type}")
    if field.times != 1:
        parts.append(f"times: {field.times}")
    parts.append(f"past: {field.past}")
    if field.closed_at:
        parts.append(f"closed_at: {_scalar(field.closed_at)}")
    by_rows = "field" in table.columns  # of such a history a field is no column
    if field.joined_from:
        reason = f"CHECK: joined from {field.joined_from}"
    else:
        reason = "a field of the history" if by_rows else _said(table.decisions[field.column])
    if field.warning:
        reason += f"; CHECK: {field.warning}"
    if field.past == "at_creation":
        reason += f"; at_creation: {field.why_past}"
    closing = table.decisions.get(field.closed_at or "")
    if closing and closing.role == "closed_at":
        reason += f"; closed_at: {_said(closing)}"
    return _commented(f"      {_scalar(name)}: {{{', '.join(parts)}}}", reason)


def _said(decision: Decision) -> str:
    check = "CHECK: " if decision.level != "high" else ""
    return f"{decision.level}: {check}{decision.reason}"


def _commented(line: str, reason: str) -> str:
    # Chinese characters are two columns wide.
    width = sum(2 if unicodedata.east_asian_width(character) in "WF" else 1 for character in line)
    return f"{line}{' ' * max(0, _COMMENT_AT - width)}  # {_one_line(reason)}" if reason else line


def _one_line(text: str) -> str:
    """Text as a comment holds it: no line breaks, nothing that YAML would not read."""
    return " ".join("".join(character if character.isprintable() else " " for character in text).split())


def _scalar(value: str) -> str:
    """A YAML scalar that reads back as exactly this text, inside brackets too."""
    plain: str = yaml.safe_dump([value], default_flow_style=True, allow_unicode=True, width=10**6).strip()
    return plain[1:-1]


def _quoted(value: str) -> str:
    quoted: str = yaml.safe_dump(value, default_style='"', allow_unicode=True, width=10**6).strip()
    return quoted


def draft_document(draft: Draft, mapping: str) -> dict[str, Any]:
    """The draft as one JSON document: the mapping's text, and what each column becomes and why."""
    return {
        "mapping": mapping, "questions": draft.questions, "unreadable": draft.unreadable,
        "tables": [{
            "file": table.look.file, "sheet": table.look.sheet, "sampled": table.look.sampled,
            "rows": table.rows if not table.blocked else "", "subject": table.subject if table.rows else None,
            "reason": table.blocked or table.reason,
            "columns": [_column_document(table, name) for name in (str(one) for one in table.look.frame.columns)]}
            for table in draft.tables]}


def _column_document(table: Table, name: str) -> dict[str, Any]:
    decision, profile = table.decisions[name], table.profiles[name]
    out = bool(table.blocked)
    field = table.fields.get(decision.field)
    return {"column": name, "role": "left out" if out else decision.role, "field": None if out else decision.field
            or None,
            "also": [] if out or not decision.also else [decision.also],
            "type": field.type if field and not out else None,
            "past": field.past if field and not out else None, "confidence": round(decision.confidence, 2),
            "level": decision.level, "reason": decision.reason, "values": profile.kind,
            "filled": round(profile.filled, 4),
            "distinct": profile.distinct, "examples": list(profile.examples[:3])}
