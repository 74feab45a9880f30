"""The backtest: every origin of a schedule, each in a file of its own, so that one which was interrupted goes on.

Results lie in `<home>/backtests/<key>/`. The key is a hash of what they follow from: everything that the home knows,
its settings and the code; another import or another version begins anew, and what was frozen stays. Each origin is
trained on one thread, and as many origins at a time as there are cores.
"""

from __future__ import annotations

import hashlib
import json
import multiprocessing
import os
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor, as_completed
from functools import lru_cache
from pathlib import Path
from typing import Any

import pandas as pd

from features.adjustments import adjustments_log, standing
from features.calendar import fiscal_quarter, iso
from features.history import History
from features.home import Home
from features.settings import Settings
from training.evidence.backtest_origin import backtest_origin, people_said
from training.evidence.schedule import Period
from training.fingerprint import fingerprint, settings_fingerprint
from training.result import silent

__all__ = ["backtest", "key_of", "single_threaded"]

PACKAGES = ("configs", "features", "training")


def backtest(home: Home, periods: list[Period], progress: Callable[[str], None] = silent,
             workers: int | None = None) -> list[dict[str, Any]]:
    """The frozen result of each period's origin, as `backtest_origin` has it; those that are not there are computed.

    workers : processes at a time; None takes as many as there are cores.
    """
    history = home.history()
    folder = home.path / "backtests" / key_of(history, home.settings)
    folder.mkdir(parents=True, exist_ok=True)
    files = [folder / _name(one, history) for one in periods]
    missing = [(one, file) for one, file in zip(periods, files, strict=True) if not file.is_file()]
    n, done = len(periods), len(periods) - len(missing)
    workers = min(workers or os.cpu_count() or 1, len(missing))
    progress(f"{done} of {n} origins done")
    if workers <= 1:
        for one, file in missing:
            _freeze(history, one, home.settings, file)
            done += 1
            progress(f"{done} of {n} origins done")
    else:
        # LightGBM's threads do not survive a fork, so workers start anew.
        with ProcessPoolExecutor(workers, multiprocessing.get_context("spawn"), _one_thread) as pool:
            running = [pool.submit(_freeze_of, home.path, one, file) for one, file in missing]
            try:
                for ended in as_completed(running):
                    ended.result()
                    done += 1
                    progress(f"{done} of {n} origins done")
            except BaseException:
                # Whoever stops it does not want to wait for the origins that are under way.
                pool.shutdown(wait=False, cancel_futures=True)
                for worker in multiprocessing.active_children():
                    worker.terminate()
                raise
    log = adjustments_log(home)
    return [_with_adjustments(json.loads(file.read_text(encoding="utf-8")), one, history, log)
            for one, file in zip(periods, files, strict=True)]


def _with_adjustments(result: dict[str, Any], period: Period, history: History, log: pd.DataFrame) -> dict[str, Any]:
    """What managers said here goes in when it is read: another adjustment costs no training."""
    name, *quarter = fiscal_quarter(period.end, history.mapping)
    log = log[(log["period"] == name) & (quarter == [period.origin, period.end])]
    if log.empty:
        return result
    for week in result["weeks"]:
        by_hand = standing(log, week["as_of"])
        if len(by_hand):
            week["people"] = people_said(history, week["as_of"], period, by_hand)
    return result


def key_of(history: History, settings: Settings) -> str:
    """What results follow from, as 12 letters and digits."""
    told = f"{fingerprint(history)} {settings_fingerprint(settings)} {_code()}"
    return hashlib.sha256(told.encode()).hexdigest()[:12]


def single_threaded(settings: Settings) -> Settings:
    """The same settings, LightGBM on one thread: origins share the cores."""
    lightgbm = settings.training.lightgbm.model_copy(update={"num_threads": 1})
    return settings.model_copy(update={"training": settings.training.model_copy(update={"lightgbm": lightgbm})})


@lru_cache(maxsize=1)
def _code() -> str:
    root = Path(__file__).parents[2]
    digest = hashlib.sha256()
    for package in PACKAGES:
        for file in sorted((root / package).rglob("*")):
            if file.suffix in (".py", ".yaml"):
                digest.update(str(file.relative_to(root)).encode() + file.read_bytes())
    return digest.hexdigest()


def _name(period: Period, history: History) -> str:
    """The day of the origin, for who looks at the folder, and the moments themselves."""
    return f"{iso(period.origin, history.mapping.zone)[:10]}_{period.origin}_{period.end}_{period.next}.json"


def _one_thread() -> None:
    from threadpoolctl import threadpool_limits

    threadpool_limits(1)


def _freeze_of(home_path: Path, period: Period, file: Path) -> None:
    history, settings = _opened(home_path)
    _freeze(history, period, settings, file)


@lru_cache(maxsize=1)
def _opened(home_path: Path) -> tuple[History, Settings]:
    home = Home.open(home_path)
    return home.history(), home.settings


def _freeze(history: History, period: Period, settings: Settings, file: Path) -> None:
    """Compute an origin and write it; the file is there whole or not at all."""
    found = backtest_origin(history, period, single_threaded(settings))
    part = file.with_suffix(f".{os.getpid()}.part")
    part.write_text(json.dumps(found, allow_nan=False), encoding="utf-8")
    part.replace(file)
