"""A small version of the figure on skill: claimed where it was planted, not where the outcomes were shuffled."""

from __future__ import annotations

import pytest

from features.settings import load_settings
from tests.figures import skill


@pytest.mark.parametrize(("kind", "claimed"), [("planted", True), ("shuffled", False)])
def test_skill_is_claimed_where_it_was_planted_and_only_there(kind, claimed):
    settings = load_settings()
    fewer = settings.training.lightgbm.model_copy(update={"num_rounds": 20, "num_threads": 1})
    found = skill.run(kind, 0, settings.model_copy(update={"training": settings.training.model_copy(
        update={"seeds": 1, "lightgbm": fewer})}))
    assert found["skill"] is claimed, found["sentence"]
    assert found["sentence"].startswith("Skill" if claimed else "No skill")
