"""Tuning looks at nothing of after its origin, and the same trials give the same model."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

from features.calendar import DAY
from features.settings import load_settings
from serving.cli import cli
from tests.figures.planted import planted
from training import lead_conversion
from training.tuning import Tuner

SETTINGS = load_settings()
END = 200 * DAY


@pytest.fixture(scope="module")
def task():
    return lead_conversion.task(planted(0, 500, 200), END, SETTINGS.training)


def test_an_origins_choice_is_that_of_a_history_cut_there(task):
    origin = 150 * DAY
    cut = lead_conversion.task(planted(0, 500, 200).until(origin), origin, SETTINGS.training)
    whole, short = Tuner(SETTINGS.training, trials=3), Tuner(SETTINGS.training, trials=3)
    cut = cut if cut.edges_days.tolist() == task.edges_days.tolist() else None
    assert cut is not None
    assert whole.choose(task, origin) == short.choose(cut, origin)
    assert whole.done == short.done
    assert [trial.number for trial in whole.done] == [0, 1, 2]


def test_first_trial_is_what_is_set_and_the_best_is_chosen(task):
    tuner = Tuner(SETTINGS.training, trials=4)
    chosen = tuner.choose(task, END).lightgbm
    assert tuner.done[0].tried == {name: getattr(SETTINGS.training.lightgbm, name) for name in tuner.done[0].tried}
    best = min(tuner.done, key=lambda trial: trial.log_loss)
    assert best.tried == {name: getattr(chosen, name) for name in best.tried}
    assert chosen.min_data_in_leaf == SETTINGS.training.lightgbm.min_data_in_leaf


def test_a_bound_in_seconds_is_repeated_by_its_number_of_trials(task):
    timed = Tuner(SETTINGS.training, seconds=0.5)
    first = timed.choose(task, END)
    assert timed.trials
    assert len(timed.done) == timed.trials
    assert Tuner(SETTINGS.training, trials=timed.trials).choose(task, END) == first
    timed.choose(task, 150 * DAY)
    assert len(timed.done) == 2 * timed.trials


def test_without_anything_ended_the_settings_stay(task):
    tuner = Tuner(SETTINGS.training, seconds=5)
    assert tuner.choose(task, 0) == SETTINGS.training
    assert tuner.trials == 0


def test_the_same_trials_give_the_same_model(tmp_path):
    past, files = planted(1, 300, 150), []
    settings = SETTINGS.model_copy(update={"training": SETTINGS.training.model_copy(update={"origins": 2, "seeds": 1})})
    for name in ("one", "again"):
        lead_conversion.train(past, 150 * DAY, settings, tmp_path / name, tuner=Tuner(settings.training, trials=2))
        files.append({path.name: path.read_bytes() for path in sorted((tmp_path / name).iterdir())})
    assert files[0] == files[1]
    evaluation = json.loads(files[0]["evaluation.json"])
    assert evaluation["trials"] == 2
    assert evaluation["params"]["training"]["lightgbm"] != settings.training.lightgbm.model_dump()


def test_both_bounds_at_once_are_refused(tmp_path):
    done = CliRunner().invoke(cli, ["--home", str(tmp_path), "train", "leads", "--as-of", "2026-01-01", "--tune", "5",
                                    "--trials", "3"])
    assert done.exit_code == 2
    assert "Give one of them" in done.output
