"""What a backtest showed: tables of figures from the frozen results of its origins.

In: results as `backtest_origin` has them. Out: plain JSON, from which the report, MLflow's run and the command's answer
are written. Of forecasts, `error` is the mean of |said − came| / came, `bias` is all that was said by all that came,
less 1; CRPS, pinball loss (of P10, P50 and P90), interval score (of 80%) and widths are in deals or in the currency; of
dates all is in days, of amounts of deals in the currency.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from training.evidence.distributions import (
    LEVELS,
    MEDIAN,
    SHARES,
    Floats,
    covered,
    crps,
    deal_losses,
    interval,
    interval_score,
    pinball,
    pit,
    pit_histogram,
)
from training.evidence.measures import figures
from training.evidence.paired import PLAIN_NAMES, Asked
from training.evidence.summary import finite, summary

__all__ = ["DATES", "MEASURES", "PEOPLE", "asked_of", "backtested", "called_of", "forecast_figures", "forecasts_of",
           "telling", "told_of"]

MEASURES = ("won_count", "won_amount")
DATES = ("resolution", "win")
PEOPLE = ("calls", "managers")  # who said a number themselves
POINTS = [3, MEDIAN, 35]  # of LEVELS: P10, P50 and P90
Result = dict[str, Any]
Pair = tuple[Floats, Floats, Floats]


def backtested(results: list[Result]) -> dict[str, Any]:
    """All figures of a backtest.

    deals : as `training.evidence.summary` has it. origins : a row of figures each. dates : of `resolution` and `win`,
    figures by method. amounts : figures by method, of what won deals brought. two_thirds : see `_two_thirds`.
    forecasts : by measure and method. kinds : a row for each kind of business, see `_kinds`. weeks : by measure, a row
    for each week of the period, ours and the reps'.
    """
    days = min(one["days"] for one in results)  # of quarters the shortest: two must not share a block of time
    forecasts = {measure: forecasts_of(results, measure) for measure in MEASURES}
    told = [measure for measure in MEASURES if forecasts[measure]]
    return {
        "days": days, "first": results[0]["origin"], "last": results[-1]["origin"],
        "deals": summary([replace(one, plain={name: one.plain[name] for name in PLAIN_NAMES if name in one.plain})
                          for one in asked_of(results)], days),
        "origins": [_origin_row(one, told) for one in results],
        "dates": {name: _told_figures(results, name) for name in DATES},
        "amounts": _told_figures(results, "amount"),
        "two_thirds": _two_thirds(results),
        "forecasts": {measure: {way: forecast_figures(*pair) for way, pair in forecasts[measure].items()}
                      for measure in MEASURES},
        "kinds": _kinds(results, told),
        "weeks": {measure: _weeks(results, measure) if measure in told else [] for measure in MEASURES},
    }


def asked_of(results: list[Result]) -> list[Asked]:
    """Questions and answers about deals, an origin each; only plain models that speak at every origin."""
    ids = pd.Index(np.unique(np.concatenate([np.array(one["deals"]["id"], dtype=object) for one in results])))
    everywhere = set.intersection(*(set(one["deals"]["plain"]) for one in results))
    found = []
    for one in results:
        deals = one["deals"]
        if not deals["id"]:
            continue
        subject = ids.get_indexer(pd.Index(deals["id"], dtype=object)).astype(np.int64)
        found.append(Asked(np.array(deals["model"]), np.array(deals["won"], dtype=bool), subject,
                           np.full(len(subject), one["origin"], dtype=np.int64),
                           {name: np.array(said) for name, said in deals["plain"].items() if name in everywhere},
                           {name: np.array(said, dtype=object) for name, said in deals["segments"].items()}))
    return found


def told_of(results: list[Result], name: str, kind: str | None = None) -> dict[str, dict[str, list[Floats]]]:
    """Losses of what was told of single deals, by method and measure, an array of deals for each of `telling`'s
    origins; only methods that speak at all of them. `name` is resolution, win or amount; kind : only deals of that kind
    of business. Nothing where nothing came, as where every amount is 0."""
    results = telling(results, name)
    if not results:
        return {}
    everywhere = set.intersection(*(set(one[name]["said"]) for one in results))
    kept = [_of_kind(one, name, kind) for one in results]
    came = [np.array(one[name]["came"])[here] for one, here in zip(results, kept, strict=True)]
    found: dict[str, dict[str, list[Floats]]] = {}
    for way in [one for one in results[0][name]["said"] if one in everywhere]:
        losses = [deal_losses(np.array(one[name]["said"][way]).reshape(-1, 3)[here], actual)
                  for one, here, actual in zip(results, kept, came, strict=True)]
        found[way] = {key: [one[key] for one in losses] for key in ("pinball", "median_error", "held")}
    return found if np.concatenate(came).any() else {}


def telling(results: list[Result], name: str) -> list[Result]:
    """The results of origins at which we had something to tell: amounts may come later than the first deals."""
    return [one for one in results if "model" in one[name]["said"]]


def _of_kind(one: Result, name: str, kind: str | None) -> npt.NDArray[np.bool_]:
    place = np.array(one[name]["deal"], dtype=np.int64)
    if kind is None:
        return np.ones(len(place), dtype=bool)
    return np.asarray(np.array(one["deals"]["kind"], dtype=object)[place] == kind, dtype=np.bool_)


def _told_figures(results: list[Result], name: str, kind: str | None = None) -> dict[str, dict[str, Any]]:
    """Means over all deals and origins, by method; `n` deals."""
    found = {}
    for way, losses in told_of(results, name, kind).items():
        every = {key: np.concatenate(values) for key, values in losses.items()}
        found[way] = {"n": len(every["held"]), **finite({key: float(values.mean()) for key, values in every.items()})}
    return found


def _kinds(results: list[Result], measures: list[str]) -> list[dict[str, Any]]:
    """New business, renewals, expansions apart, where the company tells them, the one with most wins first: `won` over
    all periods, one in each of those that overlap; of ours the `forecasts` by measure, over the origins at which there
    was something of the kind; and the `dates` and `amounts` by method, as `backtested` has them."""
    results, found = [one for one in results if one["kinds"]], []
    for kind in sorted({kind for one in results for kind in one["kinds"]}):
        told = [one["kinds"][kind] for one in results if kind in one["kinds"]]
        row: dict[str, Any] = {"kind": kind, "won": sum(one["came"]["won_count"] for one in told), "forecasts": {
            measure: forecast_figures(np.array([one["said"][measure]["mean"] for one in told]),
                                      np.array([one["said"][measure]["quantiles"] for one in told]),
                                      np.array([one["came"][measure] for one in told])) for measure in measures}}
        found.append({**row, "dates": {name: _told_figures(results, name, kind) for name in DATES},
                      "amounts": _told_figures(results, "amount", kind)})
    return sorted(found, key=lambda row: -row["won"])


def forecasts_of(results: list[Result], measure: str) -> dict[str, Pair]:
    """By method: means (k,), quantiles (k, 39) and what came (k,), of the origins where it said something; only methods
    that speak at every origin where anything is forecast. Of amounts nothing where deals have none: every one would be
    0, which is no skill."""
    told = [one["forecast"] for one in results if one["forecast"]]
    if not told:
        return {}
    came = np.array([one["came"][measure] for one in told])
    if measure == "won_amount" and not came.any() and not any(
            np.any(said[measure]["quantiles"]) for one in told for said in one["said"].values()):
        return {}
    return {way: (np.array([one["said"][way][measure]["mean"] for one in told]),
                  np.array([one["said"][way][measure]["quantiles"] for one in told]), came)
            for way in told[0]["said"] if all(way in one["said"] for one in told)}


def forecast_figures(mean: Floats, quantiles: Floats, came: Floats) -> dict[str, Any]:
    """Figures of forecasts (k,) with quantiles (k, 39), beside what came (k,)."""
    low, high = interval(quantiles, 0.8)
    return {
        **finite({**_errors(mean, came), "crps": float(crps(quantiles, came).mean()),
                  "pinball": float(pinball(quantiles[:, POINTS], came, LEVELS[POINTS]).mean()),
                  "interval_score": float(interval_score(quantiles, came, 0.8).mean()),
                  "held": float(covered(quantiles, came, 0.8).sum()), "n": float(len(came)),
                  "width": _ratio((high - low), came)}),
        "intervals": [{"share": share, "covered": float(covered(quantiles, came, share).mean()),
                       "width": float((interval(quantiles, share)[1] - interval(quantiles, share)[0]).mean())}
                      for share in SHARES],
        "pit": pit_histogram(pit(quantiles, came)),
    }


def _errors(mean: Floats, came: Floats) -> dict[str, float]:
    return {"error": _ratio(np.abs(mean - came), came),
            "bias": float(mean.sum() / came.sum() - 1.0) if came.sum() > 0 else float("nan")}


def _ratio(over: Floats, under: Floats) -> float:
    """Mean of over / under, of those where something came."""
    some = under > 0
    return float((over[some] / under[some]).mean()) if some.any() else float("nan")


def _origin_row(one: Result, measures: list[str]) -> dict[str, Any]:
    """An origin's own figures: of the deals, of dates, and of the forecasts of each of these measures."""
    row: dict[str, Any] = {"origin": one["origin"], "end": one["end"], **one["figures"]}
    for name in DATES:
        for way, values in told_of([one], name).items():
            row[f"{name}_pinball_{way}"] = float(values["pinball"][0].mean())
    for measure in measures if one["forecast"] else ():
        found = _forecast_row(one["forecast"]["said"]["model"][measure], one["forecast"]["came"][measure])
        row |= {f"{measure}_{name}": value for name, value in found.items()}
    return row


