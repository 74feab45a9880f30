"""What is measured of the store, each against a peer that does the same with the same rows.

`python -m tests.benchmarks.store WHAT FOLDER` does one of them in this process and prints seconds and peak memory as
JSON, so that each memory is a process's own.
"""

from __future__ import annotations

import json
import resource
import sqlite3
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sqlalchemy import create_engine
from sqlalchemy.pool import NullPool

from features.calendar import DAY
from features.history import History
from features.home import Home
from features.importing import import_files
from features.mapping import parse_mapping

__all__ = ["FULL", "MAPPING", "SMALL", "import_into", "make_export", "measured", "pandas_into", "read_history",
           "read_with_pandas", "subjects", "write_contract_rows"]

FULL = (1_000_000, 300_000)  # changes and activities
SMALL = (20_000, 6_000)
_NOW = 20_000 * DAY
_START = 18_993 * DAY  # 2022-01-01
MAPPING = """
company: Benchmark
stages: [{name: Talk}, {name: Offer}, {name: Won, outcome: won}, {name: Lost, outcome: lost}]
sources:
  - file: deals.parquet
    rows: deals
    columns: {deal_id: id, created_at: created}
  - file: log.parquet
    rows: changes
    subject: deal
    columns: {subject_id: id, changed_at: at, field: field, value: value}
    fields:
      stage: {column: Stage, past: logged}
      amount: {column: Amount, type: money, past: logged}
      expected_close: {column: Close date, type: date, past: logged}
      owner: {column: Owner, past: logged}
      industry: {column: Industry, past: logged}
      next_step: {column: Next step, type: text, past: logged}
  - file: activities.parquet
    rows: activities
    subject: deal
    columns: {activity_id: activity, subject_id: id, happened_at: at, kind: kind, direction: direction,
              duration_seconds: seconds, owner_id: who}
"""


