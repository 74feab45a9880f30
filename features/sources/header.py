"""Where a table begins: the row that names the columns, below titles and blank lines, in one row or in two.

Two rows are joined where a group stands above the names: "Contact" over "Name" is the column "Contact / Name".
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from features.errors import BadInput

__all__ = ["LOOKED_AT", "Header", "find_header"]

LOOKED_AT = 60  # rows from the top
_JOIN = " / "


@dataclass(frozen=True)
class Header:
    """names : of the columns, "" where there is none. first : the header's first row, counted from 0; end : the row
    below it."""

    names: list[str]
    first: int
    end: int


def find_header(rows: Sequence[Sequence[str]], wanted: Collection[str], where: str, declared: int | None = None,
                grouped: Collection[int] | None = None) -> Header:
    """The header among the first rows of a file, each a list of texts.

    The first row that holds all `wanted` columns is it, else the first that is as wide as the table. `declared` is its
    place, counted from 0; `grouped` are the rows in which names stand over several columns, None where the file does
    not say. Raises BadInput for a file without one.
    """
    texts = [[str(cell).strip() for cell in row] for row in rows[:LOOKED_AT if declared is None else declared + 2]]
    if not any(any(row) for row in texts):
        raise BadInput(f"{where} is empty: its first line must name the columns.")
    if declared is not None and (declared >= len(texts) or not any(texts[declared])):
        raise BadInput(f"{where} names no columns in the row that header_row says.")
    places = range(len(texts)) if declared is None else [declared]
    if wanted:
        for i in places:
            if set(wanted) <= set(texts[i]):
                return Header(_trimmed(texts[i]), i, i + 1)
        for i in places:
            if i + 1 == len(texts) or not any(texts[i]):
                continue
            joined = _joined(texts[i], texts[i + 1], wanted, grouped is None)
            if set(wanted) <= set(joined):
                return Header(_trimmed(joined), i, i + 2)
    first = _by_shape(texts) if declared is None else declared
    if grouped and first in grouped and first + 1 < len(texts):
        return Header(_trimmed(_joined(texts[first], texts[first + 1], (), False)), first, first + 2)
    return Header(_trimmed(texts[first]), first, first + 1)


def _by_shape(texts: list[list[str]]) -> int:
    """The first row that names nearly as many columns as most rows fill."""
    filled = [sum(cell != "" for cell in row) for row in texts]
    seen = Counter(count for count in filled if count)
    usual = max(seen, key=lambda count: (seen[count], count))
    return next(i for i, count in enumerate(filled) if count >= 0.6 * usual)


def _joined(groups: list[str], names: list[str], wanted: Collection[str], spread: bool) -> list[str]:
    """Names under their group, each alone where that is what is wanted or it has no group. `spread`: a group holds up
    to the next one."""
    group, found = "", []
    for i in range(max(len(groups), len(names))):
        above, name = groups[i] if i < len(groups) else "", names[i] if i < len(names) else ""
        group = above or (group if spread else "")
        full = group + _JOIN + name if name and group and name != group else name or above
        found.append(name if name in wanted and full not in wanted else full)
    return found


def _trimmed(names: list[str]) -> list[str]:
    return names[:max(i for i, name in enumerate(names) if name) + 1]
