"""Shares, rates and effects of the world come out as its settings and their sources say, within stated tolerance."""

from __future__ import annotations

import numpy as np
import pytest

from features.calendar import DAY
from simulation.past import Past
from simulation.people import effect
from simulation.pipeline import NEW
from simulation.world import Kind


@pytest.mark.parametrize("name", ["segments", "sources", "roles"])
def test_leads_have_the_shares_of_the_settings(large: Past, name: str) -> None:
    kinds: dict[str, Kind] = getattr(large.world, name)
    codes = {"segments": large.accounts.segment, "sources": large.lead_source, "roles": large.lead_role}[name]
    for code, kind in enumerate(kinds.values()):
        # Four standard errors of a share in a sample of this size.
        tolerance = 4 * np.sqrt(kind.share * (1 - kind.share) / len(codes))
        assert (codes == code).mean() == pytest.approx(kind.share, abs=tolerance)


def test_government_accounts_are_in_public_administration_and_only_they(large: Past) -> None:
    government = large.accounts.segment == list(large.world.segments).index("government")
    public = large.accounts.industry == list(large.world.industries).index("Public administration")
    assert (government == public).all()
    assert len(large.world.industries) == 12


def test_a_fifth_of_all_leads_converts_within_the_horizon(large: Past) -> None:
    converted = large.life.converted & (large.lead_ended - large.lead_created <= large.world.leads.horizon * DAY)
    assert converted[large.lead_created >= large.clocks.first].mean() == pytest.approx(0.21, abs=0.02)


def test_decisions_take_about_seven_months_and_a_quarter_to_a_third_is_won(large: Past) -> None:
    panel, deals = large.panel, large.deals
    ends = (panel.won | panel.lost) & (deals.kind[panel.deal] == NEW)
    months = np.full(len(deals), np.nan)
    months[panel.deal[ends]] = (panel.ended[ends] - deals.created[panel.deal[ends]]) / (30.44 * DAY)
    won = np.zeros(len(deals), dtype=bool)
    won[panel.deal[panel.won]] = True
    since = deals.created - large.clocks.first
    first_year = (since >= 0) & (since < 365 * DAY) & (deals.kind == NEW)  # nearly all of them came to an end
    assert np.isnan(months[first_year]).mean() < 0.06
    assert np.nanmean(months[first_year]) == pytest.approx(7.2, abs=0.9)
    assert np.nanquantile(months[first_year], 0.1) < 2.5
    assert np.nanquantile(months[first_year], 0.95) > 14
    closed = ~np.isnan(months)
    assert 0.26 <= won[closed].mean() <= 0.33


def test_many_deals_are_open_at_the_end_and_some_never_had_a_lead(large: Past) -> None:
    new = large.deals.kind == NEW
    still_open = (large.panel.week == large.clocks.closed) & new[large.panel.deal]
    assert 0.15 < still_open.sum() / new.sum() < 0.3
    assert 0.1 < (large.deals.lead[new] < 0).mean() < 0.35


def test_the_pipeline_is_full_when_the_log_begins(large: Past) -> None:
    """Nothing ramps up: open deals and wins of the first year are those of the last, but for growth and recession."""
    panel, clocks, new = large.panel, large.clocks, large.deals.kind == NEW
    year = (panel.week - clocks.opened) // 52
    for kind in (new, ~new):
        open_deals = [((year == i) & kind[panel.deal]).sum() / 52 for i in range(3)]
        assert 0.8 < open_deals[0] / open_deals[2] < 1.1
        wins = [((year == i) & kind[panel.deal] & panel.won).sum() for i in range(3)]
        assert 0.7 < wins[0] / wins[2] < 1.2


def test_partners_bring_about_half_of_the_revenue(large: Past) -> None:
    won = large.panel.deal[large.panel.won]
    partner = large.deals.source[won] == list(large.world.sources).index("partner")
    assert large.deals.amount[won][partner].sum() / large.deals.amount[won].sum() == pytest.approx(0.53, abs=0.08)


def test_amounts_follow_their_segment_and_product(large: Past) -> None:
    world = large.world
    deals = large.deals.take(large.deals.kind == NEW)
    segment = large.accounts.segment[deals.account]
    expected = (np.log(effect(world.segments, "amount", segment)) + effect(world.sources, "amount", deals.source)
                + effect(world.products, "amount", deals.product))
    residual = np.log(deals.amount) - expected
    for code, kind in enumerate(world.segments.values()):
        rows = residual[segment == code]
        assert rows.mean() == pytest.approx(0.0, abs=4 * kind.spread / np.sqrt(len(rows)))
        assert rows.std() == pytest.approx(kind.spread, rel=0.1)


def test_good_reps_win_more_and_proofs_go_to_deals_that_are_answered(large: Past) -> None:
    deals, panel = large.deals, large.panel
    ended = np.unique(panel.deal[panel.won | panel.lost])
    won = np.isin(ended, panel.deal[panel.won])
    good = large.owners.win[deals.owner[ended]] > np.median(large.owners.win)
    assert won[good].mean() > won[~good].mean() + 0.03
    assert panel.moves.replied[panel.moves.proved > 0].all()
