"""Rates of currencies as of a date: what an amount of another currency was worth in the company's own.

An amount is converted at the rate that was valid at its own time, among those known when the amount was. So a rate that
is corrected later, or told late, changes nothing that was known before, and the order of files does not matter.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from features.money import minor_digits

__all__ = ["worth"]

Int = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
_CELLS_AT_ONCE = 10_000_000
_FOREIGN = r"^(-?\d+) ([A-Z]{3})$"  # how the store writes an amount of another currency: "12300 USD"


def worth(amounts: pd.Series, at: Int, visible: Int, rates: pd.DataFrame, currency: str) -> Floats:
    """Amounts (n,) in minor units of `currency`, NaN where empty or where no rate is known.

    `at` is when each became so and `visible` since when that counts, both (n,) microseconds; `rates` is the contract's
    table: a rate is how much of `currency` one of the other buys.
    """
    plain = pd.to_numeric(amounts, errors="coerce").to_numpy(np.float64, copy=True)
    other = np.flatnonzero(np.isnan(plain) & amounts.notna().to_numpy(bool))
    parts = amounts.iloc[other].astype("str").str.extract(_FOREIGN)
    for name, cells in parts.groupby(1)[0]:
        rows = other[parts.index.get_indexer(cells.index)]
        scale = 10.0 ** (minor_digits(currency) - minor_digits(str(name)))
        found = _rates_at(rates[rates["currency"] == name], at[rows], visible[rows])
        plain[rows] = np.rint(cells.to_numpy(np.float64) * found * scale)
    return plain


def _rates_at(rates: pd.DataFrame, at: Int, visible: Int) -> Floats:
    """The rate for each (own time, visible time): of those known by then, the one that is valid latest up to the own
    time, and of several for that date the one known last."""
    if rates.empty:
        return np.full(len(at), np.nan)
    known = np.maximum(rates["valid_from"], rates["known_at"])
    rates = rates.assign(known=known).sort_values(["valid_from", "known", "rate"], kind="stable")
    valid_from, known_at = rates["valid_from"].to_numpy(np.int64), rates["known"].to_numpy(np.int64)
    moments, back = np.unique(np.stack([at, visible]), axis=1, return_inverse=True)
    best = np.full(moments.shape[1], -1, dtype=np.int64)
    step = max(1, _CELLS_AT_ONCE // len(rates))
    for start in range(0, len(best), step):
        own, seen = moments[:, start:start + step, None]
        counts = (valid_from <= own) & (known_at <= seen)
        best[start:start + step] = np.where(counts.any(axis=1), len(rates) - 1 - counts[:, ::-1].argmax(axis=1), -1)
    return np.append(rates["rate"].to_numpy(np.float64), np.nan)[best][back.reshape(-1)]
