"""How sure a score is: its 80% interval, and whether the lead or deal is unlike anything that has closed so far.

The interval is one of the true share of such leads, not of a single outcome. Its width, in log-odds, has two parts. The
level's is that of a beta distribution after so many wins on top of the prior, and by how much the level moves before it
is followed. That of how the fields tell leads apart grows with a score's distance from the mean, and shrinks with the
wins that it was learned from and with the weight of the voices that listen to the fields. The whole is scaled by how
far scores were off at earlier origins.

Unlike is what has more strange facts of its own (numbers outside the range of all that closed, texts never seen among
them) than nearly all of those that closed have, each held against the others.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.special import expit, logit, polygamma
from scipy.stats import norm

from features.settings import Prior

__all__ = ["Certainty", "Familiar", "Judged", "interval", "learn_certainty", "learn_familiar", "unlike"]

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

COVERED = 0.8
FIELDS_SD = 0.6  # log-odds by which leads of other fields usually differ: an AUC of about .66
FARTHEST = 2.5  # standard deviations from the center, beyond which nothing becomes less sure
FIFTHS = 5
PRIOR_FIFTHS = 10.0  # what "the scale is 1" counts, in fifths of earlier origins
MOST_LANDMARKS = 100_000  # of more than so many landmarks, the subjects of a share are looked at
MOST_LEVELS = 1_000  # a text of more levels is a name, of which a new one is nothing strange
PARTS = 5


@dataclass(frozen=True)
class Certainty:
    """center, spread : mean and standard deviation of the scores' log-odds. level, fields : variances of log-odds, of
    the level and of a score one `spread` from the center. scale : of the whole standard deviation."""

    center: float
    spread: float
    level: float
    fields: float
    scale: float = 1.0

    @staticmethod
    def unknown() -> Certainty:
        """That of a model that was not looked at."""
        return Certainty(0.0, 1.0, 1.0, 1.0)

    def sd(self, probability: Floats) -> Floats:
        """Standard deviation (n,) of the log-odds of probabilities (n,)."""
        moved = np.clip((_log_odds(probability) - self.center) / self.spread, -FARTHEST, FARTHEST)
        return np.asarray(self.scale * np.sqrt(self.level + self.fields * moved**2), dtype=np.float64)

    def judged(self, asked: Sequence[Judged]) -> Certainty:
        """The same scaled by how far scores were off at earlier origins: what was said, and what came."""
        missed = np.concatenate([np.empty(0), *(_missed(self, one) for one in asked)])
        return replace(self, scale=float(np.sqrt((PRIOR_FIFTHS + (missed**2).sum()) / (PRIOR_FIFTHS + len(missed)))))

    def to_dict(self) -> dict[str, float]:
        return asdict(self)

    @staticmethod
    def from_dict(content: dict[str, float]) -> Certainty:
        return Certainty(**content)


class Sure(Protocol):
    """What is asked of a model."""

    @property
    def certainty(self) -> Certainty: ...
    @property
    def familiar(self) -> Familiar: ...


class Judged(Protocol):
    """Questions of an earlier origin and their answers: `probability` and `won`, (n,)."""

    @property
    def probability(self) -> Floats: ...
    @property
    def won(self) -> Bools: ...


def interval(model: Sure, probability: Floats) -> tuple[Floats, Floats]:
    """Low and high end (n,) of the 80% interval around each probability (n,) that a model gave."""
    odds, half = _log_odds(probability), norm.ppf(0.5 + COVERED / 2) * model.certainty.sd(probability)
    return np.asarray(expit(odds - half)), np.asarray(expit(odds + half))


def learn_certainty(said: Floats, wins: int, heard: float, prior: Prior, moves: float) -> Certainty:
    """What a model is sure of before it is judged.

    said : (n,) its probabilities of recent landmarks. wins : that it learned from. heard : the weight of the voices
    that listen to the fields: what the others do not tell apart may differ all the same, by FIELDS_SD. moves : variance
    of the logarithm by which the level moves on after a training.
    """
    rate = float(np.clip(said.mean() if len(said) else prior.won, 1e-4, 1.0 - 1e-4))
    won = wins + prior.won * prior.subjects
    rest = wins * (1.0 - rate) / rate + (1.0 - prior.won) * prior.subjects
    level = moves + float(polygamma(1, won) + polygamma(1, rest))  # the variance of the log-odds of a beta distribution
    learned = 1.0 / (FIELDS_SD**-2 + wins * (1.0 - rate))  # of a slope, by the wins that it was learned from
    fields = (max(1.0 - heard, 0.0) * FIELDS_SD) ** 2 + heard**2 * learned
    odds = _log_odds(said) if len(said) else np.array([logit(rate)])
    return Certainty(float(odds.mean()), max(float(odds.std()), 1e-6), level, float(fields))


def _missed(certainty: Certainty, asked: Judged) -> Floats:
    """By how many standard deviations each fifth of the scores was off; sampling error of what came counts too."""
    order = np.argsort(asked.probability, kind="stable")
    found = []
    for part in np.array_split(order, FIFTHS):
        if not len(part):
            continue
        said, came = float(asked.probability[part].mean()), float(asked.won[part].sum())
        # Counted in subjects' outcomes on the scale of log-odds, with what was said as half an outcome each way.
        off = logit((came + said) / (len(part) + 1.0)) - _log_odds(np.array([said]))[0]
        sampling = 1.0 / max(len(part) * said * (1.0 - said), 1e-9)
        found.append(off / np.sqrt(certainty.sd(np.array([said]))[0] ** 2 + sampling))
    return np.array(found)


def _log_odds(probability: Floats) -> Floats:
    return np.asarray(logit(np.clip(probability, 1e-6, 1.0 - 1e-6)), dtype=np.float64)


@dataclass(frozen=True)
class Familiar:
    """What has been seen of those that closed. numbers : lowest and highest. levels : texts. missing : features that
    were missing. most : strange facts that one of them has at most, but for the few that the settings name; -1 where
    nothing has closed, so that everything is unlike."""

    numbers: dict[str, tuple[float, float]]
    levels: dict[str, list[str]]
    missing: list[str]
    most: int = -1

    @staticmethod
    def nothing() -> Familiar:
        return Familiar({}, {}, [])

    @staticmethod
    def of(features: pd.DataFrame) -> Familiar:
        numbers, levels = {}, {}
        for name, column in features.items():
            known = column.dropna()
            if column.dtype == np.float64:
                if known.nunique() > 1:  # one that all shared may be of a time before it was recorded
                    numbers[str(name)] = (float(known.min()), float(known.max()))
            elif 0 < len(distinct := known.unique()) <= MOST_LEVELS:
                levels[str(name)] = sorted(str(one) for one in distinct)
        absent = features.isna().any()
        return Familiar(numbers, levels, sorted(str(name) for name in features.columns[absent]))

    def strange(self, features: pd.DataFrame) -> npt.NDArray[np.int64]:
        """How many facts of each row (n,) were never seen."""
        found = np.zeros(len(features), dtype=np.int64)
        for name in features.columns:
            column = features[name]
            absent = column.isna().to_numpy(bool)
            if name in self.numbers:
                low, high = self.numbers[name]
                value = column.to_numpy(np.float64)
                found += ~absent & ((value < low) | (value > high))
            elif name in self.levels:
                found += ~absent & ~column.isin(self.levels[name]).to_numpy(bool)
            else:
                continue
            if name not in self.missing:
                found += absent
        return found

    def to_dict(self) -> dict[str, Any]:
        return {"numbers": {name: list(ends) for name, ends in self.numbers.items()}, "levels": self.levels,
                "missing": self.missing, "most": self.most}

    @staticmethod
    def from_dict(content: dict[str, Any]) -> Familiar:
        return Familiar({name: (ends[0], ends[1]) for name, ends in content["numbers"].items()}, content["levels"],
                        content["missing"], content["most"])


def unlike(model: Sure, features: pd.DataFrame) -> Bools:
    """Which subjects, by their features (n, …), are unlike anything that had closed by the model's date, (n,)."""
    return np.asarray(model.familiar.strange(features) > model.familiar.most, dtype=np.bool_)


def learn_familiar(features: pd.DataFrame, subject_hash: npt.NDArray[np.uint64], share: float) -> Familiar:
    """What those that closed look like, and how strange one of them is to the others.

    features (n, …) at landmarks of subjects that have closed. subject_hash (n,) : of each one's id, so that a subject's
    landmarks stay together. share : of them that may be called unlike.
    """
    part = subject_hash / 2.0**64
    kept = part < MOST_LANDMARKS / max(len(part), 1)
    features, part = features[kept], part[kept]
    group = np.floor(part / max(part.max(initial=0.0), 1e-9) * PARTS * (1 - 1e-9)).astype(np.int64)
    strange = [Familiar.of(features[group != one]).strange(features[group == one]) for one in range(PARTS)]
    counts = np.concatenate(strange)
    most = int(np.quantile(counts, 1.0 - share, method="higher")) if len(counts) else -1
    whole = Familiar.of(features)
    return Familiar(whole.numbers, whole.levels, whole.missing, most)
