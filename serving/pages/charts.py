"""Charts, drawn on the server as SVG.

Text stays text (readable, searchable, in the reader's own sans-serif). A chart is drawn for one theme and one
width; the page picks with <picture>. The same input gives the same bytes.
"""

from __future__ import annotations

import io
import re
from dataclasses import dataclass
from html import escape
from threading import Lock
from typing import Any, Literal

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import FuncFormatter, MaxNLocator

from serving.pages.words import number, short_money

__all__ = ["Bar", "Theme", "forecast_chart"]

Theme = Literal["light", "dark"]

# The style sheet's colours of the same names.
_COLOURS: dict[Theme, dict[str, str]] = {
    "light": {"ink": "#1b2430", "muted": "#5b6776", "line": "#e2e6eb", "paper": "#ffffff", "ours": "#1f5fa8",
              "past": "#bcd3ee", "now": "#7fb0e6", "won": "#2f855a", "reps": "#b7611c"},
    "dark": {"ink": "#e8edf3", "muted": "#9aa7b6", "line": "#2d3745", "paper": "#18202a", "ours": "#8fc1fb",
             "past": "#2c4769", "now": "#3a6ba5", "won": "#4fb783", "reps": "#f0a35c"},
}
# matplotlib's settings are global to the process, and requests are answered in several threads.
_DRAWING = Lock()


@dataclass(frozen=True)
class Bar:
    """One period of the chart: the range, and what is known of it. Amounts in major units, or counts."""

    label: str
    low: float
    middle: float
    high: float
    actual: float | None = None
    reps: float | None = None
    won_so_far: float | None = None
    past: bool = True


def forecast_chart(bars: list[Bar], currency: str | None, theme: Theme, narrow: bool, description: str) -> str:
    """Ranges by period beside what then happened and the reps' call.

    currency : None draws counts. description : what a reader who cannot see the chart is told.
    """
    if narrow:
        bars = bars[-4:]
    colours = _COLOURS[theme]
    # One point here is one CSS pixel of the chart at its natural width.
    width, height, size = (360, 320, 12) if narrow else (1080, 340, 13)
    settings: Any = {"svg.fonttype": "none", "svg.hashsalt": "dealcast", "font.size": size,
                     "text.color": colours["ink"], "axes.edgecolor": colours["line"], "xtick.color": colours["muted"],
                     "ytick.color": colours["muted"]}
    with _DRAWING, matplotlib.rc_context(settings):
        figure = Figure(figsize=(width / 72, height / 72), layout="constrained")
        figure.set_facecolor("none")
        axes = figure.add_subplot()
        _draw(axes, bars, currency, colours, size)
        _legend(figure, bars, colours, narrow)
        drawn = io.StringIO()
        figure.savefig(drawn, format="svg", metadata={"Date": None, "Creator": None}, transparent=True)
    return _readable(drawn.getvalue(), "Forecast by period", description)


def _draw(axes: Axes, bars: list[Bar], currency: str | None, colours: dict[str, str], size: int) -> None:
    def written(value: float) -> str:
        return short_money(value, currency) if currency else number(value)

    for i, bar in enumerate(bars):
        axes.bar(i, bar.high - bar.low, bottom=bar.low, width=0.46, zorder=2,
                 color=colours["past" if bar.past else "now"])
        if bar.won_so_far:
            axes.bar(i, bar.won_so_far, width=0.46, color=colours["won"], zorder=2)
        axes.hlines(bar.middle, i - 0.23, i + 0.23, color=colours["ours"], linewidth=3, zorder=3)
        if bar.actual is not None:
            axes.scatter(i, bar.actual, s=70, color=colours["ink"], edgecolor=colours["paper"], linewidth=1.5, zorder=5,
                         clip_on=False)  # whole, also where it stands on the axis
        if bar.reps is not None:
            axes.scatter(i, bar.reps, s=58, marker="D", facecolor=colours["paper"], edgecolor=colours["reps"],
                         linewidth=2, zorder=4, clip_on=False)
        if not bar.past:
            axes.annotate(written(bar.middle), (i + 0.27, bar.middle), va="center", weight="bold")
            for value in (bar.low, bar.high):
                if abs(value - bar.middle) > 0.06 * axes.get_ylim()[1]:  # else it would be written over the middle
                    axes.annotate(written(value), (i + 0.27, value), va="center", size=size - 1, color=colours["muted"])
    alone = max(0, 4 - len(bars)) / 2  # a few bars stand in the middle, no wider than many
    axes.set_xlim(-0.6 - alone, len(bars) - 0.15 + alone)
    axes.set_ylim(0, axes.get_ylim()[1] * 1.04)
    axes.set_xticks(range(len(bars)), [bar.label.replace(" – ", " –\n") for bar in bars])
    for label, bar in zip(axes.get_xticklabels(), bars, strict=True):
        if not bar.past:
            label.set_fontweight("bold")
            label.set_color(colours["ink"])
    axes.yaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 2.5, 5, 10], integer=currency is None))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: written(value)))
    axes.grid(axis="y", color=colours["line"], linewidth=1, zorder=0)
    axes.tick_params(length=0, pad=6)
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.spines["bottom"].set_zorder(1)


def _legend(figure: Figure, bars: list[Bar], colours: dict[str, str], narrow: bool) -> None:
    entries: list[Patch | Line2D] = [
        Patch(color=colours["now"], label="our range (80%)"),
        Line2D([], [], color=colours["ours"], linewidth=3, label="our middle"),
    ]
    if any(bar.won_so_far for bar in bars):
        entries.append(Patch(color=colours["won"], label="won so far"))
    if any(bar.actual is not None for bar in bars):
        entries.append(Line2D([], [], linestyle="", marker="o", markersize=8, color=colours["ink"],
                              label="what it became"))
    if any(bar.reps is not None for bar in bars):
        entries.append(Line2D([], [], linestyle="", marker="D", markersize=7, markerfacecolor=colours["paper"],
                              markeredgecolor=colours["reps"], markeredgewidth=2, label="the reps' call"))
    figure.legend(handles=entries, loc="outside lower left", ncols=2 if narrow else len(entries), frameon=False,
                  handlelength=1.2, columnspacing=1.6, labelcolor=colours["muted"])


def _readable(svg: str, title: str, description: str) -> str:
    """Name the chart for screen readers, and set its text in the page's font.

    matplotlib measured the text in DejaVu Sans, which is wider than the system's fonts, so nothing overflows.
    """
    svg = svg[svg.index("<svg"):]
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, count=1, flags=re.DOTALL)
    svg = re.sub(r"font-family: [^;\"]+|'DejaVu Sans'[^;\"]*", lambda found: _FONT if found[0].startswith("'")
                 else f"font-family: {_FONT}", svg)
    named = f'role="img" aria-labelledby="title desc"><title id="title">{escape(title)}</title>' \
            f'<desc id="desc">{escape(description)}</desc>'
    return svg.replace(">", " " + named, 1)


_FONT = "-apple-system, 'Segoe UI', Roboto, 'Liberation Sans', system-ui, sans-serif"
