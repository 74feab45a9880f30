from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from features.calendar import DAY
from features.errors import BadInput, NotFound
from tests.histories import change, history
from tests.running import light_settings
from tests.training.test_forecast import AS_OF, _company
from training import deal_close, lead_conversion, lead_scores
from training.hazard import HazardModel

LIGHT = light_settings()
SETTINGS = LIGHT.model_copy(update={"training": LIGHT.training.model_copy(update={"origins": 3, "seeds": 3})})


def _files(folder):
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def _leads():
    random = np.random.default_rng(3)
    leads = {f"x{i:03d}": float(random.uniform(0, 399)) for i in range(400)}
    changes = []
    for i, (name, created) in enumerate(leads.items()):
        changes.append(change(name, "status", "New", created, kind="lead"))
        if i % 5 < 3:
            word = "Converted" if i % 5 == 0 else "Out"
            changes.append(change(name, "status", word, created + 1 + random.exponential(15), kind="lead"))
    return history(leads=leads, changes=changes)


@pytest.mark.parametrize(("train", "company"), [(deal_close.train, _company), (lead_conversion.train, _leads)])
def test_cutting_the_history_leaves_the_models_files_byte_identical(train, company, tmp_path):
    past = company()
    origin = 330 * DAY
    train(past, origin, SETTINGS, tmp_path / "whole")
    train(past.until(origin), origin, SETTINGS, tmp_path / "cut")
    assert _files(tmp_path / "whole") == _files(tmp_path / "cut")
    assert "booster_2.txt" in _files(tmp_path / "whole")


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    past, folder = _company(), tmp_path_factory.mktemp("model")
    result = deal_close.train(past, 330 * DAY, SETTINGS, folder)
    return past, HazardModel.load(folder), result


def test_cutting_the_history_changes_no_score(trained):
    past, model, _ = trained
    pd.testing.assert_frame_equal(deal_close.score(model, past, 330 * DAY, 28),
                                  deal_close.score(model, past.until(330 * DAY), 330 * DAY, 28))


def test_scores_cover_every_open_deal_and_sum_to_one(trained):
    past, model, _ = trained
    scores = deal_close.score(model, past, AS_OF, 28)
    assert scores["deal_id"].tolist() == past.deals.ids[deal_close.open_deals(past, AS_OF)].tolist()
    np.testing.assert_allclose(scores[["p_win", "p_lose", "p_open"]].sum(axis=1), 1.0)
    for name in ("close", "resolve"):
        dates = scores[[f"{name}_p10", f"{name}_p50", f"{name}_p90"]]
        assert dates[f"{name}_p10"].notna().any()
        later = dates.fillna("9999")  # none: later than the model looks
        assert (later.to_numpy()[:, :-1] <= later.to_numpy()[:, 1:]).all()


def test_one_deal_scored_alone_gets_the_same_score(trained):
    past, model, _ = trained
    scores = deal_close.score(model, past, AS_OF, 28)
    one = scores["deal_id"].iloc[5]
    alone = deal_close.score(model, past, AS_OF, 28, ids=[one])
    pd.testing.assert_frame_equal(alone, scores.iloc[[5]].reset_index(drop=True))


def test_deals_that_are_unknown_or_ended_are_refused_by_name(trained):
    past, model, _ = trained
    with pytest.raises(NotFound, match="deal nobody"):
        deal_close.score(model, past, AS_OF, 28, ids=["nobody"])
    ended = past.deals.ids[outcome_codes(past)[0]]
    with pytest.raises(BadInput, match=rf"{ended} \(won\)"):
        deal_close.score(model, past, AS_OF, 28, ids=[ended])


def outcome_codes(past):
    return deal_close.outcomes(past.until(AS_OF), "deal").won_at[0]


def test_evaluation_says_how_right_earlier_origins_were(trained):
    _, model, result = trained
    assert model.voice == max(model.weights, key=model.weights.get)
    assert sum(model.weights.values()) == pytest.approx(1.0)
    assert model.evaluation["origins"]
    for one in model.evaluation["origins"]:
        assert one["origin"] + model.evaluation["window_days"] * DAY <= model.as_of
        assert {"auc", "log_loss", "log_loss_base", "log_loss_stage", "log_loss_aj"} <= set(one)
    for period in model.evaluation["periods"]:
        assert period["to"] <= model.as_of
    assert result.metrics["median_log_loss"] == model.evaluation["median"]["log_loss"]


def test_with_few_wins_the_rates_speak_and_scores_still_come(tmp_path):
    past = _company(n=40)
    result = deal_close.train(past, AS_OF, SETTINGS, tmp_path)
    model = HazardModel.load(tmp_path)
    assert result.params["voice"] == model.voice
    assert model.wins < 30
    assert model.weights["rates"] + model.weights["pooled"] > 0.8
    scores = deal_close.score(model, past, AS_OF, 28)
    assert ((scores["p_win"] > 0) & (scores["p_win"] < 1)).all()


@pytest.mark.parametrize("word", ["Talk", "Lost"])
def test_before_anything_is_won_the_prior_of_the_settings_speaks(word, tmp_path):
    past = history(deals={"a": 0, "b": 390}, changes=[change("a", "stage", word, 0), change("b", "stage", "Talk", 390)])
    deal_close.train(past, AS_OF, SETTINGS, tmp_path)
    model = HazardModel.load(tmp_path)
    assert model.voice == "prior"
    said = deal_close.score(model, past, AS_OF, 91, ids=["b"]).iloc[0]
    prior = SETTINGS.training.priors.deal
    expected = prior.won * (1 - 0.5 ** (91 / prior.days))
    assert said["p_win"] == pytest.approx(expected, rel=0.25)
    assert said["p_lose"] > said["p_win"]


def test_a_model_folder_that_cannot_be_read_says_train_again(tmp_path):
    with pytest.raises(NotFound, match="Train it again"):
        HazardModel.load(tmp_path)


def test_leads_past_their_end_or_horizon_are_not_scored(tmp_path):
    past = _leads()
    lead_conversion.train(past, AS_OF, SETTINGS, tmp_path)
    model = HazardModel.load(tmp_path)
    scores = lead_scores.score(model, past, AS_OF, SETTINGS)
    codes = past.leads.codes(scores["lead_id"].to_numpy(object))
    assert (past.leads.created_at[codes] + 60 * DAY > AS_OF).all()
    assert scores["probability"].between(0, 1).all()
    assert (scores["score"] == np.rint(100 * np.sqrt(scores["probability"]))).all()
    old = past.leads.ids[past.leads.created_at < 300 * DAY][0]
    with pytest.raises(BadInput, match=rf"lead {old} \("):
        lead_scores.score(model, past, AS_OF, SETTINGS, ids=[old])
