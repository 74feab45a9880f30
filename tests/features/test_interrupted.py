"""Imports that are shuffled, split, repeated, killed and run at once leave the same store, byte for byte."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from features import store as store_module
from features.home import Home
from features.importing import import_files
from features.mapping import parse_mapping
from features.store import contract
from features.stored import outweighed
from tests.companies import NOW, bring_in, counts, mapping_text, write
from tests.running import ROOT, environment

DEALS = """
  - file: deals*.csv
    rows: deals
    columns: {deal_id: id, created_at: created}
    fields:
      industry: {column: industry, past: at_creation}
"""
LOG = """
  - file: log*.csv
    rows: changes
    subject: deal
    columns: {subject_id: id, changed_at: at, sequence: n, field: field, value: value}
    known_at: entered
    fields:
      stage: {column: Stage, past: logged}
      amount: {column: Amount, type: money, past: logged}
"""
CALLS = """
  - file: calls*.csv
    rows: activities
    subject: deal
    columns: {activity_id: call, subject_id: id, happened_at: at, kind: kind}
"""
# Said and not detected: reading takes less of an import's time, storing more.
STYLE = """    delimiter: ","
    encoding: utf-8
    date_format: "%Y-%m-%d"
"""
TEXT = mapping_text(*(source + STYLE for source in (DEALS, LOG, CALLS)))
KILLS = 52


def content(home: Path, *, counting: bool = False) -> dict[str, bytes]:
    """All rows of all contract tables, with their identities and stamps; `counting` ones are those that no row with a
    better time of entry has replaced."""
    with Home.open(home).store.read() as connection:
        return {name: repr([tuple(bytes(cell) if isinstance(cell, memoryview) else cell for cell in row)
                            for row in connection.execute(select(table).where(
                                *([~outweighed(table)] if counting else [])).order_by(*table.primary_key))]).encode()
                for name, table in contract.items()}


# ---- shuffled, split and repeated ----

a_row = st.tuples(st.sampled_from(["D1", "D2", "007"]), st.integers(1, 4), st.integers(0, 3), st.sampled_from(
    ["Stage,Talk", "Stage,Won", "Stage,", "Amount,12.5", "Amount,7", "Amount,x"]), st.sampled_from(["", "2024-03-01"]))


@settings(max_examples=10, deadline=None)
@given(st.lists(a_row, min_size=1, max_size=12, unique=True), st.data())
def test_however_an_export_is_shuffled_split_and_repeated_it_leaves_the_same_bytes(
        rows: list[tuple[str, int, int, str, str]], data: st.DataObject) -> None:
    lines = [f"{one},2024-02-0{at},{n},{what},{entered}" for one, at, n, what, entered in rows]
    head = "id,at,n,field,value,entered"
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        text = mapping_text(LOG)
        bring_in(root / "whole", write(root / "in", log="\n".join([head, *lines])), text)
        parts = data.draw(st.lists(st.lists(st.sampled_from(lines), max_size=6), max_size=4))  # some, in any order
        missing = [line for line in lines if not any(line in part for part in parts)]
        for i, part in enumerate([*parts, data.draw(st.permutations(missing))]):
            if part:
                folder = write(root / f"part{i}", log="\n".join([head, *part]))
                bring_in(root / "parts", folder, text)
        # A time of entry that is told later replaces an assumed one, which stays in the store to be replayed.
        assert content(root / "whole", counting=True) == content(root / "parts", counting=True)


# ---- killed, and at once ----


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An export in five files."""
    folder = tmp_path_factory.mktemp("export")
    for i in range(2):
        log = [f"D{j},2024-02-{1 + j % 27:02},{j},Stage,{'Talk' if j % 3 else 'Offer'},"
               f"{'2024-03-01' if j % 5 == 0 else ''}" for j in range(i * 400, i * 400 + 400)]
        calls = [f"C{j},D{j % 90},2024-02-{1 + j % 27:02},call" for j in range(i * 300, i * 300 + 300)]
        write(folder, **{f"log{i}": "\n".join(["id,at,n,field,value,entered", *log]),
                         f"calls{i}": "\n".join(["call,id,at,kind", *calls])})
    deals = [f"D{j},2024-01-10,{'Retail' if j % 2 else ''}" for j in range(1200)]
    return write(folder, deals="\n".join(["id,created,industry", *deals]))


