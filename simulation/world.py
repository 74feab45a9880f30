"""The settings of a simulated company: `company.yaml` as checked, typed values."""

from __future__ import annotations

from datetime import date
from importlib.resources import files
from pathlib import Path
from typing import Any, Self
from zoneinfo import ZoneInfo

import yaml
from pydantic import ValidationError, model_validator

from features.errors import BadInput, NotFound, nearest
from features.strict import Strict, explain_invalid
from simulation.crm_settings import ForecastSettings, Market, NoteSettings, QuotaSettings, Recounts, Warts

__all__ = ["Kind", "Size", "World", "load_world", "settings_text"]


class Size(Strict):
    """How many of what. `replicas`: simulated futures for each true probability."""

    leads: int
    direct_deals: int
    reps: int
    managers: int
    replicas: int


class QuarterEnd(Strict):
    last_days: int
    last_weight: float
    first_days: int
    first_weight: float


class Calendar(Strict):
    opens: float
    closes: float
    weekend: float
    holiday: float
    months: list[float]
    quarter_end: QuarterEnd
    growth_per_year: float
    weekend_leads: float


class Kind(Strict):
    """One value of a category: its share, and what it adds to the log-rates of a deal or a lead."""

    share: float
    win: float = 0.0
    lose: float = 0.0
    pace: float = 0.0
    lead: float = 0.0
    amount: float = 0.0  # added to the logarithm of the amount (segments: the median itself)
    spread: float = 0.0
    employees: float = 0.0
    renew: float = 0.0  # log-odds of a renewal (deliveries: its base)
    yearly: float = 0.0  # a renewal's amount as a share of the first deal's
    region: str = ""
    title: str = ""


class Owners(Strict):
    win: float
    lead: float
    reply: float
    proof: float
    reach: float
    respond: float
    promise: float
    anchor: float
    own_spread: float
    reassigned: float
    reorganised: float


class Leads(Strict):
    ages: list[float]
    horizon: int
    truth_ages: list[int]
    convert: list[float]
    disqualify: list[float]
    reply: list[float]
    respond: float
    convert_by_response: list[float]
    convert_by_replies: list[float]
    disqualify_by_replies: list[float]
    disqualify_by_trait: float
    reply_by_trait: float
    chase: float
    nurture_age: int
    won_share: float

    @model_validator(mode="after")
    def _ages_fit(self) -> Self:
        for age in (self.horizon, self.nurture_age, *self.truth_ages):
            if age not in self.ages:
                raise ValueError(f"{age} days must be one of `ages`")
        for name in ("convert", "disqualify", "reply"):
            if len(getattr(self, name)) != len(self.ages) - 1:
                raise ValueError(f"`{name}` needs one value for each step between two `ages`")
        return self


class Deals(Strict):
    stages: list[str]
    won: str
    lost: str
    horizon_weeks: list[int]
    longest: int
    win: list[float]
    lose: list[float]
    advance: list[float]
    weeks_in_stage: list[int]
    win_by_weeks: list[float]
    lose_by_weeks: list[float]
    advance_by_weeks: list[float]
    win_by_silence: list[float]
    lose_by_silence: list[float]
    advance_by_silence: list[float]
    reply_by_silence: list[float]
    reply_by_stage: list[float]
    won_share: float
    slow: float
    slow_by_silence: list[float]
    slow_by_weeks: list[float]
    people: list[float]
    needs: float
    implicit: float
    found_by_depth: list[float]
    fit_by_depth: list[float]

    @model_validator(mode="after")
    def _tables_fit(self) -> Self:
        steps = len(self.weeks_in_stage) + 1
        for name in ("win_by_weeks", "lose_by_weeks", "advance_by_weeks", "slow_by_weeks"):
            if len(getattr(self, name)) != steps:
                raise ValueError(f"`{name}` needs {steps} values, one more than `weeks_in_stage`")
        if len(self.stages) != 4:
            raise ValueError("the world has four `stages`: discovery, design, validation and negotiation")
        return self


class Causes(Strict):
    """What can be done about a deal: effects (on log-rates) and how often it is done (per week)."""

    win_by_roles: list[float]
    lose_by_roles: list[float]
    reach: float
    win_by_fit: float
    lose_by_fit: float
    discover: float
    proof_win: float
    proof_lose: float
    proof_pace: float
    proof_by_stage: list[float]
    proof_by_trait: float
    proof_kinds: list[float]
    anchor_win: float
    anchor_lose: float
    anchor: float
    discount_win: float
    discount: float
    discount_if_anchored: float
    discount_if_silent: float
    discount_cut: float
    promise_win: float
    promise: float

    @model_validator(mode="after")
    def _tables_fit(self) -> Self:
        for name, n in (("win_by_roles", 4), ("lose_by_roles", 4), ("proof_by_stage", 4), ("proof_kinds", 3)):
            if len(getattr(self, name)) != n:
                raise ValueError(f"`{name}` needs {n} values")
        return self


