"""The page of features: the catalogue as it is declared."""

from __future__ import annotations

from collections.abc import Sequence

from features.asof import Feature
from features.catalogue import DECLARED

__all__ = ["table"]


def table(small: bool) -> str:
    """Every declared feature of leads, of deals and of both; the same with `small`."""
    shared = [one for one in DECLARED["deal"] if one.subjects == ("lead", "deal")]
    parts = [f"Declared for all companies: {len(DECLARED['lead'])} features of leads and {len(DECLARED['deal'])} of "
             f"deals, {len(shared)} of them of both."]
    for title, features in (("Of deals", [one for one in DECLARED["deal"] if one not in shared]),
                            ("Of leads", [one for one in DECLARED["lead"] if one not in shared]),
                            ("Of both", shared)):
        parts += [f"### {title}", _table(features)]
    return "\n\n".join(parts)


def _table(features: Sequence[Feature]) -> str:
    lines = ["| feature | unit | | meaning | as a reason |", "| --- | --- | --- | --- | --- |"]
    for one in features:
        unit = "category" if one.dtype == "category" else one.unit
        lines.append(f"| `{one.name}` | {unit} | {'actionable' if one.actionable else 'context'} | {one.meaning} | "
                     f"{one.wording.replace('{value}', '…')} |")
    return "\n".join(lines)
