"""The simulated company: P(win) against the true probabilities, which nothing but its truth folder knows."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from features.calendar import DAY, local_date, parse_as_of
from features.history import History
from features.home import Home
from features.settings import load_settings
from simulation.manifest import line
from simulation.truth import read_truth
from tests.figures.cache import cached
from tests.figures.sets import simulated
from training import deal_close, lead_conversion
from training.calibration import scores
from training.evidence.judge import won_by
from training.evidence.matured import Predict, fit_plain, past_at
from training.evidence.measures import figures
from training.evidence.rolling import fit, roll
from training.hazard import HazardModel, landmark_table
from training.outcomes import Landmarks, grid_landmarks, lead_landmarks, outcomes
from training.result import silent

__all__ = ["against_truth", "results", "table"]

Floats = npt.NDArray[np.float64]
MONTHS = 6  # truth is asked at the last months whose 91 days are over
WINDOW_DAYS = 91
LARGER_WINS = 200  # deals won a quarter in the larger company
ROUNDS_TIMES = 3
YEAR_DAYS = 365
LATEST_DAYS = 240  # before the log's end: leads that come after it and whose 90 days are over are asked about


def against_truth(size: str = "demo", variant: str = "open", seed: int = 1) -> dict[str, Any]:
    """Train before the last months whose quarter has closed; compare P(win within 91 days) with truth and outcome."""
    with simulated(size, variant, seed) as (made, home), tempfile.TemporaryDirectory() as folder:
        past = Home.open(home).history()
        deals, leads = (read_truth(made.truth_folder, kind) for kind in ("deals", "leads"))
        days = _months(past, deals, made.end)
        origin = parse_as_of(days[0], past.mapping.zone)
        deal_model = deal_close.train(past, origin, load_settings(), Path(folder) / "deals").model
        lead_model = lead_conversion.train(past, origin, load_settings(), Path(folder) / "leads").model
        return {"company": line(made.manifest), "days": days,
                "deals": _deals(past, deal_model, deals, days, _logistic(past, deal_close, origin)),
                "leads": _leads(past, lead_model, leads, origin, made.end, _logistic(past, lead_conversion, origin))}


def _logistic(past: History, kind: ModuleType, origin: int) -> Predict:
    """A logistic regression on landmarks whose window was over at the origin."""
    settings = load_settings().training
    job = kind.task(past.until(origin), origin, settings)
    return fit_plain(past_at(job, origin), settings, lambda table: np.full(len(table.landmarks), np.nan))["logistic"]


def _months(past: History, truth: pd.DataFrame, end: int) -> list[str]:
    """The last dates with truths whose quarter is over by the log's end."""
    last = local_date(end - WINDOW_DAYS * DAY, past.mapping.zone).isoformat()
    return sorted(day for day in truth["as_of"].unique() if day <= last)[-MONTHS:]


def _deals(past: History, model: HazardModel, truth: pd.DataFrame, days: list[str],
           plain: Predict | None = None) -> dict[str, list[float]]:
    """Deals open at dates: won within the window?"""
    parts = []
    for day in days:
        as_of = parse_as_of(day, past.mapping.zone)
        said = deal_close.score(model, past, as_of, WINDOW_DAYS)
        code = past.deals.codes(said["deal_id"].to_numpy(object))
        came = won_by(outcomes(past, "deal"), Landmarks(code, np.full(len(code), as_of)),
                      np.full(len(code), as_of + WINDOW_DAYS * DAY))
        true = truth[truth["as_of"] == day].set_index("deal_id")["p_win_91d"].reindex(said["deal_id"])
        parts.append(pd.DataFrame({"said": said["p_win"], "true": true.to_numpy(), "came": came}))
        if plain:
            parts[-1]["logistic"] = plain(landmark_table(past, "deal", Landmarks(code, np.full(len(code), as_of))))
    return pd.concat(parts).dropna().to_dict("list")


