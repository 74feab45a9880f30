"""The scoreboard: the model against plain methods, CRMs' habits and people, on the same frozen origins.

A difference is the model's loss less the other's: below 0 the model is better. All losses are proper scores. Origins
closer together than a period overlap, so chance is drawn by blocks of time as long as a period, deals and origins whole
in the block in which they first stand. With fewer than MIN_BLOCKS of them there is no interval that means anything:
then it is counted at how many of the origins the model was ahead, and "no difference" is said where that is undecided.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from features.calendar import DAY
from features.events import Int
from training.evidence.backtested import (
    DATES,
    MEASURES,
    PEOPLE,
    Result,
    asked_of,
    called_of,
    forecasts_of,
    telling,
    told_of,
)
from training.evidence.close_amounts import AMOUNT_NAMES
from training.evidence.dates import DATE_NAMES
from training.evidence.distributions import MEDIAN, Floats, crps, interval_score
from training.evidence.measures import log_losses
from training.evidence.paired import MIN_BLOCKS, blocks
from training.evidence.plain_deals import DEAL_NAMES
from training.evidence.plain_forecasts import METHOD_NAMES

__all__ = ["SCORES", "TOLD_NAMES", "Compared", "as_rows", "compare", "scoreboard"]

DRAWS = 4000
AHEAD = 0.75  # of the origins, for a word on who is better where there are too few blocks
# What is compared, and in which unit: none, days, deals or the currency.
SCORES = {"log_loss": "Won in the period: log-loss", "brier": "Won in the period: Brier score",
          "resolution": "Date of resolution: pinball loss in days", "win": "Date of a win: pinball loss in days",
          "amount": "Amount of a deal that is won: pinball loss",
          "won_count_crps": "Number won: CRPS", "won_count_interval": "Number won: interval score of 80%",
          "won_count_median": "Number won: absolute error of one number",
          "won_amount_crps": "Amount won: CRPS", "won_amount_interval": "Amount won: interval score of 80%",
          "won_amount_median": "Amount won: absolute error of one number",
          "won_amount_called": "Amount won, once people have called it: CRPS",
          "won_amount_called_median": "Amount won, once people have called it: absolute error of one number"}
TOLD_NAMES = {**DATE_NAMES, **AMOUNT_NAMES}
PEOPLE_NAMES = {"calls": "the sum of people's calls", "managers": "their managers' numbers"}


@dataclass(frozen=True)
class Compared:
    """The model against another. mean, low, high : difference of the loss and its 90% interval, None with too few
    blocks. ours, theirs : mean losses. ahead, origins : at how many origins the model's loss was lower. blocks :
    stretches of time that do not overlap. word : better or worse by the interval, ahead or behind by the count where
    there is none, or "no difference"."""

    score: str
    method: str
    ours: float
    theirs: float
    mean: float
    low: float | None
    high: float | None
    ahead: int
    origins: int
    blocks: int
    word: str

    @property
    def sentence(self) -> str:
        """The comparison in words, with the origins that it rests on."""
        if self.word == "behind":
            return f"behind at {self.origins - self.ahead} of {self.origins}"
        counted = f"ahead at {self.ahead} of {self.origins}"
        return counted if self.word == "ahead" else f"{self.word} ({counted})"


def scoreboard(results: list[Result]) -> list[Compared]:
    """Every comparison that the results of a backtest allow, score by score as in SCORES."""
    return [*_deals(results), *(row for name in (*DATES, "amount") for row in _told(results, name)),
            *(row for measure in MEASURES for row in _forecasts(results, measure)), *_called(results)]


def block_days(results: list[Result]) -> float:
    """Length of the blocks of time: a period's; of quarters the shortest, or two of them would share a block."""
    return min(float(one["days"]) for one in results)


def _deals(results: list[Result]) -> list[Compared]:
    asked = asked_of(results)
    if not asked:
        return []
    unit = blocks(asked, block_days(results))
    origin = np.concatenate([one.at for one in asked])
    won = np.concatenate([one.won for one in asked])
    ours = np.concatenate([one.probability for one in asked])
    found = []
    for score, loss in (("log_loss", log_losses), ("brier", lambda p, won: (p - won) ** 2)):
        for name in asked[0].plain:
            theirs = np.concatenate([one.plain[name] for one in asked])
            found.append(compare(score, DEAL_NAMES[name], loss(ours, won), loss(theirs, won), origin, unit))
    return found


