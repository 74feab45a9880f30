"""The real pipeline: P(win within 28 days) and 28-day forecasts at nine Mondays, and leads at creation."""

from __future__ import annotations

import tempfile
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from features.calendar import DAY, iso, parse_as_of
from features.history import History
from features.settings import load_settings
from tests.figures.cache import ROOT, cached
from tests.figures.sets import imported
from training import lead_conversion
from training.calibration import scores
from training.evidence.backtest import single_threaded
from training.evidence.backtest_origin import backtest_origin
from training.evidence.backtested import backtested
from training.evidence.judge import won_by
from training.evidence.measures import figures as figures_of
from training.evidence.schedule import Period
from training.hazard import HazardModel
from training.outcomes import Landmarks, outcomes

__all__ = ["DATA", "MONDAYS", "deals_at", "figures", "history", "results", "table"]

DATA = ROOT.parent / "shared" / "data" / "bpic2012"
MONDAYS = ["2011-12-19", "2011-12-26", "2012-01-02", "2012-01-09", "2012-01-16", "2012-01-23", "2012-01-30",
           "2012-02-06", "2012-02-13"]
SMALL = ["2011-12-19", "2012-01-16", "2012-02-13"]
LEADS_AS_OF, LEADS_UNTIL = "2012-01-01", "2012-01-14"


@lru_cache(maxsize=1)
def history() -> History:
    return imported(DATA, "bpic2012")


def deals_at(day: str) -> dict[str, Any]:
    """One day: the frozen result of a backtest's origin."""
    past = history()
    origin = parse_as_of(day, past.mapping.zone)
    return backtest_origin(past, Period(origin, origin + 28 * DAY, origin + 7 * DAY), single_threaded(load_settings()))


def leads_at_creation() -> dict[str, float]:
    """Leads registered after the model's date, scored at their creation by what was known then."""
    past = history()
    as_of = parse_as_of(LEADS_AS_OF, past.mapping.zone)
    with tempfile.TemporaryDirectory() as folder:
        lead_conversion.train(past, as_of, load_settings(), Path(folder))
        model = HazardModel.load(Path(folder))
    created = past.leads.created_at
    subject = np.flatnonzero((created > as_of) & (created <= parse_as_of(LEADS_UNTIL, past.mapping.zone)))
    end = created[subject] + 60 * DAY
    probability = model.curves(past, subject, created[subject]).win_by(end)
    return scores(probability, won_by(outcomes(past, "lead"), Landmarks(subject, created[subject]), end))


def results(small: bool) -> list[dict[str, Any]]:
    """The frozen result of each Monday."""
    return [cached(f"bpic2012-{day}", lambda day=day: deals_at(day)) for day in (SMALL if small else MONDAYS)]


def figures(small: bool) -> pd.DataFrame:
    """A row per Monday."""
    return pd.DataFrame(backtested(results(small))["origins"])


def table(small: bool) -> str:
    if not DATA.is_dir():
        return ""
    found, rows = results(small), figures(small)
    zone = history().mapping.zone
    lines = ["| as of | open deals | won in 28 days | AUC | log-loss | by stage | Aalen–Johansen | base rate | number "
             "forecast (P10–P90) | came | amount forecast (P10–P90) | came |",
             "| --- | --: | --: | --: | --: | --: | --: | --: | --: | --: | --: | --: |"]
    for row in rows.itertuples():
        lines.append(
            f"| {iso(row.origin, zone)[:10]} | {row.n:.0f} | {row.won:.0f} | {row.auc:.3f} | {row.log_loss:.3f} | "
            f"{row.log_loss_stage:.3f} | {row.log_loss_aj:.3f} | {row.log_loss_base:.3f} | "
            f"{row.won_count_mean:.0f} ({row.won_count_low_80:.0f}–{row.won_count_high_80:.0f}) | "
            f"{row.won_count_came:.0f} | "
            f"€{row.won_amount_mean / 1e6:.2f}M "
            f"({row.won_amount_low_80 / 1e6:.2f}–{row.won_amount_high_80 / 1e6:.2f}) | "
            f"€{row.won_amount_came / 1e6:.2f}M |")
    median = rows.median()
    lines.append(f"| **median** | {median.n:.0f} | {median.won:.0f} | **{median.auc:.3f}** | "
                 f"**{median.log_loss:.3f}** | "
                 f"{median.log_loss_stage:.3f} | {median.log_loss_aj:.3f} | {median.log_loss_base:.3f} | | | | |")
    lines += ["", *_sentences(rows, found)]
    return "\n".join(lines if small else [*lines, "", _lead_sentence()]) + "\n"


def _sentences(rows: pd.DataFrame, results: list[dict[str, Any]]) -> list[str]:
    n = len(rows)
    error = {name: (rows[f"won_{name}_mean"] / rows[f"won_{name}_came"] - 1).abs().mean()
             for name in ("count", "amount")}
    held = {name: int(rows[f"won_{name}_came"].between(rows[f"won_{name}_low_80"], rows[f"won_{name}_high_80"]).sum())
            for name in ("count", "amount")}
    better = int((rows.log_loss < rows.log_loss_aj).sum())
    overall = figures_of(*(np.concatenate([np.array(one["deals"][name]) for one in results])
                           for name in ("model", "won")))
    return [
        f"Log-loss is below that of Aalen–Johansen at {better} of {n} Mondays and below the rate by stage at "
        f"{int((rows.log_loss < rows.log_loss_stage).sum())} of {n}. Predicted over actual wins, all Mondays "
        f"together: {overall['predicted_over_actual']:.2f}; calibration error {overall['ece']:.3f}, where a perfect "
        f"model of this size has {overall['ece_perfect_mean']:.3f} on average and up to "
        f"{overall['ece_perfect_p95']:.3f}.",
        f"Forecasts: mean absolute error {error['count']:.1%} in number and {error['amount']:.1%} in amount; the "
        f"P10–P90 range held {held['count']} and {held['amount']} of {n} times. The windows overlap: {n} Mondays are "
        f"about {max(1, round(n * 7 / 28 + 0.75))} independent ones."]


def _lead_sentence() -> str:
    found = cached("bpic2012-leads", leads_at_creation)
    return (f"Leads at creation, trained as of {LEADS_AS_OF}, registered after it until 2012-01-13, won within 60 "
            f"days: n {found['n']:.0f}, AUC {found['auc']:.3f}, log-loss {found['log_loss']:.3f}, predicted over "
            f"actual {found['predicted_over_actual']:.2f}.")
