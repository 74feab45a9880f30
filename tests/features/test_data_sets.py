"""Every data set beside the repository goes in by its shipped mapping, and its counts are those that pandas finds."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from features.calendar import DAY
from features.endings import LOST, OPEN, WON, read_endings
from features.history import History
from features.home import Home
from features.import_report import ImportReport
from tests.companies import bring_in, counts
from tests.running import ROOT

DATA = ROOT.parent / "shared" / "data"
LATER = int(pd.Timestamp("2026-01-01").value // 1000)

pytestmark = pytest.mark.real_data


def _import(name: str, folder: str, tmp_path: Path, again: bool = True) -> tuple[ImportReport, History]:
    """Import a set's folder into a new home, and `again`, which must bring nothing."""
    if not (DATA / folder).is_dir():
        pytest.skip(f"the data set {folder} is not at ../shared/data")
    text = (ROOT / "configs" / "mappings" / f"{name}.yaml").read_text(encoding="utf-8")
    report = bring_in(tmp_path / "home", DATA / folder, text, LATER)
    read, stored, known, rejected = counts(report)
    assert (stored, known, rejected) == (read, 0, 0)
    if again:
        assert counts(bring_in(tmp_path / "home", DATA / folder, text, LATER + DAY)) == (read, 0, read, 0)
    return report, Home.open(tmp_path / "home").history()


def _frame(path: str) -> pd.DataFrame:
    file = DATA / path
    return pd.read_parquet(file) if file.suffix == ".parquet" else pd.read_csv(file, dtype=str, keep_default_na=False)


def _rows(report: ImportReport) -> dict[tuple[str, str], int]:
    found: dict[tuple[str, str], int] = {}
    for one in report.sources:
        found[one.file, one.rows] = found.get((one.file, one.rows), 0) + one.read
    return found


def _ends(history: History, kind: str) -> pd.DataFrame:
    """How each subject stands in the end, by id: its state and since when."""
    subject, state, since, known = read_endings(history, kind).last
    return pd.DataFrame({"state": state, "since": since, "known": known},
                        index=history.subjects(kind).ids[subject])


def _micros(texts: pd.Series) -> pd.Series:
    moments = pd.to_datetime(texts, utc=True).dt.as_unit("us")
    return moments.dt.tz_localize(None).to_numpy().astype("int64")


def test_uci_bank_marketing_is_41188_leads_in_order_of_time_whose_answers_came_a_day_later(tmp_path: Path) -> None:
    report, history = _import("uci_bank_marketing", "uci_bank_marketing", tmp_path, again=False)
    table = _frame("uci_bank_marketing/bank_additional_full.parquet")
    leads = report.outcomes["leads"]
    said = table["y"].value_counts()
    assert (leads.subjects, leads.good, leads.bad, leads.open) == (41_188, said["yes"], said["no"], 0)
    ends = _ends(history, "lead").reindex(table["row_order"].astype(str))
    assert (ends["state"].to_numpy() == np.where(table["y"] == "yes", WON, LOST)).all()
    created = pd.Series(history.leads.created_at, index=history.leads.ids).reindex(ends.index)
    assert (ends["since"] == created + DAY).all()
    assert (ends["known"] == ends["since"]).all()
    # What is invented keeps what the file says: the order, the month and the weekday. 2008-05 to 2010-11, and no more.
    days = pd.DatetimeIndex(pd.to_datetime(created, unit="us", utc=True)).tz_convert("Europe/Lisbon")
    assert days.is_monotonic_increasing
    assert (days.strftime("%b").str.lower() == table["month"]).all()
    assert (days.strftime("%a").str.lower() == table["day_of_week"]).all()
    assert (str(days[0].date()), str(days[-1].date())) == ("2008-05-05", "2010-11-26")
    # The drift that its readme tells of: 2.8% convert in the first tenth, 45.9% in the last.
    won = ends["state"].to_numpy() == WON
    assert [round(float(part.mean()), 3) for part in (won[:4119], won[-4119:])] == [0.028, 0.459]
    # How long the call was is not known before the import, so nothing of the past sees it.
    assert history.until(LATER - 1).changes("lead", "duration").value.tolist() == []
    assert len(history.changes("lead", "duration")) == 41_188


def test_maven_crm_is_8800_deals_of_which_those_without_a_date_are_there_since_the_import(tmp_path: Path) -> None:
    report, history = _import("maven_crm", "maven_crm", tmp_path)
    table = _frame("maven_crm/sales_pipeline.csv").set_index("opportunity_id")
    deals, stages = report.outcomes["deals"], table["deal_stage"].value_counts()
    assert (deals.subjects, deals.good, deals.bad) == (8_800, stages["Won"], stages["Lost"])
    assert deals.open == stages["Engaging"] + stages["Prospecting"] == 2_089
    assert _rows(report) == {("sales_pipeline.csv", "deals"): len(table),
                             ("sales_teams.csv", "owners"): len(_frame("maven_crm/sales_teams.csv")),
                             ("accounts.csv", "accounts"): len(_frame("maven_crm/accounts.csv"))}
    created = pd.Series(history.deals.created_at, index=history.deals.ids).reindex(table.index)
    undated = (table["engage_date"] == "").to_numpy()
    assert (created[undated] == LATER).all()
    assert (created[~undated] == _micros(table.loc[~undated, "engage_date"])).all()
    ends = _ends(history, "deal")
    closed = table[table["close_date"] != ""]
    assert (ends.loc[closed.index, "since"] == _micros(closed["close_date"])).all()
    # Joined from other files: the list price of the product, however its name is spelt, and the account's sector.
    prices = _frame("maven_crm/products.csv").set_index("product")["sales_price"].astype(int)
    asked = table["product"].replace("GTXPro", "GTX Pro").map(prices) * 100
    amounts = history.changes("deal", "amount")
    got = pd.Series(amounts.numbers, index=history.deals.ids[amounts.subject]).reindex(table.index)
    assert (got == asked).all()
    sectors = history.changes("deal", "sector")
    named = table["account"].map(_frame("maven_crm/accounts.csv").set_index("account")["sector"])
    assert len(sectors) == named.notna().sum()
    assert "technolgy" not in set(sectors.value)


