"""People's numbers: categories, calls, adjustments, the hierarchy they roll up through, and what usually comes."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest

from features.adjustments import ADJUSTMENT_COLUMNS
from features.calendar import DAY, fiscal_quarter
from features.history import History
from tests.histories import change, history, mapping
from training.called import PRIOR_PERIODS, People, people_of, with_people

AS_OF = 1310 * DAY  # in the third quarter of 1973, as the mapping's calendar has it
NAME, START, END = fiscal_quarter(AS_OF, mapping())
OWNERS = [{"owner_id": owner, "manager_id": boss, "valid": 0.0} for owner, boss in (
    ("o1", "m1"), ("o2", "m1"), ("o3", "m2"), ("m1", "chief"), ("m2", "chief"))]
NOBODY = pd.DataFrame(columns=ADJUSTMENT_COLUMNS)


def _deal(name: str, owner: str, euros: int, category: str, created: float, won: float | None = None,
          expected: str = "1973-09-15") -> list[dict[str, Any]]:
    rows = [change(name, "stage", "Talk", created), change(name, "owner", owner, created),
            change(name, "amount", str(100 * euros), created), change(name, "forecast_category", category, created),
            change(name, "expected_close", f"{expected}T00:00:00+00:00", created)]
    return rows + ([change(name, "stage", "Won", won)] if won is not None else [])


def _history(*deals: list[dict[str, Any]], calls: list[dict[str, Any]] | None = None,
             owners: list[dict[str, Any]] | None = None) -> History:
    created = {rows[0]["subject_id"]: rows[0]["changed"] for rows in deals}
    return history(deals=created, changes=[row for rows in deals for row in rows], calls=calls or [],
                   owners=OWNERS if owners is None else owners)


def _call(owner: str, euros: float, day: float, kind: str = "call", period: str = NAME,
          note: str | None = None) -> dict[str, Any]:
    return {"period": period, "owner_id": owner, "kind": kind, "amount": 100 * euros, "made": day, "made_by": "m1",
            "note": note}


NOW = [_deal("a", "o1", 100, "Commit", 1290), _deal("b", "o1", 50, "Best Case", 1290),
       _deal("c", "o2", 70, "best_case", 1290), _deal("d", "o3", 30, "Pipeline", 1290),
       _deal("e", "o3", 20, "Omitted", 1290), _deal("f", "o3", 10, "hmm", 1290),
       _deal("g", "o2", 40, "Commit", 1290, won=1300), _deal("h", "o1", 999, "Commit", 1290, expected="1974-03-01")]


def _people(past: History, as_of: int = AS_OF) -> People:
    return people_of(past, as_of, START, END)


def _beside(past: History, by: str, lines: list[str], by_hand: pd.DataFrame = NOBODY) -> dict[str, Any]:
    groups = [{"by": by, "id": line, "won_amount": {"mean": 1.0}} for line in lines]
    told = with_people({"groups": groups, "total": {"won_amount": {"mean": 2.0}}}, _people(past), by_hand, past, START,
                       END)
    assert told["total"] == {"won_amount": {"mean": 2.0}}  # nothing that people say changes the forecast
    assert [group["won_amount"] for group in told["groups"]] == [{"mean": 1.0}] * len(lines)
    return {group["id"]: group.get("people") for group in told["groups"]} | {"all": told["people"]}


def test_categories_are_those_of_deals_expected_to_close_in_the_period_and_won_is_closed() -> None:
    said = _beside(_history(*NOW), "owner", ["o1", "o2", "o3"])
    assert said["o1"]["categories"] == {"closed": 0, "commit": 100, "best case": 50, "pipeline": 0, "omitted": 0,
                                        "other": 0}
    assert said["o2"]["categories"]["closed"] == 40
    assert said["o2"]["categories"]["best case"] == 70
    assert said["o3"]["categories"] | {"closed": 0} == {"closed": 0, "commit": 0, "best case": 0, "pipeline": 30,
                                                        "omitted": 20, "other": 10}
    assert (said["o1"]["called"], said["o2"]["called"], said["o3"]["called"]) == (100, 40, 0)
    assert said["all"]["called"] == 140


def test_what_was_said_for_the_quarter_counts_before_what_follows_from_deals_and_the_newest_then() -> None:
    calls = [_call("o1", 500, 1301), _call("o1", 450, 1308), _call("o1", 9, 1312),
             _call("o1", 7, 1309, period="1973-Q4")]
    said = _beside(_history(*NOW, calls=calls), "owner", ["o1", "o2"])
    assert (said["o1"]["called"], said["o1"]["said"]) == (450, True)
    assert (said["o2"]["called"], said["o2"]["said"]) == (40, False)
    assert said["all"]["said"]
    assert not _beside(_history(*NOW), "owner", ["o1"])["all"]["said"]


def test_adjustments_roll_up_through_the_hierarchy_as_it_was() -> None:
    calls = [_call("o1", 450, 1301), _call("o1", 300, 1302, "adjustment", note="soft dates")]
    past = _history(*NOW, calls=calls)
    said = _beside(past, "manager", ["m1", "m2", "chief"])
    assert (said["m1"]["called"], said["m1"]["adjusted"]) == (490, 340)
    assert (said["chief"]["called"], said["chief"]["adjusted"]) == (490, 340)
    assert _beside(past, "owner", ["o1"])["o1"]["adjustment"]["note"] == "soft dates"
    by_hand = pd.DataFrame([["m1", NAME, 80000.0, "team is behind", 1305 * DAY, "Eva"],
                            ["o1", "1973-Q4", 100.0, "another quarter", 1305 * DAY, "Eva"]],
                           columns=ADJUSTMENT_COLUMNS)
    said = _beside(past, "manager", ["m1", "m2", "chief"], by_hand)
    assert (said["m1"]["adjusted"], said["m1"]["adjustment"]["by"]) == (800, "Eva")
    assert (said["chief"]["adjusted"], said["all"]["adjusted"]) == (800, 800)
    moved = [*OWNERS, {"owner_id": "o2", "manager_id": "m2", "valid": 1309.0}]
    later = _beside(_history(*NOW, calls=calls, owners=moved), "manager", ["m1", "m2"])
    assert (later["m1"]["called"], later["m2"]["called"]) == (450, 40)
    assert _people(_history(*NOW, owners=moved), 1308 * DAY).managers["o2"] == "m1"


def test_a_managers_word_of_a_call_ends_with_the_next_call() -> None:
    calls = [_call("o1", 450, 1301), _call("o1", 300, 1302, "adjustment"), _call("o1", 400, 1308)]
    said = _beside(_history(*NOW, calls=calls), "owner", ["o1"])["o1"]
    assert said["adjusted"] == 400
    assert "adjustment" not in said


def test_a_cycle_in_the_hierarchy_has_an_end() -> None:
    cycle = [{"owner_id": "o1", "manager_id": "o2", "valid": 0.0}, {"owner_id": "o2", "manager_id": "o1", "valid": 0.0}]
    assert _beside(_history(*NOW, owners=cycle), "owner", ["o1"])["o1"]["called"] == 100


def _quarters(n: int, owner: str, called: int, came: int) -> list[list[dict[str, Any]]]:
    """Per earlier quarter a deal that was committed to early on and another that was won at its end."""
    deals = []
    for back in range(1, n + 1):
        _, first, last = fiscal_quarter(AS_OF, mapping(), ahead=-back)
        start, end = first / DAY, last / DAY
        expected = str(pd.Timestamp(last // 1000, unit="ms").date())
        deals.append([*_deal(f"{owner}-c{back}", owner, called, "Commit", start + 0.1, expected=expected),
                      change(f"{owner}-c{back}", "stage", "Lost", end - 2)])
        deals.append(_deal(f"{owner}-w{back}", owner, came, "Pipeline", start + 0.1, end - 1, expected))
    return deals


def test_what_usually_comes_is_learned_from_earlier_periods_and_drawn_towards_everybodys() -> None:
    far = _deal("old", "o9", 1, "Pipeline", 0, expected="1980-01-01")
    past = _history(*NOW, *_quarters(4, "o1", 100, 50), *_quarters(4, "o3", 100, 100), far)
    found = _people(past).numbers
    weight = 4 / (4 + PRIOR_PERIODS)
    everybody = weight * 0.75 + (1 - weight)
    for owner, own in (("o1", 0.5), ("o3", 1.0)):
        assert found.loc[owner, "came_of_called"] == pytest.approx(weight * own + (1 - weight) * everybody)
    assert found.loc["o2", "came_of_called"] == pytest.approx(everybody)
    assert found["periods"].to_dict() == {"o1": 4, "o2": 0, "o3": 4}
    said = _beside(past, "owner", ["o1"])["o1"]
    assert said["usually_comes"] == pytest.approx(100 * found.loc["o1", "came_of_called"], abs=0.01)


def test_of_a_managers_numbers_it_is_learned_too_what_usually_comes() -> None:
    before = [fiscal_quarter(AS_OF, mapping(), ahead=-back)[:2] for back in range(1, 5)]
    calls = [_call("m1", 200, first / DAY + 5, "team", period=name) for name, first in before]
    early = _deal("old", "o9", 1, "Pipeline", 0, expected="1980-01-01")
    quarters = [*_quarters(4, "o1", 100, 50), *_quarters(4, "o2", 100, 100), early]
    past = _history(*NOW, *quarters, calls=[*calls, _call("m1", 840, 1305, "team")])
    said = _beside(past, "manager", ["m1", "m2"])
    weight = 4 / (4 + PRIOR_PERIODS)
    everybody = weight * 0.75 + (1 - weight)  # of 200 that m1 said each time 150 came
    share = weight * 0.75 + (1 - weight) * everybody
    assert (said["m1"]["periods"], said["m1"]["came_of_called"]) == (4, pytest.approx(share))
    assert said["m1"]["usually_comes"] == pytest.approx(40 + 800 * share, abs=0.01)  # 40 are won
    assert "periods" not in said["m2"]
    later = [_call("m1", 400, first / DAY + 89, "team", period=name) for name, first in before]
    unknown = _beside(_history(*NOW, *quarters, calls=[*calls, *later, _call("m1", 840, 1305, "team")]), "manager",
                      ["m1"])
    assert unknown["m1"] == said["m1"]  # what was said at the quarters' ends is not what was said at this time of them
    by_hand = pd.DataFrame([["m1", name, 20000.0, "as ever", first + 5 * DAY, "Eva"] for name, first in before]
                           + [["m1", NAME, 84000.0, "as ever", 1305 * DAY, "Eva"]], columns=ADJUSTMENT_COLUMNS)
    here = _beside(_history(*NOW, *quarters), "manager", ["m1"], by_hand)["m1"]
    assert {name: here[name] for name in ("periods", "came_of_called", "usually_comes")} == \
        {name: said["m1"][name] for name in ("periods", "came_of_called", "usually_comes")}


def test_nothing_of_later_counts_and_where_nobody_calls_nothing_is_said() -> None:
    past = _history(*NOW, *_quarters(4, "o1", 100, 50), calls=[_call("o1", 450, 1301), _call("o1", 9, 1312)])
    before = _people(past)
    cut = _people(past.until(AS_OF))
    pd.testing.assert_frame_equal(before.numbers, cut.numbers)
    pd.testing.assert_frame_equal(before.adjusted, cut.adjusted)
    silent = history(deals={"a": 0})
    answer = {"groups": []}
    assert with_people(answer, _people(silent), NOBODY, silent, START, END) == answer


def test_of_a_period_about_which_nobody_has_said_anything_nothing_is_called() -> None:
    past = _history(_deal("a", "o1", 100, "Commit", 1290))
    far = (END + 5 * 365 * DAY, END + 5 * 365 * DAY + 91 * DAY)
    people = people_of(past, AS_OF, *far)
    told = with_people({"groups": []}, people, NOBODY, past, *far)
    assert (told["people"]["called"], told["people"]["usually_comes"]) == (0.0, 0.0)
