"""The store against its peers, with pytest-benchmark. Small in the ordinary run, which holds the answers equal; at its
real size by `make benchmarks`. `tests/figures/store.py` writes what the docs quote."""

from __future__ import annotations

import os
from pathlib import Path

import pandas as pd
import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from features.home import Home
from tests.benchmarks import store

SIZE = store.FULL if os.environ.get("DEALCAST_BENCHMARKS") == "full" else store.SMALL
ROUNDS = 3 if SIZE == store.FULL else 1


@pytest.fixture(scope="module")
def export(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return store.make_export(tmp_path_factory.mktemp("benchmark") / "export", SIZE)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory, export: Path) -> Path:
    path = tmp_path_factory.mktemp("benchmark") / "home"
    store.import_into(path, export)
    return path


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory, home: Path) -> Path:
    return store.write_contract_rows(home, tmp_path_factory.mktemp("benchmark") / "rows")


@pytest.mark.benchmark(group="import")
def test_import(benchmark: BenchmarkFixture, tmp_path: Path, export: Path) -> None:
    homes = iter(tmp_path / str(i) for i in range(100))
    benchmark.pedantic(lambda: store.import_into(next(homes), export), rounds=ROUNDS)
    history = Home.open(tmp_path / "0").history()
    log = pd.read_parquet(export / "log.parquet")
    assert len(history.tables["activities"]) == SIZE[1]
    distinct = log.assign(tie=log.groupby(["id", "at", "field"]).cumcount()).drop_duplicates()
    assert len(history.tables["changes"]) == len(distinct)


@pytest.mark.benchmark(group="import")
@pytest.mark.parametrize("bare", [False, True], ids=["pandas over SQLAlchemy", "pandas over sqlite3"])
def test_import_by_pandas(benchmark: BenchmarkFixture, tmp_path: Path, home: Path, rows: Path, bare: bool) -> None:
    files = iter(tmp_path / f"{i}.db" for i in range(100))
    benchmark.pedantic(lambda: store.pandas_into(next(files), rows, bare=bare), rounds=ROUNDS)
    tables = []
    for database in (tmp_path / "0.db", home / "dealcast.db"):
        tables.append(pd.read_sql("SELECT * FROM changes ORDER BY identity", f"sqlite:///{database}"))
    pd.testing.assert_frame_equal(*tables)


@pytest.mark.benchmark(group="whole history")
def test_whole_history(benchmark: BenchmarkFixture, home: Path) -> None:
    store.read_history(home)  # the first read after an import makes the copy
    history = benchmark.pedantic(lambda: store.read_history(home), rounds=ROUNDS)
    for name, theirs in store.read_with_pandas(home).items():
        mine = history.tables[name]
        pd.testing.assert_frame_equal(mine, theirs[list(mine.columns)].astype(mine.dtypes.to_dict()))


@pytest.mark.benchmark(group="whole history")
def test_whole_history_by_pandas(benchmark: BenchmarkFixture, home: Path) -> None:
    assert benchmark.pedantic(lambda: store.read_with_pandas(home), rounds=ROUNDS)


@pytest.mark.benchmark(group="one subject")
def test_one_subject(benchmark: BenchmarkFixture, home: Path) -> None:
    history = store.read_history(home)
    ids = store.subjects(history)
    history.only("deal", ids[0])
    calls = iter(ids * 100)
    benchmark.pedantic(lambda: history.only("deal", next(calls)), rounds=len(ids))
    for one in ids[::50]:
        mine, theirs = history.only("deal", one), store.picked(history, one)
        for name, table in theirs.items():
            pd.testing.assert_frame_equal(mine.tables[name].reset_index(drop=True), table.reset_index(drop=True))


@pytest.mark.benchmark(group="one subject")
def test_one_subject_by_pandas(benchmark: BenchmarkFixture, home: Path) -> None:
    history = store.read_history(home)
    calls = iter(store.subjects(history) * 100)
    benchmark.pedantic(lambda: store.picked(history, next(calls)), rounds=20)
