"""The forecast of a period: won so far, plus open deals, plus deals that do not exist yet.

All three come from one set of Monte Carlo draws, so that a total's percentiles and those of its owners agree. Open
deals are won by their curves; deals to come are past weeks of intake drawn whole, so that their number, owners and
amounts stay together, each deal with the curve it had at its creation; one shock a draw moves all win hazards.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from features.asof import AsOf, category, moment, number
from features.calendar import DAY, business_clock, fiscal_quarter, iso
from features.errors import BadInput
from features.history import History, Int
from features.money import to_major
from features.settings import Settings
from training.curves import Curves
from training.hazard import FAST_LIFE_DAYS, HazardModel
from training.outcomes import OPEN, WON, Outcomes, outcomes

__all__ = ["actual", "actual_deals", "amount_of", "forecast", "judge_forecasts", "owner_name", "reps_call",
           "won_amounts", "won_owners"]

Floats = npt.NDArray[np.float64]
Texts = npt.NDArray[np.object_]
SHOCK_LEVELS = 64  # the shock is drawn from this many equally likely levels, which keeps large draws cheap
NO_OWNER = "(no owner)"
LARGEST_RATIO = 4.0  # of an amount at the win to what it was before; what lies beyond is cut to it
FURTHEST_DAYS = 3660  # a period that ends later than this is no sales forecast
PERIOD_DAYS = 28  # the period on which forecasts are judged where lives are short; else the fiscal quarter


@dataclass(frozen=True)
class Part:
    """Deals that may be won in the period: per deal its owner, amounts and P(win in period) at each shock level.

    owner : (n,) positions in the list of owners. win : (levels, n). amount : (n,) minor units, NaN where unknown.
    """

    owner: Int
    win: Floats
    amount: Floats


def forecast(model: HazardModel, history: History, as_of: int, start: int, end: int, settings: Settings,
             by_owner: bool = True) -> dict[str, Any]:
    """Forecast what is won in (start, end], from what was known at `as_of`.

    Returns the number and the amount (major units) won, each as mean, P10, P50, P90: in total, as the means of its
    parts and by owner. Raises BadInput when the period is over at `as_of` or ends before it starts.
    """
    history = history.until(as_of)
    _refuse_unusable(history, as_of, start, end)
    ends = outcomes(history, "deal")
    random = np.random.default_rng(0)
    shock = shock_levels(shock_sd(model, settings))
    owners = Owners()
    won = actual_deals(ends, start, min(as_of, end))
    won_owner = owners.codes(won_owners(history, *won))
    won_amount = np.nan_to_num(won_amounts(history, *won))
    open_part = _open_part(model, history, ends, as_of, start, end, shock, owners)
    weeks, source_chance = _new_parts(model, history, ends, as_of, start, end, shock, owners, settings)
    closing = closing_ratios(history, ends)
    level = random.integers(len(shock), size=settings.forecast.draws)
    count, amount = _draw(open_part, level, closing, random, len(owners.ids))
    new_count, new_amount = _draw_weeks(weeks, source_chance, level, closing, random, len(owners.ids))
    so_far_count = np.bincount(won_owner, minlength=len(owners.ids)).astype(np.float64)
    so_far_amount = np.bincount(won_owner, weights=won_amount, minlength=len(owners.ids))
    currency, zone = history.mapping.currency, history.mapping.zone
    parts = {"won_so_far": (so_far_count.sum(), so_far_amount.sum()),
             "open": (count.sum(axis=1).mean(), amount.sum(axis=1).mean()),
             "new": (new_count.sum(axis=1).mean(), new_amount.sum(axis=1).mean())}
    all_count, all_amount = so_far_count + count + new_count, so_far_amount + amount + new_amount
    total = {**_summary(all_count.sum(axis=1), all_amount.sum(axis=1), currency),
             "parts": {name: {"won_count": float(n), "won_amount": to_major(value, currency)}
                       for name, (n, value) in parts.items()}}
    groups = [{"by": "owner", "id": owner, "name": owner_name(history, owner),
               **_summary(all_count[:, i], all_amount[:, i], currency)}
              for i, owner in enumerate(owners.ids)] if by_owner else []
    return {"as_of": iso(as_of, zone), "from": iso(start, zone), "to": iso(end, zone), "currency": currency,
            "total": total,
            "groups": sorted(groups, key=lambda group: (-group["won_amount"]["mean"], group["id"]))}


def _refuse_unusable(history: History, as_of: int, start: int, end: int) -> None:
    zone = history.mapping.zone
    if end <= start:
        raise BadInput(f"The period ends at {iso(end, zone)}, which is not after its start, {iso(start, zone)}.")
    if end <= as_of:
        raise BadInput(f"The period was over at {iso(end, zone)}, before the as-of date {iso(as_of, zone)}. "
                       "Ask for a period that is not over, or as of an earlier date.")
    if end - as_of > FURTHEST_DAYS * DAY:
        raise BadInput(f"The period ends at {iso(end, zone)}, more than ten years after the as-of date. "
                       "Ask for a nearer one.")
    if not amounts_known(history):
        raise BadInput(f"As of {iso(as_of, zone)} no deal's amount was known. Amounts of which a file only has last "
                       "values count from their import on: ask as of a later date, or leave amount out of the mapping "
                       "to forecast numbers only.")


class Owners:
    """Owners in the order in which they were met."""

    def __init__(self) -> None:
        self.ids: list[str] = []

    def codes(self, names: Texts) -> Int:
        for name in names:
            if name not in self.ids:
                self.ids.append(name)
        return pd.Index(self.ids, dtype=object).get_indexer(pd.Index(names, dtype=object)).astype(np.int64)


def _summary(count: Floats, amount: Floats, currency: str) -> dict[str, dict[str, float]]:
    def of(values: Floats) -> list[float]:
        return [float(values.mean()), *np.quantile(values, [0.1, 0.5, 0.9]).tolist()]

    names = ("mean", "p10", "p50", "p90")
    return {"won_count": dict(zip(names, of(count), strict=True)),
            "won_amount": dict(zip(names, [to_major(value, currency) for value in of(amount)], strict=True))}


def _draw(part: Part, level: Int, closing: Floats, random: np.random.Generator, n_owners: int) -> tuple[Floats, Floats]:
    """Draw who is won and for how much: number and amount (minor units) by owner, (draws, owners) each."""
    draws, n = len(level), len(part.owner)
    count, amount = np.zeros((draws, n_owners)), np.zeros((draws, n_owners))
    if not n:
        return count, amount
    membership = np.zeros((n, n_owners))
    membership[np.arange(n), part.owner] = 1.0
    known = part.amount[np.isfinite(part.amount)]
    for first in range(0, draws, max(1, 4_000_000 // n)):
        here = slice(first, first + max(1, 4_000_000 // n))
        won = random.random((len(level[here]), n)) < part.win[level[here]]
        row, deal = np.nonzero(won)
        value = part.amount[deal]
        if len(known):
            value = np.where(np.isfinite(value), value, random.choice(known, size=len(value)))
        value = np.nan_to_num(value) * random.choice(closing, size=len(value))
        paid = np.zeros(won.shape)
        paid[row, deal] = value
        count[here] = won @ membership
        amount[here] = paid @ membership
    return count, amount


def _draw_weeks(weeks: Iterator[list[Part]], source_chance: Floats, level: Int, closing: Floats,
                random: np.random.Generator, n_owners: int) -> tuple[Floats, Floats]:
    """Draw deals to come: each draw gives each future week the intake of one past week, whole."""
    count, amount = np.zeros((len(level), n_owners)), np.zeros((len(level), n_owners))
    for week in weeks:
        chosen = random.choice(len(source_chance), size=len(level), p=source_chance)
        for source in np.unique(chosen):
            here = np.flatnonzero(chosen == source)
            drawn = _draw(week[source], level[here], closing, random, n_owners)
            count[here] += drawn[0]
            amount[here] += drawn[1]
    return count, amount


def shock_levels(sd: float) -> Floats:
    """Equally likely levels of the shared shock on the log-hazard of winning; on average it moves no hazard."""
    from scipy.stats import norm

    levels = sd * norm.ppf((np.arange(SHOCK_LEVELS) + 0.5) / SHOCK_LEVELS)
    return np.asarray(levels - np.log(np.exp(levels).mean()), dtype=np.float64)


def shock_sd(model: HazardModel, settings: Settings) -> float:
    """Spread of the shared shock: the prior, and past forecasts' squared log-errors less their own draws' variance.

    Overlapping periods count as span over length, so that the same weeks do not speak twice.
    """
    periods = [one for one in model.evaluation.get("periods", []) if one["won_count"]["actual"] > 0]
    prior, weight = settings.forecast.shock_sd**2, settings.forecast.shock_prior_periods
    if not periods:
        return float(np.sqrt(prior))
    error = np.array([np.log(one["won_count"]["actual"] / max(one["won_count"]["mean"], 0.5)) for one in periods])
    spread = np.array([(one["won_count"]["p90"] - one["won_count"]["p10"]) / 2.563 / max(one["won_count"]["mean"], 0.5)
                       for one in periods])
    length = periods[0]["to"] - periods[0]["from"]
    independent = min(len(periods), (periods[-1]["to"] - periods[0]["from"]) / length)
    # The spread of those forecasts held the prior shock already.
    excess = np.maximum(error**2 - np.maximum(spread**2 - prior, 0.0), 0.0)
    return float(np.sqrt((weight * prior + independent * excess.mean()) / (weight + independent)))


@dataclass(frozen=True)
class Wins:
    """Curves whose win hazards are moved by each level of the shock: `win` is (levels, n, m + 1), cumulative."""

    curves: Curves
    win: Floats

    @staticmethod
    def under(curves: Curves, shock: Floats) -> Wins:
        before = np.maximum(1.0 - curves.win - curves.lose, 1e-12)[:, :-1]
        win, lose = np.diff(curves.win, axis=1) / before, np.diff(curves.lose, axis=1) / before
        moved = np.minimum(win * np.exp(shock)[:, None, None], np.maximum(0.999 - lose, 0.0))
        stays = np.clip(1.0 - moved - lose, 0.0, 1.0)
        left = np.ones_like(stays)
        left[:, :, 1:] = np.cumprod(stays, axis=2)[:, :, :-1]
        cumulative = np.zeros((*stays.shape[:2], stays.shape[2] + 1))
        cumulative[:, :, 1:] = np.cumsum(left * moved, axis=2)
        return Wins(curves, cumulative)

    def between(self, start: Int | int, end: Int | int) -> Floats:
        """P(win in (start, end]) at each level, (levels, n)."""
        return np.clip(self._by(end) - self._by(start), 0.0, 1.0)

    def _by(self, moment: Int | int) -> Floats:
        left, _, share = self.curves.place(moment)
        row = np.arange(len(left))
        win = self.win[:, row, left] * (1.0 - share) + self.win[:, row, left + 1] * share
        return np.where(moment < self.curves.at, 0.0, win)


def _open_part(model: HazardModel, history: History, ends: Outcomes, as_of: int, start: int, end: int, shock: Floats,
               owners: Owners) -> Part:
    subject = ends.open_at(as_of)
    at = np.full(len(subject), as_of)
    wins = Wins.under(model.curves(history, subject, at), shock)
    return Part(owners.codes(owner_of(history, subject, at)), wins.between(max(start, as_of), end),
                amount_of(history, subject, at))


def _new_parts(model: HazardModel, history: History, ends: Outcomes, as_of: int, start: int, end: int, shock: Floats,
               owners: Owners, settings: Settings) -> tuple[Iterator[list[Part]], Floats]:
    """Deals to come: for each future week, what each past week's intake would bring if it came again.

    Returns, for each future week, parts by source week, and the chance of each source week (recent ones weigh more). A
    week with fewer business days than its source has, by as much, less of it.
    """
    deals = history.deals
    week = 7 * DAY
    log_weeks = int((as_of - int(deals.created_at.min(initial=as_of))) // week)
    n_sources = min(settings.forecast.recent_weeks, log_weeks)
    if n_sources < 1:
        return iter(()), np.empty(0)
    chance = 0.5 ** (np.arange(n_sources) / max(settings.forecast.recent_weeks / 2, 1))
    recent = np.flatnonzero(deals.visible_at > as_of - n_sources * week)
    now = np.full(len(recent), as_of)
    wins = Wins.under(model.curves(history, recent, deals.visible_at[recent]), shock)
    # A deal that is entered when it has ended already, as some are, comes with its end.
    state = ends.state_as_of(recent, deals.visible_at[recent])
    wins.win[:, state != OPEN] = (state[state != OPEN] == WON)[None, :, None]
    source = (as_of - deals.visible_at[recent]) // week
    owner, amount = owners.codes(owner_of(history, recent, now)), amount_of(history, recent, now)
    busy = [_business_days(as_of - (one + 1) * week, history) for one in range(n_sources)]

    def weeks() -> Iterator[list[Part]]:
        for ahead in range(int(-(-(end - as_of) // week))):
            # A deal of a past week comes again in a future one, as many weeks later as lie between the two.
            later = (source + 1 + ahead) * week
            win = wins.between(max(start, as_of) - later, end - later)
            days = _business_days(as_of + ahead * week, history)
            yield [Part(owner[here], np.minimum(win[:, here] * (days / max(busy[one], 0.5)), 1.0), amount[here])
                   for one in range(n_sources) for here in [np.flatnonzero(source == one)]]

    return weeks(), chance / chance.sum()


def _business_days(start: int, history: History) -> float:
    clock = business_clock(np.array([start, start + 7 * DAY]), history.mapping)
    return float(clock[1] - clock[0])


def owner_of(history: History, subject: Int, at: Int) -> Texts:
    """Owner of each deal as known at each time."""
    owner = category(history.changes("deal", "owner"), AsOf(history, "deal", subject, at))
    return np.array([NO_OWNER if name is None else name for name in owner], dtype=object)


def owner_name(history: History, owner: str) -> str:
    """Name of an owner, or the id where no name is known."""
    table = history.tables["owners"]
    named = table.loc[(table["owner_id"] == owner) & table["name"].notna(), "name"]
    return str(named.iloc[-1]) if len(named) else owner


def amount_of(history: History, subject: Int, at: Int) -> Floats:
    """Amount of each deal in minor units as known at each time, NaN where unknown."""
    return number(history.changes("deal", "amount"), AsOf(history, "deal", subject, at))


def amounts_known(history: History) -> bool:
    """Whether any deal has an amount yet; also where the mapping has none at all, so that none is missed."""
    return "amount" not in history.mapping.field_types("deal") or bool(len(history.changes("deal", "amount")))


def won_amounts(history: History, subject: Int, won_at: Int) -> Floats:
    """Amount of each win in minor units: as it stood at the win, or, where only a later snapshot tells it, as it is
    known at the history's end. NaN where unknown. An outcome, never a feature."""
    at_win = amount_of(history, subject, won_at)
    last = amount_of(history, subject, np.full(len(subject), np.iinfo(np.int64).max))
    return np.where(np.isnan(at_win), last, at_win)


