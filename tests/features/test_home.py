from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import text

from features.errors import BadInput, Conflict, NotFound
from features.home import Home
from tests.companies import DAY, DEALS, NOW, bring_in, changes, mapping_text, write
from tests.running import ROOT

FILES = {"deals": """
    id,created,stage,closed,amount,industry
    D1,2024-01-10,Won,2024-03-01,1200.50,Retail
    D2,2024-02-10,Talk,,900,Energy
"""}


@pytest.fixture
def export(tmp_path: Path) -> Path:
    return write(tmp_path / "export", **FILES)


def test_opening_a_home_where_nothing_is_writes_nothing_and_says_how_to_begin(tmp_path: Path) -> None:
    home = tmp_path / "home"
    with pytest.raises(NotFound, match=r"Nothing was imported into .*home yet. Start with: dealcast --home .* import"):
        Home.open(home)
    unfilled = Home.open(home, must_exist=False)
    with pytest.raises(NotFound, match="Nothing was imported"):
        _ = unfilled.mapping
    assert not home.exists()


def test_a_home_is_a_folder(tmp_path: Path) -> None:
    (tmp_path / "home").write_text("")
    with pytest.raises(BadInput, match="is a file, but a home is a folder"):
        Home.open(tmp_path / "home")


@pytest.mark.usefixtures("database")
def test_a_home_remembers_its_mapping_and_takes_a_newer_one_of_the_same_company(tmp_path: Path, export: Path) -> None:
    home = tmp_path / "home"
    bring_in(home, export, mapping_text(DEALS))
    assert Home.open(home).mapping.time_zone == "UTC"
    bring_in(home, export, mapping_text(DEALS, zone="Europe/Berlin"))
    assert Home.open(home).mapping.time_zone == "Europe/Berlin"


@pytest.mark.usefixtures("database")
@pytest.mark.parametrize(("first", "second"), [
    (("Test", False), ("Other", False)), (("Test", True), ("Other", False)),
    (("Test", True), ("Test", False)), (("Test", False), ("Test", True))])
def test_another_company_is_refused_with_the_cure_and_nothing_changes(
        tmp_path: Path, export: Path, first: tuple[str, bool], second: tuple[str, bool]) -> None:
    home = tmp_path / "home"
    of_first, of_second = (
        mapping_text(DEALS).replace("company: Test", f"company: {name}\nsimulated: {str(simulated).lower()}")
        for name, simulated in (first, second))
    bring_in(home, export, of_first)
    before = changes(home)
    write(export, deals="id,created,stage,closed,amount,industry\nX1,2024-01-10,Won,2024-03-01,1,Retail")
    with pytest.raises(Conflict, match=r"One home holds one company: .* --home OTHER_DIR"):
        bring_in(home, export, of_second)
    assert changes(home) == before
    assert Home.open(home).mapping.company == first[0]


def test_a_moved_home_opened_from_elsewhere_is_the_same(tmp_path: Path, export: Path,
                                                        monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    bring_in(Path("home"), export, mapping_text(DEALS))
    before = changes(Path("home"))
    moved = tmp_path / "a folder" / "100% ours?"
    shutil.copytree("home", moved)
    shutil.rmtree("home")
    monkeypatch.chdir("/")
    assert changes(moved) == before
    assert os.listdir(moved) == ["dealcast.db"]


def test_no_path_of_the_machine_is_kept(tmp_path: Path, export: Path) -> None:
    bring_in(tmp_path / "home", export, mapping_text(DEALS))
    assert str(tmp_path).encode() not in (tmp_path / "home" / "dealcast.db").read_bytes()


@pytest.mark.usefixtures("database")
def test_last_known_is_the_newest_time_from_which_a_row_counts(tmp_path: Path, export: Path) -> None:
    bring_in(tmp_path / "home", export, mapping_text(DEALS))
    assert Home.open(tmp_path / "home").last_known() == NOW  # a snapshot's values are as of its import


@pytest.mark.usefixtures("database")
def test_last_known_of_a_finished_log_is_its_end(tmp_path: Path, export: Path) -> None:
    bring_in(tmp_path / "home", export, mapping_text(DEALS.split("    fields:")[0]))
    assert Home.open(tmp_path / "home").last_known() == 19_763 * DAY  # 2024-02-10


def test_a_file_that_is_no_database_is_named(tmp_path: Path) -> None:
    (tmp_path / "dealcast.db").write_text("not a database, but a text that is long enough to be taken for one " * 20)
    with pytest.raises(BadInput, match=r"dealcast\.db is damaged.*Restore a copy"):
        Home.open(tmp_path)


@pytest.mark.parametrize(("url", "message"), [
    ("mysql://x@y/z", "A store on mysql is not supported"), ("somewhere", "is not a database URL")])
def test_another_kind_of_database_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, url: str,
                                             message: str) -> None:
    monkeypatch.setenv("DEALCAST_STORE", url)
    with pytest.raises(BadInput, match=message):
        Home.open(tmp_path)


