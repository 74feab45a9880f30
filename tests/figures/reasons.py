"""Reasons: how fast they are, how sure, and whether a score moves as they say when their facts are taken away."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from features.calendar import DAY, parse_as_of
from features.catalogue import catalogue
from features.history import History, Int
from features.home import Home
from features.importing import import_files
from features.settings import load_settings
from serving.cli.data import read_mapping
from simulation.company import generate
from tests.figures import bpic2012
from tests.figures.cache import cached
from training import reasons
from training.evidence.rolling import fit
from training.hazard import HazardModel, LandmarkTable, landmark_table
from training.lead_conversion import task, window_end
from training.lead_scores import open_leads
from training.mixtures import Mixtures
from training.outcomes import Landmarks
from training.wording import themes

__all__ = ["deletions", "measured", "table"]

LEADS = 400
LATER_DAYS = 14  # leads are asked about so long after the model's date
MORE_ORDERS = 15  # pairs against which the sampling error is measured


def deletions(model: HazardModel, past: History, marks: LandmarkTable,
              end: Int) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
    """For each subject: does its score fall (rise) without the top theme that speaks for (against) it, averaged over
    the background, and by more than without a random other theme? (models.md 6)"""
    features = {one.name: one for one in catalogue(past, model.kind, int(marks.landmarks.at.max()))}
    mixtures = Mixtures(model, past, marks, end, themes(model.encoder.columns, features)[1])
    random = np.random.default_rng(1)
    everyone = np.arange(len(model.background))
    moved, more = [], []
    for i in range(len(end)):
        shares = reasons.shapley(mixtures, i)
        top = int(np.abs(shares.effect).argmax())
        other = int(random.choice(np.delete(np.arange(len(shares.effect)), top)))
        lost = [shares.log_odds - mixtures.score_without(i, everyone, np.full(len(everyone), theme)).mean()
                for theme in (top, other)]
        moved.append(lost[0] * shares.effect[top] > 0)
        more.append(abs(lost[0]) > abs(lost[1]))
    return np.array(moved), np.array(more)


def measured(past: History, as_of: int, n: int) -> dict[str, float]:
    """Fit leads as of a date and explain n open ones a little later: times and shares as the table has them."""
    training = load_settings().training
    model = fit(task(past.until(as_of), as_of, training), as_of, training, [], training.seeds)
    later = as_of + LATER_DAYS * DAY
    subject = open_leads(past, later)
    subject = subject[np.linspace(0, len(subject) - 1, min(n, len(subject))).astype(np.int64)]
    at = np.full(len(subject), later)
    marks, end = landmark_table(past, "lead", Landmarks(subject, at)), window_end(past, subject, at)
    reasons.explain(model, past, marks.take(np.arange(1)), end[:1])  # reads the trees
    alone = []
    for i in range(min(len(end), 50)):
        begin = time.perf_counter()
        reasons.explain(model, past, marks.take(np.array([i])), end[i:i + 1])
        alone.append(time.perf_counter() - begin)
    begin = time.perf_counter()
    explained = reasons.explain(model, past, marks, end)
    together = (time.perf_counter() - begin) / len(end)
    moved, more = deletions(model, past, marks, end)
    return {"leads": len(end), "one_ms": 1e3 * float(np.median(alone)), "batch_minutes": together * 100_000 / 60,
            "gap": max(abs(one.base + sum(theme.effect for theme in one.themes) - one.log_odds) for one in explained),
            "effect": float(np.median([abs(one.themes[0].effect) for one in explained])),
            "error": _error(model, past, marks, end), "moved": float(moved.mean()), "more": float(more.mean())}


def _error(model: HazardModel, past: History, marks: LandmarkTable, end: Int, n: int = 20) -> float:
    """Root mean square of what more orders would change, in log-odds, over n subjects' themes."""
    features = {one.name: one for one in catalogue(past, model.kind, int(marks.landmarks.at.max()))}
    mixtures = Mixtures(model, past, marks, end, themes(model.encoder.columns, features)[1])
    off = [reasons.shapley(mixtures, i).effect - reasons.shapley(mixtures, i, MORE_ORDERS).effect
           for i in range(min(n, len(end)))]
    return float(np.sqrt(np.mean(np.square(off))))


def _simulated(size: str) -> History:
    with tempfile.TemporaryDirectory() as folder:
        made = generate(Path(folder) / "simulated", seed=1, size=size)
        home = Home.open(Path(folder) / "home", must_exist=False)
        mapping, text = read_mapping("simulated")
        import_files(home, made.export_folder, mapping, text, recorded_at=made.end)
        return Home.open(Path(folder) / "home").history()


def table(small: bool) -> str:
    """Speed is that of the machine it is run on: rows are not comparable with those of a busier one."""
    n = 60 if small else LEADS
    asked: dict[str, Any] = {"simulated company": lambda: _on(_simulated("tiny" if small else "demo"), "2026-07-01", n)}
    if bpic2012.DATA.is_dir():
        asked["bpic2012"] = lambda: _on(bpic2012.history(), bpic2012.LEADS_AS_OF, n)
    lines = ["| leads of | leads | one lead, median | 100,000 leads, at that pace | largest effect, median | sampling "
             "error | score moves as the top reason says | and more than without another theme |",
             "| --- | --: | --: | --: | --: | --: | --: | --: |"]
    for name, measure in asked.items():
        found = cached(f"reasons-{name.replace(' ', '-')}{'-small' if small else ''}", measure)
        lines.append(f"| {name} | {found['leads']} | {found['one_ms']:.1f} ms | {found['batch_minutes']:.0f} min | "
                     f"{found['effect']:.2f} | {found['error']:.4f} | {found['moved']:.0%} | {found['more']:.0%} |")
    return "\n".join(lines) + "\n"


def _on(past: History, day: str, n: int) -> dict[str, float]:
    return measured(past, parse_as_of(day, past.mapping.zone), n)
