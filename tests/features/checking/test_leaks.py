"""Leaks are found by measurement, whatever a field is called, and honest fields are left alone."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from features.checking.fields import field_reports
from features.checking.leaks import leaks, suspicions
from features.checking.material import Material
from features.home import Home
from features.importing import import_files
from serving.cli.data import read_mapping
from simulation.company import generate
from tests.companies import NOW, bring_in, mapping_text

DAY = pd.Timedelta("1D")
HONEST = {"size": "number", "source": "category", "planned": "date", "born": "date", "rate": "number"}
LEAKY = {"calls_in_all": "number", "paid": "money", "why_lost": "category", "signed": "date", "met": "date",
         "days_open": "number", "mood": "category"}


def deals(n: int = 1200) -> pd.DataFrame:
    """Deals of two years: some fields were known at the start, others were filled on the way or at the end."""
    rng = np.random.default_rng(3)
    won = rng.random(n) < np.linspace(0.2, 0.6, n)  # times are getting better
    created = pd.Timestamp("2022-01-01", tz="UTC") + pd.to_timedelta(np.sort(rng.random(n)) * 700, unit="D")
    life = pd.Series(rng.gamma(2, 25, n) * np.where(won, 1.3, 1) + 2)
    closed = created + pd.to_timedelta(life, unit="D").to_numpy()
    ended = rng.random(n) < 0.9
    source = np.where(rng.random(n) < 0.3 + 0.2 * won, "referral", "web")
    return pd.DataFrame({
        "id": [f"D{i}" for i in range(n)], "created": created, "stage": np.where(~ended, "Talk", np.where(
            won, "Won", "Lost")), "closed": pd.Series(closed).where(ended),
        "size": rng.lognormal(4, 1, n) * (1 + 0.3 * won), "source": source,
        "planned": (created + pd.to_timedelta(life * rng.lognormal(0, 0.4, n), unit="D").to_numpy()).date,
        "born": created - pd.to_timedelta(rng.random(n) * 9000, unit="D"),
        "rate": np.round(np.linspace(0.5, 4.5, n), 1),
        "calls_in_all": np.round(life / 6 + rng.random(n) * 2).astype(int),
        "paid": np.where(won & ended, rng.lognormal(8, 1, n).round(2), 0),
        "why_lost": np.where(~won & ended & (rng.random(n) < 0.5), "price", None),
        "signed": pd.Series(closed).where(ended & won),
        "met": pd.Series(created + (closed - created) * 0.5).where(rng.random(n) < 0.7),
        "days_open": life.round(), "mood": np.where(rng.random(n) < 0.2, "?", np.where(won, "good", "bad"))})


def mapping(past: str) -> str:
    fields = [f"{name}: {{column: {name}, type: {kind}, past: {past}}}" for name, kind in {**HONEST, **LEAKY}.items()]
    stage = "stage: {column: stage, past: final_only, closed_at: closed}"
    return mapping_text("""
  - file: deals.parquet
    rows: deals
    columns: {deal_id: id, created_at: created}
    fields:
      """ + "\n      ".join([stage, *fields]))


def material(home: Path, folder: Path, past: str = "at_creation") -> Material:
    folder.mkdir(parents=True)
    deals().to_parquet(folder / "deals.parquet")
    bring_in(home, folder, mapping(past))
    return Material(Home.open(home).history(), NOW)


@pytest.fixture(scope="module")
def at_creation(tmp_path_factory: pytest.TempPathFactory) -> Material:
    folder = tmp_path_factory.mktemp("leaks")
    return material(folder / "home", folder / "in")


def rules(material: Material) -> dict[str, set[str]]:
    return {one.name: {reason.rule for reason in suspicions(material, one)[0]} for one in material.fields("deal")}


def test_fields_that_know_the_end_are_suspected_each_for_its_reason(at_creation: Material) -> None:
    found = rules(at_creation)
    assert {name: found[name] & expected for name, expected in EXPECTED.items()} == EXPECTED


EXPECTED = {"calls_in_all": {"length_of_life"}, "paid": {"constant", "predicts_alone"}, "why_lost": {"one_outcome"},
            "signed": {"date_of_end", "predicts_alone"}, "met": {"date_of_later"}, "days_open": {"length_of_life"},
            "mood": {"predicts_alone"}}


@pytest.mark.parametrize("name", HONEST)
def test_honest_fields_are_not_suspected(at_creation: Material, name: str) -> None:
    assert rules(at_creation)[name] == set()


def test_the_field_that_defines_the_end_is_not_judged_by_it(at_creation: Material) -> None:
    assert rules(at_creation)["stage"] == set()


def test_a_suspicion_says_its_figure_what_the_others_reach_and_what_would_clear_it(at_creation: Material) -> None:
    paid, = (one for one in leaks(at_creation) if one.field == "paid")
    assert paid.weight == "wrong"
    assert "100% of the lost have '0', and hardly any of the won" in paid.what
    assert "AUC 1.00" in paid.what
    assert "the other fields' median is 0.5" in paid.what
    assert "Its log, or the date on which it was filled, would clear it" in paid.cure
    assert paid.figures["auc"] == 1


def test_a_last_value_is_judged_too_and_told_to_stay_what_it_is(tmp_path: Path) -> None:
    seen = material(tmp_path / "home", tmp_path / "in", "final_only")
    found = {one.field: one for one in leaks(seen)}
    assert {"paid", "why_lost", "signed", "mood", "days_open"} <= set(found)
    assert not set(HONEST) & set(found)
    assert found["paid"].weight == "odd"
    assert "Leave it final_only" in found["paid"].cure


LOGGED = """
  - file: deals.csv
    rows: deals
    columns: {deal_id: id, created_at: created}
  - file: log.csv
    rows: changes
    subject: deal
    columns: {subject_id: id, changed_at: at, field: field, value: value}
    fields:
      stage: {column: stage, past: logged}
      why_lost: {column: why, past: logged}
      rating: {column: rating, past: logged}
