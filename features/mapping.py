"""A mapping: how the columns of a company's files become the contract's tables.

One YAML file per company, strict: an unknown key is an error that suggests the nearest name. The mapping is
also the company's own description (time zone, currency, stages, outcomes), which later commands read back
from the home that stored it.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo, available_timezones

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from features.errors import BadInput, NotFound, nearest

__all__ = ["TABLE_COLUMNS", "FieldSpec", "LeadOutcome", "Mapping", "Source", "Stage", "explain_invalid",
           "load_mapping", "parse_mapping"]

TableName = Literal["leads", "deals", "accounts", "contacts", "deal_contacts", "owners", "changes", "activities",
                    "rates"]
SubjectKind = Literal["lead", "deal", "account", "contact"]

# The contract: every table's own columns; True where a row cannot be read without it. Each row also carries
# known_at, recorded_at and source.
TABLE_COLUMNS: dict[str, dict[str, bool]] = {
    "leads": {"lead_id": True, "created_at": True, "account_id": False, "contact_id": False},
    "deals": {"deal_id": True, "created_at": True, "lead_id": False, "account_id": False, "kind": False},
    "accounts": {"account_id": True, "created_at": True},
    "contacts": {"contact_id": True, "created_at": True, "account_id": False},
    "deal_contacts": {"deal_id": True, "contact_id": True, "role": False, "valid_from": False},
    "owners": {"owner_id": True, "name": False, "manager_id": False, "team": False, "region": False,
               "valid_from": False},
    "changes": {"subject_id": True, "field": False, "value": False, "changed_at": True, "sequence": False},
    "activities": {"activity_id": False, "subject_id": True, "kind": True, "direction": False, "happened_at": True,
                   "duration_seconds": False, "text": False, "owner_id": False, "contact_ids": False},
    "rates": {"currency": True, "rate": True, "valid_from": True},
}


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)


class FieldSpec(Strict):
    """One mapped field: where it stands, what it is, and what its past is worth."""

    column: str
    type: Literal["number", "money", "category", "date", "text"] = "category"
    # logged: every change is known. at_creation: does not change after creation. final_only: only the last
    # value is known, so it says nothing about the past; it starts to be logged with the first import.
    past: Literal["logged", "at_creation", "final_only"] = "final_only"
    # A deal's stage and a lead's outcome only: the column with the date on which a value that ends it was entered.
    closed_at: str | None = None
    # The file's words to ours, e.g. {"Closed Won": won}; words that are not listed stay as they are.
    values: dict[str, str] = {}


class Stage(Strict):
    """One stage of a deal, in the order of the list. `outcome` marks the stages that end a deal."""

    name: str
    outcome: Literal["won", "lost"] | None = None
    # False: a row with this stage after the deal ended does not open the deal again (a clerical row).
    reopens: bool = True


class Horizon(Strict):
    days: Annotated[int, Field(gt=0)]
    # Counted from the lead's creation, or from the date at which it is asked.
    origin: Annotated[Literal["created", "as_of"], Field(alias="from")] = "as_of"


class LeadOutcome(Strict):
    """When a lead has converted or is out, by the value of one of its fields."""

    field: str = "status"
    converted: list[str]
    disqualified: list[str] = []
    horizon: Horizon


class Source(Strict):
    """One file (or several, by a pattern) and the contract table that its rows become."""

    file: str | None = None
    sheet: str | None = None
    rows: TableName
    subject: SubjectKind | None = None
    # Only rows whose column holds one of these ("" is an empty cell), and none of those.
    where: dict[str, list[str | int | float | bool]] = {}
    where_not: dict[str, list[str | int | float | bool]] = {}
    columns: dict[str, str]
    constants: dict[str, str] = {}
    fields: dict[str, FieldSpec] = {}
    known_at: str | None = None
    delimiter: str = ","
    encoding: str = "utf-8-sig"
    decimal: Literal[".", ","] = "."
    date_format: str | None = None

    @model_validator(mode="after")
    def _fits_the_contract(self) -> Source:
        contract = TABLE_COLUMNS[self.rows]
        for name in (*self.columns, *self.constants):
            if name not in contract:
                raise ValueError(f"'{name}' is not a column of {self.rows} ({', '.join(contract)})."
                                 + nearest(name, contract))
        missing = [name for name, needed in contract.items()
                   if needed and name not in self.columns and name not in self.constants]
        if missing:
            raise ValueError(f"rows of {self.rows} need: {', '.join(missing)}")
        if (self.rows in ("changes", "activities")) != (self.subject is not None):
            raise ValueError("'subject' is given for changes and activities, and only for them")
        if self.fields and self.rows not in ("leads", "deals", "accounts", "contacts", "changes"):
            raise ValueError(f"rows of {self.rows} have no mapped fields")
        if self.rows == "changes" and (not self.fields or ("field" in self.columns) != ("value" in self.columns)):
            raise ValueError("changes need 'fields', and in 'columns' either both field and value (one row per field "
                             "that changed) or neither (each row sets every one of the fields from its own column)")
        return self

    @property
    def subject_kind(self) -> str | None:
        """The kind of subject whose fields these rows set: lead, deal, account or contact."""
        if self.subject:
            return self.subject
        return self.rows[:-1] if self.rows in ("leads", "deals", "accounts", "contacts") else None


class Mapping(Strict):
    company: str
    simulated: bool = False
    time_zone: str = "UTC"
    currency: str = "EUR"
    # Country whose public holidays are not business days (a code of the `holidays` package), or none.
    holidays: str | None = None
    fiscal_year_starts: Annotated[int, Field(ge=1, le=12)] = 1
    stages: list[Stage] = []
    leads: LeadOutcome | None = None
    sources: Annotated[list[Source], Field(min_length=1)]

    @model_validator(mode="after")
    def _is_consistent(self) -> Mapping:
        if self.time_zone not in available_timezones():
            raise ValueError(f"time_zone '{self.time_zone}' is not known."
                             + nearest(self.time_zone, available_timezones()))
        names = [stage.name for stage in self.stages]
        if len(set(names)) < len(names):
            raise ValueError("a stage is listed twice")
        types: dict[tuple[str, str], str] = {}
        for kind, name, spec in self.all_fields():
            if types.setdefault((kind, name), spec.type) != spec.type:
                raise ValueError(f"{kind} field '{name}' has two types")
        logs = {(one.subject_kind, name) for one in self.sources if one.rows == "changes" for name in one.fields}
        for kind, name, spec in self.all_fields():
            if spec.past == "logged" and (kind, name) not in logs:
                raise ValueError(f"{kind} field '{name}' is marked logged, but no source of changes holds its log. "
                                 "Mark it final_only, or at_creation when it does not change after creation")
        self._check_ends()
        return self

    def _check_ends(self) -> None:
        for source in self.sources:
            kind = source.subject_kind or ""
            for name, spec in source.fields.items():
                if spec.closed_at and (source.rows == "changes" or not self.ends(kind, name)):
                    raise ValueError(
                        f"{kind} field '{name}' of {source.rows} has closed_at, which only rows of deals have, for a "
                        "stage with an outcome, and rows of leads, for the field that 'leads' names. Take it out")

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.time_zone)

    def all_fields(self) -> Iterator[tuple[str, str, FieldSpec]]:
        """Every mapped field as (subject kind, field name, spec), in the order of the sources."""
        for source in self.sources:
            if source.subject_kind:
                for name, spec in source.fields.items():
                    yield source.subject_kind, name, spec

    def field_types(self, kind: str) -> dict[str, str]:
        """Type of each field of a subject kind: name to number, money, category, date or text."""
        return {name: spec.type for subject, name, spec in self.all_fields() if subject == kind}

    def is_logged(self, kind: str, name: str) -> bool:
        """Whether some source holds every change of a field."""
        return any(spec.past == "logged" for subject, field, spec in self.all_fields()
                   if (subject, field) == (kind, name))

    def ends(self, kind: str, name: str) -> set[str]:
        """Values of a field with which its subject ends: a deal's won and lost stages, a lead's outcome."""
        if (kind, name) == ("deal", "stage"):
            return {stage.name for stage in self.stages if stage.outcome}
        if self.leads is not None and (kind, name) == ("lead", self.leads.field):
            return {*self.leads.converted, *self.leads.disqualified}
        return set()

    def state_field(self, kind: str) -> str:
        """The field that says where a subject stands: a lead's status, by the name it has here, or a deal's stage."""
        if kind == "lead":
            return self.leads.field if self.leads else "status"
        return "stage"

    def stage_names(self, outcome: str) -> list[str]:
        return [stage.name for stage in self.stages if stage.outcome == outcome]


def explain_invalid(error: ValidationError, model: type[BaseModel], where: str) -> str:
    """Word pydantic's findings for a person: one line each, with the nearest name for an unknown key."""
    lines = []
    for found in error.errors():
        path = ".".join(str(part) for part in found["loc"])
        text = found["msg"].removeprefix("Value error, ")
        if found["type"] == "extra_forbidden":
            owner = _model_at(model, found["loc"][:-1])
            known = [field.alias or name for name, field in owner.model_fields.items()] if owner else []
            text = "unknown setting." + nearest(str(found["loc"][-1]), known)
        lines.append(f"  {path or 'top'}: {text}")
    return f"{where} cannot be used:\n" + "\n".join(lines)


