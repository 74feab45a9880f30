"""`dealcast check`: what a home's history is worth, and what to mend first."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from serving.cli.output import emit, json_option, progress, say, table

if TYPE_CHECKING:
    from features.checking.fields import FieldReport
    from features.checking.report import CheckReport
    from features.history import History

__all__ = ["check"]


@click.command()
@click.option("--as-of", metavar="DATE", help="Look at what was known up to this date; else at everything.")
@click.option("--leaks", "gate", is_flag=True, help="Only try whether any feature changes with what was not known yet.")
@json_option
@click.pass_obj
def check(home_path: Path, as_of: str | None, gate: bool, as_json: bool) -> None:
    """Check the history: gaps, slips, leaks and their cures.

    Says of each field how full it is, since when it is known, what its past is worth and whether it may know the
    outcome; then what to mend first. Changes nothing.
    """
    from features.checking.report import check as look_through
    from features.home import Home
    from serving.cli.models import read_as_of

    home = Home.open(home_path)
    moment = home.last_known() if as_of is None else read_as_of(as_of, home)
    if gate:
        _try_for_leaks(home.history(moment), as_json)
        return
    with progress("Checking"):
        report = look_through(home.history(moment), moment)
    if as_json:
        emit(report.to_dict())
    else:
        _show(report)


def _try_for_leaks(history: History, as_json: bool) -> None:
    """Run the gate; a feature that peeks makes the command fail with exit code 1."""
    from features.leakage import leaks

    with progress("Trying every feature") as tell:
        report = leaks(history, progress=tell)
    if as_json:
        emit({"features": report.features, "pairs": report.pairs, "leaks": [asdict(one) for one in report.leaks]})
    else:
        tried = " and ".join(f"{count} features of {report.pairs[kind]:,} {kind}s"
                             for kind, count in report.features.items())
        say(f"{tried} at random moments, with what was not known then deleted and replaced by noise.")
        for leak in report.leaks:
            say(f"  LEAK {leak}")
        say(f"Features that peek: {', '.join(report.names) or 'none'}.")
    if report.leaks:
        raise click.exceptions.Exit(1)


def _show(report: CheckReport) -> None:
    from features.checking.report import advice

    say(f"{report.company}, as known on {report.as_of}: "
        + ", ".join(f"{count:,} {name}" for name, count in report.rows.items() if count))
    for kind in dict.fromkeys(one.subject for one in report.fields):
        ours = [one for one in report.fields if one.subject == kind]
        table([f"{kind} field", "past", "filled", "first known", "known", "inferred", "unknown", "filled after end",
               "alone (AUC)", "leak?"], [_row(one) for one in ours],
              title=f"{ours[0].subjects:,} {kind}s")
    say("known, inferred, unknown: share of the time from creation to end. AUC: what the field alone tells of the "
        "outcome, 0.50 is nothing.")
    suspected = [one for one in report.fields if one.suspicion]
    if suspected:
        say()
        say("Suspicions of a leak")
        for field in suspected:
            say(f"  {field.subject} {field.field}: {'; '.join(field.suspicion)}")
    say()
    say("What to mend first")
    for i, line in enumerate(advice(report), start=1):
        say(f"  {i}. {line}")


def _row(one: FieldReport) -> list[str]:
    return [one.field, one.past, _share(one.coverage), (one.first_known or "-")[:10], _share(one.known_time),
            _share(one.inferred_time), _share(one.unknown_time), _share(one.filled_after_end),
            "-" if one.auc is None else f"{one.auc:.2f}", "suspicion" if one.suspicion else ""]


def _share(part: float | None) -> str:
    return "-" if part is None else f"{part:.0%}"
