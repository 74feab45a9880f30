from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from features.calendar import DAY
from features.catalogue import catalogue
from features.errors import BadInput, NotFound
from features.settings import load_settings
from tests.histories import activity, change, history
from training.dossier import dossier
from training.evidence.rolling import fit
from training.hazard import HazardModel, landmark_table
from training.lead_conversion import lead_score, task, window_end
from training.lead_scores import TREND_DAYS, past_horizon, probabilities, score
from training.outcomes import Landmarks
from training.what_if import what_if

SETTINGS = load_settings()
AS_OF = 340 * DAY


def _leads():
    """Leads that convert the likelier the more the customer calls; the newest came in a moment ago."""
    random = np.random.default_rng(5)
    created = {f"x{i:03d}": float(random.uniform(0, 345)) for i in range(400)}
    created["new"] = 339.9
    changes, activities = [], []
    for name, day in created.items():
        calls = int(random.integers(0, 4))
        activities += [activity(name, day + 0.3 * (k + 1), subject="lead", direction="inbound") for k in range(calls)]
        changes += [change(name, "status", "New", day, kind="lead"),
                    change(name, "status", "Working", day + 0.5, kind="lead")]
        if random.random() < 0.8 and name != "new":
            word = "Converted" if random.random() < 0.1 + 0.2 * calls else "Out"
            changes.append(change(name, "status", word, day + 1 + random.exponential(20), kind="lead"))
    return history(leads=created, changes=changes, activities=activities)


@pytest.fixture(scope="module")
def asked(tmp_path_factory):
    past, folder = _leads(), tmp_path_factory.mktemp("leads")
    origin = 320 * DAY
    fit(task(past.until(origin), origin, SETTINGS.training), origin, SETTINGS.training, [], seeds=1).save(folder)
    return past, HazardModel.load(folder)


def test_a_score_is_a_chance_a_score_a_grade_and_a_trend(asked):
    past, model = asked
    found = score(model, past, AS_OF, SETTINGS).set_index("lead_id")
    assert found["probability"].between(0, 1).all()
    assert (found["score"] == lead_score(found["probability"].to_numpy())).all()
    assert found["grade"].isin(list("ABCD")).all()
    np.testing.assert_allclose(found["change"], 100 * (found["probability"] - found["probability_before"]))
    assert np.isnan(found.loc["new", "probability_before"])
    assert found["probability_before"].notna().sum() > 10


def test_one_lead_alone_is_answered_as_among_all(asked):
    past, model = asked
    found = score(model, past, AS_OF, SETTINGS)
    for i in (0, len(found) // 2, len(found) - 1):
        alone = score(model, past, AS_OF, SETTINGS, ids=[found["lead_id"][i]])
        pd.testing.assert_frame_equal(alone, found.iloc[[i]].reset_index(drop=True), rtol=1e-9)
    assert (found["probability_low"] <= found["probability"]).all()
    assert (found["probability"] <= found["probability_high"]).all()


def test_the_trend_is_what_was_said_a_week_ago_by_what_was_known_then(asked):
    past, model = asked
    found = score(model, past, AS_OF, SETTINGS).set_index("lead_id")["probability_before"].dropna()
    earlier = AS_OF - TREND_DAYS * DAY
    said = score(model, past.until(earlier), earlier, SETTINGS).set_index("lead_id")["probability"]
    pd.testing.assert_series_equal(found, said[found.index], check_names=False)


def test_leads_past_their_end_or_horizon_are_not_scored_but_counted(asked):
    past, model = asked
    codes = past.leads.codes(score(model, past, AS_OF, SETTINGS)["lead_id"].to_numpy(object))
    assert (window_end(past, codes, np.full(len(codes), AS_OF)) > AS_OF).all()
    assert past_horizon(past, AS_OF) > 0
    old = past.leads.ids[past.leads.created_at < 200 * DAY][0]
    with pytest.raises(BadInput, match=rf"lead {old} \((converted|disqualified|past its horizon)\)"):
        score(model, past, AS_OF, SETTINGS, ids=[old])
    with pytest.raises(NotFound, match="lead nobody"):
        score(model, past, AS_OF, SETTINGS, ids=["nobody"])


def test_a_contact_that_costs_something_grades_by_expected_value(asked):
    past, model = asked
    dear = SETTINGS.model_copy(update={"value": SETTINGS.value.model_copy(update={"cost_per_contact": 1e9})})
    assert set(score(model, past, AS_OF, dear)["grade"]) == {"D"}
    found = score(model, past, AS_OF, SETTINGS)
    np.testing.assert_allclose(found["expected_value"], found["probability"] * SETTINGS.value.amount)


def test_unlike_is_about_a_leads_own_facts_not_the_day_or_what_others_do(asked):
    past, model = asked
    seen = {*model.familiar.numbers, *model.familiar.levels}
    others = {one.name for one in catalogue(past, "lead") if one.by_others or one.group == "calendar"}
    assert "days_to_quarter_end" in others
    assert "lead_age_days" in seen
    assert not seen & others


def test_a_dossier_tells_what_was_said_each_week_and_what_moved_it(asked):
    past, model = asked
    lead = score(model, past, AS_OF, SETTINGS).dropna(subset="probability_before").iloc[0]
    code = int(past.leads.codes([lead["lead_id"]])[0])
    found = dossier(model, past, code, AS_OF, lambda subject, at: window_end(past, subject, at))
    at = np.array([when for when, _ in found.past])
    assert (np.diff(at) == TREND_DAYS * DAY).all()
    assert found.past[-1][1] == pytest.approx(lead["probability"])
    assert found.past[-2][1] == pytest.approx(lead["probability_before"])
    np.testing.assert_allclose([said for _, said in found.past],
                               probabilities(model, past, np.full(len(at), code), at))
    assert 1 / (1 + np.exp(-found.explanation.log_odds)) == pytest.approx(lead["probability"])


def test_what_would_change_a_score_is_what_the_model_says_when_it_has_happened(asked):
    """The oracle: the same history with the call in it."""
    past, model = asked
    lead = score(model, past, AS_OF, SETTINGS)["lead_id"].iloc[5]
    code = past.leads.codes([lead])
    at = np.array([AS_OF])
    end = window_end(past, code, at)
    found = {one.text: one for one in what_if(model, past, landmark_table(past, "lead", Landmarks(code, at)), end)}
    call = activity(lead, 340.0, subject="lead", direction="inbound")
    tables = {**past.tables, "activities": pd.concat([past.tables["activities"], history(
        leads={lead: 0.0}, activities=[call]).tables["activities"]], ignore_index=True)}
    happened = type(past)(tables, past.mapping)
    expected = float(model.curves(happened, code, at).win_by(end)[0])
    plain = float(model.curves(past, code, at).win_by(end)[0])
    assert found["a call from the customer today"].probability == pytest.approx(expected)
    assert found["a call from the customer today"].change == pytest.approx(100 * (expected - plain))
    assert found["a call from the customer today"].change > 0


def test_only_what_was_often_seen_is_proposed_and_ends_are_not(asked):
    past, model = asked
    lead = score(model, past, AS_OF, SETTINGS)["lead_id"].iloc[0]
    code, at = past.leads.codes([lead]), np.array([AS_OF])
    table = landmark_table(past, "lead", Landmarks(code, at))
    texts = [one.text for one in what_if(model, past, table, window_end(past, code, at))]
    assert not any("Converted" in text or "Out" in text for text in texts)
    assert all("call" in text or "status" in text for text in texts)
