"""What the API takes and gives. Strict: "3" is no number, an unknown field is an error."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from training.deal_scores import COLUMNS

__all__ = ["DealExplanation", "DealScore", "DealScores", "DealScoresAsked", "ErrorBody", "Forecast", "Health",
           "LeadExplanation", "LeadScore", "LeadScores", "LeadScoresAsked"]

# So that one request stays well below the server's time limit.
MAX_IDS = 10_000

Id = Annotated[str, Field(min_length=1, max_length=500)]
Share = Annotated[float, Field(ge=0, le=1)]
AS_OF = ("What was known up to this moment: a date (00:00 of that day in the company's time zone) or an ISO timestamp. "
         "Left out: now, or the end of the log of a simulated company.")


class Asked(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)


class Given(BaseModel):
    # Responses are built by us, from numbers that were computed: nothing to convert, much to say in /docs.
    model_config = ConfigDict(extra="forbid")


NReasons = Annotated[int, Field(ge=0, le=5, examples=[3], description="Reasons for each: at most so many that raise "
                                                                      "its chance, and as many that lower it.")]


class LeadScoresAsked(Asked):
    lead_ids: Annotated[list[Id], Field(min_length=1, max_length=MAX_IDS, examples=[["L-1", "L-2"]])]
    as_of: Annotated[str | None, Field(description=AS_OF)] = None
    reasons: NReasons = 0


class DealScoresAsked(Asked):
    deal_ids: Annotated[list[Id], Field(min_length=1, max_length=MAX_IDS, examples=[["D-1", "D-2"]])]
    within_days: Annotated[float, Field(gt=0, le=3650, description="Chances are of what happens in this time.")] = 28
    as_of: Annotated[str | None, Field(description=AS_OF)] = None
    reasons: NReasons = 0


class Reason(Given):
    text: Annotated[str, Field(examples=["the customer last got in touch 4 days ago"])]
    theme: Annotated[str, Field(description="What it is about: one of at most 15 themes.",
                                examples=["what the customer does"])]
    actionable: Annotated[bool, Field(description="Whether a salesperson can change it; else it is context.")]
    effect: Annotated[float, Field(description="Log-odds that the theme adds to the score; below 0 it lowers it.")]
    error: Annotated[float, Field(description="At most the standard error of `effect`, by sampling.")]
    points: Annotated[float, Field(description="Percentage points that the chance would lose without it.")]


class Override(Given):
    grade: Literal["A", "B", "C", "D"] | None
    probability: Share | None
    note: str
    until: str
    set_by: str | None


class LeadScore(Given):
    lead_id: str
    status: Annotated[Literal["open", "converted", "disqualified", "past_horizon", "deleted"], Field(
        description="Only an open lead has a score; of the others it is known what became of them.")]
    probability: Annotated[Share | None, Field(description="P(converts within its horizon).")]
    probability_low: Annotated[Share | None, Field(description="80% interval of the share of such leads …")]
    probability_high: Share | None
    score: Annotated[int | None, Field(description="0 to 100, a fixed function of the probability.")]
    grade: Literal["A", "B", "C", "D"] | None
    expected_value: Annotated[float | None, Field(description="Probability times what a conversion brings, in the "
                                                              "company's currency.")]
    probability_before: Annotated[Share | None, Field(
        description="What the same model says as of seven days before. Null: it was not open then.")]
    change: Annotated[float | None, Field(description="Percentage points since then.")]
    voice: Annotated[str | None, Field(description="The part of the model that speaks loudest.", examples=["lightgbm"])]
    unlike: Annotated[bool | None, Field(description="Whether it is unlike anything that has closed so far.")]
    override: Annotated[Override | None, Field(
        description="What a person said by hand. The model's own score goes on beside it.")]
    reasons: Annotated[list[Reason] | None, Field(description="As many as were asked for, for and against.")]


class LeadScores(Given):
    as_of: str
    model: Annotated[str, Field(examples=["leads/1"])]
    scores: list[LeadScore]


def _column(name: str) -> Any:
    return Field(description=COLUMNS[name])


class DealScore(Given):
    deal_id: str
    status: Annotated[Literal["open", "won", "lost", "deleted"], Field(description="Only an open deal has chances.")]
    kind: str | None = _column("kind")
    stage: str | None = _column("stage")
    owner: str | None = _column("owner")
    amount: float | None = _column("amount")
    p_win: Share | None = _column("p_win")
    p_lose: Share | None = _column("p_lose")
    p_open: Share | None = _column("p_open")
    close_p10: str | None = _column("close_p10")
    close_p50: str | None = _column("close_p50")
    close_p90: str | None = _column("close_p90")
    resolve_p10: str | None = _column("resolve_p10")
    resolve_p50: str | None = _column("resolve_p50")
    resolve_p90: str | None = _column("resolve_p90")
    p_win_this_period: Share | None = _column("p_win_this_period")
    p_win_next_period: Share | None = _column("p_win_next_period")
    p_win_later: Share | None = _column("p_win_later")
    expected_close: str | None = _column("expected_close")
    overdue: bool | None = _column("overdue")
    p_on_time: Share | None = _column("p_on_time")
    p_lost_before: Share | None = _column("p_lost_before")
    p_slip: Share | None = _column("p_slip")
    slip_days: float | None = _column("slip_days")
    p_win_by_period_end: Share | None = _column("p_win_by_period_end")
    at_risk: bool | None = _column("at_risk")
    p_win_before: Share | None = _column("p_win_before")
    change: float | None = _column("change")
    changed: str | None = _column("changed")
    days_in_stage: float | None = _column("days_in_stage")
    won_stage_days_p25: float | None = _column("won_stage_days_p25")
    won_stage_days_p75: float | None = _column("won_stage_days_p75")
    missing_roles: str | None = _column("missing_roles")
    amount_close: float | None = _column("amount_close")
    amount_close_p10: float | None = _column("amount_close_p10")
    amount_close_p50: float | None = _column("amount_close_p50")
    amount_close_p90: float | None = _column("amount_close_p90")
    expected_value: float | None = _column("expected_value")
    unlike: bool | None = _column("unlike")
    reasons: Annotated[list[Reason] | None, Field(description="As many as were asked for, for and against.")]


class RiskFigures(Given):
    asked: Annotated[int, Field(description="Questions: a deal as of a week, would it be won by its period's end?")]
    deals: Annotated[int, Field(description="Deals among them.")]
    missed: Annotated[Share | None, Field(description="Share of them that were not won by then.")]
    flagged: Annotated[Share | None, Field(description="Share under the cut-off.")]
    precision: Annotated[Share | None, Field(description="Share of the flagged that were not won by then.")]
    recall: Annotated[Share | None, Field(description="Share of those not won by then that were flagged.")]


class RiskEvidence(RiskFigures):
    cutoff: Annotated[float | None, Field(description="Under it a deal is at risk. Null: none is precise enough.")]
    out_of_time: Annotated[RiskFigures | None, Field(
        description="The same of cut-offs learned at earlier dates, on what was asked after them.")]


class DealScores(Given):
    as_of: str
    within_days: float
    model: Annotated[str, Field(examples=["deals/1"])]
    this_period: Annotated[str, Field(examples=["2026-Q3"], description="The fiscal quarter under way …")]
    next_period: Annotated[str, Field(examples=["2026-Q4"], description="… and the one after it.")]
    at_risk: Annotated[RiskEvidence | None, Field(description="How being at risk did at earlier dates.")]
    scores: list[DealScore]


class Moved(Given):
    text: str
    theme: str
    change: Annotated[float, Field(description="Log-odds by which the theme's part changed in seven days.")]


class WhatIf(Given):
    text: Annotated[str, Field(examples=["an email from the customer today"])]
    probability: Share
    change: Annotated[float, Field(description="Percentage points. Association, not a promise: what went together.")]


class PastScore(Given):
    as_of: str
    probability: Share


class Explanation(Given):
    as_of: str
    model: str
    log_odds: Annotated[float, Field(description="Of the score: base_log_odds plus every theme's effect.")]
    base_log_odds: Annotated[float, Field(description="Mean over the landmarks that the score is held against.")]
    reasons: Annotated[list[Reason], Field(description="At most five for and five against, the largest first.")]
    themes: Annotated[list[Reason], Field(description="All themes; with the base they add up to log_odds.")]
    moved: Annotated[list[Moved], Field(description="What moved the score in the last seven days.")]
    what_if: Annotated[list[WhatIf], Field(description="The same with one thing more.")]
    past: Annotated[list[PastScore], Field(description="What the same model says as of each week before.")]


class LeadExplanation(Explanation):
    score: LeadScore


class CurvePoint(Given):
    at: str
    p_win: Share
    p_lose: Share
    p_open: Share


class DealExplanation(Explanation):
    within_days: float
    this_period: str
    next_period: str
    at_risk: RiskEvidence | None
    score: DealScore
    curve: Annotated[list[CurvePoint], Field(description="The chances by week, as far as the model looks; they add up "
                                                         "to 1. A date between two lies between them.")]


class Spread(Given):
    mean: float
    p10: float
    p25: float
    p50: float
    p75: float
    p90: float


class Part(Given):
    won_count: float
    won_amount: float


class Parts(Given):
    won_so_far: Part
    open: Part
    new: Annotated[Part, Field(description="Deals not yet created.")]


class Total(Given):
    won_count: Spread
    won_amount: Spread
    parts: Annotated[Parts, Field(description="Means; they add up to the total's mean.")]
    quota: Annotated[float | None, Field(description="What is to be won in the period, where there is a quota.")] = None
    p_quota: Annotated[Share | None, Field(description="How likely the amount reaches it.")] = None


class Adjustment(Given):
    amount: float
    note: str | None
    by: str | None
    at: str


class AdjustmentOf(Adjustment):
    owner_id: str
    name: str


class People(Given):
    categories: Annotated[dict[str, float], Field(description="Amounts expected to close in the period, by the reps' "
                                                              "category; `closed` is won so far.")]
    called: Annotated[float, Field(description="Said for the quarter, else won so far and what is committed to.")]
    adjusted: Annotated[float, Field(description="After managers' adjustments, up the hierarchy of that date.")]
    usually_comes: Annotated[float, Field(description="What came of such calls at the same time of earlier periods.")]
    said: Annotated[bool, Field(description="Whether the call was said for the quarter; of the company, any.")] = False
    periods: Annotated[int, Field(description="Earlier periods in which an owner, or a manager for the team, called "
                                                "something.")] = 0
    came_of_called: Annotated[float | None, Field(
        description="Of owners, and of managers who call a number for the team: the share of what is called beyond "
                    "what is won that usually comes.")] = None
    adjustment: Adjustment | None = None
    adjustments: Annotated[list[AdjustmentOf], Field(description="Of the company: all that stand for the period.")] = []


class Group(Total):
    by: Literal["owner", "manager", "team", "region", "product", "kind", "currency"]
    id: str
    name: str
    re_owned: Annotated[Part | None, Field(description="Of owners: won so far of deals that were another's when the "
                                                       "period began, less what others won of theirs.")] = None
    people: Annotated[People | None, Field(description="Of owners and managers: their own numbers.")] = None


class Largest(Given):
    deal_id: str
    owner: str
    owner_name: str
    amount: Annotated[float, Field(description="As known then.")]
    p_win: Annotated[Share, Field(description="Share of the draws in which it is won in the period.")]
    p50_falls_by: Annotated[float, Field(description="By how much the total's P50 falls without the deal.")]


class Forecast(Given):
    as_of: str
    from_: Annotated[str, Field(alias="from", description="The period starts after this moment …")]
    to: Annotated[str, Field(description="… and ends with this one.")]
    currency: str
    model: Annotated[str, Field(examples=["deals/1"])]
    total: Total
    groups: Annotated[list[Group], Field(description="Their means add up to the total's; managers' include those below "
                                                     "them.")]
    people: Annotated[People | None, Field(description="Beside the forecast, which takes nothing from it.")] = None
    concentration: Annotated[list[Largest], Field(description="The open deals that weigh most.")]


class ServedModel(Given):
    version: str
    as_of: Annotated[str, Field(description="What it was trained on was known by then.")]
    trained_at: str


class Health(Given):
    status: Annotated[Literal["ok", "no_model"], Field(description="no_model: nothing can be scored yet.")]
    company: str
    simulated: bool
    home: str
    as_of: Annotated[str, Field(description="The moment for which is answered when a request names none.")]
    last_import: str
    models: dict[str, ServedModel | None]


class ErrorDetail(Given):
    code: Annotated[str, Field(examples=["not_found"])]
    message: str
    field: Annotated[str | None, Field(description="The field or parameter to blame, where it is one.")] = None


class ErrorBody(Given):
    error: ErrorDetail
