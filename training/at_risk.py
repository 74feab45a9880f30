"""At risk: deals that will most likely not be won by the end of the period in which their reps expect them.

A deal is at risk when P(won by the end of the period that holds its expected close) lies under a cut-off. The cut-off
is learned at earlier origins, from what their models said of their deals in the weeks that followed and from what came:
only periods that were over by the training's date. It is the highest one for which at least WANTED of the deals under
it were not won in time, and at most half as large a share won as of all that were asked about: where hardly any deal
keeps its period, a flag on all of them would tell nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from features.events import Int
from training.blend import blended
from training.curves import curves_from_hazards
from training.evidence.rolling import Fold, Task
from training.outcomes import WON
from training.slip import chance_of_period, expected_close, period_ends

__all__ = ["WANTED", "Questions", "ask", "at_risk", "cutoff", "evidence", "in_words"]

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
WANTED = 0.8  # share of the deals at risk that are not won by the end of their period
LEAST_FLAGGED = 20  # questions under a cut-off, or it is chance that chose it


@dataclass(frozen=True)
class Questions:
    """A deal as of a landmark after an earlier origin: would it be won by the end of its period?

    probability : what the origin's model said. missed : whether it was not won by then. closes : that end. origin : the
    earlier origin. subject : the deal's code. All (n,).
    """

    probability: Floats
    missed: Bools
    closes: Int
    origin: Int
    subject: Int

    def where(self, keep: Bools) -> Questions:
        return Questions(self.probability[keep], self.missed[keep], self.closes[keep], self.origin[keep],
                         self.subject[keep])


def ask(job: Task, folds: list[Fold], as_of: int) -> Questions:
    """Ask each earlier origin's model about the landmarks up to the next origin; only periods over by `as_of`."""
    found = [_ask_one(job, fold, as_of) for fold in folds]
    names = ("probability", "missed", "closes", "origin", "subject")
    nothing = {"probability": np.empty(0), "missed": np.empty(0, dtype=bool)}
    return Questions(*(np.concatenate([nothing.get(name, np.empty(0, dtype=np.int64)),
                                       *(getattr(one, name) for one in found)]) for name in names))


def _ask_one(job: Task, fold: Fold, as_of: int) -> Questions:
    marks = job.table.landmarks.take(fold.later)
    expected = expected_close(job.history, marks.subject, marks.at)
    closes = period_ends(expected, job.history.mapping)
    here = np.flatnonzero((closes > marks.at) & (closes <= as_of))
    here = here[job.ends.is_answered(marks.subject[here], marks.at[here], closes[here])]
    table, model = job.table.take(fold.later[here]), fold.model
    hazards = blended({name: said[here] for name, said in fold.followed.items()}, model.weights)
    curves = curves_from_hazards(table.landmarks.at, model.edges_days,
                                 model.calibrator.apply(hazards, model.groups(table)), job.history.mapping)
    state, when = job.ends.next_end(marks.subject[here], marks.at[here])
    asked = Questions(chance_of_period(curves, expected[here]), ~((state == WON) & (when <= closes[here])),
                      closes[here], np.full(len(here), fold.origin), marks.subject[here])
    return asked.where(~np.isnan(asked.probability))


def cutoff(asked: Questions) -> float | None:
    """The highest cut-off with the wanted precision, None where there is none. Under it is at risk; 1 is nobody's."""
    if not len(asked.missed):
        return None
    wanted = max(WANTED, 1.0 - (1.0 - float(asked.missed.mean())) / 2)
    order = np.argsort(asked.probability, kind="stable")
    probability, flagged = asked.probability[order], np.arange(1, len(order) + 1)
    # A cut lies only between two probabilities that differ.
    next_one = np.append(probability[1:], 1.0)
    good = (np.cumsum(asked.missed[order]) >= wanted * flagged) & (flagged >= LEAST_FLAGGED) & (next_one > probability)
    return float(next_one[np.flatnonzero(good)[-1]]) if good.any() else None


def evidence(asked: Questions) -> dict[str, Any]:
    """The cut-off and how it does, as it is kept with a model.

    cutoff : None where no precision reaches what is wanted. missed : share of all questions that were not won in time.
    precision, recall, flagged : of the cut-off on the questions it was learned from. out_of_time : the same of cut-offs
    each learned at an earlier origin from periods over by then, on that origin's questions; None before there are any.
    """
    chosen = cutoff(asked)
    return {"cutoff": chosen, **_figures(asked, np.full(len(asked.missed), np.nan if chosen is None else chosen)),
            "out_of_time": _out_of_time(asked)}


def _out_of_time(asked: Questions) -> dict[str, Any] | None:
    limit = np.full(len(asked.missed), np.nan)
    tested = np.zeros(len(asked.missed), dtype=bool)
    for origin in np.unique(asked.origin):
        chosen = cutoff(asked.where((asked.closes <= origin) & (asked.origin < origin)))
        if chosen is not None:
            here = asked.origin == origin
            limit[here], tested[here] = chosen, True
    if not tested.any():
        return None
    return _figures(asked.where(tested), limit[tested])


def _figures(asked: Questions, limit: Floats) -> dict[str, Any]:
    """Counts and shares of questions, those under the limit (n,) flagged; None where a share is of nothing."""
    flagged = asked.probability < limit  # nothing is under NaN
    hits = int((flagged & asked.missed).sum())
    n, n_flagged, n_missed = len(flagged), int(flagged.sum()), int(asked.missed.sum())
    return {"asked": n, "deals": len(np.unique(asked.subject)), "missed": n_missed / n if n else None,
            "flagged": n_flagged / n if n else None, "precision": hits / n_flagged if n_flagged else None,
            "recall": hits / n_missed if n_missed else None}


def at_risk(evaluation: dict[str, Any], chance: Floats) -> npt.NDArray[np.object_]:
    """Whether each chance (n,) of `chance_of_period` is at risk by a model's own cut-off; None where nobody can say."""
    limit = evaluation.get("at_risk", {}).get("cutoff")
    found = np.full(len(chance), None, dtype=object)
    if limit is not None:
        known = ~np.isnan(chance)
        found[known] = (chance[known] < limit).tolist()
    return found


def in_words(found: dict[str, Any] | None) -> str:
    """One sentence or two on the evidence of a model: what at risk means by it, and how often it was right."""
    if not found or not found["asked"]:
        return "At risk is not said: no earlier deal with an expected close could be looked back at."
    if found["cutoff"] is None:
        return ("At risk is not said: under no cut-off were enough of the earlier deals late or lost "
                f"({found['missed']:.0%} of all were).")
    said = (f"At risk: under {found['cutoff']:.0%} to be won by the end of the period that holds the expected close. "
            f"At earlier dates {found['precision']:.0%} of the deals under it were not won by then (of all deals "
            f"{found['missed']:.0%}). It flagged {found['flagged']:.0%} of them and found {found['recall']:.0%} of "
            "those that were not won.")
    tested = found["out_of_time"]
    if tested and tested["precision"] is not None:
        said += (f" Learned at one date and tested after it, it was right for {tested['precision']:.0%} and found "
                 f"{tested['recall']:.0%}.")
    return said
