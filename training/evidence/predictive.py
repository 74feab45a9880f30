"""A forecast of ours as a whole distribution: its mean and its quantiles at `distributions.LEVELS`."""

from __future__ import annotations

from features.history import History
from features.money import to_major
from features.settings import Settings
from training.evidence.distributions import quantiles_of
from training.forecast import TOTAL, draw_period
from training.hazard import HazardModel

__all__ = ["predicted"]

Told = dict[str, dict[str, float | list[float]]]


def predicted(model: HazardModel, history: History, as_of: int, start: int, end: int, settings: Settings) -> Told:
    """Number and amount (major units) won in (start, end], as known at `as_of`, from the draws of the forecast itself:
    by measure the `mean` and the `quantiles`. Raises what `training.forecast.forecast` raises."""
    all_draws = draw_period(model, history.until(as_of), as_of, start, end, settings).lines[TOTAL].all
    currency = history.mapping.currency
    count, amount = all_draws.count[0], all_draws.amount[0]
    return {"won_count": {"mean": float(count.mean()), "quantiles": quantiles_of(count).tolist()},
            "won_amount": {"mean": to_major(amount.mean(), currency),
                           "quantiles": [to_major(one, currency) for one in quantiles_of(amount).tolist()]}}
