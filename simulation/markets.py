"""Markets with a calendar, a clock and names of their own: there, deals are worked in local office hours, not on local
holidays (Spring Festival), and companies and people have local names. Leads are answered from the head office."""

from __future__ import annotations

from collections.abc import Sequence
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt
import pandas as pd

from features.calendar import DAY, day_start
from simulation.clock import Clock, Clocks, office_clock
from simulation.crm_settings import Market
from simulation.tables import pick, text
from simulation.world import World

__all__ = ["Offices", "local_companies", "local_people", "market_of"]

Int = npt.NDArray[np.int64]
Float = npt.NDArray[np.float64]


def market_of(world: World, country: Int) -> Int:
    """The position of each country's market in the settings, -1 for the company's own."""
    names = list(world.markets)
    found = [names.index(name) if name in names else -1 for name in world.countries]
    return np.array(found, dtype=np.int64)[country]


class Offices:
    """The clocks of everyday business, one for each market and the company's own."""

    def __init__(self, world: World, clocks: Clocks) -> None:
        self.own = clocks.work
        self.clocks = [_local_clock(world, clocks, market) for market in world.markets.values()]

    def read(self, market: Int, moments: Int) -> Float:
        """Business days elapsed at the moments, each on its market's clock."""
        found = self.own.read(moments)
        for i, clock in enumerate(self.clocks):
            found[market == i] = clock.read(moments[market == i])
        return found

    def between(self, rng: np.random.Generator, market: Int, start: Int, end: Int) -> Int:
        """Draw a moment in each (start, end), spread evenly over its market's business days."""
        late = rng.random(len(start))
        found = self.own.between(rng, start, end, late)
        for i, clock in enumerate(self.clocks):
            ours = market == i
            found[ours] = clock.between(rng, start[ours], end[ours], late[ours])
        return found


def _local_clock(world: World, clocks: Clocks, market: Market) -> Clock:
    """A clock like the company's own, with the market's office hours and holidays."""
    import holidays

    zone, calendar = ZoneInfo(market.time_zone), world.calendar
    begin = np.datetime64(int(clocks.days[0]), "us").astype("datetime64[D]").item()
    dates = np.datetime64(begin) + np.arange((world.last_day - begin).days + 15)
    midnights = np.array([day_start(day, zone) for day in dates.tolist()], dtype=np.int64)
    years = range(begin.year, world.last_day.year + 2)
    closed = np.array(sorted(holidays.country_holidays(market.calendar, years=years)), dtype="datetime64[D]")
    pace = np.where(~np.is_busday(dates), calendar.weekend, np.where(np.isin(dates, closed), calendar.holiday, 1.0))
    return office_clock(np.append(midnights, midnights[-1] + DAY), pace, world)


def local_people(world: World, names: pd.Series, market: Int, rng: np.random.Generator) -> pd.Series:
    """Names of people, in their market's own where they have one."""
    return _renamed(names, market, [(one.family, one.given) for one in world.markets.values()], rng)


def local_companies(world: World, names: pd.Series, market: Int, rng: np.random.Generator) -> pd.Series:
    """Names of companies, in their market's own where they have one."""
    parts = [(one.company_first, one.company_middle, one.company_last) for one in world.markets.values()]
    return _renamed(names, market, parts, rng)


def _renamed(names: pd.Series, market: Int, parts: Sequence[tuple[list[str], ...]],
             rng: np.random.Generator) -> pd.Series:
    found = names.to_numpy(object)
    for i, words in enumerate(parts):
        ours = np.flatnonzero(market == i)
        drawn = [pick(some, rng.integers(0, len(some), len(ours))) for some in words]
        found[ours] = np.sum([one.to_numpy(object) for one in drawn], axis=0)
    return text(found)
