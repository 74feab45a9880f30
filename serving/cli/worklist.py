"""`dealcast worklist`: whom to call first, and what that would have reached in the past."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from serving.cli.models import as_of_option, read_as_of, version_option
from serving.cli.output import check_out_file, emit, json_option, say, table, write_frame

if TYPE_CHECKING:
    import pandas as pd

    from features.history import History
    from features.home import Home
    from training.hazard import HazardModel
    from training.worklist import Worklist

__all__ = ["worklist"]


def _check_out(context: click.Context, parameter: click.Parameter, path: Path | None) -> Path | None:
    return None if path is None else check_out_file(context, parameter, path)


@click.command()
@as_of_option
@click.option("--budget", type=click.IntRange(min=1), metavar="N", help="How many leads can be contacted.")
@click.option("--hours", type=click.FloatRange(min=0, min_open=True), metavar="H",
              help="Or for how long; value.hours_per_contact says how long one takes.")
@click.option("--evidence", is_flag=True, help="Instead: what such lists would have reached in the past.")
@click.option("--out", type=click.Path(path_type=Path), callback=_check_out, metavar="FILE",
              help="Also write the list to CSV or Parquet.")
@version_option
@json_option
@click.pass_obj
def worklist(home_path: Path, as_of: str, budget: int | None, hours: float | None, evidence: bool, out: Path | None,
             version: int | None, as_json: bool) -> None:
    """Whom to contact first within a budget.

    Open leads by expected value less what a contact costs, each with its band: leads of high intent came to us or get
    in touch, all others are of low intent, and what is expected is told of each band by itself.
    """
    if evidence and (budget is not None or hours is not None or out is not None):
        raise click.UsageError("--evidence tells of the past and draws up no list: leave --budget, --hours and --out "
                               "out.")
    if not evidence and (budget is None) == (hours is None):
        raise click.UsageError("How much can be done? Give --budget N (contacts) or --hours H, one of the two.")

    from features.home import Home
    from serving.champion import model_for

    home = Home.open(home_path)
    moment = read_as_of(as_of, home)
    chosen, model = model_for(home, "leads", moment, version)
    if evidence:
        _tell_evidence(model.evaluation, chosen.label, as_json)
        return
    from dataclasses import replace

    import pandas as pd

    from features.overrides import overrides_as_of
    from training.lead_scores import score
    from training.worklist import contacts_within
    from training.worklist import worklist as draw_up

    contacts = budget if hours is None else contacts_within(hours, home.settings)
    assert contacts is not None
    history = home.history(moment)
    found = draw_up(history, score(model, history, moment, home.settings), overrides_as_of(home, moment), moment,
                    contacts, home.settings)
    reasons = _reasons(model, history, found.rows["lead_id"].tolist(), moment)
    found = replace(found, rows=found.rows.assign(reason=pd.Series(reasons, dtype=object)))
    verdict = model.evaluation["verdict"]
    _tell(found, home, moment, chosen.label, contacts, out, as_json, verdict["sentence"])
    if len(found.rows) and not (as_json or verdict["skill"]):
        say(f"{chosen.label} orders this list, and its report says: {verdict['sentence']}")


def _reasons(model: HazardModel, history: History, ids: list[str], moment: int) -> list[str | None]:
    """What speaks most for each lead; None where nothing does."""
    import numpy as np

    from training.lead_conversion import window_end
    from training.reasons import explain_at

    subject, at = history.codes("lead", ids), np.full(len(ids), moment)
    explained = explain_at(model, history, subject, at, window_end(history, subject, at))
    return [next((one.text for one in each.reasons(1) if one.effect > 0), None) for each in explained]


def _tell(found: Worklist, home: Home, moment: int, label: str, contacts: int, out: Path | None,
          as_json: bool, verdict: str) -> None:
    from features.calendar import iso

    rows = _in_whole_units(found.rows, home)
    as_of, hours = iso(moment, home.mapping.zone), home.settings.value.hours_per_contact
    bands = _in_whole_units_of(found.bands, home)
    if out is not None:
        write_frame(rows, out)
    if as_json:
        leads = [{str(name): None if value is None or value != value else value for name, value in row.items()}
                 for row in rows.to_dict("records")]
        emit({"as_of": as_of, "model": label, "verdict": verdict, "currency": home.mapping.currency,
              "budget": contacts, "leads": leads,
              "hours": len(rows) * hours, "bands": bands, "beyond_budget": found.left, "not_worth": found.not_worth,
              "out": None if out is None else str(out)})
        return
    if not len(rows):
        say(f"There is nobody to contact as of {as_of}: "
            + ("no lead is open within its horizon." if not found.not_worth else
               f"{_counted(found.not_worth, 'open lead')} would bring less than a contact costs."))
        return
    _show(rows, bands, home, f"{_counted(len(rows), 'lead')} to contact first as of {as_of}, by model {label}")
    if found.left:
        say(f"{found.left:,} more would be worth a contact beyond the budget.")
    if found.not_worth:
        say(f"{_counted(found.not_worth, 'lead')} left out: not worth a contact.")
    say(f"It takes about {_counted(len(rows) * hours, 'hour')}."
        + ("" if out is None else f" The list is in {out}."))


def _counted(number: float, what: str) -> str:
    return f"{number:,g} {what}{'' if number == 1 else 's'}"


def _show(rows: pd.DataFrame, bands: list[dict[str, Any]], home: Home, title: str) -> None:
    from serving.pages.words import money

    currency = home.mapping.currency
    by_hand = bool(rows["said_grade"].notna().any() or rows["said_probability"].notna().any())
    head = ["rank", "lead", "intent", "probability", "expected value", "cost", *(["by hand"] if by_hand else []),
            "what speaks for it"]
    lines = []
    for row in rows.to_dict("records"):
        said = "–"
        if isinstance(row["said_grade"], str):
            said = f"grade {row['said_grade']}: {row['note']}"
        elif row["said_probability"] == row["said_probability"]:
            said = f"{row['said_probability']:.1%}: {row['note']}"
        lines.append([f"{row['rank']}", str(row["lead_id"]), str(row["band"]), f"{row['probability']:.1%}",
                      money(row["expected_value"], currency), money(row["cost"], currency),
                      *([said] if by_hand else []), row["reason"] or "–"])
    table(head, lines, title=title)
    table(["intent", "open leads", "contacts", "conversions expected", "value expected", "cost", "next lead's value"],
          [[one["band"], f"{one['open']:,}", f"{one['contacts']:,}", f"{one['expected_conversions']:.1f}",
            money(one["expected_value"], currency), money(one["cost"], currency),
            "–" if one["next_value"] is None else money(one["next_value"], currency)] for one in bands],
          title="By intent: high came to us or gets in touch, low was found and approached")


def _in_whole_units(rows: pd.DataFrame, home: Home) -> pd.DataFrame:
    from features.money import to_major

    return rows.assign(**{name: [to_major(one, home.mapping.currency) for one in rows[name]]
                          for name in ("expected_value", "cost")})


def _in_whole_units_of(bands: list[dict[str, Any]], home: Home) -> list[dict[str, Any]]:
    from features.money import to_major

    return [{**one, **{name: None if one[name] is None else to_major(one[name], home.mapping.currency)
                       for name in ("expected_value", "cost", "next_value")}} for one in bands]


def _tell_evidence(evaluation: dict[str, Any], label: str, as_json: bool) -> None:
    from features.errors import Conflict

    past = evaluation.get("worklist")
    if past is None:
        raise Conflict(f"{label} was trained before worklists were judged. Train it again: dealcast train leads "
                       "--as-of DATE")
    if as_json:
        emit({"model": label, **past})
        return
    bands = [one for one in past["bands"] if one["orders"]]
    if not bands:
        say("No earlier list can be judged yet: no earlier date has both enough behind it and its horizon's end "
            "after it.")
        return
    for one in bands:
        _show_band(one)
    say("AUC: of two leads, one that converted and one not, how often the first came before. First 10, 20, 30%: the "
        "share of the conversions that working so many of the leads reached (20% of them by the first 10% is a lift of "
        "2); amount: of the conversions' amounts. For 50, 80%: the share of the leads that it took to reach so many of "
        "the conversions.")
    say(f"{past['lists']} lists, as they would have been drawn up at earlier dates by the model of that time; "
        f"{past['horizon_days']:g} days were over for every lead in them. Means over the dates; a random order and "
        "leads with equal points are computed exactly.")
    if not past["rules"]:
        say("There were no rules to compare with: see dealcast rules.")


_NAMES = {"auc": "AUC", "reached_10": "first 10%", "reached_20": "first 20%", "reached_30": "first 30%",
          "amount_20": "amount in 20%", "needed_50": "for 50%", "needed_80": "for 80%"}


def _show_band(band: dict[str, Any]) -> None:
    from training.evidence.effort import ORDERS, in_words

    name = "All leads together" if band["band"] == "all" else f"Leads of {band['band']} intent"
    rate = band["conversions"] / band["leads"]
    table(["order", *_NAMES.values()],
          [[order, *(f"{band['orders'][order][measure]:.{'2f' if measure == 'auc' else '0%'}}" for measure in _NAMES)]
           for order in ORDERS if order in band["orders"]],
          title=f"{name}: {band['conversions']:,} conversions on lists of {band['leads']:,} leads ({rate:.1%}), "
                f"{_counted(band['origins'], 'date')}")
    for other in (one for one in ORDERS if one in band["against"]):
        said = [f"{_NAMES[measure]} {in_words(band['against'][other][measure])}"
                for measure in ("reached_20", "needed_50")]
        say(f"The model's order against {other}: {'; '.join(said)}.")
