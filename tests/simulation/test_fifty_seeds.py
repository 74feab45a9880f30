"""Over fifty seeds, what happens happens as often as its true probability says, in every decile.

Each company gives one question for each deal and lead: at which age it is asked is drawn beforehand, and a subject that
had ended by then is left out, so that answers are independent and nothing is chosen by what came. A comparison is one
decile of one question; its error adds that of the simulated futures. Deciles are made by one set of futures and
compared by another: those that one set has too low by chance would gather in the lowest.
"""

from __future__ import annotations

from functools import cache
from unittest.mock import patch

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
from scipy.stats import nbinom, norm, poisson

from simulation.knowable import deal_weights, has_unseen
from simulation.options import Options, prepare, second
from simulation.past import Past, simulate, stream
from simulation.truth import deal_curves, lead_truth
from simulation.world import Size

Floats = npt.NDArray[np.float64]
SEEDS = 50
REPLICAS = 12
AGES = np.array([0, 2, 6, 13, 26, 39])  # weeks, of deals
COMPANIES = {"open": ("open", None), "real": ("real", None), "second": ("real", second())}
KNOWN = {"knowable": False, "everything": True}
DEALS = ("win_28d", "win_91d", "lose_91d", "win_by_end")
DECILES = 10
# A right generator fails any of these tests in one of 1,000 runs with other seeds (Bonferroni over all deciles).
COMPARISONS = len(COMPANIES) * len(KNOWN) * (len(DEALS) + 1) * DECILES
LIMIT = float(norm.isf(0.001 / COMPARISONS / 2))


@cache
def asked(company: str) -> tuple[pd.DataFrame, pd.DataFrame]:
    """(deals, leads): p and error of each question as known each way, and what came, over all seeds."""
    variant, settings = COMPANIES[company]
    world, _ = prepare(Options(variant=variant, settings=settings, years=1.5))
    world = world.model_copy(update={"warm_weeks": 70})
    size = Size(leads=250, direct_deals=25, reps=6, managers=2, replicas=REPLICAS)
    pasts = [simulate(world, size, seed) for seed in range(SEEDS)]
    return (pd.concat([deals(past, seed) for seed, past in enumerate(pasts)]),
            pd.concat([leads(past, seed) for seed, past in enumerate(pasts)]))


def deals(past: Past, seed: int) -> pd.DataFrame:
    panel, clocks = past.panel, past.clocks
    age = AGES[np.random.default_rng(seed).integers(0, len(AGES), len(past.deals))]
    rows = np.flatnonzero((panel.week - past.deals.start[panel.deal] == age[panel.deal]) & (panel.week >= clocks.opened)
                          & (panel.week <= clocks.closed - 13))
    ends = np.flatnonzero(panel.won | panel.lost)
    week, won = np.full(len(past.deals), 10**6), np.zeros(len(past.deals), dtype=bool)
    week[panel.deal[ends]], won[panel.deal[ends]] = panel.week[ends], panel.won[ends]
    here, left = panel.deal[rows], clocks.closed - panel.week[rows]
    after = week[here] - panel.week[rows]
    found = {"happened_win_28d": won[here] & (after < 4), "happened_win_91d": won[here] & (after < 13),
             "happened_lose_91d": ~won[here] & (after < 13), "happened_win_by_end": won[here] & (after < left)}
    rng = stream(seed, "deal truth")
    shown = deal_weights(past, rows) if has_unseen(past) else None  # once for both uses: it takes as long as both do
    for known, everything in KNOWN.items():
        for use in ("", "_order"):
            with patch("simulation.truth.deal_weights", return_value=shown):
                parts = list(deal_curves(past, rows, REPLICAS, rng, everything))
            win, lose = (np.concatenate([getattr(part, name) for part in parts]) for name in ("win", "lose"))
            found |= {f"{known}{use}_win_28d": win[:, 4], f"{known}{use}_win_91d": win[:, 13],
                      f"{known}{use}_lose_91d": lose[:, 13],
                      f"{known}{use}_win_by_end": win[np.arange(len(rows)), left]}
            for name, told in (("win_28d", "win_28d"), ("win_91d", "win_91d"), ("lose_91d", "lose_91d"),
                               ("win_by_end", "win")):
                found[f"{known}_error_{name}"] = np.concatenate([part.error[told] for part in parts])
    return pd.DataFrame(found)


def leads(past: Past, seed: int) -> pd.DataFrame:
    ages = past.world.leads.truth_ages
    rng = stream(seed, "lead truth")
    truth, again = lead_truth(past, REPLICAS, rng), lead_truth(past, REPLICAS, rng)
    code = truth["lead_id"].str[2:].astype(int).to_numpy() - 1
    chosen = np.array(ages)[np.random.default_rng(seed).integers(0, len(ages), len(past.lead_created))]
    end = past.lead_created + past.world.leads.horizon * 86_400_000_000
    happened = past.life.converted & (past.lead_ended <= end)
    keep = (truth["age_days"] == chosen[code]) & (end[code] <= past.clocks.last)
    return pd.DataFrame({"happened_convert": happened[code], "knowable_convert": truth["p_convert"],
                         "everything_convert": truth["p_convert_all"],
                         "knowable_order_convert": again["p_convert"],
                         "everything_order_convert": again["p_convert_all"],
                         **{f"{known}_error_convert": truth["se_convert"] for known in KNOWN}})[keep]


def misses(p: Floats, error: Floats, order: Floats, happened: npt.NDArray[np.bool_]) -> Floats:
    """How many standard errors each decile of the probabilities is off what came."""
    return np.array([_miss(p[one], error[one], happened[one].sum())
                     for one in np.array_split(np.argsort(order, kind="stable"), DECILES)])


def _miss(p: Floats, error: Floats, came: int) -> float:
    mean, noise = p.sum(), (error**2).sum()
    if mean > 10:
        return float((came - mean) / np.sqrt((p * (1 - p)).sum() + noise))
    # So few are no normal number: a Poisson number whose mean is itself uncertain.
    few = nbinom(mean**2 / noise, mean / (mean + noise)) if noise > 1e-3 * mean else poisson(mean)
    tail = min(few.sf(came - 1), few.cdf(came), 0.5)
    return float(norm.isf(tail) * np.sign(came - mean))


@pytest.mark.parametrize("known", KNOWN)
@pytest.mark.parametrize("company", COMPANIES)
@pytest.mark.parametrize("question", [*DEALS, "convert"])
def test_observed_frequencies_match_true_probabilities_in_every_decile(company: str, known: str, question: str) -> None:
    table = asked(company)[question == "convert"]
    p, error, order, happened = (table[f"{name}_{question}"].to_numpy()
                                 for name in (known, f"{known}_error", f"{known}_order", "happened"))
    assert len(p) > 3000
    assert np.abs(misses(p, error, order, happened)).max() < LIMIT
    # The comparison has teeth: probabilities that are a third too high are found out, rare ones at twice what is true.
    wrong = np.minimum(p * (2.0 if question == "win_28d" else 1.33), 1.0)
    assert np.abs(misses(wrong, error, order, happened)).max() > LIMIT
