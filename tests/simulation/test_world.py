"""The settings file: strict, and consistent in itself."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

import pytest

from features.errors import BadInput, NotFound
from simulation.world import World, load_world

TEXT = (files("simulation") / "company.yaml").read_text(encoding="utf-8")


def changed(tmp_path: Path, old: str, new: str) -> Path:
    assert TEXT.count(old) == 1
    path = tmp_path / "other.yaml"
    path.write_text(TEXT.replace(old, new), encoding="utf-8")
    return path


def test_shares_of_every_category_add_up_to_one(world: World) -> None:
    for kinds in (world.segments, world.industries, world.countries, world.sources, world.products, world.deliveries,
                  world.roles):
        assert sum(kind.share for kind in kinds.values()) == pytest.approx(1.0)


def test_another_settings_file_makes_another_world(tmp_path: Path) -> None:
    assert load_world(changed(tmp_path, "optimism: 0.75", "optimism: 1.25")).reps.optimism == 1.25


def test_unknown_setting_is_named_with_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"calendar\.opnes: unknown setting\. Did you mean 'opens'\?"):
        load_world(changed(tmp_path, "  opens: 8.0", "  opnes: 8.0"))


def test_an_age_that_is_no_step_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="8 days must be one of `ages`"):
        load_world(changed(tmp_path, "truth_ages: [0, 7, 30]", "truth_ages: [0, 8, 30]"))


def test_rates_that_do_not_fit_the_steps_are_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="`disqualify` needs one value for each step"):
        load_world(changed(tmp_path, "disqualify: [-6.0, ", "disqualify: ["))


def test_text_that_is_not_yaml_is_one_message(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"other\.yaml is not YAML"):
        load_world(changed(tmp_path, "time_zone: Europe/Berlin", "time_zone: [Europe/Berlin"))


def test_missing_settings_file_is_one_message(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match=r"No settings file .*none\.yaml"):
        load_world(tmp_path / "none.yaml")
