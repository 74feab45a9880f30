"""What the service says about subjects and periods: the same functions for the API and the page.

In: a `Company`, ids or a period, `as_of`. Out: plain rows and dictionaries, with the model version that spoke.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable
from typing import Any

import numpy as np
import pandas as pd

from features.adjustments import adjustments_as_of
from features.calendar import DAY
from features.errors import NotFound
from features.events import Int
from features.overrides import overrides_as_of
from serving.champion import model_for
from serving.company import Company
from serving.dates import blaming
from training import deal_scores as deals
from training import lead_scores as leads
from training.called import people_of, with_people
from training.forecast import forecast as make_forecast
from training.groups import refuse_unknown
from training.hazard import HazardModel
from training.lead_conversion import window_end
from training.outcomes import LOST, WON
from training.reasons import Reason, explain_at
from training.registry.versions import ModelVersion

__all__ = ["by_hand", "deal_end", "deal_periods", "deal_scores", "forecast", "lead_end", "lead_scores", "named",
           "reason_row", "remembered_reasons", "top_reasons"]


def lead_scores(company: Company, as_of: int, ids: list[str],
                n_reasons: int = 0, version: int | None = None) -> tuple[ModelVersion, list[dict[str, Any]]]:
    """One row per id, in the order asked: its status and, where it is open, its score.

    A lead that converted, was disqualified or is past its horizon has no chance to state: its scores are None. With
    `n_reasons`, at most so many for and as many against. Beside the score stands what a person said by hand.
    Raises NotFound naming ids that were not known then, and Conflict without a model for the date.
    """
    chosen, model = model_for(company.home, "leads", as_of, version)
    codes = _known(company, "lead", as_of, ids)
    status = _status(company, "lead", codes, as_of, won="converted", lost="disqualified")
    over = window_end(company.history, codes, np.full(len(codes), as_of)) <= as_of
    status = np.where((status == "open") & over, "past_horizon", status)
    asked = _unique(ids, status)
    scored = leads.score(model, company.history, as_of, company.settings, ids=asked)
    said = by_hand(company, as_of, asked)
    scored["override"] = pd.Series([said.get(one) for one in asked], dtype=object)
    scored["reasons"] = pd.Series(_reasons(company, model, as_of, asked, n_reasons, lead_end(company)), dtype=object)
    return chosen, _rows("lead_id", ids, status, scored)


def deal_scores(company: Company, as_of: int, within_days: float, ids: list[str],
                n_reasons: int = 0, version: int | None = None) -> tuple[ModelVersion, list[dict[str, Any]]]:
    """One row per id, in the order asked: its status and, where it is open, the columns of
    `training.deal_scores.COLUMNS`; with `n_reasons`, at most so many for and as many against a win.

    Raises NotFound naming ids that were not known then, and Conflict without a model for the date.
    """
    chosen, model = model_for(company.home, "deals", as_of, version)
    codes = _known(company, "deal", as_of, ids)
    status = _status(company, "deal", codes, as_of, won="won", lost="lost")
    asked = _unique(ids, status)
    scored = deals.score(model, company.history, as_of, within_days, ids=asked)
    told = _reasons(company, model, as_of, asked, n_reasons, deal_end(within_days))
    scored["reasons"] = pd.Series(told, dtype=object)
    return chosen, _rows("deal_id", ids, status, scored)


def deal_periods(company: Company, model: HazardModel, as_of: int) -> dict[str, Any]:
    """What the columns of deals refer to: the names of this and the next period, and how the model's cut-off for deals
    at risk did at earlier dates."""
    (this, _), (following, _) = deals.periods(as_of, company.mapping)
    return {"this_period": this, "next_period": following, "at_risk": model.evaluation.get("at_risk")}


EndOf = Callable[[Int, Int], Int]


def lead_end(company: Company) -> EndOf:
    """The moment by which leads (codes) must convert, asked at moments."""
    return lambda subject, at: window_end(company.history, subject, at)


def deal_end(within_days: float) -> EndOf:
    """The moment by which deals must be won, asked at moments."""
    return lambda subject, at: at + round(within_days * DAY)


def by_hand(company: Company, as_of: int, ids: list[str]) -> dict[str, dict[str, Any]]:
    """What people said of leads by hand, by lead: grade or probability, note, until, set_by."""
    found = overrides_as_of(company.home, as_of, ids)[["lead_id", "grade", "probability", "note", "until", "set_by"]]
    rows = [named(row) for row in found.to_dict("records")]
    return {row.pop("lead_id"): {**row, "until": company.iso(row["until"])} for row in rows}


def reason_row(reason: Reason) -> dict[str, Any]:
    """A reason as it is answered."""
    return {"text": reason.text, "theme": reason.theme, "actionable": reason.actionable, "effect": reason.effect,
            "error": reason.error, "points": reason.points}


def _reasons(company: Company, model: HazardModel, as_of: int, ids: list[str], most: int,
             end_of: EndOf) -> list[list[dict[str, Any]]]:
    if not most or not ids:
        return [[] for _ in ids]
    subject, at = company.history.codes(model.kind, ids), np.full(len(ids), as_of)
    explained = explain_at(model, company.history, subject, at, end_of(subject, at))
    return [[reason_row(one) for one in explanation.reasons(most)] for explanation in explained]


def top_reasons(company: Company, model: HazardModel, as_of: int, ids: list[str],
                end_of: EndOf) -> dict[str, dict[str, Any]]:
    """The one thing that stands out about each open lead or deal, by id: `reason`, `effect`, `actionable`. Who has none
    is left out."""
    if not ids:
        return {}
    subject, at = company.history.codes(model.kind, ids), np.full(len(ids), as_of)
    found = explain_at(model, company.history, subject, at, end_of(subject, at))
    largest = {one: max(explained.reasons(1), key=lambda reason: abs(reason.effect), default=None)
               for one, explained in zip(ids, found, strict=True)}
    return {one: {"reason": reason.text, "effect": reason.effect, "actionable": reason.actionable}
            for one, reason in largest.items() if reason is not None}


def remembered_reasons(company: Company, chosen: ModelVersion, model: HazardModel, as_of: int, ids: list[str],
                       end_of: EndOf) -> dict[str, dict[str, Any] | None]:
    """`top_reasons` of those asked for now or before, each computed once; None for who has none."""
    known: dict[str, dict[str, Any] | None] = company.remember(
        (f"{model.kind} reasons", chosen.label, chosen.trained_at, as_of), dict)
    new = [one for one in ids if one not in known]
    known.update(dict.fromkeys(new))
    known.update(top_reasons(company, model, as_of, new, end_of))
    return known


def forecast(company: Company, as_of: int, start: int, end: int,
             by: str = "owner") -> tuple[ModelVersion, HazardModel, dict[str, Any]]:
    """The forecast of (start, end] with its groups, remembered while neither home nor model changes.

    Raises BadField for a grouping without data, BadInput for a period that is none, is over or is too far ahead, and
    Conflict without a model for the date.
    """
    chosen, model = model_for(company.home, "deals", as_of)
    with blaming("by"):
        refuse_unknown(company.history.until(as_of), by)

    def compute() -> dict[str, Any]:
        answer = make_forecast(model, company.history, as_of, start, end, company.settings, [by])
        return {**answer, "model": chosen.label}

    answer = company.remember(("forecast", chosen.label, chosen.trained_at, as_of, start, end, by), compute)
    people = company.remember(("people", as_of, start, end), lambda: people_of(company.history, as_of, start, end))
    by_hand = adjustments_as_of(company.home, as_of)
    return chosen, model, with_people(answer, people, by_hand, company.history, start, end)


def named(row: dict[Hashable, Any]) -> dict[str, Any]:
    """A data frame's row, whose column names are text. NaN becomes None: JSON has no other word for it."""
    return {str(name): None if isinstance(value, float) and math.isnan(value) else value for name, value in row.items()}


