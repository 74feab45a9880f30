"""The leads' pages as values for their templates: the list of open leads, and one lead with its reasons."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote, urlencode

import numpy as np
import pandas as pd

from features.asof import AsOf, category
from serving import answers
from serving.champion import model_for
from serving.company import Company
from serving.explained import explain_one
from serving.pages.subject import explained, frame, sentence, trend
from serving.pages.words import GAP, day, fine_percent, money, number, percent
from training import lead_scores
from training.groups import owner_name
from training.hazard import HazardModel
from training.lead_conversion import window_end
from training.registry.versions import ModelVersion

__all__ = ["SORTS", "lead", "leads"]

SHOWN_LEADS = 50
SORTS = {"score": "score", "value": "expected value", "rising": "rise in seven days", "falling": "fall in seven days"}
_BY = {"score": ("probability", False), "value": ("expected_value", False), "rising": ("change", False),
       "falling": ("change", True)}
_GRADES = ("A", "B", "C", "D")


def leads(company: Company, as_of: int, sort: str, all_leads: bool) -> dict[str, Any]:
    """Values of leads.html. Raises DealcastError: no model for the date."""
    chosen, model = model_for(company.home, "leads", as_of)
    scored = _scored(company, chosen, model, as_of)
    column, ascending = _BY[sort]
    ordered = scored.sort_values([column, "probability", "lead_id"], ascending=[ascending, False, True], kind="stable")
    shown = ordered if all_leads else ordered.head(SHOWN_LEADS)
    because = answers.remembered_reasons(company, chosen, model, as_of,
                                         list(shown["lead_id"][:SHOWN_LEADS]), answers.lead_end(company))
    said = answers.by_hand(company, as_of, list(shown["lead_id"]))
    at = {"as_of": company.date(as_of)}
    rows = [_row(company, one, because.get(one["lead_id"]), said.get(one["lead_id"]), at)
            for one in map(answers.named, shown.to_dict("records"))]
    over = lead_scores.past_horizon(company.history, as_of)
    return {
        **frame(company, as_of, chosen), "rows": rows, "total": len(scored), "hidden": len(rows) < len(scored),
        "sort": sort, "sorts": SORTS, "by_hand": bool(said), "headline": _headline(scored),
        "intervals": bool(scored["probability_low"].notna().any()), "over": number(over) if over else "",
        "horizon": _horizon(company), "grades": _grades(scored),
        "doubt": _doubt(model.evaluation["verdict"]),
        "all_address": f"/leads?{urlencode({**at, 'sort': sort, 'leads': 'all'})}",
    }


def lead(company: Company, as_of: int, key: str) -> dict[str, Any]:
    """Values of lead.html. Raises DealcastError: not known, not open, no model for the date."""
    said = explain_one(company, "lead", as_of, key)
    chosen, _ = model_for(company.home, "leads", as_of)
    score, history = said["score"], company.history
    code, at = history.codes("lead", [key]), np.array([as_of])
    pairs = AsOf(history, "lead", code, at)
    status = category(history.changes("lead", company.mapping.state_field("lead")), pairs)[0]
    owner = category(history.changes("lead", "owner"), pairs)[0]
    end = company.date(int(window_end(history, code, at)[0]))
    return {
        **frame(company, as_of, chosen), "id": key, "standing": status or GAP,
        "owner": owner_name(history, owner) if owner else GAP, "created": day(company.date(int(
            history.leads.created_at[code[0]]))),
        "headline": f"{fine_percent(score['probability'])} to convert by {day(end)}",
        "score": score, "chance": fine_percent(score["probability"]),
        "interval": None if score["probability_low"] is None else
        f"{fine_percent(score['probability_low'])} – {fine_percent(score['probability_high'])}",
        "value": money(score["expected_value"], company.mapping.currency),
        "trend": trend(score["change"], score["probability_before"]), "override": said["score"]["override"],
        **explained(said, score["probability"]),
    }


def _scored(company: Company, chosen: ModelVersion, model: HazardModel, as_of: int) -> pd.DataFrame:
    """Scores of all open leads, with status and owner, computed once for a moment."""
    def compute() -> pd.DataFrame:
        history = company.history
        scored = lead_scores.score(model, history, as_of, company.settings)
        code = history.codes("lead", scored["lead_id"].to_numpy(object))
        pairs = AsOf(history, "lead", code, np.full(len(code), as_of))
        status = category(history.changes("lead", company.mapping.state_field("lead")), pairs)
        return scored.assign(status=status, owner=category(history.changes("lead", "owner"), pairs))

    found: pd.DataFrame = company.remember(("leads", chosen.label, chosen.trained_at, as_of), compute)
    return found


def _row(company: Company, one: dict[str, Any], because: dict[str, Any] | None, said: dict[str, Any] | None,
         at: dict[str, str]) -> dict[str, Any]:
    low, high = one["probability_low"], one["probability_high"]
    hand = "" if said is None else said["grade"] or percent(said["probability"])
    return {"id": one["lead_id"], "address": _address(one["lead_id"], at), "status": one["status"] or GAP,
            "owner": owner_name(company.history, one["owner"]) if one["owner"] else GAP, "score": one["score"],
            "grade": one["grade"], "chance": percent(one["probability"]),
            "interval": "" if low is None else f"{percent(low)} – {percent(high)}",
            "trend": trend(one["change"], one["probability_before"]),
            "value": money(one["expected_value"], company.mapping.currency), "by_hand": hand,
            "note": said["note"] if said else "", "unlike": one["unlike"],
            "reason": sentence(because["reason"]) if because else "",
            "direction": "up" if because and because["effect"] > 0 else "down"}


def _address(key: str, at: dict[str, str]) -> str:
    return f"/leads/{quote(key, safe='/')}?{urlencode(at)}"


def _horizon(company: Company) -> str:
    assert company.mapping.leads is not None  # else there is no model of leads
    horizon = company.mapping.leads.horizon
    return f"{horizon.days:g} days of {'their creation' if horizon.origin == 'created' else 'now'}"


def _doubt(verdict: dict[str, Any]) -> str:
    """What a model's report says of a model that shows no skill; which plain one it is held against is left to it."""
    return "" if verdict["skill"] else str(verdict["sentence"]).split(" It is ")[0]


def _headline(scored: pd.DataFrame) -> str:
    n = len(scored)
    if not n:
        return "No lead is open."
    expected = float(scored["probability"].sum())
    about = number(expected, 0 if expected >= 10 else 1)
    return f"Of {number(n)} open leads about {about} will convert." if n > 1 else "One lead is open."


def _grades(scored: pd.DataFrame) -> list[dict[str, str]]:
    found = []
    for name in _GRADES:
        mine = scored[scored["grade"] == name]
        expected = float(mine["probability"].sum())
        found.append({"name": name, "count": number(len(mine)),
                      "note": f"{number(expected, 0 if expected >= 10 else 1)} expected to convert" if len(mine)
                      else "none"})
    return found
