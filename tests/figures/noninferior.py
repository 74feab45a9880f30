"""Is the model no worse than the best plain one? On real and simulated companies of different sizes."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from features.calendar import DAY, local_date, parse_as_of
from features.history import History
from features.settings import load_settings
from tests.figures import bpic2012
from tests.figures.cache import ROOT, cached
from tests.figures.sets import imported, simulated_history
from training import lead_conversion
from training.evidence.paired import NOT_WORSE

__all__ = ["results", "table"]

SEEDS = (1, 2, 3, 4)  # one simulated company has too few conversions to tell .005 of log-loss
SMALL_SEEDS = (2,)
DBT = ROOT.parent / "shared" / "data" / "dbt_assessment_leads"


def _summary(past: History) -> dict[str, Any]:
    """Trained as of a week after the last lead, so that the export's own end cuts nothing."""
    zone = past.mapping.zone
    day = local_date(int(past.leads.created_at.max()) + 7 * DAY, zone).isoformat()
    with tempfile.TemporaryDirectory() as folder:
        summary = lead_conversion.train(past, parse_as_of(day, zone), load_settings(), Path(folder)).summary
    return {"as_of": day, **{name: summary[name] for name in ("pooled", "differences", "verdict", "plain")}}


def results(small: bool) -> dict[str, dict[str, Any]]:
    size, seeds = ("tiny", SMALL_SEEDS) if small else ("demo", SEEDS)
    companies: dict[str, Callable[[], History]] = {
        f"simulated, {variant}, seed {seed}": partial(simulated_history, size, variant, seed)
        for variant in ("open", "real") for seed in seeds}
    if DBT.is_dir() and not small:
        companies["dbt_assessment_leads"] = lambda: imported(DBT, "dbt_assessment_leads")
    if bpic2012.DATA.is_dir() and not small:
        companies["bpic2012"] = bpic2012.history
    return {name: cached(f"noninferior-{name.replace(', ', '-').replace(' ', '-')}{'-small' if small else ''}",
                         lambda load=load: _summary(load())) for name, load in companies.items()}


def _together(found: list[dict[str, Any]]) -> dict[str, float]:
    """The mean difference of companies that are independent of each other, and its range from theirs."""
    best = [one["differences"]["best"] for one in found]
    half = [(one["high"] - one["low"]) / 2 for one in best]
    mean, width = float(np.mean([one["mean"] for one in best])), float(np.sqrt(np.square(half).sum()) / len(best))
    return {"mean": mean, "low": mean - width, "high": mean + width,
            "slope": float(np.mean([one["pooled"]["slope"] for one in found]))}


def table(small: bool) -> str:
    found = results(small)
    lines = ["| company | asked | came | log-loss | best before: difference (90% range) | no worse | calibration error "
             "(a perfect model's 95th percentile) | slope | predicted per actual |",
             "| --- | --: | --: | --: | --: | --- | --: | --: | --: |"]
    for name, one in found.items():
        if not one["differences"]:
            lines.append(f"| {name} | 0 | | | | not tested | | | |")
            continue
        pooled, best = one["pooled"], one["differences"]["best"]
        slope = np.nan if pooled["slope"] is None else pooled["slope"]
        lines.append(f"| {name} | {pooled['n']:.0f} | {pooled['won']:.0f} | {pooled['log_loss']:.3f} | "
                     f"{_difference(best)} | {pooled['ece']:.3f} ({pooled['ece_perfect_p95']:.3f}) | {slope:.2f} | "
                     f"{pooled['predicted_over_actual']:.2f} |")
    for variant in ("open", "real"):
        same = [one for name, one in found.items() if name.startswith(f"simulated, {variant}")]
        if len(same) > 1 and all(one["differences"] for one in same):
            all_of_them = _together(same)
            lines.append(f"| simulated, {variant}, all | | | | {_difference(all_of_them)} | | "
                         f"{all_of_them['slope']:.2f} | |")
    return "\n".join(lines) + "\n"


def _difference(best: dict[str, float]) -> str:
    """Two cells: the difference with its range, and whether that is no worse."""
    return (f"{best['mean']:+.4f} ({best['low']:+.4f} to {best['high']:+.4f}) | "
            f"{'yes' if best['high'] <= NOT_WORSE else 'not shown'}")
