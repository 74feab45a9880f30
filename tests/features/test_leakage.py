"""The gate passes the whole catalogue on a simulated and on a real company, and catches every planted trap by name."""

from __future__ import annotations

from functools import lru_cache, partial
from pathlib import Path

import numpy as np
import pandas as pd

from features.asof import Feature, category, count, days_since_last
from features.calendar import DAY
from features.catalogue import catalogue
from features.history import History
from features.home import Home
from features.leakage import leaks, noisy_after
from features.texts import text_length, words_hashed
from tests.figures import bpic2012 as figures
from tests.histories import change, history

_feature = partial(Feature, meaning="A trap.", unit="", dtype="number", group="trap", actionable=False,
                   wording="{value}")


@lru_cache(maxsize=1)
def _some_of_the_real_pipeline() -> History:
    """A fifth of the real leads and deals, with everything about them."""
    past = figures.history()
    keep = {kind: set(past.subjects(kind).ids[::5]) for kind in ("lead", "deal")}
    tables = dict(past.tables)
    for name in ("changes", "activities"):
        rows = tables[name]
        chosen = [one in keep.get(kind, ()) for kind, one in zip(rows["subject"], rows["subject_id"], strict=True)]
        tables[name] = rows[chosen].reset_index(drop=True)
    for kind in ("lead", "deal"):
        rows = tables[f"{kind}s"]
        tables[f"{kind}s"] = rows[rows[f"{kind}_id"].isin(keep[kind])].reset_index(drop=True)
    return History(tables, past.mapping)


def _company(n: int = 60) -> History:
    """Deals with calls, owners, stages and a note; each is won or lost on its 40th day, and half of all ends, calls
    and notes were entered late with an earlier date."""
    rng = np.random.default_rng(3)
    deals = {f"d{i}": float(rng.integers(0, 200)) for i in range(n)}
    changes = []
    for i, (deal, created) in enumerate(deals.items()):
        end, late = ("Won", "Lost")[i % 3 == 0], 20 * (i % 2)
        changes += [change(deal, "stage", "Talk", created), change(deal, "owner", f"o{i % 4}", created),
                    change(deal, "stage", end, created + 40, known=created + 40 + late),
                    change(deal, "note", "first talk", created),
                    change(deal, "note", f"closed {end} after a call", created + 40, known=created + 40 + late)]
        # Filled at the close, and dated back to the creation; this file's known_at tells.
        changes.append(change(deal, "close_reason", end, created, known=created + 40))
    return history(deals=deals, changes=changes)


def _names(past: History, feature: Feature, times: int = 16) -> list[str]:
    return leaks(past, lambda whole, kind, as_of: [feature, *catalogue(whole, kind, as_of)], times=times).names


def test_the_catalogue_passes_on_the_simulated_company(trained_home: Path) -> None:
    report = leaks(Home.open(trained_home).history(), times=10)
    assert not report.leaks, [str(leak) for leak in report.leaks]
    assert report.features["deal"] >= 60
    assert report.features["lead"] >= 40
    assert min(report.pairs.values()) > 300


def test_the_catalogue_passes_on_the_real_pipeline(bpic2012: Path) -> None:
    report = leaks(_some_of_the_real_pipeline(), times=4)
    assert not report.leaks, [str(leak) for leak in report.leaks]
    assert min(report.pairs.values()) > 300


def test_the_catalogue_passes_on_a_company_that_enters_half_of_it_late() -> None:
    report = leaks(_company(), times=20)
    assert not report.leaks, [str(leak) for leak in report.leaks]


def test_a_field_filled_at_close_and_read_for_the_past_is_caught() -> None:
    def trap(pairs):
        # By its own date alone, as a final_only field would be that is taken for one known at creation.
        events = pairs.changes("close_reason").as_true()
        if not len(events):
            return np.full(len(pairs), np.nan)
        last = events.position(pairs.subject, pairs.at)
        return np.where(last >= events.start[pairs.subject], (events.value == "Won")[last], np.nan)

    assert _names(_company(), _feature("close_reason_is_won", compute=trap)) == ["close_reason_is_won"]


def test_an_activity_written_after_the_outcome_with_an_earlier_date_is_caught() -> None:
    past = _company()
    calls = [{"activity_id": f"c{i}", "subject": "deal", "subject_id": one, "kind": "call", "direction": "outbound",
              "happened_at": int(at) + 30 * DAY, "known_at": int(at) + 45 * DAY, "recorded_at": int(at) + 45 * DAY}
             for i, (one, at) in enumerate(zip(past.deals.ids, past.deals.created_at, strict=True))]
    past.tables["activities"] = pd.concat([past.tables["activities"], pd.DataFrame(calls)], ignore_index=True).astype(
        {"happened_at": "int64", "known_at": "int64", "recorded_at": "int64"})

    def trap(pairs):
        events = pairs.activities("call").as_true()
        return events.position(pairs.subject, pairs.at) + 1.0 - events.start[pairs.subject]

    assert _names(past, _feature("calls_by_their_date", compute=trap)) == ["calls_by_their_date"]


