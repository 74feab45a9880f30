"""What draws are whatever is forecast: exact sums, and streams that belong to their deals."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from hypothesis import given
from hypothesis import strategies as st

from tests.histories import history
from tests.known_curves import KnownCurves
from training.draws import Amounts, Part, Sums, draw, stream_of_deal
from training.shock import SHOCK_LEVELS, Wins, shock_levels

DRAWS = 640
ROWS = np.arange(DRAWS)
LEVEL = ROWS * SHOCK_LEVELS // DRAWS
AMOUNTS = Amounts(np.array([0.8, 1.0, 1.3]), np.array([500.0, 700.0]))


def _ids(n: int) -> npt.NDArray[np.object_]:
    return np.array([f"d{i}" for i in range(n)], dtype=object)


def _part(n: int, seed: int = 0, **codes: npt.ArrayLike) -> Part:
    random = np.random.default_rng(seed)
    win = np.broadcast_to(random.random(n, dtype=np.float32), (SHOCK_LEVELS, n))
    amount = np.where(random.random(n) < 0.2, np.nan, random.integers(1, 10**7, n))
    return Part(win, amount, {name: np.asarray(code, dtype=np.int64) for name, code in codes.items()})


def _drawn(part: Part, ids: npt.NDArray[np.object_], **lines: int) -> dict[str, Sums]:
    sums = {name: Sums.zeros(n, DRAWS) for name, n in lines.items()}
    draw(part, LEVEL, ROWS, stream_of_deal(ids, DRAWS), AMOUNTS, sums)
    return sums


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 2)), min_size=1, max_size=40), st.integers(0, 99))
def test_groups_of_every_grouping_add_up_to_the_total_in_every_draw(codes: list[tuple[int, int]], seed: int) -> None:
    owner, team = np.array(codes).T
    sums = _drawn(_part(len(codes), seed, all=np.zeros(len(codes)), owner=owner, team=team), _ids(len(codes)),
                  all=1, owner=5, team=3)
    for name in ("owner", "team"):
        np.testing.assert_array_equal(sums[name].count.sum(axis=0), sums["all"].count[0])
        np.testing.assert_array_equal(sums[name].amount.sum(axis=0), sums["all"].amount[0])


def test_a_re_owned_deal_moves_only_its_two_owners_lines() -> None:
    owner = np.arange(30) % 4
    moved = owner.copy()
    moved[7] = 1
    before, after = (_drawn(_part(30, owner=one), _ids(30), owner=4)["owner"] for one in (owner, moved))
    alone = _drawn(Part(_part(30).win[:, 7:8], _part(30).amount[7:8], {"owner": np.zeros(1, dtype=np.int64)}),
                   _ids(30)[7:8], owner=1)["owner"]
    np.testing.assert_array_equal(before.amount[[0, 2]], after.amount[[0, 2]])
    np.testing.assert_array_equal(before.amount[3] - after.amount[3], alone.amount[0])
    np.testing.assert_array_equal(after.count[1] - before.count[1], alone.count[0])


def test_a_deal_more_changes_no_other_deals_draws_wherever_it_stands() -> None:
    each = np.arange(12)
    whole = _drawn(_part(12, deal=each), _ids(12), deal=12)["deal"]
    some = _part(12, deal=each)
    keep = np.array([9, 3, 5])
    fewer = _drawn(Part(some.win[:, keep], some.amount[keep], {"deal": np.arange(3)}), _ids(12)[keep], deal=3)["deal"]
    np.testing.assert_array_equal(fewer.amount, whole.amount[keep])


def test_mean_is_chance_times_expected_amount() -> None:
    part = _part(60, all=np.zeros(60))
    sums = _drawn(part, _ids(60), all=1)["all"]
    chance = part.win[0].astype(np.float64)
    value = np.where(np.isnan(part.amount), AMOUNTS.typical.mean(), part.amount * AMOUNTS.closing.mean())
    second = np.where(np.isnan(part.amount), (AMOUNTS.typical**2).mean(),
                      part.amount**2 * (AMOUNTS.closing**2).mean())
    error = np.sqrt((chance * second - (chance * value) ** 2).sum() / DRAWS)
    assert abs(sums.amount.mean() - (chance * value).sum()) < 4 * error
    assert abs(sums.count.mean() - chance.sum()) < 4 * np.sqrt((chance * (1 - chance)).sum() / DRAWS)


def test_under_any_shock_a_deals_mean_is_its_own_curve() -> None:
    past = history(deals={f"d{i}": 0 for i in range(20)})
    at = np.zeros(20, dtype=np.int64)
    curves = KnownCurves(win=0.2).curves(past, np.arange(20), at)
    for sd in (0.0, 0.08, 0.6):
        wins = Wins.under(curves, shock_levels(sd))
        np.testing.assert_allclose(wins.win.mean(axis=0), curves.win, atol=2e-6 if sd < 0.5 else 5e-3)
        assert (np.diff(wins.win, axis=2) >= -1e-6).all()
        by_level = wins.win[:, :, -1]
        assert (np.diff(by_level, axis=0) >= -1e-6).all()
