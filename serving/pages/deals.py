"""The deals' pages as values for their templates: the open deals that deserve a look, and one deal with its curves."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote, urlencode

import pandas as pd

from features.calendar import DAY, local_date, parse_as_of
from serving import answers
from serving.champion import model_for
from serving.company import Company
from serving.explained import explain_one
from serving.pages import deal_words
from serving.pages.subject import explained, frame, sentence, trend
from serving.pages.words import GAP, day, fine_percent, money, number, percent, short_money
from training import deal_scores
from training.at_risk import in_words
from training.groups import owner_name
from training.hazard import HazardModel
from training.registry.versions import ModelVersion

__all__ = ["SORTS", "deal", "deals"]

SHOWN_DEALS = 50
SORTS = {"look": "what deserves a look", "amount": "amount", "chance": "chance", "slip": "chance to slip",
         "rising": "rise in seven days", "falling": "fall in seven days"}
# By sort: columns and whether each rises.
_BY = {"look": {"troubled": False, "amount": False}, "amount": {"amount": False}, "chance": {"p_win": False},
       "slip": {"p_slip": False}, "rising": {"change": False}, "falling": {"change": True}}
WIDTH, HEIGHT = 560.0, 180.0  # of the chart of a deal's outcomes


def deals(company: Company, as_of: int, sort: str, all_deals: bool) -> dict[str, Any]:
    """Values of deals.html. Raises DealcastError: no model for the date."""
    chosen, model = model_for(company.home, "deals", as_of)
    period, within = _this_period(company, as_of)
    scored = _scored(company, chosen, model, as_of, within)
    order = {**_BY[sort], "deal_id": True}
    ordered = scored.sort_values(list(order), ascending=list(order.values()), kind="stable")
    shown = ordered if all_deals else ordered.head(SHOWN_DEALS)
    because = answers.remembered_reasons(company, chosen, model, as_of,
                                         list(shown["deal_id"][:SHOWN_DEALS]), answers.deal_end(within))
    at = {"as_of": company.date(as_of)}
    rows = [_row(company, one, because.get(one["deal_id"]), at)
            for one in map(answers.named, shown.to_dict("records"))]
    risk = model.evaluation.get("at_risk")
    return {
        **frame(company, as_of, chosen), "rows": rows, "total": len(scored), "hidden": len(rows) < len(scored),
        "sort": sort, "sorts": SORTS, "period": period, "headline": _headline(company, scored, risk),
        "tiles": _tiles(company, scored, period, risk), "risk": in_words(risk),
        "dated": bool(scored["expected_close"].notna().any()),
        "all_address": f"/deals?{urlencode({**at, 'sort': sort, 'deals': 'all'})}",
    }


def deal(company: Company, as_of: int, key: str) -> dict[str, Any]:
    """Values of deal.html. Raises DealcastError: not known, not open, no model for the date."""
    period, within = _this_period(company, as_of)
    said = explain_one(company, "deal", as_of, key, within)
    chosen, _ = model_for(company.home, "deals", as_of)
    score, mapping = said["score"], company.mapping
    created = company.history.deals.created_at[company.history.codes("deal", [key])[0]]
    by = day(company.date(_period_end(company, as_of)))
    close = [_local(company, score[f"close_p{level}"]) for level in (10, 50, 90)]
    return {
        **frame(company, as_of, chosen), "id": key, "score": score, "standing": score["stage"] or GAP,
        "kind": score["kind"], "owner": owner_name(company.history, score["owner"]) if score["owner"] else GAP,
        "created": day(company.date(int(created))), "period": period, "next_period": said["next_period"],
        "headline": f"{fine_percent(score['p_win'])} to be won by {by}",
        "trend": trend(score["change"], score["p_win_before"]), "changes": deal_words.changes(score),
        "chances": [{"name": name, "chance": percent(score[column])} for name, column in (
            (period, "p_win_this_period"), (said["next_period"], "p_win_next_period"), ("later", "p_win_later"))],
        "close": {"middle": day(close[1]),
                  "range": f"{day(close[0])} – {day(close[2])}" if close[0] and close[2] else ""},
        "amount": _amount(company, score), "expected": _expected(score),
        "risk_chance": fine_percent(score["p_win_by_period_end"]) if score["at_risk"] is not None else "",
        "risk": in_words(said["at_risk"]),
        "facts": [one for one in (deal_words.expected(score), deal_words.likely_close(score, mapping),
                                  deal_words.amount_at_close(score, mapping), deal_words.in_stage(score),
                                  deal_words.missing(score)) if one],
        "curve": _curve(company, said["curve"], score, by, _period_end(company, as_of)),
        "weeks": [{"day": day(one["at"][:10]), "won": fine_percent(one["p_win"]), "lost": fine_percent(one["p_lose"]),
                   "open": fine_percent(one["p_open"])} for one in said["curve"]],
        **explained(said, score["p_win"]),
    }


def _this_period(company: Company, as_of: int) -> tuple[str, float]:
    """The name of the fiscal quarter that goes on, and how many days of it are left."""
    name, end = deal_scores.periods(as_of, company.mapping)[0]
    return name, (end - as_of) / DAY


def _period_end(company: Company, as_of: int) -> int:
    return deal_scores.periods(as_of, company.mapping)[0][1]


def _scored(company: Company, chosen: ModelVersion, model: HazardModel, as_of: int, within: float) -> pd.DataFrame:
    """Scores of all open deals, computed once for a moment; `troubled` marks those at risk or overdue."""
    def compute() -> pd.DataFrame:
        scored = deal_scores.score(model, company.history, as_of, within)
        return scored.assign(troubled=scored["at_risk"].eq(True) | scored["overdue"].eq(True))

    found: pd.DataFrame = company.remember(("deal scores", chosen.label, chosen.trained_at, as_of), compute)
    return found


def _row(company: Company, one: dict[str, Any], because: dict[str, Any] | None, at: dict[str, str]) -> dict[str, Any]:
    close = _local(company, one["close_p50"])
    days, low, high = (one[name] for name in ("days_in_stage", "won_stage_days_p25", "won_stage_days_p75"))
    usual = "" if low is None else f"won deals {number(low)}–{number(high)}"
    return {"id": one["deal_id"], "address": f"/deals/{quote(one['deal_id'], safe='/')}?{urlencode(at)}",
            "kind": one["kind"] if one["kind"] not in (None, "new") else "", "stage": one["stage"] or GAP,
            "days": "" if days is None else f"{number(days)} days", "usual": usual,
            "slow": days is not None and high is not None and days > high,
            "owner": owner_name(company.history, one["owner"]) if one["owner"] else GAP,
            "amount": money(one["amount"], company.mapping.currency), "share": min(max(one["p_win"], 0.0), 1.0),
            "chance": percent(one["p_win"]), "trend": trend(one["change"], one["p_win_before"]),
            "expected": _expected(one), "close": day(close), "at_risk": one["at_risk"], "overdue": one["overdue"],
            "unlike": one["unlike"], "reason": sentence(because["reason"]) if because else "",
            "direction": "up" if because and because["effect"] > 0 else "down"}


def _expected(one: dict[str, Any]) -> dict[str, str]:
    """The rep's day, and in a few words what becomes of it."""
    if one["expected_close"] is None:
        return {"day": GAP, "note": "no expected close"}
    if one["overdue"]:
        late = "" if one["slip_days"] is None else f", {number(one['slip_days'])} days late if won"
        return {"day": day(one["expected_close"]), "note": f"overdue{late}"}
    note = "too far away to say" if one["p_slip"] is None else f"{percent(one['p_slip'])} to slip"
    return {"day": day(one["expected_close"]), "note": note}


