"""The settings of what the CRM shows and gets wrong: the blocks `warts`, `notes`, `forecasts` and `quotas`."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from features.strict import Strict

__all__ = ["ForecastSettings", "Market", "NoteSettings", "QuotaSettings", "Recounts", "Warts"]

Share = Annotated[float, Field(ge=0.0, le=1.0)]


class Wart(Strict):
    """happens : whether `--warts all` has it."""

    happens: bool


class Gaps(Strict):
    """Share of records in which a field is never filled, and of those in which it is filled later."""

    never: Share
    late: Share


class MissingFields(Wart):
    leads: dict[str, Gaps]
    deals: dict[str, Gaps]
    accounts: dict[str, Gaps]
    late_days: float
    late_spread: float
    no_reason: Share
    no_amount: Share


class LateChanges(Wart):
    share: Share
    days: float
    spread: float


class BackDated(Wart):
    last_quarter: Share
    first_days: int
    late_closes: Share
    late_days: float


class LateActivities(Wart):
    share: dict[str, Share]
    days: float
    spread: float


class OwnersLeave(Wart):
    per_year: Share
    orphaned: Share
    handed_over_days: float


class Reorganisation(Wart):
    at: Share  # of the log
    moved: Share
    teams: list[str]


class SkippedStages(Wart):
    share: Share


class StepsBack(Wart):
    share: Share
    days: float


class ReopenedDeals(Wart):
    share: Share
    days: float


class NeverClosed(Wart):
    share: Share
    reason: str


class ProcessChange(Wart):
    at: Share  # of the log
    renamed: dict[str, str]
    inserted: str
    before: str
    days: float
    new_field: str


class Foreign(Strict):
    currency: str
    rate: float  # units of the company's currency for one of it, on the first day


class Currencies(Wart):
    countries: dict[str, Foreign]
    volatility: float


class JobChanges(Wart):
    per_year: Share
    found_again: Share
    days: float


class Duplicates(Wart):
    leads: Share
    accounts: Share
    contacts: Share
    days: float
    closed: Share


class Warts(Strict):
    """One block for each wart, by its name."""

    process_change: ProcessChange
    currencies: Currencies
    owners_leave: OwnersLeave
    reorganisation: Reorganisation
    job_changes: JobChanges
    skipped_stages: SkippedStages
    steps_back: StepsBack
    reopened_deals: ReopenedDeals
    never_closed: NeverClosed
    missing_fields: MissingFields
    duplicates: Duplicates
    late_changes: LateChanges
    back_dated: BackDated
    late_activities: LateActivities


class Market(Strict):
    """A country with a calendar, a clock and names of its own. calendar : a code of the `holidays` package."""

    calendar: str
    time_zone: str
    family: list[str]
    given: list[str]
    company_first: list[str]
    company_middle: list[str]
    company_last: list[str]


class Recounts(Strict):
    """Accounts whose employees are counted anew within the log. spread : of the logarithm of the new number."""

    share: Share
    spread: float


class Objections(Strict):
    """Weights of objections by the state of a deal."""

    price: float
    price_not_anchored: float
    competitor: float
    budget_freeze: float
    budget_freeze_in_recession: float
    timing: float
    timing_by_silence: float
    security: float
    resources: float
    status_quo: float


class NoteSettings(Strict):
    happens: bool
    share: dict[str, Share]
    need: Share
    role: Share
    objection: Share
    rival: Share
    objections: Objections
    other_language: Share
    typos: Share
    short: Share
    named: Share


class ForecastSettings(Strict):
    weight: dict[str, Share]
    late: Share
    bias: float
    noise: float
    adjusted: Share
    learns: Share
    missed: Share
    hour: float


class QuotaSettings(Strict):
    stretch: float
    growth: float
    planned: float
    spread: float
    over_assigned: float
    target: float
    quarters: Annotated[list[float], Field(min_length=4, max_length=4)]
