"""Figures of a backtest: forecasts beside what came, where in its forecast each lay, and errors by week."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator, PercentFormatter

from training.evidence.charts import INK, MUTED, OURS, PLAIN, svg

__all__ = ["forecast_figure", "forecast_svg", "pit_figure", "pit_svg", "weeks_figure", "weeks_svg"]

Row = dict[str, Any]
Written = Callable[[float], str]
SIZE = (380, 290)
MOST_DAYS_NAMED = 4
LOGGED_COLOURS = "#1f5fa8", "#b7611c"  # ours and the other's, where no style sheet gives them


def forecast_svg(rows: list[Row], measure: str, days: list[str], written: Written, title: str) -> str:
    """By origin: the 50%, 80% and 95% range, the mean, and what came; `rows` as `backtested`'s origins."""
    held = sum(row[f"{measure}_low_80"] <= row[f"{measure}_came"] <= row[f"{measure}_high_80"] for row in rows)
    return svg(lambda axes: _forecasts(axes, rows, measure, days, written, OURS, PLAIN), SIZE, title,
               f"{len(rows)} forecasts beside what came, from {days[0]} to {days[-1]}. The 80% range held "
               f"{held} of {len(rows)} times.")


def forecast_figure(rows: list[Row], measure: str, days: list[str], written: Written) -> Figure:
    """The same for MLflow."""
    return _logged(lambda axes: _forecasts(axes, rows, measure, days, written, *LOGGED_COLOURS))


def _logged(draw: Callable[[Axes], None]) -> Figure:
    figure = Figure(figsize=(7, 4.5), layout="constrained")
    draw(figure.add_subplot())
    return figure


def _forecasts(axes: Axes, rows: list[Row], measure: str, days: list[str], written: Written, ours: str,
               came: str) -> None:
    place = np.arange(len(rows))
    for share, width in ((95, 2.0), (80, 5.0), (50, 9.0)):
        axes.vlines(place, [row[f"{measure}_low_{share}"] for row in rows],
                    [row[f"{measure}_high_{share}"] for row in rows], color=ours, linewidth=width, alpha=0.45)
    axes.scatter(place, [row[f"{measure}_came"] for row in rows], color=came, s=34, zorder=3, label="came")
    axes.scatter(place, [row[f"{measure}_mean"] for row in rows], color=ours, s=60, marker="_", zorder=2,
                 label="forecast, with 50, 80, 95%")
    named = np.unique(np.linspace(0, len(rows) - 1, MOST_DAYS_NAMED).round().astype(int))
    axes.set_xticks(named, [days[i] for i in named])
    axes.set_xlim(-0.6, len(rows) - 0.4)
    axes.set_ylim(bottom=0)
    axes.yaxis.set_major_locator(MaxNLocator(5))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: written(float(value))))
    axes.legend(frameon=False, labelcolor=INK, loc="upper center", bbox_to_anchor=(0.5, 1.14), ncols=2)


def pit_svg(counts: list[int], title: str) -> str:
    """How many of what came lay in each tenth of its forecast, beside what would be even."""
    return svg(lambda axes: _pit(axes, counts, OURS, PLAIN), SIZE, title,
               f"From the lowest to the highest tenth: {', '.join(map(str, counts))}; even would be "
               f"{sum(counts) / len(counts):.1f} each.")


def pit_figure(counts: list[int]) -> Figure:
    """The same for MLflow."""
    return _logged(lambda axes: _pit(axes, counts, *LOGGED_COLOURS))


def _pit(axes: Axes, counts: list[int], ours: str, even: str) -> None:
    axes.bar((np.arange(len(counts)) + 0.5) / len(counts), counts, width=0.085, color=ours)
    axes.axhline(sum(counts) / len(counts), color=even, linewidth=1.5, linestyle=(0, (4, 3)))
    axes.set(xlabel="place in the forecast's range, lowest to highest", ylabel="times", xlim=(0, 1))
    axes.xaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
    axes.yaxis.set_major_locator(MaxNLocator(5, integer=True))


def weeks_svg(rows: list[Row], title: str) -> str:
    """Mean error by week of the period, ours and, where there is one, the reps' call."""
    errors = [f"{row['error']:.0%}" if row["error"] is not None else "unknown" for row in rows]
    return svg(lambda axes: _weeks(axes, rows, OURS, PLAIN), SIZE, title,
               f"Mean error week by week: {', '.join(errors)}.")


def weeks_figure(rows: list[Row]) -> Figure:
    """The same for MLflow."""
    return _logged(lambda axes: _weeks(axes, rows, *LOGGED_COLOURS))


def _weeks(axes: Axes, rows: list[Row], ours: str, reps: str) -> None:
    weeks = [row["week"] + 1 for row in rows]
    axes.plot(weeks, [_nan(row["error"]) for row in rows], color=ours, marker="o", markersize=5, label="this forecast")
    if all("reps" in row for row in rows):
        axes.plot(weeks, [_nan(row["reps"]["error"]) for row in rows], color=reps, marker="o", markersize=5,
                  label="the reps' call")
        axes.legend(frameon=False, labelcolor=INK)
    axes.set(xlabel="week of the period", ylabel="mean error")
    axes.set_ylim(bottom=0)
    axes.xaxis.set_major_locator(MaxNLocator(7, integer=True))
    axes.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
    axes.tick_params(colors=MUTED)


def _nan(value: float | None) -> float:
    return float("nan") if value is None else value
