"""A small version of the figure on skill: claimed where it was planted, not where the outcomes were shuffled."""

from __future__ import annotations

import pytest

from tests.figures import skill
from tests.running import judged_settings


@pytest.mark.parametrize(("kind", "claimed"), [("planted", True), ("shuffled", False)])
def test_skill_is_claimed_where_it_was_planted_and_only_there(kind, claimed):
    found = skill.run(kind, 0, judged_settings())
    assert found["skill"] is claimed, found["sentence"]
    assert found["sentence"].startswith("Skill" if claimed else "No skill")
