"""What a check finds: one thing that is wrong or looks wrong, its figures, why it matters and its cure."""

from __future__ import annotations

import dataclasses
from typing import Any, Literal

__all__ = ["SHOWN_EXAMPLES", "WEIGHTS", "Finding", "Weight", "named", "share"]

SHOWN_EXAMPLES = 5

# wrong: what is learned from it is wrong. missing: what could be learned is lost. odd: worth a look, may be right.
Weight = Literal["wrong", "missing", "odd"]
WEIGHTS: tuple[Weight, ...] = ("wrong", "missing", "odd")


@dataclasses.dataclass(frozen=True)
class Finding:
    """One finding. `check` is the kind of check, `what` says what was found in plain words with its figures, `why` what
    it does to scores and forecasts, `cure` what to do. `size` orders findings of one weight: the share concerned, 0 to
    1. `subject` and `field` where it is about one field; `figures` are the numbers in `what`, for machines."""

    check: str
    weight: Weight
    size: float
    what: str
    why: str
    cure: str
    subject: str | None = None
    field: str | None = None
    figures: dict[str, float | int | str | None] = dataclasses.field(default_factory=dict)
    examples: list[str] = dataclasses.field(default_factory=list)

    def to_dict(self) -> dict[str, Any]:
        return dataclasses.asdict(self)


def share(part: float) -> str:
    """A share as whole percents, or as "under 1%" and "over 99%" where rounding would say none or all."""
    if 0 < part < 0.01:
        return "under 1%"
    return "over 99%" if 0.99 < part < 1 else f"{part:.0%}"


def named(count: int, kind: str) -> str:
    """A number of subjects in words.

    >>> named(1, "deal"), named(1200, "activity")
    ('1 deal', '1,200 activities')
    """
    plural = kind[:-1] + "ies" if kind.endswith("y") else kind + "s"
    return f"{count:,} {kind if count == 1 else plural}"
