"""`dealcast explain`: why one lead or deal has the score that it has."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from serving.cli.models import as_of_option, version_option
from serving.cli.output import emit, json_option, say, table

if TYPE_CHECKING:
    from features.mapping import Mapping
    from serving.company import Company

__all__ = ["explain"]


@click.group()
def explain() -> None:
    """Tell why a lead or deal has its score, what moved it, and what would change it."""


@explain.command("lead")
@click.argument("lead_id", metavar="LEAD")
@as_of_option
@version_option
@json_option
@click.pass_obj
def explain_lead(home_path: Path, lead_id: str, as_of: str, version: int | None, as_json: bool) -> None:
    """Explain the score of LEAD, which must be open at DATE."""
    company, said = _explained(home_path, "lead", lead_id, as_of, 28.0, version)
    if as_json:
        emit(said)
        return
    score = said["score"]
    say(f"{company.mapping.company}, lead {lead_id} as of {said['as_of']}, by model {said['model']}")
    say(f"{_percent(score['probability'])} to convert within its horizon{_interval(score)}: score {score['score']}, "
        f"grade {score['grade']}. The voice '{score['voice']}' speaks loudest."
        f"{' It is unlike anything that has closed so far.' if score['unlike'] else ''}")
    if score["probability_before"] is not None:
        say(f"Seven days before: {_percent(score['probability_before'])} ({score['change']:+.1f} points).")
    if score["override"]:
        hand = score["override"]
        value = hand["grade"] or _percent(hand["probability"])
        say(f"By hand, beside it: {value} until {hand['until'][:10]} ({hand['note']}).")
    _show(said)


@explain.command("deal")
@click.argument("deal_id", metavar="DEAL")
@as_of_option
@click.option("--within", default="28d", show_default=True, metavar="SPAN", help="The chance to be won in this time.")
@version_option
@json_option
@click.pass_obj
def explain_deal(home_path: Path, deal_id: str, as_of: str, within: str, version: int | None, as_json: bool) -> None:
    """Explain the chance of DEAL, which must be open at DATE, to be won within SPAN."""
    from features.calendar import parse_within

    days = parse_within(within)
    company, said = _explained(home_path, "deal", deal_id, as_of, days, version)
    if as_json:
        emit(said)
        return
    score = said["score"]
    say(f"{company.mapping.company}, deal {deal_id} as of {said['as_of']}, by model {said['model']}")
    say(f"{_percent(score['p_win'])} to be won within {days:g} days, {_percent(score['p_lose'])} to be lost. Won in "
        f"{said['this_period']}: {_percent(score['p_win_this_period'])}; in {said['next_period']}: "
        f"{_percent(score['p_win_next_period'])}; later: {_percent(score['p_win_later'])}.")
    for sentence in _sentences(score, company.mapping):
        say(sentence)
    if score["at_risk"]:
        say(f"At risk: {_percent(score['p_win_by_period_end'])} to be won by the end of the period in which it is "
            "expected.")
    if score["unlike"]:
        say("It is unlike anything that has closed so far.")
    _show(said)


def _sentences(score: dict[str, Any], mapping: Mapping) -> list[str]:
    from serving.pages import deal_words

    said = [deal_words.likely_close(score, mapping), deal_words.amount_at_close(score, mapping),
            deal_words.expected(score), deal_words.in_stage(score), deal_words.missing(score), deal_words.trend(score),
            deal_words.changes(score)]
    return [one for one in said if one]


def _explained(home_path: Path, kind: str, key: str, as_of: str, days: float,
               version: int | None) -> tuple[Company, dict[str, Any]]:
    from serving.company import Companies
    from serving.explained import explain_one

    company = Companies(home_path).now()
    return company, explain_one(company, kind, company.read_as_of(as_of), key, days, version)


def _show(said: dict[str, Any]) -> None:
    rows = [[one["text"], "for" if one["effect"] > 0 else "against",
             "actionable" if one["actionable"] else "context", f"{one['points']:+.1f}", f"{one['effect']:+.2f}"]
            for one in said["reasons"]]
    table(["why", "speaks", "", "points", "log-odds"], rows)
    rest = said["log_odds"] - said["base_log_odds"] - sum(one["effect"] for one in said["reasons"])
    say(f"Held against an average of {_percent(_chance(said['base_log_odds']))}; all other facts together {rest:+.2f}.")
    if said["moved"]:
        table(["what moved it in seven days", "log-odds"], [[one["text"], f"{one['change']:+.2f}"]
                                                           for one in said["moved"]])
    if said["what_if"]:
        table(["with …", "would be", "points"], [[one["text"], _percent(one["probability"]), f"{one['change']:+.1f}"]
                                                for one in said["what_if"]],
              title="What would change it: what went together in the past, not what doing it causes")


def _interval(score: dict[str, Any]) -> str:
    if score["probability_low"] is None:
        return ""
    return f" (80% sure: {_percent(score['probability_low'])} to {_percent(score['probability_high'])})"


def _chance(log_odds: float) -> float:
    import math

    return 1.0 / (1.0 + math.exp(-log_odds))


def _percent(share: float) -> str:
    return f"{share:.1%}"
