"""A mapping: how the columns of a company's files become the contract's tables.

One YAML file per company, strict: an unknown key is an error that suggests the nearest name. The mapping is
also the company's own description (time zone, currency, stages, outcomes), which later commands read back
from the home that stored it.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Literal
from zoneinfo import ZoneInfo, available_timezones

from pydantic import Field, ValidationError, model_validator

from features.added_columns import Join, Made
from features.errors import BadInput, NotFound, nearest
from features.outcome_rules import Condition, DealOutcome, LeadOutcome, Stage
from features.strict import Strict, explain_invalid, read_yaml

__all__ = ["SUBJECTS", "TABLE_COLUMNS", "FieldSpec", "Mapping", "Source", "load_mapping", "parse_mapping"]

TableName = Literal["leads", "deals", "accounts", "contacts", "deal_contacts", "owners", "changes", "activities",
                    "rates", "quotas", "calls"]
SubjectKind = Literal["lead", "deal", "account", "contact"]
SUBJECTS = {"lead": "leads", "deal": "deals", "account": "accounts", "contact": "contacts"}  # kind: its table

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
    "quotas": {"period": True, "owner_id": False, "level": False, "amount": True, "valid_from": True},
    "calls": {"period": True, "owner_id": True, "kind": False, "amount": True, "made_at": True, "made_by": False,
              "note": False},
}


class FieldSpec(Strict):
    """One mapped field: where it stands, what it is, and what its past is worth."""

    column: str
    """The column it stands in; of a field history, the field's name there."""
    type: Literal["number", "money", "category", "date", "text"] = "category"
    """category: words that repeat. text: words that do not; no feature is made of them. money: an amount."""
    past: Literal["logged", "at_creation", "final_only"] = "final_only"
    """logged: every change is known. at_creation: does not change after creation. final_only: only the last value is
    known, so it says nothing about the past; it starts to be logged with the first import."""
    times: Annotated[int, Field(ge=1)] = 1
    """Of number and money: what one stands for in the file, such as 10000 where amounts are written in 万元."""
    closed_at: str | None = None
    """Of a field that ends a lead or deal: the column with the date on which such a value was entered."""
    values: dict[str, str] = {}
    """The file's words to ours, e.g. {"Closed Won": won}; words that are not listed stay as they are."""
    personal: bool = False
    """true: it identifies a person, and `dealcast forget` empties it. Fields of the type text are emptied anyway."""

    @model_validator(mode="after")
    def _times_are_of_numbers(self) -> FieldSpec:
        if self.times != 1 and self.type not in ("number", "money"):
            raise ValueError(f"'times' is for fields of type number or money, not {self.type}")
        return self


