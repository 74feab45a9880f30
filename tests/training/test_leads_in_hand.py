"""Leads in hand: more of them than usual let expect more deals, as many as usual change nothing."""

from __future__ import annotations

from dataclasses import replace
from typing import cast

import numpy as np
import pytest

from features.calendar import DAY
from features.history import History
from features.settings import load_settings
from tests.histories import change, history
from tests.known_curves import KnownCurves
from training.forecast import forecast
from training.hazard import HazardModel
from training.leads_in_hand import FURTHEST_WEEKS, NEVER, leads_in_hand

AS_OF = 300 * DAY
CHANCE = np.full(13, 1 / 13)


def _company(more: int = 0, linked: bool = True) -> History:
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


def test_what_happens_later_changes_nothing() -> None:
    whole = _company(more=1)
    cut = leads_in_hand(whole.until(AS_OF - 30 * DAY), AS_OF - 30 * DAY, CHANCE)
    again = leads_in_hand(_company().until(AS_OF - 30 * DAY), AS_OF - 30 * DAY, CHANCE)
    np.testing.assert_array_equal(cut.factor, again.factor)


def test_the_new_deals_of_a_forecast_grow_with_the_leads() -> None:
    new = []
    for more in (0, 2):
        past = _company(more)
        model = cast(HazardModel, KnownCurves(win=0.2))
        found = forecast(model, past, AS_OF, AS_OF, AS_OF + 28 * DAY, load_settings(), by=())
        new.append(found["total"]["parts"]["new"]["won_count"])
    assert new[1] > 1.2 * new[0] > 0