class Renewals(Strict):
    """What becomes of customers: renewals and expansions."""

    term_weeks: int
    ahead_weeks: int
    decided: list[float]
    by_promise: float
    by_discount: float
    by_fit: float
    expansion: float
    expansion_win: float
    expansion_pace: float
    expansion_amount: float
    value_years: int


class Drift(Strict):
    """From `at`, a share of the log, on: another process. Values are added to log-rates."""

    happens: bool
    at: float
    lead: float
    respond: float
    pace: float
    win: float
    proof: float


class Recession(Strict):
    """From `at`, a share of the log, on and for `weeks`."""

    happens: bool
    at: float
    weeks: int
    intake: float
    lead: float
    pace: float
    win: float
    lose: float


class Frailty(Strict):
    """What nobody sees: effects of an unseen standard normal value of each deal, lead and customer."""

    win: float
    lose: float
    pace: float
    reply: float
    proof: float
    lead: float
    lead_out: float
    lead_reply: float
    renew: float
    offset_win: float
    offset_lead: float
    nodes: int


class Reps(Strict):
    optimism: float
    optimism_spread: float
    weeks_left: list[float]
    guess_spread: float
    push_steps: list[float]
    forgets: float
    probability_by_stage: list[float]
    probability_by_silence: float
    probability_by_proof: float
    probability_by_role: float
    bias_spread: float
    noise_spread: float
    revised: float
    best_case: float
    commit: float
    omitted_after: int
    amount_changed: list[float]
    amount_mean: list[float]
    amount_spread: list[float]


class Activities(Strict):
    mails_out: list[float]
    calls_out: list[float]
    more_mails_in: float
    call_share: float
    meeting: list[float]
    demo: list[float]
    quote: float


class Names(Strict):
    first: list[str]
    last: list[str]
    company_first: list[str]
    company_last: list[str]
    company_form: list[str]


class World(Strict):
    """Every number of the simulated company."""

    company: str
    time_zone: str
    currency: str
    country: str
    first_day: date
    last_day: date
    warm_weeks: int
    sizes: dict[str, Size]
    calendar: Calendar
    segments: dict[str, Kind]
    industries: dict[str, Kind]
    countries: dict[str, Kind]
    accounts_per_lead: float
    sources: dict[str, Kind]
    products: dict[str, Kind]
    deliveries: dict[str, Kind]
    roles: dict[str, Kind]
    owners: Owners
    leads: Leads
    deals: Deals
    causes: Causes
    renewals: Renewals
    drift: Drift
    recession: Recession
    frailty: Frailty
    reps: Reps
    activities: Activities
    names: Names
    markets: dict[str, Market]
    recounts: Recounts
    warts: Warts
    notes: NoteSettings
    forecasts: ForecastSettings
    quotas: QuotaSettings

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.time_zone)

    def size(self, name: str) -> Size:
        """The size of that name. Raises BadInput with the nearest name."""
        if name not in self.sizes:
            raise BadInput(f"There is no size '{name}' of the simulated company. Choose one of "
                           f"{', '.join(self.sizes)}.{nearest(name, self.sizes)}")
        return self.sizes[name]


def settings_text(path: Path | None = None) -> str:
    """The text of a settings file, by default the shipped one. One that says `based_on: company.yaml` holds only what
    differs; its text is that of the whole. Raises NotFound or BadInput."""
    if path is not None and not path.is_file():
        raise NotFound(f"No settings file {path} for the simulated company. Leave it out to use the shipped one.")
    shipped = (files("simulation") / "company.yaml").read_text(encoding="utf-8")
    if path is None:
        return shipped
    try:
        text = path.read_text(encoding="utf-8")
        content = yaml.safe_load(text)
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise BadInput(f"{path} is not YAML: {error}") from error
    if not isinstance(content, dict) or content.pop("based_on", None) != "company.yaml":
        return text
    return yaml.safe_dump(_merged(yaml.safe_load(shipped), content), sort_keys=False, allow_unicode=True)


def _merged(base: Any, other: Any) -> Any:
    if not (isinstance(base, dict) and isinstance(other, dict)):
        return other
    return base | {name: _merged(base.get(name), value) for name, value in other.items()}


def load_world(path: Path | None = None) -> World:
    """Read a settings file, see `settings_text`. Raises NotFound or BadInput."""
    text = settings_text(path)
    try:
        return World.model_validate(yaml.safe_load(text))
    except ValidationError as error:
        raise BadInput(explain_invalid(error, World, str(path or "company.yaml"))) from error