def _amount(company: Company, score: dict[str, Any]) -> dict[str, str]:
    currency = company.mapping.currency
    low, middle, high = (money(score[f"amount_close_p{level}"], currency) for level in (10, 50, 90))
    if middle == GAP:
        return {"middle": GAP, "note": "no amount is known"}
    return {"middle": middle, "note": f"{low} – {high}, if it is won" if low != high else "if it is won"}


def _local(company: Company, text: str | None) -> Any:
    zone = company.mapping.zone
    return None if text is None else local_date(parse_as_of(text, zone), zone)


def _headline(company: Company, scored: pd.DataFrame, risk: dict[str, Any] | None) -> str:
    n = len(scored)
    if not n:
        return "No deal is open."
    flagged = scored[scored["at_risk"].eq(True)]
    deals_open = "One deal is open" if n == 1 else f"{number(n)} deals are open"
    if not risk or risk["cutoff"] is None:
        return f"{deals_open}."
    if not len(flagged):
        return f"{deals_open}, none of them at risk."
    amount = float(flagged["amount"].sum())
    worth = f", {short_money(amount, company.mapping.currency)} in all" if amount > 0 else ""
    return f"{number(len(flagged))} of {number(n)} open deals {'is' if len(flagged) == 1 else 'are'} at risk{worth}."


