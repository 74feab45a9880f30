"""The managers' page as values for its template: everything is computed and worded here, the template only lays out."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

import numpy as np
import pandas as pd

from features.asof import AsOf, category
from features.calendar import DAY, parse_as_of
from features.money import to_major
from serving import answers
from serving.company import Company
from serving.dates import SILENCE_DAYS
from serving.pages.charts import Bar
from serving.pages.periods import Period, choices, period_at
from serving.pages.record import Measure, Past, past_periods, record_in_words
from serving.pages.words import GAP, came_of_calls, day, moment, money, number, percent, short_money
from training import deal_close
from training.amounts import amount_of
from training.groups import BY, has, owner_name, owner_of
from training.hazard import HazardModel
from training.registry.versions import versions
from training.reps import CATEGORIES, reps_call

__all__ = ["beside_reps", "chart_bars", "chart_in_words", "overview"]

NO_BREAK, JOINER = "\u00a0", "\u2060"
SHOWN_DEALS = 25
SHOWN_PERIODS = 8
SHOWN_LARGEST = 5


def overview(company: Company, as_of: int, period_text: str | None, all_deals: bool, by: str) -> dict[str, Any]:
    """Values of overview.html, with the forecast's lines by owner, team and so on.

    Raises DealcastError: no model for the date, a period that is over, a date that lies ahead, a grouping without data.
    """
    period = period_at(period_text, as_of, company.mapping)
    chosen, model, said = answers.forecast(company, as_of, period.start, period.end, by)
    measure = _measure(company)
    past = past_periods(model.evaluation, measure, company.mapping)[-SHOWN_PERIODS:]
    reps = _reps(company, as_of, period, measure, said)
    spread, write = said["total"][measure], _writer(company, measure)
    at = {"at": as_of, "period": period.value}
    return {
        "company": company.mapping.company, "simulated": company.mapping.simulated, "period": period,
        "picker": {"date": company.date(as_of), "last": company.date(company.present()),
                   "first": company.date(min(one.as_of for one in versions(company.home, "deals"))),
                   "periods": choices(as_of, period, company.mapping)},
        "stale": _stale(company, as_of),
        "headline": {"forecast": _headline(period, spread, write), "record": _record(period, past, as_of)},
        "tiles": _tiles(company, said, reps, measure, as_of),
        "parts_note": f"The three parts are means and add up to {write(spread['mean'])}; the middle of the range is "
                      f"{write(spread['p50'])}." + _about_quota(said["total"], company.mapping.currency),
        "chart": {"address": f"/charts/forecast.svg?{urlencode(at)}",
                  "description": chart_in_words(period, spread, past, reps, write)},
        "history_fits": _same_length(period, past),
        "current": {"low": write(spread["p10"]), "middle": write(spread["p50"]), "high": write(spread["p90"]),
                    "won": write(said["total"]["parts"]["won_so_far"][measure]) if period.start < as_of else None,
                    "reps": write(reps), "called": _is_called(said, measure)},
        "past": [{"name": one.name, "low": write(one.low), "middle": write(one.middle), "high": write(one.high),
                  "actual": write(one.actual), "held": one.held, "reps": write(one.reps)} for one in reversed(past)],
        "lines": _lines(company, said, measure, as_of, period, by),
        "people": _people(company, said), "largest": _largest(company, said),
        "deals": _deals(company, model, as_of, period, all_deals),
        "as_of": company.iso(as_of), "zone": company.mapping.time_zone,
        "model": {"label": chosen.label, "as_of": company.iso(chosen.as_of)},
        "last_import": company.iso(company.last_import),
    }


def chart_bars(company: Company, as_of: int, period_text: str | None) -> tuple[list[Bar], str | None, str]:
    """Bars of the forecast's chart, the currency (None: counts) and the chart in words. Raises DealcastError."""
    period = period_at(period_text, as_of, company.mapping)
    _, model, said = answers.forecast(company, as_of, period.start, period.end)
    measure = _measure(company)
    past = past_periods(model.evaluation, measure, company.mapping)[-SHOWN_PERIODS:]
    reps = _reps(company, as_of, period, measure, said)
    spread = said["total"][measure]
    shown = past if _same_length(period, past) else []
    bars = [Bar(one.name, one.low, one.middle, one.high, actual=one.actual, reps=one.reps) for one in shown]
    bars.append(Bar(period.name, spread["p10"], spread["p50"], spread["p90"], reps=reps, past=False,
                    won_so_far=said["total"]["parts"]["won_so_far"][measure]))
    currency = company.mapping.currency if measure == "won_amount" else None
    return bars, currency, chart_in_words(period, spread, past, reps, _writer(company, measure))


