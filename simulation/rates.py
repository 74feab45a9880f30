"""Exchange rates: what one unit of a foreign currency is worth in the company's own, month by month."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from features.calendar import day_start
from simulation.past import Past
from simulation.tables import pick, table_of
from simulation.world import World

__all__ = ["currency_names", "exchange_rates", "rate_at"]

Int = npt.NDArray[np.int64]
Float = npt.NDArray[np.float64]


def currency_names(world: World) -> list[str]:
    return list(dict.fromkeys(one.currency for one in world.warts.currencies.countries.values()))


def exchange_rates(past: Past, rng: np.random.Generator) -> pd.DataFrame:
    """A row for each currency and month of the log: currency, rate and valid_from (a day)."""
    world, settings = past.world, past.world.warts.currencies
    days = np.arange(np.datetime64(world.first_day), np.datetime64(world.last_day) + 1)
    starts = days[(days == days.astype("datetime64[M]")) | (days == days[0])]
    names = currency_names(world)
    first = {one.currency: one.rate for one in settings.countries.values()}
    steps = settings.volatility * rng.standard_normal((len(names), len(starts))) * (np.arange(len(starts)) > 0)
    rates = np.array([first[name] for name in names])[:, None] * np.exp(np.cumsum(steps, axis=1))
    since = starts - np.where(np.arange(len(starts)) == 0, 4 * 365, 0)  # deals that were there already are older
    return table_of({
        "currency": pick(names, np.repeat(np.arange(len(names)), len(starts))),
        "rate": pick([f"{rate:.4f}" for rate in rates.ravel().tolist()], np.arange(rates.size)),
        "valid_from": pd.Series(np.tile(since.astype("datetime64[s]"), len(names)))})


def rate_at(rates: pd.DataFrame, world: World, currency: Int, at: Int) -> Float:
    """The rate of each currency (position in `currency_names`) at the moments; before the first month, the first."""
    names = currency_names(world)
    by_currency = [rates[rates["currency"] == name] for name in names]
    since = np.array([day_start(day.date(), world.zone) for day in by_currency[0]["valid_from"]])
    table = np.stack([one["rate"].astype(np.float64).to_numpy() for one in by_currency])
    month = np.maximum(np.searchsorted(since, at, side="right") - 1, 0)
    return np.asarray(table[currency, month])
