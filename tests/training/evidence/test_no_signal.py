"""A small version of the figure on deals without a signal: none is claimed, and one that was planted is."""

from __future__ import annotations

import pytest

from tests.figures import no_signal
from tests.running import judged_settings


@pytest.mark.parametrize(("kind", "claimed"), [("planted", True), ("shuffled", False)])
def test_skill_of_deals_is_claimed_where_a_field_tells_the_end_and_only_there(kind, claimed):
    found = no_signal.run(kind, 0, judged_settings())
    assert found["skill"] is claimed, found["sentence"]
    assert found["sentence"].startswith("Skill" if claimed else "No ")
    assert (found["log_loss"] < 0.9 * found["stage"]) is claimed
    if not claimed:  # then the forecast is much that of rates and new deals
        assert found["crps"]["model"] < 1.25 * found["crps"]["aj"]
