"""Forecasts by owner, manager, team, region, product, kind and currency, and the deals they hang on, on curves that are
known."""

from __future__ import annotations

from typing import Any, cast

import numpy as np
import pandas as pd
import pytest

from features.asof import AsOf, number
from features.calendar import DAY
from features.errors import BadInput
from features.history import History
from features.settings import load_settings
from tests.histories import change, history
from tests.known_curves import KnownCurves
from training.amounts import closing_ratios
from training.forecast import actual, forecast
from training.groups import BY
from training.hazard import HazardModel
from training.outcomes import outcomes

AS_OF, END = 400 * DAY, 460 * DAY
OWNERS = [{"owner_id": f"o{i}", "name": f"Owner {i}", "manager_id": f"m{i % 2}", "team": f"team {i % 2}",
           "region": "north", "valid": 0.0} for i in range(4)]
HEADS = [{"owner_id": "m0", "name": "Mia", "manager_id": "chief", "valid": 0.0},
         {"owner_id": "m1", "name": "Max", "manager_id": "chief", "valid": 0.0}]


def _company(n: int = 200, more: list[dict[str, Any]] | None = None,
             created: dict[str, float] | None = None) -> History:
    random = np.random.default_rng(1)
    deals, changes = {}, []
    for i in range(n):
        name, came = f"d{i:03d}", float(random.uniform(0, 399))
        deals[name] = came
        changes += [change(name, "stage", "Talk", came), change(name, "owner", f"o{i % 4}", came),
                    change(name, "amount", str(int(random.lognormal(13, 0.7))), came),
                    change(name, "product", f"p{i % 3}", came), change(name, "currency", "EUR", came)]
        if random.random() < 0.6:
            changes.append(change(name, "stage", random.choice(["Won", "Lost"]), came + random.exponential(50)))
    deals |= created or {}
    found = history(deals=deals, changes=changes + (more or []), owners=OWNERS + HEADS)
    kinds = found.tables["deals"].assign(kind=(["new", "renewal"] * len(deals))[:len(deals)])
    return History({**found.tables, "deals": kinds}, found.mapping)


@pytest.fixture(scope="module")
def company() -> History:
    return _company()


def _said(company: History, by: str = "owner", start: int = AS_OF, as_of: int = AS_OF) -> dict[str, Any]:
    return forecast(cast(HazardModel, KnownCurves()), company, as_of, start, END, load_settings(), by=[by])


def _lines(said: dict[str, Any]) -> dict[str, Any]:
    return {group["id"]: group for group in said["groups"]}


@pytest.mark.parametrize("by", BY)
def test_whatever_is_asked_for_the_total_is_the_same_and_groups_add_up_to_it(company: History, by: str) -> None:
    said, plain = _said(company, by, AS_OF - 30 * DAY), _said(company, "owner", AS_OF - 30 * DAY)
    assert said["total"] == plain["total"]
    assert said["concentration"] == plain["concentration"]
    groups = [one for one in said["groups"] if by != "manager" or one["id"] in ("m0", "m1")]
    for measure in ("won_count", "won_amount"):
        cents = 0.005 * (len(groups) + 1) + 1e-6
        assert abs(sum(one[measure]["mean"] for one in groups) - said["total"][measure]["mean"]) < cents
        for part in ("won_so_far", "open", "new"):
            assert abs(sum(one["parts"][part][measure] for one in groups) - said["total"]["parts"][part][measure]) \
                < cents
        for one in [said["total"], *groups]:
            spread = [one[measure][f"p{level}"] for level in (10, 25, 50, 75, 90)]
            assert spread == sorted(spread)
            assert abs(sum(part[measure] for part in one["parts"].values()) - one[measure]["mean"]) < 0.02


def test_lines_are_those_that_there_are(company: History) -> None:
    assert set(_lines(_said(company, "owner"))) == {"o0", "o1", "o2", "o3"}
    assert set(_lines(_said(company, "team"))) == {"team 0", "team 1"}
    assert set(_lines(_said(company, "region"))) == {"north"}
    assert set(_lines(_said(company, "product"))) == {"p0", "p1", "p2"}
    assert set(_lines(_said(company, "kind"))) == {"new", "renewal"}
    assert set(_lines(_said(company, "currency"))) == {"EUR"}


def test_a_manager_has_the_draws_of_everyone_below(company: History) -> None:
    by_manager, total = _lines(_said(company, "manager")), _said(company)["total"]
    assert set(by_manager) == {"m0", "m1", "chief"}
    assert by_manager["m0"]["name"] == "Mia"
    for measure in ("won_count", "won_amount"):
        assert by_manager["chief"][measure] == total[measure]


