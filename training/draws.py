"""Monte Carlo draws of who is won and for how much, summed by every grouping at once.

Each deal that exists, and each that comes again, has its own stream of random numbers, by its id: what becomes of
others, who owns it and how it is grouped changes none of its draws. So totals and groups agree, and two forecasts
differ by what differs between them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from features.events import Int

__all__ = ["Amounts", "Part", "Sums", "draw", "numbers", "stream", "stream_of_deal"]

Floats = npt.NDArray[np.float64]
Singles = npt.NDArray[np.float32]
Texts = npt.NDArray[np.object_]
Uniform = Callable[[slice], Singles]
AT_ONCE = 500_000  # chances that are drawn at once, which a processor's cache holds


@dataclass(frozen=True)
class Part:
    """Deals that may be won in the period.

    win : (levels, n) P(win in the period) at each level of the shock. amount : (n,) minor units, NaN where unknown.
    codes : by grouping, (n,) the line that each deal belongs to.
    """

    win: Singles
    amount: Floats
    codes: dict[str, Int]


@dataclass(frozen=True)
class Amounts:
    """How amounts are drawn. closing : what a known amount is multiplied by. typical : of deals that have none."""

    closing: Floats
    typical: Floats

    def draw(self, amount: Floats, uniform: Floats) -> Floats:
        """An amount for each win, whole minor units, so that sums are exact; `uniform` lies in [0, 1)."""
        found = amount * _pick(self.closing, uniform)
        unknown = np.isnan(found)
        if unknown.any():
            found[unknown] = _pick(self.typical, uniform[unknown]) if len(self.typical) else 0.0
        return np.rint(found)


def _pick(values: Floats, uniform: Floats) -> Floats:
    return values[np.minimum((uniform * len(values)).astype(np.int64), len(values) - 1)]


@dataclass(frozen=True)
class Sums:
    """Number and amount (minor units) won by line and draw, (lines, draws) each."""

    count: Floats
    amount: Floats

    @staticmethod
    def zeros(lines: int, draws: int) -> Sums:
        return Sums(np.zeros((lines, draws)), np.zeros((lines, draws)))

    def __add__(self, other: Sums) -> Sums:
        return Sums(self.count + other.count, self.amount + other.amount)

    @property
    def means(self) -> tuple[Floats, Floats]:
        """Mean number and amount of each line, (lines,) each."""
        return self.count.mean(axis=1), self.amount.mean(axis=1)

    def rolled_up(self, of: Floats) -> Sums:
        """Sums by head; `of` (heads, lines) is 1 where a line counts for a head, else 0."""
        return Sums(of @ self.count, of @ self.amount)

    def add(self, code: Int, deal: Int, row: Int, value: Floats, rows: Int) -> None:
        """Add wins: the deal of each as a position in `code`, which holds deals' lines; its draw as a position in
        `rows`, where no draw stands twice; and its amount."""
        lines, local = np.unique(code, return_inverse=True)
        cell, shape = local[deal] * len(rows) + row, (len(lines), len(rows))
        where = lines[:, None], rows
        self.count[where] += np.bincount(cell, minlength=shape[0] * shape[1]).reshape(shape)
        self.amount[where] += np.bincount(cell, weights=value, minlength=shape[0] * shape[1]).reshape(shape)


def draw(part: Part, level: Int, rows: Int, uniform: Uniform, amounts: Amounts, sums: dict[str, Sums]) -> None:
    """Draw the wins of a part in some draws (`rows`) and add them to each grouping's sums.

    level : (draws,) the shock's level in each draw. uniform : gives random numbers (deals, rows) for a slice of deals.
    """
    n = len(part.amount)
    size = max(1, AT_ONCE // max(len(rows), 1))
    for here in (slice(first, min(first + size, n)) for first in range(0, n, size)):
        chance = np.ascontiguousarray(part.win[:, here].T)[:, level[rows]]
        number = uniform(here)
        won = np.flatnonzero(number < chance)
        if not len(won):
            continue
        deal, row = np.divmod(won, len(rows))
        # Given a win, number / chance is again anywhere between 0 and 1.
        value = amounts.draw(part.amount[here][deal], (number.ravel()[won] / chance.ravel()[won]).astype(np.float64))
        for name, one in sums.items():
            one.add(part.codes[name][here], deal, row, value, rows)


def stream(seed: int) -> np.random.Generator:
    """A stream of random numbers of its own."""
    return np.random.Generator(np.random.PCG64(seed))


def numbers(streams: Sequence[np.random.Generator], draws: int) -> Singles:
    """The next random numbers of each stream, (streams, draws)."""
    found = np.empty((len(streams), draws), dtype=np.float32)
    for row, one in zip(found, streams, strict=True):
        one.random(out=row, dtype=np.float32)
    return found


def stream_of_deal(ids: Texts, draws: int) -> Uniform:
    """Random numbers of deals by their ids: the same for a deal wherever it stands. Each step of the loop is as wide as
    the draws, so that it costs little."""
    seeds = pd.util.hash_array(ids.astype(object))
    return lambda here: numbers([stream(seed) for seed in seeds[here].tolist()], draws)