def chart_in_words(period: Period, spread: dict[str, float], past: list[Past], reps: float | None, write: Any) -> str:
    """What the chart shows, for who cannot see it; the table beneath has every number."""
    said = (f"{period.name}: between {write(spread['p10'])} and {write(spread['p90'])}, "
            f"most likely {write(spread['p50'])}")
    said += f"; the reps call {write(reps)}." if reps is not None else "."
    return f"{said} {record_in_words(past)}" if past else said


def _stale(company: Company, as_of: int) -> dict[str, str] | None:
    """The last day of which anything is known, where that is long before `as_of`."""
    if as_of - company.last_known <= SILENCE_DAYS * DAY:
        return None
    last = company.date(company.last_known)
    return {"last": last, "address": f"/?{urlencode({'as_of': last})}"}


def _measure(company: Company) -> Measure:
    """Amounts where the company's deals have any, else numbers of deals."""
    return "won_amount" if len(company.history.changes("deal", "amount")) else "won_count"


def _writer(company: Company, measure: Measure) -> Any:
    if measure == "won_count":
        return lambda value: GAP if value is None else number(value, 0 if value >= 10 else 1)
    return lambda value: short_money(value, company.mapping.currency)


def _reps(company: Company, as_of: int, period: Period, measure: Measure, said: dict[str, Any]) -> float | None:
    """What people said for the period themselves, where anybody did, else what follows from what they say of deals."""
    if _is_called(said, measure):
        return float(said["people"]["called"])
    called: dict[str, float] | None = company.remember(
        ("reps", as_of, period.start, period.end),
        lambda: reps_call(company.history, as_of, period.start, period.end))
    return called[measure] if called else None


def _is_called(said: dict[str, Any], measure: Measure) -> bool:
    """Whether anybody said a number for the period themselves; they say amounts."""
    return measure == "won_amount" and "people" in said and bool(said["people"]["said"])


def _headline(period: Period, spread: dict[str, float], write: Any) -> str:
    unit = "" if write(1.0)[0] not in "0123456789" else " wins"
    low, high = write(spread["p10"]), write(spread["p90"])
    # Kept together where the line breaks.
    # On a phone the line may break before the range, not within it.
    sure = f"(80%{NO_BREAK}sure: {low}–{JOINER}{high})" if low != high else f"(80%{NO_BREAK}sure)"
    return f"{period.name} will most likely bring {write(spread['p50'])}{unit} {sure}."


def _record(period: Period, past: list[Past], as_of: int) -> str:
    """How past forecasts did, and whether this one is made as they were or earlier."""
    said = record_in_words(past)
    if past and period.start - as_of > DAY:
        said += f" How sure it is so long before the start, as here of {period.name}, was not tested."
    return said


def _tiles(company: Company, said: dict[str, Any], reps: float | None, measure: Measure,
           as_of: int) -> list[dict[str, str]]:
    parts, write = said["total"]["parts"], _writer(company, measure)
    n_open = len(company.outcomes("deal").open_at(as_of))

    def deals(count: float) -> str:
        shown = number(count, 0 if count >= 10 else 1)
        return "fewer than 0.1 deals" if 0 < count < 0.05 else f"{shown} {'deal' if shown == '1' else 'deals'}"

    tiles = [
        {"kind": "won", "name": "Won so far", "figure": write(parts["won_so_far"][measure]),
         "note": deals(round(parts["won_so_far"]["won_count"]))},
        {"kind": "open", "name": "Expected from open deals", "figure": write(parts["open"][measure]),
         "note": f"{deals(parts['open']['won_count'])} of {number(n_open)}"},
        {"kind": "new", "name": "From deals not yet created", "figure": write(parts["new"][measure]),
         "note": deals(parts["new"]["won_count"])},
    ]
    middle = said["total"][measure]["p50"]
    if reps is None:
        tiles.append({"kind": "reps", "name": "The reps’ call", "figure": GAP,
                      "note": "This export has no expected close dates with a category or a chance."})
    else:
        tiles.append({"kind": "reps", "name": "The reps’ call", "figure": write(reps),
                      "note": beside_reps(reps, parts["won_so_far"][measure], middle)})
    return tiles


