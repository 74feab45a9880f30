"""The figure on kinds of business: a kind of which nothing was won or open has dashes."""

from __future__ import annotations

from tests.figures.kinds import HEADS, _kind


def test_a_kind_that_was_never_won_has_dashes():
    unseen = {"error": None, "held": 2.0, "n": 2.0}
    line = _kind({"kind": "expansion", "won": 0.0, "forecasts": {"won_count": unseen, "won_amount": unseen},
                  "dates": {"resolution": {}, "win": {}}, "amounts": {}})
    assert line == "| expansion | 0 | – | 2 of 2 | – | 2 of 2 | – | – | – | – | – |"
    assert line.count("|") == len(HEADS) + 1
