from __future__ import annotations

import numpy as np
import pytest

from features.asof import Feature
from features.calendar import DAY
from features.settings import load_settings
from tests.figures.reasons import deletions
from tests.histories import activity, change, history
from tests.training.test_forecast import AS_OF, _company
from training import deal_close, lead_conversion
from training.evidence.rolling import fit
from training.forest import Forest
from training.hazard import BIN_COLUMNS, HazardModel, LandmarkTable, bin_matrix, landmark_table
from training.level import level_offsets
from training.mixtures import Mixtures, log_odds
from training.outcomes import Landmarks, outcomes
from training.reasons import explain, shapley
from training.wording import MOST_THEMES, themes, words

SETTINGS = load_settings()


def _leads():
    """Leads that convert the likelier the more calls they had and if they came by a partner."""
    random = np.random.default_rng(3)
    created = {f"x{i:03d}": float(random.uniform(0, 399)) for i in range(500)}
    changes, activities = [], []
    for name, day in created.items():
        calls, partner = int(random.integers(0, 4)), random.random() < 0.3
        activities += [activity(name, day + 0.2 * (k + 1), subject="lead") for k in range(calls)]
        changes += [change(name, "status", "New", day, kind="lead"),
                    change(name, "source", "partner" if partner else "web", day, kind="lead")]
        ends = random.random() < 0.8
        if ends:
            converts = random.random() < 0.1 + 0.15 * calls + 0.3 * partner
            word = "Converted" if converts else "Out"
            changes.append(change(name, "status", word, day + 1 + random.exponential(15), kind="lead"))
    return history(leads=created, changes=changes, activities=activities)


@pytest.fixture(scope="module", params=["lead", "deal"])
def asked(request, tmp_path_factory):
    """A model, its history, open subjects as of a moment and the moment by which to win."""
    past, module = (_leads(), lead_conversion) if request.param == "lead" else (_company(), deal_close)
    folder = tmp_path_factory.mktemp(request.param)
    origin = 330 * DAY
    fit(module.task(past.until(origin), origin, SETTINGS.training), origin, SETTINGS.training, [], seeds=2).save(folder)
    subject = outcomes(past, request.param).open_at(AS_OF)[:40]
    at = np.full(len(subject), AS_OF)
    table = landmark_table(past, request.param, Landmarks(subject, at))
    return HazardModel.load(folder), past, table, at + 28 * DAY


def _of_model(model, past, table, end):
    return log_odds(model.curves_of(past, table).win_by(end))


def test_the_forest_gives_the_hazards_of_its_boosters(asked):
    model, past, table, _ = asked
    encoded, bins = model.encoder.encode(table.features), bin_matrix(past, table, model.edges_days)
    first = len(model.encoder.columns)
    masks = Forest.of(model.boosters).masks(encoded, np.arange(first) % 4, 4)
    for i in range(len(encoded)):
        rows = np.concatenate([np.repeat(encoded[i:i + 1], bins.shape[1], axis=0), bins[i]], axis=1)
        expected = np.mean([booster.predict(rows) for booster in model.boosters], axis=0)
        found = model.forest.hazards(np.bitwise_and.reduce(masks[i:i + 1], axis=1),
                                     model.forest.bin_masks(bins[i], first))
        np.testing.assert_allclose(found[0], expected, atol=1e-12)
    assert bins.shape[2] == len(BIN_COLUMNS)


def test_themes_add_up_to_the_score_of_the_model(asked):
    model, past, table, end = asked
    assert table.landmarks.at.min() > model.as_of  # the level that came after the model belongs to the score
    assert level_offsets(model, past, table).any()
    for one, score in zip(explain(model, past, table, end), _of_model(model, past, table, end), strict=True):
        assert one.log_odds == pytest.approx(score, abs=1e-9)
        assert one.base + sum(theme.effect for theme in one.themes) == pytest.approx(one.log_odds, abs=1e-9)
        assert len(one.themes) <= MOST_THEMES


@pytest.mark.parametrize("wins", [0, 1, 5, 12])
@pytest.mark.parametrize("kind", ["lead", "deal"])
def test_themes_add_up_where_too_few_were_won_for_every_voice(kind, wins):
    past, module = (_leads(), lead_conversion) if kind == "lead" else (_company(), deal_close)
    won_at = np.sort(outcomes(past, kind).won_at[1])
    origin = int(won_at[wins]) - 1
    model = fit(module.task(past.until(origin), origin, SETTINGS.training), origin, SETTINGS.training, [], seeds=1)
    assert model.wins == wins
    assert not model.boosters
    subject = outcomes(past, kind).open_at(origin)[:5]
    table = landmark_table(past, kind, Landmarks(subject, np.full(len(subject), origin)))
    said = explain(model, past, table, table.landmarks.at + 28 * DAY)
    np.testing.assert_allclose([one.base + sum(theme.effect for theme in one.themes) for one in said],
                               _of_model(model, past, table, table.landmarks.at + 28 * DAY), atol=1e-6)