def _leads(past: History, model: HazardModel, truth: pd.DataFrame, origin: int, end: int,
           plain: Predict | None = None) -> dict[str, list[float]]:
    """Leads at creation after the model's date, whose 90 days are over."""
    horizon = past.mapping.leads.horizon.days
    created = past.leads.created_at
    subject = np.flatnonzero((created > origin) & (created + horizon * DAY <= end))
    said = model.curves(past, subject, created[subject]).win_by(created[subject] + horizon * DAY)
    came = won_by(outcomes(past, "lead"), Landmarks(subject, created[subject]), created[subject] + horizon * DAY)
    true = truth[truth["age_days"] == 0].set_index("lead_id")["p_convert"].reindex(past.leads.ids[subject])
    frame = pd.DataFrame({"said": said, "true": true.to_numpy(), "came": came})
    if plain:
        frame["logistic"] = plain(landmark_table(past, "lead", Landmarks(subject, created[subject])))
    return frame.dropna().to_dict("list")


def larger(size: str, wins: int | None) -> dict[str, Any]:
    """What the catalogue carries in a larger open company: LightGBM's hazard alone, without earlier origins. `rounds` :
    leads with ROUNDS_TIMES as many rounds of boosting, what more outcomes have room for."""
    with simulated(size, wins=wins) as (made, home):
        past = Home.open(home).history()
        deals, leads = (read_truth(made.truth_folder, kind) for kind in ("deals", "leads"))
    days = _months(past, deals, made.end)
    deal_model = _boosters_alone(deal_close, past, parse_as_of(days[0], past.mapping.zone))
    origin = made.end - LATEST_DAYS * DAY
    lead_model = _boosters_alone(lead_conversion, past, origin)
    more_rounds = _boosters_alone(lead_conversion, past, origin, ROUNDS_TIMES, seeds=1)
    return {"won": deal_model.wins, "converted": lead_model.wins, "deals": _deals(past, deal_model, deals, days),
            "leads": _leads(past, lead_model, leads, origin, made.end),
            "rounds": _leads(past, more_rounds, leads, origin, made.end)}


def calibration(size: str, wins: int | None) -> dict[str, dict[str, float]]:
    """How well the whole model of a larger open company is calibrated, leads' and deals', over all landmarks of the
    last year whose window was over at the log's end; trained anew at the start of each part of it."""
    with simulated(size, wins=wins) as (made, home):
        past = Home.open(home).history()
    return {"leads": _calibration(lead_conversion, past, made.end, parts=3),
            "deals": _calibration(deal_close, past, made.end, parts=2)}


def _calibration(kind: ModuleType, past: History, end: int, parts: int) -> dict[str, float]:
    settings = load_settings().training
    ends = outcomes(past, "deal" if kind is deal_close else "lead")
    if kind is deal_close:
        marks = grid_landmarks(ends, end, 7)
        until = marks.at + WINDOW_DAYS * DAY
    else:
        marks = lead_landmarks(ends, end, past.mapping.leads.horizon)
        until = lead_conversion.window_end(past, marks.subject, marks.at)
    edges = np.linspace(end - (YEAR_DAYS + WINDOW_DAYS) * DAY, end - WINDOW_DAYS * DAY, parts + 1).astype(np.int64)
    said, came, subject = [], [], []
    for origin, following in pairwise(edges.tolist()):
        job = kind.task(past.until(origin), origin, settings)
        model = fit(job, origin, settings, roll(job, origin, settings, silent), settings.seeds)
        here = (marks.at > origin) & (marks.at <= following) & (until <= end)
        asked, by = marks.take(here), until[here]
        said.append(model.curves(past, asked.subject, asked.at).win_by(by))
        came.append(won_by(ends, asked, by))
        subject.append(asked.subject)
    found = figures(np.concatenate(said), np.concatenate(came), np.concatenate(subject))
    return {name: found[name] for name in ("n", "won", "ece", "ece_perfect_p95", "slope")}


def _boosters_alone(kind: ModuleType, past: History, origin: int, times: int = 1,
                    seeds: int | None = None) -> HazardModel:
    settings = load_settings().training
    lightgbm = settings.lightgbm.model_copy(update={"num_rounds": times * settings.lightgbm.num_rounds})
    settings = settings.model_copy(update={"lightgbm": lightgbm, "seeds": seeds or settings.seeds})
    model = fit(kind.task(past.until(origin), origin, settings), origin, settings, [], settings.seeds)
    return replace(model, weights={**dict.fromkeys(model.weights, 0.0), "lightgbm": 1.0})


