"""Leads and contracts in hand: more of them than usual let expect more deals, as many as usual change nothing."""

from __future__ import annotations

from dataclasses import replace
from typing import cast

import numpy as np
import pandas as pd
import pytest

from features.calendar import DAY
from features.history import History
from features.settings import load_settings
from tests.histories import change, history
from tests.known_curves import KnownCurves
from training.forecast import forecast
from training.hazard import HazardModel
from training.in_hand import FURTHEST_WEEKS, NEVER, contracts_in_hand, leads_in_hand
from training.outcomes import outcomes

AS_OF = 300 * DAY
CHANCE = np.full(13, 1 / 13)


def _company(more: int = 0, linked: bool = True, entered_won: bool = False) -> History:
    """Ten leads a week, of which three become a deal after 10 to 24 days and the others end after 40; in the last
    fortnight `more` times as many more."""
    leads, deals, changes, named = {}, {}, [], {}
    for week in range(42):
        for i in range(10 * (1 + (more if week >= 40 else 0))):
            name, day = f"l{week:02d}-{i:02d}", week * 7 + (i % 10) / 2 + 5.0
            leads[name] = day
            changes.append(change(name, "status", "Out", day + 40, kind="lead"))
            if i % 10 < 3:
                deals[f"d{name}"], named[f"d{name}"] = day + 10 + 7 * (i % 3), name
                changes.append(change(f"d{name}", "amount", "100000", deals[f"d{name}"]))
                if entered_won:
                    changes.append(change(f"d{name}", "stage", "Won", deals[f"d{name}"]))
    found = history(deals=deals, leads=leads, changes=changes)
    table = found.tables["deals"]
    table = table.assign(lead_id=table["deal_id"].map(named) if linked else None)
    return replace(found, tables={**found.tables, "deals": table}, memo={}).until(AS_OF)


def test_as_many_leads_as_usual_change_nothing() -> None:
    assert leads_in_hand(_company(), AS_OF, CHANCE).factor == pytest.approx(1.0, abs=0.05)


def test_more_leads_let_expect_more_deals_of_them_and_none_once_they_have_ended() -> None:
    found = leads_in_hand(_company(more=4), AS_OF, CHANCE)
    assert found.factor[1] > 1.5
    assert found.factor[20:] == pytest.approx(1.0, abs=1e-6)


def test_only_deals_whose_lead_would_be_there_by_now_count_otherwise() -> None:
    past = _company(more=2)
    found = leads_in_hand(past, AS_OF, CHANCE)
    deal = past.deals.codes(np.array(["dl30-00", "dl30-02"], dtype=object))
    later = np.full(2, AS_OF - past.deals.visible_at[deal[0]] + 3 * DAY)  # the first comes again in three days
    assert found.share(deal, later, AS_OF, 0).tolist() == [found.factor[0]] * 2  # their leads came ten days before
    assert found.share(deal, later + 60 * DAY, AS_OF, 9).tolist() == [1.0, 1.0]
    assert found.share(deal, later, AS_OF, FURTHEST_WEEKS + 5).tolist() == [1.0, 1.0]


def test_deals_without_leads_change_nothing() -> None:
    found = leads_in_hand(_company(more=1, linked=False), AS_OF, CHANCE)
    assert (found.factor == 1.0).all()
    assert (found.came == NEVER).all()
    assert (found.share(np.arange(3), np.full(3, DAY), AS_OF, 0) == 1.0).all()


def test_a_lead_that_is_entered_later_counts_from_then_on() -> None:
    def factor(entered: float) -> float:
        past = _company()
        late = past.tables["leads"].iloc[:40].assign(
            lead_id=[f"late{i}" for i in range(40)], created_at=295 * DAY, known_at=int(entered * DAY))
        leads = pd.concat([past.tables["leads"], late], ignore_index=True)
        whole = replace(past, tables={**past.tables, "leads": leads}, memo={})
        return float(leads_in_hand(whole.until(AS_OF), AS_OF, CHANCE).factor[1])

    assert factor(301.0) == float(leads_in_hand(_company(), AS_OF, CHANCE).factor[1])
    assert factor(299.0) > 1.2 * factor(301.0)


