"""Small tables that no contract table fits, such as a price list: their columns are joined to deals or leads."""

from __future__ import annotations

import pandas as pd

from features.drafting.drafted import DraftField, Lookup, Table
from features.drafting.entities import field_name, field_type, left_out_by_meaning
from features.drafting.meaning import best

__all__ = ["join_lookups"]

_LEAST_SHARE = 0.8
_MOST_COLUMNS = 20


def join_lookups(tables: list[Table]) -> None:
    """Join each table that is left out, yet has a row for nearly every word in a column of the deals or leads."""
    for lookup in tables:
        if lookup.rows or len(lookup.profiles) > _MOST_COLUMNS:
            continue
        found = [(share, i, by, key) for i, table in enumerate(tables) if table.rows in ("deals", "leads")
                 for by, one in table.decisions.items() if one.role == "field"
                 for key, profile in lookup.profiles.items()
                 if profile.unique and (share := _share(table.profiles[by].text, profile.text)) >= _LEAST_SHARE]
        if found:
            share, i, by, key = max(found)
            _join(tables[i], lookup, by, key, share)


def _share(words: pd.Series, keys: pd.Series) -> float:
    distinct = words.dropna().unique()
    return float(pd.Series(distinct).isin(keys).mean()) if 2 <= len(distinct) <= 5_000 else 0.0


def _join(table: Table, lookup: Table, by: str, key: str, share: float) -> None:
    columns: dict[str, str] = {}
    lookup.decide(key, "join key", 0.6 + 0.35 * share, f"{share:.0%} of the words in '{by}' of {table.look.name} are "
                                                       "here")
    for name in lookup.profiles:
        profile = lookup.profiles[name]
        why = left_out_by_meaning(lookup.meanings[name])
        if name == key:
            continue
        if why or profile.of("empty", "id"):
            lookup.decide(name, "left out", 0.75, why[0] if why else "no cell is filled, or ids of something else")
            continue
        meaning, score = best(lookup.meanings[name])
        its = field_name(name, table)
        columns[its] = name
        table.fields[its] = DraftField(its, field_type(profile, meaning if score >= 0.6 else ""), "final_only",
                                       "what the other file says today", joined_from=lookup.look.name)
        lookup.decide(name, "field", 0.75, f"joined to {table.look.name} by '{by}'", its)
    if columns:
        table.joins.append(Lookup(lookup.look, by, key, columns))
        lookup.reason = f"no table of its own; joined to {table.look.name} by '{by}'"
    else:
        lookup.decide(key, "left out", 0.75, "nothing else of its table is taken")
