"""What the API takes and gives. Strict: "3" is no number, an unknown field is an error."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

__all__ = ["DealScore", "DealScores", "DealScoresAsked", "ErrorBody", "Forecast", "Health", "LeadScore", "LeadScores",
           "LeadScoresAsked"]

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


class LeadScoresAsked(Asked):
    lead_ids: Annotated[list[Id], Field(min_length=1, max_length=MAX_IDS, examples=[["L-1", "L-2"]])]
    as_of: Annotated[str | None, Field(description=AS_OF)] = None


class DealScoresAsked(Asked):
    deal_ids: Annotated[list[Id], Field(min_length=1, max_length=MAX_IDS, examples=[["D-1", "D-2"]])]
    within_days: Annotated[float, Field(gt=0, le=3650, description="Chances are of what happens in this time.")] = 28
    as_of: Annotated[str | None, Field(description=AS_OF)] = None


class LeadScore(Given):
    lead_id: str
    status: Annotated[Literal["open", "converted", "disqualified", "past_horizon", "deleted"], Field(
        description="Only an open lead has a score; of the others it is known what became of them.")]
    probability: Annotated[Share | None, Field(description="P(converts within its horizon).")]
    score: Annotated[int | None, Field(description="0 to 100, a fixed function of the probability.")]
    grade: Literal["A", "B", "C", "D"] | None


class LeadScores(Given):
    as_of: str
    model: Annotated[str, Field(examples=["leads/1"])]
    scores: list[LeadScore]


class DealScore(Given):
    deal_id: str
    status: Annotated[Literal["open", "won", "lost", "deleted"], Field(description="Only an open deal has chances.")]
    p_win: Annotated[Share | None, Field(description="P(won within `within_days`).")]
    p_lose: Share | None
    p_open: Share | None
    close_p10: Annotated[str | None, Field(description="When it is won, given that it is won: 1 of 10 by this moment.")]
    close_p50: str | None
    close_p90: str | None
    resolve_p10: Annotated[str | None, Field(description="When it is won or lost. Null: later than the model looks.")]
    resolve_p50: str | None
    resolve_p90: str | None


class DealScores(Given):
    as_of: str
    within_days: float
    model: Annotated[str, Field(examples=["deals/1"])]
    scores: list[DealScore]


class Spread(Given):
    mean: float
    p10: float
    p50: float
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


class Group(Given):
    by: Literal["owner"]
    id: str
    name: str
    won_count: Spread
    won_amount: Spread


class Forecast(Given):
    as_of: str
    from_: Annotated[str, Field(alias="from", description="The period starts after this moment …")]
    to: Annotated[str, Field(description="… and ends with this one.")]
    currency: str
    model: Annotated[str, Field(examples=["deals/1"])]
    total: Total
    groups: list[Group]


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
