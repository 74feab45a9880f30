from __future__ import annotations

import numpy as np
import pytest

from features.asof import AsOf, number
from features.calendar import DAY
from features.errors import BadInput
from tests.histories import change, history
from tests.running import light_settings
from training import deal_close
from training.amounts import LARGEST_RATIO, closing_ratios
from training.forecast import actual, forecast, reps_call
from training.hazard import HazardModel
from training.outcomes import outcomes
from training.shock import shock_levels

AS_OF = 400 * DAY
SETTINGS = light_settings()


def _company(seed=0, n=400):
    """Deals created over 400 days, a third won, with owners and amounts, and what their reps expect."""
    random = np.random.default_rng(seed)
    deals, changes = {}, []
    for i in range(n):
        name, created = f"d{i:03d}", float(random.uniform(0, 399))
        deals[name] = created
        changes += [change(name, "stage", "Talk", created), change(name, "owner", f"o{i % 3}", created),
                    change(name, "amount", str(int(random.lognormal(13, 0.5))), created),
                    change(name, "forecast_category", random.choice(["commit", "pipeline"]), created),
                    change(name, "expected_close", f"1971-02-{1 + i % 28:02d}T00:00:00+00:00", created)]
        life = float(random.exponential(40)) + 1
        if random.random() < 0.8:
            word = "Won" if random.random() < 0.4 else "Lost"
            changes.append(change(name, "stage", word, created + life))
    return history(deals=deals, changes=changes)


@pytest.fixture(scope="module")
def company():
    return _company()


@pytest.fixture(scope="module")
def model(company, tmp_path_factory):
    folder = tmp_path_factory.mktemp("model")
    deal_close.train(company, AS_OF, SETTINGS, folder)
    return HazardModel.load(folder)


def _forecast(model, company, start, end, **more):
    return forecast(model, company, AS_OF, start, end, SETTINGS, **more)


def test_total_is_the_sum_of_its_parts_and_of_its_owners(model, company):
    said = _forecast(model, company, AS_OF - 20 * DAY, AS_OF + 40 * DAY)
    for measure in ("won_count", "won_amount"):
        total = said["total"][measure]["mean"]
        np.testing.assert_allclose(sum(part[measure] for part in said["total"]["parts"].values()), total, rtol=1e-6)
        np.testing.assert_allclose(sum(group[measure]["mean"] for group in said["groups"]), total, rtol=1e-6)
    assert [group["by"] for group in said["groups"]] == ["owner"] * 3
    total = said["total"]["won_count"]
    assert total["p10"] <= total["p50"] <= total["p90"]


def test_open_part_is_the_sum_of_chance_times_expected_amount(model, company):
    end = AS_OF + 40 * DAY
    said = _forecast(model, company, AS_OF, end)["total"]["parts"]["open"]
    cut = company.until(AS_OF)
    subject = deal_close.open_deals(cut, AS_OF)
    at = np.full(len(subject), AS_OF)
    chance = model.curves(cut, subject, at).win_by(end)
    amount = number(cut.changes("deal", "amount"), AsOf(cut, "deal", subject, at)) / 100
    ratio = closing_ratios(cut, outcomes(cut, "deal")).mean()
    np.testing.assert_allclose(said["won_count"], chance.sum(), rtol=0.02)
    np.testing.assert_allclose(said["won_amount"], (chance * amount).sum() * ratio, rtol=0.03)


def test_won_so_far_is_what_was_won_and_stands(model, company):
    start = AS_OF - 90 * DAY
    so_far = _forecast(model, company, start, AS_OF + DAY)["total"]["parts"]["won_so_far"]
    assert so_far == actual(company.until(AS_OF), start, AS_OF)
    ends = [(row.subject_id, row.changed_at) for row in company.tables["changes"].itertuples()
            if row.field == "stage" and row.value == "Won" and start < row.changed_at <= AS_OF]
    assert so_far["won_count"] == len(ends)


def test_a_longer_period_brings_no_less(model, company):
    brought = [_forecast(model, company, AS_OF, AS_OF + days * DAY)["total"]["won_count"]["mean"]
               for days in (7, 28, 60)]
    assert brought == sorted(brought)


def test_two_periods_in_a_row_make_the_whole(model, company):
    parts = [_forecast(model, company, AS_OF + a * DAY, AS_OF + b * DAY)["total"]["won_count"]["mean"]
             for a, b in ((0, 30), (30, 60), (0, 60))]
    np.testing.assert_allclose(parts[0] + parts[1], parts[2], rtol=0.02)


def test_what_happens_later_changes_no_forecast(model, company):
    end = AS_OF + 40 * DAY
    assert _forecast(model, company, AS_OF, end) == _forecast(model, company.until(AS_OF), AS_OF, end)


def test_a_period_that_is_over_is_refused_with_both_dates(model, company):
    with pytest.raises(BadInput, match=r"was over at 1971-01-26.*before the as-of date 1971-02-05"):
        _forecast(model, company, AS_OF - 30 * DAY, AS_OF - 10 * DAY)
    with pytest.raises(BadInput, match="not after its start"):
        _forecast(model, company, AS_OF + 10 * DAY, AS_OF + 5 * DAY)


