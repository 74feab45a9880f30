"""Reasons: how fast they are, how sure, and whether a score moves as they say when their facts are taken away."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from features.calendar import DAY, parse_as_of
from features.catalogue import catalogue
from features.events import Int
from features.history import History
from features.settings import load_settings
from tests.figures import bpic2012
from tests.figures.cache import cached
from tests.figures.sets import simulated_history
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
BATCH = 2_000  # asked at once for the time of a batch: the leads, repeated
ALONE = 50
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


def measured(past: History, as_of: int, n: int, batch: int) -> dict[str, float]:
    """Fit leads as of a date and explain n open ones a little later: times and shares as the table has them."""
    training = load_settings().training
    model = fit(task(past.until(as_of), as_of, training), as_of, training, [], training.seeds)
    later = as_of + LATER_DAYS * DAY
    subject = open_leads(past, later)
    subject = subject[np.linspace(0, len(subject) - 1, min(n, len(subject))).astype(np.int64)]
    at = np.full(len(subject), later)
    marks, end = landmark_table(past, "lead", Landmarks(subject, at)), window_end(past, subject, at)
    reasons.explain_at(model, past, subject[:1], at[:1], end[:1])  # reads the trees
    alone = [_seconds(partial(reasons.explain_at, model, past, subject[i:i + 1], at[i:i + 1], end[i:i + 1]))
             for i in range(min(len(end), ALONE))]
    many = np.resize(np.arange(len(end)), batch)
    together = np.array(_seconds(lambda: reasons.explain(model, past, marks.take(many), end[many]))) / batch
    explained = reasons.explain(model, past, marks, end)
    moved, more = deletions(model, past, marks, end)
    one_ms, one_cpu_ms = (1e3 * np.median(alone, axis=0)).tolist()
    batch_minutes, batch_cpu_minutes = (together * 100_000 / 60).tolist()
    return {"leads": len(end), "one_ms": one_ms, "one_cpu_ms": one_cpu_ms, "batch_minutes": batch_minutes,
            "batch_cpu_minutes": batch_cpu_minutes,
            "gap": max(abs(one.base + sum(theme.effect for theme in one.themes) - one.log_odds) for one in explained),
            "effect": float(np.median([abs(one.themes[0].effect) for one in explained])),
            "error": _error(model, past, marks, end), "moved": float(moved.mean()), "more": float(more.mean())}


def _seconds(do: Callable[[], object]) -> tuple[float, float]:
    """Seconds by the wall's clock and of the processor."""
    wall, processor = time.perf_counter(), time.process_time()
    do()
    return time.perf_counter() - wall, time.process_time() - processor


def _error(model: HazardModel, past: History, marks: LandmarkTable, end: Int, n: int = 20) -> float:
    """Root mean square of what more orders would change, in log-odds, over n subjects' themes."""
    features = {one.name: one for one in catalogue(past, model.kind, int(marks.landmarks.at.max()))}
    mixtures = Mixtures(model, past, marks, end, themes(model.encoder.columns, features)[1])
    off = [reasons.shapley(mixtures, i).effect - reasons.shapley(mixtures, i, MORE_ORDERS).effect
           for i in range(min(n, len(end)))]
    return float(np.sqrt(np.mean(np.square(off))))


def table(small: bool) -> str:
    """Speed is that of the machine it is run on: on a busy one the wall's time is that of waiting too, so that the
    processor's stands beside it."""
    n, batch = (60, 60) if small else (LEADS, BATCH)
    asked: dict[str, Any] = {
        "simulated company": lambda: _on(simulated_history("tiny" if small else "demo"), "2026-07-01", n, batch)}
    if bpic2012.DATA.is_dir():
        asked["bpic2012"] = lambda: _on(bpic2012.history(), bpic2012.LEADS_AS_OF, n, batch)
    lines = ["| leads of | leads | one lead with its features, median (processor) | 100,000 leads, from a batch of "
             f"{batch:,} (processor) | largest effect, median | sampling error | score moves as the top reason says | "
             "and more than without another theme |",
             "| --- | --: | --: | --: | --: | --: | --: | --: |"]
    for name, measure in asked.items():
        found = cached(f"reasons-{name.replace(' ', '-')}{'-small' if small else ''}", measure)
        lines.append(f"| {name} | {found['leads']} | {found['one_ms']:.1f} ms ({found['one_cpu_ms']:.1f}) | "
                     f"{found['batch_minutes']:.1f} min ({found['batch_cpu_minutes']:.1f}) | "
                     f"{found['effect']:.2f} | {found['error']:.4f} | {found['moved']:.0%} | {found['more']:.0%} |")
    return "\n".join(lines) + "\n"


def _on(past: History, day: str, n: int, batch: int) -> dict[str, float]:
    return measured(past, parse_as_of(day, past.mapping.zone), n, batch)
