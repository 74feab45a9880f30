"""How wrong the forecast has been: past periods, forecast as of a date before them by the model of that date."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Literal

from features.calendar import DAY
from features.mapping import Mapping
from serving.pages.periods import period_name

__all__ = ["Measure", "Past", "past_periods", "record_in_words"]

Measure = Literal["won_amount", "won_count"]


@dataclass(frozen=True)
class Past:
    """One past period: what was said, what it became, what the reps called. Amounts in major units, or counts."""

    name: str
    days: float
    start: int
    low: float
    middle: float
    high: float
    actual: float
    reps: float | None

    @property
    def held(self) -> bool:
        return self.low <= self.actual <= self.high


def past_periods(evaluation: dict[str, Any], measure: Measure, mapping: Mapping) -> list[Past]:
    """Past periods of a model's evaluation, oldest first."""
    found = []
    for one in evaluation.get("periods", []):
        said = one[measure]
        found.append(Past(period_name(one["from"], one["to"], mapping), (one["to"] - one["from"]) / DAY, one["from"],
                          said["p10"], said["p50"], said["p90"], said["actual"],
                          one["reps"][measure] if one["reps"] else None))
    return sorted(found, key=lambda past: past.start)


def record_in_words(past: list[Past]) -> str:
    """One sentence on past periods, each forecast at its start: how often the range held, how far off the middle was,
    and the reps' call."""
    if not past:
        return "No past period could be tested yet, so nobody knows how wrong it is: train again when one is over."
    held = sum(one.held for one in past)
    kind = "quarter" if all(80 < one.days < 100 for one in past) else f"{past[0].days:.0f}-day period"
    overlap = any(later.start < earlier.start + earlier.days * DAY * 0.99
                  for earlier, later in pairwise(past))
    periods = f"{len(past)} {'overlapping ' if overlap else ''}{kind}{'s' if len(past) > 1 else ''}"
    times = {0: "never held", 1: "held once"}.get(held, f"held {held} times")
    if held == len(past) > 1:
        times = "always held"
    said = f"In the last {periods}, forecast at {'their' if len(past) > 1 else 'its'} start, the range {times}"
    off = _off([one.middle for one in past], [one.actual for one in past])
    if off is not None:
        said += f" and the middle was off by {off:.0%} on average"
    called = [one for one in past if one.reps is not None]
    reps_off = _off([one.reps or 0.0 for one in called], [one.actual for one in called])
    if reps_off is not None:
        said += f"; the reps’ call was off by {reps_off:.0%}"
        if len(called) < len(past):
            said += f" in the {len(called)} that have one"
    return said + "."


def _off(said: list[float], came: list[float]) -> float | None:
    """Sum of misses over the sum of what came: one empty period does not make it infinite."""
    total = sum(came)
    return sum(abs(one - other) for one, other in zip(said, came, strict=True)) / total if total > 0 else None
