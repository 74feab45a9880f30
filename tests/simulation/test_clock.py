"""The calendar of the world: weeks, quiet days and the rush at the quarter's end."""

from __future__ import annotations

from datetime import date, datetime

import numpy as np
import pytest

from features.calendar import DAY, day_start, local_date, local_micros
from simulation.clock import Clocks, make_clocks
from simulation.world import World

HOUR = DAY // 24


@pytest.fixture(scope="module")
def clocks(world: World) -> Clocks:
    return make_clocks(world)


def test_weeks_are_local_midnights_that_close_with_the_log(clocks: Clocks, world: World) -> None:
    assert clocks.weeks[clocks.closed] == clocks.last + 1
    local = local_micros(clocks.weeks, world.zone)
    assert (local % DAY == 0).all()
    assert (np.diff(local) == 7 * DAY).all()
    assert 0 <= clocks.weeks[clocks.opened] - clocks.first < 7 * DAY
    assert clocks.opened == world.warm_weeks
    assert len(clocks.weeks) - 1 - clocks.closed >= world.deals.longest


def test_month_starts_are_the_first_week_boundary_of_each_month_and_the_end(clocks: Clocks, world: World) -> None:
    days = [local_date(int(moment), world.zone) for moment in clocks.weeks[clocks.month_starts()]]
    assert len({(day.year, day.month) for day in days}) == len(days) == 36
    assert all(day.day <= 7 for day in days)
    assert (days[0], days[-1]) == (date(2023, 11, 2), date(2026, 10, 1))


def test_drawn_moments_lie_inside_their_interval_and_in_office_hours(clocks: Clocks, world: World) -> None:
    rng = np.random.default_rng(0)
    start = np.repeat(clocks.weeks[:150], 40)
    drawn = clocks.work.between(rng, start, start + 7 * DAY)
    assert ((drawn > start) & (drawn < start + 7 * DAY)).all()
    local = local_micros(drawn, world.zone)
    # 1970-01-01 was a Thursday; 9 hours wide because of the two weeks in which clocks are changed.
    assert ((local // DAY + 3) % 7 >= 5).mean() < 0.02
    assert ((local % DAY >= 7 * HOUR) & (local % DAY <= 19 * HOUR)).all()


@pytest.mark.parametrize("day", [date(2024, 12, 25), date(2025, 5, 1), date(2026, 10, 3)])
def test_public_holidays_are_quiet(clocks: Clocks, world: World, day: date) -> None:
    start = day_start(day, world.zone)
    assert np.diff(clocks.work.read([start, start + DAY]))[0] < 0.05


def test_signatures_crowd_at_the_end_of_the_quarter(clocks: Clocks, world: World) -> None:
    def pace(first: date, last: date) -> float:
        span = clocks.sign.read([day_start(first, world.zone), day_start(last, world.zone)])
        work = clocks.work.read([day_start(first, world.zone), day_start(last, world.zone)])
        return float(np.diff(span)[0] / np.diff(work)[0])

    assert pace(date(2025, 6, 17), date(2025, 7, 1)) == pytest.approx(world.calendar.quarter_end.last_weight, rel=0.05)
    assert pace(date(2025, 7, 1), date(2025, 7, 15)) == pytest.approx(world.calendar.quarter_end.first_weight, rel=0.05)


def test_clock_reads_back_what_it_gave(clocks: Clocks) -> None:
    start = np.array([int(datetime(2025, 3, 3, 3).timestamp() * 1e6)])
    shares = np.array([0.25])
    drawn = clocks.work.between(np.random.default_rng(0), start, start + 5 * DAY, late=shares)
    done = clocks.work.read(drawn) - clocks.work.read(start)
    assert done / (clocks.work.read(start + 5 * DAY) - clocks.work.read(start)) == pytest.approx(shares, rel=1e-6)