def won_owners(history: History, subject: Int, won_at: Int) -> Texts:
    """Owner of each win: at the win, or, where only a later snapshot tells it, as known at the history's end."""
    at_win = owner_of(history, subject, won_at)
    last = owner_of(history, subject, np.full(len(subject), np.iinfo(np.int64).max))
    return np.where(at_win == NO_OWNER, last, at_win)


def closing_ratios(history: History, ends: Outcomes) -> Floats:
    """Amount at the win over the amount half a cycle before it (at creation where younger), one per past win."""
    subject, won_at = ends.won_at
    if not len(subject):
        return np.ones(1)
    half = int(np.median(np.maximum(ends.life_days, 0.0)) * DAY / 2)
    before = np.maximum(won_at - half, history.deals.visible_at[subject])
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = amount_of(history, subject, won_at) / amount_of(history, subject, before)
    ratio = ratio[np.isfinite(ratio) & (ratio > 0)]
    # An amount that was a placeholder (1.00) until late would multiply everybody else's.
    return np.clip(ratio, 1 / LARGEST_RATIO, LARGEST_RATIO) if len(ratio) else np.ones(1)


def actual_deals(ends: Outcomes, start: int, end: int) -> tuple[Int, Int]:
    """Deals whose latest win lies in (start, end] and stands at `end`: codes and moments of the win."""
    subject, won_at = ends.standing_at(end).won_at
    inside = (won_at > start) & (won_at <= end)
    return subject[inside], won_at[inside]


