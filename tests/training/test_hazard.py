from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

from features.calendar import DAY
from tests.histories import change, history
from training.baselines import AalenJohansen, shrinkage_rows
from training.calibration import Calibrator, choose_calibrator, expected_calibration_error, shift_hazards
from training.outcomes import LOST, WON, Landmarks, outcomes
from training.rows import (
    BIN_COLUMNS,
    LandmarkTable,
    bin_edges,
    bin_matrix,
    build_rows,
    due_days,
    due_facts,
    landmark_table,
    recency_weights,
    within_budget,
)
from training.voices import Encoder

EDGES = np.array([0.0, 1, 3, 7, 14])
ends_of_deals = st.lists(st.tuples(st.floats(0.1, 20), st.sampled_from(["Won", "Lost", None])), min_size=1, max_size=8)


def _history(ends):
    deals = {f"d{i}": 0.0 for i in range(len(ends))}
    return history(deals=deals, changes=[change(f"d{i}", "stage", word, day) for i, (day, word) in enumerate(ends)
                                         if word])


@given(ends_of_deals, st.floats(0.5, 20))
@settings(max_examples=80, deadline=None)
def test_rows_are_bins_that_ended_by_the_origin_and_began_open(ends, origin):
    past = _history(ends).until(round(origin * DAY))
    landmarks = Landmarks(np.arange(len(ends)), np.zeros(len(ends), dtype=np.int64))
    rows = build_rows(outcomes(past, "deal"), landmarks, EDGES, round(origin * DAY))
    expected = []
    for i, (day, word) in enumerate(ends):
        for j in range(len(EDGES) - 1):
            known = word and day <= origin
            if EDGES[j + 1] * DAY > round(origin * DAY) or (known and day <= EDGES[j]):
                break
            label = {"Won": WON, "Lost": LOST}[word] if known and day <= EDGES[j + 1] else 0
            expected.append((i, j, label))
    assert list(zip(rows.landmark.tolist(), rows.bin.tolist(), rows.label.tolist(), strict=True)) == expected


def test_bins_reach_as_far_as_asked_and_are_fine_where_lives_are_short():
    assert bin_edges(14, 91)[-1] == 91
    assert bin_edges(14, 91)[1:4].tolist() == [1, 2, 3]
    assert bin_edges(14, 150)[-1] == 196
    assert bin_edges(200, 250)[-1] == 280
    assert bin_edges(200, 9999)[-1] == 365


def test_categories_unseen_in_training_are_a_category_and_missing_is_missing():
    past = history(deals={f"d{i}": 0.0 for i in range(12)},
                   changes=[change(f"d{i}", "industry", "Retail" if i < 11 else "Rare", 0) for i in range(12)])
    everyone = Landmarks(np.arange(12), np.full(12, DAY))
    table = landmark_table(past, "deal", everyone)
    encoder = Encoder.learn(table)
    assert encoder.levels["field:industry"] == ["Retail"]
    features = table.features.iloc[:3].copy()
    features["field:industry"] = ["Retail", "Never seen", None]
    column = encoder.encode(features)[:, encoder.columns.index("field:industry")]
    assert column[:2].tolist() == [0, 1]
    assert np.isnan(column[2])


def test_recency_halves_with_each_half_life():
    at = np.array([0, 10, 20]) * DAY
    np.testing.assert_allclose(recency_weights(at, 20 * DAY, 10), [0.25, 0.5, 1])
    assert recency_weights(at, 20 * DAY, 0).tolist() == [1, 1, 1]


