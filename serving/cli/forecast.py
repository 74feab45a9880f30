"""`dealcast forecast`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from serving.cli.models import as_of_option, read_as_of, version_option
from serving.cli.output import emit, json_option, say, table

__all__ = ["forecast", "show_forecast"]


@click.command()
@as_of_option
@click.option("--from", "start", metavar="DATE", help="The period starts after this moment ...")
@click.option("--to", "end", metavar="DATE", help="... and ends with this one.")
@click.option("--period", metavar="2026-Q4", help="A whole fiscal quarter, instead of --from and --to.")
@click.option("--by", type=click.Choice(["owner"]), help="Also by owner.")
@version_option
@json_option
@click.pass_obj
def forecast(home_path: Path, as_of: str, start: str | None, end: str | None, period: str | None, by: str | None,
             version: int | None, as_json: bool) -> None:
    """Forecast what is won in a period.

    Number and amount of the deals won, from what was known at DATE, for a period that was not over then.
    """
    if period and (start or end):
        raise click.UsageError("Give --period, or --from and --to, not both.")
    if not period and not (start and end):
        raise click.UsageError("Which period? Give --from DATE and --to DATE, or --period 2026-Q4.")

    from features.home import Home
    from serving.champion import model_for
    from serving.dates import read_period
    from training.forecast import forecast as make_forecast

    home = Home.open(home_path)
    moment = read_as_of(as_of, home)
    first, last = read_period(period or None, start, end, home.mapping)
    chosen, model = model_for(home, "deals", moment, version)
    answer = make_forecast(model, home.history(moment), moment, first, last, home.settings, by_owner=by == "owner")
    answer["model"] = chosen.label
    if as_json:
        emit(answer)
    else:
        show_forecast(answer)


def show_forecast(answer: dict[str, Any]) -> None:
    """Print a forecast as a table of the total, its parts and, where there, its groups."""
    from serving.pages.words import money, number

    currency = answer["currency"]

    def line(name: str, count: dict[str, float], amount: dict[str, float]) -> list[str]:
        return [name, number(count["p50"], 1), f"{number(count['p10'])} to {number(count['p90'])}",
                money(amount["p50"], currency), f"{money(amount['p10'], currency)} to {money(amount['p90'], currency)}",
                money(amount["mean"], currency)]

    total = answer["total"]
    table(["", "deals won", "P10 to P90", "amount", "P10 to P90", "mean amount"],
          [line("Total", total["won_count"], total["won_amount"]),
           *(line(group.get("name") or group["id"], group["won_count"], group["won_amount"])
             for group in answer.get("groups", []))],
          title=f"Won after {answer['from']} up to {answer['to']}, as known at {answer['as_of']}")
    parts = {"won so far": "won_so_far", "open deals": "open", "deals not yet created": "new"}
    table(["of the mean", "deals", "amount"],
          [[name, number(total["parts"][key]["won_count"], 1), money(total["parts"][key]["won_amount"], currency)]
           for name, key in parts.items()])
    say(f"Model {answer['model']}.")
