"""`dealcast override`: what a person says of a lead, beside what its model says."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from serving.cli.by_hand import all_option, as_of_option, by_option, in_words, list_said, now_of, who
from serving.cli.output import emit, json_option, say

if TYPE_CHECKING:
    import pandas as pd

    from features.home import Home

__all__ = ["override"]


@click.group()
def override() -> None:
    """Say by hand what a lead is worth, for a time.

    It stands beside the model's own score, which goes on as before. Nothing that was said is ever lost: as of a date,
    what stood then counts.
    """


@override.command("set")
@click.argument("lead_id", metavar="LEAD")
@click.option("--grade", type=click.Choice(["A", "B", "C", "D"]), help="A grade, or ...")
@click.option("--probability", type=float, metavar="P", help="... a probability between 0 and 1.")
@click.option("--note", required=True, metavar="TEXT", help="Why, for whoever reads the score later.")
@click.option("--until", required=True, metavar="DATE", help="When it ends: 00:00 of that day, or a time.")
@by_option
@json_option
@click.pass_obj
def set_command(home_path: Path, lead_id: str, grade: str | None, probability: float | None, note: str, until: str,
                by: str | None, as_json: bool) -> None:
    """Say a grade or a probability of LEAD from now on; it replaces what was said before."""
    if (grade is None) == (probability is None):
        raise click.UsageError("Say one of the two: --grade A, or --probability 0.6.")

    from features.home import Home
    from features.overrides import set_override
    from serving.dates import read_moment

    home = Home.open(home_path)
    now, end = now_of(home), read_moment(until, home.mapping.zone, "until")
    set_override(home, lead_id, grade=grade, probability=probability, note=note, until=end, set_at=now,
                 set_by=who(by))
    _show_one(home, lead_id, now, as_json)


@override.command("remove")
@click.argument("lead_id", metavar="LEAD")
@by_option
@json_option
@click.pass_obj
def remove(home_path: Path, lead_id: str, by: str | None, as_json: bool) -> None:
    """End the override of LEAD now."""
    from features.home import Home
    from features.overrides import remove_override

    home = Home.open(home_path)
    now = now_of(home)
    remove_override(home, lead_id, now, who(by))
    if as_json:
        emit({"lead_id": lead_id, "removed_at": in_words(now, home)})
    else:
        say(f"From {in_words(now, home)} on nothing is said of lead {lead_id} by hand.")


@override.command("list")
@as_of_option
@all_option
@json_option
@click.pass_obj
def list_command(home_path: Path, as_of: str | None, everything: bool, as_json: bool) -> None:
    """List the overrides that stand."""
    from features.home import Home
    from features.overrides import overrides_as_of, overrides_log

    home = Home.open(home_path)
    list_said(home, as_of, everything, as_json, kind="override",
              rows_as_of=lambda at: _rows(overrides_log(home) if at is None else overrides_as_of(home, at), home),
              head=["lead", "says", "from", "until", "by", "note"],
              line=lambda row: [row["lead_id"], _says(row), str(row["set_at"]), row["until"] or "–",
                                row["set_by"] or "–", row["note"] or ""])


def _rows(found: pd.DataFrame, home: Home) -> list[dict[str, Any]]:
    import pandas as pd

    def plain(name: str, value: Any) -> Any:
        if pd.isna(value):
            return None
        return in_words(int(value), home) if name in ("until", "set_at") else value

    return [{str(name): plain(str(name), value) for name, value in row.items()} for row in found.to_dict("records")]


def _says(row: dict[str, Any]) -> str:
    if row["grade"] is not None:
        return f"grade {row['grade']}"
    return f"{row['probability']:.1%}" if row["probability"] is not None else "removed"


def _show_one(home: Home, lead_id: str, now: int, as_json: bool) -> None:
    from features.overrides import overrides_as_of

    (row,) = _rows(overrides_as_of(home, now, [lead_id]), home)
    if as_json:
        emit(row)
        return
    say(f"Lead {lead_id}: {_says(row)} from {row['set_at']} until {row['until']}"
        f"{'' if row['set_by'] is None else ', by ' + row['set_by']}. The model's own score goes on beside it.")
