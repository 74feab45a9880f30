"""Points by a company's own rules (`features.rule_book`), of many leads at many times at once.

In: an `AsOf` of leads, whose history carries the rules. Out: points, (n,) or by rule and group: what was known at each
pair's time, and how long it had been so, by the primitives of the as-of engine. A condition about what is not known
does not hold, unless it says so (known: false, at_most); points are 0 where nothing holds, never NaN.

A field's points fade from the day on which its present value began, an activity's from the last one that fits.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from features.asof import Feature, Floats, category, count, days_since_last, number
from features.deletions import deleted_as_of
from features.errors import NotFound
from features.events import Events, Int
from features.history import History
from features.known import AsOf
from features.money import minor_digits
from features.paths import days_in_spell
from features.record import linked, state_log
from features.rule_book import ANY, RULES_FILE, Clause, Rule, Rules
from features.sources.values import is_among

__all__ = ["Points", "explain_points", "open_leads", "points_of", "rule_features", "rule_points", "rule_scores"]

Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Points:
    """Points of n leads. holds, gives : by rule, in the order of `Rules.each`, (rules, n): whether it holds and what it
    gives, faded. days : (rules, n) since when, NaN where that is no question. groups : by name, (n,), within their
    bounds. total : (n,)."""

    holds: Bools
    days: Floats
    gives: Floats
    groups: dict[str, Floats]

    @property
    def total(self) -> Floats:
        return np.asarray(np.sum(list(self.groups.values()), axis=0), dtype=np.float64)


def points_of(pairs: AsOf) -> Points:
    """Points of leads at their times. Raises NotFound where the history carries no rules."""
    rules = pairs.history.rules
    if rules is None:
        raise NotFound(f"There are no rules: the home has no {RULES_FILE}. Copy a shipped one (configs/rules) into the "
                       "home and put your own fields in; docs/rules.md has every key.")
    found: Points = pairs.kept("rule points", lambda: _points(rules, pairs))
    return found


def _points(rules: Rules, pairs: AsOf) -> Points:
    each = [_of_rule(rule, pairs) for _, _, rule in rules.each()]
    holds, days, gives = (np.stack(parts) for parts in zip(*each, strict=True))
    names = np.array([name for name, _, _ in rules.each()], dtype=object)
    groups = {name: np.clip(gives[names == name].sum(axis=0), group.floor, group.cap)
              for name, group in rules.groups.items()}
    return Points(holds, days, gives, groups)


def _of_rule(rule: Rule, pairs: AsOf) -> tuple[Bools, Floats, Floats]:
    """Whether the rule holds, since how many days its own condition does, and what it gives: (n,) each."""
    holds, days = _clause(rule, pairs)
    for clause in rule.also:
        holds = holds & _clause(clause, pairs)[0]
    left = np.ones(len(pairs))
    if rule.half_life_days is not None:
        left = 0.5 ** (days / rule.half_life_days)
    elif rule.lose_after_days is not None:
        left = (days <= rule.lose_after_days).astype(np.float64)
    return holds, days, np.where(holds, rule.points * left, 0.0)


def _clause(clause: Clause, pairs: AsOf) -> tuple[Bools, Floats]:
    if clause.activity is not None:
        return _of_activity(clause, pairs)
    # What is asked of an account or contact that is not known yet is not known either.
    asked, there = _holder(clause.of, pairs)
    holds = np.full(len(pairs), clause.known is False)
    days = np.full(len(pairs), np.nan)
    events = asked.changes(str(clause.field))
    if len(events):
        holds[there] = _of_field(clause, events, asked)
        days[there] = days_in_spell(events, asked)
    return holds, days


def _holder(kind: str, pairs: AsOf) -> tuple[AsOf, Bools]:
    """The pairs about a lead's account or contact, and which leads have one."""
    if kind == "lead":
        return pairs, np.ones(len(pairs), dtype=bool)
    subjects = pairs.history.subjects(kind)
    code = subjects.codes(linked(pairs, f"{kind}_id"))
    there = (code >= 0) & (subjects.visible_at[code] <= pairs.at) if len(subjects) else np.zeros(len(pairs), dtype=bool)
    return AsOf(pairs.history, kind, code[there], pairs.at[there]), there


