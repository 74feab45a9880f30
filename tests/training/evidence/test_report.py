"""The report opens without a network, says the verdict, and is the same for the same model."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from features.calendar import DAY
from features.home import Home
from features.settings import load_settings
from serving.cli import cli
from tests.histories import mapping
from tests.training.test_deal_close import _leads
from training import lead_conversion
from training.evidence.learning import thinned
from training.evidence.paired import Asked
from training.evidence.report import report_html
from training.evidence.summary import UNTESTED, summary
from training.registry.versions import champion


def _evaluation(n=600, skill=True):
    random = np.random.default_rng(0)
    probability = random.beta(2, 6, n)
    won = random.random(n) < (probability if skill else 0.25)
    asked = [Asked(probability, won, np.arange(n), np.zeros(n, dtype=np.int64), {"base": np.full(n, 0.25)},
                   {"state": np.where(np.arange(n) % 2, "New", "<b>Talk</b>").astype(object)})] * 5 if n else []
    figures = {"n": n, "won": 1, "predicted_over_actual": 1.0, "auc": 0.6, "log_loss": 0.5, "log_loss_base": 0.6}
    return {"window_days": 60, "median": {}, "periods": [], **summary(asked, 60),
            "origins": [{"origin": 20_000 * DAY, **figures}] if n else [],
            "params": {"kind": "lead", "as_of": 20_100 * DAY, "training": {"seeds": 3}}}


def test_report_needs_nothing_from_outside_and_escapes_what_the_company_calls_things():
    text = report_html(mapping(), _evaluation())
    assert not re.search(r"(src|href)\s*=\s*[\"']?(https?:)?//", text)
    assert "@import" not in text
    assert "&lt;b&gt;Talk&lt;/b&gt;" in text
    assert "<b>Talk" not in text
    assert "Skill over the base rate" in text
    assert text == report_html(mapping(), _evaluation())
    assert "model leads/7, trained on" in report_html(mapping(), _evaluation(), "leads/7")


def test_report_says_that_there_is_no_skill_or_no_test():
    assert "<h1>No skill over the base rate</h1>" in report_html(mapping(), _evaluation(skill=False))
    text = report_html(mapping(), _evaluation(n=0))
    assert "<h1>Not tested</h1>" in text
    assert "Nothing is claimed" in UNTESTED
    assert "<svg" not in text


def test_drawings_share_no_name_on_the_page():
    names = re.findall(r'id="([^"]+)"', report_html(mapping(), _evaluation()))
    assert len(names) == len(set(names))


def test_report_command_writes_what_was_kept_with_the_training(trained_home: Path, tmp_path: Path):
    out = tmp_path / "leads.html"
    done = CliRunner().invoke(cli, ["--home", str(trained_home), "report", "leads", "--out", str(out)])
    assert done.exit_code == 0, done.output
    assert "over the base rate" in done.output or "Not tested" in done.output
    home = Home.open(trained_home)
    version = champion(home, "leads")
    assert version is not None
    logged = home.path / "mlruns" / "artifacts" / "leads" / version.run_id / "artifacts" / "report.html"
    assert logged.read_text() == out.read_text().replace(f"model {version.label}, trained", "trained")
    assert "What more outcomes would bring" in out.read_text()


@pytest.mark.parametrize(("words", "message"), [
    (["--out", "page.txt"], "must end in .html"), (["--out", "nowhere/page.html"], "there is no folder"),
    (["--model", "99"], "There is no version 99 of the leads model")])
def test_report_command_explains_a_slip(trained_home: Path, words, message):
    done = CliRunner().invoke(cli, ["--home", str(trained_home), "report", "leads", *words])
    assert done.exit_code == 2
    assert message in done.output


def test_a_thinned_task_has_so_many_outcomes_in_natural_proportion():
    past, origin = _leads(), 300 * DAY
    task = lead_conversion.task(past.until(400 * DAY), 400 * DAY, load_settings().training)
    thin = thinned(task, origin, 10, seed=1)
    known = task.ends.known_at(origin)
    assert len(thin.ends.won_at[0]) == 10
    assert set(thin.ends.won_at[0]) <= set(known.won_at[0])
    before = np.unique(task.table.landmarks.subject[task.table.landmarks.at < origin])
    assert len(np.unique(thin.table.landmarks.subject)) == pytest.approx(len(before) * 10 / len(known.won_at[0]), abs=1)
    assert thin.table.landmarks.at.max() < origin
    with pytest.raises(ValueError, match="only"):
        thinned(task, origin, 10_000)


def test_a_task_thinned_by_chance_has_as_many_others_on_average():
    past, origin = _leads(), 300 * DAY
    task = lead_conversion.task(past.until(400 * DAY), 400 * DAY, load_settings().training)
    whole = np.unique(task.table.landmarks.subject[task.table.landmarks.at < origin])
    won = len(task.ends.known_at(origin).won_at[0])
    thin = [thinned(task, origin, 10, seed, by_chance=True) for seed in range(60)]
    drawn = np.array([len(np.unique(one.table.landmarks.subject)) for one in thin])
    assert {len(one.ends.won_at[0]) for one in thin} == {10}
    assert drawn.std() > 0
    assert drawn.mean() == pytest.approx(len(whole) * 10 / won, rel=0.15)