def _forecast_row(said: dict[str, Any], came: float) -> dict[str, Any]:
    """One forecast beside what came: its mean, what `forecast_figures` has of it, and the ends of its ranges, whether
    each held what came and how wide it is."""
    quantiles = np.array(said["quantiles"])
    found = forecast_figures(np.array([said["mean"]]), quantiles[None], np.array([came]))
    row = {"came": came, "mean": said["mean"],
           **{name: found[name] for name in ("error", "bias", "crps", "pinball", "interval_score")}}
    for one in found["intervals"]:
        low, high = interval(quantiles, one["share"])
        ends = {"low": float(low), "high": float(high), "covered": bool(one["covered"]), "width": one["width"]}
        row |= {f"{name}_{one['share']:.0%}"[:-1]: value for name, value in ends.items()}
    return row


def _two_thirds(results: list[Result]) -> dict[str, Any]:
    """Deals that have closed since, two thirds through their life: the share told right (won where P > 1/2) by us, by
    stage and by calling all what most were, and the AUC."""
    told = [one["two_thirds"] for one in results]
    won = np.array([w for one in told for w in one["won"]], dtype=bool)
    if not len(won):
        return {"n": 0}
    found: dict[str, Any] = {"n": len(won), "won": int(won.sum()), "most": float(max(won.mean(), 1 - won.mean()))}
    for way in ("model", "stage"):
        if all(one[way] is not None for one in told):
            said = np.array([p for one in told for p in one[way]])
            own = figures(said, won)
            found[way] = finite({"accuracy": float(((said > 0.5) == won).mean()), "auc": own["auc"],
                                 "log_loss": own["log_loss"]})
    return found