def test_a_count_over_the_whole_life_is_caught() -> None:
    def trap(pairs):
        events = pairs.changes("stage")
        return np.diff(events.start)[pairs.subject].astype(float)

    assert _names(_company(), _feature("stage_changes_in_life", compute=trap)) == ["stage_changes_in_life"]


def test_an_owners_rate_from_outcomes_to_come_is_caught() -> None:
    def trap(pairs):
        end = pairs.moved_to(np.full(len(pairs), pairs.at.max() + 10_000 * DAY))
        owner = category(pairs.changes("owner"), pairs)
        everyone = type(pairs)(pairs.history, "deal", np.arange(len(pairs.history.deals)),
                               np.full(len(pairs.history.deals), end.at[0]))
        table = pd.DataFrame({"owner": category(everyone.changes("owner"), everyone),
                              "won": category(everyone.changes("stage"), everyone) == "Won"})
        return table.groupby("owner")["won"].mean().reindex(owner).to_numpy()

    assert _names(_company(), _feature("owner_rate_of_all_time", compute=trap)) == ["owner_rate_of_all_time"]


def test_a_label_inside_a_text_is_caught() -> None:
    def trap(pairs):
        # The text as it stands today, not as it stood.
        today = pairs.moved_to(np.full(len(pairs), 10_000 * DAY))
        bucket = int(pd.util.hash_array(np.array(["won"], dtype=object))[0] % np.uint64(8))
        return words_hashed(pairs.changes("note"), today, bucket, 8)

    assert _names(_company(), _feature("note_words", compute=trap)) == ["note_words"]


def test_honest_features_of_the_same_rows_are_not_caught() -> None:
    for compute in (lambda pairs: count(pairs.changes("close_reason"), pairs),
                    lambda pairs: text_length(pairs.changes("note"), pairs),
                    lambda pairs: days_since_last(pairs.changes("close_reason"), pairs)):
        assert _names(_company(), _feature("honest", compute=compute), times=8) == []


def test_data_that_claims_to_have_been_known_all_along_cannot_be_seen_by_cutting() -> None:
    # The same trap with the lie in the data itself: the gate must stay silent, and `dealcast check` has to suspect it.
    past = _company()
    lie = past.tables["changes"]
    lie["known_at"] = np.where(lie["field"] == "close_reason", lie["changed_at"], lie["known_at"])
    honest = _feature("close_reason", dtype="category", compute=lambda pairs: category(
        pairs.changes("close_reason"), pairs))
    assert _names(past, honest, times=8) == []


def test_a_leak_names_feature_pair_and_both_values() -> None:
    trap = _feature("deals_ever", compute=lambda pairs: np.full(len(pairs), float(len(pairs.history.deals))))
    leak = leaks(_company(), lambda past, kind, as_of: [trap], times=2).leaks[0]
    assert (leak.feature, leak.subject, leak.from_all) == ("deals_ever", "deal", 60)
    assert leak.from_known < 60
    assert leak.subject_id in str(leak)
    assert "1970-" in str(leak)


def test_a_declaration_that_follows_from_what_was_not_known_is_caught() -> None:
    def one_for_each_deal(whole, kind, as_of):
        return [_feature(f"is {deal}", compute=lambda pairs: np.zeros(len(pairs))) for deal in whole.deals.ids]

    found = leaks(_company(), one_for_each_deal, times=4).leaks
    assert {(leak.from_all, leak.from_known, leak.how) for leak in found} == {("declared", "not declared", "deleted")}


def test_noise_replaces_what_was_not_known_and_nothing_else() -> None:
    past, moment = _company(), 100 * DAY
    noisy = noisy_after(past, moment, np.random.default_rng(0))
    before, after = past.until(moment), noisy.until(moment)
    for name, table in before.tables.items():
        assert table.reset_index(drop=True).equals(after.tables[name].reset_index(drop=True)), name
    later = {name: len(noisy.tables[name]) - len(after.tables[name]) for name in ("deals", "changes")}
    assert later["deals"] > 0
    assert later["changes"] > len(past.tables["changes"]) - len(before.tables["changes"])


def test_the_gate_finds_the_same_leaks_again() -> None:
    trap = _feature("stage_changes_in_life", compute=lambda pairs: np.diff(pairs.changes("stage").start)[
        pairs.subject].astype(float))
    first, again = (leaks(_company(), lambda past, kind, as_of: [trap], times=5) for _ in range(2))
    assert first == again
