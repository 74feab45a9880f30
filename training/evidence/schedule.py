"""When a backtest looks: its origins, and the period after each that has run its course in the log.

An origin is a moment at which everything is fitted anew; its period is (origin, end]. Companies with short deals are
looked at on Mondays, over four weeks; those with long ones at the start of each fiscal quarter, over the quarter.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

import numpy as np

from features.calendar import DAY, day_start, fiscal_quarter, iso, local_date
from features.errors import BadInput, Conflict
from features.history import History
from features.settings import TrainingSettings
from training.evidence.rolling import SETTLE_DAYS, cycle
from training.outcomes import outcomes
from training.rows import FAST_LIFE_DAYS

__all__ = ["Every", "Period", "schedule"]

Every = Literal["week", "fortnight", "quarter"]
_STEP_DAYS = {"week": 7, "fortnight": 14}
WITHIN_DAYS = 28  # the period that is forecast where origins are weeks apart
NEWEST = {"week": 13, "fortnight": 13, "quarter": 8}  # origins, where no first one is given


@dataclass(frozen=True)
class Period:
    """What is forecast at an origin, (origin, end], and the `next` origin of the schedule; microseconds."""

    origin: int
    end: int
    next: int

    @property
    def days(self) -> float:
        return (self.end - self.origin) / DAY


def schedule(history: History, settings: TrainingSettings, log_end: int, every: Every | None = None,
             within_days: float | None = None, first: int | None = None, last: int | None = None) -> list[Period]:
    """The periods of a backtest, oldest first; all are over at `log_end`.

    every : None takes weeks where deals are short, quarters where they are long. within_days : length of the periods;
    None takes WITHIN_DAYS, or the whole quarter. first, last : the origins lie between these days, both included; weeks
    are counted from the first, and without it from a Monday. Without `first` they are the NEWEST that have enough
    behind them. Raises BadInput or Conflict where no period fits.
    """
    ends = outcomes(history, "deal")
    every = every or ("week" if cycle(ends, settings.priors.deal) < FAST_LIFE_DAYS else "quarter")
    zone = history.mapping.zone
    begins = int(history.deals.visible_at.min(initial=log_end))
    earliest = begins if first is None else max(day_start(local_date(first, zone), zone), begins)
    latest = log_end if last is None else min(last, log_end)
    if every == "quarter":
        periods = _quarters(history, earliest, latest, within_days)
    else:
        days = within_days or WITHIN_DAYS
        newest = local_date(min(latest, log_end - round(days * DAY)), zone)
        start = local_date(first, zone) if first is not None else _first_monday(local_date(begins, zone), newest,
                                                                                _STEP_DAYS[every])
        periods = _weeks(zone, start, latest, _STEP_DAYS[every], days)
    over = [one for one in periods if one.origin >= earliest - 1 and one.origin <= latest and one.end <= log_end]
    won_at = np.sort(ends.won_at[1])
    settled = [one for one in over if one.origin >= begins + SETTLE_DAYS * DAY]
    if first is not None:
        found = settled
    else:
        found = [one for one in settled
                 if np.searchsorted(won_at, one.origin, side="right") >= settings.min_wins] or settled
        found = found[-NEWEST[every]:]
    if not found:
        _refuse(history, begins, log_end, first is not None or last is not None, every)
    return found


def _first_monday(begins: date, newest: date, step_days: int) -> date:
    """A Monday before the log begins from which steps lead to the newest Monday that can be an origin."""
    monday = newest - timedelta(days=newest.weekday())
    return monday - timedelta(days=step_days * (max((monday - begins).days, 0) // step_days + 1))


def _weeks(zone: ZoneInfo, first: date, latest: int, step_days: int, within_days: float) -> list[Period]:
    """Periods from a day on, by the calendar: a Monday stays one when the clocks change."""
    found: list[Period] = []
    length, origin = round(within_days * DAY), day_start(first, zone)
    while origin <= latest:
        first += timedelta(days=step_days)
        found.append(Period(origin, origin + length, day_start(first, zone)))
        origin = found[-1].next
    return found


def _quarters(history: History, earliest: int, latest: int, within_days: float | None) -> list[Period]:
    found: list[Period] = []
    _, start, end = fiscal_quarter(earliest, history.mapping)
    while start <= latest:
        if start >= earliest - 1:  # a quarter begins a microsecond before its first day does
            found.append(Period(start, end if within_days is None else start + round(within_days * DAY), end))
        _, start, end = fiscal_quarter(end + 1, history.mapping)
    return found


def _refuse(history: History, begins: int, log_end: int, chosen: bool, every: str) -> None:
    zone = history.mapping.zone
    said = (f"The deals of {history.mapping.company} are known from {iso(begins, zone)[:10]} to "
            f"{iso(log_end, zone)[:10]}")
    if chosen:
        raise BadInput(f"{said}. No origin between those dates has {SETTLE_DAYS} days of log before it and its whole "
                       f"period in the log after it. Give other dates, a shorter --within, or leave --from and --to "
                       "out.")
    raise Conflict(f"{said}: no {every} has both {SETTLE_DAYS} days of log before it and its whole period after it. "
                   "Import a longer past, or look at shorter periods with --within.")
