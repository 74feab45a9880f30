"""The forecast of a period: won so far, plus open deals, plus deals that do not exist yet.

All three come from one set of Monte Carlo draws, so that a total's percentiles and those of its groups agree. Open
deals are won by their curves (`training.draws`), deals to come are past weeks of intake drawn whole
(`training.intake`), and one shock a draw moves all win hazards (`training.shock`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from features.calendar import DAY, fiscal_quarter, iso
from features.errors import BadInput
from features.events import Int
from features.history import History
from features.money import to_major
from features.settings import Settings
from training.amounts import amount_of, amounts_known, closing_ratios, typical_amounts, won_amounts
from training.draws import Amounts, Part, Sums, draw, stream_of_deal
from training.groups import (
    labels,
    name_of,
    numbered,
    owner_name,
    owner_of,
    previous_owners,
    refuse_unknown,
    roll_up,
    won_labels,
    won_owners,
)
from training.hazard import FAST_LIFE_DAYS, HazardModel
from training.intake import draw_intake, intake
from training.outcomes import outcomes
from training.quotas import quotas_of
from training.reps import reps_call
from training.shock import SHOCK_LEVELS, Wins, shock_levels, shock_sd
from training.won import actual, actual_deals

__all__ = ["Drawn", "Lines", "actual", "actual_deals", "draw_period", "forecast", "judge_forecasts", "reps_call"]

Floats = npt.NDArray[np.float64]
TOTAL = "total"
PERCENTILES = (10, 25, 50, 75, 90)
FURTHEST_DAYS = 3660  # a period that ends later than this is no sales forecast
PERIOD_DAYS = 28  # the period on which forecasts are judged where lives are short; else the fiscal quarter
LARGEST = 10  # deals of which it is told what the forecast would be without them


@dataclass(frozen=True)
class Lines:
    """What was drawn for the lines of one grouping: `open` and `new` are (lines, draws), `won` is (lines, 1)."""

    ids: list[str]
    won: Sums
    open: Sums
    new: Sums

    @property
    def all(self) -> Sums:
        """Number and amount (minor units) won in each draw, (lines, draws)."""
        return self.won + self.open + self.new

    def rolled_up(self, heads: dict[str, npt.NDArray[np.bool_]]) -> Lines:
        """The same by head, each of whom sums some of these lines."""
        of = np.array(list(heads.values()), dtype=np.float64).reshape(-1, len(self.ids))
        return Lines(list(heads), self.won.rolled_up(of), self.open.rolled_up(of), self.new.rolled_up(of))


@dataclass(frozen=True)
class Drawn:
    """One set of draws: by grouping its lines, `total` among them, and the open deals that weigh most.

    largest : codes of deals. chance : of each to be won in the period. without : (largest, draws) amount won of each
    in each draw, minor units.
    """

    lines: dict[str, Lines]
    largest: Int
    chance: Floats
    without: Floats


def forecast(model: HazardModel, history: History, as_of: int, start: int, end: int, settings: Settings,
             by: Sequence[str] = ("owner",)) -> dict[str, Any]:
    """Forecast what is won in (start, end], from what was known at `as_of`.

    Returns the number and the amount (major units) won, each as mean and percentiles, and the means of its parts: in
    total, and for the lines of each grouping in `by` (of `training.groups.BY`). Where a line has a quota for the
    period, `p_quota` is the chance to reach it; `concentration` tells of the largest open deals by how much the median
    falls without each.
    Raises BadInput when the period is over at `as_of` or ends before it starts, and for a grouping without data.
    """
    history = history.until(as_of)
    drawn = draw_period(model, history, as_of, start, end, settings, by)
    currency, zone = history.mapping.currency, history.mapping.zone

    def told(one: str) -> list[dict[str, Any]]:
        lines = drawn.lines[one]
        return _told(lines, currency, quotas_of(history, one, lines.ids, as_of, start, end))

    groups = [{"by": one, "id": line, "name": name_of(history, one, line), **said}
              for one in by for line, said in zip(drawn.lines[one].ids, told(one), strict=True)]
    if "owner" in by:
        _add_re_owned(history, as_of, start, end, groups)
    return {"as_of": iso(as_of, zone), "from": iso(start, zone), "to": iso(end, zone), "currency": currency,
            "total": told(TOTAL)[0],
            "groups": sorted(groups, key=lambda one: (list(by).index(one["by"]), -one["won_amount"]["mean"],
                                                      -one["won_count"]["mean"], one["id"])),
            "concentration": _concentration(history, drawn, as_of)}


def draw_period(model: HazardModel, history: History, as_of: int, start: int, end: int, settings: Settings,
                by: Sequence[str] = ()) -> Drawn:
    """Draw what is won in (start, end] from a history that ends at `as_of`; whatever is asked for in `by`, the draws
    are the same. Raises what `forecast` raises."""
    _refuse_unusable(history, as_of, start, end)
    for one in by:
        refuse_unknown(history, one)
    ends = outcomes(history, "deal")
    shock = shock_levels(shock_sd(model, settings))
    draws = settings.forecast.draws
    level = np.arange(draws) * SHOCK_LEVELS // draws
    won = actual_deals(ends, start, min(as_of, end))
    subject = ends.open_at(as_of)
    recent = intake(model, history, ends, as_of, shock, settings)
    drawn_by = [TOTAL, *dict.fromkeys("owner" if one == "manager" else one for one in by)]
    # One line's deals after another: so each step of the draws adds to few lines.
    subject = subject[np.argsort(labels(history, "owner", subject, np.full(len(subject), as_of)), kind="stable")]
    ids, (won_codes, open_codes, new_codes) = _lines(history, drawn_by, won, subject, recent.subject, as_of)

    so_far = {one: Sums.zeros(len(ids[one]), 1) for one in drawn_by}
    value, only = np.nan_to_num(won_amounts(history, *won)), np.zeros(1, dtype=np.int64)
    for one in drawn_by:
        so_far[one].add(won_codes[one], np.arange(len(value)), np.zeros(len(value), dtype=np.int64), value, only)

    at = np.full(len(subject), as_of)
    win = Wins.under(model.curves(history, subject, at), shock).between(max(start, as_of), end)
    part = Part(win, amount_of(history, subject, at), open_codes)
    amounts = Amounts(closing_ratios(history, ends), typical_amounts(history, ends, part.amount))
    opened, new = ({one: Sums.zeros(len(ids[one]), draws) for one in drawn_by} for _ in range(2))
    rows, deal_ids = np.arange(draws), history.deals.ids
    draw(part, level, rows, stream_of_deal(deal_ids[subject], draws), amounts, opened)
    draw_intake(recent, new_codes, start, end, level, amounts, new)

    chance = win.mean(axis=0).astype(np.float64)
    expected = chance * np.nan_to_num(part.amount)
    top = np.argsort(-expected, kind="stable")[:LARGEST]
    top = top[expected[top] > 0]
    apart = Part(part.win[:, top], part.amount[top], {"deal": np.arange(len(top))})
    without = {"deal": Sums.zeros(len(top), draws)}
    draw(apart, level, rows, stream_of_deal(deal_ids[subject[top]], draws), amounts, without)

    lines = {one: Lines(ids[one], so_far[one], opened[one], new[one]) for one in drawn_by}
    if "manager" in by:
        lines["manager"] = lines["owner"].rolled_up(roll_up(history, ids["owner"], as_of))
    return Drawn(lines, subject[top], chance[top], without["deal"].amount)


def _lines(history: History, drawn_by: list[str], won: tuple[Int, Int], subject: Int, recent: Int,
           as_of: int) -> tuple[dict[str, list[str]], list[dict[str, Int]]]:
    """The lines of each grouping, and the line of each deal of the three parts."""
    ids, codes = {}, [dict[str, Int]() for _ in range(3)]
    for one in drawn_by:
        if one == TOTAL:
            ids[one], found = [TOTAL], [np.zeros(len(part), dtype=np.int64) for part in (won[0], subject, recent)]
        else:
            ids[one], found = numbered([won_labels(history, one, *won),
                                        *(labels(history, one, part, np.full(len(part), as_of))
                                          for part in (subject, recent))])
        for part_codes, code in zip(codes, found, strict=True):
            part_codes[one] = code
    return ids, codes


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
                       "values count from their import on: ask as of a date after it. Where the column is empty, leave "
                       "amount out of the mapping to forecast numbers only.")


def _told(lines: Lines, currency: str, quotas: list[float | None]) -> list[dict[str, Any]]:
    """What is said of each line: number and amount as mean and percentiles, the means of the parts, and where it has a
    quota, how likely the amount reaches it."""
    every, found = lines.all, []
    parts = {"won_so_far": lines.won.means, "open": lines.open.means, "new": lines.new.means}
    for i, quota in enumerate(quotas):
        found.append({"won_count": _spread(every.count[i], float),
                      "won_amount": _spread(every.amount[i], lambda value: to_major(value, currency)),
                      "parts": {name: {"won_count": float(count[i]), "won_amount": to_major(amount[i], currency)}
                                for name, (count, amount) in parts.items()}})
        if quota is not None:
            found[i]["quota"] = to_major(quota, currency)
            found[i]["p_quota"] = float((every.amount[i] >= quota).mean())
    return found


def _spread(values: Floats, unit: Callable[[float], float]) -> dict[str, float]:
    found = [values.mean(), *np.percentile(values, PERCENTILES)]
    return dict(zip(("mean", *(f"p{one}" for one in PERCENTILES)), map(unit, found), strict=True))


def _add_re_owned(history: History, as_of: int, start: int, end: int, groups: list[dict[str, Any]]) -> None:
    """Say of each owner what was won so far of deals that were another's when the period began, less the reverse: a
    forecast made then counted them there. Over all owners it is nothing."""
    won = actual_deals(outcomes(history, "deal"), start, min(as_of, end))
    value = np.nan_to_num(won_amounts(history, *won))
    owner, before = won_owners(history, *won), previous_owners(history, *won, since=start)
    for group in groups:
        if group["by"] == "owner":
            moved = (owner == group["id"]).astype(np.float64) - (before == group["id"])
            group["re_owned"] = {"won_count": float(moved.sum()),
                                 "won_amount": to_major(float((moved * value).sum()), history.mapping.currency)}


def _concentration(history: History, drawn: Drawn, as_of: int) -> list[dict[str, Any]]:
    """By how much the median of the amount falls without each of the largest open deals, largest fall first."""
    if not len(drawn.largest):
        return []
    currency, at = history.mapping.currency, np.full(len(drawn.largest), as_of)
    amount = drawn.lines[TOTAL].all.amount[0]
    fall = np.median(amount) - np.median(amount - drawn.without, axis=1)
    owner, value = owner_of(history, drawn.largest, at), amount_of(history, drawn.largest, at)
    return [{"deal_id": str(history.deals.ids[drawn.largest[i]]), "owner": str(owner[i]),
             "owner_name": owner_name(history, str(owner[i])), "amount": to_major(value[i], currency),
             "p_win": float(drawn.chance[i]), "p50_falls_by": to_major(fall[i], currency)}
            for i in np.argsort(-fall, kind="stable")]


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
        said = forecast(model, then, origin, start, end, settings, by=())["total"]
        came = actual(history, start, end)
        periods.append({
            "from": start, "to": end, "reps": reps_call(then, origin, start, end),
            "won_count": {**said["won_count"], "actual": came["won_count"]},
            "won_amount": {**said["won_amount"], "actual": came["won_amount"]},
            "held": bool(said["won_amount"]["p10"] <= came["won_amount"] <= said["won_amount"]["p90"])})
    return periods
