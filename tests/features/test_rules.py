"""Points by rules: conditions, fading, bounds and late entries, as of each time; slips in the file are explained."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from features.asof import AsOf
from features.calendar import DAY
from features.catalogue import catalogue
from features.errors import BadInput, NotFound
from features.history import History
from features.home import Home
from features.leakage import leaks
from features.mapping import Mapping, parse_mapping
from features.rule_book import RULES_FILE, check_rules, load_rules, parse_rules
from features.rules import explain_points, points_of, rule_points, rule_scores
from tests.companies import bring_in, write
from tests.histories import activity, change, history
from training.fingerprint import fingerprint

MAPPING = """
company: Test
currency: EUR
leads: {converted: [Converted], disqualified: [Out], horizon: {days: 60, from: created}}
sources:
  - file: accounts.csv
    rows: accounts
    columns: {account_id: id, created_at: created}
    fields: {segment: {column: segment}}
  - file: leads.csv
    rows: leads
    columns: {lead_id: id, created_at: created, account_id: account}
    fields:
      status: {column: status}
      title: {column: title, type: text}
      source: {column: source}
      opted_in: {column: opted_in}
      employees: {column: employees, type: number}
      amount: {column: amount, type: money}
      seen_on: {column: seen, type: date}
"""


def described() -> Mapping:
    return parse_mapping(MAPPING, "the test's mapping")


def lead(field: str, value: str | None, day: float, known: float | None = None) -> dict[str, object]:
    return change("L", field, value, day, kind="lead", known=known)


def call(day: float, kind: str = "call", direction: str = "inbound", known: float | None = None) -> dict[str, object]:
    return activity("L", day, kind=kind, direction=direction, subject="lead", known=known)


def points(rule: str, at: list[float], *, changes: list[dict[str, object]] | None = None,
           activities: list[dict[str, object]] | None = None, more: str = "") -> list[float]:
    """Points of lead L, created on day 0, by one rule, at each of some days."""
    past = history(leads={"L": 0.0}, changes=changes or [], activities=activities or [], described_by=described())
    rules = parse_rules(f"groups: {{all: {{{more} rules: [{rule}]}}}}", "the test's rules")
    past = replace(past, rules=rules)
    found = rule_points(past, np.zeros(len(at), dtype=np.int64), np.array([round(day * DAY) for day in at]))
    return found.tolist()


@pytest.mark.parametrize(("condition", "expected"), [
    ("field: source, equals: WEB", [0, 5, 0]),
    ("field: source, in: [mail, web]", [0, 5, 5]),
    ("field: source, equals: 'm*'", [0, 0, 5]),
    ("field: title, contains: ales", [5, 5, 5]),
    ("field: title, contains: '.'", [0, 0, 0]),
    ("field: source, known: true", [0, 5, 5]),
    ("field: source, known: false", [5, 0, 0]),
    ("field: opted_in, equals: true", [0, 5, 0]),
    ("field: employees, at_least: 10", [0, 5, 5]),
    ("field: employees, at_most: 10", [0, 5, 0]),
    ("field: employees, at_least: 5, at_most: 9.5", [0, 0, 0]),
    ("field: employees, in: [10, 11]", [0, 5, 0]),
    ("field: amount, at_least: 120.5", [0, 5, 5]),
    ("field: seen_on, known: false", [5, 5, 5])])
def test_a_condition_about_a_field_holds_as_of_each_time(condition: str, expected: list[float]) -> None:
    changes = [lead("title", "Head of Sales", 0), lead("source", "Web", 2), lead("source", "mail", 4),
               lead("opted_in", "Yes", 2), lead("opted_in", "no", 4), lead("employees", "10", 2),
               lead("employees", "12", 4), lead("amount", "12050", 2)]
    assert points(f"{{points: 5, {condition}}}", [1, 3, 5], changes=changes) == expected


@pytest.mark.parametrize(("condition", "expected"), [
    ("activity: call", [0, 5, 5, 5]),
    ("activity: any, within_days: 2", [0, 5, 5, 0]),
    ("activity: any, direction: inbound, at_least: 2", [0, 0, 0, 0]),
    ("activity: any, at_least: 2", [0, 0, 5, 5]),
    ("activity: any, at_most: 1", [5, 5, 0, 0]),
    ("activity: mail, at_most: 0", [5, 5, 0, 0]),
    ("activity: mail, at_most: 0, within_days: 3", [5, 5, 0, 5])])
def test_a_condition_about_activities_counts_those_in_its_window(condition: str, expected: list[float]) -> None:
    activities = [call(2), call(3, "mail", "outbound")]
    assert points(f"{{points: 5, {condition}}}", [1, 2, 4, 9], activities=activities) == expected


def test_points_halve_or_are_lost_from_the_last_activity_or_the_present_value_on() -> None:
    calls = [call(0), call(10)]
    assert points("{points: 8, activity: call, half_life_days: 5}", [5, 10, 20], activities=calls) == [4, 8, 2]
    assert points("{points: 8, activity: call, lose_after_days: 5}", [5, 6, 10, 15, 15.5],
                  activities=calls) == [8, 0, 8, 8, 0]
    changes = [lead("source", "web", 1), lead("source", "web", 3), lead("source", "fair", 5), lead("source", "web", 7)]
    assert points("{points: 8, field: source, equals: web, half_life_days: 2}", [3, 6, 9],
                  changes=changes) == [4, 0, 4]


def test_all_conditions_of_a_rule_must_hold() -> None:
    rule = "{points: 5, field: source, equals: web, and: [{activity: call, within_days: 2}]}"
    assert points(rule, [1, 3, 6], changes=[lead("source", "web", 2)], activities=[call(1), call(2)]) == [0, 5, 0]


def test_a_group_stays_between_its_floor_and_its_cap() -> None:
    rules = "{points: 30, activity: call}, {points: -50, field: source, equals: web}"
    assert points(rules, [1, 3, 5], changes=[lead("source", "web", 2), lead("source", "x", 4)],
                  activities=[call(1)], more="cap: 20, floor: -10,") == [20, -10, 20]


def test_an_entry_that_came_late_counts_from_when_it_came() -> None:
    assert points("{points: 5, activity: call, half_life_days: 2}", [3, 5], activities=[call(1, known=4)]) == [
        0, 5 * 0.5 ** 2]
    assert points("{points: 5, field: source, equals: web}", [3, 5], changes=[lead("source", "web", 1, known=4)]) == [
        0, 5]


COMPANY = {"accounts": "id,created,segment\nA1,2024-01-01,Large",
           "leads": """id,created,account,status,title,source,opted_in,employees,amount,seen
               L1,2024-01-10,A1,New,Boss,web,,,,
               L2,2024-01-10,,New,Boss,web,,,,
               L3,2024-01-10,A1,Out,Boss,web,,,,"""}
RULES = """
groups:
  fit:
    cap: 40
    rules:
      - {points: 30, of: account, field: segment, equals: large}
      - {points: 20, field: source, equals: web}
  mood: {rules: [{points: -5, activity: any, at_most: 0}]}