class Source(Strict):
    """One file (or several, by a pattern) and the contract table that its rows become."""

    file: str | None = None
    """The file's name in the folder that is imported, or a pattern such as log*.csv; left out, the only file."""
    sheet: str | list[str] | None = None
    """Excel: one sheet, several of the same columns, or "*" for all that are visible; left out, the first of those."""
    rows: TableName
    """What each row becomes."""
    subject: SubjectKind | None = None
    """What changes or activities are about."""
    where: dict[str, list[str | int | float | bool]] = {}
    """Only rows whose column holds one of these; "" is an empty cell, and * stands for anything ("006*")."""
    where_not: dict[str, list[str | int | float | bool]] = {}
    """No rows whose column holds one of these."""
    join: list[Join] = []
    """Columns to take from other files."""
    made: dict[str, Made] = {}
    """Dates that the file does not have, made from other columns, by the name that they get."""
    columns: dict[str, str]
    """Our columns to the file's."""
    constants: dict[str, str] = {}
    """Our columns that the file does not have, with the one value that all rows get."""
    values: dict[str, dict[str, str]] = {}
    """The file's words to ours in one of our columns, e.g. role: {"Decision maker": budget}; others stay."""
    fields: dict[str, FieldSpec] = {}
    """Everything else that describes the subject, by the name that it gets."""
    known_at: str | None = None
    """The column that says when the CRM got the row. Left out, it is the date that the row claims."""
    undated: Literal["reject", "import"] = "reject"
    """Rows without a date of creation: set aside (reject), or counted from the import that first sees them (import)."""
    snapshot: Literal["full", "part"] = "part"
    """full: the file holds everyone, so who is missing from a later one was deleted. A part says nothing of that."""
    currency: Annotated[str, Field(pattern="^[A-Z]{3}$")] | None = None
    """The currency of all the source's amounts, where a cell does not say it itself."""
    currency_column: str | None = None
    """The column that names the currency of each row's amounts. A field called currency is such a column by itself."""
    inverse: bool = False
    """Rates only: the file says how much of the other currency one of ours buys (1 EUR = 1.08 USD), not the reverse."""
    delimiter: Annotated[str, Field(min_length=1, max_length=1)] | None = None
    """CSV: what stands between columns. This and the next four are found out from the file, and told, if left out."""
    encoding: str | None = None
    """CSV: how text is written, such as utf-8, cp1252 or gb18030."""
    decimal: Literal[".", ","] | None = None
    """The decimal mark of numbers that are written as text."""
    date_format: str | None = None
    """How dates are written, such as %d/%m/%Y for 31/12/2025."""
    header_row: Annotated[int, Field(ge=1)] | None = None
    """The line of the file, or the row of the sheet, that names the columns."""

    @model_validator(mode="after")
    def _date_format_has_codes(self) -> Source:
        if self.date_format is not None and "%" not in self.date_format:
            raise ValueError(f"date_format '{self.date_format}' has no codes such as %d. Write %d/%m/%Y for 31/12/2025")
        return self

    @model_validator(mode="after")
    def _fits_the_contract(self) -> Source:
        contract = TABLE_COLUMNS[self.rows]
        for name in self.values:
            if name not in self.columns:
                raise ValueError(f"'values' has words for '{name}', which is none of 'columns'."
                                 + nearest(name, self.columns))
        for name in (*self.columns, *self.constants):
            if name not in contract:
                raise ValueError(f"'{name}' is not a column of {self.rows} ({', '.join(contract)})."
                                 + nearest(name, contract))
        missing = [name for name, needed in contract.items()
                   if needed and name not in self.columns and name not in self.constants
                   and not (name == "created_at" and self.undated == "import")]
        if missing:
            raise ValueError(f"rows of {self.rows} need: {', '.join(missing)}")
        constant = [name for name in ("period", "amount") if name in self.constants]
        if self.rows in ("quotas", "calls") and constant:
            raise ValueError(f"{' and '.join(constant)} of {self.rows} stand in a column: name it in 'columns'")
        if (self.rows in ("changes", "activities")) != (self.subject is not None):
            raise ValueError("'subject' is given for changes and activities, and only for them")
        if self.snapshot == "full" and self.rows not in SUBJECTS.values():
            raise ValueError(f"'snapshot: full' is for {', '.join(SUBJECTS.values())}, not for {self.rows}")
        if self.undated == "import" and self.rows not in SUBJECTS.values():
            raise ValueError(f"'undated: import' is for {', '.join(SUBJECTS.values())}, not for {self.rows}")
        if self.currency and self.currency_column:
            raise ValueError("'currency' is one for all rows and 'currency_column' names it row by row: give one")
        if self.inverse and self.rows != "rates":
            raise ValueError("'inverse' is about rows of rates")
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

    @property
    def names_currency(self) -> str | None:
        """The column that names the currency of a row's amounts, if there is one."""
        if self.currency_column is None and "field" not in self.columns and "currency" in self.fields:
            return self.fields["currency"].column
        return self.currency_column


