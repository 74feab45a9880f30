from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from features.calendar import DAY
from features.endings import LOST, OPEN, WON, Endings, is_end, read_endings
from features.errors import BadInput
from features.history import History
from features.mapping import Mapping, parse_mapping
from tests.histories import activity, change, history
from training.outcomes import Outcomes, outcomes

COMPANY = """
company: Test
stages: [{{name: Talk}}, {{name: Done, outcome: won}}]
{rules}
sources:
  - rows: leads
    file: leads.csv
    columns: {{lead_id: id, created_at: created}}
    fields:
      status: {{column: status, past: final_only}}
      converted_at: {{column: converted, type: date, past: final_only}}
  - rows: deals
    file: deals.csv
    columns: {{deal_id: id, created_at: created, lead_id: lead}}
    fields:
      is_closed: {{column: is_closed, past: final_only}}
      is_won: {{column: is_won, past: final_only}}
  - rows: activities
    file: calls.csv
    subject: deal
    columns: {{subject_id: id, happened_at: at, kind: kind, direction: direction}}
"""
BY_DATE = "leads: {converted: [{field: converted_at, filled: true}], horizon: {days: 60}}"
BY_DEAL = "leads: {converted: [{deal: created}], disqualified: [Out], horizon: {days: 60}}"
BY_FLAGS = """deals:
  won: [{field: is_won, becomes: [true]}]
  lost: [{field: is_closed, becomes: [true]}]"""
BY_INVOICE = "deals: {won: [{activity: invoice, direction: out}], lost: [{field: is_closed, becomes: [true]}]}"


def described(rules: str) -> Mapping:
    return parse_mapping(COMPANY.format(rules=rules), "the test's mapping")


def state(ends: Outcomes, day: float, subject: int = 0) -> int:
    return int(ends.state_as_of(np.array([subject]), np.array([round(day * DAY)]))[0])


def date(day: float) -> str:
    return f"{np.datetime64(round(day * DAY), 'us')}Z"


def last(past: History, kind: str) -> list[tuple[Any, ...]]:
    """How each subject stands in the end: (id, state, day since when, day since when that was known)."""
    subject, states, since, known = read_endings(past, kind).last
    ids = past.subjects(kind).ids[subject]
    return sorted(zip(ids, states.tolist(), (since / DAY).tolist(), (known / DAY).tolist(), strict=True))


def test_a_date_that_is_filled_in_is_when_the_lead_converted_and_counts_from_when_it_was_told():
    past = history(leads={"a": 1, "b": 1}, described_by=described(BY_DATE), changes=[
        change("a", "converted_at", date(5), 9, kind="lead"), change("b", "converted_at", None, 9, kind="lead")])
    ends = outcomes(past, "lead")
    assert [state(ends, day) for day in (4, 6, 8.9, 9)] == [OPEN, OPEN, OPEN, WON]
    assert last(past, "lead") == [("a", WON, 5, 9), ("b", OPEN, 9, 9)]
    found, when = ends.next_end(np.array([0]), np.array([2 * DAY]))
    assert (found.tolist(), (when / DAY).tolist()) == ([WON], [5])
    # Asked on a day between, when it had become so and nobody knew: it comes at once.
    assert ends.next_end(np.array([0]), np.array([7 * DAY]))[1].tolist() == [7 * DAY + 1]


def test_a_date_before_the_creation_ends_nothing_before_there_was_anything():
    past = history(leads={"a": 5.5}, described_by=described(BY_DATE),
                   changes=[change("a", "converted_at", date(5), 6, kind="lead")])
    assert last(past, "lead") == [("a", WON, 5.5, 6)]


def test_a_date_that_is_still_to_come_is_no_end_yet():
    past = history(leads={"a": 1}, described_by=described(BY_DATE),
                   changes=[change("a", "converted_at", date(20), 5, kind="lead")])
    ends = outcomes(past, "lead")
    assert [len(ends.known_at(round(at * DAY)).won_at[0]) for at in (6, 19, 20)] == [0, 0, 1]
    assert state(ends, 19) == OPEN


def test_a_planned_date_that_is_emptied_before_it_comes_ends_nothing():
    past = history(leads={"a": 1}, described_by=described(BY_DATE), changes=[
        change("a", "converted_at", date(20), 5, kind="lead"), change("a", "converted_at", None, 10, kind="lead")])
    ends = outcomes(past, "lead")
    assert [state(ends, day) for day in (6, 11, 21)] == [OPEN, OPEN, OPEN]
    assert ends.next_end(np.array([0]), np.array([2 * DAY]))[0].tolist() == [OPEN]


def test_a_lead_converts_when_its_deal_is_created_whatever_its_status_says():
    past = history(leads={"a": 1, "b": 1, "c": 1}, described_by=described(BY_DEAL), changes=[
        change("a", "status", "Out", 3, kind="lead"), change("b", "status", "Out", 4, kind="lead"),
        change("b", "status", "New", 6, kind="lead")])
    deals = history(deals={"d": 5}).tables["deals"].assign(lead_id="a", known_at=7 * DAY)
    past = History({**past.tables, "deals": deals}, past.mapping)
    assert last(past, "lead") == [("a", WON, 5, 7), ("b", OPEN, 6, 6)]
    ends = outcomes(past, "lead")
    assert [state(ends, day) for day in (2, 3, 6, 7)] == [OPEN, LOST, LOST, WON]
    assert [state(ends, day, 1) for day in (3, 4, 6)] == [OPEN, LOST, OPEN]