def test_a_mixture_is_scored_as_the_model_scores_such_a_row(asked):
    model, past, table, end = asked
    columns = model.encoder.columns
    mixtures = Mixtures(model, past, table, end, np.arange(len(columns)))
    random = np.random.default_rng(2)
    for subject in (0, len(end) // 2):
        other = random.integers(0, len(model.background), 6)
        own = random.random((6, len(columns))) < 0.5
        rows = []
        for row, mine in zip(other, own, strict=True):
            rows.append(_mixed(model, table.features.iloc[subject], model.background[row], mine))
        mixed = LandmarkTable(table.take(np.full(6, subject)).landmarks, table.features.iloc[[subject] * 6].assign(
            **{name: [row[name] for row in rows] for name in columns}).astype(table.features.dtypes).reset_index(
                drop=True))
        np.testing.assert_allclose(mixtures.score(subject, other, own),
                                   _of_model(model, past, mixed, np.repeat(end[subject], 6)), atol=1e-6)


def _mixed(model, mine, theirs, own):
    """A row with the subject's features where `own`, else the background's, decoded."""
    row = {}
    for i, name in enumerate(model.encoder.columns):
        code, levels = theirs[i], model.encoder.levels.get(name)
        other = (float(code) if levels is None else None if np.isnan(code) else [*levels, "(rare)"][int(code)])
        row[name] = mine[name] if own[i] else other
    return row


def test_reasons_are_the_same_each_time_and_whoever_else_is_asked(asked):
    model, past, table, end = asked
    every = explain(model, past, table, end)
    assert every == explain(model, past, table, end)
    assert explain(model, past, table.take(np.array([3])), end[3:4]) == [every[3]]


def test_the_stated_error_covers_what_more_orders_say(asked):
    model, past, table, end = asked
    _, part = themes(model.encoder.columns, {})
    mixtures = Mixtures(model, past, table, end, np.arange(len(part)) % 8)
    few = [shapley(mixtures, i) for i in range(12)]
    many = [shapley(mixtures, i, 12) for i in range(12)]
    off = np.array([one.effect - other.effect for one, other in zip(few, many, strict=True)])
    stated = np.array([one.error for one in few])
    assert np.sqrt((off**2).mean()) <= np.sqrt((stated**2).mean()) + 1e-9


def test_deleting_the_top_theme_moves_the_score_as_stated(asked):
    """models.md 6: in the stated direction for at least 9 of 10, and more than another theme for at least 9 of 10."""
    model, past, table, end = asked
    moved, more = deletions(model, past, table, end)
    assert moved.mean() >= 0.9
    assert more.mean() >= 0.9


def test_reasons_speak_for_and_against_the_largest_first(asked):
    model, past, table, end = asked
    for one in explain(model, past, table, end):
        told = one.reasons(2)
        effects = [reason.effect for reason in told]
        fors, againsts = [e for e in effects if e > 0], [e for e in effects if e < 0]
        assert effects == [*sorted(fors, reverse=True), *sorted(againsts)]
        assert max(len(fors), len(againsts)) <= 2
        assert all(np.sign(reason.points) == np.sign(reason.effect) for reason in told)
        assert not any("{" in reason.text or "  " in reason.text for reason in one.themes)


def test_a_reason_states_a_fact_of_its_own_lead(asked):
    model, past, table, end = asked
    for i, one in enumerate(explain(model, past, table, end)):
        for reason in one.themes:
            if reason.feature in ("stage", "status"):
                assert reason.text.endswith(str(table.features[reason.feature].iloc[i]))


def _feature(name, unit, wording, dtype="number"):
    return Feature(name, "Days since it.", unit, dtype, "engagement", True, wording, lambda pairs: pairs.at)


@pytest.mark.parametrize(("feature", "value", "text"), [
    (_feature("a", "days", "the last call was {value} days ago"), 1.2, "the last call was 1 day ago"),
    (_feature("a", "days", "the last call was {value} days ago"), 0.3, "the last call was less than a day ago"),
    (_feature("a", "days", "the last call was {value} days ago"), 1234.0, "the last call was 1,234 days ago"),
    (_feature("a", "days", "its contract end is {value} days away"), 3.2, "its contract end is 3 days away"),
    (_feature("a", "days", "its contract end is {value} days away"), -3.2, "its contract end was 3 days ago"),
    (_feature("a", "days", "its contract end is {value} days away"), -1.0, "its contract end was 1 day ago"),
    (_feature("a", "days", "its contract end is {value} days away"), -0.2, "its contract end was less than a day ago"),
    (_feature("a", "ratio", "it is {value} as old as usual"), 3.1, "it is 3.1 times as old as usual"),
    (_feature("a", "activities", "{value} activities so far"), 0.0, "no activities so far"),
    (_feature("a", "activities", "{value} activities so far"), 1.0, "1 activity so far"),
    (_feature("field:amount", "minor units", "the size of its amount"), 4_825_040.0, "its amount is €48,250"),
    (_feature("a", "share", "{value} of the talk comes from the customer"), 0.62, "62% of the talk comes from the "
                                                                                    "customer"),
    (_feature("a", "weekday", "it came in on a {value}"), 2.0, "it came in on a Wednesday"),
    (_feature("field:is_it", "0 or 1", "whether its is_it holds x"), 1.0, "whether its is it holds x (yes)"),
    (_feature("field:contact_role", "text", "its contact_role is {value}", "category"), "a_b",
     "its contact role is a_b"),
    (_feature("stage_path", "text", "it went {value}", "category"), "Talk > Offer", "it went Talk → Offer"),
    (_feature("days_since_inbound", "days", "the customer last got in touch {value} days ago"), np.nan,
     "the customer has not been in touch yet"),
    (_feature("days_since_activity:demo", "days", "the last demo was {value} days ago"), np.nan, "no demo so far"),
    (_feature("field:contact_role", "text", "its contact_role is {value}", "category"), None,
     "its contact role is not known"),
    (_feature("b", "days", "it {value}"), np.nan, "not known: days since it"),
])
def test_facts_are_worded_for_people(feature, value, text):
    assert words(history(), feature, value) == text


def test_themes_are_at_most_fifteen_and_small_ones_share_one():
    features = {f"field:f{i}": Feature(f"field:f{i}", "", "", "number", f"f{i}", False, "", lambda pairs: pairs.at)
                for i in range(30)}
    names, part = themes([*features, "gone"], features)
    assert len(names) == MOST_THEMES
    assert names[-1] == "its other fields"
    assert part.tolist() == [*range(14), *[14] * 17]