def test_the_open_part_is_chance_times_expected_amount_within_the_draws_own_error(company: History) -> None:
    said = _said(company)["total"]["parts"]["open"]
    past = company.until(AS_OF)
    subject = outcomes(past, "deal").open_at(AS_OF)
    at = np.full(len(subject), AS_OF)
    chance = KnownCurves().curves(past, subject, at).win_by(END)
    amount = number(past.changes("deal", "amount"), AsOf(past, "deal", subject, at)) / 100
    ratio = closing_ratios(past, outcomes(past, "deal"))
    draws = load_settings().forecast.draws
    variance = (chance * (amount**2) * (ratio**2).mean()).sum()
    assert abs(said["won_amount"] - (chance * amount * ratio.mean()).sum()) < 4 * np.sqrt(variance / draws)
    assert abs(said["won_count"] - chance.sum()) < 4 * np.sqrt(chance.sum() / draws)


def test_a_deal_that_is_re_owned_today_moves_only_its_owners_lines(company: History) -> None:
    past = company.until(AS_OF)
    deal = str(past.deals.ids[outcomes(past, "deal").open_at(AS_OF)[0]])
    owner = f"o{int(deal[1:]) % 4}"
    other = f"o{(int(deal[1:]) + 1) % 4}"
    before, after = _said(company), _said(_company(more=[change(deal, "owner", other, 400)]))
    moved = [line for line in _lines(before) if _lines(before)[line] != _lines(after)[line]]
    assert before["total"] == after["total"]
    assert sorted(moved) == sorted([owner, other])


def _only_moved(before: dict[str, Any], after: dict[str, Any], owner: str) -> dict[str, Any]:
    """The parts of the owner's line before and after; every other line is the same to the last draw, and the total
    moves by as much as the owner's."""
    one, other = _lines(before), _lines(after)
    assert {name: line for name, line in one.items() if name != owner} == \
        {name: line for name, line in other.items() if name != owner}
    for measure in ("won_count", "won_amount"):
        for part in ("won_so_far", "open", "new"):
            moved, whole = (new["parts"][part][measure] - old["parts"][part][measure]
                            for old, new in ((one[owner], other[owner]), (before["total"], after["total"])))
            assert moved == pytest.approx(whole, abs=0.03)  # each is rounded to the cent
    return {part: other[owner]["parts"][part]["won_count"] - one[owner]["parts"][part]["won_count"]
            for part in ("won_so_far", "open", "new")}


@pytest.mark.parametrize("name", ["a", "zz"])  # before and after all others, in whatever order deals are drawn
@pytest.mark.parametrize(("owner", "day"), [("o0", 399.9), ("o3", 399.9), ("o1", 390.0), ("o2", 330.0)])
def test_a_deal_created_today_or_lately_moves_only_its_owners_line(company: History, owner: str, day: float,
                                                                   name: str) -> None:
    more = [change(name, "stage", "Talk", day), change(name, "owner", owner, day),
            change(name, "amount", "5000000", day), change(name, "product", "p0", day),
            change(name, "currency", "EUR", day)]
    moved = _only_moved(_said(company), _said(_company(more=more, created={name: day})), owner)
    assert moved["won_so_far"] == 0
    assert moved["open"] > 0
    assert moved["new"] > 0


@pytest.mark.parametrize("nth", [0, 20, -1])
def test_a_deal_won_today_moves_only_its_owners_line(company: History, nth: int) -> None:
    past = company.until(AS_OF)
    deal = str(past.deals.ids[outcomes(past, "deal").open_at(AS_OF)[nth]])
    won = _company(more=[change(deal, "stage", "Won", 399.99)])
    moved = _only_moved(_said(company, start=AS_OF - 30 * DAY), _said(won, start=AS_OF - 30 * DAY),
                        f"o{int(deal[1:]) % 4}")
    assert moved["won_so_far"] == 1
    assert -1 < moved["open"] < 0
    assert moved["new"] == 0


def test_what_happens_later_changes_nothing_as_of_before(company: History) -> None:
    for by in BY:
        assert _said(company, by, as_of=300 * DAY) == _said(company.until(300 * DAY), by, as_of=300 * DAY)


def test_wins_count_for_the_owner_at_the_win_and_the_difference_is_a_line_of_its_own(company: History) -> None:
    """Owner and amount of one win are known from a later snapshot only, one was re-owned before, one was taken back."""
    more = [change("a", "stage", "Talk", 1), change("a", "stage", "Won", 395), change("a", "owner", "o8", 397),
            change("a", "amount", "70000", 397), change("b", "owner", "o8", 2), change("b", "amount", "30000", 2),
            change("b", "owner", "o9", 394), change("b", "stage", "Won", 396), change("b", "owner", "o8", 398),
            change("c", "owner", "o9", 3), change("c", "amount", "50000", 3), change("c", "stage", "Won", 396),
            change("c", "stage", "Lost", 398)]
    found = history(deals={"a": 1, "b": 2, "c": 3}, changes=more)
    lines = _lines(_said(found, start=390 * DAY))
    assert lines["o8"]["parts"]["won_so_far"] == {"won_count": 1.0, "won_amount": 700.0}
    assert lines["o9"]["parts"]["won_so_far"] == {"won_count": 1.0, "won_amount": 300.0}
    assert lines["o9"]["re_owned"] == {"won_count": 1.0, "won_amount": 300.0}
    assert lines["o8"]["re_owned"] == {"won_count": -1.0, "won_amount": -300.0}
    assert actual(found, 390 * DAY, AS_OF) == {"won_amount": 1000.0, "won_count": 2.0}


