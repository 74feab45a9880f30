"""The last row at or before a time is found as a slow reference finds it, whether or not subject and time fit in one
number."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.asof import AsOf
from features.events import Rows
from tests.histories import history

EDGE = 2**53 - 20  # up to there, in 2255, a float holds every microsecond


@pytest.mark.parametrize(("scale", "shift"), [(1, 0), (1000, 0), (1_000_000, 0), (1, EDGE), (1_000_000, -5_000_000)],
                         ids=["microseconds", "milliseconds", "seconds", "in 2255", "before 1970"])
@given(rows=st.lists(st.tuples(st.integers(0, 3), st.integers(0, 9)), max_size=30),
       asked=st.lists(st.tuples(st.integers(0, 5), st.integers(-3, 12)), min_size=1, max_size=10),
       earlier=st.integers(0, 4))
@settings(max_examples=50, deadline=None)
def test_position_is_that_of_the_last_row_at_or_before(rows, asked, earlier, scale, shift):
    rows = sorted((one, at * scale + shift) for one, at in rows)
    asked = [(one, at * scale + shift) for one, at in asked]
    table = Rows(*(np.array([row[i] for row in rows], dtype=np.int64) for i in (0, 1)))
    subject, at = (np.array([one[i] for one in asked], dtype=np.int64) for i in (0, 1))
    before = earlier * scale
    expected = [sum(row <= (one, time - before) for row in rows) - 1 for one, time in asked]
    assert table.position(subject, at - before).tolist() == expected
    if rows:
        pairs = AsOf(history(), "deal", np.tile(subject, 40), np.tile(at, 40))  # so many that the rows are sorted in
        assert pairs.position(table, before).tolist() == expected * 40
