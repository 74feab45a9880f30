"""What customers are truly worth, and how much truly comes in: the rates behind renewals and new records."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from features.calendar import DAY, local_micros
from simulation.customers import renewal_odds, yearly
from simulation.frailty import nodes
from simulation.past import Past, intake
from simulation.pipeline import NEW

__all__ = ["customer_values", "true_intake"]

Float = npt.NDArray[np.float64]


def customer_values(past: Past) -> pd.DataFrame:
    """Each customer won within the log, by deal.

    Columns: deal_id, p_renew (the contract is renewed at its first end), lifetime_value (what the first deal brings and
    the renewals of the years that follow are expected to, in the company's currency, not discounted), both as known at
    the signature, and as *_all given everything.
    """
    panel, world = past.panel, past.world
    rows = np.flatnonzero(panel.won & (past.deals.kind[panel.deal] == NEW))
    deals, state = past.deals.take(panel.deal[rows]), panel.state.take(rows)
    odds = renewal_odds(world, past.accounts, deals, state)
    first = deals.amount * (1 - world.causes.discount_cut) ** state.discounts
    found: dict[str, npt.NDArray[np.generic]] = {"deal_id": past.deal_ids[panel.deal[rows]]}
    everything = deals.unseen_customer[:, None]
    for end, unseen in (("", nodes(world)[None, :]), ("_all", everything)):
        renews = 1 / (1 + np.exp(-(odds[:, None] + world.frailty.renew * unseen)))
        years = (renews[:, :, None] ** np.arange(1, world.renewals.value_years + 1)).sum(axis=2)
        found[f"p_renew{end}"] = renews.mean(axis=1)
        found[f"lifetime_value{end}"] = first + yearly(world, deals, state) * years.mean(axis=1)
    return pd.DataFrame(found)


def true_intake(past: Past) -> pd.DataFrame:
    """What is expected to come in on each day of the log: day, leads, direct_deals."""
    leads, direct = intake(past.size, past.clocks)
    within = past.clocks.days >= past.clocks.first
    days = local_micros(past.clocks.days[within], past.world.zone) // DAY
    return pd.DataFrame({"day": days.astype("datetime64[D]").astype(str), "leads": leads[within],
                         "direct_deals": direct[within]})
