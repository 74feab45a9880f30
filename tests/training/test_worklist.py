"""Worth, bands and order of a worklist, by hand; and what the past of a training says of such lists."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from features.calendar import DAY
from features.errors import BadInput
from features.history import History
from features.home import Home
from features.intent import intent_bands
from features.mapping import parse_mapping
from features.overrides import OVERRIDE_COLUMNS
from features.rule_book import parse_rules
from features.settings import Settings, load_settings
from tests.histories import activity, change, history
from training import lead_conversion, lead_scores
from training.evidence.effort import MEASURES
from training.evidence.rolling import roll
from training.hazard import HazardModel
from training.value import conversion_amounts, grades, usual_amount, value_of_grade
from training.worklist import cases_at_age, contacts_within, past_worklists, worklist

MAPPING = """
company: Test
leads: {converted: [Converted], disqualified: [Out], horizon: {days: 60, from: created}}
sources:
  - {file: leads.csv, rows: leads, columns: {lead_id: id, created_at: at},
     fields: {status: {column: s}, source: {column: o}, amount: {column: a, type: money}}}
  - {file: deals.csv, rows: deals, columns: {deal_id: id, created_at: at, lead_id: lead},
     fields: {amount: {column: a, type: money}}}
"""
NOBODY = pd.DataFrame(columns=OVERRIDE_COLUMNS)


def company(*more: dict[str, Any]) -> History:
    """Leads a to d: c of a demo, b with an inbound call on day 12; a deal of 300 from a, which converted on day 5."""
    past = history(leads=dict.fromkeys("abcd", 1.0), deals={"D": 6.0}, described_by=parse_mapping(MAPPING, "test"),
                   changes=[change("a", "status", "Converted", 5, kind="lead"), change("D", "amount", "30000", 7),
                            change("c", "source", "Demo request", 1, kind="lead"),
                            change("d", "amount", "500000", 8, kind="lead"), *more],
                   activities=[activity("b", 12, direction="inbound", subject="lead")])
    tables = {**past.tables, "deals": past.tables["deals"].assign(lead_id="a")}
    return History(tables, past.mapping)


def settings(**value: float) -> Settings:
    shipped = load_settings()
    return shipped.model_copy(update={"value": shipped.value.model_copy(update=value)})


def amounts(day: float) -> list[float]:
    usual = usual_amount(company(), round(day * DAY), settings(amount=100.0))
    return conversion_amounts(company(), np.arange(4), np.full(4, round(day * DAY)), usual).tolist()


def test_an_amount_is_the_leads_own_else_that_of_earlier_conversions_else_the_setting_as_of_the_date() -> None:
    assert amounts(4) == amounts(6.5) == [10_000] * 4
    assert amounts(7) == [30_000] * 4
    assert amounts(8) == [30_000, 30_000, 30_000, 500_000]


def test_grades_go_by_expected_value_in_costs_of_a_contact_or_in_usual_conversions() -> None:
    value = np.array([90_000.0, 30_000.0, 300_000.0, 5_000.0])
    assert grades(value, 500_000.0, settings(), "EUR") == ["C", "D", "A", "D"]
    assert grades(value, 100_000.0, settings(), "EUR") == ["A", "B", "A", "D"]
    assert grades(value, 100_000.0, settings(cost_per_contact=80.0), "EUR") == ["B", "C", "A", "D"]


def test_a_lead_with_an_amount_of_its_own_is_graded_by_it() -> None:
    usual = usual_amount(company(), round(8 * DAY), settings(amount=100.0))
    assert usual == 30_000
    assert grades(np.array([0.1, 0.1]) * amounts(8)[2:], usual, settings(), "EUR") == ["C", "A"]


def test_what_conversions_brought_is_their_deals_else_their_own_amounts() -> None:
    known = company(change("b", "status", "Converted", 9, kind="lead"), change("b", "amount", "70000", 9, kind="lead"),
                    change("a", "amount", "990000", 9, kind="lead"))
    assert usual_amount(known, round(8 * DAY), settings()) == 30_000
    assert usual_amount(known, round(10 * DAY), settings()) == (30_000 + 70_000) / 2


@pytest.mark.parametrize(("cost", "unit"), [(0.0, 30_000), (60.0, 6_000)])
def test_a_grade_by_hand_moves_the_worth_into_its_range(cost: float, unit: float) -> None:
    chosen = settings(cost_per_contact=cost)
    lowest = chosen.value.grades if cost else chosen.grades

    def moved(grade: str, value: float) -> float:
        return value_of_grade(grade, value, 30_000, chosen, "EUR")

    assert moved("A", 0.0) == lowest.A * unit
    assert moved("A", 1e9) == 1e9
    assert moved("B", 1e9) == lowest.A * unit
    assert moved("C", (lowest.C + lowest.B) / 2 * unit) == pytest.approx((lowest.C + lowest.B) / 2 * unit)
    assert moved("D", 1e9) == 0


def test_intent_is_high_for_who_came_to_us_or_gets_in_touch_as_of_the_date() -> None:
    past, everyone = company(), np.arange(4)

    def bands(day: float) -> list[str]:
        return intent_bands(past, everyone, np.full(4, round(day * DAY)), settings().intent).tolist()

    assert bands(11) == ["low", "low", "high", "low"]
    assert bands(12) == bands(41) == ["low", "high", "high", "low"]
    assert bands(43) == bands(11)
    other = settings().intent.model_copy(update={"field": "sorce"})
    with pytest.raises(BadInput, match=r"'sorce', which is no field of a lead\. Did you mean 'source'"):
        intent_bands(past, everyone, np.full(4, DAY), other)


def test_the_budget_goes_to_who_gains_most_and_a_word_by_hand_takes_the_models_place_in_the_order() -> None:
    scores = pd.DataFrame({"lead_id": ["b", "c", "d"], "probability": [0.5, 0.4, 0.01]})
    as_of = 20 * DAY
    found = worklist(company(), scores, NOBODY, as_of, 2, settings(cost_per_contact=60.0))
    assert found.rows["lead_id"].tolist() == ["b", "c"]
    assert found.rows["expected_value"].tolist() == [15_000, 12_000]
    assert (found.left, found.not_worth) == (0, 1)
    assert [(one["band"], one["open"], one["contacts"]) for one in found.bands] == [("high", 2, 2), ("low", 0, 0)]
    said = pd.DataFrame([["d", "A", np.nan, "met", 0, 0, None], ["b", None, 0.0, "no", 0, 0, None]],
                        columns=OVERRIDE_COLUMNS)
    by_hand = worklist(company(), scores, said, as_of, 2, settings())
    assert by_hand.rows["lead_id"].tolist() == ["d", "c"]
    assert by_hand.rows["probability"].tolist() == [0.01, 0.4]
    assert by_hand.rows["said_grade"].tolist()[0] == "A"
    assert by_hand.not_worth == 1


def test_hours_are_contacts() -> None:
    assert contacts_within(2.0, settings(hours_per_contact=0.5)) == 4
    with pytest.raises(BadInput, match="not enough for one contact"):
        contacts_within(0.4, settings(hours_per_contact=0.5))
    for hours in (np.inf, np.nan):
        with pytest.raises(BadInput, match="for how many hours"):
            contacts_within(hours, settings())


def test_the_past_of_a_training_is_judged_by_what_was_known_and_only_where_horizons_have_ended(
        trained_home: Path) -> None:
    past = Home.open(trained_home).history()
    past = replace(past, rules=parse_rules("groups: {a: {rules: [{points: 5, field: source, equals: partner}]}}", "t"))
    as_of = int(past.leads.created_at.max()) - 120 * DAY
    job = lead_conversion.task(past.until(as_of), as_of, settings().training)
    quick = settings()
    quick = quick.model_copy(update={"training": quick.training.model_copy(update={"origins": 4})})
    folds = roll(job, as_of, quick.training, lambda step: None)
    found = past_worklists(job, folds, as_of, quick, lead_conversion.window_end, 90)
    assert found["rules"]
    assert found["lists"] >= 2
    together = found["bands"][0]
    assert set(together["orders"]) == {"model", "rules", "newest first", "random"}
    assert together["orders"]["random"]["reached_20"] == pytest.approx(0.2)
    assert all(set(one) == set(MEASURES) for one in together["orders"].values())
    at_creation = cases_at_age(job, folds, as_of, 0, quick)
    came = past.leads.created_at
    assert 0 < sum(len(case.won) for case in at_creation) <= ((came >= folds[0].origin) & (came < as_of)).sum()
    assert all(case.origin + 90 * DAY <= as_of for case in at_creation)


def test_a_model_goes_on_with_the_rules_that_it_learned_with(tmp_path: Path, trained_home: Path) -> None:
    past = Home.open(trained_home).history()
    rules = [parse_rules(f"groups: {{a: {{rules: [{{points: {n}, field: source, equals: inbound}}]}}}}", "t")
             for n in (5, -5)]
    as_of = int(past.leads.created_at.max())
    quick = settings()
    quick = quick.model_copy(update={"training": quick.training.model_copy(update={"origins": 1, "seeds": 1})})
    lead_conversion.train(replace(past, rules=rules[0]), as_of, quick, tmp_path)
    model = HazardModel.load(tmp_path)
    assert "rule_points" in model.encoder.columns
    said = [lead_scores.score(model, replace(past, rules=one), as_of, quick)["probability"].tolist()
            for one in (*rules, None)]
    assert said[0] == said[1] == said[2]
    assert lead_conversion.as_learned(model, replace(past, rules=rules[1])).rules == rules[0]
    other = model.curves(replace(past, rules=rules[1]), np.arange(len(past.leads)), past.leads.created_at + DAY)
    own = model.curves(replace(past, rules=rules[0]), np.arange(len(past.leads)), past.leads.created_at + DAY)
    assert (other.win_by(past.leads.created_at + 60 * DAY) != own.win_by(past.leads.created_at + 60 * DAY)).any()
