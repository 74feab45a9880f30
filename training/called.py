"""People's numbers for a period, beside the model's: what each calls, what their manager makes of it, and what usually
came of such calls.

A person's call is what they said for the quarter, where calls are imported, else what follows from their deals: won so
far and what they commit to. Nothing here changes a forecast.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd

from features.calendar import fiscal_quarter, iso
from features.history import History
from features.money import to_major
from features.people import owner_facts
from training.amounts import won_amounts
from training.groups import labels, owner_name, won_owners
from training.outcomes import outcomes
from training.reps import CATEGORIES, pipeline_of
from training.won import actual_deals

__all__ = ["PAST_PERIODS", "People", "people_of", "with_people"]

PAST_PERIODS = 8  # that are looked back at
LARGEST_SHARE = 4.0  # that is believed of somebody who called next to nothing
PRIOR_PERIODS = 4.0  # what "as good as everybody's calls" is worth, and for everybody "what is called comes"
SAID = ["amount", "note", "at", "by"]


@dataclass(frozen=True)
class Earlier:
    """People's calls for an earlier period (start, end], as known when it was as old (`at`): closed, called and what
    had come by its end (`came`) by owner_id in `numbers`; adjusted and managers as People has them."""

    start: int
    end: int
    at: int
    numbers: pd.DataFrame
    adjusted: pd.DataFrame
    managers: dict[str, str]


@dataclass(frozen=True)
class People:
    """What is known of people's calls for a period, by owner_id, amounts in minor units.

    numbers : CATEGORIES, called, said (whether they said so themselves), came_of_called (which share of what they call
    beyond what is won comes, shrunk), periods (how many that was learned from). calls : whether anybody calls anything;
    if not, only what is won stands there.
    adjusted : what managers call for a person (`adjustment`) or their team (`team`): amount, note, at, by.
    managers : to whom each reports, as of the date; "" for nobody. earlier : the periods that is learned from.
    """

    numbers: pd.DataFrame
    calls: bool
    adjusted: pd.DataFrame
    managers: dict[str, str]
    earlier: list[Earlier]


def people_of(history: History, as_of: int, start: int, end: int, past_periods: int = PAST_PERIODS) -> People:
    """Read people's numbers for (start, end] from what was known at `as_of`. past_periods : that are looked back at to
    learn what comes of calls; 0 where it is only asked what was called."""
    history = history.until(as_of)
    now, calls = _called(history, as_of, start, end)
    earlier = [_earlier(history, min(first + (as_of - start), last), first, last)
               for first, last in _periods_before(history, start, end, past_periods)]
    came, periods = _shares([one.numbers for one in earlier])
    everybody = came.pop("")
    now["came_of_called"] = now.index.map(came).fillna(everybody).astype(np.float64)  # of nobody it would be text
    now["periods"] = now.index.map(periods).fillna(0).astype(int)
    return People(now, calls, _adjustments(history, as_of, start, end), _managers(history, as_of, now.index), earlier)


def _managers(history: History, at: int, owners: pd.Index) -> dict[str, str]:
    """To whom everybody who is known reported at a moment."""
    people = pd.Index(history.tables["owners"]["owner_id"].unique()).union(owners)
    boss = owner_facts(history, people.to_numpy(object), np.full(len(people), at))["manager_id"].fillna("")
    return dict(zip(people, boss, strict=True))


def _earlier(history: History, at: int, start: int, end: int) -> Earlier:
    called, _ = _called(history, at, start, end)
    came = _won_by_owner(history, start, end)
    numbers = called[["closed", "called"]].join(came.rename("came"), how="outer").fillna(0.0)
    return Earlier(start, end, at, numbers, _adjustments(history, at, start, end),
                   _managers(history, at, numbers.index))


def _called(history: History, at: int, start: int, end: int) -> tuple[pd.DataFrame, bool]:
    """By owner: the categories' amounts, what is called, and whether it was said; as known at `at`. And whether anybody
    calls anything: without categories, probabilities and calls only what is won is left."""
    pipeline, said = pipeline_of(history, at, start, end), _said(history, at, start, end, "call")["amount"]
    calls = not said.empty or (pipeline is not None and pipeline.called is not None)
    closed = _won_by_owner(history, start, min(at, end))
    found = pd.DataFrame({"closed": closed}).reindex(closed.index.union(said.index)).fillna(0.0)
    called = pd.Series(dtype=np.float64)
    if pipeline is not None:
        owner = labels(history, "owner", pipeline.subject, np.full(len(pipeline.subject), at))
        table = pd.DataFrame({"amount": pipeline.amount, "owner": owner, "category": pipeline.category})
        found = found.join(table.pivot_table("amount", "owner", "category", "sum"), how="outer").fillna(0.0)
        if pipeline.called is not None:
            called = (table["amount"] * pipeline.called).groupby(table["owner"]).sum()
    found = found.reindex(columns=CATEGORIES, fill_value=0.0)
    from_deals = found["closed"] + called.reindex(found.index).fillna(0.0)
    found = found.assign(called=said.reindex(found.index).fillna(from_deals), said=found.index.isin(said.index))
    return found, calls


def _won_by_owner(history: History, start: int, end: int) -> pd.Series:
    """Amount won in (start, end] by the owner at the win."""
    won = actual_deals(outcomes(history, "deal"), start, end)
    return pd.Series(np.nan_to_num(won_amounts(history, *won))).groupby(won_owners(history, *won)).sum()


def _shares(periods: list[pd.DataFrame]) -> tuple[dict[str, float], dict[str, int]]:
    """Which share came of what each called beyond what was won (`closed`) by then, in earlier periods, drawn towards
    everybody's (""), and in how many periods each called anything. periods : `called`, `closed`, `came` by owner_id.
    """
    parts = []
    for one in periods:
        rest = (one[["called", "came"]].sub(one["closed"], axis=0)).clip(lower=0.0)
        parts.append(rest[rest["called"] > 0])
    table = pd.concat(parts) if parts else pd.DataFrame({"called": [], "came": []}, dtype=np.float64)
    n_all = sum(len(part) > 0 for part in parts)
    usual = _share(table["came"].sum(), table["called"].sum(), n_all, 1.0)
    sums, n = table.groupby(level=0).sum(), table.groupby(level=0).size()
    shares = {str(owner): _share(came, called, many, usual) for owner, came, called, many in zip(
        sums.index, sums["came"], sums["called"], n.reindex(sums.index), strict=True)}
    return {**shares, "": usual}, {str(owner): int(count) for owner, count in n.items()}


def _share(came: float, called: float, periods: int, prior: float) -> float:
    own = min(came / called, LARGEST_SHARE) if called > 0 else prior
    return float((periods * own + PRIOR_PERIODS * prior) / (periods + PRIOR_PERIODS))


def _periods_before(history: History, start: int, end: int, periods: int) -> Iterator[tuple[int, int]]:
    """So many periods before: fiscal quarters before one, else stretches as long; those of which deals were known."""
    begun = int(history.deals.visible_at.min(initial=end))
    _, first, last = fiscal_quarter(end, history.mapping)
    for back in range(1, periods + 1):
        if (start, end) == (first, last):
            _, before, until = fiscal_quarter(end, history.mapping, ahead=-back)
        else:
            before, until = start - back * (end - start), end - back * (end - start)
        if before < begun:
            return
        yield before, until


def _said(history: History, at: int, start: int, end: int, kind: str) -> pd.DataFrame:
    """The newest call of a kind about each person for a fiscal quarter, as known at a moment: SAID by owner_id."""
    name, first, last = fiscal_quarter(end, history.mapping)
    table = history.tables["calls"]
    told = (table["period"] == name) & (table["kind"].fillna("call") == kind)
    told &= (table["made_at"] <= at) & (table["known_at"] <= at) & ((start, end) == (first, last))
    rows = table[told].sort_values(["made_at", "known_at", "amount"], kind="stable")
    rows = rows.drop_duplicates("owner_id", keep="last").set_index("owner_id")
    rows = rows.assign(at=rows["made_at"].astype(np.int64), by=rows["made_by"])[SAID]
    return rows.astype({"amount": np.float64})


def _adjustments(history: History, at: int, start: int, end: int) -> pd.DataFrame:
    """What managers called in the CRM, by owner_id: for a team, or for a person who has not called anew since."""
    people, calls = (_said(history, at, start, end, kind) for kind in ("adjustment", "call"))
    standing = people["at"] >= calls["at"].reindex(people.index).fillna(0)
    return _newest(pd.concat([people[standing], _said(history, at, start, end, "team")]))


def with_people(answer: dict[str, Any], people: People, by_hand: pd.DataFrame, history: History, start: int,
                end: int) -> dict[str, Any]:
    """A forecast of (start, end] with what people call beside it (`people`): of the company, and of its groups by owner
    and manager; as it is where nobody calls anything. The forecast's own numbers stay as they are.

    by_hand : adjustments of `features.adjustments` as of the forecast's date. A manager's number is the one called for
    their team, else the sum of those of the people below, as the hierarchy was at the date. What usually comes follows
    from the manager's number where there is one, else from the people's own calls.
    """
    numbers, currency, zone = people.numbers, history.mapping.currency, history.mapping.zone
    adjusted = _with_by_hand(people.adjusted, by_hand, history, start, end)
    if not people.calls and adjusted.empty:
        return answer
    below = _below(people.managers, {*numbers.index, *adjusted.index})
    final = _rolled_up(_by_owner(numbers["called"]), _by_owner(adjusted["amount"]), below)
    by_manager = any(group["by"] == "manager" for group in answer["groups"])
    came, periods = _shares([_teams(one, by_hand, history) for one in people.earlier] if by_manager else [])

    def said(rows: pd.DataFrame, number: float) -> dict[str, Any]:
        rest = (rows["called"] - rows["closed"]).clip(lower=0.0) * rows["came_of_called"]
        return {"categories": {one: to_major(rows[one].sum(), currency) for one in CATEGORIES},
                "called": to_major(rows["called"].sum(), currency), "adjusted": to_major(number, currency),
                "usually_comes": to_major((rows["closed"] + rest).sum(), currency)}

    groups = []
    for group in answer["groups"]:
        line, found = group["id"], {}
        rows = numbers[numbers.index.isin(list({line} if group["by"] == "owner" else _everyone(line, below)))]
        if group["by"] in ("owner", "manager") and (len(rows) or line in adjusted.index):
            found = said(rows, final.get(line, rows["called"].sum()))
            if group["by"] == "owner" and len(rows):
                found |= {"said": bool(rows["said"].iloc[0]), "periods": int(rows["periods"].iloc[0]),
                          "came_of_called": float(rows["came_of_called"].iloc[0])}
            if group["by"] == "manager" and line in adjusted.index:
                share, closed = came.get(line, came[""]), float(rows["closed"].sum())
                comes = closed + share * max(final[line] - closed, 0.0)
                found |= {"periods": periods.get(line, 0), "came_of_called": share,
                          "usually_comes": to_major(comes, currency)}
            if line in adjusted.index:
                found["adjustment"] = _adjustment(adjusted.loc[line], currency, zone)
        groups.append({**group, **({"people": found} if found else {})})
    top = sum(number for one, number in final.items() if not people.managers.get(one))
    by_whom = [{"owner_id": str(one), "name": owner_name(history, str(one)), **_adjustment(row, currency, zone)}
               for one, row in adjusted.sort_index().iterrows()]
    company = {**said(numbers, top), "said": bool(numbers["said"].any()), "adjustments": by_whom}
    return {**answer, "groups": groups, "people": company}


def _teams(one: Earlier, by_hand: pd.DataFrame, history: History) -> pd.DataFrame:
    """What managers called for their teams in an earlier period (`called`), what was won by then and by its end."""
    stood = by_hand[by_hand["set_at"] <= one.at]
    adjusted = _with_by_hand(one.adjusted, stood, history, one.start, one.end)["amount"]
    below = _below(one.managers, {*one.numbers.index, *adjusted.index})
    rows = {str(head): one.numbers.reindex(sorted(_everyone(str(head), below)))[["closed", "came"]].sum()
            for head in adjusted.index if head in below}
    found = pd.DataFrame.from_dict(rows, orient="index", columns=["closed", "came"])
    return found.assign(called=adjusted.reindex(found.index))


def _with_by_hand(adjusted: pd.DataFrame, by_hand: pd.DataFrame, history: History, start: int,
                  end: int) -> pd.DataFrame:
    """The newest adjustment of each person, of those of the CRM and those made here."""
    name, *bounds = fiscal_quarter(end, history.mapping)
    ours = by_hand[(by_hand["period"] == name) & (bounds == [start, end])].set_index("owner_id")
    if ours.empty:
        return adjusted
    found = pd.concat([adjusted, ours.assign(at=ours["set_at"], by=ours["set_by"])[SAID]])
    return _newest(found)


def _newest(told: pd.DataFrame) -> pd.DataFrame:
    told = told.sort_values("at", kind="stable")
    return told[~told.index.duplicated(keep="last")]


def _by_owner(amounts: pd.Series) -> dict[str, float]:
    return {str(owner): float(amount) for owner, amount in amounts.items()}


def _adjustment(one: pd.Series, currency: str, zone: ZoneInfo) -> dict[str, Any]:
    return {"amount": to_major(one["amount"], currency), "note": None if pd.isna(one["note"]) else str(one["note"]),
            "by": None if pd.isna(one["by"]) else str(one["by"]), "at": iso(int(one["at"]), zone)}


def _below(managers: dict[str, str], people: set[str]) -> dict[str, list[str]]:
    """Who reports to each manager directly, of the people given and those above them."""
    below: dict[str, list[str]] = {}
    waiting, seen = sorted(people), set(people)
    while waiting:
        one = waiting.pop()
        if boss := managers.get(one):
            below.setdefault(boss, []).append(one)
            if boss not in seen:
                seen.add(boss)
                waiting.append(boss)
    return below


def _everyone(head: str, below: dict[str, list[str]]) -> set[str]:
    found, waiting = {head}, [head]
    while waiting:
        new = [one for one in below.get(waiting.pop(), []) if one not in found]
        found.update(new)
        waiting += new
    return found


def _rolled_up(own: dict[str, float], adjusted: dict[str, float], below: dict[str, list[str]]) -> dict[str, float]:
    """The number of each person: what was called for them by hand, else their own call and those of who reports to
    them. A cycle in the hierarchy ends where it comes back."""
    final: dict[str, float] = {}

    def number(one: str, above: frozenset[str]) -> float:
        if one not in final:
            reports = [number(other, above | {one}) for other in below.get(one, []) if other not in above]
            final[one] = adjusted.get(one, own.get(one, 0.0) + sum(reports))
        return final[one]

    for one in sorted({*own, *adjusted, *below}):
        number(one, frozenset({one}))
    return final
