"""Everything that is said of a deal, held against a slow reading of the tables."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pytest

from features.calendar import DAY, parse_as_of, parse_period
from features.errors import BadInput, NotFound
from features.history import History
from features.home import Home
from serving.champion import model_for
from tests.running import ROOT
from training import deal_close
from training.amounts import closing_ratios
from training.deal_scores import COLUMNS, amounts_at_close, curve, periods, score
from training.outcomes import outcomes

WITHIN = 28.0


@pytest.fixture(scope="module")
def asked(trained_home: Path):
    home = Home.open(trained_home)
    as_of = parse_as_of("2026-08-14T12:00", home.mapping.zone)
    return home.history(home.log_end()), model_for(home, "deals", as_of)[1], as_of


@pytest.fixture(scope="module")
def said(asked):
    past, model, as_of = asked
    return score(model, past, as_of, WITHIN)


def _log(past: History, as_of: int, field: str) -> dict[str, list[tuple[int, str | None]]]:
    """Per deal the (time, value) rows of a field as known at a moment, in their own order."""
    rows = past.tables["changes"]
    rows = rows[(rows["subject"] == "deal") & (rows["field"] == field) & (rows["known_at"] <= as_of)
                & (rows["changed_at"] <= as_of)].sort_values(["changed_at", "sequence"], kind="stable")
    found: dict[str, list[tuple[int, str | None]]] = {}
    for one in rows.itertuples():
        found.setdefault(one.subject_id, []).append((one.changed_at, None if pd.isna(one.value) else one.value))
    return found


def _last(log, deal):
    return log[deal][-1][1] if deal in log else None


def test_every_column_is_declared_and_no_other(said):
    assert said.columns.tolist() == list(COLUMNS)
    assert len(said) > 10
    assert said["deal_id"].is_unique


def test_the_docs_say_what_every_column_means():
    page = (ROOT / "docs" / "deal-scores.md").read_text(encoding="utf-8")
    for name, meaning in COLUMNS.items():
        assert f"| `{name}` | {meaning} |" in page


def test_the_chances_and_dates_are_those_of_the_curves(asked, said):
    past, model, as_of = asked
    plain = deal_close.score(model, past, as_of, WITHIN)
    pd.testing.assert_frame_equal(said[plain.columns.tolist()], plain)
    (this, this_end), (following, next_end) = periods(as_of, past.mapping)
    assert (this, following) == ("2026-Q3", "2026-Q4")
    assert this_end == parse_period(this, past.mapping)[1]
    curves = model.curves(past, past.deals.codes(said["deal_id"]), np.full(len(said), as_of))
    np.testing.assert_allclose(said["p_win_this_period"], curves.win_by(this_end))
    np.testing.assert_allclose(said["p_win_this_period"] + said["p_win_next_period"], curves.win_by(next_end))
    np.testing.assert_allclose(said[["p_win_this_period", "p_win_next_period", "p_win_later"]].sum(axis=1),
                               curves.win[:, -1])


def test_expected_close_and_risk_are_those_of_the_tables_and_the_curves(asked, said):
    past, model, as_of = asked
    log, zone = _log(past, as_of, "expected_close"), past.mapping.zone
    curves = model.curves(past, past.deals.codes(said["deal_id"]), np.full(len(said), as_of))
    limit = model.evaluation["at_risk"]["cutoff"]
    assert limit is not None
    checked = 0
    for i, row in enumerate(said.itertuples()):
        text = _last(log, row.deal_id)
        if text is None:
            assert (row.expected_close, row.overdue, row.at_risk) == (None, None, None)
            continue
        local = datetime.fromisoformat(text).astimezone(ZoneInfo(str(zone)))
        day = local.date()
        assert row.expected_close == day.isoformat()
        end = parse_as_of((day + timedelta(days=1)).isoformat(), zone) - 1
        assert row.overdue == (end <= as_of)
        period = parse_period(f"{day.year}-Q{(day.month + 2) // 3}", past.mapping)[1]
        if as_of < end <= curves.end[i]:
            at = np.full(len(said), end)
            assert row.p_on_time == pytest.approx(curves.win_by(at)[i])
            assert row.p_lost_before == pytest.approx(curves.lose_by(at)[i])
            assert row.p_on_time + row.p_lost_before + row.p_slip == pytest.approx(1.0)
        if as_of < period <= curves.end[i]:
            chance = curves.win_by(np.full(len(said), period))[i]
            assert row.p_win_by_period_end == pytest.approx(chance)
            assert row.at_risk is bool(chance < limit)
            checked += 1
        else:
            assert np.isnan(row.p_win_by_period_end)
            assert row.at_risk is None
    assert checked > 10


def test_the_trend_is_what_was_said_a_week_before_and_what_changed_since(asked, said):
    past, model, as_of = asked
    earlier = as_of - 7 * DAY
    before = score(model, past.until(earlier), earlier, WITHIN).set_index("deal_id")
    names = {"stage": "stage", "amount": "amount", "expected_close": "expected close", "owner": "owner"}
    told = 0
    for row in said.itertuples():
        if row.deal_id not in before.index:
            assert np.isnan(row.p_win_before)
            assert row.changed is None
            continue
        then = before.loc[row.deal_id]
        assert row.p_win_before == pytest.approx(then["p_win"])
        assert row.change == pytest.approx(100 * (row.p_win - then["p_win"]))
        for column, name in names.items():
            now, was = getattr(row, column), then[column]
            differs = now != was and not (pd.isna(now) and pd.isna(was))
            assert (f"{name}: " in (row.changed or "")) == differs
            told += differs
    assert told


def test_time_in_stage_is_held_against_the_deals_that_were_won_by_then(asked, said):
    past, _, as_of = asked
    log = _log(past, as_of, "stage")
    won = {stage.name for stage in past.mapping.stages if stage.outcome == "won"}
    spent: dict[str, list[float]] = {}
    for rows in log.values():
        if rows[-1][1] not in won:
            continue
        days: dict[str, float] = {}
        for (start, stage), (end, _) in pairwise(rows):
            days[stage] = days.get(stage, 0.0) + (end - start) / DAY
        for stage, length in days.items():
            if length > 0:
                spent.setdefault(stage, []).append(length)
    assert spent
    for row in said.itertuples():
        rows = [*log[row.deal_id], (as_of, None)]
        assert row.stage == rows[-2][1]
        own = sum((end - start) / DAY for (start, stage), (end, _) in pairwise(rows)
                  if stage == row.stage)
        assert row.days_in_stage == pytest.approx(own)
        if len(spent.get(row.stage, [])) >= 5:
            low, high = np.quantile(spent[row.stage], [0.25, 0.75])
            assert (row.won_stage_days_p25, row.won_stage_days_p75) == pytest.approx((low, high))
        else:
            assert np.isnan(row.won_stage_days_p25)


def test_missing_roles_are_those_that_others_have_and_it_has_not(asked, said):
    past, _, as_of = asked
    rows = past.tables["deal_contacts"]
    rows = rows[(rows["known_at"] <= as_of) & (rows["valid_from"] <= as_of)]
    recorded = [role for role in ("technical", "budget", "business", "user") if (rows["role"] == role).any()]
    assert recorded
    for row in said.itertuples():
        has = set(rows.loc[rows["deal_id"] == row.deal_id, "role"])
        assert (row.missing_roles or "") == ", ".join(role for role in recorded if role not in has)


def test_the_amount_at_the_close_is_the_forecasts(asked, said):
    past, _, as_of = asked
    ratios = closing_ratios(past.until(as_of), outcomes(past.until(as_of), "deal"))
    np.testing.assert_allclose(said["amount_close"], said["amount"] * ratios.mean())
    for level in (10, 50, 90):
        np.testing.assert_allclose(said[f"amount_close_p{level}"], said["amount"] * np.quantile(ratios, level / 100))
    np.testing.assert_allclose(said["expected_value"], said["p_win"] * said["amount_close"])


def test_a_deal_alone_is_answered_as_among_all_and_the_future_changes_nothing(asked, said):
    past, model, as_of = asked
    alone = score(model, past, as_of, WITHIN, ids=[said["deal_id"][3]])
    pd.testing.assert_frame_equal(alone, said.iloc[[3]].reset_index(drop=True), rtol=1e-9)
    pd.testing.assert_frame_equal(score(model, past.until(as_of), as_of, WITHIN), said)


def _changed(past: History, deals: list[str], fields: dict[str, str | None], at: int) -> History:
    """The same history without these fields of these deals, or with one value of each from `at` on."""
    rows = past.tables["changes"]
    gone = (rows["subject"] == "deal") & rows["subject_id"].isin(deals) & rows["field"].isin(list(fields))
    added = [{"subject": "deal", "subject_id": deal, "field": field, "value": value, "changed_at": at, "sequence": 0,
              "known_at": at, "recorded_at": at, "source": "test"}
             for deal in deals for field, value in fields.items() if value is not None]
    more = pd.DataFrame(added, columns=rows.columns)
    tables = {**past.tables, "changes": pd.concat([rows[~gone], more], ignore_index=True) if added else rows[~gone]}
    return History(tables, past.mapping)


def test_a_deal_without_an_expected_close_or_amount_says_what_it_can(asked, said):
    past, model, as_of = asked
    deal = said["deal_id"][0]
    one = score(model, _changed(past, [deal], {"expected_close": None, "amount": None}, as_of), as_of, WITHIN, [deal])
    row = one.iloc[0]
    assert row[["expected_close", "overdue", "at_risk"]].tolist() == [None, None, None]
    empty = ["p_on_time", "p_lost_before", "p_slip", "slip_days", "p_win_by_period_end", "amount"]
    assert one[empty].isna().all(axis=None)
    assert 0 < row["p_win"] < 1
    # Without an amount it is one of the other open deals'.
    others = said["amount"][said["deal_id"] != deal]
    assert others.min() <= row["amount_close_p10"] < row["amount_close_p50"] < row["amount_close_p90"]
    assert row["amount_close_p90"] <= others.max() * 4


def test_an_overdue_deal_cannot_slip_any_more_but_says_how_late_it_will_be(asked, said):
    past, model, as_of = asked
    first, second = said["deal_id"][:2]
    day = datetime.fromtimestamp(as_of / 1e6, tz=ZoneInfo(str(past.mapping.zone))).date()
    for deal, ago, period_goes_on in ((first, 1, True), (second, 100, False)):
        text = f"{day - timedelta(days=ago)}T00:00:00+02:00"
        late = _changed(past, [deal], {"expected_close": text}, as_of - 120 * DAY)
        row = score(model, late, as_of, WITHIN, [deal]).iloc[0]
        assert row["overdue"] is True
        assert (row["p_on_time"], row["p_lost_before"]) == (0.0, 0.0)
        assert np.isnan(row["p_slip"])
        assert row["slip_days"] > ago - 1
        if period_goes_on:
            assert row["p_win_by_period_end"] == pytest.approx(row["p_win_this_period"])
            assert row["at_risk"] in (True, False)
        else:
            assert row["at_risk"] is None


def test_deals_that_are_unknown_or_ended_are_refused_by_name(asked):
    past, model, as_of = asked
    with pytest.raises(NotFound, match="deal nobody"):
        score(model, past, as_of, WITHIN, ["nobody"])
    won = past.deals.ids[outcomes(past, "deal").known_at(as_of).won_at[0][0]]
    with pytest.raises(BadInput, match=rf"{won} \(won\)"):
        score(model, past, as_of, WITHIN, [won])


def test_one_deals_curve_by_week_is_its_curve(asked, said):
    past, model, as_of = asked
    deal = said.iloc[2]
    code = int(past.deals.codes([deal["deal_id"]])[0])
    found = curve(model, past, code, as_of)
    assert found.iloc[0].tolist() == [as_of, 0.0, 0.0, 1.0]
    np.testing.assert_allclose(found[["p_win", "p_lose", "p_open"]].sum(axis=1), 1.0)
    assert (found[["p_win", "p_lose"]].diff().dropna() >= 0).all(axis=None)
    assert found["p_win"][4] == pytest.approx(deal["p_win"])  # four weeks
    assert (np.diff(found["at"]) == 7 * DAY).all()
    assert found["at"].iloc[-1] <= as_of + model.edges_days[-1] * DAY


def test_before_any_win_an_amount_stays_what_it_is(asked):
    past, _, _ = asked
    start = int(past.deals.visible_at.min()) + DAY
    subject = outcomes(past, "deal").open_at(start)
    found = amounts_at_close(past, subject, start)
    assert (found == found[0]).all()
