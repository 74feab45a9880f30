"""An event log with no table of deals beside it: its cases are the deals, created by the event that begins them."""

from __future__ import annotations

import pandas as pd

from features.drafting.drafted import DraftField, Table
from features.drafting.entities import field_name, field_type, left_out_by_meaning
from features.drafting.meaning import best, meanings_of
from features.drafting.profile import dates_of
from features.drafting.tables import repeating_id

__all__ = ["deals_from_log"]

_SURE_START = 0.95


def deals_from_log(tables: list[Table]) -> None:
    """Where no table is one of deals or leads, take the largest log of events for the stages of deals, and add a table
    that creates these from the same file."""
    if any(table.rows in ("deals", "leads") for table in tables):
        return
    logs = [(table, parts) for table in tables if table.rows in ("changes", "activities") and (parts := _parts(table))]
    if not logs:
        return
    log, (subject, at, state) = max(logs, key=lambda one: len(one[0].look.frame))
    log.rows, log.subject = "changes", "deal"
    log.columns["subject_id"] = subject
    log.decide(subject, "subject_id", 0.9, f"'{subject}' stands in several rows: a case, taken for a deal")
    deals = _deals(log, subject, at, state)
    for name, one in deals.decisions.items():
        if one.role == "field":
            log.decide(name, "left out", 0.8, "belongs to the deal")
    tables.append(deals)


def _parts(log: Table) -> tuple[str, str, str] | None:
    """The columns of case, time and event; None where one is missing or the file is a history of fields."""
    subject = repeating_id(log)
    found = {name: meanings_of(profile, None) for name, profile in log.profiles.items() if name != subject}
    if max((its.get("new_value", 0) for its in found.values()), default=0) >= 0.9:
        return None

    def named(*wanted: str) -> str:
        score, name = max(((max(its.get(one, 0) for one in wanted), name) for name, its in found.items()),
                          default=(0, ""))
        return name if score >= 0.6 else ""

    at, state = named("changed_at", "happened_at"), named("activity", "stage", "status")
    return (subject, at, state) if subject and at and state and at != state else None


def _deals(log: Table, subject: str, at: str, state: str) -> Table:
    first, share = _first_event(log, subject, at, state)
    deals = Table(log.look, log.profiles, "deals", "deal", 0.6, f"the cases of '{subject}'; no other file has deals")
    deals.columns.update(deal_id=subject, created_at=at)
    deals.where[state] = [first]
    deals.decide(subject, "deal_id", 0.8, "a case is taken for a deal")
    deals.decide(at, "created_at", 0.8, f"the time of '{first}'")
    deals.decide(state, "where", 0.8, f"{share:.0%} of the cases begin with '{first}', so that it creates them")
    if share < _SURE_START:
        deals.questions.append(f"which event creates a deal? {share:.0%} of the cases begin with '{first}' (drafted).")
    for name in deals.undecided():
        _case_field(deals, subject, name)
    return deals


def _first_event(log: Table, subject: str, at: str, state: str) -> tuple[str, float]:
    """The event with which most cases begin, and the share of the cases that do."""
    rows = pd.DataFrame({"case": log.profiles[subject].text, "at": dates_of(log.profiles[at]).to_numpy(),
                         "event": log.profiles[state].text})
    begins = rows.sort_values("at", kind="stable").drop_duplicates("case")["event"].value_counts(normalize=True)
    return str(begins.index[0]), float(begins.iloc[0])


def _case_field(deals: Table, subject: str, name: str) -> None:
    """A column that is the same in all rows of a case is the case's own; the others belong to the events."""
    profile = deals.profiles[name]
    its = meanings_of(profile, "deal")
    per_case = profile.text.groupby(deals.profiles[subject].text).nunique(dropna=False)
    why = left_out_by_meaning(its)
    if profile.of("empty", "date") or profile.distinct < 2 or (per_case > 1).any():
        deals.decide(name, "left out", 0.75, "belongs to the events, not to the deal")
    elif why:
        deals.decide(name, "left out", why[1], why[0])
    else:
        meaning, score = best(its)
        is_amount = meaning == "amount" and score >= 0.5 and "amount" not in deals.fields
        field = "amount" if is_amount else field_name(name, deals)
        kind = "money" if field == "amount" else field_type(profile, meaning)
        # Exports of event logs may write into every row what was only known when the case ended.
        deals.fields[field] = DraftField(name, kind, "final_only", "it is the same in all rows of a case")
        deals.decide(name, "field", 0.65, "the same in all rows of a case; at_creation only if it was known at its "
                                          "start",
                     field)
