"""What the study says comes out of the exported files, and the stated effects out of the truth, on a small company.

The figure of the docs compares a large company; here the tolerances are the same, with three standard errors of the
small sample on top. One miss of the thirty is allowed for: each is outside by chance in about 1 of 300 seeds.
"""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from simulation.causes import ACTIONS
from simulation.company import Summary, generate
from simulation.options import Options, second
from tests.figures.simulation import Check, causes, shares


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Summary:
    return generate(tmp_path_factory.mktemp("demo"), seed=7, size="demo")


@pytest.fixture(scope="module")
def effects(demo: Summary) -> pd.DataFrame:
    return pd.read_csv(demo.truth_folder / "causes.csv").set_index(["action", "outcome"])


def far_off(checks: list[Check]) -> list[Check]:
    return [one for one in checks if abs(one.found - one.target) > one.tolerance + 3 * one.error]


def test_the_studys_shares_and_rates_come_out_of_the_exported_files(demo: Summary) -> None:
    checks = shares(demo.export_folder)
    assert len(checks) > 25
    off = far_off(checks)
    assert len(off) <= 1, off


def test_another_company_does_not_pass_for_this_one(tmp_path: Path) -> None:
    made = generate(tmp_path, seed=1, options=Options(size="demo", settings=second()))
    assert len(far_off(shares(made.export_folder))) > 8


def test_stated_effects_are_the_true_ones(demo: Summary) -> None:
    for one in causes(demo.truth_folder):
        # The effect depends a little on who the customers are, and they are few.
        assert one.found == pytest.approx(one.target, abs=2 * one.tolerance), one


def test_every_action_does_what_its_cause_says(effects: pd.DataFrame) -> None:
    assert set(effects.index.get_level_values("action")) == {action.name for action in ACTIONS} | {"quick answer"}
    helps = {"deep discovery", "value validated", "missing roles reached", "value anchor", "discount",
             "over-commitment"}
    for action in helps:
        assert effects.loc[(action, "win"), "effect"] > 4 * effects.loc[(action, "win"), "se"] > 0
    for action in ("over-commitment", "discount"):
        assert effects.loc[(action, "renewal"), "effect"] < -0.02
    assert effects.loc[("deep discovery", "renewal"), "effect"] > 0.03
    assert effects.loc[("quick answer", "convert"), "effect"] > 0.08


def test_the_naive_difference_misleads(effects: pd.DataFrame) -> None:
    win = effects.xs("win", level="outcome")
    # What is winning anyway gets its value validated, and who is met more often had more time for it.
    assert win.loc["value validated", "naive"] > 1.5 * win.loc["value validated", "effect"]
    assert win.loc["missing roles reached", "naive"] > 1.2 * win.loc["missing roles reached", "effect"]
    # Deals in trouble get the discounts.
    assert win.loc["discount", "naive"] < 0 < win.loc["discount", "effect"]
    # A long decision leaves time for a validation, which shortens it.
    weeks = effects.loc[("value validated", "weeks")]
    assert weeks["effect"] < -5 < 0 < weeks["naive"]
