"""Leads of the real pipeline: won within 60 days of registration, asked at creation and a day later, beside LightGBM
on the leads whose 60 days had passed."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from features.calendar import DAY, parse_as_of
from features.events import Int
from features.settings import load_settings
from tests.figures.bpic2012 import DATA, LEADS_UNTIL, history
from tests.figures.cache import cached
from training import lead_conversion
from training.calibration import scores
from training.evidence.matured import fit_plain, past_at, won_by
from training.evidence.measures import log_losses
from training.hazard import HazardModel, LandmarkTable, landmark_table
from training.outcomes import OPEN, WON, Landmarks, outcomes

__all__ = ["table"]

DATES = ["2012-01-01", "2011-12-15"]
HORIZON_DAYS = 60
DRAWS = 4000
ASKED = {"created": "at creation", "open": "after 1 day, still open", "day": "after 1 day, all"}
Floats = npt.NDArray[np.float64]


def asked_as_of(day: str) -> dict[str, Any]:
    """The three questions at one date: what the model and the plain LightGBM said of each lead, and what came."""
    past, settings = history(), load_settings()
    as_of, until = (parse_as_of(one, past.mapping.zone) for one in (day, LEADS_UNTIL))
    with tempfile.TemporaryDirectory() as folder:
        lead_conversion.train(past, as_of, settings, Path(folder))
        model = HazardModel.load(Path(folder))
    job = lead_conversion.task(past.until(as_of), as_of, settings.training)
    rate = float(job.ends.won_at[0].size) / max(len(job.history.leads), 1)
    matured = fit_plain(past_at(job, as_of), settings.training,
                        lambda table: np.full(len(table.landmarks), rate))["lightgbm"]
    created = past.leads.created_at
    subject = np.flatnonzero((created > as_of) & (created <= until))
    ends = outcomes(past, "lead")
    won = won_by(ends, Landmarks(subject, created[subject]), created[subject] + HORIZON_DAYS * DAY)
    found: dict[str, Any] = {}
    later = created[subject] + DAY
    state = ends.state_as_of(subject, later)
    for name, at, here in (("created", created[subject], np.ones(len(subject), dtype=bool)),
                           ("open", later, state == OPEN)):
        table = landmark_table(past, "lead", Landmarks(subject[here], at[here]))
        end = created[subject[here]] + HORIZON_DAYS * DAY
        said: dict[str, Callable[[LandmarkTable, Int], Floats]] = {
            "ours": lambda table, end: model.curves_of(past, table).win_by(end),
            "plain": lambda table, _: matured(table)}
        found[name] = {who: say(table, end).tolist() for who, say in said.items()} | {"won": won[here].tolist()}
    # Those that ended within the day are known to both.
    found["day"] = {"won": won.tolist()}
    for who in ("ours", "plain"):
        everyone = np.where(state == WON, 1.0, 0.0)
        everyone[state == OPEN] = found["open"][who]
        found["day"][who] = everyone.tolist()
    return found | {"weights": model.weights}


def table(small: bool) -> str:
    if not DATA.is_dir():
        return ""
    lines = ["| trained as of | asked | leads | won | log-loss | AUC | predicted over actual | "
             "LightGBM on closed windows | difference (90% interval) |",
             "| --- | --- | --: | --: | --: | --: | --: | --: | --: |"]
    below, voices = 0, []
    for day in DATES[:1] if small else DATES:
        found = cached(f"bpic2012-leads-{day}", lambda day=day: asked_as_of(day))
        for name, question in ASKED.items():
            ours, plain, won = (np.array(found[name][who]) for who in ("ours", "plain", "won"))
            figures, theirs = scores(ours, won), scores(plain, won)
            mean, low, high = _difference(log_losses(ours, won) - log_losses(plain, won))
            below += high < 0
            lines.append(f"| {day} | {question} | {len(won)} | {won.sum()} | {figures['log_loss']:.3f} | "
                         f"{figures['auc']:.3f} | {figures['predicted_over_actual']:.2f} | {theirs['log_loss']:.3f} | "
                         f"{mean:+.4f} ({low:+.4f} to {high:+.4f}) |")
        voices.append(f"as of {day} " + ", ".join(f"{name} {weight:.2f}" for name, weight in sorted(
            found["weights"].items(), key=lambda one: -one[1]) if weight))
    lines += ["", f"The interval, over leads drawn anew {DRAWS} times, lies below 0 in {below} of {len(lines) - 2} "
              f"cases. Weights of the voices: {'; '.join(voices)}."]
    return "\n".join(lines) + "\n"


def _difference(values: Floats) -> tuple[float, float, float]:
    """Mean of the leads' differences, and the 90% interval of means over leads drawn with replacement."""
    random = np.random.default_rng(0)
    drawn = [values[random.integers(0, len(values), len(values))].mean() for _ in range(DRAWS)]
    return float(values.mean()), float(np.quantile(drawn, 0.05)), float(np.quantile(drawn, 0.95))