def _weeks(results: list[Result], measure: str) -> list[dict[str, Any]]:
    """How wrong the forecast of a period is as the period goes on, a row a week; the reps' call where there is one."""
    rows = []
    for week in sorted({one["week"] for result in results for one in result["weeks"]}):
        said = [(one, result["forecast"]["came"][measure]) for result in results for one in result["weeks"]
                if one["week"] == week]
        came = np.array([value for _, value in said])
        mean = np.array([one["model"][measure]["mean"] for one, _ in said])
        quantiles = np.array([one["model"][measure]["quantiles"] for one, _ in said])
        row: dict[str, Any] = {"week": week, **forecast_figures(mean, quantiles, came)}
        if all(one["reps"] for one, _ in said):
            called = np.array([one["reps"][measure] for one, _ in said])
            row["reps"] = finite({**_errors(called, came), "crps": float(np.abs(called - came).mean())})
        if measure == "won_amount":
            row |= {name: finite(_errors(np.array([one["people"][name] for one, _ in said]), came))
                    for name in PEOPLE if _spoke(name, [one for one, _ in said])}
        rows.append(row)
    return rows


def _spoke(name: str, weeks: list[dict[str, Any]]) -> bool:
    """Whether people had said a number in each of these weeks."""
    return all(one["people"] and one["people"][name] is not None for one in weeks)


def called_of(results: list[Result]) -> tuple[int, dict[str, Pair]] | None:
    """The first week of the period by which people had called something in every period, and what was said of the
    amount then: by ours (`model`) and by PEOPLE, as `forecasts_of` has it. None where there is no such week."""
    told = [one for one in results if one["forecast"]]
    weeks = [{one["week"]: one for one in result["weeks"]} for result in told]
    common = set.intersection(*(set(one) for one in weeks)) if weeks else set()
    for week in sorted(common):
        said = [one[week] for one in weeks]
        if any(_spoke(name, said) for name in PEOPLE):
            came = np.array([one["forecast"]["came"]["won_amount"] for one in told])
            found = {"model": (np.array([one["model"]["won_amount"]["mean"] for one in said]),
                               np.array([one["model"]["won_amount"]["quantiles"] for one in said]), came)}
            for name in [one for one in PEOPLE if _spoke(one, said)]:
                number = np.array([one["people"][name] for one in said])
                found[name] = (number, np.tile(number[:, None], (1, len(LEVELS))), came)
            return week, found
    return None
