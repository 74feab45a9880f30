"""What tests of every package share: a clean environment, the real data beside the repository, both databases."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
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
