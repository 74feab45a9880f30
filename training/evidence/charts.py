"""Figures of the evaluation as matplotlib draws them: for MLflow, and as SVG text in the report.

The same input gives the same bytes. Colours are names that the report's style sheet gives a value, one for light and
one for dark, so that a figure is drawn once.
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from html import escape
from threading import Lock
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter

__all__ = ["INK", "LINE", "MUTED", "OURS", "PLAIN", "learning_svg", "lift_svg", "reliability_figure",
           "reliability_svg", "svg"]

Rows = list[dict[str, float]]
# Stand-ins that appear nowhere else in a drawing, and the style sheet's names for them.
INK, MUTED, LINE, OURS, PLAIN = "#010203", "#040506", "#070809", "#0a0b0c", "#0d0e0f"
_NAMES = {INK: "ink", MUTED: "muted", LINE: "line", OURS: "ours", PLAIN: "plain"}
_FONT = "-apple-system, 'Segoe UI', Roboto, 'Liberation Sans', system-ui, sans-serif"
# matplotlib's settings are global to the process, and requests are answered in several threads.
_DRAWING = Lock()


def reliability_figure(rows: Rows) -> Figure:
    """Predicted against observed share, with an 80% bar for each bin; `rows` as `measures.reliability` gives them."""
    figure = Figure(figsize=(5, 5), layout="constrained")
    _reliability(figure.add_subplot(), rows, "#1f5fa8", "0.7")
    return figure


def reliability_svg(rows: Rows) -> str:
    top = max(max(row["predicted"], row["observed"]) for row in rows)
    return svg(lambda axes: _reliability(axes, rows, OURS, MUTED), (380, 330), "Predicted and observed",
                f"Observed share by predicted share in {len(rows)} equal groups, up to {top:.0%}; "
                "the diagonal is where they agree.")


def _reliability(axes: Axes, rows: Rows, ours: str, other: str) -> None:
    predicted, observed, n = (np.array([row[name] for row in rows]) for name in ("predicted", "observed", "n"))
    error = 1.28 * np.sqrt(np.maximum(observed * (1 - observed), 1e-6) / n)
    top = min(1.0, 1.08 * float(np.max([predicted, observed + error])))
    axes.plot([0, top], [0, top], color=other, linewidth=1, linestyle=(0, (4, 3)))
    axes.errorbar(predicted, observed, yerr=error, fmt="o", color=ours, capsize=3, markersize=6)
    axes.set(xlabel="predicted", ylabel="observed", xlim=(0, top), ylim=(0, top))
    axes.xaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
    axes.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))


def lift_svg(rows: Rows) -> str:
    """Rate won by tenth of the score, highest first, beside the rate of all."""
    rate, n = np.array([row["rate"] for row in rows]), np.array([row["n"] for row in rows])
    everyone = float((rate * n).sum() / n.sum())

    def draw(axes: Axes) -> None:
        axes.bar(np.arange(len(rate)) + 1, rate, width=0.7, color=OURS)
        axes.axhline(everyone, color=PLAIN, linewidth=1.5, linestyle=(0, (4, 3)))
        axes.annotate("all", (len(rate) + 0.45, everyone), va="bottom", ha="right", color=PLAIN)
        axes.set(xlabel="tenth of the scores, highest first", ylabel="share won", xticks=np.arange(len(rate)) + 1)
        axes.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))

    return svg(draw, (380, 330), "Share won by tenth of the scores",
                f"The highest tenth won {rate[0]:.0%}, the lowest {rate[-1]:.0%}, all {everyone:.0%}.")


def learning_svg(rows: list[dict[str, Any]]) -> str:
    """Log-loss by number of outcomes learned from, ours beside the base rate's."""
    outcomes = [row["outcomes"] for row in rows]

    def draw(axes: Axes) -> None:
        for name, colour, label in (("log_loss", OURS, "this model"), ("log_loss_base", PLAIN, "base rate")):
            values = [row[name] for row in rows]
            axes.plot(outcomes, values, color=colour, marker="o", markersize=5, label=label)
        axes.set_xscale("log")
        axes.set_xticks(outcomes, [f"{n:,.0f}" for n in outcomes])
        axes.set_xticks([], minor=True)
        axes.yaxis.set_major_locator(MaxNLocator(5))
        axes.set(xlabel="outcomes learned from", ylabel="log-loss")
        axes.legend(frameon=False, labelcolor=INK)

    return svg(draw, (380, 330), "Learning curve",
                f"Log-loss goes from {rows[0]['log_loss']:.3f} with {outcomes[0]:,.0f} outcomes to "
                f"{rows[-1]['log_loss']:.3f} with {outcomes[-1]:,.0f}.")


def svg(draw: Callable[[Axes], None], size: tuple[int, int], title: str, description: str) -> str:
    """Draw as SVG text whose colours are the style sheet's. One point here is one CSS pixel at its natural width."""
    settings: Any = {"svg.fonttype": "none", "svg.hashsalt": "dealcast", "font.size": 12, "text.color": INK,
                     "axes.labelcolor": MUTED, "axes.edgecolor": LINE, "xtick.color": MUTED, "ytick.color": MUTED}
    with _DRAWING, matplotlib.rc_context(settings):
        figure = Figure(figsize=(size[0] / 72, size[1] / 72), layout="constrained")
        axes = figure.add_subplot()
        draw(axes)
        axes.set_axisbelow(True)
        axes.grid(axis="y", color=LINE, linewidth=1)
        axes.tick_params(length=0, pad=5)
        axes.spines[["top", "right", "left"]].set_visible(False)
        drawn = io.StringIO()
        figure.savefig(drawn, format="svg", metadata={"Date": None, "Creator": None}, transparent=True)
    return _readable(drawn.getvalue(), title, description)


def _readable(svg: str, title: str, description: str) -> str:
    """Name the chart for screen readers, set its text in the page's font and its colours by name."""
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg[svg.index("<svg"):], count=1, flags=re.DOTALL)
    svg = re.sub(r"font: ([\d.]+px) [^;\"]+", rf"font: \1 {_FONT}", svg)
    svg = re.sub(r"font-family: [^;\"]+", f"font-family: {_FONT}", svg)
    for colour, name in _NAMES.items():
        svg = svg.replace(colour, f"var(--{name})")
    # A page may hold several drawings: their inner names must differ.
    prefix = re.sub(r"\W+", "-", title.lower())
    svg = re.sub(r'id="([^"]+)"', rf'id="{prefix}-\1"', svg)
    svg = re.sub(r"url\(#([^)]+)\)", rf"url(#{prefix}-\1)", svg)
    svg = re.sub(r'href="#([^"]+)"', rf'href="#{prefix}-\1"', svg)
    named = (f'role="img" aria-labelledby="{prefix}-t {prefix}-d"><title id="{prefix}-t">{escape(title)}</title>'
             f'<desc id="{prefix}-d">{escape(description)}</desc>')
    return svg.replace(">", " " + named, 1)
