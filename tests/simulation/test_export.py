"""The exported files: consistent in themselves, importable, and enough to see the state that drives each deal."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from features.calendar import DAY
from features.home import Home
from features.importing import import_files
from features.mapping import load_mapping
from simulation.company import Summary
from simulation.deal_life import SEATS
from simulation.past import Past

MAPPING = Path(__file__).parents[2] / "configs" / "mappings" / "simulated.yaml"
Tables = dict[str, pd.DataFrame]


def micros(times: pd.Series) -> pd.Series:
    return pd.to_datetime(times, utc=True).dt.as_unit("us").astype("int64")


@pytest.fixture(scope="module")
def history(files: Tables) -> pd.DataFrame:
    table = files["field_history"]
    return table.assign(at=micros(table["changed_at"]), history_id=table["history_id"].astype(int))


def test_every_row_is_read_by_the_ordinary_importer(exported: Summary, tmp_path: Path) -> None:
    home = Home.open(tmp_path / "home", must_exist=False)
    report = import_files(home, exported.export_folder, load_mapping(MAPPING), MAPPING.read_text(),
                          exported.end + 60 * DAY)
    found = report.to_dict()
    assert found["total"]["rejected"] == 0
    read = set(exported.counts) - {"deal_reviews"}
    assert found["total"]["stored"] == sum(exported.counts[name] for name in read)
    assert home.mapping.simulated
    assert home.last_known() <= exported.end  # no value of a record says anything that its log does not


def test_nothing_is_exported_from_after_the_logs_end(exported: Summary, files: Tables) -> None:
    for name, column in (("leads", "created_at"), ("deals", "created_at"), ("accounts", "created_at"),
                         ("contacts", "created_at"), ("deal_contacts", "valid_from"), ("field_history", "changed_at"),
                         ("activities", "happened_at")):
        assert micros(files[name][column]).max() <= exported.end, name


def test_ids_are_unique_and_every_reference_is_there(files: Tables) -> None:
    for name, column in (("leads", "lead_id"), ("deals", "deal_id"), ("accounts", "account_id"),
                         ("contacts", "contact_id"), ("activities", "activity_id"), ("field_history", "history_id")):
        assert files[name][column].is_unique, name
    for name, column, target in (("leads", "account_id", "accounts"), ("leads", "contact_id", "contacts"),
                                 ("deals", "account_id", "accounts"), ("contacts", "account_id", "accounts"),
                                 ("deal_contacts", "deal_id", "deals"), ("deal_contacts", "contact_id", "contacts"),
                                 ("activities", "contact_id", "contacts")):
        assert set(files[name][column]) <= set(files[target][files[target].columns[0]]), (name, column)
    assert set(files["deals"]["lead_id"]) - {""} <= set(files["leads"]["lead_id"])
    assert set(files["leads"]["owner"]) <= set(files["owners"]["owner_id"])
    managers = files["owners"].loc[files["owners"]["manager_id"] == "", "owner_id"]
    assert set(files["owners"]["manager_id"]) - {""} <= set(managers)


def test_field_history_ends_with_what_the_records_show(files: Tables, history: pd.DataFrame) -> None:
    for kind, name, key in (("Lead", "leads", "lead_id"), ("Deal", "deals", "deal_id")):
        rows = history[history["object"] == kind].sort_values("history_id")
        for field, changes in rows.groupby("field"):
            last = changes.groupby("record_id")["new_value"].last()
            shown = files[name].set_index(key)[field]
            assert (last == shown.reindex(last.index)).all(), field
            assert (shown.drop(last.index) == "").all(), field


def test_old_values_are_the_new_values_before(history: pd.DataFrame) -> None:
    before = history.groupby(["object", "record_id", "field"])["new_value"].shift().fillna("")
    assert (before == history["old_value"]).all()
    assert (history["old_value"] != history["new_value"]).all()
    assert history["at"].is_monotonic_increasing


def test_nothing_happens_to_a_deal_before_its_creation_or_after_its_end(files: Tables, history: pd.DataFrame) -> None:
    deals = files["deals"].set_index("deal_id")
    created = micros(deals["created_at"])
    log = history[history["object"] == "Deal"]
    ends = log[(log["field"] == "stage") & log["new_value"].isin(["Closed Won", "Closed Lost"])]
    assert ends["record_id"].is_unique
    ended = ends.set_index("record_id")["at"].reindex(deals.index).fillna(2**62)
    activities = files["activities"][files["activities"]["object"] == "Deal"]
    for record, at in ((log["record_id"], log["at"]), (activities["record_id"], micros(activities["happened_at"]))):
        assert (at.to_numpy() >= created[record].to_numpy()).all()
        assert (at.to_numpy() <= ended[record].to_numpy()).all()


def test_a_deal_from_a_lead_begins_when_the_lead_converts(files: Tables, history: pd.DataFrame) -> None:
    from_lead = files["deals"][files["deals"]["lead_id"] != ""].set_index("lead_id")
    converted = history[(history["field"] == "status") & (history["new_value"] == "Converted")].set_index("record_id")
    assert set(from_lead.index) == set(converted.index)
    assert (micros(from_lead["created_at"]) == converted["at"].reindex(from_lead.index)).all()


def test_reps_push_expected_closes_to_month_ends(history: pd.DataFrame) -> None:
    log = history[history["field"] == "expected_close"].assign(day=lambda t: pd.to_datetime(t["new_value"]))
    closing = history.loc[history["new_value"].isin(["Closed Won", "Closed Lost"]), ["record_id", "at"]]
    plans = log.merge(closing, on=["record_id", "at"], how="left", indicator=True).query("_merge == 'left_only'")
    assert plans["day"].dt.is_month_end.all()
    later = plans.assign(moved=plans.groupby("record_id")["day"].diff().dt.days).dropna()
    assert (later["moved"] > 0).mean() > 0.6


def test_state_that_drives_a_deal_can_be_read_off_the_export(tiny: Past, files: Tables, history: pd.DataFrame) -> None:
    """The open variant's promise: stage, weeks in it, silence, proof, roles and owner are all in the CRM."""
    panel, weeks = tiny.panel, tiny.clocks.weeks
    ids = np.array(tiny.deal_ids)
    stages = {name: i for i, name in enumerate(tiny.world.deals.stages)}
    roles = {name: i for i, name in enumerate(tiny.world.roles)}
    people = np.array([[tiny.deals.seats[deal, seat] for seat in range(SEATS) if mask & (1 << seat)].count(role)
                       for deal, mask in zip(panel.deal, panel.state.roles, strict=True) for role in range(3)])
    people = people.reshape(-1, 3)
    numbers = {field: history[history["field"] == field] for field in ("discounts", "beyond_standard")}
    stage_log = history[history["field"] == "stage"]
    owner_log = history[(history["field"] == "owner") & (history["object"] == "Deal")]
    activities = files["activities"][files["activities"]["object"] == "Deal"].assign(
        at=lambda t: micros(t["happened_at"]))
    members = files["deal_contacts"].assign(at=lambda t: micros(t["valid_from"]))
    rng = np.random.default_rng(0)
    for row in rng.choice(len(panel.deal), 300, replace=False):
        deal, now = ids[panel.deal[row]], weeks[panel.week[row]]

        def known(table: pd.DataFrame, name: str, deal: str = deal, now: int = now) -> pd.DataFrame:
            return table[(table[name] == deal) & (table["at"] < now)]

        stage = known(stage_log, "record_id").iloc[-1]
        assert stages[stage["new_value"]] == panel.state.stage[row]
        # A stage entered during a week counts from that week's end; a new deal from the first week's beginning.
        assert (now - stage["at"] - 1) // (7 * DAY) == panel.state.weeks_in_stage[row]
        contacts = known(activities, "record_id")
        inbound = contacts.loc[contacts["direction"] == "inbound", "at"].max()
        assert min((now - inbound - 1) // (7 * DAY), 26) == panel.state.silence[row]
        kinds = [0, *(i for i, kind in enumerate(("proof of concept", "ROI study", "reference"), 1)
                      if (contacts["kind"] == kind).any())]
        assert kinds[-1] == panel.state.proof[row]
        assert len(kinds) <= 2
        for kind, name in (("discovery meeting", "depth"), ("value review", "anchor")):
            assert (contacts["kind"] == kind).sum() == getattr(panel.state, name)[row]
        for field, name in (("discounts", "discounts"), ("beyond_standard", "promised")):
            assert len(known(numbers[field], "record_id")) == getattr(panel.state, name)[row]
        met = known(members, "deal_id")["role"].map(roles)
        assert [(met == role).sum() for role in range(3)] == people[row].tolist()
        owner = known(owner_log, "record_id")["new_value"].iloc[-1]
        assert owner == tiny.owners.ids[panel.state.owner[row]]


def test_state_that_drives_a_lead_can_be_read_off_the_export(tiny: Past, files: Tables) -> None:
    activities = files["activities"][files["activities"]["object"] == "Lead"].assign(
        at=lambda t: micros(t["happened_at"]))
    ids = tiny.lead_ids
    for step in (1, 3, 6, 10):
        state = tiny.life.states[step]
        bounds = tiny.life.bounds[:, step]
        for lead in np.flatnonzero(tiny.life.open_at[:, step] & (bounds <= tiny.clocks.last))[:60]:
            seen = activities[(activities["record_id"] == ids[lead]) & (activities["at"] <= bounds[lead])]
            answers = seen.loc[seen["direction"] == "outbound", "at"]
            days = (answers.min() - tiny.lead_created[lead]) / DAY
            answered = 0 if answers.empty else 1 if days <= 1 / 6 else 2 if days <= 1 else 3
            assert answered == state.response[lead]
            assert min((seen["direction"] == "inbound").sum(), 3) == state.replies[lead]
