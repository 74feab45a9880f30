"""What pages of leads and of deals have in common: the frame around them, the trend, the reasons, the weeks before."""

from __future__ import annotations

from typing import Any

import numpy as np

from serving.company import Company
from serving.pages.words import day, fine_percent, percent, points
from training.registry.versions import ModelVersion, versions

__all__ = ["explained", "frame", "sentence", "trend"]


def frame(company: Company, as_of: int, chosen: ModelVersion) -> dict[str, Any]:
    """What every page of leads or deals holds around its content."""
    return {
        "company": company.mapping.company, "simulated": company.mapping.simulated,
        "picker": {"date": company.date(as_of), "last": company.date(company.present()),
                   "first": company.date(min(one.as_of for one in versions(company.home, chosen.model)))},
        "as_of": company.iso(as_of), "zone": company.mapping.time_zone,
        "model": {"label": chosen.label, "as_of": company.iso(chosen.as_of)},
        "last_import": company.iso(company.last_import),
    }


def explained(said: dict[str, Any], chance: float) -> dict[str, Any]:
    """Reasons, what moved the chance, what would change it and what it was, from an explanation of the API."""
    widest = max((abs(one["points"]) for one in said["reasons"]), default=1.0)
    base = float(1.0 / (1.0 + np.exp(-said["base_log_odds"])))
    return {
        "usual": fine_percent(base),
        "moved": [{"text": one["text"], "up": one["change"] > 0} for one in said["moved"]],
        "reasons": [{**one, "text": sentence(one["text"]), "shown": points(one["points"]),
                     "bar": 100 * one["points"] / widest} for one in said["reasons"]],
        "rest": points(100 * (chance - base) - sum(one["points"] for one in said["reasons"])),
        "what_if": [{**one, "shown": points(one["change"]), "chance": fine_percent(one["probability"])}
                    for one in said["what_if"]],
        "past": _past(said["past"]),
    }


def trend(change: float | None, before: float | None) -> dict[str, str] | None:
    """How a chance moved in seven days (percentage points); None for what was not open then."""
    if change is None or before is None:
        return None
    direction = "" if abs(change) < 0.5 else "up" if change > 0 else "down"
    return {"direction": direction, "shown": points(change), "before": fine_percent(before)}


def _past(said: list[dict[str, Any]]) -> dict[str, Any]:
    """The scores of the weeks before as a line and a table."""
    width, height, top = 560.0, 110.0, max(max(one["probability"] for one in said) * 1.15, 0.02)
    step = width / max(len(said) - 1, 1)
    spots = [{"x": round(i * step, 1), "y": round(height * (1 - one["probability"] / top), 1),
              "day": day(one["as_of"][:10]), "chance": fine_percent(one["probability"])}
             for i, one in enumerate(said)]
    return {"spots": spots, "line": " ".join(f"{one['x']},{one['y']}" for one in spots), "width": width,
            "height": height, "top": percent(top)}


def sentence(text: str) -> str:
    return text[:1].upper() + text[1:]