def test_a_server_that_does_not_answer_is_named_without_its_password(tmp_path: Path,
                                                                    monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DEALCAST_STORE", "postgresql://me:secret@127.0.0.1:1/none")
    with pytest.raises(BadInput, match="cannot be used") as caught:
        Home.open(tmp_path)
    assert "secret" not in str(caught.value)


@contextmanager
def as_somebody_else(folder: Path) -> Iterator[None]:
    """As a person who may read a folder and not write it: root may write everything, so it steps down for a while."""
    modes = {path: path.stat().st_mode for path in (folder, *folder.rglob("*"))}
    for path in modes:
        path.chmod(0o555 if path.is_dir() else 0o444)
    root = os.geteuid() == 0
    if root:
        # That person needs the code and Python too, wherever root keeps them.
        for path in {ROOT, *ROOT.parents, *Path(os.__file__).parents}:
            mode = path.stat().st_mode
            if mode & 0o011 != 0o011:
                modes[path] = mode
                path.chmod(mode | 0o011)
        os.seteuid(65534)
    try:
        yield
    finally:
        if root:
            os.seteuid(0)
        for path, mode in modes.items():
            path.chmod(mode)


@pytest.fixture
def readable_folder() -> Iterator[Path]:
    """A folder that everybody may enter, which pytest's own is not."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        yield Path(name)


def test_a_home_that_may_not_be_written_is_read_and_a_write_says_why_it_fails(readable_folder: Path,
                                                                             export: Path) -> None:
    home = readable_folder / "a home 100% ours?"
    bring_in(home, export, mapping_text(DEALS))
    before = changes(home)
    with as_somebody_else(home):
        assert changes(home) == before
        assert Home.open(home).mapping.company == "Test"
        assert os.listdir(home) == ["dealcast.db"]
        with pytest.raises(BadInput, match=r"readonly database.*folder writable"), Home.open(home).store.write():
            pass
    write(export, deals="id,created,stage,closed,amount,industry\nD3,2024-01-10,Won,2024-03-01,1,Retail")
    bring_in(home, export, mapping_text(DEALS))
    assert len(changes(home)) > len(before)


def test_a_home_that_may_not_be_written_is_read_while_another_writes_it(readable_folder: Path, export: Path) -> None:
    home = readable_folder / "home"
    bring_in(home, export, mapping_text(DEALS))
    before = changes(home)
    with Home.open(home).store.write() as connection:
        connection.execute(text("UPDATE deals SET kind = 'new'"))
        with as_somebody_else(home):
            assert changes(home) == before


def test_an_older_home_that_may_not_be_written_says_that_it_must_be_once(readable_folder: Path, export: Path) -> None:
    home = readable_folder / "home"
    bring_in(home, export, mapping_text(DEALS))
    with Home.open(home).store.write() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '0003'"))
    with as_somebody_else(home), pytest.raises(Conflict, match=r"must be brought up to date once.*writable"):
        Home.open(home)