def test_of_two_flags_the_win_outweighs_that_the_deal_is_closed_in_whatever_order_they_come():
    for first, second in (("is_won", "is_closed"), ("is_closed", "is_won")):
        past = history(deals={"a": 1, "b": 1}, described_by=described(BY_FLAGS), changes=[
            change("a", first, "TRUE", 5), change("a", second, "true", 8), change("b", "is_closed", "True", 5),
            change("b", "is_won", "FALSE", 5), change("b", "is_closed", "FALSE", 9)])
        ends = outcomes(past, "deal")
        assert [state(ends, day) for day in (4, 8)] == [OPEN, WON]
        assert [state(ends, day, 1) for day in (4, 5, 9)] == [OPEN, LOST, OPEN]
    assert last(past, "deal")[1] == ("b", OPEN, 9, 9)


def test_a_deal_is_won_by_an_invoice_that_goes_out():
    past = history(deals={"a": 1, "b": 1}, described_by=described(BY_INVOICE), activities=[
        activity("a", 4, kind="invoice", direction="in"), activity("a", 6, kind="invoice", direction="out", known=8),
        activity("b", 6, kind="call", direction="out")])
    assert last(past, "deal") == [("a", WON, 6, 8)]


def test_stages_and_conditions_speak_together():
    past = history(deals={"a": 1, "b": 1}, described_by=described(BY_INVOICE), changes=[
        change("a", "stage", "Talk", 2), change("b", "stage", "Done", 3)],
        activities=[activity("a", 6, kind="invoice", direction="out")])
    assert last(past, "deal") == [("a", WON, 6, 6), ("b", WON, 3, 3)]


@pytest.mark.parametrize("seed", range(20))
def test_several_signals_say_at_each_moment_what_each_alone_says_then(seed):
    """Against a slow reading: at each moment, each field's newest known value, and then the rule itself."""
    rng = np.random.default_rng(seed)
    rows = [change(one, field, value, day, sequence=i, known=day + late) for i, (one, field, value, day, late) in
            enumerate(zip(rng.choice(["a", "b"], 30), rng.choice(["is_closed", "is_won"], 30),
                          rng.choice(["TRUE", "FALSE", ""], 30), rng.integers(1, 12, 30).astype(float),
                          rng.choice([0.0, 0.0, 3.0], 30), strict=True))]
    rows = [row | {"value": row["value"] or None} for row in rows]
    past = history(deals={"a": 0, "b": 0}, described_by=described(BY_FLAGS), changes=rows)
    ends = outcomes(past, "deal")

    def said(one: str, counts: list[dict[str, Any]]) -> int:
        newest = {field: max((row for row in counts if row["subject_id"] == one and row["field"] == field),
                             key=lambda row: (row["changed"], row["sequence"]), default={"value": None})["value"]
                  for field in ("is_won", "is_closed")}
        return WON if newest["is_won"] == "TRUE" else LOST if newest["is_closed"] == "TRUE" else OPEN

    for day in range(17):
        for code, one in enumerate(["a", "b"]):
            known = [row for row in rows if row["known"] <= day]
            assert state(ends, day, code) == said(one, known)
            assert state(ends.known_at(day * DAY), 99, code) == said(one, known)
            assert state(ends.standing_at(day * DAY), 99, code) == said(
                one, [row for row in rows if row["changed"] <= day])
            cut = outcomes(past.until(day * DAY), "deal")
            assert state(cut, 99, code) == said(one, known)


def test_a_mapping_without_a_rule_has_no_endings():
    past = history(leads={"a": 1}, described_by=described(""), changes=[change("a", "status", "Out", 3, kind="lead")])
    assert isinstance(read_endings(past, "lead"), Endings)
    assert last(past, "lead") == []


def test_values_that_end_are_told_from_others_by_their_words():
    rules = described(BY_FLAGS)
    assert is_end(rules, "deal", "is_won", ["TRUE", "false", None, "Yes", "true", "1"]).tolist() == [
        True, False, False, True, True, False]
    assert is_end(rules, "deal", "stage", ["Talk", "Done"]).tolist() == [False, True]
    assert is_end(described(BY_DATE), "lead", "converted_at", ["2024-01-01", None]).tolist() == [True, False]


@pytest.mark.parametrize(("rules", "message"), [
    (BY_DATE.replace("converted_at", "convertd_at"),
     "leads end by the field 'convertd_at', which no source maps for leads .* Did you mean 'converted_at'"),
    (BY_DATE.replace(", filled: true", ""), "field 'converted_at' needs 'becomes: .....' or 'filled: true'"),
    (BY_DATE.replace("filled: true", "filled: true, becomes: [x]"), "give one of them"),
    (BY_DATE.replace("filled", "filed"), "leads.converted.1.filed: unknown setting. Did you mean 'filled'"),
    (BY_DATE.replace("{field: converted_at, filled: true}", "[x]"), "neither a value of the field nor a condition"),
    (BY_DATE.replace("field: converted_at, filled: true", "direction: in"), "a condition is one of"),
    (BY_DEAL.replace("deal: created", "activity: invoice"), "no source gives activities about leads"),
    (BY_DEAL.replace("[Out]", "[{becomes: [Out]}]"), "'field' says which field"),
    ("leads: {field: state, converted: [Yes], horizon: {days: 3}}", "leads end by the field 'state'.*mean 'status'"),
    ("deals: {won: [{deal: created}]}", "a deal needs another condition"),
    ("deals: {won: [{activity: order, direction: out, deal: created}]}", "a condition is one of"),
])
def test_a_rule_that_cannot_be_used_says_why(rules: str, message: str) -> None:
    with pytest.raises(BadInput, match=f"(?s){message}"):
        described(rules)


def test_a_deal_s_creation_needs_deals_that_name_their_lead() -> None:
    with pytest.raises(BadInput, match="no source of deals has a lead_id"):
        parse_mapping(COMPANY.format(rules=BY_DEAL).replace(", lead_id: lead", ""), "here")