"""


def log(at_start: bool) -> pd.DataFrame:
    table = deals(400)
    table = table[table["closed"].notna()]
    created, closed = table["created"], table["closed"]
    lost = table["stage"] == "Lost"
    parts = [(created, "stage", "Talk"), (closed, "stage", table["stage"]),
             (closed[lost], "why", "price"), (created if at_start else closed - DAY, "rating", table["mood"])]
    return pd.concat([pd.DataFrame({"id": table["id"].reindex(at.index), "at": at, "field": name, "value": value})
                      for at, name, value in parts])


@pytest.mark.parametrize("at_start", [False, True])
def test_a_log_is_judged_by_what_stood_there_at_the_start_alone(tmp_path: Path, at_start: bool) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    deals(400)[["id", "created"]].to_csv(folder / "deals.csv", index=False)
    log(at_start).to_csv(folder / "log.csv", index=False)
    bring_in(tmp_path / "home", folder, mapping_text(LOGGED))
    seen = Material(Home.open(tmp_path / "home").history(), NOW)
    found = rules(seen)
    assert (found["stage"], found["why_lost"], "predicts_alone" in found["rating"]) == (set(), set(), at_start)
    late = {one.field: one.filled_after_end for one in field_reports(seen)}
    assert late["why_lost"] == 1
    assert late["stage"] == 0


@pytest.mark.parametrize("seed", [1, 2])
def test_no_field_of_the_simulated_company_is_suspected(tmp_path: Path, seed: int) -> None:
    made = generate(tmp_path / "simulated", seed=seed, size="tiny")
    home = Home.open(tmp_path / "home", must_exist=False)
    text = read_mapping("simulated")
    import_files(home, made.export_folder, *text, recorded_at=made.end)
    home = Home.open(tmp_path / "home")
    assert leaks(Material(home.history(), home.last_known())) == []


# ---- real data ----

BPIC = """
company: whole cases
stages: [{name: open}, {name: won, outcome: won}, {name: lost_declined, outcome: lost},
         {name: lost_cancelled, outcome: lost}]
sources:
  - file: deals.parquet
    rows: deals
    where_not: {first_a_preaccepted_at: [""]}
    columns: {deal_id: case_id, created_at: reg_date}
    fields:
      stage: {column: outcome, past: final_only, closed_at: closed_at}
      amount_requested: {column: amount_requested, type: money, past: at_creation}
"""
BPIC_TYPES = {"n_events": "number", "final_activity": "category", "outcome": "category"}
BPIC_START = {"reg_date", "first_event_at", "first_a_preaccepted_at"}  # within a minute of the creation
BPIC_WHOLE = {"last_event_at", "n_events", "final_activity", "closed_at", "outcome", "first_a_accepted_at",
              "first_a_finalized_at", "first_o_sent_at", "first_o_sent_back_at", "first_o_accepted_at",
              "first_o_cancelled_at", "first_o_declined_at"}


def test_whole_case_columns_of_a_real_pipeline_are_suspected_and_its_honest_ones_not(tmp_path: Path,
                                                                                    bpic2012: Path) -> None:
    text = BPIC + "".join(f"      {name}: {{column: {name}, type: {BPIC_TYPES.get(name, 'date')}, past: at_creation}}\n"
                          for name in sorted(BPIC_START | BPIC_WHOLE))
    bring_in(tmp_path / "home", bpic2012 / "deals.parquet", text)
    found = leaks(Material(Home.open(tmp_path / "home").history(), NOW))
    assert {one.field for one in found} == BPIC_WHOLE


MAVEN = """
company: small team
currency: USD
stages: [{name: Engaging}, {name: Won, outcome: won}, {name: Lost, outcome: lost}]
sources:
  - file: sales_pipeline.csv
    rows: deals
    where_not: {engage_date: [""]}
    columns: {deal_id: opportunity_id, created_at: engage_date}
    date_format: "%m/%d/%Y"
    fields:
      stage: {column: deal_stage, past: final_only, closed_at: close_date}
      close_value: {column: close_value, type: money, past: PAST}
      owner: {column: sales_agent, past: at_creation}
      product: {column: product, past: at_creation}
      account: {column: account, past: at_creation}
