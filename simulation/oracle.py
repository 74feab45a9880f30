"""The best that any model could do on this company: `python -m simulation.oracle TRUTH_FOLDER`.

The oracle knows the law of the world and, at each date, either what a CRM without a fault would show by then or all
there is. Its probabilities are the true ones (`truth`); its forecasts are futures of the whole company drawn with the
functions that made it: open deals go on, open leads may become deals, new leads and partners' deals come in at their
true rates, contracts come up for renewal.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from features.calendar import DAY
from features.errors import DealcastError
from simulation.clock import WEEK
from simulation.futures import quarters
from simulation.knowable import has_unseen
from simulation.manifest import line, remake
from simulation.past import Past, stream
from simulation.pipeline import NEW
from simulation.truth import deal_curves, lead_truth

__all__ = ["LANDMARK_WEEKS", "oracle", "report"]

Int = npt.NDArray[np.int64]
Float = npt.NDArray[np.float64]
Bool = npt.NDArray[np.bool_]
LANDMARK_WEEKS = 13  # age of the deals that are asked whether they are ever won
KNOWN = {"": "what is knowable", "_all": "everything"}
MOST_ROWS = 8000
QUANTILES = (0.1, 0.5, 0.9)


def oracle(past: Past, seed: int, replicas: int = 64, futures: int = 200) -> dict[str, Any]:
    """Every figure of the report; see `report` for their meaning. Questions that the log is too short for have n 0."""
    rng = stream(seed, "oracle")
    found = {"leads": _leads(past, replicas, rng)} | _deals(past, replicas, rng)
    return found | {"quarters": quarters(past, futures, rng)}


def _leads(past: Past, replicas: int, rng: np.random.Generator) -> dict[str, Any]:
    """Leads at their creation within the log, whose horizon is over: converted within it?"""
    truth = lead_truth(past, replicas, rng)
    truth = truth[truth["age_days"] == past.world.leads.truth_ages[0]]
    code = truth["lead_id"].str[2:].astype(int).to_numpy() - 1
    end = past.lead_created[code] + past.world.leads.horizon * DAY
    over = end <= past.clocks.last
    happened = past.life.converted[code] & (past.lead_ended[code] <= end)
    return {name: _scores(truth[f"p_convert{end}"].to_numpy()[over], happened[over]) for end, name in KNOWN.items()} | {
        "unseen": _unseen_share(*(truth[f"p_convert{end}"].to_numpy()[over] for end in KNOWN))}


def _deals(past: Past, replicas: int, rng: np.random.Generator) -> dict[str, Any]:
    """New deals at one age: ever won? And all new deals open at month starts: won within the long horizon, and when?"""
    panel, clocks, deals = past.panel, past.clocks, past.deals
    last = np.full(len(deals), -1)
    ends = np.flatnonzero(panel.won | panel.lost)
    last[panel.deal[ends]] = ends
    new = (deals.kind[panel.deal] == NEW) & (panel.week >= clocks.opened)
    horizon = past.world.deals.horizon_weeks[-1]

    aged = new & (panel.week - deals.start[panel.deal] == LANDMARK_WEEKS)
    # Old enough for all but a few to have been decided; the others are left out.
    aged &= panel.week <= clocks.closed - (clocks.closed - clocks.opened) // 2
    at_age = _few(np.flatnonzero(aged & (last[panel.deal] >= 0)), rng)
    months = _few(np.flatnonzero(new & np.isin(panel.week, clocks.month_starts())
                                 & (panel.week <= clocks.closed - horizon)), rng)
    won = np.zeros(len(deals), dtype=bool)
    won[panel.deal[panel.won]] = True
    ended = np.where(last >= 0, panel.ended[last], 2**62)
    found: dict[str, Any] = {"deals": {}, "deals_soon": {}, "close_dates": {}}
    curves: dict[str, Float] = {}
    for end, name in KNOWN.items():
        if end and not has_unseen(past):
            for question in found.values():
                question[name] = question[KNOWN[""]]
            curves[end] = curves[""]
            continue
        ever = np.concatenate([one.win[:, -1] for one in deal_curves(past, at_age, replicas, rng, bool(end))])
        curve = np.concatenate([one.win for one in deal_curves(past, months, replicas, rng, bool(end))])
        curves[end] = ever
        soon = won[panel.deal[months]] & (ended[panel.deal[months]] < clocks.weeks[panel.week[months] + horizon])
        found["deals"][name] = _scores(ever, won[panel.deal[at_age]])
        found["deals_soon"][name] = _scores(curve[:, horizon], soon)
        came = won[panel.deal[months]]
        found["close_dates"][name] = _close_dates(
            curve[came], (ended[panel.deal[months[came]]] - clocks.weeks[panel.week[months[came]]]) / WEEK)
    found["deals"]["unseen"] = _unseen_share(*curves.values())
    return found


def _few(rows: Int, rng: np.random.Generator) -> Int:
    return np.sort(rng.choice(rows, MOST_ROWS, replace=False)) if len(rows) > MOST_ROWS else rows


def _scores(p: Float, happened: Bool) -> dict[str, float]:
    """AUC, log-loss, and the log-loss of one rate for all, which is known only afterwards."""
    from sklearn.metrics import log_loss, roc_auc_score

    if len(p) == 0 or happened.all() or not happened.any():
        return {"n": 0}
    base = np.full(len(p), happened.mean())
    return {"n": len(p), "rate": float(happened.mean()), "auc": float(roc_auc_score(happened, p)),
            "log_loss": float(log_loss(happened, np.clip(p, 1e-6, 1 - 1e-6))),
            "log_loss_base": float(log_loss(happened, base))}


def _unseen_share(seen: Float, everything: Float) -> float:
    """Share of the logit's variance, given everything, that is the distance to the logit of what is knowable."""
    if len(seen) < 2:
        return float("nan")
    both = [np.log(p / (1 - p)) for p in (np.clip(seen, 1e-3, 0.999), np.clip(everything, 1e-3, 0.999))]
    return float(np.var(both[1] - both[0]) / max(np.var(both[1]), 1e-12))