def make_export(folder: Path, size: tuple[int, int]) -> Path:
    """A CRM's export in Parquet: deals, a field history of six fields, activities; 20 changes a deal."""
    folder.mkdir(parents=True, exist_ok=True)
    n_changes, n_activities = size
    rng = np.random.default_rng(1)
    ids = np.array([f"006Dn{i:013}" for i in range(n_changes // 20)], dtype=object)
    owners = np.array([f"005Dn{i:013}" for i in range(200)], dtype=object)
    pools = {"Stage": np.array(["Talk", "Offer", "Won", "Lost"], dtype=object), "Owner": owners,
             "Industry": np.array([f"Industry {i}" for i in range(40)], dtype=object),
             "Next step": np.array([f"step {i} of the plan" for i in range(5000)], dtype=object),
             "Amount": np.char.mod("%.2f", rng.lognormal(9, 1, n_changes // 6)).astype(object),
             "Close date": np.datetime_as_string(np.datetime64("2023-01-01") + np.arange(900)).astype(object)}
    field = np.array(list(pools), dtype=object)[rng.integers(0, len(pools), n_changes)]
    value = np.empty(n_changes, dtype=object)
    for name, pool in pools.items():
        value[field == name] = rng.choice(pool, (field == name).sum())

    def moments(n: int) -> pd.Series:
        return pd.Series(pd.to_datetime(_START + np.sort(rng.integers(0, 1000 * DAY, n)), unit="us", utc=True))

    pd.DataFrame({"id": ids, "created": moments(len(ids))}).to_parquet(folder / "deals.parquet", index=False)
    log = pd.DataFrame({"id": rng.choice(ids, n_changes), "at": moments(n_changes), "field": field, "value": value})
    log.to_parquet(folder / "log.parquet", index=False)
    pd.DataFrame({
        "id": rng.choice(ids, n_activities), "activity": [f"00TDn{i:013}" for i in range(n_activities)],
        "at": moments(n_activities), "kind": rng.choice(np.array(["call", "email", "meeting"], object), n_activities),
        "direction": rng.choice(np.array(["inbound", "outbound"], object), n_activities),
        "seconds": rng.integers(10, 4000, n_activities), "who": rng.choice(owners, n_activities)}).to_parquet(
            folder / "activities.parquet", index=False)
    return folder


def import_into(home: Path, export: Path) -> None:
    """`dealcast import` of the export into a new home."""
    import_files(Home.open(home, must_exist=False), export, parse_mapping(MAPPING, "the benchmark"), MAPPING, _NOW)


def write_contract_rows(home: Path, folder: Path) -> Path:
    """The rows that a home holds of changes and activities, as Parquet files in the order of time, with the statements
    that make their tables: what the peer starts from has been read, checked and given its key already."""
    folder.mkdir(parents=True, exist_ok=True)
    with sqlite3.connect(home / "dealcast.db") as connection:
        for name, own in (("changes", "changed_at"), ("activities", "happened_at")):
            rows = pd.read_sql(f"SELECT * FROM {name} ORDER BY {own}", connection)
            rows.to_parquet(folder / f"{name}.parquet", index=False)
            (made,) = connection.execute("SELECT sql FROM sqlite_master WHERE name = ?", [name]).fetchone()
            (folder / f"{name}.sql").write_text(made, encoding="utf-8")
    connection.close()
    return folder


def pandas_into(database: Path, rows: Path, *, bare: bool) -> None:
    """pandas' read_parquet and to_sql of the same rows into tables with the same key, in one transaction in WAL mode,
    over SQLAlchemy or (`bare`) over Python's own sqlite3."""
    connection = sqlite3.connect(database)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=NORMAL")
    names = ("changes", "activities")
    for name in names:
        connection.execute((rows / f"{name}.sql").read_text(encoding="utf-8"))
    if bare:
        for name in names:
            pd.read_parquet(rows / f"{name}.parquet").to_sql(name, connection, if_exists="append", index=False)
    connection.commit()
    connection.close()
    if not bare:
        with create_engine(f"sqlite:///{database}", poolclass=NullPool).begin() as through:
            through.exec_driver_sql("PRAGMA synchronous=NORMAL")
            for name in names:
                pd.read_parquet(rows / f"{name}.parquet").to_sql(name, through, if_exists="append", index=False)


def read_history(home: Path) -> History:
    """The whole History of a home."""
    return Home.open(home).history()


def read_with_pandas(home: Path) -> dict[str, pd.DataFrame]:
    """pandas' read_sql of the same tables, in the same order."""
    connection = sqlite3.connect(home / "dealcast.db")
    found = {name: pd.read_sql(f"SELECT * FROM {name} ORDER BY identity", connection)
             for name in ("deals", "changes", "activities")}
    connection.close()
    return found


def subjects(history: History, n: int = 500) -> list[str]:
    """Some deals' ids, spread over all."""
    ids = history.tables["deals"]["deal_id"]
    return [str(one) for one in ids.iloc[::max(1, len(ids) // n)]]


def measured(what: str, folder: Path, size: tuple[int, int]) -> dict[str, Any]:
    """One measurement in this process: seconds, and where it matters the peak of its memory in MiB."""
    export, home = folder / "export", folder / "home"
    steps: dict[str, Callable[[], object]] = {
        "import": lambda: import_into(home, export),
        "sqlalchemy": lambda: pandas_into(folder / "sqlalchemy.db", folder / "rows", bare=False),
        "sqlite3": lambda: pandas_into(folder / "sqlite3.db", folder / "rows", bare=True),
        "first-read": lambda: read_history(home), "read": lambda: read_history(home),
        "read_sql": lambda: read_with_pandas(home)}
    if what == "export":
        make_export(export, size)
        return {}
    if what == "rows":
        write_contract_rows(home, folder / "rows")
        return {}
    if what == "only":
        return _one_subject(read_history(home))
    began = time.perf_counter()
    steps[what]()
    return {"seconds": time.perf_counter() - began,
            "peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024}


def _one_subject(history: History) -> dict[str, Any]:
    """Seconds of one subject's history out of a warm one, and of picking its rows from the frames as pandas does."""
    began = time.perf_counter()
    chosen = subjects(history)
    history.only("deal", chosen[0])
    found: dict[str, Any] = {"first": time.perf_counter() - began}

    def each(take: Callable[[str], object], ids: list[str]) -> list[float]:
        seconds = []
        for one in ids:
            at = time.perf_counter()
            take(one)
            seconds.append(time.perf_counter() - at)
        return seconds

    ours = each(lambda one: history.only("deal", one), chosen)
    theirs = each(lambda one: picked(history, one), chosen[:20])
    return found | {"median": statistics.median(ours), "p99": float(np.quantile(ours, 0.99)), "n": len(ours),
                    "pandas": statistics.median(theirs)}


def picked(history: History, deal_id: str) -> dict[str, pd.DataFrame]:
    """A deal's changes and activities, picked from the frames by a condition."""
    return {name: history.tables[name][(history.tables[name]["subject"] == "deal")
                                       & (history.tables[name]["subject_id"] == deal_id)]
            for name in ("changes", "activities")}


if __name__ == "__main__":
    print(json.dumps(measured(sys.argv[1], Path(sys.argv[2]), SMALL if "--small" in sys.argv else FULL)))