def actual(history: History, start: int, end: int) -> dict[str, float]:
    """Number and amount (major units) won in (start, end], from all that is known in `history`."""
    won = actual_deals(outcomes(history, "deal"), start, end)
    amount = float(np.nansum(won_amounts(history, *won)))
    return {"won_count": float(len(won[0])), "won_amount": to_major(amount, history.mapping.currency)}


def reps_call(history: History, as_of: int, start: int, end: int) -> dict[str, float] | None:
    """What the reps called at `as_of` for (start, end]: won so far, plus open deals with an expected close in it
    that they call "commit", or, without categories, weighted by their own probability. None where the history has
    neither.
    """
    history = history.until(as_of)
    ends = outcomes(history, "deal")
    subject = ends.open_at(as_of)
    pairs = AsOf(history, "deal", subject, np.full(len(subject), as_of))
    called = category(history.changes("deal", "forecast_category"), pairs)
    rep = number(history.changes("deal", "rep_probability"), pairs)
    expected = moment(history.changes("deal", "expected_close"), pairs)
    if not len(history.changes("deal", "expected_close")):
        return None
    if len(history.changes("deal", "forecast_category")):
        weight = np.isin(np.char.lower(called.astype(str)), ["commit", "closed"]).astype(np.float64)
    elif len(history.changes("deal", "rep_probability")):
        weight = np.nan_to_num(rep) / (100.0 if np.nanmax(rep, initial=0.0) > 1.0 else 1.0)
    else:
        return None
    weight = np.where((expected > start) & (expected <= end), weight, 0.0)
    so_far = actual(history, start, min(as_of, end))
    amount = float((weight * np.nan_to_num(amount_of(history, subject, pairs.at))).sum())
    return {"won_count": so_far["won_count"] + float(weight.sum()),
            "won_amount": so_far["won_amount"] + to_major(amount, history.mapping.currency)}


def judge_forecasts(history: History, models: list[HazardModel], as_of: int,
                    settings: Settings) -> list[dict[str, Any]]:
    """Forecasts of the period after each earlier origin, by the model as it was then, beside what happened and what
    the reps called. Only periods that were over by `as_of`."""
    periods = []
    for model in models:
        origin = model.as_of
        start, end = origin, origin + PERIOD_DAYS * DAY
        if model.cycle_days >= FAST_LIFE_DAYS:
            _, start, end = fiscal_quarter(origin + 1, history.mapping)
        then = history.until(origin)
        if end > as_of or not amounts_known(then):
            continue
        said = forecast(model, then, origin, start, end, settings, by_owner=False)["total"]
        came = actual(history, start, end)
        periods.append({
            "from": start, "to": end, "reps": reps_call(then, origin, start, end),
            "won_count": {**said["won_count"], "actual": came["won_count"]},
            "won_amount": {**said["won_amount"], "actual": came["won_amount"]},
            "held": bool(said["won_amount"]["p10"] <= came["won_amount"] <= said["won_amount"]["p90"])})
    return periods
