from __future__ import annotations

from pathlib import Path

import pytest

from features.errors import BadInput
from features.settings import load_settings


def test_a_home_overrides_only_what_it_names(tmp_path: Path) -> None:
    (tmp_path / "dealcast.yaml").write_text("forecast: {draws: 500}\ntraining: {lightgbm: {num_leaves: 7}}\n")
    shipped, ours = load_settings(), load_settings(tmp_path)
    assert (ours.forecast.draws, ours.training.lightgbm.num_leaves) == (500, 7)
    assert ours.forecast.shock_sd == shipped.forecast.shock_sd
    assert ours.training.lightgbm.learning_rate == shipped.training.lightgbm.learning_rate


def test_a_list_replaces_the_shipped_list(tmp_path: Path) -> None:
    (tmp_path / "dealcast.yaml").write_text("training: {half_lives_in_cycles: [0]}\n")
    assert load_settings(tmp_path).training.half_lives_in_cycles == [0]


@pytest.mark.parametrize("text", ["", "# nothing but a comment\n"])
def test_an_empty_file_changes_nothing(tmp_path: Path, text: str) -> None:
    (tmp_path / "dealcast.yaml").write_text(text)
    assert load_settings(tmp_path) == load_settings()


@pytest.mark.parametrize(("text", "message"), [
    ("forecasts: {draws: 500}", "forecasts: unknown setting. Did you mean 'forecast'?"),
    ("forecast: {drawss: 500}", r"forecast.drawss: unknown setting. Did you mean 'draws'\?"),
    ("training: {lightgbm: {leaves: 3}}", r"training.lightgbm.leaves: unknown setting. Did you mean 'num_leaves'\?"),
    ("training: {lightgbm: {num_leaves: 65}}", "training.lightgbm.num_leaves: .*less than or equal to 64"),
    ("forecast: {draws: '500'}", "forecast.draws"),
    ("forecast: {draws: yes}", "forecast.draws"),
    ("forecast: {shock_sd: .nan}", "forecast.shock_sd"),
    ("forecast: {draws: 3}", "forecast.draws"),
    ("forecast: 3", "forecast: is a section with the keys draws"),
    ("grades: {A: 0.2}", "must fall from A to C, got A 0.2, B 0.25, C 0.1"),
    ("- a list", "must hold settings"),
    ("forecast: {draws: [", "is not YAML"),
])
def test_a_bad_setting_is_named_with_the_file_and_the_nearest_name(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "dealcast.yaml").write_text(text)
    with pytest.raises(BadInput, match=message) as caught:
        load_settings(tmp_path)
    assert str(tmp_path / "dealcast.yaml") in str(caught.value)


@pytest.mark.parametrize(("probability", "grade"), [(1, "A"), (0.5, "A"), (0.499, "B"), (0.1, "C"), (0.0999, "D")])
def test_a_grade_begins_at_its_probability(probability: float, grade: str) -> None:
    assert load_settings().grades.grade(probability) == grade
