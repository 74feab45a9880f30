"""Forecasts of ours as whole distributions: their means and quantiles at `distributions.LEVELS`."""

from __future__ import annotations

from collections.abc import Sequence

from features.history import History
from features.money import to_major
from features.settings import Settings
from training.draws import Sums
from training.evidence.distributions import quantiles_of
from training.forecast import TOTAL, draw_period
from training.hazard import HazardModel

__all__ = ["Told", "predicted", "predicted_by"]

Told = dict[str, dict[str, float | list[float]]]


def predicted(model: HazardModel, history: History, as_of: int, start: int, end: int, settings: Settings) -> Told:
    """Number and amount (major units) won in (start, end], as known at `as_of`, from the draws of the forecast itself:
    by measure the `mean` and the `quantiles`. Raises what `training.forecast.forecast` raises."""
    return predicted_by((), model, history, as_of, start, end, settings)[TOTAL][TOTAL]


def predicted_by(by: Sequence[str], model: HazardModel, history: History, as_of: int, start: int, end: int,
                 settings: Settings) -> dict[str, dict[str, Told]]:
    """The same by grouping and line, such as each kind of business, from one set of draws; TOTAL is among them."""
    drawn = draw_period(model, history.until(as_of), as_of, start, end, settings, by)
    return {one: {line: _told(lines.all, i, history.mapping.currency) for i, line in enumerate(lines.ids)}
            for one, lines in drawn.lines.items()}


def _told(drawn: Sums, line: int, currency: str) -> Told:
    count, amount = drawn.count[line], drawn.amount[line]
    return {"won_count": {"mean": float(count.mean()), "quantiles": quantiles_of(count).tolist()},
            "won_amount": {"mean": to_major(amount.mean(), currency),
                           "quantiles": [to_major(one, currency) for one in quantiles_of(amount).tolist()]}}