def beside_reps(reps: float, won: float, middle: float) -> str:
    """How far the reps' call is from our middle, where anything is called."""
    if reps <= 0:
        return "Nobody has called anything yet."
    if reps <= won:
        return "Nothing is called beyond what is won."
    return f"{abs(reps - middle) / middle:.0%} {'above' if reps > middle else 'below'} our middle" if middle > 0 else ""


def _same_length(period: Period, past: list[Past]) -> bool:
    days = (period.end - period.start) / DAY
    return all(abs(one.days - days) <= 0.1 * days for one in past)


def _lines(company: Company, said: dict[str, Any], measure: Measure, as_of: int, period: Period,
           by: str) -> dict[str, Any]:
    """The forecast by owner or another grouping, and the addresses of the other groupings that there are."""
    write, currency, rows = _writer(company, measure), company.mapping.currency, []
    for group in said["groups"]:
        spread, so_far = group[measure], group["parts"]["won_so_far"][measure]
        if spread["p90"] <= 0 and spread["mean"] <= 0:
            continue
        rows.append({"name": group["name"], "won": write(so_far) if so_far else GAP, "expected": write(spread["mean"]),
                     "low": write(spread["p10"]), "high": write(spread["p90"]),
                     "count": number(group["won_count"]["mean"], 1),
                     "quota": _quota(group, currency),
                     "bar": {"low": spread["p10"], "expected": spread["mean"], "high": spread["p90"], "won": so_far}})
    widest = max((max(group[measure]["p90"], group[measure]["mean"]) for group in said["groups"]), default=0.0)
    at, known = {"as_of": company.date(as_of), "period": period.value}, company.history.until(as_of)
    return {"by": by, "rows": rows, "scale": widest or 1.0, "have_won": any(row["bar"]["won"] for row in rows),
            "have_quota": any("quota" in group for group in said["groups"]),
            "others": [{"name": one, "address": f"/?{urlencode({**at, 'by': one})}#lines"}
                       for one in BY if one != by and has(known, one)]}


def _about_quota(total: dict[str, Any], currency: str) -> str:
    if "quota" not in total:
        return ""
    return (f" The chance to reach the quota of {short_money(total['quota'], currency)} is "
            f"{percent(total['p_quota'])}.")


def _quota(line: dict[str, Any], currency: str) -> str:
    return f"{percent(line['p_quota'])} of {short_money(line['quota'], currency)}" if "quota" in line else GAP


def _people(company: Company, said: dict[str, Any]) -> dict[str, Any] | None:
    """What people call beside the forecast: the company, then its owners or managers, and every adjustment that stands;
    None where nobody calls anything."""
    if "people" not in said:
        return None

    def write(value: float) -> str:
        return short_money(value, company.mapping.currency)

    categories = [one for one in CATEGORIES if one != "other" or said["people"]["categories"][one]]
    rows = []
    for one in [{"name": company.mapping.company, **said}, *said["groups"]]:
        if "people" in one:
            told = one["people"]
            rows.append({"name": one["name"], "called": write(told["called"]), "adjusted": write(told["adjusted"]),
                         "usually": write(told["usually_comes"]), "learned": came_of_calls(told),
                         "categories": {name: write(told["categories"][name]) for name in categories}})
    adjustments = [{"name": one["name"], "amount": write(one["amount"]), "by": one["by"] or GAP,
                    "at": moment(one["at"]), "note": one["note"] or ""} for one in said["people"]["adjustments"]]
    return {"categories": categories, "rows": rows, "adjustments": adjustments}


