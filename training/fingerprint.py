"""Fingerprints of what results follow from: the same facts give the same text, whoever imported them and when, and so
do the same settings."""

from __future__ import annotations

import hashlib

import numpy as np
import pandas as pd

from features.history import History
from features.settings import Settings

__all__ = ["fingerprint", "settings_fingerprint"]


def fingerprint(history: History) -> str:
    """SHA-256 over all rows of all tables, whatever their order, and over the rules for points, where there are some;
    `recorded_at` and `source` do not count."""
    digest = hashlib.sha256()
    for name in sorted(history.tables):
        table = history.tables[name].drop(columns=["recorded_at", "source"])
        rows = np.sort(pd.util.hash_pandas_object(table, index=False).to_numpy())
        digest.update(f"{name} {sorted(table.columns)} {len(table)}".encode())
        digest.update(rows.tobytes())
    if history.rules is not None:
        digest.update(history.rules.model_dump_json().encode())
    return digest.hexdigest()


def settings_fingerprint(settings: Settings) -> str:
    """SHA-256 over all settings but the number of threads, on which no result is meant to hang."""
    told = settings.model_dump_json(exclude={"training": {"lightgbm": {"num_threads"}}})
    return hashlib.sha256(told.encode()).hexdigest()
