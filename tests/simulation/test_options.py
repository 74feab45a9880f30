"""What can be chosen: how many, how long, with or without drift, recession and signal, and which settings."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from features.errors import BadInput, NotFound
from simulation.company import Summary
from simulation.manifest import line, remake
from simulation.options import Options, prepare, second, settings_hash
from simulation.past import Past, intake, simulate, stream
from simulation.pipeline import NEW
from simulation.truth import deal_truth, lead_truth
from simulation.world import load_world

TINY = Options(size="tiny")


def past_of(options: Options, seed: int = 1) -> Past:
    world, size = prepare(options)
    return simulate(world, size, seed)


@pytest.mark.parametrize("wins", [12, 60])
def test_wins_a_quarter_are_about_what_is_asked(wins: int) -> None:
    past = past_of(Options(size="demo", wins=wins))
    won = past.panel.won & (past.deals.kind[past.panel.deal] == NEW) & (past.panel.week >= past.clocks.opened)
    expected = wins * 12
    assert won.sum() == pytest.approx(expected, abs=4 * np.sqrt(expected) + 0.12 * expected)


def test_the_smallest_company_has_a_rep_in_every_region() -> None:
    past = past_of(Options(size="company", wins=1, years=1))
    assert set(past.accounts.region) <= set(past.owners.region)
    assert len(past.owners.ids) == len({kind.region for kind in past.world.countries.values()})


def test_a_thousand_wins_a_quarter_ask_for_a_large_company() -> None:
    _, size = prepare(Options(size="demo", wins=1000))
    assert size.leads > 100_000
    assert size.reps > 200


@pytest.mark.parametrize("years", [0.5, 5])
def test_the_log_is_as_long_as_asked_and_as_busy_as_before(years: float) -> None:
    world, size = prepare(replace(TINY, years=years))
    assert (world.last_day - world.first_day).days + 1 == round(365.25 * years)
    past = simulate(world, size, 1)
    inside = past.lead_created[past.lead_created >= past.clocks.first]
    _, usual = prepare(TINY)
    assert len(inside) / years == pytest.approx(usual.leads / 3, rel=0.35)


def test_without_drift_and_recession_nothing_but_growth_and_seasons_moves_the_intake() -> None:
    world, size = prepare(replace(TINY, drift=False, recession=False))
    calm = past_of(replace(TINY, drift=False, recession=False))
    assert not any(shift.any() for shift in calm.rules.shift.values())
    usual = past_of(TINY)
    assert usual.rules.shift["win"].min() < -0.2
    weeks = int(world.recession.at * 156)
    recession = slice(usual.clocks.opened * 7 + weeks * 7 + 7, usual.clocks.opened * 7 + weeks * 7 + 70)
    shares = [intake(size, past.clocks)[0][recession].sum() / intake(size, past.clocks)[0].sum()
              for past in (usual, calm)]
    assert shares[0] < 0.9 * shares[1]


def test_without_signal_all_chances_are_equal() -> None:
    past = past_of(replace(TINY, signal=False), seed=2)
    new = past.deals.kind[past.panel.deal] == NEW
    rows = np.flatnonzero(new & (past.panel.week == past.clocks.month_starts()[20]))
    deals = deal_truth(past, 16, np.random.default_rng(0), rows)
    assert len(deals) > 10
    for name in ("p_win_28d", "p_win_91d", "p_lose_91d"):
        assert np.ptp(deals[name]) < 1e-12
    # The last weeks of a simulated life are drawn, see truth.ADDED_WEEKS.
    assert (np.abs(deals["p_win"] - deals["p_win"].mean()) < 6 * deals["se_win"] + 1e-9).all()
    leads = lead_truth(past, 8, np.random.default_rng(0))
    fresh = leads[leads["age_days"] == 0]["p_convert"]
    # Only how many business days lie in a lead's first 90 days is left.
    assert fresh.std() < 0.05 * fresh.mean()


def test_real_companies_have_what_nobody_sees_and_open_ones_have_not(exported: Summary) -> None:
    assert exported.manifest.options["variant"] == "open"
    truth = deal_truth(past_of(TINY), 8, stream(1, "deal truth"))
    assert (truth["p_win"] == truth["p_win_all"]).all()
    real = deal_truth(past_of(replace(TINY, variant="real")), 8, stream(1, "deal truth"))
    assert (real["p_win"] != real["p_win_all"]).mean() > 0.9


def test_a_company_can_be_made_again_from_its_manifest(exported: Summary, tiny: Past) -> None:
    manifest, _, past = remake(exported.truth_folder)
    assert manifest == exported.manifest
    assert (past.lead_created == tiny.lead_created).all()
    assert (past.panel.ended == tiny.panel.ended).all()
    assert settings_hash() in line(manifest)


def test_changed_settings_beside_a_truth_are_found_out(exported: Summary, tmp_path: Path) -> None:
    for name in ("manifest.json", "settings.yaml"):
        (tmp_path / name).write_bytes((exported.truth_folder / name).read_bytes())
    with (tmp_path / "settings.yaml").open("a") as file:
        file.write("# a word more\n")
    with pytest.raises(BadInput, match=f"is not the settings file .*{settings_hash()}"):
        remake(tmp_path)
    with pytest.raises(NotFound, match=r"no truth .*manifest\.json is missing"):
        remake(tmp_path / "elsewhere")


def test_the_second_company_differs_where_it_says_so_and_nowhere_else() -> None:
    first, other = load_world(), load_world(second())
    assert settings_hash() != settings_hash(second())
    assert other.causes.proof_by_trait == 1.6
    assert other.segments["small"].spread == first.segments["small"].spread
    assert other.calendar == first.calendar


@pytest.mark.parametrize(("options", "told"), [
    (replace(TINY, variant="rael"), r"no variant 'rael'.*Did you mean 'real'\?"),
    (replace(TINY, years=0.1), "0.25 to 20 years long, not 0.1"),
    (replace(TINY, wins=0), "1 to 5,000, not 0"),
    (replace(TINY, settings=Path("none.yaml")), r"No settings file none\.yaml")])
def test_slips_are_one_message(options: Options, told: str) -> None:
    with pytest.raises((BadInput, NotFound), match=told):
        prepare(options)