class Mapping(Strict):
    company: str
    """The company's name: a home belongs to it."""
    part: Annotated[str, Field(pattern=r"^[\w -]+$")] = "main"
    """The name of this file among several mappings of one company."""
    simulated: bool = False
    """true: the company is invented; its home takes no real data."""
    time_zone: str = "UTC"
    """The clock behind dates without a time, by its IANA name."""
    currency: str = "EUR"
    """The currency that everything is summed in, by its ISO code."""
    holidays: str | None = None
    """Country (or Country-Region) whose public holidays are not business days; left out, none are."""
    fiscal_year_starts: Annotated[int, Field(ge=1, le=12)] = 1
    """The month in which the fiscal year begins."""
    stages: list[Stage] = []
    """The stages of a deal, first to last."""
    leads: LeadOutcome | None = None
    """When a lead has converted or is out."""
    deals: DealOutcome | None = None
    """When a deal is won or lost, where stages do not say it."""
    sources: Annotated[list[Source], Field(min_length=1)]
    """The files, and what their rows are."""

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
        self._check_closed_at()
        for kind in ("lead", "deal"):
            self._check_endings(kind)
        return self

    def _check_closed_at(self) -> None:
        for source in self.sources:
            kind = source.subject_kind or ""
            for name, spec in source.fields.items():
                if spec.closed_at and (source.rows == "changes" or name not in self.ending_fields(kind)):
                    raise ValueError(
                        f"{kind} field '{name}' of {source.rows} has closed_at, which only rows of deals have, for a "
                        "stage with an outcome, and rows of leads, for the field that 'leads' names. Take it out")

    def _check_endings(self, kind: str) -> None:
        """Conditions must be about something that the sources give, where these give such leads or deals at all."""
        if not any(source.rows == f"{kind}s" for source in self.sources):
            return
        fields = self.field_types(kind)
        for _, condition in self.endings(kind):
            name = condition.field
            # Stages are also listed for their order alone.
            if name is not None and name not in fields and (kind, name) != ("deal", "stage"):
                raise ValueError(f"{kind}s end by the field '{name}', which no source maps for {kind}s "
                                 f"(mapped: {', '.join(sorted(fields)) or 'none'}).{nearest(name, fields)}")
            if condition.deal and kind == "deal":
                raise ValueError("{deal: created} says when a lead converts; a deal needs another condition")
            if condition.deal and not any(source.rows == "deals" and "lead_id" in source.columns
                                          for source in self.sources):
                raise ValueError("leads end by {deal: created}, but no source of deals has a lead_id among its columns")
            if condition.activity and not any(source.rows == "activities" and source.subject == kind
                                              for source in self.sources):
                raise ValueError(f"{kind}s end by the activity '{condition.activity}', but no source gives activities "
                                 f"about {kind}s. If another part of the mapping does, write '{kind}s' there")

    @property
    def has_rates(self) -> bool:
        """Whether some source gives rates of other currencies."""
        return any(source.rows == "rates" for source in self.sources)

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

    def endings(self, kind: str) -> list[tuple[Literal["won", "lost"], Condition]]:
        """Everything that ends a lead (won: converted, lost: disqualified) or a deal."""
        if kind == "lead":
            return self.leads.endings() if self.leads else []
        if kind != "deal":
            return []
        stages = [(stage.outcome, Condition(field="stage", becomes=[stage.name]))
                  for stage in self.stages if stage.outcome]
        return [*stages, *(self.deals.endings() if self.deals else [])]

    def ending_fields(self, kind: str) -> set[str]:
        """Fields of a kind of subject that say when it ended."""
        return {condition.field for _, condition in self.endings(kind) if condition.field is not None}

    def state_field(self, kind: str) -> str:
        """The field that says where a subject stands: a lead's status, by the name it has here, or a deal's stage."""
        if kind == "lead":
            return self.leads.field if self.leads else "status"
        return "stage"

    def stage_names(self, outcome: str) -> list[str]:
        return [stage.name for stage in self.stages if stage.outcome == outcome]


def parse_mapping(text: str, where: str) -> Mapping:
    """Read a mapping from YAML text; `where` names it in messages. Raises BadInput."""
    content = read_yaml(text, where)
    if not isinstance(content, dict):
        raise BadInput(f"{where} is no mapping: it needs at least 'company: NAME' and 'sources:'. docs/mapping.md has "
                       "every key; `dealcast map FILE` drafts one.")
    if questions := content.pop("questions", None):
        # A draft of `dealcast map` that nobody has finished: its guesses must not become a company's history.
        listed = questions if isinstance(questions, list) else [questions]
        lines = "\n".join(f"  - {one}" for one in listed)
        plural = "s" if len(listed) > 1 else ""
        raise BadInput(f"{where} is a draft with {len(listed)} open question{plural}. Answer each in the mapping, then "
                       f"delete it under 'questions':\n{lines}")
    try:
        return Mapping.model_validate(content)
    except ValidationError as error:
        raise BadInput(explain_invalid(error, Mapping, where)) from error


def load_mapping(path: Path) -> Mapping:
    """Read a mapping file. Raises NotFound or BadInput."""
    if not path.is_file():
        raise NotFound(f"No mapping file {path}. Shipped ones can be named alone: bpic2012, one_table, simulated.")
    return parse_mapping(path.read_text(encoding="utf-8"), str(path))
