"""The true probabilities: they are right, they cover who was open, and they know nothing later."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
from scipy.stats import chi2
from sklearn.metrics import roc_auc_score

from features.calendar import DAY
from features.errors import NotFound
from simulation.company import Summary
from simulation.past import Past, stream
from simulation.pipeline import NEW
from simulation.truth import deal_truth, lead_truth, read_truth

Floats = npt.NDArray[np.float64]
# A right generator fails one such comparison in 10,000 seeds; seven are made.
ERROR_RATE = 1e-4


@pytest.fixture(scope="module")
def deals(long_past: Past) -> pd.DataFrame:
    """Truth of each deal at one date, so that rows are independent, beside how it ended."""
    panel, clocks = long_past.panel, long_past.clocks
    # Which of its dates is drawn beforehand, and a deal that ended by then is left out. To choose among the dates that
    # a deal had would be to choose by how long it lived, and would show too many deals on the verge of their end.
    chosen = np.random.default_rng(0).integers(0, 10, len(long_past.deals))
    dates = clocks.month_starts()
    nth = np.searchsorted(dates, panel.week) - np.searchsorted(dates, long_past.deals.start[panel.deal])
    # Early enough for the longest simulated future to be over by the log's end.
    early = panel.week <= clocks.closed - long_past.world.deals.longest
    rows = np.flatnonzero(np.isin(panel.week, dates) & (nth == chosen[panel.deal]) & early)
    truth = deal_truth(long_past, 64, stream(11, "deal truth"), rows)

    ended, won = np.full(len(long_past.deals), 2**62), np.zeros(len(long_past.deals), dtype=bool)
    ends = panel.won | panel.lost
    ended[panel.deal[ends]] = panel.ended[ends]
    won[panel.deal[panel.won]] = True
    code = panel.deal[rows]
    return truth.assign(won=won[code], ended=ended[code], at=clocks.weeks[panel.week[rows]])


@pytest.fixture(scope="module")
def leads(large: Past) -> pd.DataFrame:
    """Truth of leads whose horizon is over, beside when they converted."""
    truth = lead_truth(large, 64, stream(5, "lead truth"))
    code = truth["lead_id"].str[2:].astype(int).to_numpy() - 1
    within = large.lead_ended[code] <= large.lead_created[code] + large.world.leads.horizon * DAY
    truth = truth.assign(converted=large.life.converted[code] & within)
    return truth[large.lead_created[code] + large.world.leads.horizon * DAY <= large.clocks.last]


def day_starts(days: pd.Series, past: Past) -> npt.NDArray[np.int64]:
    return pd.to_datetime(days).dt.tz_localize(past.world.time_zone).dt.as_unit("us").astype("int64").to_numpy()


def p_value(p: Floats, happened: npt.NDArray[np.bool_], error: Floats) -> float:
    """P(deciles this far from the truth or farther | the probabilities are right), chi-squared over ten groups.

    error : standard error of each probability, which adds to the variance.
    """
    groups = np.array_split(np.argsort(p, kind="stable"), 10)
    statistic = 0.0
    for group in groups:
        variance = (p[group] * (1 - p[group]) + error[group] ** 2).sum()
        statistic += (happened[group].sum() - p[group].sum()) ** 2 / max(variance, 1e-9)
    return float(chi2.sf(statistic, 10))


@pytest.mark.parametrize(("outcome", "days", "too_high"), [
    ("win", 28, 2.0), ("win", 91, 1.5), ("lose", 91, 1.25), ("win", None, 1.25)])
def test_deals_end_as_often_as_their_true_probabilities_say(deals: pd.DataFrame, outcome: str, days: int | None,
                                                            too_high: float) -> None:
    name = f"{outcome}_{days}d" if days else outcome
    within = deals["ended"] <= deals["at"] + (days * DAY if days else 2**61)
    happened = (within & (deals["ended"] < 2**62) & (deals["won"] == (outcome == "win"))).to_numpy()
    p, error = deals[f"p_{name}"].to_numpy(), deals[f"se_{name}"].to_numpy()
    assert len(p) > 1000
    assert p_value(p, happened, error) > ERROR_RATE
    # The comparison has teeth: probabilities that are too high by this factor are found out.
    assert p_value(np.minimum(too_high * p, 1.0), happened, error) < 0.01


@pytest.mark.parametrize("age", [0, 7, 30])
def test_leads_convert_as_often_as_their_true_probabilities_say(leads: pd.DataFrame, age: int) -> None:
    rows = leads[leads["age_days"] == age]
    p, error = rows["p_convert"].to_numpy(), rows["se_convert"].to_numpy()
    assert p_value(p, rows["converted"].to_numpy(), error) > ERROR_RATE
    assert p_value(np.minimum(1.15 * p, 1.0), rows["converted"].to_numpy(), error) < 0.01


def test_an_oracle_ranks_as_well_as_can_be_in_a_real_pipeline(large: Past, leads: pd.DataFrame) -> None:
    panel, clocks = large.panel, large.clocks
    # All new deals open at six dates whose 91 days are over.
    rows = np.flatnonzero(np.isin(panel.week, clocks.month_starts()[11:32:4]) & (large.deals.kind[panel.deal] == NEW))
    truth = deal_truth(large, 32, np.random.default_rng(0), rows)
    won = np.full(len(large.deals), 2**62)
    won[panel.deal[panel.won]] = panel.ended[panel.won]
    happened = won[panel.deal[rows]] <= clocks.weeks[panel.week[rows]] + 91 * DAY
    assert 0.75 <= roc_auc_score(happened, truth["p_win_91d"]) <= 0.90
    young = leads[leads["age_days"] == 7]
    assert 0.70 <= roc_auc_score(young["converted"], young["p_convert"]) <= 0.80


def test_truth_covers_exactly_the_deals_open_at_each_date(exported: Summary, files: dict[str, pd.DataFrame],
                                                         tiny: Past) -> None:
    truth = read_truth(exported.truth_folder)
    created = pd.to_datetime(files["deals"].set_index("deal_id")["created_at"]).dt.as_unit("us").astype("int64")
    history = files["field_history"]
    ends = history[history["new_value"].isin(["Closed Won", "Closed Lost"])].set_index("record_id")["changed_at"]
    ended = pd.to_datetime(ends).dt.as_unit("us").astype("int64").reindex(created.index).fillna(2**62)
    assert truth["as_of"].nunique() == 36
    for day, rows in truth.groupby("as_of"):
        at = day_starts(pd.Series([day]), tiny)[0]
        assert set(rows["deal_id"]) == set(created.index[(created < at) & (ended >= at)])


def test_lead_truth_covers_the_leads_open_at_each_age(exported: Summary, files: dict[str, pd.DataFrame]) -> None:
    truth = read_truth(exported.truth_folder, "leads")
    fresh = truth[truth["age_days"] == 0]
    within = files["leads"][files["leads"]["entered_at"] == files["leads"]["created_at"]]  # not from before the log
    assert fresh["lead_id"].tolist() == within["lead_id"].tolist()
    assert (fresh["as_of"].to_numpy() == within["created_at"].to_numpy()).all()
    by_age = {age: set(truth.loc[truth["age_days"] == age, "lead_id"]) & set(fresh["lead_id"]) for age in (7, 30)}
    assert by_age[30] < by_age[7]


def test_probabilities_are_consistent_with_each_other(exported: Summary) -> None:
    deals, leads = read_truth(exported.truth_folder), read_truth(exported.truth_folder, "leads")
    assert deals.notna().all(axis=None)
    assert (deals["p_win_28d"] <= deals["p_win_91d"]).all()
    assert (deals["p_win_91d"] <= deals["p_win"]).all()
    assert (deals["p_win_91d"] + deals["p_lose_91d"] <= 1).all()
    assert leads["p_convert"].between(0, 1).all()


def test_standard_errors_are_what_repeated_simulation_scatters_by(tiny: Past) -> None:
    first, second = (deal_truth(tiny, 64, np.random.default_rng(seed)) for seed in (1, 2))
    for name in ("win_28d", "win_91d", "lose_91d", "win"):
        spread = np.hypot(first[f"se_{name}"], second[f"se_{name}"]).to_numpy()
        scatter = (first[f"p_{name}"] - second[f"p_{name}"]).to_numpy()
        known = spread > 1e-6
        assert 0.8 < np.sqrt(np.mean((scatter[known] / spread[known]) ** 2)) < 1.25, name


def test_missing_truth_is_one_message(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match=r"No true probabilities in .*deal_probabilities\.csv is missing"):
        read_truth(tmp_path)