def _close_dates(curve: Float, weeks: Float) -> dict[str, float]:
    """Mean pinball loss in days of the true quantiles of the time to the win, of deals that were won.

    Beside it, the same of one set of quantiles for all, which is known only afterwards.
    """
    if not len(weeks):
        return {"n": 0}
    shares = curve / curve[:, -1:]
    losses, alone = [], []
    for q in QUANTILES:
        step = np.maximum((shares < q).sum(axis=1), 1)
        rows = np.arange(len(curve))
        low, high = shares[rows, step - 1], shares[rows, step]
        at = step - 1 + (q - low) / np.maximum(high - low, 1e-12)
        losses.append(_pinball(weeks - at, q))
        alone.append(_pinball(weeks - np.quantile(weeks, q), q))
    return {"n": len(weeks), "pinball_days": float(7 * np.mean(losses)), "pinball_days_base": float(7 * np.mean(alone))}


def _pinball(miss: Float, q: float) -> float:
    return float(np.maximum(q * miss, (q - 1) * miss).mean())


def report(found: dict[str, Any]) -> str:
    """The figures as tables in Markdown."""
    questions = {"leads": "lead, at creation: converts within the horizon",
                 "deals": f"new deal, {7 * LANDMARK_WEEKS} days old: ever won",
                 "deals_soon": "new deal, open at a month's start: won within 91 days"}
    lines = ["| question | known | n | rate | AUC | log-loss | of one rate for all |",
             "| --- | --- | --: | --: | --: | --: | --: |"]
    for key, question in questions.items():
        for name in KNOWN.values():
            one = found[key][name]
            lines.append(f"| {question} | {name} | {one['n']:,} | " + (
                f"{one['rate']:.3f} | {one['auc']:.3f} | {one['log_loss']:.4f} | {one['log_loss_base']:.4f} |"
                if one["n"] else "– | – | – | – |"))
    lines += ["", "What nobody sees explains " + " and ".join(
        f"{found[key]['unseen']:.0%} of the variance of the logit of {key}" for key in ("leads", "deals")) + ".", "",
        "| close date of won deals: mean pinball loss of P10, P50, P90 | known | n | days | of one set for all |",
        "| --- | --- | --: | --: | --: |"]
    for name in KNOWN.values():
        one = found["close_dates"][name]
        lines.append(f"| | {name} | {one['n']:,} | " + (
            f"{one['pinball_days']:.1f} | {one['pinball_days_base']:.1f} |" if one["n"] else "– | – |"))
    lines += ["", "| quarter's forecast at its start, of all deals won in it | n | P50 misses by | P10–P90 holds | "
              "its width |", "| --- | --: | --: | --: | --: |"]
    for name in ("won", "amount"):
        one = found["quarters"][name]
        lines.append(f"| {'number' if name == 'won' else 'amount'} | {one['n']} | " + (
            f"{one['error']:.1%} | {one['held']} of {one['n']} | {one['width']:.1%} of P50 |" if one["n"]
            else "– | – | – |"))
    return "\n".join(lines)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m simulation.oracle", description=__doc__)
    parser.add_argument("folder", type=Path, help="the truth's folder of a simulated company")
    parser.add_argument("--futures", type=int, default=200, help="simulated futures of the company for each quarter")
    parser.add_argument("--json", action="store_true", help="as JSON")
    chosen = parser.parse_args(arguments)
    try:
        manifest, _, past = remake(chosen.folder)
    except DealcastError as error:
        print(error, file=sys.stderr)
        return 2
    found = oracle(past, manifest.seed, futures=chosen.futures)
    if chosen.json:
        print(json.dumps({"company": line(manifest), **found}, indent=2))
    else:
        print(f"{line(manifest)}\n\n{report(found)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
