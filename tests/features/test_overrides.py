"""What a person says of a lead stands from then until its end or its removal, and stays in the log."""

from __future__ import annotations

from pathlib import Path

import pytest

from features.calendar import DAY
from features.erasure import forget
from features.errors import BadInput, NotFound
from features.home import Home
from features.overrides import overrides_as_of, overrides_log, remove_override, set_override
from tests.companies import NOW, bring_in, write

MAPPING = """
company: Test
sources:
  - {file: contacts.csv, rows: contacts, columns: {contact_id: id, created_at: created},
     fields: {name: {column: name, past: at_creation}}}
  - {file: leads.csv, rows: leads, columns: {lead_id: id, created_at: created, contact_id: contact}}
"""
FILES = {"contacts": "id,created,name\nC1,2024-01-10,Zenobia Quist\nC2,2024-01-10,Other Person",
         "leads": "id,created,contact\nL1,2024-01-10,C1\nL2,2024-01-10,C2\nL3,2024-01-10,"}


@pytest.fixture
def home(tmp_path: Path, database: str) -> Home:
    bring_in(tmp_path / "home", write(tmp_path / "in", **FILES), MAPPING)
    return Home.open(tmp_path / "home")


def standing(home: Home, day: float, ids: list[str] | None = None) -> dict[str, str | float]:
    found = overrides_as_of(home, NOW + round(day * DAY), ids)
    return {row.lead_id: row.probability if row.grade is None else row.grade for row in found.itertuples()}


def say(home: Home, lead_id: str, what: str | float, day: float, until: float, note: str = "met them") -> None:
    said = {"grade": what} if isinstance(what, str) else {"probability": what}
    set_override(home, lead_id, **said, note=note, until=NOW + round(until * DAY), set_at=NOW + round(day * DAY),
                 set_by="ann")


def test_an_override_stands_from_when_it_was_set_until_its_end_its_removal_or_the_next(home: Home) -> None:
    say(home, "L1", "A", 1, 10)
    say(home, "L2", 0.25, 2, 10)
    say(home, "L1", "D", 4, 20)
    remove_override(home, "L2", NOW + 5 * DAY)
    assert standing(home, 0.5) == {}
    assert standing(home, 1) == {"L1": "A"}
    assert standing(home, 3) == {"L1": "A", "L2": 0.25}
    assert standing(home, 4.5) == {"L1": "D", "L2": 0.25}
    assert standing(home, 5) == standing(home, 19.9) == {"L1": "D"}
    assert standing(home, 20) == {}
    assert standing(home, 3, ["L2", "L3"]) == {"L2": 0.25}
    assert standing(home, 3, ["L2"]) == {"L2": 0.25}
    assert len(overrides_log(home)) == 4
    assert overrides_log(home)["set_by"].tolist() == ["ann", "ann", "ann", None]


def test_an_import_loses_no_override_and_a_later_one_of_the_same_moment_counts(home: Home, tmp_path: Path) -> None:
    say(home, "L1", "A", 1, 10)
    say(home, "L1", "B", 1, 10)
    bring_in(home.path, write(tmp_path / "in", **FILES), MAPPING, at=NOW + DAY)
    assert standing(Home.open(home.path), 2) == {"L1": "B"}


@pytest.mark.parametrize(("said", "message"), [
    ({"lead_id": "L9"}, r"no lead 'L9'\. Check the id"),
    ({"grade": None}, "one of the two"),
    ({"probability": 0.5}, "one of the two"),
    ({"grade": "E"}, "'E' is no grade. There are A, B, C, D"),
    ({"grade": None, "probability": 35.0}, r"between 0 and 1, got 35\. Write 35% as 0\.35"),
    ({"note": " "}, "note is empty"),
    ({"until": NOW}, "over before it began")])
def test_what_cannot_stand_is_refused_and_leaves_nothing(home: Home, said: dict[str, object], message: str) -> None:
    usual: dict[str, object] = {"lead_id": "L1", "grade": "A", "note": "met them", "until": NOW + DAY, "set_at": NOW}
    with pytest.raises((BadInput, NotFound), match=message):
        set_override(home, **{**usual, **said})  # type: ignore[arg-type]
    assert overrides_log(home).empty
    with pytest.raises(NotFound, match="no override"):
        remove_override(home, "L1", NOW)


def test_who_is_forgotten_leaves_no_override_and_no_name_in_a_note(home: Home) -> None:
    for lead in ("L1", "L2", "L3"):
        say(home, lead, "A", 1, 10, note="a friend of Zenobia Quist")
    done = forget(home, [("contact", "C1"), ("lead", "L2")], NOW + 2 * DAY)
    assert done.overrides == 2
    assert overrides_log(home)[["lead_id", "note"]].to_numpy().tolist() == [["L3", "(erased)"]]
    files = [path.read_bytes() for path in home.path.rglob("*") if path.is_file()]
    assert not any(b"Zenobia" in content for content in files)
