"""Nothing after T changes any feature at T: the whole catalogue, on a simulated company and on the real pipeline."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from features.asof import AsOf, compute
from features.calendar import parse_as_of
from features.catalogue import catalogue
from features.history import History
from features.home import Home
from tests.figures import bpic2012 as figures


def _same_before_and_after_the_cut(past: History, day: str, kind: str) -> None:
    as_of = parse_as_of(day, past.mapping.zone)
    cut = past.until(as_of)
    ids = cut.subjects(kind).ids
    assert len(ids) > 20
    asked = np.random.default_rng(0).permutation(len(ids))[:500]
    tables = [compute(catalogue(one, kind), AsOf(one, kind, one.codes(kind, ids[asked]), np.full(len(asked), as_of)))
              for one in (past, cut)]
    whole, before = tables
    assert whole[before.columns].equals(before)
    # What only the future knows of, such as a stage that nothing had reached, says nothing yet.
    only_later = whole.drop(columns=before.columns)
    assert only_later.isna().to_numpy().all() or (only_later.fillna(0) == 0).to_numpy().all()


@pytest.mark.parametrize("kind", ["lead", "deal"])
@pytest.mark.parametrize("day", ["2024-09-12", "2025-08-05", "2026-03-31"])
def test_features_of_the_simulated_company_do_not_peek(trained_home: Path, day: str, kind: str) -> None:
    _same_before_and_after_the_cut(Home.open(trained_home).history(), day, kind)


@pytest.mark.parametrize("kind", ["lead", "deal"])
@pytest.mark.parametrize("day", ["2011-10-05", "2011-12-23T15:30", "2012-02-13"])
def test_features_of_the_real_pipeline_do_not_peek(bpic2012: Path, day: str, kind: str) -> None:
    _same_before_and_after_the_cut(figures.history(), day, kind)


def test_a_feature_that_peeks_is_caught(trained_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from features import catalogue as room
    from features.asof import Feature

    whole_life = Feature("all_changes", "Changes over the whole life.", "changes", "number", "peek", False, "{value}",
                         lambda pairs: np.bincount(pairs.changes("stage").subject, minlength=len(
                             pairs.history.deals))[pairs.subject].astype(np.float64))
    monkeypatch.setitem(room.DECLARED, "deal", [*room.DECLARED["deal"], whole_life])
    with pytest.raises(AssertionError):
        _same_before_and_after_the_cut(Home.open(trained_home).history(), "2025-08-05", "deal")