def _tiles(company: Company, scored: pd.DataFrame, period: str, risk: dict[str, Any] | None) -> list[dict[str, str]]:
    currency = company.mapping.currency

    def counted(rows: pd.DataFrame) -> tuple[str, str]:
        amount = float(rows["amount"].sum())
        return number(len(rows)), short_money(amount, currency) if amount > 0 or not len(rows) else "no amounts known"

    everything, late = counted(scored), counted(scored[scored["overdue"].eq(True)])
    flagged = counted(scored[scored["at_risk"].eq(True)])
    expected = float(scored["p_win_this_period"].sum())
    value = float((scored["p_win_this_period"] * scored["amount_close"]).sum())
    said = bool(risk and risk["cutoff"] is not None)
    return [
        {"kind": "open", "name": "Open", "figure": everything[0], "note": everything[1]},
        {"kind": "won", "name": f"Expected to be won in {period}",
         "figure": number(expected, 0 if expected >= 10 else 1),
         "note": short_money(value, currency) if value > 0 else GAP},
        {"kind": "risk", "name": "At risk", "figure": flagged[0] if said else GAP,
         "note": flagged[1] if said else "nobody can say: see above"},
        {"kind": "reps", "name": "Overdue", "figure": late[0],
         "note": f"{late[1]}: the rep’s day has passed" if late[0] != "0" else "no rep’s day has passed"},
    ]


def _curve(company: Company, weeks: list[dict[str, Any]], score: dict[str, Any], by: str,
           period_end: int) -> dict[str, Any]:
    """The chances by week as shapes: won from below, lost from above."""
    start, end = (parse_as_of(weeks[i]["at"], company.mapping.zone) for i in (0, -1))
    span = max(end - start, 1)

    def x(moment: int) -> float:
        return round(WIDTH * (moment - start) / span, 1)

    at = [x(parse_as_of(one["at"], company.mapping.zone)) for one in weeks]
    won = [round(HEIGHT * (1 - one["p_win"]), 1) for one in weeks]
    lost = [round(HEIGHT * one["p_lose"], 1) for one in weeks]
    marks: list[dict[str, Any]] = []
    if start < period_end < end:
        marks = [{"x": x(period_end), "text": by, "side": "start"}]
    if score["expected_close"] is not None:
        expected = parse_as_of(score["expected_close"], company.mapping.zone) + DAY - 1
        if start < expected < end:
            here = x(expected)
            marks = [one for one in marks if abs(one["x"] - here) > 90]
            marks.append({"x": here, "text": "rep’s day", "side": "start" if here < WIDTH - 90 else "end"})
    last = weeks[-1]
    return {
        "width": WIDTH, "height": HEIGHT, "marks": marks,
        "won": " ".join([f"0,{HEIGHT}", *(f"{a},{b}" for a, b in zip(at, won, strict=True)), f"{WIDTH},{HEIGHT}"]),
        "lost": " ".join(["0,0", *(f"{a},{b}" for a, b in zip(at, lost, strict=True)), f"{WIDTH},0"]),
        "ticks": [{"x": 0.0, "text": day(weeks[0]["at"][:10]), "side": "start"},
                  {"x": WIDTH, "text": day(last["at"][:10]), "side": "end"}],
        "won_y": round((HEIGHT + won[-1]) / 2 + 5, 1), "lost_y": round(max(lost[-1] / 2 + 5, 12.0), 1),
        "won_share": percent(last["p_win"]), "lost_share": percent(last["p_lose"]),
        "text": f"By {day(last['at'][:10])} won {percent(last['p_win'])}, lost {percent(last['p_lose'])}, still open "
                f"{percent(last['p_open'])}",
    }
