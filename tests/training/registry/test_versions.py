"""Which version speaks for a date, and which one is champion."""

from __future__ import annotations

from pathlib import Path

import pytest

from features.errors import Conflict, NotFound
from features.home import Home
from features.store import set_meta
from training.registry.versions import add_version, champion, version_for, versions

DAY = 86_400_000_000
JANUARY, MARCH, JUNE = (day * DAY for day in (20_454, 20_513, 20_605))
MAPPING = """
company: Test
stages: [{name: Talk}, {name: Won, outcome: won}]
sources: [{file: deals.csv, rows: deals, columns: {deal_id: id, created_at: created}}]
"""


@pytest.fixture
def home(tmp_path: Path, database: str) -> Home:
    home = Home.open(tmp_path / "home", must_exist=False)
    home.path.mkdir()
    with home.store.write() as connection:
        set_meta(connection, "mapping", MAPPING)
    return home


def train(home: Home, *moments: int) -> None:
    for as_of in moments:
        number = len(versions(home, "deals")) + 1
        add_version(home, "deals", number, as_of, trained_at=JUNE, folder=f"models/deals/{number}", run_id="r")


def test_champion_moves_to_a_later_or_equal_date_and_never_back(home: Home) -> None:
    for as_of, expected in ((MARCH, 1), (JANUARY, 1), (MARCH, 3), (JUNE, 4), (MARCH, 4)):
        train(home, as_of)
        found = champion(home, "deals")
        assert found is not None
        assert found.version == expected
    assert [one.version for one in versions(home, "deals") if one.is_champion] == [4]
    assert [one.version for one in versions(home, "deals") if one.was_champion] == [1, 3, 4]


def test_the_champion_speaks_for_a_date_at_or_after_its_own(home: Home) -> None:
    train(home, JANUARY, JUNE, MARCH)
    assert version_for(home, "deals", JUNE).version == 2
    assert version_for(home, "deals", JUNE + DAY).version == 2


def test_for_an_earlier_date_the_newest_version_that_has_not_seen_later_speaks(home: Home) -> None:
    train(home, JANUARY, JUNE, MARCH)
    assert version_for(home, "deals", JUNE - 1).version == 3
    assert version_for(home, "deals", MARCH - 1).version == 1


def test_a_date_before_every_version_is_refused_with_the_command_that_trains_one(home: Home) -> None:
    train(home, MARCH)
    with pytest.raises(Conflict, match=r"no deals model for 2026-01-01.*2026-03-01.*train deals --as-of 2026-01-01"):
        version_for(home, "deals", JANUARY)


def test_a_version_that_has_seen_later_data_is_refused_even_when_named(home: Home) -> None:
    train(home, JANUARY, JUNE)
    with pytest.raises(Conflict, match="Version 2 of the deals model was trained up to 2026-06-01"):
        version_for(home, "deals", MARCH, version=2)
    assert version_for(home, "deals", JUNE, version=1).version == 1


def test_an_unknown_version_or_model_is_answered_with_those_there_are(home: Home) -> None:
    train(home, JANUARY)
    with pytest.raises(NotFound, match="no version 7 of the deals model; there is 1"):
        version_for(home, "deals", JANUARY, version=7)
    with pytest.raises(NotFound, match="Did you mean 'leads'"):
        versions(home, "lead")


def test_missing_files_of_a_version_are_named_with_the_cure(home: Home) -> None:
    train(home, JANUARY)
    with pytest.raises(NotFound, match=r"deals/1 are not at .*models/deals/1.*train deals"):
        version_for(home, "deals", JANUARY).path(home)