def test_the_reps_call_is_won_so_far_plus_what_they_commit_to_in_the_period(company):
    end = AS_OF + 40 * DAY
    called = reps_call(company, AS_OF, AS_OF, end)
    cut = company.until(AS_OF)
    committed = 0
    changes = cut.tables["changes"]
    for deal in cut.deals.ids[deal_close.open_deals(cut, AS_OF)]:
        rows = changes[changes["subject_id"] == deal].set_index("field")["value"]
        due = rows["expected_close"] > "1971-02-05" and rows["expected_close"] <= "1971-03-17T00"
        committed += rows["forecast_category"] == "commit" and due
    assert called["won_count"] == committed > 0


def test_wins_of_which_only_a_later_snapshot_tells_the_owner_are_that_owners(company, model):
    """A single sheet holds today's owner only; its past wins belong to that owner, not to nobody."""
    changes = company.tables["changes"]
    late = changes.assign(changed_at=np.where(changes["field"] == "owner", AS_OF, changes["changed_at"]),
                          known_at=np.where(changes["field"] == "owner", AS_OF, changes["known_at"]))
    past = type(company)({**company.tables, "changes": late}, company.mapping)
    said = _forecast(model, past, AS_OF - 60 * DAY, AS_OF + DAY)
    assert {group["id"] for group in said["groups"]} == {"o0", "o1", "o2"}


def test_no_call_is_made_up_where_the_reps_made_none():
    assert reps_call(history(deals={"a": 0}), AS_OF, AS_OF, AS_OF + DAY) is None


def test_a_reps_one_per_cent_is_one_where_others_say_fifty():
    later = "1971-02-15"
    rows = [change(name, field, value, 1) for name, share, due in (("a", "1", later), ("b", "50", "1999-01-01"))
            for field, value in (("stage", "Talk"), ("amount", "100"), ("rep_probability", share),
                                 ("expected_close", due))]
    called = reps_call(history(deals={"a": 0, "b": 0}, changes=rows), AS_OF, AS_OF, AS_OF + 20 * DAY)
    assert called == {"won_count": pytest.approx(0.01), "won_amount": pytest.approx(0.01)}


def test_deals_that_are_entered_when_they_are_won_keep_coming(tmp_path):
    """Half of the wins are entered as won; without them a forecast would bring half."""
    random = np.random.default_rng(5)
    deals = {f"d{i:03d}": float(random.uniform(0, 399)) for i in range(600)}
    changes = [change(name, "amount", "100000", created) for name, created in deals.items()]
    for i, (name, created) in enumerate(deals.items()):
        if i % 3 == 0:
            changes.append(change(name, "stage", "Won", created))
        else:
            changes += [change(name, "stage", "Talk", created),
                        change(name, "stage", "Won" if i % 3 == 1 else "Lost", created + 1 + random.exponential(20))]
    past = history(deals=deals, changes=changes)
    deal_close.train(past, AS_OF, SETTINGS, tmp_path)
    said = _forecast(HazardModel.load(tmp_path), past, AS_OF, AS_OF + 60 * DAY)["total"]
    entered_won = 200 * 60 / 399
    assert said["parts"]["new"]["won_count"] > 1.3 * entered_won
    assert 0.75 < said["won_count"]["mean"] / (2 * entered_won) < 1.25


def test_a_placeholder_amount_does_not_multiply_everybody_elses():
    deals = {f"d{i}": 0.0 for i in range(20)}
    changes = [row for name in deals for row in (
        change(name, "amount", "100" if name == "d0" else "500000", 0), change(name, "amount", "500000", 19),
        change(name, "stage", "Won", 20))]
    past = history(deals=deals, changes=changes)
    ratios = closing_ratios(past, outcomes(past, "deal"))
    assert sorted(ratios)[-2:] == [1.0, LARGEST_RATIO]


def test_the_shock_moves_no_hazard_on_average():
    np.testing.assert_allclose(np.exp(shock_levels(0.4)).mean(), 1.0)


def test_money_that_was_not_known_then_is_no_zero(tmp_path):
    whole = _company()
    changes = whole.tables["changes"]
    snapshot = changes.assign(known_at=np.where(changes["field"] == "amount", AS_OF, changes["known_at"]))
    past = type(whole)({**whole.tables, "changes": snapshot}, whole.mapping)
    result = deal_close.train(past, AS_OF, SETTINGS, tmp_path)
    assert result.summary["periods"] == []
    with pytest.raises(BadInput, match=r"no deal's amount was known.*date after it"):
        forecast(result.model, past, AS_OF - 30 * DAY, AS_OF - 30 * DAY, AS_OF, SETTINGS)


def test_a_period_ten_years_ahead_is_refused(model, company):
    with pytest.raises(BadInput, match="more than ten years"):
        _forecast(model, company, AS_OF, AS_OF + 4000 * DAY)
