"""What a period brings by the methods that people use: numbers and amounts won, each with a range of its own.

In: what was known at an origin. A method gives a number and an amount for the days after a moment, from what had
happened by then; it is asked at the origin and at earlier moments whose days are over, and its errors there are the
width of its range: none is called right or wrong by a width that it never had. Out: mean and quantiles by method.

"Open" is the open deals' part, "new" that of deals not created yet. Shares and means are of past stretches of time as
long as the one asked about, which had passed by the moment.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.stats import norm

from features.asof import AsOf, compute, moment
from features.calendar import DAY
from features.catalogue import catalogue
from features.events import Int
from features.history import History
from features.money import minor_digits, to_major
from training.amounts import amount_of, won_amounts
from training.baselines import AalenJohansen, state_rate
from training.curves import curves_from_hazards
from training.evidence.distributions import LEVELS
from training.outcomes import OPEN, WON, Landmarks, Outcomes, outcomes
from training.reps import reps_call
from training.rows import STATE_COLUMNS, LandmarkTable, build_rows

__all__ = ["METHODS", "METHOD_NAMES", "Past", "dressed", "finally_won", "plain_forecasts"]

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

METHOD_NAMES = {
    "stage_weighted": "stage-weighted pipeline", "stage_28": "rate by stage, open deals only",
    "last": "last period again", "average": "moving average", "per_open": "past wins per open deal",
    "run_rate": "run rate + pipeline", "aj": "Aalen–Johansen + new deals", "reps": "the reps' call",
}
STEP_DAYS = 7  # between the past moments at which the open deals are looked at
MOST_STEPS = 156
RECENT_DAYS = 91.0  # of stretches that tell how much new business comes, or twice their length
LATEST = 4  # stretches that tell wins per open deal
AVERAGED = 4  # periods of the moving average
JUDGED = 12  # past moments at most by which a method's errors are known
SHORT_DAYS = 31.0  # stretches up to this length are judged a week apart, longer ones end to end
PRIOR_SD, PRIOR_PERIODS = 0.3, 1.0  # of a method's log-error, before it has made any
Answer = tuple[float, float]


@dataclass(frozen=True)
class Past:
    """Open deals at moments a week apart, up to an origin, and what became of each by then.

    history : cut at the origin. days : length of the stretch that is asked about. table : (n,) deals and moments, with
    the features that say where each stands. amount : minor units, NaN where unknown. due : microseconds at which the
    rep expects to close, NaN where unknown. state, when : of the next end, OPEN and the largest int where there is
    none. edges_days : (m + 1,) bins of curves. prior : rows (m, 3) that they begin with.
    """

    history: History
    ends: Outcomes
    origin: int
    days: float
    table: LandmarkTable
    amount: Floats
    due: Floats
    state: Int
    when: Int
    edges_days: Floats
    prior: Floats

    @staticmethod
    def at_origin(history: History, origin: int, days: float, edges_days: Floats, prior: Floats) -> Past:
        """Look at every moment of the grid that ends with the origin."""
        history = history.until(origin)
        ends = outcomes(history, "deal").known_at(origin)
        begins = int(history.deals.visible_at.min(initial=origin))
        steps = int(min((origin - begins) // (STEP_DAYS * DAY), MOST_STEPS))
        moments = [origin - i * STEP_DAYS * DAY for i in range(steps + 1)]
        parts = [ends.open_at(one) for one in moments]
        subject = np.concatenate(parts)
        at = np.repeat(np.array(moments, dtype=np.int64), [len(part) for part in parts])
        pairs = AsOf(history, "deal", subject, at)
        where = [one for one in catalogue(history, "deal", origin) if one.name in STATE_COLUMNS["deal"]]
        return Past(history, ends, origin, days, LandmarkTable(Landmarks(subject, at), compute(where, pairs)),
                    amount_of(history, subject, at), moment(history.changes("deal", "expected_close"), pairs),
                    *ends.next_end(subject, at), edges_days, prior)

    @property
    def at(self) -> Int:
        return self.table.landmarks.at

    @property
    def begins(self) -> int:
        """From when on the log knows of deals."""
        return int(self.history.deals.visible_at.min(initial=self.origin))

    @property
    def length(self) -> int:
        """Of a stretch, in microseconds."""
        return round(self.days * DAY)

    @cached_property
    def stage(self) -> pd.Series:
        return self.table.state("deal")[0]

    @cached_property
    def won_inside(self) -> Bools:
        """Whether each was won in the stretch after its moment, (n,)."""
        return np.asarray((self.state == WON) & (self.when <= self.at + self.length), dtype=np.bool_)

    @cached_property
    def wins(self) -> tuple[Int, Int, Floats]:
        """Standing wins: when won, when created, and amount in minor units, 0 where unknown."""
        subject, won_at = self.ends.won_at
        return (won_at, self.history.deals.created_at[subject],
                np.nan_to_num(won_amounts(self.history, subject, won_at)))

    def won_between(self, start: int, end: int, created_after: int | None = None) -> Answer:
        """Number and amount won in (start, end], of all deals or of those created after a moment."""
        won_at, created, amount = self.wins
        inside = (won_at > start) & (won_at <= end)
        if created_after is not None:
            inside &= created > created_after
        return float(inside.sum()), float(amount[inside].sum())

    def asked(self, now: int) -> Int:
        """Rows of the deals that were open at a moment."""
        return np.flatnonzero(self.at == now)

    def over(self, now: int) -> Bools:
        """Rows whose stretch had passed by a moment, (n,)."""
        return np.asarray(self.at + self.length <= now, dtype=np.bool_)

    def expected(self, rows: Int, chance: Floats) -> Answer:
        """Sums of the chance, and of chance × amount, an unknown amount being like the known ones."""
        amount = self.amount[rows]
        known = amount[np.isfinite(amount)]
        typical = known.mean() if len(known) else 0.0
        return float(chance.sum()), float((chance * np.where(np.isfinite(amount), amount, typical)).sum())

    def recent_starts(self, now: int) -> list[int]:
        """Moments of the grid whose stretch had passed by `now`, of late, newest first."""
        reach = now - round(max(RECENT_DAYS, 2 * self.days) * DAY)
        return [int(one) for one in np.unique(self.at[self.over(now)])[::-1] if one + self.length > reach]

    def new_business(self, now: int) -> Answer:
        """What deals brought in past stretches that were created in them, on average."""
        starts = self.recent_starts(now)
        if not starts:
            return 0.0, 0.0
        found = np.array([self.won_between(one, one + self.length, created_after=one) for one in starts])
        return float(found[:, 0].mean()), float(found[:, 1].mean())


def _stage_weighted(past: Past, now: int) -> Answer | None:
    """CRMs' weighted pipeline: amount × the share of closed deals that were won once they had reached the stage, of the
    open deals that are expected to close in the stretch; of all where nobody says when."""
    rows = past.asked(now)
    rate = finally_won(past, now, past.stage.iloc[rows])
    if rate is None:
        return None
    if np.isfinite(past.due).any():
        rate = np.where((past.due[rows] > now) & (past.due[rows] <= now + past.length), rate, 0.0)
    return past.expected(rows, rate)


def finally_won(past: Past, now: int, stage: pd.Series) -> Floats | None:
    """The share of closed deals that were won once they had reached each stage, (k,); None where none had closed."""
    closed = np.flatnonzero((past.at < now) & (past.state != OPEN) & (past.when <= now))
    if not len(closed):
        return None
    reached = pd.DataFrame({"stage": past.stage.iloc[closed].to_numpy(object), "row": closed,
                            "deal": past.table.landmarks.subject[closed]}).drop_duplicates(["deal", "stage"])["row"]
    return state_rate(past.stage.iloc[reached], past.state[reached] == WON, stage)[1]


def _stage_28(past: Past, now: int) -> Answer | None:
    """The share of each stage that was won in as many days, of the open deals; nothing new."""
    rows, over = past.asked(now), past.over(now)
    if not over.any():
        return None
    return past.expected(rows, state_rate(past.stage[over], past.won_inside[over], past.stage.iloc[rows])[1])


def _last(past: Past, now: int) -> Answer | None:
    """As much as in the stretch before."""
    return past.won_between(now - past.length, now) if now - past.length >= past.begins else None


def _average(past: Past, now: int) -> Answer | None:
    """The mean of the AVERAGED stretches before, or of those that the log holds."""
    n = min((now - past.begins) // past.length, AVERAGED)
    if n < 1:
        return None
    count, amount = past.won_between(now - n * past.length, now)
    return count / n, amount / n


def _per_open(past: Past, now: int) -> Answer | None:
    """What the LATEST stretches brought per deal that was open at their start (per amount, for the amount), new deals
    included, times what is open now."""
    starts = past.recent_starts(now)[:LATEST]
    if not starts:
        return None
    won = np.array([past.won_between(one, one + past.length) for one in starts]).reshape(-1, 2).sum(axis=0)
    before = np.isin(past.at, starts)
    was_open = before.sum(), np.nansum(past.amount[before])
    rows = past.asked(now)
    is_open = len(rows), np.nansum(past.amount[rows])
    count, amount = (float(w / b * n) if b > 0 else 0.0 for w, b, n in zip(won, was_open, is_open, strict=True))
    return count, amount


def _run_rate(past: Past, now: int) -> Answer | None:
    """The share of each stage that was won in as many days, plus what new deals have brought of late: the roll-up of
    revenue-intelligence tools."""
    pipeline = _stage_28(past, now)
    return None if pipeline is None else _sum(pipeline, past.new_business(now))


def _aj(past: Past, now: int) -> Answer:
    """Aalen–Johansen by stage and days in stage, plus what new deals have brought of late."""
    rows, before = past.asked(now), np.flatnonzero(past.at < now)
    learned = past.table.take(before)
    found = build_rows(past.ends, learned.landmarks, past.edges_days, now)
    cells = AalenJohansen.fit(*learned.state("deal"), found.landmark, found.bin, found.label,
                              np.ones(len(found.label)), past.prior)
    asked = past.table.take(rows)
    chance = curves_from_hazards(asked.landmarks.at, past.edges_days, cells.hazards(*asked.state("deal")),
                                 past.history.mapping).win_by(now + past.length)
    return _sum(past.expected(rows, chance), past.new_business(now))


def _reps(past: Past, now: int) -> Answer | None:
    called = reps_call(past.history, now, now, now + past.length)
    if called is None:
        return None
    return called["won_count"], called["won_amount"] * 10 ** minor_digits(past.history.mapping.currency)


def _sum(one: Answer, other: Answer) -> Answer:
    return one[0] + other[0], one[1] + other[1]


METHODS: dict[str, Callable[[Past, int], Answer | None]] = {
    "stage_weighted": _stage_weighted, "stage_28": _stage_28, "last": _last, "average": _average,
    "per_open": _per_open, "run_rate": _run_rate, "aj": _aj, "reps": _reps}


def plain_forecasts(past: Past) -> dict[str, dict[str, dict[str, Any]]]:
    """What each method says of the stretch after the origin: by method and measure (won_count, won_amount in major
    units) the `mean` and the `quantiles` at LEVELS. A method that has nothing to go by is left out."""
    currency = past.history.mapping.currency
    moments = _judged_moments(past)
    came = [past.won_between(one, one + past.length) for one in moments]
    mean_win = float(past.wins[2].mean()) if len(past.wins[2]) else 0.0
    found: dict[str, dict[str, dict[str, Any]]] = {}
    for name, method in METHODS.items():
        said = method(past, past.origin)
        if said is None:
            continue
        before = [(then, one) for then, one in zip(came, (method(past, one) for one in moments), strict=True) if one]
        independent = min(_independent(moments, past.length), float(len(before)))
        count, amount = (dressed(said[i], _log_errors(before, i, half), independent)
                         for i, half in ((0, 0.5), (1, max(0.5 * mean_win, 1.0))))
        found[name] = {"won_count": {"mean": said[0], "quantiles": count.tolist()},
                       "won_amount": {"mean": to_major(said[1], currency),
                                      "quantiles": [to_major(one, currency) for one in amount.tolist()]}}
    return found


def _log_errors(before: list[tuple[Answer, Answer]], i: int, half: float) -> Floats:
    """log(came / said) of past answers; half a win is added to both, so that none is without end."""
    return np.array([np.log((came[i] + half) / (said[i] + half)) for came, said in before])


def dressed(point: float, log_errors: Floats, independent: float) -> Floats:
    """Quantiles (39,) of a forecast that is one number, from its past errors log(came / said), (k,).

    They are of a lognormal around the number, as wide as its errors were, `independent` of which count, with
    PRIOR_SD worth PRIOR_PERIODS more. A method that was always too low is not moved up: that is what it said.
    """
    mean_square = float((log_errors**2).mean()) if len(log_errors) else 0.0
    variance = (PRIOR_PERIODS * PRIOR_SD**2 + independent * mean_square) / (PRIOR_PERIODS + independent)
    return np.asarray(point * np.exp(np.sqrt(variance) * norm.ppf(LEVELS)), dtype=np.float64)


def _judged_moments(past: Past) -> list[int]:
    """Past moments at which methods are judged, newest first: their stretch is over, and one like it lies before."""
    over = np.unique(past.at[past.over(past.origin)])[::-1]
    apart = 1 if past.days <= SHORT_DAYS else round(past.days / STEP_DAYS)
    return [int(one) for one in over[::apart] if one - past.length >= past.begins][:JUDGED]


def _independent(moments: list[int], length: int) -> float:
    """How many stretches lie side by side in those that are judged, which may overlap."""
    return (moments[0] - moments[-1]) / length + 1.0 if moments else 0.0
