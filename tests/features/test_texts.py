"""Texts and fields of several values equal a slow, obvious reference on random logs with ties and late entries."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings

from features.asof import AsOf, compute
from features.calendar import DAY
from features.catalogue import MOST_HELD, catalogue
from features.mapping import parse_mapping
from features.texts import held_values, holds, separator_of, text_length, words_hashed
from tests.features.asking import asked, history_of, log_at, logs, questions
from tests.features.test_asof import same
from tests.histories import MAPPING, change, history
from training.hazard import landmark_table
from training.outcomes import Landmarks

TEXTS = logs(["Talked to Ann, again: ann!", "budget", "软件预算", "", None])
WORDS = {"Talked to Ann, again: ann!": ["talked", "to", "ann", "again", "ann"], "budget": ["budget"],
         "软件预算": ["软件", "件预", "预算"], "": []}
BUCKETS = 4


def _bucket(word):
    return int(pd.util.hash_array(np.array([word], dtype=object))[0] % np.uint64(BUCKETS))


@given(TEXTS, questions)
@settings(max_examples=60, deadline=None)
def test_length_and_words_equal_a_slow_reference(rows, pairs):
    past = history_of(rows, "note")
    events, asked_of = past.changes("deal", "note"), asked(past, pairs)
    last = [([None] + [row.value for row in log_at(rows, deal, at)])[-1] for deal, at in pairs]
    same(text_length(events, asked_of), [None if one is None else len(one) for one in last])
    for bucket in range(BUCKETS):
        same(words_hashed(events, asked_of, bucket, BUCKETS),
             [None if one is None else sum(_bucket(word) == bucket for word in WORDS[one]) for one in last])


@given(logs(["a; b", "b", "c;a", None]), questions)
@settings(max_examples=60, deadline=None)
def test_membership_equals_a_slow_reference(rows, pairs):
    past = history_of(rows, "products")
    events = past.changes("deal", "products")
    last = [([None] + [row.value for row in log_at(rows, deal, at)])[-1] for deal, at in pairs]
    same(holds(events, asked(past, pairs), "a", ";"), [None if one is None else "a" in one for one in last])
    parts = {part.strip() for value in events.levels for part in value.split(";")}
    assert held_values(events.levels, ";") == sorted(parts)


@pytest.mark.parametrize(("entries", "separator"), [
    (["red", "blue"], None), (["red; blue"], ";"), (["red|blue, dark"], "|"), (["red", "blue", "red, blue"], ","),
    (["Ann, Smith", "Bob, Jones"], None)])
def test_the_separator_is_one_that_splits_entries_into_values_that_recur(entries, separator):
    assert separator_of(np.array(entries, dtype=object)) == separator


def test_a_separator_that_came_later_declares_nothing_before():
    described = parse_mapping(MAPPING.replace("industry: {column: industry, past: at_creation}",
                                              "extra: {column: x, past: at_creation}"), "the test")
    past = history(deals={"a": 0, "b": 1}, described_by=described,
                   changes=[change("a", "extra", "red", 0), change("b", "extra", "red | blue", 5)])
    names = [{one.name for one in catalogue(past, "deal", at * DAY)} for at in (4, 5)]
    assert names[1] - names[0] == {"field:extra:blue", "field:extra:red"}


def test_values_that_a_field_holds_later_take_away_no_membership_that_was_known():
    described = parse_mapping(MAPPING.replace("industry: {column: industry, past: at_creation}",
                                              "extra: {column: x, past: at_creation}"), "the test")
    later = ";".join(f"v{i}" for i in range(MOST_HELD + 1))
    past = history(deals={"a": 0}, described_by=described,
                   changes=[change("a", "extra", "red; blue", 0), change("a", "extra", later, 5)])
    mark = Landmarks(np.array([0]), np.array([3 * DAY]))
    pd.testing.assert_frame_equal(landmark_table(past, "deal", mark).features,
                                  landmark_table(past.until(3 * DAY), "deal", mark).features)


@pytest.mark.parametrize(("dtype", "values", "names"), [
    ("text", ["two words"], ["field:extra:length", "field:extra:words_8_of_8"]),
    ("category", ["red; blue", "red"], ["field:extra", "field:extra:blue", "field:extra:red"]),
    ("date", ["1970-01-09T00:00:00+00:00"], ["field:extra"]),
    ("number", ["3"], ["field:extra"])])
def test_any_mapped_field_is_a_feature_without_programming(dtype, values, names):
    described = parse_mapping(MAPPING.replace("industry: {column: industry, past: at_creation}",
                                              f"extra: {{column: x, type: {dtype}, past: at_creation}}"), "the test")
    past = history(deals={"a": 0}, changes=[change("a", "extra", one, day) for day, one in enumerate(values)],
                   described_by=described)
    row = compute(catalogue(past, "deal"), AsOf(past, "deal", np.array([0]), np.array([5 * DAY]))).iloc[0]
    assert set(names) <= set(row.index)
    expected = {"text": 9, "category": "red", "date": 3, "number": 3}[dtype]
    assert row[names[0]] == expected
    if dtype == "category":
        assert (row["field:extra:blue"], row["field:extra:red"]) == (0, 1)
