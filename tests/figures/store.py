"""The store at its real size: time and memory of an import, of reading it back, and of one subject, against pandas."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from tests.benchmarks.store import FULL, SMALL
from tests.figures.cache import ROOT, cached
from tests.running import environment

__all__ = ["table"]

STEPS = ("export", "import", "rows", "sqlalchemy", "sqlite3", "first-read", "read", "read_sql", "only")


def table(small: bool) -> str:
    found: dict[str, Any] = cached(f"store-{'small' if small else 'full'}", lambda: _measure(small))
    changes, activities = SMALL if small else FULL
    ours = found["import"]["seconds"]

    def line(what: str, name: str, peer: float) -> str:
        its = found[name]
        return f"| {what} | {its['seconds']:.2f} s | {its['peak_mib']:,} MiB | {its['seconds'] / peer:.2f} |"

    read, only = found["read"]["seconds"], found["only"]
    return "\n".join([
        f"{changes:,} changes and {activities:,} activities, Parquet to SQLite, each step in a process of its own:", "",
        "| what | time | peak memory | times ours |", "| --- | --: | --: | --: |",
        line("`dealcast import`: read, check, give keys, store, report", "import", ours),
        line("pandas' `read_parquet` and `to_sql` of the finished rows over SQLAlchemy", "sqlalchemy", ours),
        line("the same over Python's `sqlite3`", "sqlite3", ours),
        line("the whole History, from its copy", "read", read),
        line("the first time after an import, when the copy is made", "first-read", read),
        line("pandas' `read_sql` of the same tables", "read_sql", read), "",
        f"One deal's History out of a warm one (`history.only`, every table of it in hand): median "
        f"{only['median'] * 1e3:.2f} ms, 99th percentile {only['p99'] * 1e3:.2f} ms over {only['n']} deals, after "
        f"{only['first']:.1f} s for the first; picking the deal's changes and activities from the frames takes pandas "
        f"{only['pandas'] * 1e3:.0f} ms.", ""])


def _measure(small: bool) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        return {step: _in_a_child(step, Path(folder), small) for step in STEPS}


def _in_a_child(step: str, folder: Path, small: bool) -> dict[str, Any]:
    command = [sys.executable, "-m", "tests.benchmarks.store", step, str(folder), *(["--small"] if small else [])]
    done = subprocess.run(command, cwd=ROOT, env=environment(), capture_output=True, text=True, timeout=1800,
                          check=False)
    if done.returncode:
        raise RuntimeError(done.stderr)
    found: dict[str, Any] = json.loads(done.stdout)
    return found
