"""Where each subject's rows stand in a table: an index for taking one subject's rows out of many at once."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

__all__ = ["Places", "places"]


@dataclass(frozen=True)
class Places:
    """A table sorted by a key, each key's rows in their order: `rows` (n,), `start` (keys + 1,), `number` of a key."""

    rows: pd.DataFrame
    start: npt.NDArray[np.int64]
    number: dict[Any, int]

    def of(self, keys: Iterable[Any]) -> pd.DataFrame:
        """The rows of some keys; those of a single key are no copy."""
        found = [self.number[key] for key in keys if key in self.number]
        if len(found) <= 1:
            first, last = (self.start[found[0]], self.start[found[0] + 1]) if found else (0, 0)
            return self.rows.iloc[first:last]
        return self.rows.iloc[np.concatenate([np.arange(self.start[one], self.start[one + 1]) for one in found])]


def places(rows: pd.DataFrame, keys: list[str]) -> Places:
    """Index a table by one column, or by several, whose keys are then tuples."""
    codes, distinct = pd.factorize(rows[keys[0]])
    names: list[tuple[Any, ...]] = [(one,) for one in distinct]
    for key in keys[1:]:
        more, values = pd.factorize(rows[key])
        codes, pairs = pd.factorize(codes * len(values) + more)
        names = [(*names[pair // len(values)], values[pair % len(values)]) for pair in pairs.tolist()]
    order = np.argsort(codes, kind="stable")
    start = np.searchsorted(codes[order], np.arange(len(names) + 1))
    number = {name if len(keys) > 1 else name[0]: i for i, name in enumerate(names)}
    return Places(rows.iloc[order].reset_index(drop=True), start, number)