def test_the_row_budget_keeps_whole_weeks_of_subjects_and_never_looks_at_outcomes():
    ends = [(10.5, "Won" if i % 2 else "Lost") for i in range(300)]
    past = _history(ends)
    landmarks = Landmarks(np.arange(300), np.zeros(300, dtype=np.int64))
    table = landmark_table(past, "deal", landmarks)
    rows = build_rows(outcomes(past, "deal"), landmarks, EDGES, 20 * DAY)
    kept = within_budget(rows, table, past.deals.ids, len(rows.landmark) // 2)
    flipped = build_rows(outcomes(_history([(day, "Won" if word == "Lost" else "Lost") for day, word in ends]), "deal"),
                         landmarks, EDGES, 20 * DAY)
    same = within_budget(flipped, table, past.deals.ids, len(rows.landmark) // 2)
    assert kept.landmark.tolist() == same.landmark.tolist()
    assert 0.4 < len(kept.landmark) / len(rows.landmark) < 0.6
    assert set(np.bincount(kept.landmark, minlength=300)) == {0, 4}


def test_cells_give_the_share_that_ended_in_each_bin_and_empty_cells_their_stages_voice():
    past = _history([(0.5, "Won")] * 60 + [(2.0, "Lost")] * 40)
    landmarks = Landmarks(np.arange(100), np.zeros(100, dtype=np.int64))
    table = landmark_table(past, "deal", landmarks)
    rows = build_rows(outcomes(past, "deal"), landmarks, EDGES, 30 * DAY)
    since = table.features["days_in_stage"].to_numpy()
    cells = AalenJohansen.fit(table.features["stage"], since, rows.landmark, rows.bin, rows.label,
                              np.ones(len(rows.label)), np.full((4, 3), 0.1))
    hazards = cells.hazards(table.features["stage"], since)
    np.testing.assert_allclose(hazards.sum(axis=2), 1.0)
    np.testing.assert_allclose(hazards[0, 0], [0.4, 0.6, 0.0], atol=0.02)
    assert hazards[0, 1, LOST] > 0.9
    named = table.features["stage"].fillna("New stage")
    np.testing.assert_allclose(cells.hazards(named, since)[0], cells.cells["*|0"])  # all stages, as long in theirs
    np.testing.assert_allclose(cells.hazards(named, since + 500)[0], cells.cells[""])
    again = AalenJohansen.from_dict(cells.to_dict())
    np.testing.assert_array_equal(again.hazards(table.features["stage"], since), hazards)


def test_bins_of_a_renewal_look_at_its_contracts_end_and_others_at_what_the_rep_expects():
    features = pd.DataFrame({"days_to_expected_close": [50.0, 50.0, 50.0, np.nan],
                             "kind": ["Renewal", "new", "renewal", None],
                             "field:contract_end": [20.0, 20.0, np.nan, 20.0]})
    plain = _history([(0.5, "Won")] * 4)
    source = plain.mapping.sources[0]
    fields = {**source.fields, "contract_end": source.fields["industry"].model_copy(update={"type": "date"})}
    dated = plain.mapping.model_copy(update={"sources": [source.model_copy(update={"fields": fields})]})
    past = replace(plain, mapping=dated)
    np.testing.assert_array_equal(due_days(*due_facts(features, dated)), [20.0, 50.0, 50.0, np.nan])
    np.testing.assert_array_equal(due_days(*due_facts(features[["kind"]], dated)), [np.nan] * 4)
    words = features.assign(**{"field:contract_end": ["2027-01-31", None, "soon", "20270131"]})
    np.testing.assert_array_equal(due_days(*due_facts(words, plain.mapping)), [50.0, 50.0, 50.0, np.nan])
    table = LandmarkTable(Landmarks(np.arange(4), np.zeros(4, dtype=np.int64)), features)
    bins = bin_matrix(past, table, EDGES)
    np.testing.assert_array_equal(bins[0, :, BIN_COLUMNS.index("bin_due_days")], 20.0 - EDGES[:-1])


def test_cells_are_lent_as_much_as_they_are_alike():
    random = np.random.default_rng(3)
    wider = np.tile([0.9, 0.06, 0.04], (40, 3, 1))

    def rows(chances):
        return np.stack([random.multinomial(200, one) for one in chances.reshape(-1, 3)]).reshape(chances.shape) * 1.0

    alike = shrinkage_rows(rows(wider), wider)
    other = np.tile([[0.999, 0.0005, 0.0005], [0.8, 0.12, 0.08]], (20, 1)).reshape(40, 1, 3)
    apart = shrinkage_rows(rows(np.tile(other, (1, 3, 1))), wider)
    assert apart < 20 < 200 < alike
    assert abs(shrinkage_rows(np.zeros((40, 3, 3)), wider) - 20) < 0.2


def test_offsets_move_hazards_to_what_was_observed_and_stay_below_one():
    random = np.random.default_rng(0)
    hazards = np.tile([0.9, 0.06, 0.04], (20_000, 1))
    label = random.choice(3, size=20_000, p=[0.82, 0.03, 0.15])
    group = np.full(20_000, "0|Talk", dtype=object)
    fold = np.repeat(np.arange(5), 4_000)
    learned = choose_calibrator(hazards, label, group, fold, fold + 1.0, prior_events=20)
    shifted = learned.apply(hazards[:1][:, None, :], group[:1])[0, 0]
    np.testing.assert_allclose(shifted, [0.82, 0.03, 0.15], atol=0.01)
    assert shift_hazards(np.array([[0.1, 0.6, 0.3]]), np.array([[3.0, 3.0]]))[0, 0] > 0


def test_no_offsets_where_they_would_not_have_helped():
    random = np.random.default_rng(1)
    hazards = np.tile([0.9, 0.06, 0.04], (4_000, 1))
    right = np.array([random.choice(3, p=one) for one in hazards])
    wrong_way = np.concatenate([np.where(np.arange(2_000) < 400, WON, 0), right[2_000:]])
    group = np.full(4_000, "0|Talk", dtype=object)
    fold = np.repeat([0, 1], 2_000)
    assert choose_calibrator(hazards, wrong_way, group, fold, fold + 1.0, prior_events=20) == Calibrator()


def test_no_offsets_where_only_one_fold_says_that_they_help():
    hazards = np.tile([0.9, 0.06, 0.04], (8_000, 1))
    label = np.zeros(8_000, dtype=np.int64)
    label[::10] = WON
    group = np.full(8_000, "0|Talk", dtype=object)
    for folds, kept in ((2, False), (4, True)):
        fold = np.repeat(np.arange(folds), 8_000 // folds)
        assert (choose_calibrator(hazards, label, group, fold, fold + 1.0, prior_events=20) != Calibrator()) == kept


def test_numbers_that_tell_the_date_are_no_feature_and_clocks_of_the_subject_are():
    created = np.arange(200) * 1.0
    features = pd.DataFrame({"deal_age_days": created, "wins_so_far": created**2, "size": created % 7,
                             "stage": ["Talk"] * 200})
    table = LandmarkTable(Landmarks(np.arange(200), (created * DAY).astype(np.int64)), features)
    encoder = Encoder.learn(table)
    assert encoder.columns == ["deal_age_days", "size", "stage"]
    assert encoder.encode(features).shape == (200, 3)


def test_calibration_error_is_zero_for_exact_shares():
    assert expected_calibration_error(np.full(100, 0.3), np.arange(100) % 10 < 3) < 1e-9
    assert abs(expected_calibration_error(np.full(100, 0.3), np.zeros(100, dtype=bool)) - 0.3) < 1e-9