def test_dbt_assessment_leads_convert_on_their_date_and_deals_find_their_lead(tmp_path: Path) -> None:
    report, history = _import("dbt_assessment_leads", "dbt_assessment_leads", tmp_path)
    leads, deals = (_frame(f"dbt_assessment_leads/{name}.csv").set_index("id") for name in ("leads", "opportunities"))
    found = report.outcomes["leads"]
    converted = leads[leads["converted_at"] != ""]
    assert (found.subjects, found.good, found.open) == (946, len(converted), 946 - len(converted))
    ends = _ends(history, "lead")
    assert (ends.loc[converted.index, "state"] == WON).all()
    assert (ends.loc[converted.index, "since"] == _micros(converted["converted_at"])).all()
    found = report.outcomes["deals"]
    won, closed = deals["is_won"] == "TRUE", deals["is_closed"] == "TRUE"
    assert (found.subjects, found.good, found.bad, found.open) == (
        461, won.sum(), (closed & ~won).sum(), (~closed).sum())
    ends = _ends(history, "deal").reindex(deals.index)
    assert (ends["state"].to_numpy() == np.select([won, closed], [WON, LOST], OPEN)).all()
    assert (ends.loc[closed, "since"] == _micros(deals.loc[closed, "closed_at"])).all()
    lead_of = _frame("dbt_assessment_leads/contacts.csv").set_index("account_id")["lead_id"]
    linked = pd.Series(history.deals.links["lead_id"].to_numpy(object), index=history.deals.ids)
    assert (linked.reindex(deals.index) == deals["account_id"].map(lead_of)).all()


def test_salesforce_s_opportunity_history_gives_every_field_as_it_was(tmp_path: Path) -> None:
    report, history = _import("fivetran_salesforce", "fivetran_seeds/dbt_salesforce", tmp_path)
    folder = "fivetran_seeds/dbt_salesforce/sf_"
    log = _frame(f"{folder}opportunity_history_data.csv").set_index("id")
    tasks, events = (_frame(f"{folder}{name}_data.csv") for name in ("task", "event"))
    about = {prefix: int(sum(table[column].str.startswith(prefix).sum() for table in (tasks, events)))
             for prefix, column in (("006", "what_id"), ("003", "who_id"))}
    activities = history.tables["activities"]
    assert {kind: int((activities["subject"] == kind).sum()) for kind in ("deal", "contact")} == {
        "deal": about["006"], "contact": about["003"]}
    assert _rows(report)["sf_opportunity_history_data.csv", "changes"] == len(log)
    won, closed = log["is_won"] == "true", log["is_closed"] == "true"
    found = report.outcomes["deals"]
    assert (found.subjects, found.good, found.bad, found.open) == (
        len(_frame(f"{folder}opportunity_data.csv")), won.sum(), (closed & ~won).sum(), (~closed).sum())
    assert (_ends(history, "deal")["since"].reindex(log.index) == _micros(log["_fivetran_start"])).all()
    amounts = history.changes("deal", "amount")
    got = pd.Series(amounts.numbers, index=history.deals.ids[amounts.subject]).reindex(log.index)
    assert got.equals(pd.to_numeric(log["amount"]) * 100)
    assert report.outcomes["leads"].good == 1


def test_hubspot_s_property_history_and_stages_are_kept_until_their_deals_arrive(tmp_path: Path) -> None:
    report, history = _import("fivetran_hubspot", "fivetran_seeds/dbt_hubspot", tmp_path)
    folder = "fivetran_seeds/dbt_hubspot/"
    rows = _rows(report)
    for name, table in (("deal_data", "deals"), ("deal_stage_data", "changes"), ("owner_data", "owners"),
                        ("deal_property_history_data", "changes"), ("company_data", "accounts"),
                        ("contact_data", "contacts"), ("deal_contact_data", "deal_contacts")):
        assert rows[f"{name}.csv", table] == len(_frame(f"{folder}{name}.csv")), name
    changes, log = history.tables["changes"], _frame(f"{folder}deal_property_history_data.csv")
    assert (changes["field"] == "updated_by").sum() == (log["name"] == "ky4p2Nx3U/ctHYnc+rKWvg==").sum() == 60
    stages, entered = changes[changes["field"] == "stage"], _frame(f"{folder}deal_stage_data.csv")
    assert sorted(zip(stages["subject_id"], stages["value"], stages["changed_at"], strict=True)) == sorted(
        zip(entered["deal_id"], entered["value"], _micros(entered["date_entered"]), strict=True))
    # None of those deals is among the 44 that the extract holds: their rows wait.
    assert report.waiting_rows["deal"] == len(log) + 3 * len(entered)
    assert history.tables["activities"]["kind"].tolist() == ["call"]
    assert report.unmapped_fields == {}