class Importer:
    """The process that imports in children: see `importer`."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process

    def start(self, home: Path, files: list[Path]) -> int:
        """Begin to import files one after the other; the id of the child that does."""
        self._say("\t".join([str(home), *map(str, files)]))
        return int(self._answer())

    def wait(self) -> list[int]:
        """How each child that was started ended: 0, or the signal that ended it."""
        self._say("wait")
        return [int(one) for one in self._answer().split()]

    def _say(self, line: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()

    def _answer(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline()


@contextmanager
def importing(folder: Path) -> Iterator[Importer]:
    mapping = folder / "mapping.yaml"
    mapping.write_text(TEXT, encoding="utf-8")
    more = {"DEALCAST_STORE": os.environ["DEALCAST_STORE"]} if "DEALCAST_STORE" in os.environ else {}
    with subprocess.Popen([sys.executable, "-m", "tests.features.importer", str(mapping)], cwd=ROOT, text=True,
                          env=environment(**more), stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        yield Importer(process)
        assert process.stdin is not None
        process.stdin.close()


def test_killed_at_any_moment_and_started_again_the_result_is_identical(tmp_path: Path, files: Path) -> None:
    bring_in(tmp_path / "whole", files, TEXT)
    expected = content(tmp_path / "whole")
    rng = random.Random(7)
    every = sorted(files.iterdir())
    kills, homes, half_done = 0, 0, 0
    with importing(tmp_path) as importer:
        began = time.monotonic()
        importer.start(tmp_path / "timed", every)
        assert importer.wait() == [0]
        takes_seconds = time.monotonic() - began
        while kills < KILLS:
            home, homes, found = tmp_path / f"home{homes}", homes + 1, {}
            while found != expected:
                child = importer.start(home, rng.sample(every, len(every)))
                time.sleep(rng.random() * takes_seconds / 2)
                os.kill(child, signal.SIGKILL)
                (ended,) = importer.wait()
                assert ended in (0, signal.SIGKILL)
                kills += ended == signal.SIGKILL
                if Home.open(home, must_exist=False).store.exists():
                    found = content(home)
                    half_done += found != expected
                    for name, rows in found.items():  # whole files or nothing of them
                        n = rows.count(b".csv'")
                        assert n in {"deals": (0, 1200), "activities": (0, 300, 600),
                                     "changes": [a * 400 + b * 600 for a in range(3) for b in range(2)]}.get(name, (0,))
            importer.start(home, every)
            assert importer.wait() == [0]
            assert content(home) == expected
    assert half_done > KILLS / 10  # the kills did hit imports midway


@pytest.mark.usefixtures("database")
def test_imports_killed_in_any_database_leave_nothing_half_done(tmp_path: Path, files: Path,
                                                                database: str) -> None:
    rng = random.Random(3)
    every = sorted(files.iterdir())
    with importing(tmp_path) as importer:
        for _ in range(6):
            child = importer.start(tmp_path / "home", rng.sample(every, len(every)))
            time.sleep(rng.random() * 0.5)
            os.kill(child, signal.SIGKILL)
            importer.wait()
        importer.start(tmp_path / "home", every)
        assert importer.wait() == [0]
    found = content(tmp_path / "home")
    assert {name: rows.count(b".csv'") for name, rows in found.items() if rows != b"[]"} == {
        "deals": 1200, "changes": 1400, "activities": 600}
    if database == "sqlite":
        bring_in(tmp_path / "whole", files, TEXT)
        assert found == content(tmp_path / "whole")


@pytest.mark.usefixtures("database")
def test_imports_at_once_are_safe_even_the_first_into_a_new_home(tmp_path: Path, files: Path, database: str) -> None:
    every = sorted(files.iterdir())
    with importing(tmp_path) as importer:
        for i in range(5 if database == "sqlite" else 1):
            for order in (every, every[::-1], every[3:] + every[:3]):
                importer.start(tmp_path / f"home{i}", order)
            assert importer.wait() == [0, 0, 0]
    found = content(tmp_path / "home0")
    assert {name: rows.count(b".csv'") for name, rows in found.items() if rows != b"[]"} == {
        "deals": 1200, "changes": 1400, "activities": 600}
    if database == "sqlite":
        for i in range(1, 5):
            assert content(tmp_path / f"home{i}") == found


@pytest.mark.usefixtures("database")
def test_an_import_waits_for_another_to_finish_and_says_so(tmp_path: Path, files: Path,
                                                           monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store_module, "_FIRST_WAIT_SECONDS", 0.1)
    bring_in(tmp_path / "home", files / "deals.csv", TEXT)
    writing, said, done = threading.Event(), threading.Event(), threading.Event()

    def another() -> None:
        with Home.open(tmp_path / "home").store.write():
            writing.set()
            said.wait(30)
            done.set()

    steps: list[str] = []

    def tell(step: str) -> None:
        steps.append(step)
        if step.startswith("waiting"):
            assert not done.is_set()
            said.set()

    other = threading.Thread(target=another)
    other.start()
    writing.wait(30)
    mapping = parse_mapping(TEXT, "here")
    report = import_files(Home.open(tmp_path / "home"), files / "log0.csv", mapping, TEXT, NOW, tell)
    other.join()
    assert steps[-1] == "waiting for another import to finish"
    assert counts(report) == (400, 400, 0, 0)
