"""The report of a backtest: one HTML file that opens without a network, its headline, and what MLflow keeps of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from features.calendar import iso
from features.mapping import Mapping
from features.money import format_money, minor_digits
from training.evidence.backtest_charts import (
    forecast_figure,
    forecast_svg,
    pit_figure,
    pit_svg,
    weeks_figure,
    weeks_svg,
)
from training.evidence.backtested import MEASURES
from training.evidence.charts import lift_svg, reliability_figure, reliability_svg
from training.evidence.plain_forecasts import METHOD_NAMES
from training.evidence.report import environment
from training.evidence.scoreboard import SCORES, TOLD_NAMES, Compared

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["backtest_figures", "backtest_html", "backtest_metrics", "headline", "writers"]

MEASURE_WORDS = {"won_count": "number won", "won_amount": "amount won"}


def headline(found: dict[str, Any]) -> str:
    """One sentence: how far off the forecasts were, and how often their range held."""
    told = {measure: found["forecasts"][measure].get("model") for measure in MEASURES}
    count, amount = told["won_count"], told["won_amount"]
    if not count:
        return "Nothing was forecast: no amount was known at these dates."
    if count["error"] is None:
        return "Nothing was won in any of these periods."
    n = int(count["n"])
    if not amount or amount["error"] is None:
        return (f"Forecasts were off by {count['error']:.1%} in number; the 80% range held "
                f"{int(count['held'])} of {n} times.")
    return (f"Forecasts were off by {count['error']:.1%} in number and {amount['error']:.1%} in amount; the 80% range "
            f"held {int(count['held'])} and {int(amount['held'])} of {n} times.")


def writers(mapping: Mapping) -> dict[str, Callable[[float | None], str]]:
    """How values of each measure are written: numbers of deals, and money."""
    currency = mapping.currency

    def money(value: float | None) -> str:
        return "–" if value is None else format_money(value * 10 ** minor_digits(currency), currency, compact=True)

    return {"won_count": lambda value: "–" if value is None else f"{value:,.4g}" if abs(value) < 1000
            else f"{value:,.0f}", "won_amount": money}


def backtest_html(mapping: Mapping, found: dict[str, Any], board: list[Compared], settings: str) -> str:
    """The page of a backtest: its figures (see `backtested`) and the scoreboard. settings : their fingerprint."""
    zone, written = mapping.zone, writers(mapping)
    days = [_day(one["origin"], mapping) for one in found["origins"]]
    forecast = [row for row in found["origins"] if "won_count_came" in row]
    deals = found["deals"]
    figures: dict[str, str] = {}
    if deals["reliability"]:
        figures["reliability"] = Markup(reliability_svg(deals["reliability"]))
        figures["lift"] = Markup(lift_svg(deals["lift"])) if deals["lift"] else ""
    measures = _measures(found)
    for measure, words in measures.items():
        named = [_day(row["origin"], mapping) for row in forecast]
        figures[f"{measure}_forecasts"] = Markup(forecast_svg(
            forecast, measure, named, written[measure], f"{words.capitalize()}: forecast and what came"))
        figures[f"{measure}_pit"] = Markup(pit_svg(found["forecasts"][measure]["model"]["pit"],
                                                   f"{words.capitalize()}: where it lay in its forecast"))
        figures[f"{measure}_weeks"] = Markup(weeks_svg(found["weeks"][measure],
                                                       f"{words.capitalize()}: error by week"))
    return environment().get_template("backtest.html").render(
        company=mapping.company, simulated=mapping.simulated, headline=headline(found), found=found, deals=deals,
        days=days, first=days[0], last=days[-1], end=_day(found["origins"][-1]["end"], mapping), zone=str(zone),
        forecast=[{**row, "day": _day(row["origin"], mapping)} for row in forecast],
        origins=[{**row, "day": day} for row, day in zip(found["origins"], days, strict=True)],
        measures=measures, written=written, figures=figures,
        told_names={"model": "this model", **TOLD_NAMES}, method_names={"model": "this forecast", **METHOD_NAMES},
        board={title: [one for one in board if one.score == score] for score, title in SCORES.items()
               if any(one.score == score for one in board)},
        intervals=any(one.low is not None for one in board), blocks=board[0].blocks if board else 0,
        write=lambda score, value: _write_score(score, value, written), settings=settings)


def _measures(found: dict[str, Any]) -> dict[str, str]:
    """What is forecast, in words: nothing, numbers, or numbers and amounts."""
    return {measure: words for measure, words in MEASURE_WORDS.items() if found["forecasts"][measure]}


def _write_score(score: str, value: float | None, written: dict[str, Callable[[float | None], str]]) -> str:
    if value is None:
        return "–"
    if score.startswith("won_count"):
        return written["won_count"](value)
    if "amount" in score:
        return written["won_amount"](value)
    return f"{value:.2f}" if score in ("resolution", "win") else f"{value:.3f}"


def _day(moment: int, mapping: Mapping) -> str:
    """The day that begins with an origin; a quarter's is a microsecond before it."""
    return iso(moment + 1, mapping.zone)[:10]


def backtest_metrics(found: dict[str, Any]) -> dict[str, float]:
    """What MLflow shows of a backtest, as numbers by name."""
    metrics = {f"deals_{name}": value for name, value in found["deals"]["pooled"].items()}
    for measure in MEASURES:
        model = found["forecasts"][measure].get("model", {})
        metrics |= {f"{measure}_{name}": value for name, value in model.items() if isinstance(value, float)}
        metrics |= {f"{measure}_covered_{one['share']:.0%}"[:-1]: one["covered"] for one in model.get("intervals", [])}
    for name, told in (*found["dates"].items(), ("amount", found["amounts"])):
        metrics |= {f"{name}_{key}": value for key, value in told.get("model", {}).items()}
    metrics |= {f"two_thirds_{key}": value for key, value in found["two_thirds"].get("model", {}).items()}
    return {name: float(value) for name, value in metrics.items() if value is not None}


def backtest_figures(mapping: Mapping, found: dict[str, Any]) -> dict[str, Figure]:
    """Figures for MLflow, by name."""
    figures = {}
    if found["deals"]["reliability"]:
        figures["reliability"] = reliability_figure(found["deals"]["reliability"])
    forecast = [row for row in found["origins"] if "won_count_came" in row]
    days = [_day(row["origin"], mapping) for row in forecast]
    for measure in _measures(found):
        figures[measure] = forecast_figure(forecast, measure, days, writers(mapping)[measure])
        figures[f"{measure}_pit"] = pit_figure(found["forecasts"][measure]["model"]["pit"])
        figures[f"{measure}_weeks"] = weeks_figure(found["weeks"][measure])
    return figures