"""


@pytest.fixture
def home(tmp_path: Path) -> Home:
    text = MAPPING.replace("{column: segment}", "{column: segment, past: at_creation}").replace(
        "{column: source}", "{column: source, past: at_creation}")
    bring_in(tmp_path / "home", write(tmp_path / "in", **COMPANY), text)
    (tmp_path / "home" / RULES_FILE).write_text(RULES, encoding="utf-8")
    return Home.open(tmp_path / "home")


def test_a_homes_history_carries_its_rules_and_scores_open_leads_without_any_model(home: Home) -> None:
    as_of = 20_001 * DAY
    frame = rule_scores(home.history(as_of), as_of)
    assert frame.to_dict("list") == {"lead_id": ["L1", "L2"], "points": [35.0, 15.0], "points_fit": [40.0, 20.0],
                                     "points_mood": [-5.0, -5.0]}
    rows, groups, total = explain_points(home.history(), "L1", as_of)
    assert [row["gives"] for row in rows] == [30, 20, -5]
    assert (groups, total) == ({"fit": 40.0, "mood": -5.0}, 35.0)
    assert rows[0]["rule"] == "the account's segment is large"


def test_rules_are_features_of_leads_and_part_of_what_a_model_learned_from(home: Home) -> None:
    past = home.history()
    without = replace(past, rules=None)
    names = [one.name for one in catalogue(past, "lead")]
    assert names[-3:] == ["rule_points", "rule_points:fit", "rule_points:mood"]
    assert not [one.name for one in catalogue(past, "deal") if one.name.startswith("rule")]
    assert not [one.name for one in catalogue(without, "lead") if one.name.startswith("rule")]
    assert past.until(20_001 * DAY).rules == past.only("lead", "L1").rules == past.rules
    assert fingerprint(past) == fingerprint(past.until(20_001 * DAY)) != fingerprint(without)
    with pytest.raises(NotFound, match=r"no rules\.yaml"):
        rule_points(without, np.zeros(1, dtype=np.int64), np.zeros(1, dtype=np.int64))


def test_the_gate_passes_the_shipped_rules_on_the_simulated_company(trained_home: Path) -> None:
    past: History = Home.open(trained_home).history()
    root = Path(__file__).parent.parent.parent
    past = replace(past, rules=load_rules(root / "configs" / "rules" / "simulated.yaml", past.mapping))
    tried = leaks(past, lambda whole, kind, as_of: [one for one in catalogue(whole, kind, as_of)
                                                     if one.group == "rules"], times=8)
    assert tried.features == {"lead": 3, "deal": 0}
    assert not tried.leaks
    subject = np.arange(len(past.leads))
    found = points_of(AsOf(past, "lead", subject, past.leads.created_at + 45 * DAY))
    assert (found.holds.sum(axis=1) > 0).all(), "a shipped rule that never holds"


@pytest.mark.parametrize(("change", "parts"), [
    (("points: 20, field", "points: 20, feild"), ["line 7, groups.fit.rules.2.feild", "Did you mean 'field'?"]),
    (("field: source", "field: sorce"), ["line 7", "no lead field 'sorce'. Did you mean 'source'?"]),
    (("of: account, field: segment", "field: segment"), ["no lead field 'segment'. The account has one: of: account."]),
    (("equals: web", "at_least: 3"), ["at_least and at_most are for numbers, and 'source' is a category"]),
    (("field: source, equals: web", "field: employees, contains: web"), ["'employees' is a number"]),
    (("field: source, equals: web", "field: seen_on, equals: web"), ["can only be known or not"]),
    (("equals: web", "equals: web, known: true"), ["needs one of: equals, in, contains, known"]),
    (("field: source, equals: web", "activity: call, equals: web"), ["'equals' is for fields"]),
    (("at_most: 0", "at_most: 0.5"), ["line 8", "a whole number of times, not 0.5"]),
    (("at_most: 0", "at_most: 0, half_life_days: 3"), ["no day from which points could fade"]),
    (("points: 20", "points: 0"), ["0 points change nothing"]),
    (("cap: 40", "cap: -40"), ["groups.fit.cap", "greater than 0"]),
    (("points: 20", "points: '20'"), ["groups.fit.rules.2.points", "valid number"])])
def test_a_slip_in_the_rules_is_told_with_its_line_and_its_cure(change: tuple[str, str], parts: list[str]) -> None:
    assert RULES.count(change[0]) == 1
    text = RULES.replace(*change)
    with pytest.raises(BadInput) as told:
        check_rules(parse_rules(text, "my.yaml"), described(), "my.yaml", text)
    for part in ["my.yaml", *parts]:
        assert part in str(told.value)
