"""The gate: no feature as of T may change when what was not known by T changes.

In: a History. Out: a `LeakReport`, with every (feature, subject, T) whose value differs once everything not known by T
(own time or known_at after T) is deleted, or replaced with noise: other values, other times, rows about other subjects,
new rows that were entered late with earlier dates, other outcomes. Nothing known by T is touched.

What it cannot see: data that itself claims to have been known earlier than it was, such as a field that an export
filled at the close and dates back to the creation. To cut at T leaves such a value where it claims to be. That is for
the suspicions of `dealcast check`: first filled after the outcome, or predicts it almost alone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from features.asof import AsOf, Feature
from features.calendar import DAY, iso
from features.catalogue import catalogue
from features.events import Int
from features.history import OWN_TIME, STAMPS, History
from features.recorded import FOREVER

__all__ = ["Leak", "LeakReport", "leaks", "noisy_after"]

KINDS = ("lead", "deal")
TIMES, SUBJECTS = 12, 300
ANY = "(any)"  # in place of an id where it is the declaration that differs
NOISE_SHARE = 0.2  # of the rows that are not known yet: so many new ones are made up beside them
NOISE_DAYS = 400.0  # noise lies up to so many days after T


@dataclass(frozen=True)
class Leak:
    """One value that changed: `from_all` with the future there, `from_known` with it `how` ("deleted" or "noise")."""

    feature: str
    subject: str
    subject_id: str
    as_of: str
    how: str
    from_all: float | str | None
    from_known: float | str | None

    def __str__(self) -> str:
        return (f"{self.feature} of {self.subject} {self.subject_id} as of {self.as_of} is {self.from_all}; with what "
                f"was not known then {'deleted' if self.how == 'deleted' else 'replaced by noise'} it is "
                f"{self.from_known}.")


@dataclass(frozen=True)
class LeakReport:
    """leaks : the first of each feature, kind of subject and way. features : how many were tried, by kind of subject.
    pairs : how many (subject, time) pairs each was tried on, by kind."""

    leaks: list[Leak]
    features: dict[str, int]
    pairs: dict[str, int]

    @property
    def names(self) -> list[str]:
        """Features that leak, sorted."""
        return sorted({leak.feature for leak in self.leaks})


def leaks(history: History, features_of: Callable[[History, str, int], Sequence[Feature]] = catalogue, *,
          times: int = TIMES, subjects: int = SUBJECTS, seed: int = 0,
          progress: Callable[[str], None] = lambda text: None) -> LeakReport:
    """Recompute every feature of leads and deals at random times, of random subjects at each, and declare them again.

    history : the company, whole. features_of : what is tried, by history, kind of subject and the latest moment asked
    about; all of the catalogue as a rule. Random, by `seed` alone.
    """
    rng = np.random.default_rng(seed)
    features = {kind: features_of(history, kind, FOREVER) for kind in KINDS if len(history.subjects(kind))}
    found: dict[tuple[str, str, str], Leak] = {}
    tried = dict.fromkeys(features, 0)
    for number, moment in enumerate(_moments(history, times, rng)):
        progress(f"time {number + 1} of {times}")
        known = history.until(moment)
        others = {"deleted": known, "noise": noisy_after(history, moment, rng)}
        for kind, declared in features.items():
            ids = known.subjects(kind).ids
            ids = ids[rng.permutation(len(ids))[:subjects]]
            tried[kind] += len(ids)
            whole = _values(history, kind, ids, moment, declared)
            told, at = features_of(history, kind, moment), iso(moment, history.mapping.zone)
            for how, other in others.items():
                for name, value, again in _declared_otherwise(told, features_of(other, kind, moment)):
                    found.setdefault((name, kind, how), Leak(name, kind, ANY, at, how, value, again))
                for name, row, value, again in _differences(whole, _values(other, kind, ids, moment, declared)):
                    found.setdefault((name, kind, how), Leak(name, kind, str(ids[row]), at, how, value, again))
    return LeakReport([found[key] for key in sorted(found)], {kind: len(one) for kind, one in features.items()}, tried)


def _moments(history: History, times: int, rng: np.random.Generator) -> list[int]:
    """Random times: half of them at the very moment at which something became known, half in between."""
    own = [history.tables[name] for name in ("leads", "deals", "changes", "activities")]
    visible = np.concatenate([_visible(table, OWN_TIME[name]) for name, table in
                              zip(("leads", "deals", "changes", "activities"), own, strict=True)])
    if not len(visible):
        return []
    drawn = np.sort(rng.choice(visible, times))
    drawn[::2] += rng.integers(1, DAY, len(drawn[::2]))
    return [int(one) for one in drawn]


def _visible(table: pd.DataFrame, own_time: str) -> Int:
    visible: Int = np.maximum(table[own_time].to_numpy(np.int64), table["known_at"].to_numpy(np.int64))
    return visible


def _values(history: History, kind: str, ids: npt.NDArray[np.object_], moment: int,
            features: Sequence[Feature]) -> dict[str, npt.NDArray[Any]]:
    pairs = AsOf(history, kind, history.codes(kind, ids), np.full(len(ids), moment))
    return {feature.name: feature.compute(pairs) for feature in features}


def _declared_otherwise(told: Sequence[Feature], again: Sequence[Feature]) -> list[tuple[str, str, str]]:
    """The features that two lists do not declare alike: (name, how by the one, how by the other)."""
    one, other = ({feature.name: replace(feature, compute=_nothing) for feature in some} for some in (told, again))
    return [(name, "declared" if name in one else "not declared",
             "not declared" if name not in other else "declared otherwise" if name in one else "declared")
            for name in {**one, **other} if one.get(name) != other.get(name)]


def _nothing(pairs: AsOf) -> npt.NDArray[np.generic]:
    return np.full(len(pairs), np.nan)


def _differences(whole: dict[str, npt.NDArray[Any]],
                 again: dict[str, npt.NDArray[Any]]) -> list[tuple[str, int, Any, Any]]:
    """The first row of each feature whose two values differ: (name, row, value, value again)."""
    found = []
    for name, values in whole.items():
        other = again[name]
        differs = (values != other) & ~(pd.isna(values) & pd.isna(other))
        if differs.any():
            row = int(np.flatnonzero(differs)[0])
            found.append((name, row, _plain(values[row]), _plain(other[row])))
    return found


def _plain(value: Any) -> float | str | None:
    if pd.isna(value):
        return None
    return value if isinstance(value, str) else float(value)


def noisy_after(history: History, moment: int, rng: np.random.Generator) -> History:
    """The history in which everything not known at `moment` is replaced with noise; what was known stands."""
    made = {name: _noisy_table(name, table, moment, rng) for name, table in history.tables.items()}
    ends = _other_ends(history, moment, rng)
    made["changes"] = pd.concat([made["changes"], ends], ignore_index=True) if len(ends) else made["changes"]
    return History(made, history.mapping, rules=history.rules)


def _noisy_table(name: str, table: pd.DataFrame, moment: int, rng: np.random.Generator) -> pd.DataFrame:
    own = OWN_TIME[name]
    later = _visible(table, own) > moment
    known, unknown = table[~later], table[later]
    id_column = {"leads": "lead_id", "deals": "deal_id", "accounts": "account_id", "contacts": "contact_id"}.get(name)
    # Some of what is known is told once more, differently and too late: a claim that must count for nothing yet.
    repeated = known.iloc[rng.integers(0, len(known), int(len(known) * NOISE_SHARE / 4))] if len(known) else known
    made = pd.concat([unknown, unknown.sample(frac=NOISE_SHARE, random_state=rng), repeated], ignore_index=True)
    if not len(made):
        return table
    for column in made.columns:
        if column not in (own, *STAMPS, "subject", "field", "sequence", id_column):
            # Values change places within their field, so that a date stays a date.
            within = [one for one in ("subject", "field") if one in made and column in ("subject_id", "value")]
            made[column] = _shuffled(made, column, within[:1] if column == "subject_id" else within, rng)
    # Half of it is dated before the moment, and told after it.
    made["known_at"] = moment + rng.integers(1, int(NOISE_DAYS * DAY), len(made))
    dated_later = rng.random(len(made)) < 0.5
    first = min(int(table[own].min()), moment)
    made[own] = np.where(dated_later, made["known_at"], rng.integers(first, moment + 1, len(made)))
    return pd.concat([known, made.astype(known.dtypes.to_dict())], ignore_index=True)


def _shuffled(table: pd.DataFrame, column: str, within: list[str], rng: np.random.Generator) -> pd.Series:
    """A column whose values changed places, within the rows that are alike in the columns `within`."""
    order = rng.permutation(len(table))
    group = table.groupby(within, sort=False).ngroup().to_numpy() if within else np.zeros(len(table), dtype=np.int64)
    to, source = np.argsort(group, kind="stable"), order[np.argsort(group[order], kind="stable")]
    position = np.empty(len(table), dtype=np.int64)
    position[to] = source
    return table[column].iloc[position].reset_index(drop=True)


def _other_ends(history: History, moment: int, rng: np.random.Generator) -> pd.DataFrame:
    """Every other subject is won or lost after the moment, some of them with an earlier date."""
    parts = []
    for kind in KINDS:
        ends = [(one.field, word) for _, one in history.mapping.endings(kind) for word in one.becomes]
        ids = history.subjects(kind).ids
        if not ends or not len(ids):
            continue
        chosen = ids[rng.random(len(ids)) < 0.5]
        which = rng.integers(0, len(ends), len(chosen))
        told = moment + rng.integers(1, int(NOISE_DAYS * DAY), len(chosen))
        parts.append(pd.DataFrame({
            "subject": kind, "subject_id": chosen, "field": [ends[i][0] for i in which],
            "value": [str(ends[i][1]) for i in which], "changed_at": told - rng.integers(0, 2, len(chosen)) * 30 * DAY,
            "sequence": np.int64(2**40), "known_at": told, "recorded_at": told, "source": "noise"}))
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()
