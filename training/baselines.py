"""What the models are measured against: base rate, rate by stage, Aalen–Johansen by stage × days in stage."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.optimize import minimize_scalar
from scipy.special import gammaln

from features.events import Int

__all__ = ["BAND_DAYS", "AalenJohansen", "state_rate"]

Floats = npt.NDArray[np.float64]
BAND_DAYS = (0.5, 2.0, 5.0, 10.0, 20.0, 40.0, 80.0, 160.0)  # bands of the time in stage
SHRINKAGE_ROWS = 20.0  # before cells tell otherwise, one with this many rows trusts itself and its stage equally
SHRINKAGE_SPREAD = 1.5  # standard deviation of the logarithm of what they may tell
FARTHEST_SHRINKAGE = (0.2, 2000.0)  # rows


@dataclass(frozen=True)
class AalenJohansen:
    """Hazards by cell counts: a stage's band of days in stage, shrunk to its stage, shrunk to all.

    The discrete Aalen–Johansen estimator (Aalen & Johansen 1978) in each cell, with so many rows' worth of the wider
    group's hazards added that an empty cell speaks with its stage's voice. How many is learned from how far the cells
    are from their groups (empirical Bayes, `shrinkage_rows`): where all leads convert on their first day, those of
    later days must not be lent the first day's hazards.
    cells : cell name to hazards (m, 3). The name "" is everyone, "stage" a stage, "stage|band" a cell, and "*|band" all
    stages in a band, which speaks for a stage that was never seen.
    """

    cells: dict[str, Floats]

    @staticmethod
    def fit(state: pd.Series, days_in_state: Floats, landmark: Int, position: Int, label: Int, weight: Floats,
            prior: Floats) -> AalenJohansen:
        """Count rows (landmark, bin, label; weight per row) by the landmarks' state (n,) and days in it (n,).

        prior : (m, 3) rows that everyone's counts begin with, above 0 in every bin.
        """
        n_bins = len(prior)
        stage, cell = cell_names(state, days_in_state)
        everyone = _counts(np.zeros(len(landmark), dtype=np.int64), position, label, weight, 1, n_bins)[0]
        everyone = everyone + prior
        pooled = everyone / everyone.sum(axis=1, keepdims=True)
        cells = {"": pooled}
        for names, parent in ((stage, None), (_any_stage(cell), None), (cell, stage)):
            levels, code = np.unique(names, return_inverse=True)
            counts = _counts(code[landmark], position, label, weight, len(levels), n_bins)
            above = dict(zip(names, parent, strict=True)) if parent is not None else {}
            if not len(levels):
                continue
            wider = np.stack([cells[above.get(level, "")] for level in levels])
            lent = shrinkage_rows(counts, wider) * wider
            hazards = (counts + lent) / (counts + lent).sum(axis=2, keepdims=True)
            cells |= dict(zip(levels.astype(str).tolist(), hazards, strict=True))
        return AalenJohansen(cells)

    def hazards(self, state: pd.Series, days_in_state: Floats) -> Floats:
        """Hazards (n, m, 3) of subjects in a state (n,) for some days (n,)."""
        stage, cell = cell_names(state, days_in_state)
        names = np.array([next((name for name in chain if name in self.cells), "")
                          for chain in zip(cell, stage, _any_stage(cell), strict=True)], dtype=object)
        levels, code = np.unique(names.astype(str), return_inverse=True)
        table = np.stack([self.cells[str(level)] for level in levels]) if len(levels) else \
            np.empty((0, *self.cells[""].shape))
        return np.asarray(table[code], dtype=np.float64)

    def to_dict(self) -> dict[str, Any]:
        return {name: table.tolist() for name, table in sorted(self.cells.items())}

    @staticmethod
    def from_dict(content: dict[str, Any]) -> AalenJohansen:
        return AalenJohansen({name: np.array(table, dtype=np.float64) for name, table in content.items()})


def cell_names(state: pd.Series, days_in_state: Floats) -> tuple[npt.NDArray[np.object_], npt.NDArray[np.object_]]:
    """Names of each subject's stage and cell, (n,) each."""
    stage = state.astype(object).where(state.notna(), "(none)").astype(str)
    band = pd.Series(np.searchsorted(BAND_DAYS, np.nan_to_num(days_in_state), side="right").astype(str),
                     index=stage.index)
    return stage.to_numpy(object), (stage + "|" + band).to_numpy(object)


def _any_stage(cell: npt.NDArray[np.object_]) -> npt.NDArray[np.object_]:
    return np.array(["*" + name[name.rindex("|"):] for name in cell], dtype=object)


def _counts(group: Int, position: Int, label: Int, weight: Floats, n_groups: int, n_bins: int) -> Floats:
    flat = (group * n_bins + position) * 3 + label
    counts = np.bincount(flat, weights=weight, minlength=n_groups * n_bins * 3)
    return np.asarray(counts.reshape(n_groups, n_bins, 3), dtype=np.float64)


def shrinkage_rows(counts: Floats, wider: Floats) -> float:
    """Rows of the wider groups' hazards (levels, m, 3) to add to counts (levels, m, 3): under which the counts are most
    probable (Dirichlet-multinomial; Minka, *Estimating a Dirichlet distribution*, 2000), SHRINKAGE_ROWS where few
    counts tell. Rows of one subject count as often as there are: weighing them together as one left cells of tens of
    rows nothing to say."""
    total = counts.sum(axis=2)

    def unlikely(log_rows: float) -> float:
        lent = np.exp(log_rows) * wider
        each = gammaln(lent + counts).sum() - gammaln(lent).sum()
        whole = np.exp(log_rows) * wider.sum(axis=2)
        away = (log_rows - np.log(SHRINKAGE_ROWS)) / SHRINKAGE_SPREAD
        return float(gammaln(whole + total).sum() - gammaln(whole).sum() - each + away**2 / 2)

    return float(np.exp(minimize_scalar(unlikely, bounds=np.log(FARTHEST_SHRINKAGE), method="bounded").x))


def state_rate(state: pd.Series, won: npt.NDArray[np.bool_], asked: pd.Series) -> tuple[float, Floats]:
    """Base rate and, for each asked state, the share won in that state (one pseudo-subject at the base rate).

    state, won : (n,) of past subjects whose window had closed. asked : (k,). Returns (rate, (k,) rates).
    """
    base = (float(won.sum()) + 0.5) / (len(won) + 1.0)
    frame = pd.DataFrame({"state": state.astype(object).where(state.notna(), "(none)").to_numpy(object), "won": won})
    by_state = frame.groupby("state")["won"].agg(["sum", "count"])
    rate = (by_state["sum"] + base) / (by_state["count"] + 1.0)
    named = asked.astype(object).where(asked.notna(), "(none)")
    return base, np.asarray(named.map(rate).astype(float).fillna(base), dtype=np.float64)