def _of_field(clause: Clause, events: Events, pairs: AsOf) -> Bools:
    value = category(events, pairs)
    if clause.known is not None:
        return np.asarray(pd.notna(value) == clause.known, dtype=np.bool_)
    dtype = pairs.history.mapping.field_types(pairs.kind)[str(clause.field)]
    if dtype in ("number", "money"):
        unit = 10 ** minor_digits(pairs.history.mapping.currency) if dtype == "money" else 1
        size = number(events, pairs) / unit
        if clause.is_range:
            low = -np.inf if clause.at_least is None else clause.at_least
            high = np.inf if clause.at_most is None else clause.at_most
            return np.asarray((size >= low) & (size <= high), dtype=np.bool_)
        return np.isin(size, np.array(clause.words, dtype=np.float64))
    fits = events.levels[_fitting(clause, events)]
    return np.asarray(pd.Series(value, dtype=object).isin(list(fits)).to_numpy(bool), dtype=np.bool_)


def _fitting(clause: Clause, events: Events) -> Bools:
    """Which of a field's distinct values fit; capitals do not matter."""
    levels = pd.Series(events.levels, dtype="str").str.casefold()
    if clause.contains is not None:
        return levels.str.contains(clause.contains.casefold(), regex=False).to_numpy(bool)
    return is_among(levels, [word.casefold() if isinstance(word, str) else word for word in clause.words])


def _of_activity(clause: Clause, pairs: AsOf) -> tuple[Bools, Floats]:
    events = pairs.activities("" if clause.activity == ANY else str(clause.activity), clause.direction)
    times = count(events, pairs, clause.within_days)
    least = 1 if clause.at_least is None and clause.at_most is None else clause.at_least or 0
    holds = (times >= least) & (times <= (np.inf if clause.at_most is None else clause.at_most))
    return np.asarray(holds, dtype=np.bool_), days_since_last(events, pairs)


def rule_points(history: History, subject: Int, at: Int) -> Floats:
    """Points of leads (codes) at times (microseconds), (n,). Raises NotFound where the history carries no rules."""
    return points_of(AsOf(history, "lead", subject, at)).total


def rule_features(history: History) -> list[Feature]:
    """The points as features of leads, in total and by group; none where there are no rules."""
    if history.rules is None:
        return []
    names = list(history.rules.groups)
    return [Feature("rule_points", "Points by the company's own rules.", "points", "number", "rules", False,
                    "its rules give {value} points", lambda pairs: points_of(pairs).total, ("lead",)),
            *(Feature(f"rule_points:{name}", f"Points of the rules about {name}.", "points", "number", "rules", False,
                      f"its rules about {name} give {{value}} points", partial(_group_points, name=name), ("lead",))
              for name in (names if len(names) > 1 else []))]


def _group_points(pairs: AsOf, name: str) -> Floats:
    return points_of(pairs).groups[name]


def open_leads(history: History, as_of: int) -> Int:
    """Codes of the leads that were there and not at an end; where the mapping names no end, all that were there."""
    everyone = np.arange(len(history.leads))
    pairs = AsOf(history, "lead", everyone, np.full(len(everyone), as_of))
    ended = pd.Series(category(state_log(history, "lead"), pairs), dtype=object).isin(["won", "lost"]).to_numpy(bool)
    there = (history.leads.visible_at <= as_of) & ~deleted_as_of(history, "lead", pairs.subject, pairs.at)
    return everyone[there & ~ended]


def rule_scores(history: History, as_of: int) -> pd.DataFrame:
    """Every open lead with its points, most first: lead_id, points, and a column `points_GROUP` for each group.

    Raises NotFound where the history carries no rules.
    """
    subject = open_leads(history, as_of)
    found = points_of(AsOf(history, "lead", subject, np.full(len(subject), as_of)))
    frame = pd.DataFrame({"lead_id": history.leads.ids[subject], "points": found.total,
                          **{f"points_{name}": points for name, points in found.groups.items()}})
    return frame.sort_values(["points", "lead_id"], ascending=[False, True], kind="stable").reset_index(drop=True)


def explain_points(history: History, lead_id: str,
                   as_of: int) -> tuple[list[dict[str, Any]], dict[str, float], float]:
    """Every rule for one lead (group, rule in words, points, holds, days since when or None, gives), then the points of
    each group within its bounds, then all. Raises NotFound."""
    pairs = AsOf(history, "lead", history.codes("lead", [lead_id]), np.array([as_of]))
    found = points_of(pairs)
    assert history.rules is not None
    rows = [{"group": group, "rule": str(rule), "points": rule.points, "holds": bool(holds),
             "days": None if np.isnan(days) else float(days), "gives": float(gives)}
            for (group, _, rule), holds, days, gives in zip(
                history.rules.each(), found.holds[:, 0], found.days[:, 0], found.gives[:, 0], strict=True)]
    return rows, {name: float(points[0]) for name, points in found.groups.items()}, float(found.total[0])
