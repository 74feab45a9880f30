"""What the CRM gets wrong: each wart by itself, told in truth, and honest about when it was entered."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from features.calendar import DAY, local_micros
from features.errors import BadInput
from features.home import Home
from features.importing import import_files
from features.mapping import load_mapping
from simulation.company import Summary, generate
from simulation.crm_settings import Warts
from simulation.export import crm_tables
from simulation.past import Past, simulate, stream
from simulation.settle import settle
from simulation.tables import Tables
from simulation.warts import WARTS, apply_warts, chosen_warts
from simulation.world import Size, World

MAPPING = Path(__file__).parents[2] / "configs" / "mappings" / "simulated.yaml"
SEED = 3
# Tables that each wart may change; all others stay as they are.
CHANGES = {
    "process_change": {"field_history"}, "currencies": {"deals", "field_history"},
    "owners_leave": {"owners", "field_history", "activities", "forecast_calls"}, "reorganisation": {"owners"},
    "job_changes": {"contacts", "field_history"}, "skipped_stages": {"field_history"},
    "steps_back": {"field_history"}, "reopened_deals": {"field_history"}, "never_closed": {"field_history"},
    "missing_fields": {"leads", "deals", "accounts", "field_history"},
    "duplicates": {"leads", "accounts", "contacts", "deals", "activities", "field_history"},
    "late_changes": {"field_history"}, "back_dated": {"field_history"}, "late_activities": {"activities"}}


@pytest.fixture(scope="module")
def past(world: World) -> Past:
    return simulate(world, Size(leads=900, direct_deals=80, reps=14, managers=4, replicas=4), SEED)


@pytest.fixture(scope="module")
def clean(past: Past) -> Tables:
    return crm_tables(past, stream(SEED, "export"))[0]


def with_warts(past: Past, clean: Tables, *names: str) -> tuple[Tables, pd.DataFrame]:
    return apply_warts(clean, [name for name in WARTS if name in names], past.world, past.clocks, SEED,
                       list(past.owners.ids), past.owners.region)


def history_of(tables: Tables, field: str, kind: str = "Deal") -> pd.DataFrame:
    log = tables["field_history"]
    return log[(log["field"] == field) & (log["object"] == kind)]


def test_each_wart_has_a_block_of_settings_of_its_own() -> None:
    assert list(Warts.model_fields) == list(WARTS) == list(CHANGES)


def test_no_wart_changes_the_tables_that_it_was_given(past: Past, clean: Tables) -> None:
    before = {name: table.copy(deep=True) for name, table in clean.items()}
    with_warts(past, clean, *WARTS)
    for name, table in clean.items():
        pd.testing.assert_frame_equal(table, before[name])


@pytest.mark.parametrize("name", WARTS)
def test_a_wart_changes_what_it_is_about_and_nothing_else(past: Past, clean: Tables, name: str) -> None:
    shown, told = with_warts(past, clean, name)
    assert len(told)
    assert (told["wart"] == name).all()
    changed = {table for table in clean if not clean[table].equals(shown[table])}
    assert changed == CHANGES[name]


@pytest.mark.parametrize("name", sorted(set(WARTS) - {"currencies", "owners_leave", "reorganisation", "job_changes",
                                                      "duplicates", "process_change"}))
def test_truth_tells_every_row_of_the_log_that_a_wart_touched(past: Past, clean: Tables, name: str) -> None:
    shown, told = with_warts(past, clean, name)
    table = "activities" if name == "late_activities" else "field_history"
    columns = list(clean[table].columns)
    before, after = (pd.MultiIndex.from_frame(one[table][columns]) for one in (clean, shown))
    different = {row[columns.index("key")] for row in [*before.difference(after), *after.difference(before)]}
    in_log = told[told["table"] == table]
    if name == "missing_fields":  # rows that it adds to the log are told of at the record whose field was empty
        records = set(told.loc[told["table"] != table, "record_id"])
        rows = shown[table][shown[table]["key"].isin(different)]
        assert set(rows["record_id"]) <= records
        different -= set(rows["key"])
    assert different == set(in_log["key"])


@pytest.mark.parametrize("name", ["owners_leave", "missing_fields", "duplicates", "late_activities", "job_changes"])
def test_a_wart_touches_the_same_rows_whichever_others_are_on(past: Past, clean: Tables, name: str) -> None:
    alone = with_warts(past, clean, name)[1]
    among = with_warts(past, clean, *WARTS)[1]
    among = among[(among["wart"] == name) & among["table"].isin({"leads", "accounts", "activities", "owners"})]
    alone = alone[alone["table"].isin({"leads", "accounts", "activities", "owners"})]
    ours, others = (set(zip(one["table"], one["key"], one["field"], strict=True)) for one in (alone, among))
    kept = {row for row in others if row[1] in set(alone["key"])}
    assert ours == kept  # rows that other warts added may be touched besides


def test_a_share_of_changes_is_clicked_days_later_and_none_overtakes_the_next(past: Past, clean: Tables) -> None:
    shown, _ = with_warts(past, clean, "late_changes")
    both = history_of(clean, "stage").merge(history_of(shown, "stage"), on="key", suffixes=("", "_shown"))
    late = both["changed_at_shown"] - both["changed_at"]
    assert (late >= 0).all()
    assert 0.08 < (late > 0).mean() < 0.25
    assert 0.5 < np.median(late[late > 0]) / DAY < 6
    before, after = (history_of(tables, "stage").sort_values(["record_id", "changed_at"]).groupby("record_id")["value"]
                     .agg(list) for tables in (clean, shown))
    # The last click may not have been made when the log ends.
    assert all(after[deal] == before[deal][:len(after[deal])] for deal in after.index)


def test_wins_of_a_quarters_first_days_are_claimed_for_the_old_quarter(past: Past, clean: Tables) -> None:
    settings = past.world.warts.back_dated
    shown, _ = with_warts(past, clean, "back_dated")
    log = history_of(shown, "stage")
    claimed = log[log["changed_at"] < log["entered_at"]]
    won = claimed[claimed["value"] == "Closed Won"]
    day = local_micros(won["changed_at"].to_numpy(np.int64), past.world.zone) // DAY
    days_on = (local_micros(won["entered_at"].to_numpy(np.int64), past.world.zone) // DAY) - day
    day = pd.Series(pd.to_datetime(day, unit="D", origin="unix"))
    old_quarter = day.dt.is_quarter_end.to_numpy() & (days_on <= settings.first_days)
    assert old_quarter.sum() >= 2
    assert (claimed["entered_at"] - claimed["changed_at"]).max() < 30 * DAY


def test_mails_enter_by_themselves_and_calls_days_later(past: Past, clean: Tables) -> None:
    shown, _ = with_warts(past, clean, "late_activities")
    log = shown["activities"].assign(late=lambda t: t["entered_at"] > t["happened_at"])
    assert not log.loc[log["kind"] == "email", "late"].any()
    share = past.world.warts.late_activities.share["call"]
    calls = log[log["kind"] == "call"]
    assert calls["late"].mean() == pytest.approx(share, abs=4 * np.sqrt(share * (1 - share) / len(calls)))
    assert log["entered_at"].max() <= past.clocks.last


def test_whoever_leaves_gets_nothing_new_and_hands_over_in_one_batch(past: Past, clean: Tables) -> None:
    shown, told = with_warts(past, clean, "owners_leave")
    owners = shown["owners"].dropna(subset="left_on").drop_duplicates("owner_id")
    assert 1 <= len(owners) < past.size.reps
    for owner, day in zip(owners["owner_id"], owners["left_on"], strict=True):
        after = int(day.timestamp() * 1_000_000) + 2 * DAY
        for table, column, time in ((history_of(shown, "owner"), "value", "changed_at"),
                                    (shown["activities"], "owner", "happened_at"),
                                    (shown["forecast_calls"], "owner_id", "made_at")):
            assert (table.loc[table[column] == owner, time] < after).all(), (column, owner)
    batches = shown["field_history"][~shown["field_history"]["key"].isin(clean["field_history"]["key"])]
    assert batches.groupby("changed_at").size().max() > 3
    assert (told["field"] == "orphaned").any()


def test_a_renamed_stage_an_inserted_one_and_a_new_field_begin_on_one_day(past: Past, clean: Tables) -> None:
    shown, _ = with_warts(past, clean, "process_change")
    settings, stages = past.world.warts.process_change, history_of(shown, "stage")
    days = past.clocks.days[past.clocks.days >= past.clocks.first]
    begin = days[int(settings.at * (len(days) - 1))]
    for old, new in settings.renamed.items():
        assert (stages.loc[stages["value"] == old, "changed_at"] < begin).all()
        assert (stages.loc[stages["value"] == new, "changed_at"] >= begin).all()
    assert (history_of(shown, settings.new_field)["changed_at"] >= begin).all()
    assert set(history_of(shown, settings.new_field)["value"]) == {"yes", "no"}
    entered = stages[stages["value"] == settings.before].query("changed_at >= @begin")
    inserted = stages[stages["value"] == settings.inserted].set_index("record_id")["changed_at"]
    assert (inserted.reindex(entered["record_id"]).to_numpy() < entered["changed_at"].to_numpy()).all()


def test_stages_are_skipped_gone_back_to_and_reopened(past: Past, clean: Tables) -> None:
    order = {name: i for i, name in enumerate(past.world.deals.stages)}

    def steps(tables: Tables) -> pd.Series:
        log = history_of(tables, "stage").sort_values(["record_id", "changed_at"], kind="stable")
        return log["value"].map(order).groupby(log["record_id"]).diff().dropna()

    assert set(steps(clean).unique()) == {1}
    assert (steps(with_warts(past, clean, "skipped_stages")[0]) == 2).any()
    assert (steps(with_warts(past, clean, "steps_back")[0]) == -1).any()
    log = history_of(with_warts(past, clean, "reopened_deals")[0], "stage").sort_values(["record_id", "changed_at"])
    again = log["value"].groupby(log["record_id"]).shift()
    assert ((again == past.world.deals.lost) & log["value"].isin(order)).any()


def test_deals_that_died_stay_open_where_nobody_closed_them(past: Past, clean: Tables) -> None:
    shown, told = with_warts(past, clean, "never_closed")
    deals = settle(shown, past.world)["deals"].set_index("deal_id").loc[told["record_id"].unique()]
    assert deals["stage"].isin(past.world.deals.stages).all()
    assert (deals["loss_reason"] == "").all()
    assert deals["closed_on"].isna().all()


def test_fields_are_empty_until_they_are_filled(past: Past, clean: Tables) -> None:
    shown, _told = with_warts(past, clean, "missing_fields")
    gaps = past.world.warts.missing_fields.leads["industry"]
    raw, today = shown["leads"], settle(shown, past.world)["leads"]
    n = len(raw)
    for share, rows in ((gaps.never + gaps.late, raw["industry"] == ""), (gaps.never, today["industry"] == "")):
        assert rows.mean() == pytest.approx(share, abs=4 * np.sqrt(share * (1 - share) / n) + 0.02)
    filled = history_of(shown, "industry", "Lead")
    truth = clean["leads"].set_index("lead_id")["industry"]
    assert (filled["value"].to_numpy() == truth.loc[filled["record_id"]].to_numpy()).all()


def test_copies_are_spelt_differently_and_nobody_works_on_them(past: Past, clean: Tables) -> None:
    shown, told = with_warts(past, clean, "duplicates")
    for name, key in (("accounts", "account_id"), ("contacts", "contact_id")):
        copies = told[(told["table"] == name) & (told["field"] == "copy_of")]
        names = shown[name].set_index(key)["name"]
        assert len(copies)
        assert (names.loc[copies["record_id"]].to_numpy() != names.loc[copies["now"]].to_numpy()).all()
    copies = set(told[(told["table"] == "leads") & (told["field"] == "copy_of")]["record_id"])
    assert copies
    assert not copies & set(shown["activities"]["record_id"])
    assert set(shown["deals"]["account_id"]) <= set(shown["accounts"]["account_id"])


def test_foreign_deals_are_in_their_own_currency_at_the_rate_of_the_day(past: Past, clean: Tables) -> None:
    shown, _ = with_warts(past, clean, "currencies")
    deals = shown["deals"].set_index("deal_id")
    countries = past.world.warts.currencies.countries
    expected = deals["country"].map({name: one.currency for name, one in countries.items()}).fillna("EUR")
    assert (deals["currency"] == expected).all()
    first = shown["exchange_rates"].drop_duplicates("currency").set_index("currency")["rate"].astype(float)
    both = history_of(clean, "amount").merge(history_of(shown, "amount"), on="key", suffixes=("", "_shown"))
    ratio = both["value"].astype(float) / both["value_shown"].astype(float)
    rate = both["record_id"].map(deals["currency"]).map(first).fillna(1.0)
    assert (ratio[rate == 1.0] == 1.0).all()
    big = both["value_shown"].astype(float) > 20_000  # small ones are rounded more
    assert (ratio / rate)[big].between(0.8, 1.25).all()


def test_contacts_who_change_jobs_turn_up_elsewhere_under_their_name(past: Past, clean: Tables) -> None:
    shown, told = with_warts(past, clean, "job_changes")
    again = told[told["field"] == "same_person_as"]
    contacts = shown["contacts"].set_index("contact_id")
    one, other = contacts.loc[again["record_id"]], contacts.loc[again["now"]]
    assert len(again)
    assert (one["name"].to_numpy() == other["name"].to_numpy()).all()
    assert (one["account_id"].to_numpy() != other["account_id"].to_numpy()).all()
    assert (one["created_at"].to_numpy() > other["created_at"].to_numpy()).all()


def test_an_unknown_wart_is_answered_with_the_nearest(world: World) -> None:
    with pytest.raises(BadInput, match=r"no wart 'late_change'.*Did you mean 'late_changes'\?"):
        chosen_warts(world, "duplicates, late_change")
    assert chosen_warts(world, "late_changes,owners_leave") == ["owners_leave", "late_changes"]
    assert not [name for name in chosen_warts(world, "open") if WARTS[name].hides]
    assert chosen_warts(world, "none") == []


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Summary:
    return generate(tmp_path_factory.mktemp("real"), seed=SEED, size="tiny", warts="all")


def test_a_history_until_a_day_sees_no_entry_that_was_made_after_it(real: Summary, tmp_path: Path) -> None:
    home = Home.open(tmp_path / "home", must_exist=False)
    import_files(home, real.export_folder, load_mapping(MAPPING), MAPPING.read_text(), real.end)
    past = Home.open(tmp_path / "home").history()
    log = past.tables["activities"]
    late = log[log["known_at"] > log["happened_at"] + DAY]
    assert len(late) > 100
    for row in late.sample(20, random_state=1).itertuples():
        between = int(row.happened_at + (row.known_at - row.happened_at) // 2)
        assert row.activity_id not in set(past.until(between).tables["activities"]["activity_id"])
        assert row.activity_id in set(past.until(int(row.known_at)).tables["activities"]["activity_id"])
    changes = past.tables["changes"]
    back_dated = changes[(changes["known_at"] > changes["changed_at"] + DAY) & (changes["field"] == "stage")]
    for row in back_dated.tail(5).itertuples():
        cut = past.until(int(row.known_at) - 1).tables["changes"]
        assert not ((cut["subject_id"] == row.subject_id) & (cut["value"] == row.value)
                    & (cut["changed_at"] == row.changed_at) & (cut["field"] == "stage")).any()


def test_every_row_of_a_company_with_all_warts_is_read(real: Summary, tmp_path: Path) -> None:
    home = Home.open(tmp_path / "home", must_exist=False)
    later = real.end + 60 * DAY
    found = import_files(home, real.export_folder, load_mapping(MAPPING), MAPPING.read_text(), later).to_dict()
    assert found["total"]["rejected"] == 0
    assert home.last_known() <= real.end
    told = pd.read_csv(real.truth_folder / "warts.csv", dtype="str", keep_default_na=False)
    assert set(told["wart"]) <= set(real.manifest.warts)
    rows = told[(told["table"] == "activities") & (told["row_id"] != "")]
    assert set(rows["row_id"]) <= set(pd.read_csv(real.export_folder / "activities.csv", dtype="str")["activity_id"])
