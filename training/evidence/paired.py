"""Is the model better than a plain one? Losses on the same rows, compared by whole leads and by blocks of time.

A difference is the model's log-loss less the plain model's: below 0 the model is better. Windows of rows less than a
window apart overlap, so chance is drawn by blocks of time as long as the window, each lead or deal whole in the block
in which it was first asked about; what is left over at the end is no block of its own. With fewer than MIN_BLOCKS of
them there is no interval over time: it is then told at how many origins the model was ahead, and chance is drawn by
whole leads.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from features.calendar import DAY
from features.events import Int
from training.evidence.measures import log_losses

__all__ = ["MIN_BLOCKS", "PLAIN_NAMES", "Asked", "Verdict", "differences", "verdict"]

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
Texts = npt.NDArray[np.object_]

PLAIN_NAMES = {"base": "the base rate", "recent": "the recent rate", "stage": "the rate by state",
               "age": "the rate by age", "clock": "the clock alone", "aj": "Aalen–Johansen",
               "naive_bayes": "naive Bayes", "logistic": "logistic regression",
               "lightgbm": "LightGBM on closed windows"}
MIN_BLOCKS = 5
DRAWS = 4000
KNOW_NOTHING = ("base", "recent", "age", "clock")  # of the lead or deal itself: only how old it is and what day it is
CLAIM_LEVEL = 0.005  # one-sided: a claim of skill is wrong at most so often where there is none
CLAIM_GAIN = 0.005  # of the base rate's log-loss: less is no use to anybody
CLAIM_AHEAD = 0.75  # of the origins, where there are too few blocks of time for an interval over them, ...
CLAIM_ORIGINS = 5  # ... and at least so many origins: to be ahead at three of three is what a coin does
LEFT_OVER = 0.5  # of a usual block's rows: a last block of fewer joins the one before it
NOT_WORSE = 0.005  # of log-loss, against the plain model that was best at earlier origins


@dataclass(frozen=True)
class Asked:
    """One origin's questions and answers: `probability`, whether `won`, which `subject` and when it was asked `at`,
    (n,). plain : what each plain model said, (n,) by name. segments : group of each row, (n,) by name."""

    probability: Floats
    won: Bools
    subject: Int
    at: Int
    plain: dict[str, Floats]
    segments: dict[str, Texts]


def differences(asked: list[Asked], window_days: float) -> dict[str, dict[str, float]]:
    """The model against each plain model, and against "best": at each origin the plain one with the lowest loss at
    the origins before.

    mean : difference of log-loss. low, high : 90% interval. bound : upper end of the one-sided 99.5% interval. loss :
    the plain model's log-loss. ahead, origins : at how many of the origins the model's log-loss was lower.
    """
    names = list(asked[0].plain)
    ours = [log_losses(one.probability, one.won) for one in asked]
    theirs = {name: [log_losses(one.plain[name], one.won) for one in asked] for name in names}
    # Nothing was best before the first origin, which therefore does not count where there are others.
    theirs["best"] = [theirs[_best(theirs, i)][i] for i in range(len(asked))]
    counts = {name: np.ones(len(asked), dtype=bool) for name in theirs}
    counts["best"][0] = len(asked) == 1
    losses = np.stack([np.concatenate(theirs[name]) for name in theirs], axis=1)
    counted = np.stack([np.repeat(counts[name], [len(loss) for loss in ours]) for name in theirs], axis=1)
    difference = np.where(counted, np.concatenate(ours)[:, None] - losses, 0.0)
    drawn = _drawn_means(difference, counted, _units(asked, window_days))
    found = {}
    for i, name in enumerate(theirs):
        low, high, bound = (float(np.quantile(drawn[:, i], level)) for level in (0.05, 0.95, 1.0 - CLAIM_LEVEL))
        ahead = [a.mean() < b.mean() for a, b, one in zip(ours, theirs[name], counts[name], strict=True) if one]
        found[name] = {"mean": float(difference[:, i].sum() / counted[:, i].sum()), "low": low, "high": high,
                       "bound": bound, "loss": float(losses[counted[:, i], i].mean()),
                       "ahead": float(sum(ahead)), "origins": float(len(ahead))}
    return found


def _best(theirs: dict[str, list[Floats]], origin: int) -> str:
    """The plain model with the lowest loss over the origins before; over the only one, where there is but one."""
    before = max(origin, 1)
    loss = {name: float(np.concatenate(losses[:before]).mean()) for name, losses in theirs.items()}
    return min(loss, key=lambda name: (loss[name], name))


def blocks(asked: list[Asked], window_days: float) -> Int:
    """Block of time of each row, (n,): that in which its lead or deal was first asked about."""
    subject, at = (np.concatenate([getattr(one, name) for one in asked]) for name in ("subject", "at"))
    _, code = np.unique(subject, return_inverse=True)
    first = np.full(code.max(initial=-1) + 1, np.iinfo(np.int64).max)
    np.minimum.at(first, code, at)
    _, block = np.unique((first - at.min()) // round(window_days * DAY), return_inverse=True)
    rows = np.bincount(block[code])
    if len(rows) > 1 and rows[-1] < LEFT_OVER * rows[:-1].mean():
        block = np.minimum(block, len(rows) - 2)
    return np.asarray(block[code], dtype=np.int64)


def _overlap(asked: list[Asked], window_days: float) -> bool:
    """Whether what is asked at one date reaches past the next date."""
    spans = sorted((int(one.at.min()), int(one.at.max())) for one in asked if len(one.at))
    return any(last + window_days * DAY > following for (_, last), (following, _) in pairwise(spans))


def _units(asked: list[Asked], window_days: float) -> Int:
    """What chance is drawn by: blocks of time, or whole leads where there are too few of them."""
    block = blocks(asked, window_days)
    if block.max() + 1 >= MIN_BLOCKS:
        return block
    return np.unique(np.concatenate([one.subject for one in asked]), return_inverse=True)[1].astype(np.int64)


def _drawn_means(values: Floats, counted: Bools, unit: Int) -> Floats:
    """Means (DRAWS, k) of the counted values (n, k) over units (n,) drawn with replacement, spread a little wider where
    units are few: their own spread is then seen too small."""
    _, code = np.unique(unit, return_inverse=True)
    n = int(code.max()) + 1
    total, count = np.zeros((n, values.shape[1])), np.zeros((n, values.shape[1]))
    np.add.at(total, code, values)
    np.add.at(count, code, counted)
    centre = total.sum(axis=0) / count.sum(axis=0)
    random = np.random.default_rng(0)
    means = np.empty((DRAWS, values.shape[1]))
    for i in range(DRAWS):
        times = np.bincount(random.integers(0, n, n), minlength=n).astype(np.float64)
        n_drawn = times @ count
        means[i] = np.where(n_drawn > 0, times @ total / np.maximum(n_drawn, 1.0), centre)
    return np.asarray(centre + (means - centre) * np.sqrt(n / max(n - 1, 1)), dtype=np.float64)


@dataclass(frozen=True)
class Verdict:
    """skill : whether it may be claimed that the model knows more than a rate, be it of all, of late, of an age or of a
    day. gain : log-loss saved against that of them which is the hardest to beat, as a share of its own, and its
    `bound`: the one-sided 99.5% lower one. not_worse : whether the model is shown to be no worse than the best plain
    model by more than NOT_WORSE. sentence : all of it in words."""

    skill: bool
    gain: float
    bound: float
    not_worse: bool
    sentence: str


def verdict(asked: list[Asked], window_days: float, found: dict[str, dict[str, float]]) -> Verdict:
    """What the differences allow to be said."""
    best = found["best"]
    few = int(blocks(asked, window_days).max()) + 1 < MIN_BLOCKS
    rates = {name: found[name] for name in KNOW_NOTHING if name in found}
    beyond = {name: one for name, one in rates.items() if not _is_beaten(one, few)}
    skill = not beyond and (not few or len(asked) >= CLAIM_ORIGINS)
    hardest = max(beyond or rates, key=lambda name: found[name]["mean"])
    base = found[hardest]
    rate = "the base rate" if hardest == "base" else f"the base rate, as {PLAIN_NAMES[hardest]} has it"
    gain, bound = -base["mean"] / base["loss"], -base["bound"] / base["loss"]
    not_worse = best["high"] <= NOT_WORSE
    counted = f"ahead at {base['ahead']:.0f} of {base['origins']:.0f} earlier dates"
    tested = f"{counted}, whose windows overlap" if _overlap(asked, window_days) else counted
    saved = f"log-loss {abs(gain):.1%} {'lower' if gain >= 0 else 'higher'}"
    if skill:
        text = f"Skill over {rate}: {saved} ({tested}; at least {max(bound, 0.0):.1%} with 99.5% confidence)."
    elif not beyond:
        text = (f"No claim of skill yet over {rate}: {saved} ({tested}). It takes {CLAIM_ORIGINS} dates to tell that "
                "from times that happened to suit the model.")
    else:
        chance = ("" if base["low"] >= 0 else ", which chance may do" if base["bound"] >= 0 else
                  ", too little to be of use" if gain < CLAIM_GAIN else "")
        text = (f"No skill over {rate}: {saved} ({tested}){chance}. "
                "Read the probabilities as one rate for all, and do not rank by them.")
    against = ("better than" if best["high"] < 0 else "not worse than" if not_worse else
               "worse than" if best["low"] > NOT_WORSE else "not shown to be as good as")
    before = _best({name: [log_losses(one.plain[name], one.won) for one in asked] for name in asked[0].plain},
                   len(asked) - 1)
    text += f" It is {against} the plain model that was best before (of late {PLAIN_NAMES[before]})."
    return Verdict(skill, gain, bound, not_worse, text)


def _is_beaten(rate: dict[str, float], few: bool) -> bool:
    """Whether the model is surely and noticeably better than a rate; `few` : there are too few blocks of time."""
    return bool(rate["bound"] < 0 and -rate["mean"] >= CLAIM_GAIN * rate["loss"]
                and (not few or rate["ahead"] >= CLAIM_AHEAD * rate["origins"]))


