"""`dealcast adjust`: what a manager calls for a person or a team, beside their own call and the model's forecast."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from serving.cli.by_hand import all_option, as_of_option, by_option, in_words, list_said, now_of, who
from serving.cli.output import emit, json_option, say

if TYPE_CHECKING:
    import pandas as pd

    from features.home import Home

__all__ = ["adjust"]

period_option = click.option("--period", required=True, metavar="2026-Q4", help="The fiscal quarter it is about.")


@click.group()
def adjust() -> None:
    """Call a number for a person or a team by hand.

    It stands beside their own call and the forecast, which go on as before. Nothing that was said is ever lost: as of a
    date, what stood then counts.
    """


@adjust.command("set")
@click.argument("owner_id", metavar="OWNER")
@period_option
@click.option("--amount", required=True, metavar="N", help="What is called, in the company's currency.")
@click.option("--note", required=True, metavar="TEXT", help="Why, for whoever reads the call later.")
@by_option
@json_option
@click.pass_obj
def set_command(home_path: Path, owner_id: str, period: str, amount: str, note: str, by: str | None,
                as_json: bool) -> None:
    """Call an amount for OWNER, a person or a manager's team, from now on; it replaces what was called before."""
    from features.adjustments import adjustments_as_of, set_adjustment
    from features.calendar import parse_period
    from features.home import Home

    home = Home.open(home_path)
    now = now_of(home)
    name = set_adjustment(home, owner_id, period, amount=amount, note=note, set_at=now, set_by=who(by))
    if parse_period(name, home.mapping)[1] <= now:
        click.echo(f"Note: {name} is over, so no forecast shows it any more.", err=True)
    standing = _rows(adjustments_as_of(home, now), home)
    (row,) = [one for one in standing if (one["owner_id"], one["period"]) == (owner_id, name)]
    if as_json:
        emit(row)
    else:
        say(f"{owner_id} is called at {_calls(row, home)} for {row['period']} from "
            f"{row['set_at']} on{'' if row['set_by'] is None else ', by ' + row['set_by']}. The own call and the "
            "forecast go on beside it.")


@adjust.command("remove")
@click.argument("owner_id", metavar="OWNER")
@period_option
@by_option
@json_option
@click.pass_obj
def remove(home_path: Path, owner_id: str, period: str, by: str | None, as_json: bool) -> None:
    """Take back now what was called by hand for OWNER."""
    from features.adjustments import remove_adjustment
    from features.home import Home

    home = Home.open(home_path)
    now = now_of(home)
    name = remove_adjustment(home, owner_id, period, now, who(by))
    if as_json:
        emit({"owner_id": owner_id, "period": name, "removed_at": in_words(now, home)})
    else:
        say(f"From {in_words(now, home)} on nothing is called by hand for {owner_id} in {name}.")


@adjust.command("list")
@as_of_option
@all_option
@json_option
@click.pass_obj
def list_command(home_path: Path, as_of: str | None, everything: bool, as_json: bool) -> None:
    """List the adjustments that stand."""
    from features.adjustments import adjustments_as_of, adjustments_log
    from features.home import Home

    home = Home.open(home_path)
    list_said(home, as_of, everything, as_json, kind="adjustment",
              rows_as_of=lambda at: _rows(adjustments_log(home) if at is None else adjustments_as_of(home, at), home),
              head=["for", "period", "calls", "since", "by", "note"],
              line=lambda row: [row["owner_id"], row["period"], _calls(row, home), row["set_at"],
                                row["set_by"] or "–", row["note"] or ""])


def _calls(row: dict[str, Any], home: Home) -> str:
    from serving.pages.words import money

    return "taken back" if row["amount"] is None else money(row["amount"], home.mapping.currency)


def _rows(found: pd.DataFrame, home: Home) -> list[dict[str, Any]]:
    import pandas as pd

    from features.money import to_major

    rows: list[dict[str, Any]] = []
    for row in found.to_dict("records"):
        plain = {str(name): None if pd.isna(value) else value for name, value in row.items()}
        amount = plain["amount"]
        rows.append({**plain, "amount": None if amount is None else to_major(amount, home.mapping.currency),
                     "set_at": in_words(int(row["set_at"]), home)})
    return rows