def _model_at(model: type[BaseModel], path: tuple[int | str, ...]) -> type[BaseModel] | None:
    """Find the pydantic model that the keys at `path` belong to."""
    found: Any = model
    for part in path:
        if isinstance(part, int) or not hasattr(found, "model_fields"):
            continue
        by_key = {field.alias or name: field for name, field in found.model_fields.items()}
        if part not in by_key:
            continue
        pending = [by_key[part].annotation]
        while pending:
            kind = pending.pop()
            if isinstance(kind, type) and issubclass(kind, BaseModel):
                found = kind
                break
            pending.extend(getattr(kind, "__args__", ()))
    return found if hasattr(found, "model_fields") else None


def parse_mapping(text: str, where: str) -> Mapping:
    """Read a mapping from YAML text; `where` names it in messages. Raises BadInput."""
    try:
        content = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise BadInput(f"{where} is not YAML: {error}") from error
    if not isinstance(content, dict):
        raise BadInput(f"{where} is empty or not a list of settings. See docs/data-scientists.md for the form.")
    try:
        return Mapping.model_validate(content)
    except ValidationError as error:
        raise BadInput(explain_invalid(error, Mapping, where)) from error


def load_mapping(path: Path) -> Mapping:
    """Read a mapping file. Raises NotFound or BadInput."""
    if not path.is_file():
        raise NotFound(f"No mapping file {path}. Shipped ones can be named alone: bpic2012, one_table, simulated.")
    return parse_mapping(path.read_text(encoding="utf-8"), str(path))
