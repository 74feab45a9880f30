"""When things happen: clocks that run by day at an office's pace and nearly stand still at night and on weekends.

A clock maps a moment (int64 microseconds, UTC) to days elapsed on it and back. `work` is the pace of everyday
business; `sign` is that of signatures, which crowd at the ends of quarters.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

import numpy as np
import numpy.typing as npt

from features.calendar import DAY, day_start
from simulation.world import World

__all__ = ["WEEK", "Clock", "Clocks", "has_drifted", "in_recession", "log_days", "make_clocks",
           "office_clock"]

Int = npt.NDArray[np.int64]
Float = npt.NDArray[np.float64]
WEEK = 7 * DAY


@dataclass(frozen=True)
class Clock:
    """Piecewise linear: `elapsed` days at each of the `moments`, both ascending."""

    moments: Float
    elapsed: Float

    def read(self, moments: npt.ArrayLike) -> Float:
        """Days elapsed at the given moments."""
        return np.interp(np.asarray(moments, dtype=np.float64), self.moments, self.elapsed)

    def between(self, rng: np.random.Generator, start: npt.ArrayLike, end: npt.ArrayLike,
                late: npt.ArrayLike | None = None) -> Int:
        """Draw a moment in each (start, end), spread evenly over the clock's own time.

        late : in 0..1, if given used in place of a draw: 0 is the start and 1 the end.
        """
        first, last = self.read(start), self.read(end)
        share = rng.random(len(first)) if late is None else np.asarray(late)
        drawn = np.interp(first + share * (last - first), self.elapsed, self.moments)
        return np.clip(drawn, np.asarray(start) + 1_000_000, np.asarray(end) - 1_000_000).astype(np.int64)


@dataclass(frozen=True)
class Clocks:
    """The calendar of the world.

    first, last : first and last microsecond of the log. weeks : (n + 1,) local midnights seven days apart, from
    `warm_weeks` before the log; weeks[opened] is the first in the log, weeks[closed] the end of its last day, later
    weeks are only used to look into the future. work_weight, sign_weight : (n,) pace of each week, 1 on average.
    """

    first: int
    last: int
    weeks: Int
    opened: int
    closed: int
    work: Clock
    sign: Clock
    work_weight: Float
    sign_weight: Float
    days: Int  # local midnights of every day from the first of `weeks` to the end of the log
    lead_weight: Float  # pace of each of these days for leads that come in, growth included
    deal_weight: Float

    def month_starts(self) -> Int:
        """Positions in `weeks` of the first week boundary of each month, and of the end of the log."""
        noon = (self.weeks[: self.closed + 1] + DAY // 2).astype("datetime64[us]")  # the same month in any time zone
        changed = np.diff(noon.astype("datetime64[M]").astype(np.int64), prepend=-1) != 0
        changed[: self.opened + 1] = False
        changed[-1] = True
        return np.flatnonzero(changed)


def make_clocks(world: World) -> Clocks:
    """Build the calendar of a world."""
    import holidays

    zone, calendar = world.zone, world.calendar
    end = world.last_day + timedelta(days=1)
    log = log_days(world)
    span = 7 * (log // 7 + world.warm_weeks)  # the weeks are counted back from the end of the log
    begin = end - timedelta(days=span)
    dates = np.datetime64(begin) + np.arange(span + world.deals.longest * 7 + 7)
    midnights = np.array([day_start(day, zone) for day in [*dates.tolist(), dates[-1].item() + timedelta(days=1)]],
                         dtype=np.int64)
    years = range(begin.year, dates[-1].item().year + 1)
    closed = np.array(sorted(holidays.country_holidays(world.country, years=years)), dtype="datetime64[D]")
    weekend, holiday = ~np.is_busday(dates), np.isin(dates, closed)

    month = dates.astype("datetime64[M]").astype(np.int64) % 12
    pace = np.array(calendar.months)[month]
    work = pace * np.where(weekend, calendar.weekend, np.where(holiday, calendar.holiday, 1.0))
    sign = work * _quarter_end(dates, weekend | holiday, world)
    since = (dates[:span] - np.datetime64(world.first_day)).astype(np.int64)
    growth = (1 + calendar.growth_per_year) ** (since / 365.25)
    growth = growth * np.exp(in_recession(world, since) * world.recession.intake)
    lead = growth * (pace * np.where(weekend | holiday, calendar.weekend_leads, 1.0))[:span]

    starts = 7 * np.arange((len(midnights) - 1) // 7)
    in_week = starts[:, None] + np.arange(7)
    return Clocks(
        first=day_start(world.first_day, zone), last=int(midnights[span]) - 1, weeks=midnights[::7],
        opened=span // 7 - log // 7, closed=span // 7,
        work=office_clock(midnights, work, world), sign=office_clock(midnights, sign, world),
        work_weight=work[in_week].sum(axis=1) / 5, sign_weight=sign[in_week].sum(axis=1) / 5,
        days=midnights[:span], lead_weight=lead, deal_weight=growth * work[:span])


def log_days(world: World) -> int:
    """Days of the log."""
    return (world.last_day - world.first_day).days + 1


def in_recession(world: World, days: npt.ArrayLike) -> Float:
    """1 where a day (counted from the log's first) lies in the recession, else 0."""
    since = np.asarray(days, dtype=np.float64) - world.recession.at * log_days(world)
    return (world.recession.happens & (since >= 0) & (since < 7 * world.recession.weeks)).astype(np.float64)


def has_drifted(world: World, days: npt.ArrayLike) -> Float:
    """1 from the change of process on, 0 before."""
    return (world.drift.happens & (np.asarray(days) >= world.drift.at * log_days(world))).astype(np.float64)


def office_clock(midnights: Int, weights: Float, world: World) -> Clock:
    """A clock that runs from opening to closing time, each day by its weight."""
    # A day with a change to or from summer time is longer or shorter at night only.
    hour = DAY // 24
    from_end = midnights[1:] - 24 * hour
    opens = from_end + int(world.calendar.opens * hour)
    closes = from_end + int(world.calendar.closes * hour)
    total = np.concatenate([[0.0], np.cumsum(weights)])
    # A hair of time passes at night as well, so that the clock can be read backwards.
    night = 1e-9 * np.arange(2 * len(weights))
    return Clock(np.stack([opens, closes], axis=1).ravel().astype(np.float64),
                 np.stack([total[:-1], total[1:]], axis=1).ravel() + night)


def _quarter_end(dates: npt.NDArray[np.datetime64], closed: npt.NDArray[np.bool_], world: World) -> Float:
    """Weight of each day for signatures, by the business days left in its quarter."""
    rush = world.calendar.quarter_end
    quarter = dates.astype("datetime64[M]").astype(np.int64) // 3
    weight = np.ones(len(dates))
    for one in np.unique(quarter):
        days = np.flatnonzero((quarter == one) & ~closed)
        weight[days[:rush.first_days]] = rush.first_weight
        weight[days[-rush.last_days:]] = rush.last_weight
    return weight