def results(small: bool, variant: str = "open") -> dict[str, Any]:
    size = "tiny" if small else "demo"
    found: dict[str, Any] = cached(f"simulated-{size}-{variant}", lambda: against_truth(size, variant))
    return found


def shares(small: bool) -> str:
    """How much of what can be known about log-loss the models carry, for both variants: a table."""
    lines = ["Of the log-loss that the true probabilities save against one rate for all, in the mean over outcomes "
             "drawn from the truth, the models save:", "",
             "| variant | asked | n | one rate | ours | truth | share |", "| --- | --- | --: | --: | --: | --: | --: |"]
    for variant in ("open", "real"):
        found = results(small, variant)
        lines += [_share(f"{variant} | {kind}", found[kind]) for kind in ("deals", "leads")]
    size, wins = ("tiny", None) if small else ("demo", LARGER_WINS)
    more = cached(f"simulated-larger-{wins}", lambda: larger(size, wins))
    lines += [*(_share(f"open, larger | {kind}", more[kind]) for kind in ("deals", "leads")),
              _share(f"open, larger, {ROUNDS_TIMES} × the rounds of boosting | leads", more["rounds"]), "",
              f"The larger company had {more['won']:,} won deals and {more['converted']:,} converted leads to learn "
              "from; there LightGBM's hazard speaks alone. Calibration of its whole models, trained anew two (deals) "
              "and three times (leads) in its last year, over every landmark whose window is over: " + "; ".join(
                  f"{kind} {one['n']:,.0f} questions, error {one['ece']:.3f} (a perfect model's 95th percentile "
                  f"{one['ece_perfect_p95']:.3f}), slope {one['slope']:.2f}"
                  for kind, one in cached(f"simulated-calibration-{wins}", lambda: calibration(size, wins)).items())
              + "."]
    return "\n".join([*lines, ""])


def _share(name: str, found: dict[str, list[float]]) -> str:
    true, said = (np.array(found[one]) for one in ("true", "said"))
    base, ours, least = (_expected_loss(true, one) for one in (np.full(len(true), true.mean()), said, true))
    return f"| {name} | {len(true)} | {base:.3f} | {ours:.3f} | {least:.3f} | {(base - ours) / (base - least):.0%} |"


def _expected_loss(true: Floats, said: Floats) -> float:
    """Mean log-loss of what is said, over outcomes as probable as they truly are."""
    said = np.clip(said, 1e-6, 1 - 1e-6)
    return float(-(true * np.log(said) + (1 - true) * np.log(1 - said)).mean())


def table(small: bool) -> str:
    found = results(small)
    lines = [found["company"], ""]
    questions = {"deals": f"won within {WINDOW_DAYS} days", "leads": "converted within 90 days of creation"}
    for kind, question in questions.items():
        frame = pd.DataFrame(found[kind])
        frame["came"] = frame["came"].astype(bool)
        lines += [f"**{kind.capitalize()}, {question}** (n {len(frame)}; models trained as of {found['days'][0]})", "",
                  "| fifth by our P | ours | true | came |", "| --- | --: | --: | --: |"]
        order = np.argsort(frame["said"].to_numpy(), kind="stable")
        for i, part in enumerate(np.array_split(order, 5)):
            mean = frame.iloc[part].mean()
            lines.append(f"| {i + 1} | {mean['said']:.3f} | {mean['true']:.3f} | {mean['came']:.3f} |")
        ours, oracle = (scores(frame[name].to_numpy(), frame["came"].to_numpy()) for name in ("said", "true"))
        base = scores(np.full(len(frame), frame["came"].mean()), frame["came"].to_numpy())
        distance = {who: (frame[who] - frame["true"]).abs().mean() for who in ("said", "logistic")}
        lines += ["", f"Mean distance to the true probability {distance['said']:.3f} (of a plain logistic regression "
                  f"{distance['logistic']:.3f}), correlation {np.corrcoef(frame['said'], frame['true'])[0, 1]:.2f}. "
                  f"Log-loss {ours['log_loss']:.3f}, of the truth itself {oracle['log_loss']:.3f}, of one rate for all "
                  f"(known only afterwards) {base['log_loss']:.3f}; AUC {ours['auc']:.2f}, of the truth "
                  f"{oracle['auc']:.2f}.", ""]
    return "\n".join([*lines, shares(small)])
