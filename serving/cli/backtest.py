"""`dealcast backtest` and `dealcast scoreboard`: how right deals and forecasts have been, and against whom."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from serving.cli.output import (
    check_out_file,
    check_page,
    emit,
    json_option,
    progress,
    say,
    table,
    write_frame,
)

if TYPE_CHECKING:
    from features.home import Home

__all__ = ["backtest", "scoreboard"]


def _span(_context: click.Context, _parameter: click.Parameter, text: str | None) -> float | None:
    from features.calendar import parse_within

    return None if text is None else parse_within(text)


_OPTIONS = (
    click.option("--from", "first", metavar="DATE", help="The first origin; weeks are counted from it."),
    click.option("--to", "last", metavar="DATE", help="No origin after this date."),
    click.option("--every", type=click.Choice(["week", "fortnight", "quarter"]),
                 help="How far origins are apart.  [default: week where deals are short, else quarter]"),
    click.option("--within", "days", callback=_span, metavar="SPAN",
                 help="What is forecast at each, such as 28d.  [default: 28d, or the whole quarter]"),
)


def _when(command: Any) -> Any:
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


@click.command()
@_when
@click.option("--out", type=click.Path(path_type=Path), callback=check_page, metavar="FILE.html",
              default=Path("backtest.html"), show_default=True, help="The report.")
@json_option
@click.pass_obj
def backtest(home_path: Path, first: str | None, last: str | None, every: Any, days: float | None, out: Path,
             as_json: bool) -> None:
    """Train at earlier dates, and look at what came.

    At each origin everything is fitted on what was known then, and says what the days after it bring: which deals are
    won, when, and how many and how much in all. The result is a report that opens without a network, and a run in
    MLflow. Origins are kept in the home: a backtest that was interrupted goes on, and one that was done is read.
    """
    import time

    from training.evidence.backtest_report import backtest_html, headline
    from training.fingerprint import settings_fingerprint

    home, results = _results(home_path, first, last, every, days)
    found, board = _judged(results)
    page = backtest_html(home.mapping, found, board, settings_fingerprint(home.settings))
    _log(home, results, found, page, started_at=time.time_ns() // 1000)
    out.write_text(page, encoding="utf-8")
    if as_json:
        emit({"out": str(out), "headline": headline(found), **found})
        return
    _show(home, found)
    say(f"{headline(found)}\n{out} has all of it; `dealcast scoreboard` what it is held against.")


@click.command()
@_when
@click.option("--out", type=click.Path(path_type=Path), callback=check_out_file, metavar="FILE",
              help="The same as CSV or Parquet, by its ending.")
@json_option
@click.pass_obj
def scoreboard(home_path: Path, first: str | None, last: str | None, every: Any, days: float | None,
               out: Path | None, as_json: bool) -> None:
    """Show how the model does against plain methods, CRMs' habits and people.

    All are asked the same at the origins of `dealcast backtest` with the same options, which is done first where it is
    not there yet. Losses are proper scores, lower is better.
    """
    import pandas as pd

    from training.evidence.scoreboard import SCORES, as_rows

    _home, results = _results(home_path, first, last, every, days)
    _, board = _judged(results)
    rows = as_rows(board)
    if out:
        write_frame(pd.DataFrame(rows), out)
    if as_json:
        emit({"origins": len(results), "rows": rows})
        return
    for score, title in SCORES.items():
        shown = [one for one in board if one.score == score]
        if shown:
            table(["against", "ours", "theirs", "90% range of the difference", "so ours is"],
                  [[one.method, _figure(one.ours), _figure(one.theirs),
                    "–" if one.low is None or one.high is None else f"{_figure(one.low)} to {_figure(one.high)}",
                    one.sentence] for one in shown], title=title)
    blocks = min((one.blocks for one in board), default=0)
    say(f"{len(results)} origins, {blocks} stretches of time that do not overlap." + (
        "" if any(one.low is not None for one in board) else " Too few for a range: it is counted who was ahead."))


def _results(home_path: Path, first: str | None, last: str | None, every: Any,
             days: float | None) -> tuple[Home, list[dict[str, Any]]]:
    """The home and the frozen results of its origins, computed where they are not there."""
    from features.home import Home
    from serving.dates import read_moment
    from training.evidence.backtest import backtest as run
    from training.evidence.schedule import schedule

    home = Home.open(home_path)
    start, end = (None if text is None else read_moment(text, home.mapping.zone, name)
                  for name, text in (("from", first), ("to", last)))
    periods = schedule(home.history(), home.settings.training, home.log_end(), every, days, start, end)
    with progress("Backtest", logged=True) as report:
        return home, run(home, periods, report)


def _judged(results: list[dict[str, Any]]) -> tuple[dict[str, Any], Any]:
    from training.evidence.backtested import backtested
    from training.evidence.scoreboard import scoreboard as board_of

    return backtested(results), board_of(results)


def _log(home: Home, results: list[dict[str, Any]], found: dict[str, Any], page: str, started_at: int) -> None:
    import hashlib

    from features.calendar import iso
    from training.evidence.backtest import key_of
    from training.evidence.backtest_report import backtest_figures, backtest_metrics, headline
    from training.fingerprint import settings_fingerprint
    from training.registry.tracking import log_backtest

    key = key_of(home.history(), home.settings)
    spans = [(one["origin"], one["end"]) for one in results]
    people = [week["people"] for one in results for week in one["weeks"]]  # managers' adjustments go in when it is read
    zone = home.mapping.zone
    params = {"key": key, "settings_fingerprint": settings_fingerprint(home.settings), "origins": len(results),
              "first": iso(spans[0][0], zone), "last": iso(spans[-1][0], zone), "days": found["days"],
              "training": home.settings.training.model_dump(), "forecast": home.settings.forecast.model_dump()}
    identity = hashlib.sha256(f"{key} {spans} {people}".encode()).hexdigest()[:16]
    log_backtest(home, identity, params, backtest_metrics(found), found["origins"],
                 backtest_figures(home.mapping, found),
                 {"report.html": page, "summary.md": f"{headline(found)}\n\n{found['deals']['verdict']['sentence']}\n"},
                 started_at)


def _show(home: Home, found: dict[str, Any]) -> None:
    from training.evidence.backtest_report import MEASURE_WORDS, writers

    written = writers(home.mapping)
    say(found["deals"]["verdict"]["sentence"])
    rows = [[words, f"{one['error']:.1%}", f"{one['bias']:+.1%}", written[measure](one["crps"]),
             *(f"{part['covered']:.0%}" for part in one["intervals"]), f"{one['width']:.0%}"]
            for measure, words in MEASURE_WORDS.items()
            if (one := found["forecasts"][measure].get("model")) and one["error"] is not None]
    if rows:
        table(["", "error", "bias", "CRPS", "in 50%", "in 80%", "in 95%", "80% is so wide"], rows,
              title=f"Forecasts at {len(found['origins'])} origins of the {found['days']:.0f} days after each")
    if found["kinds"]:
        table(["kind", "won, all periods", "error in number", "in 80%", "error in amount", "in 80%"],
              [[row["kind"], f"{row['won']:.0f}", *(text for measure in MEASURE_WORDS
                                                    for text in _error_and_held(row["forecasts"].get(measure)))]
               for row in found["kinds"]], title="Kinds of business apart")


def _error_and_held(one: dict[str, Any] | None) -> tuple[str, str]:
    if one is None:
        return "–", "–"
    return "–" if one["error"] is None else f"{one['error']:.1%}", f"{one['held']:.0f} of {one['n']:.0f}"


def _figure(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"