"""


@pytest.mark.parametrize("past", ["at_creation", "final_only"])
def test_an_amount_that_is_0_for_all_that_was_lost_is_suspected(tmp_path: Path, real_data: Path, past: str) -> None:
    bring_in(tmp_path / "home", real_data / "maven_crm" / "sales_pipeline.csv", MAVEN.replace("PAST", past))
    account, found = sorted(leaks(Material(Home.open(tmp_path / "home").history(), NOW)), key=lambda one: one.field)
    assert found.field == "close_value"
    assert "100% of the lost have '0'" in found.what
    assert account.field == "account"  # filled in on the way
    assert "nearly all that ended have one, but only" in account.what


def test_a_link_that_is_only_there_once_a_deal_has_ended_is_suspected(tmp_path: Path, real_data: Path) -> None:
    text = MAVEN.replace("PAST", "final_only").replace("created_at: engage_date}", "created_at: engage_date, "
                                                       "account_id: account}")
    text = text.replace("      account: {column: account, past: at_creation}\n", "")
    bring_in(tmp_path / "home", real_data / "maven_crm" / "sales_pipeline.csv", text)
    link, = (one for one in leaks(Material(Home.open(tmp_path / "home").history(), NOW)) if one.field == "account_id")
    assert (link.weight, "final_only" in link.cure) == ("wrong", True)


def test_the_length_of_the_call_is_suspected_among_a_real_bank_s_twenty_fields(tmp_path: Path,
                                                                              real_data: Path) -> None:
    # The rows are in order of time without dates of their own: one every half hour or so.
    calls = pd.read_parquet(real_data / "uci_bank_marketing" / "bank_additional_full.parquet").head(15_000)
    calls["at"] = pd.Timestamp("2008-05-01", tz="UTC") + pd.to_timedelta(calls["row_order"] * 1900, unit="s")
    fields = [name for name in calls if name not in ("y", "row_order", "at")]
    kinds = ["number" if pd.api.types.is_numeric_dtype(calls[name]) else "category" for name in fields]
    text = """
company: bank
leads: {converted: ["yes"], disqualified: ["no"], horizon: {days: 30}}
sources:
  - file: calls.parquet
    rows: leads
    columns: {lead_id: row_order, created_at: at}
    fields:
      status: {column: "y", past: final_only, closed_at: at}
""" + "".join(f"      {name.replace('.', '_')}: {{column: {name}, type: {kind}, past: at_creation}}\n"
              for name, kind in zip(fields, kinds, strict=True))
    calls.to_parquet(tmp_path / "calls.parquet")
    bring_in(tmp_path / "home", tmp_path / "calls.parquet", text)
    found, = leaks(Material(Home.open(tmp_path / "home").history(), NOW))
    assert found.field == "duration"


@pytest.mark.parametrize(("data", "shipped", "expected"), [
    ("maven_crm", "maven_crm", ["close_value"]), ("dbt_assessment_leads", "dbt_assessment_leads", [])])
def test_by_the_shipped_mappings_of_real_sets_only_what_knows_the_end_is_suspected(
        tmp_path: Path, real_data: Path, data: str, shipped: str, expected: list[str]) -> None:
    mapping, text = read_mapping(shipped)
    import_files(Home.open(tmp_path / "home", must_exist=False), real_data / data, mapping, text, NOW * 2)
    assert [one.field for one in leaks(Material(Home.open(tmp_path / "home").history(), NOW * 2))] == expected


def test_what_a_second_export_brings_for_the_first_time_was_not_filled_late(tmp_path: Path) -> None:
    made = deals(400)
    for i, some in enumerate((made[::2], made[1::2])):
        (tmp_path / f"in{i}").mkdir()
        some.to_parquet(tmp_path / f"in{i}" / "deals.parquet")
        bring_in(tmp_path / "home", tmp_path / f"in{i}", mapping("final_only"), NOW + i * 86_400_000_000)
    history = Home.open(tmp_path / "home").history()
    seen = Material(history, NOW + 2 * 86_400_000_000)
    assert not [name for name, its in rules(seen).items() if "after_the_end" in its]
