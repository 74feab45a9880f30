"""`dealcast forecast`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from serving.cli.models import as_of_option, note_silence, read_as_of, version_option
from serving.cli.output import emit, json_option, say, table

if TYPE_CHECKING:
    import pandas as pd

    from features.history import History

__all__ = ["forecast", "show_forecast"]

SHOWN_DEALS = 5


@click.command()
@as_of_option
@click.option("--from", "start", metavar="DATE", help="The period starts with this day, or after this moment ...")
@click.option("--to", "end", metavar="DATE", help="... and ends with this one, a day being whole.")
@click.option("--period", metavar="2026-Q4", help="A whole fiscal quarter, instead of --from and --to.")
@click.option("--by", type=click.Choice(["owner", "manager", "team", "region", "product", "kind", "currency"]),
              help="Also by one of these, from the same draws.")
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

    from features.adjustments import adjustments_as_of
    from features.home import Home
    from serving.champion import model_for
    from serving.dates import read_period
    from training.called import people_of, with_people
    from training.forecast import forecast as make_forecast

    home = Home.open(home_path)
    moment = read_as_of(as_of, home)
    first, last = read_period(period or None, start, end, home.mapping)
    chosen, model = model_for(home, "deals", moment, version)
    history = home.history(moment)
    note_silence(home, moment)
    _note_no_intake(history, moment, home.settings.forecast.recent_weeks)
    answer = make_forecast(model, history, moment, first, last, home.settings, [by] if by else [])
    answer["model"] = chosen.label
    people, by_hand = people_of(history, moment, first, last), adjustments_as_of(home, moment)
    _note_no_quarter(history, by_hand, first, last)
    answer = with_people(answer, people, by_hand, history, first, last)
    if as_json:
        emit(answer)
    else:
        show_forecast(answer)


def _note_no_intake(history: History, moment: int, recent_weeks: int) -> None:
    """Say on stderr where no deal was created of late, so that none is expected to come."""
    from features.calendar import DAY, iso

    created = history.deals.created_at
    if len(created) and moment - int(created.max()) > recent_weeks * 7 * DAY:
        click.echo(f"Note: no deal was created in the {recent_weeks} weeks before that date, the newest at "
                   f"{iso(int(created.max()), history.mapping.zone)}. New ones are expected to come as they did then: "
                   "none. Import a newer export, or ask as of an earlier date.", err=True)


def _note_no_quarter(history: History, by_hand: pd.DataFrame, start: int, end: int) -> None:
    """Say on stderr that quotas, calls and adjustments are left out, where there are any and the period is no fiscal
    quarter."""
    from features.calendar import fiscal_quarter, local_date

    mapping = history.mapping
    name, first, last = fiscal_quarter(start + 1, mapping)
    told = len(history.tables["quotas"]) or len(history.tables["calls"]) or len(by_hand)
    if told and (start, end) != (first, last):
        days = f"--from {local_date(first + 1, mapping.zone)} --to {local_date(last, mapping.zone)}"
        click.echo("Note: quotas, calls and adjustments are of whole fiscal quarters, so none stands beside this "
                   f"period. {name} is {days}, or --period {name}.", err=True)


def show_forecast(answer: dict[str, Any]) -> None:
    """Print a forecast as a table of the total and, where there, its groups; its parts; and the deals it hangs on."""
    from serving.pages.words import money, number, percent

    currency, total, groups = answer["currency"], answer["total"], answer.get("groups", [])
    only_numbers = total["won_count"]["mean"] > 0 and not any(total["won_amount"].values())

    def line(name: str, count: dict[str, float], amount: dict[str, float]) -> list[str]:
        numbers = [name, number(count["p50"], 1), f"{number(count['p10'])} to {number(count['p90'])}"]
        return numbers if only_numbers else [
            *numbers, money(amount["p50"], currency),
            f"{money(amount['p10'], currency)} to {money(amount['p90'], currency)}",
            f"{money(amount['p25'], currency)} to {money(amount['p75'], currency)}", money(amount["mean"], currency)]

    head = ["", "deals won", "P10 to P90", "amount", "P10 to P90", "P25 to P75", "mean amount"]
    table(head[:3] if only_numbers else head,
          [line("Total", total["won_count"], total["won_amount"]),
           *(line(group["name"], group["won_count"], group["won_amount"]) for group in groups)],
          title=f"Won after {answer['from']} up to {answer['to']}, as known at {answer['as_of']}")
    parts = {"won so far": "won_so_far", "open deals": "open", "deals not yet created": "new"}
    width = 2 if only_numbers else 3
    table(["of the mean", "deals", "amount"][:width],
          [[name, number(total["parts"][key]["won_count"], 1),
            money(total["parts"][key]["won_amount"], currency)][:width] for name, key in parts.items()])
    if only_numbers:
        _show_people(answer)  # who calls or adjusts an amount is told it all the same
        say(f"No deal has an amount, so only numbers are forecast. Model {answer['model']}.")
        return
    if held := [one for one in ({"name": "Total", **total}, *groups) if "quota" in one]:
        table(["quota", "amount", "expected", "chance to reach it"],
              [[one["name"], money(one["quota"], currency), money(one["won_amount"]["mean"], currency),
                percent(one["p_quota"])] for one in held])
    if moved := [group for group in groups if any(group.get("re_owned", {}).values())]:
        table(["re-owned since the period began", "deals", "amount"],
              [[group["name"], number(group["re_owned"]["won_count"]), money(group["re_owned"]["won_amount"], currency)]
               for group in moved])
    _show_people(answer)
    if answer["concentration"]:
        table(["without the deal", "owner", "amount", "won in the period", "P50 falls by"],
              [[one["deal_id"], one["owner_name"], money(one["amount"], currency), percent(one["p_win"]),
                money(one["p50_falls_by"], currency)] for one in answer["concentration"][:SHOWN_DEALS]])
    say(f"Model {answer['model']}.")


def _show_people(answer: dict[str, Any]) -> None:
    """Print what people call, what managers make of it and what usually came of such calls."""
    from serving.pages.words import GAP, came_of_calls, money
    from training.reps import CATEGORIES

    if "people" not in answer:
        return
    currency = answer["currency"]
    lines = [{"name": "Total", **answer}, *(one for one in answer["groups"] if "people" in one)]
    shown = [one for one in CATEGORIES if one != "other" or answer["people"]["categories"][one]]
    rows = []
    for one in lines:
        said, categories = one["people"], one["people"]["categories"]
        rows.append([one["name"], *(money(categories[name], currency) for name in shown),
                     money(said["called"], currency), money(said["adjusted"], currency),
                     money(said["usually_comes"], currency),
                     came_of_calls(said)])
    table(["people's numbers", *shown, "called", "adjusted", "usually comes", "share that came, in periods"], rows)
    if adjustments := answer["people"]["adjustments"]:
        table(["adjusted by hand", "to", "by", "since", "note"],
              [[one["name"], money(one["amount"], currency), one["by"] or GAP, one["at"], one["note"] or GAP]
               for one in adjustments])
