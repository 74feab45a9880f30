from __future__ import annotations

from pathlib import Path

import pytest

from features.adjustments import adjustments_as_of, adjustments_log, remove_adjustment, set_adjustment
from features.errors import BadInput, NotFound
from features.home import Home
from tests.companies import DAY, NOW, bring_in, mapping_text, write

OWNERS = """
  - file: owners.csv
    rows: owners
    columns: {owner_id: id, manager_id: boss}
"""


@pytest.fixture
def home(tmp_path: Path) -> Home:
    bring_in(tmp_path / "home", write(tmp_path / "in", owners="id,boss\no1,m1\no2,m1"), mapping_text(OWNERS))
    return Home.open(tmp_path / "home")


@pytest.mark.usefixtures("database")
def test_the_newest_word_of_each_person_and_quarter_stands_and_none_is_lost(home: Home) -> None:
    set_adjustment(home, "o1", "2024-Q4", amount="1200.50", note="soft dates", set_at=NOW, set_by="Eva")
    set_adjustment(home, "o1", "2024q4", amount="900", note=" softer ", set_at=NOW + DAY)
    set_adjustment(home, "m1", "2025-Q1", amount="7", note="team", set_at=NOW + DAY)
    remove_adjustment(home, "o1", "2024-Q4", NOW + 2 * DAY)

    def standing(at: int) -> list[tuple[str, str, float]]:
        return [(row.owner_id, row.period, row.amount) for row in adjustments_as_of(home, at).itertuples()]

    assert standing(NOW - 1) == []
    assert standing(NOW) == [("o1", "2024-Q4", 120050.0)]
    assert standing(NOW + DAY) == [("o1", "2024-Q4", 90000.0), ("m1", "2025-Q1", 700.0)]
    assert standing(NOW + 2 * DAY) == [("m1", "2025-Q1", 700.0)]
    log = adjustments_log(home)
    assert log["note"].tolist() == ["soft dates", "softer", "team", None]
    assert log["amount"].isna().tolist() == [False, False, False, True]
    assert log["set_by"].tolist() == ["Eva", None, None, None]


def test_what_cannot_be_called_is_refused_with_the_cure(home: Home) -> None:
    def call(owner: str = "o1", period: str = "2024-Q4", amount: str = "5", note: str = "why") -> None:
        set_adjustment(home, owner, period, amount=amount, note=note, set_at=NOW)

    with pytest.raises(NotFound, match=r"no owner 'o9'"):
        call(owner="o9")
    with pytest.raises(BadInput, match="'Autumn' is not a period"):
        call(period="Autumn")
    with pytest.raises(BadInput, match="'much' is not an amount"):
        call(amount="much")
    with pytest.raises(BadInput, match="below 0, got -5"):
        call(amount="-5")
    with pytest.raises(BadInput, match="note is empty"):
        call(note=" ")
    with pytest.raises(NotFound, match=r"no adjustment for 2024-Q4"):
        remove_adjustment(home, "o1", "2024-Q4", NOW)
    assert adjustments_log(home).empty