def test_a_re_organisation_rewrites_no_past(company: History) -> None:
    table = company.tables["owners"]
    moved = table[table["owner_id"] == "o1"].assign(team="team 9", valid_from=350 * DAY, known_at=350 * DAY)
    later = History({**company.tables, "owners": pd.concat([table, moved], ignore_index=True)}, company.mapping)
    assert _said(later, "team", as_of=340 * DAY) == _said(company, "team", as_of=340 * DAY)
    lines = _lines(_said(later, "team", start=300 * DAY))
    assert lines["team 9"]["parts"]["open"]["won_amount"] > 0
    won = outcomes(company.until(AS_OF), "deal").won_at
    mine = [at for deal, at in zip(company.deals.ids[won[0]], won[1], strict=True)
            if int(deal[1:]) % 4 == 1 and at > 300 * DAY]
    assert lines["team 9"]["parts"]["won_so_far"]["won_count"] == sum(at >= 350 * DAY for at in mine)


def test_without_a_deal_that_is_most_of_it_the_middle_falls_by_as_much() -> None:
    deals = {f"d{i:03d}": 390.0 for i in range(60)} | {"big": 390.0}
    changes = [change(name, "stage", "Talk", 390) for name in deals]
    changes += [change(name, "amount", "50000000" if name == "big" else "100000", 390) for name in deals]
    said = _said(history(deals=deals, changes=changes))
    first = said["concentration"][0]
    assert (first["deal_id"], first["amount"]) == ("big", 500000.0)
    assert len(said["concentration"]) == 10
    falls = [one["p50_falls_by"] for one in said["concentration"]]
    assert falls == sorted(falls, reverse=True)
    assert all(one["p50_falls_by"] >= 0 for one in said["concentration"])


def test_a_grouping_without_data_says_what_to_map() -> None:
    bare = history(deals={"a": 1}, changes=[change("a", "amount", "100", 1)])
    for by, cure in (("team", "list of owners"), ("manager", "manager_id"), ("product", "field `product`"),
                     ("kind", "column `kind`"), ("currency", "field `currency`")):
        with pytest.raises(BadInput, match=cure):
            _said(bare, by)
    with pytest.raises(BadInput, match="Did you mean 'region'"):
        _said(bare, "regoin")


def _quota(owner: str | None, amount: float, valid: float = 0, level: str | None = None) -> dict[str, Any]:
    return {"period": "1971-Q1", "owner_id": owner, "amount": amount * 100, "level": level, "valid": valid}


def test_quotas_of_a_quarter_are_those_known_then_and_their_chance_is_the_draws() -> None:
    quotas = [_quota("o0", 1.0), _quota("o1", 1e9), _quota("o2", 5000.0), _quota("o2", 7000.0, valid=390),
              _quota("o2", 9000.0, valid=410), _quota("m0", 4000.0, level="team"), _quota(None, 99.0)]
    plain = _company().until(AS_OF)
    company = History({**plain.tables, "quotas": history(quotas=quotas).tables["quotas"]}, plain.mapping)

    def said(by: str) -> dict[str, Any]:
        start, end = 365 * DAY - 1, 455 * DAY - 1  # the first quarter of 1971
        return forecast(cast(HazardModel, KnownCurves()), company, AS_OF, start, end, load_settings(), by=[by])

    owners = _lines(said("owner"))
    assert [owners[one].get("quota") for one in ("o0", "o1", "o2", "o3")] == [1.0, 1e9, 7000.0, None]
    assert (owners["o0"]["p_quota"], owners["o1"]["p_quota"]) == (1.0, 0.0)
    middle = owners["o2"]["won_amount"]
    assert (owners["o2"]["p_quota"] >= 0.5) == (middle["p50"] >= 7000)
    assert "p_quota" not in owners["o3"]
    managers = _lines(said("manager"))
    assert managers["m0"]["quota"] == 4000.0  # its own
    assert managers["m1"]["quota"] == 1e9  # that of the one below who has any
    assert _lines(said("team"))["team 0"]["quota"] == 7001.0
    assert said("owner")["total"]["quota"] == 99.0
    assert all("quota" not in group for group in said("product")["groups"])
    assert "quota" not in _said(company)["total"]  # no whole quarter
