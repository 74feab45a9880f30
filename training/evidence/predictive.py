"""Forecasts of ours as whole distributions: their means and quantiles at `distributions.LEVELS`."""

from __future__ import annotations

from features.history import History
from features.money import to_major
from features.settings import Settings
from training.draws import Sums
from training.evidence.distributions import quantiles_of
from training.forecast import TOTAL, draw_period
from training.hazard import HazardModel

__all__ = ["predicted", "predicted_by"]

Told = dict[str, dict[str, float | list[float]]]


def predicted(model: HazardModel, history: History, as_of: int, start: int, end: int, settings: Settings) -> Told:
    """Number and amount (major units) won in (start, end], as known at `as_of`, from the draws of the forecast itself:
    by measure the `mean` and the `quantiles`. Raises what `training.forecast.forecast` raises."""
    lines = draw_period(model, history.until(as_of), as_of, start, end, settings).lines[TOTAL]
    return _told(lines.all, 0, history.mapping.currency)


def predicted_by(by: str, model: HazardModel, history: History, as_of: int, start: int, end: int,
                 settings: Settings) -> dict[str, Told]:
    """The same by line of a grouping, such as each kind of business."""
    lines = draw_period(model, history.until(as_of), as_of, start, end, settings, [by]).lines[by]
    every = lines.all
    return {line: _told(every, i, history.mapping.currency) for i, line in enumerate(lines.ids)}


def _told(drawn: Sums, line: int, currency: str) -> Told:
    count, amount = drawn.count[line], drawn.amount[line]
    return {"won_count": {"mean": float(count.mean()), "quantiles": quantiles_of(count).tolist()},
            "won_amount": {"mean": to_major(amount.mean(), currency),
                           "quantiles": [to_major(one, currency) for one in quantiles_of(amount).tolist()]}}
