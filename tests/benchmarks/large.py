"""A made-up company of any size, directly as the contract's tables, and questions of it."""

from __future__ import annotations

import numpy as np
import pandas as pd

from features.asof import AsOf
from features.calendar import DAY
from features.history import History
from features.mapping import parse_mapping
from tests.histories import history

__all__ = ["MAPPING", "large_company", "weeks_of_deals"]

START = 17_000 * DAY
LATE_SHARE = 0.02  # of all rows: entered some days late
STAGES = ["Needs discovery", "Solution design", "Value validation", "Negotiation", "Won", "Lost"]
MAPPING = """
company: Large
time_zone: Europe/Berlin
currency: EUR
stages:
  - {name: Needs discovery}
  - {name: Solution design}
  - {name: Value validation}
  - {name: Negotiation}
  - {name: Won, outcome: won}
  - {name: Lost, outcome: lost}
sources:
  - rows: deals
    file: deals.csv
    columns: {deal_id: id, created_at: created, account_id: account}
  - rows: changes
    subject: deal
    file: log.csv
    columns: {subject_id: id, changed_at: at, field: field, value: value}
    fields:
      stage: {column: stage, past: logged}
      owner: {column: owner, past: logged}
      amount: {column: amount, type: money, past: logged}
      expected_close: {column: expected_close, type: date, past: logged}
      forecast_category: {column: category, past: logged}
      rep_probability: {column: probability, type: number, past: logged}
"""


def large_company(n_changes: int, seed: int = 0) -> History:
    """Deals with 25 changes and 7 activities each over some months, 3 contacts, 60 owners; a few rows come late."""
    rng = np.random.default_rng(seed)
    n = n_changes // 25
    ids = np.array([f"D{i:07d}" for i in range(n)], dtype=object)
    created = START + (rng.random(n) * 2000 * DAY).astype(np.int64)
    days = pd.to_datetime(START + np.arange(2200) * DAY, unit="us").strftime("%Y-%m-%dT00:00:00+00:00").to_numpy(object)
    values = {"stage": np.array(STAGES, dtype=object)[[0, 0, 0, 0, 1, 1, 1, 2, 2, 3, 3, 4, 5]],
              "owner": np.array([f"O{i}" for i in range(60)], dtype=object),
              "amount": rng.integers(1000, 10**7, 5000).astype(str).astype(object), "expected_close": days,
              "forecast_category": np.array(["commit", "best case", "pipeline"], dtype=object),
              "rep_probability": np.arange(100).astype(str).astype(object)}

    def rows(many: int) -> tuple[np.ndarray, dict[str, object]]:
        deal = rng.integers(0, n, many)
        at = created[deal] + (rng.exponential(60, many) * DAY).astype(np.int64)
        known = at + (rng.random(many) < LATE_SHARE) * (rng.exponential(5, many) * DAY).astype(np.int64)
        return at, {"subject_id": ids[deal], "known_at": known, "recorded_at": known, "source": "made up"}

    field = rng.choice(np.array(list(values), dtype=object), n_changes)
    value = np.empty(n_changes, dtype=object)
    for name, known in values.items():
        value[field == name] = rng.choice(known, (field == name).sum())
    changed, common = rows(n_changes)
    made = {"deals": pd.DataFrame({"deal_id": ids, "created_at": created, "kind": "new", "lead_id": None,
                                   "account_id": [f"A{i}" for i in rng.integers(0, n // 3 + 1, n)],
                                   "known_at": created, "recorded_at": created, "source": "made up"}),
            "changes": pd.DataFrame({"subject": "deal", "field": field, "value": value, "changed_at": changed,
                                     "sequence": np.arange(n_changes), **common})}
    n_activities = n_changes * 3 // 10
    happened, common = rows(n_activities)
    made["activities"] = pd.DataFrame({
        "activity_id": np.arange(n_activities).astype(str), "subject": "deal", "happened_at": happened,
        "kind": rng.choice(np.array(["call", "mail", "meeting"], dtype=object), n_activities),
        "direction": rng.choice(np.array(["inbound", "outbound", "internal"], dtype=object), n_activities),
        "duration_seconds": np.where(np.arange(n_activities) % 2, 1800.0, np.nan), **common})
    joined, common = rows(n * 3)
    made["deal_contacts"] = pd.DataFrame({
        "contact_id": np.arange(n * 3).astype(str), "valid_from": joined, "role": rng.choice(
            np.array(["technical", "budget", "business", "user"], dtype=object), n * 3), **common}).rename(
                columns={"subject_id": "deal_id"})
    return History({**history().tables, **made}, parse_mapping(MAPPING, "the benchmark"))


def weeks_of_deals(history: History, n_pairs: int, seed: int = 1) -> AsOf:
    """Random deals at the start of one of their first 26 weeks."""
    rng = np.random.default_rng(seed)
    subject = rng.integers(0, len(history.deals), n_pairs)
    week = history.deals.created_at[subject] // (7 * DAY) + 1 + rng.integers(0, 26, n_pairs)
    return AsOf(history, "deal", subject, week * 7 * DAY)
