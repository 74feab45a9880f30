"""The endpoints. Each is a plain function, run in a thread: the work is arithmetic, not waiting."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request

from features.errors import BadInput
from serving import answers
from serving.api.errors import only_known_parameters
from serving.api.schemas import (
    AS_OF,
    DealExplanation,
    DealScores,
    DealScoresAsked,
    ErrorBody,
    Forecast,
    Health,
    LeadExplanation,
    LeadScores,
    LeadScoresAsked,
)
from serving.champion import model_for
from serving.company import Company
from serving.dates import BadField, read_period
from serving.explained import explain_one
from training.amounts import amounts_known
from training.groups import BY
from training.registry.versions import MODELS, champion

__all__ = ["company_now", "router"]

_ERRORS: dict[int | str, dict[str, Any]] = {
    400: {"model": ErrorBody, "description": "A parameter that the endpoint does not have, or a body that is no text."},
    404: {"model": ErrorBody, "description": "Ids that are not known as of that date, or nothing imported yet."},
    409: {"model": ErrorBody, "description": "No model for that date yet."},
    422: {"model": ErrorBody, "description": "A value that cannot be used."},
}

router = APIRouter(prefix="/v1", dependencies=[Depends(only_known_parameters)], responses=_ERRORS)


def company_now(request: Request) -> Company:
    """The company as its home holds it now. Raises NotFound when nothing was imported yet."""
    company: Company = request.app.state.companies.now()
    return company


Now = Annotated[Company, Depends(company_now)]
AsOfQuery = Annotated[str | None, Query(description=AS_OF)]


@router.post("/leads/score", tags=["scores"], summary="Score leads", response_model=LeadScores)
def score_leads(asked: LeadScoresAsked, company: Now) -> dict[str, Any]:
    """How likely each lead converts within its horizon."""
    as_of = company.read_as_of(asked.as_of)
    chosen, rows = answers.lead_scores(company, as_of, asked.lead_ids, asked.reasons)
    return {"as_of": company.iso(as_of), "model": chosen.label, "scores": rows}


@router.post("/deals/score", tags=["scores"], summary="Score deals", response_model=DealScores)
def score_deals(asked: DealScoresAsked, company: Now) -> dict[str, Any]:
    """How likely each deal is won, lost or still open within a time and by period, when it closes and for how much,
    whether it keeps its date, and where it stands."""
    as_of = company.read_as_of(asked.as_of)
    chosen, rows = answers.deal_scores(company, as_of, asked.within_days, asked.deal_ids, asked.reasons)
    model = model_for(company.home, "deals", as_of)[1]
    return {"as_of": company.iso(as_of), "within_days": asked.within_days, "model": chosen.label,
            **answers.deal_periods(company, model, as_of), "scores": rows}


@router.get("/leads/{lead_id:path}/explanation", tags=["reasons"], summary="Explain a lead's score",
            response_model=LeadExplanation)
def explain_lead(lead_id: str, company: Now, as_of: AsOfQuery = None) -> dict[str, Any]:
    """Why an open lead's score is what it is, what moved it, what would change it, and what it was before."""
    return explain_one(company, "lead", company.read_as_of(as_of), lead_id)


@router.get("/deals/{deal_id:path}/explanation", tags=["reasons"], summary="Explain a deal's chance",
            response_model=DealExplanation)
def explain_deal(deal_id: str, company: Now, as_of: AsOfQuery = None,
                 within_days: Annotated[float, Query(gt=0, le=3650, allow_inf_nan=False)] = 28) -> dict[str, Any]:
    """The same for P(won within `within_days`) of an open deal."""
    return explain_one(company, "deal", company.read_as_of(as_of), deal_id, within_days)


@router.get("/forecast", tags=["forecast"], summary="Forecast a period", response_model=Forecast,
            response_model_exclude_unset=True)
def forecast(company: Now,
             period: Annotated[str | None, Query(description="A fiscal quarter.", examples=["2026-Q4"])] = None,
             start: Annotated[str | None, Query(alias="from", description="Instead of `period`: starts with this "
                                                                          "day, or after this moment …")] = None,
             to: Annotated[str | None, Query(description="… and ends with this one, a day being whole.")] = None,
             as_of: AsOfQuery = None,
             by: Annotated[str | None, Query(description=f"One of {', '.join(BY)}.", examples=["owner"])] = None,
             ) -> dict[str, Any]:
    """Number and amount of deals won in a period that is not over: what is won, what is open, what is yet to come."""
    if (period is None) == (start is None and to is None) or (period is None and (start is None or to is None)):
        raise BadField("Give a period, such as period=2026-Q4, or both from and to.", "period")
    first, last = read_period(period, start, to, company.mapping)
    moment = company.read_as_of(as_of)
    try:
        answer = answers.forecast(company, moment, first, last, by or "owner")[-1]
    except BadField:
        raise
    except BadInput as error:
        # Beside amounts that are not known yet, only the period can be wrong.
        ends = "period" if period is not None else "to"
        raise BadField(str(error), ends if amounts_known(company.history.until(moment)) else "as_of") from error
    return answer if by else {**answer, "groups": []}


@router.get("/health", tags=["service"], summary="What is served", response_model=Health)
def health(company: Now) -> dict[str, Any]:
    """The home, its company, the models that serve and the last import."""
    serving = {name: champion(company.home, name) for name in MODELS}
    return {
        "status": "ok" if any(serving.values()) else "no_model",
        "company": company.mapping.company, "simulated": company.mapping.simulated, "home": str(company.home.path),
        "as_of": company.iso(company.present()), "last_import": company.iso(company.last_import),
        "models": {name: version and {"version": version.label, "as_of": company.iso(version.as_of),
                                      "trained_at": company.iso(version.trained_at)}
                   for name, version in serving.items()},
    }
