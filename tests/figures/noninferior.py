"""Is the model no worse than the best plain one? On real and simulated companies of different sizes."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from features.calendar import DAY, local_date, parse_as_of
from features.history import History
from features.home import Home
from features.importing import import_files
from features.settings import load_settings
from serving.cli.data import read_mapping
from simulation.company import generate
from simulation.options import Options
from tests.figures import bpic2012
from tests.figures.cache import ROOT, cached
from training import lead_conversion
from training.evidence.paired import NOT_WORSE

__all__ = ["results", "table"]

DBT = ROOT.parent / "shared" / "data" / "dbt_assessment_leads"


def _simulated(variant: str, size: str) -> History:
    with tempfile.TemporaryDirectory() as folder:
        made = generate(Path(folder) / "simulated", seed=2, options=Options(size=size, variant=variant))
        home = Home.open(Path(folder) / "home", must_exist=False)
        mapping, text = read_mapping("simulated")
        import_files(home, made.export_folder, mapping, text, recorded_at=made.end)
        return Home.open(Path(folder) / "home").history()


def _dbt() -> History:
    with tempfile.TemporaryDirectory() as folder:
        home = Home.open(Path(folder), must_exist=False)
        mapping, text = read_mapping("dbt_assessment_leads")
        import_files(home, DBT, mapping, text, time.time_ns() // 1000)
        return Home.open(Path(folder)).history()


def _summary(past: History) -> dict[str, Any]:
    """Trained as of a week after the last lead, so that the export's own end cuts nothing."""
    zone = past.mapping.zone
    day = local_date(int(past.leads.created_at.max()) + 7 * DAY, zone).isoformat()
    with tempfile.TemporaryDirectory() as folder:
        summary = lead_conversion.train(past, parse_as_of(day, zone), load_settings(), Path(folder)).summary
    return {"as_of": day, **{name: summary[name] for name in ("pooled", "differences", "verdict", "plain")}}


def results(small: bool) -> dict[str, dict[str, Any]]:
    size = "tiny" if small else "demo"
    companies: dict[str, Callable[[], History]] = {
        f"simulated, {variant}": lambda variant=variant: _simulated(variant, size) for variant in ("open", "real")}
    if DBT.is_dir() and not small:
        companies["dbt_assessment_leads"] = _dbt
    if bpic2012.DATA.is_dir() and not small:
        companies["bpic2012"] = bpic2012.history
    return {name: cached(f"noninferior-{name.replace(', ', '-')}{'-small' if small else ''}",
                         lambda load=load: _summary(load())) for name, load in companies.items()}


def table(small: bool) -> str:
    lines = ["| company | asked | came | log-loss | best before: difference (90% range) | no worse | calibration error "
             "(a perfect model's 95th percentile) | slope | predicted per actual |",
             "| --- | --: | --: | --: | --: | --- | --: | --: | --: |"]
    for name, one in results(small).items():
        if not one["differences"]:
            lines.append(f"| {name} | 0 | | | | not tested | | | |")
            continue
        pooled, best = one["pooled"], one["differences"]["best"]
        slope = np.nan if pooled["slope"] is None else pooled["slope"]
        lines.append(f"| {name} | {pooled['n']:.0f} | {pooled['won']:.0f} | {pooled['log_loss']:.3f} | "
                     f"{best['mean']:+.4f} ({best['low']:+.4f} to {best['high']:+.4f}) | "
                     f"{'yes' if best['high'] <= NOT_WORSE else 'not shown'} | {pooled['ece']:.3f} "
                     f"({pooled['ece_perfect_p95']:.3f}) | {slope:.2f} | {pooled['predicted_over_actual']:.2f} |")
    return "\n".join(lines) + "\n"
