"""The as-of engine beside DuckDB, Polars and pandas.

All are given the same columns in memory: whole-number subjects, times in microseconds and values, in the order of time,
and answer the same questions with value, count so far and days since the change. Sorting by subject is part of
everybody's work. The answers are compared before a time is told.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
import pandas as pd

from features.asof import AsOf, count, days_since_last, number
from features.calendar import DAY
from features.events import Events, sort_events
from tests.histories import history

__all__ = ["against_peers"]

_COMPANY = history()
FIELDS, SUBJECTS, START = 12, 50_000, 17_000 * DAY
Answers = list[tuple[np.ndarray, np.ndarray, np.ndarray]]


def _log(n_changes: int, n_questions: int) -> tuple[list[pd.DataFrame], pd.DataFrame]:
    """A log of each field and the questions, at random times, in no order but that of time."""
    rng = np.random.default_rng(0)
    logs = []
    for _ in range(FIELDS):
        n = n_changes // FIELDS
        at = np.sort(START + rng.integers(0, 1000 * 86_400, n) * 1_000_000)
        log = pd.DataFrame({"subject": rng.integers(0, SUBJECTS, n), "at": at,
                            "value": rng.integers(0, 10**6, n).astype(np.float64)})
        logs.append(log.drop_duplicates(["subject", "at"], ignore_index=True))
    asked = pd.DataFrame({"subject": rng.integers(0, SUBJECTS, n_questions),
                          "at": START + rng.integers(0, 1000 * 86_400, n_questions) * 1_000_000})
    return logs, asked


def _ours(logs: list[pd.DataFrame], asked: pd.DataFrame) -> Answers:
    pairs = AsOf(_COMPANY, "deal", asked["subject"].to_numpy(), asked["at"].to_numpy())
    return [(number(events, pairs), count(events, pairs), days_since_last(events, pairs))
            for events in map(_events, logs)]


def _events(log: pd.DataFrame) -> Events:
    at = log["at"].to_numpy()
    events = sort_events(log["subject"].to_numpy(), at, at, np.arange(len(log)), log["value"].to_numpy(), SUBJECTS)
    events.__dict__["numbers"] = events.value  # already numbers, as they are for the others
    return events


def _pandas(logs: list[pd.DataFrame], asked: pd.DataFrame) -> Answers:
    questions = asked.reset_index().sort_values("at")
    found = []
    for log in logs:
        log = log.assign(count=log.groupby("subject").cumcount() + 1.0, changed=log["at"])
        joined = pd.merge_asof(questions, log, on="at", by="subject").sort_values("index")
        since = (joined["at"] - joined["changed"]) / DAY
        found.append((joined["value"].to_numpy(), joined["count"].fillna(0).to_numpy(), since.to_numpy()))
    return found


def _polars(logs: list[pd.DataFrame], asked: pd.DataFrame) -> Answers:
    import polars as pl

    questions = pl.DataFrame({"subject": asked["subject"].to_numpy(), "at": asked["at"].to_numpy()}).with_row_index(
        "index").sort("at")
    found = []
    for log in logs:
        rows = pl.DataFrame({name: log[name].to_numpy() for name in log}).sort("at").with_columns(
            pl.int_range(1, pl.len() + 1).over("subject").cast(pl.Float64).alias("count"),
            pl.col("at").alias("changed"))
        joined = questions.join_asof(rows, on="at", by="subject", check_sortedness=False).sort("index").with_columns(
            ((pl.col("at") - pl.col("changed")) / DAY).alias("since"))
        found.append((joined["value"].fill_null(np.nan).to_numpy(), joined["count"].fill_null(0).to_numpy(),
                      joined["since"].fill_null(np.nan).to_numpy()))
    return found


def _duckdb(logs: list[pd.DataFrame], asked: pd.DataFrame) -> Answers:
    import duckdb

    found = []
    with duckdb.connect() as connection:
        connection.register("asked", asked.reset_index())
        for log in logs:
            connection.register("log", log)
            table = connection.execute(f"""
                select q.index, r.value, coalesce(r.n, 0)::double as n, (q."at" - r."at") / {DAY} as since
                from asked q asof left join (
                    select *, row_number() over (partition by subject order by "at") as n from log) r
                on q.subject = r.subject and q."at" >= r."at" order by q.index""").fetchnumpy()
            found.append(tuple(np.ma.filled(table[name].astype(np.float64), np.nan)
                               for name in ("value", "n", "since")))
    return found


def against_peers(n_changes: int = 1_000_000, n_questions: int = 500_000, rounds: int = 3) -> dict[str, float]:
    """Best seconds of each, ours first. Raises AssertionError where two of them do not say the same."""
    logs, asked = _log(n_changes, n_questions)
    ways: dict[str, Callable[[list[pd.DataFrame], pd.DataFrame], Answers]] = {
        "dealcast": _ours, "polars": _polars, "pandas": _pandas, "duckdb": _duckdb}
    expected = _ours(logs, asked)
    seconds = dict.fromkeys(ways, np.inf)
    for _ in range(rounds):
        # Each twice in a row: the first finds memory as the one before it has left it.
        for name, way in [one for one in ways.items() for _ in range(2)]:
            begun = time.perf_counter()
            answers = way(logs, asked)
            seconds[name] = min(seconds[name], time.perf_counter() - begun)
            for ours, theirs in zip(expected, answers, strict=True):
                for one, other in zip(ours, theirs, strict=True):
                    np.testing.assert_allclose(one, other, rtol=1e-12)
    return seconds