def _largest(company: Company, said: dict[str, Any]) -> list[dict[str, str]]:
    """The open deals that the forecast hangs on: those without which its middle falls by a hundredth or more."""
    currency = company.mapping.currency
    return [{"id": one["deal_id"], "owner": one["owner_name"], "amount": money(one["amount"], currency),
             "p_win": percent(one["p_win"]), "fall": short_money(one["p50_falls_by"], currency)}
            for one in said["concentration"][:SHOWN_LARGEST]
            if one["p50_falls_by"] >= 0.01 * said["total"]["won_amount"]["p50"] > 0]


def _deals(company: Company, model: HazardModel, as_of: int, period: Period, all_deals: bool) -> dict[str, Any]:
    """The open deals that matter most: by amount × P(won in the period)."""
    subject = company.outcomes("deal").open_at(as_of)
    history, at = company.history, np.full(len(subject), as_of)
    scored = _scores(company, model, as_of, period, [str(one) for one in history.deals.ids[subject]])
    pairs = AsOf(history, "deal", subject, at)
    amount = amount_of(history, subject, at)
    scored = scored.assign(stage=category(history.changes("deal", "stage"), pairs), amount=amount,
                           owner=owner_of(history, subject, at), matters=scored["p_win"] * np.nan_to_num(amount))
    scored = scored.sort_values(["matters", "p_win"], ascending=False, kind="stable")
    shown = scored if all_deals else scored.head(SHOWN_DEALS)
    # The reasons are of the first ones only: that of a deal nobody looks at is not worth the wait.
    within_days = (period.end - as_of) / DAY
    because = answers.top_reasons(company, model, as_of, list(shown["deal_id"][:SHOWN_DEALS]),
                                  answers.deal_end(within_days))
    names = {owner: owner_name(history, owner) for owner in shown["owner"].unique()}
    rows = [_deal(company, one, names[one["owner"]], because.get(one["deal_id"]))
            for one in map(answers.named, shown.to_dict("records"))]
    every = {"as_of": company.date(as_of), "period": period.value, "deals": "all"}
    last = company.date(period.end)
    return {"rows": rows, "total": len(scored), "hidden": len(rows) < len(scored),
            "all_address": f"/?{urlencode(every)}",
            "within": f"by {day(last)[:-5]}" if period.start <= as_of else f"in {period.name}"}


def _scores(company: Company, model: HazardModel, as_of: int, period: Period, ids: list[str]) -> pd.DataFrame:
    """Scores of open deals with `p_win` in the period: by its end, less by its start where that is still to come."""
    def compute() -> pd.DataFrame:
        by_end = deal_close.score(model, company.history, as_of, (period.end - as_of) / DAY, ids=ids)
        if period.start <= as_of:
            return by_end
        by_start = deal_close.score(model, company.history, as_of, (period.start - as_of) / DAY, ids=ids)
        return by_end.assign(p_win=by_end["p_win"] - by_start["p_win"])

    found: pd.DataFrame = company.remember(("deals", model.as_of, as_of, period.start, period.end), compute)
    return found


def _deal(company: Company, one: dict[str, Any], owner: str, because: dict[str, Any] | None) -> dict[str, Any]:
    currency, p_win = company.mapping.currency, float(one["p_win"])
    # Scores give moments in UTC; the page gives days on the company's own clock.
    close = [None if pd.isna(one[name]) else day(company.date(parse_as_of(one[name], company.mapping.zone)))
             for name in ("close_p10", "close_p50", "close_p90")]
    return {"id": one["deal_id"], "stage": one["stage"] or GAP, "owner": owner,
            "amount": GAP if pd.isna(one["amount"]) else money(to_major(one["amount"], currency), currency),
            "share": min(max(p_win, 0.0), 1.0), "p_win": percent(p_win), "close": close[1] or GAP,
            "close_range": f"{close[0]} – {close[2]}" if close[0] and close[2] else "",
            "reason": because["reason"][:1].upper() + because["reason"][1:] if because else "",
            "direction": "up" if because and because["effect"] > 0 else "down"}
