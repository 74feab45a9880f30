"""A draft of a mapping, before it is written down: what each table and column becomes, why, and how sure that is."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from features.drafting.looking import Look
from features.drafting.meaning import level
from features.drafting.profile import Profile

__all__ = ["Decision", "Draft", "DraftField", "Lookup", "Table"]


@dataclass
class Decision:
    """What a column becomes. `role` is a contract column ("deal_id"), "field", "closed_at", "where" or "left out";
    `field` the field's name. A column may have a second role."""

    column: str
    role: str
    confidence: float
    reason: str
    field: str = ""
    also: str = ""

    @property
    def level(self) -> str:
        return level(self.confidence)


@dataclass
class DraftField:
    column: str
    type: str
    past: str
    why_past: str
    closed_at: str | None = None
    times: int = 1
    values: dict[str, str] = field(default_factory=dict)
    warning: str = ""
    joined_from: str = ""


@dataclass(frozen=True)
class Lookup:
    """Columns of another table that are put beside a table's own: the name that each gets here, to its name there."""

    look: Look
    by: str
    key: str
    columns: dict[str, str]


@dataclass
class Table:
    """One table and what it becomes: `rows` of the contract ("" when it is left out), about `subject`. `undated` says
    why rows without a date of creation are taken, `blocked` why the table is left out all the same."""

    look: Look
    profiles: dict[str, Profile]
    rows: str = ""
    subject: str | None = None
    confidence: float = 0.0
    reason: str = ""
    meanings: dict[str, dict[str, float]] = field(default_factory=dict)
    links: dict[str, tuple[int, float]] = field(default_factory=dict)
    columns: dict[str, str] = field(default_factory=dict)
    fields: dict[str, DraftField] = field(default_factory=dict)
    where: dict[str, list[str]] = field(default_factory=dict)
    constants: dict[str, str] = field(default_factory=dict)
    date_format: str | None = None
    decisions: dict[str, Decision] = field(default_factory=dict)
    joins: list[Lookup] = field(default_factory=list)
    questions: list[str] = field(default_factory=list)
    undated: str = ""
    blocked: str = ""

    def decide(self, column: str, role: str, confidence: float, reason: str, field_name: str = "") -> None:
        self.decisions[column] = Decision(column, role, min(confidence, 0.99), reason, field_name)

    def add_field(self, field: str, column: str, kind: str, past: str, why: str, confidence: float,
                  reason: str) -> DraftField:
        """Draft a field, and the decision about its column."""
        profile = self.profiles[column]
        made = DraftField(column, kind, past, why)
        if kind in ("money", "number") and profile.value_factor == 1 and profile.words.factor != 1:
            made.times = profile.words.factor
            made.warning = f"the header says '{profile.words.factor_word}': each number is taken {made.times:,} times"
        self.fields[field] = made
        self.decide(column, "field", confidence, reason, field)
        return made

    def rows_read(self) -> npt.NDArray[np.bool_]:
        """Rows (n,) that the draft's `where` chooses."""
        keep = np.ones(len(self.look.frame), dtype=bool)
        for column, some in self.where.items():
            keep &= self.profiles[column].text.isin(some).to_numpy(bool)
        return keep

    def undecided(self) -> list[str]:
        return [name for name in self.profiles if name not in self.decisions]


@dataclass
class Draft:
    """The whole draft. `stages` are (name, outcome or "") in order; `leads` and `deals` are lines of YAML."""

    company: str
    tables: list[Table]
    unreadable: list[str]
    questions: list[str] = field(default_factory=list)
    stages: list[tuple[str, str]] = field(default_factory=list)
    stages_reason: str = ""
    leads: list[str] = field(default_factory=list)
    deals: list[str] = field(default_factory=list)
    currency: tuple[str, str] = ("EUR", "")
    time_zone: tuple[str, str] = ("UTC", "")
