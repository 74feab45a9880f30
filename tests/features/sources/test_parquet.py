from __future__ import annotations

from datetime import date
from decimal import Decimal
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from features.errors import BadInput
from features.mapping import Source
from features.sources.tables import read_tables
from tests.companies import DEALS, bring_in, changes, counts, mapping_text

ANY = Source(rows="accounts", columns={"account_id": "id", "created_at": "created"})
TEXT = mapping_text(DEALS.replace("deals.csv", "deals.parquet"))


def deals(count: int, **columns: pa.Array) -> pa.Table:
    given = {"id": pa.array([f"D{i}" for i in range(count)]), "created": pa.array([date(2024, 1, 1)] * count),
             "stage": pa.array(["Talk"] * count), "closed": pa.nulls(count, pa.timestamp("ms")),
             "amount": pa.array([1.5] * count), "industry": pa.nulls(count, pa.string())}
    return pa.table(given | columns)


def test_every_plain_type_is_read_as_what_it_is(tmp_path: Path) -> None:
    moment = pd.Timestamp("2024-01-01T12:00", tz="Asia/Tokyo")
    table = deals(2, id=pa.array([9007199254740993, 2], pa.uint64()),
                  created=pa.array([moment, moment], pa.timestamp("us", "Asia/Tokyo")),
                  stage=pa.array(["Talk", "Offer"]).dictionary_encode(),
                  amount=pa.array([Decimal("12.34"), None], pa.decimal128(12, 2)),
                  industry=pa.array([b"Retail", None], pa.binary()))
    pq.write_table(table, tmp_path / "deals.parquet")
    assert counts(bring_in(tmp_path / "home", tmp_path / "deals.parquet", TEXT)) == (2, 2, 0, 0)
    at = moment.value / 1000 / 86_400_000_000
    found = {one[:3] for one in changes(tmp_path / "home")}
    assert found == {("9007199254740993", "stage", "Talk"), ("2", "stage", "Offer"),
                     ("9007199254740993", "amount", "1234"), ("9007199254740993", "industry", "Retail")}
    assert [one[3] for one in changes(tmp_path / "home", "industry")] == [at]


def test_a_partitioned_folder_is_one_table_whose_keys_are_columns(tmp_path: Path) -> None:
    folder = tmp_path / "in" / "deals.parquet"
    for stage, one in (("Talk", "D1"), ("Offer", "D2"), ("__HIVE_DEFAULT_PARTITION__", "D3")):
        part = folder / f"stage={stage}" / "part-0.parquet"
        part.parent.mkdir(parents=True)
        pq.write_table(deals(1, id=pa.array([one])).drop_columns(["stage"]), part)
    for path in (tmp_path / "in", folder):
        home = tmp_path / f"home of {path.name}"
        assert counts(bring_in(home, path, TEXT)) == (3, 3, 0, 0)
        assert [one[:3] for one in changes(home, "stage")] == [("D1", "stage", "Talk"), ("D2", "stage", "Offer")]


def test_only_what_is_needed_is_read_and_lists_are_refused_by_name(tmp_path: Path) -> None:
    table = deals(1, tags=pa.array([["a", "b"]]), other=pa.array(["x"]))
    pq.write_table(table, tmp_path / "deals.parquet")
    assert read_tables(tmp_path / "deals.parquet", ANY, ["id"])[0].frame.columns.tolist() == ["id"]
    assert "tags" not in read_tables(tmp_path / "deals.parquet", ANY)[0].frame
    with pytest.raises(BadInput, match=r"deals.parquet, column 'tags' holds list<.*string>: lists and structures"):
        read_tables(tmp_path / "deals.parquet", ANY, ["id", "tags"])
    with pytest.raises(BadInput, match=r"has no column 'othr'. Did you mean 'other'\? It has: id, .*tags"):
        read_tables(tmp_path / "deals.parquet", ANY, ["othr"])


def test_bytes_that_are_no_text_and_truncated_files_are_said_to_be_unreadable(tmp_path: Path) -> None:
    pq.write_table(deals(1, industry=pa.array([b"\xff\xfe"], pa.binary())), tmp_path / "deals.parquet")
    with pytest.raises(BadInput, match="cannot be read as Parquet: Invalid UTF8"):
        bring_in(tmp_path / "home", tmp_path / "deals.parquet", TEXT)
    whole = (tmp_path / "deals.parquet").read_bytes()
    (tmp_path / "deals.parquet").write_bytes(whole[:-20])
    with pytest.raises(BadInput, match="cannot be read as Parquet"):
        bring_in(tmp_path / "home", tmp_path / "deals.parquet", TEXT)
