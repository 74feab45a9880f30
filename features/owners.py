"""Lists of owners as the store takes them: since when each row is so, where a file does not say."""

from __future__ import annotations

import pandas as pd

from features.mapping import TABLE_COLUMNS
from features.sources.rows import SourceRows
from features.sources.values import EMPTY

__all__ = ["owner_rows"]


def owner_rows(known: pd.DataFrame, rows: pd.DataFrame, batches: list[SourceRows], recorded_at: int) -> pd.DataFrame:
    """Rows of owners as the store takes them: one that does not say since when is so since ever where the owner is new,
    else since now, where it differs from what was known last (`known` is the store's table).

    Several sources may each tell a part of an owner, such as users and teams: what one does not map stays as it was.
    """
    undated = rows["valid_from"] == EMPTY
    if not undated.any():
        return rows
    columns = [name for name in TABLE_COLUMNS["owners"] if name not in ("owner_id", "valid_from")]
    last = known.sort_values(["owner_id", "valid_from", "known_at", *columns], kind="stable")
    last = last.drop_duplicates("owner_id", keep="last").set_index("owner_id")
    now = last[columns].reindex(rows.loc[undated, "owner_id"].unique()).astype(object)
    for i, ours in rows[undated].groupby("batch"):
        mapped = [name for name in columns if name in batches[int(str(i))].source.columns
                  or name in batches[int(str(i))].source.constants]
        told = ours.drop_duplicates("owner_id", keep="last").set_index("owner_id")
        now.loc[told.index, mapped] = told[mapped].astype(object)
    now = now.where(now.notna(), None)
    before = last.reindex(now.index)
    same = (now.fillna("") == before[columns].astype(object).fillna("")).all(axis=1)
    since = before["valid_from"].where(same, recorded_at).where(now.index.isin(last.index), 0).astype("int64")
    owner = rows.loc[undated, "owner_id"]
    rows = rows.copy()
    for name in columns:
        rows.loc[undated, name] = owner.map(now[name])
    rows.loc[undated, "valid_from"] = owner.map(since)
    rows.loc[undated, "known_at"] = rows.loc[undated, "known_at"].where(
        ~rows.loc[undated, "known_at_assumed"], rows.loc[undated, "valid_from"])
    return rows
