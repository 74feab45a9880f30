"""Quotas: what people, their managers' teams and the company are to bring in a fiscal quarter, as known at a date."""

from __future__ import annotations

import numpy as np
import pandas as pd

from features.calendar import fiscal_quarter
from features.history import History
from features.people import owner_facts, reports

__all__ = ["quotas_of"]


def quotas_of(history: History, by: str, lines: list[str], as_of: int, start: int, end: int) -> list[float | None]:
    """The quota of each line of a forecast of (start, end] in minor units, from a history that ends at `as_of`; None
    where there is none, as for a period that is no whole fiscal quarter.

    A manager's and the company's own quota counts, else the sum of those below; a team's or region's is that of its
    people.
    """
    name, first, last = fiscal_quarter(end, history.mapping)
    if (start, end) != (first, last) or by not in ("total", "owner", "manager", "team", "region"):
        return [None] * len(lines)
    told = _newest(history, name)
    person, team, company = (told[told["level"] == level].set_index("owner_id")["amount"]
                             for level in ("person", "team", "company"))
    if by == "total":
        return [_sum(company) if len(company) else _sum(person)] * len(lines)
    if by == "manager":
        return [float(team[line]) if line in team.index else
                _sum(person[person.index.isin(reports(history, line, as_of))]) for line in lines]
    if by == "owner":
        return [float(person[line]) if line in person.index else None for line in lines]
    place = owner_facts(history, person.index.to_numpy(object), np.full(len(person), as_of))[by].to_numpy(object)
    return [_sum(person[place == line]) for line in lines]


def _newest(history: History, period: str) -> pd.DataFrame:
    """The quotas of a period: level (person, team or company), owner_id ("" of the company), amount."""
    table = history.tables["quotas"]
    table = table[table["period"] == period]
    owner = table["owner_id"].astype(object).where(table["owner_id"].notna(), "")
    level = table["level"].astype(object).where(table["level"].notna(), np.where(owner == "", "company", "person"))
    rows = pd.DataFrame({"level": level, "owner_id": owner, "amount": table["amount"].astype(np.float64),
                         "valid_from": table["valid_from"], "known_at": table["known_at"]})
    rows = rows.sort_values(["valid_from", "known_at", "amount"], kind="stable")
    return rows.drop_duplicates(["level", "owner_id"], keep="last")


def _sum(amounts: pd.Series) -> float | None:
    return float(amounts.sum()) if len(amounts) else None