def _told(results: list[Result], name: str) -> list[Compared]:
    """What was told of single deals: their dates, their amount."""
    told = told_of(results, name)
    if not told:
        return []
    origins = telling(results, name)
    ids = [np.array(one["deals"]["id"], dtype=object)[one[name]["deal"]] for one in origins]
    origin = np.repeat([one["origin"] for one in origins], [len(one) for one in ids])
    unit = _first_block(np.concatenate(ids), origin, block_days(results))
    ours = np.concatenate(told["model"]["pinball"])
    return [compare(name, TOLD_NAMES[way], ours, np.concatenate(told[way]["pinball"]), origin, unit)
            for way in told if way != "model"]


def _first_block(ids: npt.NDArray[np.object_], at: Int, days: float) -> Int:
    """Block of time of each row, (n,): that in which its deal first stands."""
    code = np.unique(ids.astype(str), return_inverse=True)[1]
    first = np.full(code.max(initial=-1) + 1, np.iinfo(np.int64).max)
    np.minimum.at(first, code, at)
    return np.asarray((first - at.min()) // round(days * DAY), dtype=np.int64)[code]


def _forecasts(results: list[Result], measure: str) -> list[Compared]:
    told = forecasts_of(results, measure)
    if not told:
        return []
    origin = np.array([one["origin"] for one in results if one["forecast"]], dtype=np.int64)
    unit = (origin - origin.min()) // round(block_days(results) * DAY)
    found = []
    # Those that say one number have a range by their past errors; so that none loses by that, the number stands alone.
    for score, loss in (("crps", crps), ("interval", lambda said, came: interval_score(said, came, 0.8)),
                        ("median", lambda said, came: np.abs(said[:, MEDIAN] - came))):
        losses = {way: loss(quantiles, came) for way, (_, quantiles, came) in told.items()}
        found += [compare(f"{measure}_{score}", METHOD_NAMES[way], losses["model"], theirs, origin, unit)
                  for way, theirs in losses.items() if way != "model"]
    return found


def _called(results: list[Result]) -> list[Compared]:
    """Ours and people's own numbers in the first week in which there are any, said of the same period at the same time.
    A number without a range is scored as it is; so that it does not lose by that alone, our median stands beside it."""
    told = called_of(results)
    if told is None:
        return []
    _, said = told
    origin = np.array([one["origin"] for one in results if one["forecast"]], dtype=np.int64)
    unit = (origin - origin.min()) // round(block_days(results) * DAY)
    _, ours, came = said["model"]
    if not (ours.any() or came.any()):
        return []  # as in `_forecasts`
    scores = {"won_amount_called": crps(ours, came), "won_amount_called_median": np.abs(ours[:, MEDIAN] - came)}
    return [compare(score, PEOPLE_NAMES[name], loss, np.abs(said[name][0] - came), origin, unit)
            for score, loss in scores.items() for name in PEOPLE if name in said]


def compare(score: str, method: str, ours: Floats, theirs: Floats, origin: Int, unit: Int) -> Compared:
    """Compare losses (n,) of the same rows, each of an `origin` and in a block of time, `unit`."""
    difference = ours - theirs
    n_origins = np.unique(origin, return_inverse=True)[1]
    by_origin = np.bincount(n_origins, difference) / np.bincount(n_origins)
    ahead, n_blocks = int((by_origin < 0).sum()), len(np.unique(unit))
    low, high = _interval(difference, unit) if n_blocks >= MIN_BLOCKS else (None, None)
    return Compared(score, method, float(ours.mean()), float(theirs.mean()), float(difference.mean()), low, high, ahead,
                    len(by_origin), n_blocks, _word(float(difference.mean()), low, high, ahead, len(by_origin)))


def _interval(difference: Floats, unit: Int) -> tuple[float, float]:
    """90% interval of the mean, blocks of time being drawn anew; widened a little where they are few, since their own
    spread is then seen too small."""
    code = np.unique(unit, return_inverse=True)[1]
    total, count = np.bincount(code, difference), np.bincount(code).astype(np.float64)
    n = len(total)
    times = np.random.default_rng(0).multinomial(n, np.full(n, 1.0 / n), size=DRAWS)
    means = (times @ total) / (times @ count)
    centre = float(difference.mean())
    low, high = np.quantile(centre + (means - centre) * np.sqrt(n / (n - 1)), [0.05, 0.95])
    return float(low), float(high)


def _word(mean: float, low: float | None, high: float | None, ahead: int, origins: int) -> str:
    """Who is better, where it can be said: by the interval, or without one by the count of origins."""
    if low is not None and high is not None:
        return "better" if high < 0 else "worse" if low > 0 else "no difference"
    if origins >= 3 and mean < 0 and ahead >= AHEAD * origins:
        return "ahead"
    if origins >= 3 and mean > 0 and ahead <= (1 - AHEAD) * origins:
        return "behind"
    return "no difference"


def as_rows(board: list[Compared]) -> list[dict[str, Any]]:
    """The same as plain JSON."""
    return [{**asdict(one), "sentence": one.sentence} for one in board]
