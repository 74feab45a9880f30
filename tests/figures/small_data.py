"""Small data: ten, thirty and a hundred outcomes, drawn again and again from the simulated company's leads.

A draw keeps so many leads that have converted and the others in their natural proportion, exactly or as it comes by
chance. What is said of later leads at their creation is held against their own chances, which the truth folder holds.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from features.calendar import DAY, parse_as_of
from features.home import Home
from features.settings import TrainingSettings, load_settings
from simulation.truth import read_truth
from tests.figures.cache import cached
from tests.figures.sets import simulated
from training import lead_conversion
from training.baselines import AalenJohansen
from training.certainty import interval
from training.curves import curves_from_hazards
from training.evidence.learning import as_trained, thinned
from training.evidence.matured import fit_plain, past_at
from training.evidence.rolling import Task, fit, roll
from training.hazard import HazardModel, LandmarkTable, landmark_table
from training.outcomes import Landmarks
from training.result import silent

__all__ = ["draw", "table"]

Floats = npt.NDArray[np.float64]
DRAWS = {(10, False): 200, (10, True): 200, (30, False): 200, (100, False): 200}  # by outcomes, and others by chance
SMALL_DRAWS = {(10, False): 2}
ORIGIN = "2025-07-01"
OTHERS = ("naive_bayes", "logistic", "lightgbm")


@lru_cache(maxsize=2)
def _company(size: str) -> tuple[Task, int, LandmarkTable, npt.NDArray[np.int64], Floats]:
    """The whole task, its origin, and the leads that came after it: at creation, horizon's end and own chance."""
    with simulated(size) as (made, home):
        past = Home.open(home).history()
        truth = read_truth(made.truth_folder, "leads")
    origin = parse_as_of(ORIGIN, past.mapping.zone)
    task = lead_conversion.task(past.until(origin), origin, _settings())
    created, visible = past.leads.created_at, past.leads.visible_at
    chance = truth[truth["age_days"] == 0].set_index("lead_id")["p_convert"].reindex(past.leads.ids).to_numpy()
    later = np.flatnonzero((created > origin) & (created < origin + 180 * DAY) & np.isfinite(chance))
    marks = Landmarks(later, visible[later])
    end = lead_conversion.window_end(past, marks.subject, marks.at)
    return task, origin, landmark_table(past, "lead", marks), end, chance[later]


def _settings() -> TrainingSettings:
    settings = load_settings().training
    return settings.model_copy(update={"seeds": 1, "lightgbm": settings.lightgbm.model_copy(
        update={"num_threads": 1})})


def draw(outcomes: int, by_chance: bool, seed: int, size: str) -> dict[str, Any]:
    """One draw: mean log-loss under the true chances of each model, and which fifths' intervals hold the true mean."""
    task, origin, asked, end, chance = _company(size)
    settings, thin = _settings(), thinned(task, origin, outcomes, seed, by_chance)
    model = fit(thin, origin, settings, roll(thin, origin, settings, silent), settings.seeds)
    said = as_trained(model, task.history, asked, end)
    everyone = _pooled(task, model, asked, end)
    plain = fit_plain(past_at(thin, origin), settings, lambda table: _pooled(task, model, table, end))
    loss = {"ours": _loss(said, chance), "base": _loss(everyone, chance),
            **{name: _loss(plain[name](asked), chance) for name in OTHERS}}
    low, high = interval(model, said)
    held = []
    for part in np.array_split(np.argsort(said, kind="stable"), 5):
        held.append(bool(low[part].mean() <= chance[part].mean() <= high[part].mean()))
    return {"loss": loss, "held": held}


def _pooled(task: Task, model: HazardModel, table: LandmarkTable, end: npt.NDArray[np.int64]) -> Floats:
    """Everyone's rate, with the same prior on the same draw."""
    hazards = AalenJohansen({"": model.cells.cells[""]}).hazards(*table.state("lead"))
    return curves_from_hazards(table.landmarks.at, model.edges_days, hazards, task.history.mapping).win_by(end)


def _loss(said: Floats, chance: Floats) -> float:
    """Log-loss that is to be expected when outcomes come by their own chances."""
    bounded = np.clip(said, 1e-6, 1 - 1e-6)
    return float(-(chance * np.log(bounded) + (1 - chance) * np.log(1 - bounded)).mean())


def table(small: bool) -> str:
    size = "tiny" if small else "demo"
    lines = ["| outcomes | others | draws | over the base rate's log-loss, mean | 95th percentile | "
             "draws better than it | naive Bayes | logistic | LightGBM | 80% intervals of fifths that held |",
             "| --: | :-- | --: | --: | --: | --: | --: | --: | --: | --: |"]
    for (outcomes, by_chance), draws in (SMALL_DRAWS if small else DRAWS).items():
        others = "by chance" if by_chance else "in proportion"
        found = [cached(f"small-data-{size}-{outcomes}-{others}-{seed}",
                        lambda k=outcomes, by_chance=by_chance, seed=seed: draw(k, by_chance, seed, size))
                 for seed in range(draws)]
        excess = {name: np.array([one["loss"][name] / one["loss"]["base"] - 1 for one in found])
                  for name in ("ours", *OTHERS)}
        lines.append(f"| {outcomes} | {others} | {draws} | {excess['ours'].mean():+.1%} | "
                     f"{np.quantile(excess['ours'], 0.95):+.1%} | {(excess['ours'] < 0).mean():.0%} | "
                     + " | ".join(f"{excess[name].mean():+.1%}" for name in OTHERS)
                     + f" | {np.mean([one['held'] for one in found]):.0%} |")
    return "\n".join([*lines, "", "Leads of the simulated company at creation, held against their own chances; the "
                      "columns of models give their mean log-loss over that of the base rate of the same draw. Knowing "
                      f"the chances themselves is worth {_floor(size):.1%} of the base rate's log-loss."]) + "\n"


def _floor(size: str) -> float:
    """What the truth itself saves over one rate for all."""
    chance = _company(size)[4]
    return 1 - _loss(chance, chance) / _loss(np.full(len(chance), chance.mean()), chance)