def _known(company: Company, kind: str, as_of: int, ids: list[str]) -> Int:
    """Codes of the ids. Raises NotFound for those of which nothing was known as of the date."""
    subjects = company.history.subjects(kind)
    codes = subjects.codes(ids)
    known = codes >= 0
    if len(subjects):
        known &= subjects.visible_at[codes] <= as_of
    if not known.all():
        unknown = list(dict.fromkeys(one for one, is_known in zip(ids, known, strict=True) if not is_known))
        more = f" and {len(unknown) - 10} more" if len(unknown) > 10 else ""
        raise NotFound(f"Not known as of {company.iso(as_of)}: {kind} {', '.join(unknown[:10])}{more}. Check the ids, "
                       "or import the file that holds them.")
    return codes


def _status(company: Company, kind: str, codes: Int, as_of: int, won: str, lost: str) -> Any:
    at = np.full(len(codes), as_of)
    ends = company.outcomes(kind)
    state = ends.state_as_of(codes, at)
    return np.select([state == WON, state == LOST, ends.is_deleted(codes, at)], [won, lost, "deleted"], "open")


def _unique(ids: list[str], status: Any) -> list[str]:
    return list(dict.fromkeys(one for one, state in zip(ids, status, strict=True) if state == "open"))


def _rows(id_column: str, ids: list[str], status: Any, scored: pd.DataFrame) -> list[dict[str, Any]]:
    """A row per id asked for; None where there is nothing to say."""
    columns = [name for name in scored.columns if name != id_column]
    by_id = {str(one): named(values) for one, values in zip(scored[id_column], scored[columns].to_dict("records"),
                                                            strict=True)}
    nothing = dict.fromkeys(columns)
    return [{id_column: one, "status": str(state), **by_id.get(one, nothing)}
            for one, state in zip(ids, status, strict=True)]
