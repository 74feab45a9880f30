"""What tests of every package share: a clean environment, the real data beside the repository, both databases."""

from __future__ import annotations

import os
import shutil
import uuid
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest
from filelock import FileLock
from sqlalchemy import create_engine, make_url, text

ROOT = Path(__file__).parent.parent
TEST_POSTGRES = "DEALCAST_TEST_POSTGRES"


@pytest.fixture(autouse=True)
def _no_settings_of_the_person_who_runs_the_tests(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DEALCAST_HOME", "DEALCAST_STORE"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(scope="session")
def bpic2012() -> Path:
    """The folder of the real pipeline's files."""
    folder = ROOT.parent / "shared" / "data" / "bpic2012"
    if not folder.is_dir():
        pytest.skip("the real data set bpic2012 is not at ../shared/data/bpic2012")
    return folder


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def database(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The kind of database behind the homes of a test: each test runs on a file and on an empty PostgreSQL schema."""
    if request.param == "sqlite":
        yield "sqlite"
        return
    if TEST_POSTGRES not in os.environ:
        pytest.skip(f"{TEST_POSTGRES} names no PostgreSQL server")
    url = make_url(os.environ[TEST_POSTGRES]).set(drivername="postgresql+psycopg")
    schema = f"test_{uuid.uuid4().hex[:12]}"
    engine = create_engine(url)
    with engine.begin() as connection:
        connection.execute(text(f"CREATE SCHEMA {schema}"))
    own = url.update_query_dict({"options": f"-csearch_path={schema}"})
    monkeypatch.setenv("DEALCAST_STORE", own.render_as_string(hide_password=False))
    yield "postgresql"
    with engine.begin() as connection:
        connection.execute(text(f"DROP SCHEMA {schema} CASCADE"))
    engine.dispose()


@pytest.fixture(scope="session")
def trained_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The home of a tiny simulated company, both models trained up to 2026-07-01. Shared: copy it to change it."""
    own = tmp_path_factory.getbasetemp()
    # Of several workers the first one that needs the home makes it, and each opens a copy of its own.
    base = own.parent if "PYTEST_XDIST_WORKER" in os.environ else own
    with FileLock(base / "trained.lock"):
        if not (base / "trained" / "made").exists():
            _make_trained_home(base / "trained")
            (base / "trained" / "made").touch()
        shutil.copytree(base / "trained", own / "mine")
    return own / "mine" / "home"


def _make_trained_home(folder: Path) -> None:
    from features.calendar import parse_as_of
    from features.home import Home
    from features.importing import import_files
    from serving.cli.data import read_mapping
    from simulation.company import generate
    from training.registry.runs import train_and_register

    folder.mkdir()
    made = generate(folder / "simulated", seed=1, size="tiny")
    home = Home.open(folder / "home", must_exist=False)
    mapping, text = read_mapping("simulated")
    import_files(home, made.export_folder, mapping, text, recorded_at=made.end)
    # The same trainings with less of each part, since many tests train again.
    (folder / "home" / "dealcast.yaml").write_text(
        "training: {seeds: 1, origins: 3, half_lives_in_cycles: [0, 2], lightgbm: {num_rounds: 30, num_threads: 1}}\n",
        encoding="utf-8")
    home = Home.open(folder / "home")
    as_of = parse_as_of("2026-07-01", home.mapping.zone)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # MLflow warns of its own insides when it is imported
        for name in ("leads", "deals"):
            train_and_register(home, name, as_of, trained_at=made.end)
