"""The people's side: calls, adjustments and quotas."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from simulation.company import Summary
from simulation.export import crm_tables
from simulation.forecasts import _mondays, quotas
from simulation.past import Past, stream
from simulation.replay import replay
from simulation.tables import text

Tables = dict[str, pd.DataFrame]


@pytest.fixture(scope="module")
def tables(tiny: Past) -> Tables:
    return crm_tables(tiny, stream(3, "export"))[0]


def test_every_rep_calls_the_running_quarter_on_mondays(tables: Tables) -> None:
    calls = tables["forecast_calls"].query("kind == 'rep'")
    local = pd.to_datetime(calls["made_at"], unit="us", utc=True).dt.tz_convert("Europe/Berlin")
    assert (local.dt.day_of_week == 0).all()
    assert (local.dt.hour == 16).all()
    assert (calls["period"] == local.dt.year.astype(str) + "-Q" + local.dt.quarter.astype(str)).all()
    assert len(calls) > 0.9 * calls["owner_id"].nunique() * calls["made_at"].nunique()


def test_what_was_won_is_in_the_call_and_commit_in_best_case(tables: Tables, tiny: Past) -> None:
    weeks = _mondays(tiny, tables["field_history"], np.random.default_rng(0))
    assert (weeks.call >= weeks.won - 500).all()  # calls are rounded to thousands
    assert (weeks.best_case >= weeks.commit).all()
    assert (weeks.commit >= weeks.won).all()


def test_a_call_knows_nothing_that_was_entered_later(tables: Tables, tiny: Past) -> None:
    history = tables["field_history"]
    whole = _mondays(tiny, history, np.random.default_rng(0))
    week = len(whole.at) // 2
    cut = _mondays(tiny, history[history["entered_at"] <= whole.at[week]], np.random.default_rng(0))
    assert (cut.call[: week + 1] == whole.call[: week + 1]).all()
    assert (cut.call[week + 13:] != whole.call[week + 13:]).any()


def test_replay_is_the_last_entry_by_each_moment(tables: Tables, tiny: Past) -> None:
    history = tables["field_history"]
    ids = text(tiny.deal_ids)
    moments = np.quantile(history["entered_at"], [0.2, 0.5, 0.9]).astype(np.int64)
    for moment, now in zip(moments, replay(history, "value", ids, ["stage"], moments), strict=True):
        known = history[(history["entered_at"] <= moment) & (history["field"] == "stage")]
        last = known.groupby("record_id")["value"].last()
        assert (pd.Series(now["stage"], ids) == last.reindex(ids).fillna("")).all()


def test_optimists_call_more_for_the_same_deals(tiny: Past, tables: Tables) -> None:
    optimists = replace(tiny, owners=replace(tiny.owners, bias=tiny.owners.bias + 0.5))
    calls, more = (_mondays(past, tables["field_history"], np.random.default_rng(0)).call
                   for past in (tiny, optimists))
    assert (more >= calls).all()
    assert more.sum() > 1.2 * calls.sum()


def test_managers_say_why_they_change_a_number_and_sum_their_team(tables: Tables, tiny: Past) -> None:
    calls = tables["forecast_calls"]
    adjusted = calls.query("kind == 'adjustment'")
    assert len(adjusted) > 20
    assert (adjusted["note"] != "").all()
    assert adjusted["made_by"].str.startswith("M-").all()
    assert adjusted["owner_id"].str.startswith("R-").all()
    team = calls.query("kind == 'team'").groupby("period")["commit"].max()
    assert (team >= 0).all()
    assert (calls["made_at"] <= tiny.clocks.last).all()


def test_quotas_roll_up_from_reps_to_teams_to_the_companys_target(tables: Tables, tiny: Past) -> None:
    settings = tiny.world.quotas
    for _, rows in tables["quotas"].groupby("period"):
        level = rows.groupby("level")["amount"].sum()
        assert level["team"] == pytest.approx(settings.over_assigned * level["rep"], rel=0.02)
        assert level["company"] == pytest.approx(settings.target * level["team"], rel=0.02)
    assert set(tables["quotas"]["kind"]) == {"quota", "target"}


def test_quotas_look_back_only(tiny: Past, tables: Tables) -> None:
    history = tables["field_history"]
    found = quotas(tiny, history, np.random.default_rng(1))
    first = found.loc[found["period"] == "2025-Q1", "set_at"].iloc[0]
    cut = quotas(tiny, history[history["changed_at"] < first - 86_400_000_000 // 2], np.random.default_rng(1))
    upto = found["period"] <= "2025-Q4"
    assert (found[upto]["amount"].to_numpy() == cut[upto]["amount"].to_numpy()).all()


def test_calls_and_quotas_are_exported(exported: Summary, files: Tables) -> None:
    assert {"forecast_calls", "quotas"} <= set(files)
    assert list(files["quotas"].columns) == ["period", "level", "owner_id", "kind", "amount", "currency", "set_at",
                                             "entered_at"]
