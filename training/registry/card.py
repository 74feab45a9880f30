"""The model card: what a version is for, what it was made from, and how good it was on dates it had not seen."""

from __future__ import annotations

from collections.abc import Mapping as Entries
from typing import Any

from features.mapping import Mapping

__all__ = ["model_card"]

PURPOSE = {
    "leads": "the chance that a lead converts within its horizon",
    "deals": "the chance that a deal is won, lost or still open by any date, and when it closes",
}


def model_card(name: str, as_of: str, mapping: Mapping, params: Entries[str, Any],
               metrics: Entries[str, float], verdict: str) -> str:
    """Markdown text of a training's model card; `as_of` is the date up to which it was trained, `verdict` the sentence
    on what it is worth."""
    lines = [
        f"# {name}: {PURPOSE[name]}",
        "",
        f"Company: {mapping.company}. Trained on what was known up to {as_of}, and on nothing after.",
        "",
        "## How good it was",
        verdict,
        "",
        "Medians over earlier dates at which the model was refitted and then judged on what followed.",
        "",
        "| measure | median |",
        "| --- | --- |",
        *(f"| {key} | {value:.4g} |" for key, value in metrics.items()),
        "",
        "## What was chosen",
        *(f"- {key}: {value}" for key, value in params.items()),
        "",
        "## Not for",
        "Another company, dates before the one it was trained up to, or decisions about people.",
        "",
    ]
    return "\n".join(lines)
