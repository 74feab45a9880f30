"""What the vendor learns when a deal is over: its win–loss reviews, a file of their own.

They are written after the end, so no mapping reads them: they would tell a model how a deal ended.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from features.calendar import DAY, local_micros
from simulation.past import Past
from simulation.pipeline import RENEWAL
from simulation.tables import numbered, table_of

__all__ = ["deal_reviews"]

AFTER = 14  # days from the end to the review


def deal_reviews(past: Past) -> pd.DataFrame:
    """One row for each deal, other than renewals, that ended two weeks before the log's end or earlier.

    reviewed_on : date. meetings : for discovery. needs_told, needs_found, needs_missed : those the customer spoke of,
    the implicit ones that were found, and those that came up too late. fit : of the solution to the needs, of 100.
    """
    panel, deals, world = past.panel, past.deals, past.world
    at = panel.ended + AFTER * DAY
    rows = np.flatnonzero((panel.won | panel.lost) & (deals.kind[panel.deal] != RENEWAL) & (at <= past.clocks.last))
    rows = rows[np.argsort(at[rows], kind="stable")]
    deal, depth = panel.deal[rows], panel.state.depth[rows].astype(np.int64)
    found = deals.found[deal, depth]
    day = (local_micros(at[rows], world.zone) // DAY).astype("datetime64[D]").astype("datetime64[s]")
    return table_of({
        "deal_id": numbered("D", deal + 1), "reviewed_on": pd.Series(day),
        "meetings": depth,
        "needs_told": deals.needs[deal] - deals.implicit[deal], "needs_found": found,
        "needs_missed": deals.implicit[deal] - found,
        "fit": np.round(50 * np.array(world.deals.fit_by_depth)[depth]).astype(np.int64)})