@pytest.mark.parametrize("since", [20, 34, 38, 41])
def test_a_short_log_of_leads_is_no_growth_of_leads(since: int) -> None:
    past = _company()
    leads = past.tables["leads"]
    leads = leads[leads["created_at"] >= since * 7 * DAY].reset_index(drop=True)
    found = leads_in_hand(replace(past, tables={**past.tables, "leads": leads}, memo={}), AS_OF, CHANCE)
    assert found.factor == pytest.approx(1.0, abs=0.1)


def test_leads_that_never_convert_by_the_mapping_are_left_alone() -> None:
    past = _company(more=4)
    rules = past.mapping.leads.model_copy(update={"converted": []})
    plain = replace(past, mapping=past.mapping.model_copy(update={"leads": rules}), memo={})
    assert (leads_in_hand(plain, AS_OF, CHANCE).factor == 1.0).all()


@pytest.mark.parametrize("entered_won", [False, True])
def test_the_new_deals_of_a_forecast_grow_with_the_leads(entered_won: bool) -> None:
    new = []
    for more in (0, 2):
        past = _company(more, entered_won=entered_won)
        model = cast(HazardModel, KnownCurves(win=0.2))
        found = forecast(model, past, AS_OF, AS_OF, AS_OF + 28 * DAY, load_settings(), by=())
        new.append(found["total"]["parts"]["new"]["won_count"])
    assert new[1] > 1.2 * new[0] > 0


def _customers(rush: int, every_weeks: int = 13, linked: bool = True) -> History:
    """Contracts of a year, of which two are signed a week and `rush` more in one week of a quarter; each is renewed, by
    a deal that is opened thirteen weeks before its end and won at its end."""
    deals, changes, accounts, kinds = {}, [], {}, {}
    for week in range(120):
        for i in range(2 + (rush if week % every_weeks == 0 else 0)):
            for year in range(3):
                name = f"d{week:03d}-{i}-{year}"
                won = 7.0 * week + 3 + 364 * year
                deals[name], accounts[name] = won - (91 if year else 5), f"a{week}-{i}"
                kinds[name] = "renewal" if year else "new"
                changes.append(change(name, "stage", "Won", won))
    found = history(deals=deals, changes=changes)
    table = found.tables["deals"]
    ids = table["deal_id"]
    table = table.assign(account_id=ids.map(accounts) if linked else None, kind=ids.map(kinds))
    return replace(found, tables={**found.tables, "deals": table}, memo={})


@pytest.mark.parametrize("ahead", [0, 4, 9])
def test_as_many_renewals_come_as_contracts_are_due(ahead: int) -> None:
    whole = _customers(rush=10)
    as_of = 110 * 7 * DAY + 3 * DAY  # renewals of the rush come in weeks 117, 130 …
    past = whole.until(as_of)
    found = contracts_in_hand(past, outcomes(past, "deal"), as_of, CHANCE)
    opened = whole.deals.visible_at[[name.endswith(("1", "2")) for name in whole.deals.ids]]

    def came(week: int) -> int:
        return int(((opened > as_of + week * 7 * DAY) & (opened <= as_of + (week + 1) * 7 * DAY)).sum())

    usual = np.mean([came(-week) for week in range(1, 14)])
    assert found.factor[ahead] == pytest.approx((came(ahead) + 1) / (usual + 1), rel=0.2)


def test_contracts_signed_evenly_change_nothing_and_without_accounts_nothing_is_known() -> None:
    as_of = 110 * 7 * DAY
    for past in (_customers(rush=0).until(as_of), _customers(rush=10, linked=False).until(as_of)):
        found = contracts_in_hand(past, outcomes(past, "deal"), as_of, CHANCE)
        assert found.factor[:30] == pytest.approx(1.0, abs=0.1)


def test_only_renewals_come_of_contracts() -> None:
    as_of = 110 * 7 * DAY
    past = _customers(rush=0).until(as_of)
    came = contracts_in_hand(past, outcomes(past, "deal"), as_of, CHANCE).came
    renewal = np.array([name.endswith(("1", "2")) for name in past.deals.ids])
    assert (came[~renewal] == NEVER).all()
    lived = (past.deals.visible_at[renewal] - came[renewal]) / (7 * DAY)
    assert lived == pytest.approx(39, abs=0.5)
