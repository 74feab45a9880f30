"""Notes: varied, in two languages, and true of the deal that they are about."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
import pytest
import yaml

from features.calendar import DAY
from simulation.clock import in_recession
from simulation.export import crm_tables
from simulation.notes import NEEDS, OBJECTIONS, _alternatives
from simulation.past import Past, simulate, stream
from simulation.world import Size, World
from tests.running import ROOT

GRAMMAR = yaml.safe_load((ROOT / "simulation" / "notes.yaml").read_text(encoding="utf-8"))
HAN = re.compile(r"[一-鿿]")


@pytest.fixture(scope="module")
def past(world: World) -> Past:
    return simulate(world, Size(leads=1500, direct_deals=150, reps=12, managers=4, replicas=4), 7)


@pytest.fixture(scope="module")
def made(past: Past) -> tuple[dict[str, pd.DataFrame], pd.DataFrame]:
    return crm_tables(past, stream(7, "export"))


@pytest.fixture(scope="module")
def noted(made: tuple[dict[str, pd.DataFrame], pd.DataFrame]) -> pd.DataFrame:
    """Activities with a note, with what it is about and where the customer sits."""
    tables, labels = made
    log = tables["activities"].merge(labels, on="key")
    country = pd.concat([tables[f"{kind}s"].set_index(f"{kind}_id")["country"] for kind in ("lead", "deal")])
    return log.assign(country=log["record_id"].map(country))


def test_thousands_of_distinct_texts(noted: pd.DataFrame) -> None:
    assert len(noted) > 8_000
    assert noted["note"].nunique() > 0.6 * len(noted)
    assert (noted["note"] != "").all()
    assert not noted["note"].str.contains(r"[{}\[\]|]").any()


def test_no_activity_has_a_note_without_labels(made: tuple[dict[str, pd.DataFrame], pd.DataFrame],
                                               noted: pd.DataFrame) -> None:
    log = made[0]["activities"]
    assert set(log.loc[log["note"] != "", "key"]) == set(noted["key"])


def test_every_sentence_of_the_grammar_fits() -> None:
    for slot in ("needs", "roles", "objections"):
        for name, by_language in GRAMMAR[slot].items():
            for language in ("en", "zh"):
                assert by_language[language], (slot, name, language)
    assert _alternatives("[a|b] c[, d|].") == ["a c, d.", "a c.", "b c, d.", "b c."]


def test_chinese_notes_are_written_in_china_and_mix_in_some_english(noted: pd.DataFrame) -> None:
    han = noted["note"].str.contains(HAN)
    assert (noted["language"] == "zh").equals(noted["country"] == "China")
    assert not han[noted["language"] == "en"].any()
    chinese = noted[noted["language"] == "zh"]
    assert chinese["note"].str.contains(HAN).mean() > 0.85
    assert chinese["note"].str.contains(r"[A-Za-z]{4}").mean() > 0.05


def test_labels_name_what_stands_in_the_note(noted: pd.DataFrame) -> None:
    """A classifier by the grammar's own words agrees with the labels: nobody wrote a label for another text."""
    english = noted[noted["language"] == "en"]
    words = {"competitor": r"(?i)compar|compet|also look|also talk|made an offer|is cheaper|is in\b",
             "budget freeze": r"(?i)freeze|frozen|spending stop|stopped all|cut the budget"}
    for name, pattern in words.items():
        says = english["note"].str.contains(pattern.replace("(?i)", ""), case=False)
        assert says[english["objection"] == name].mean() > 0.93  # the rest is misspelt
    freeze = english["note"].str.contains(r"freeze|frozen|spending stop", case=False)
    assert not freeze[english["objection"] != "budget freeze"].any()
    assert set(noted["need"]) <= {*NEEDS, ""}
    assert set(noted["objection"]) == {*OBJECTIONS, ""}


def test_frozen_budgets_are_told_of_in_a_recession(past: Past, noted: pd.DataFrame) -> None:
    slump = in_recession(past.world, (noted["happened_at"].to_numpy() - past.clocks.first) / DAY) > 0
    freeze = (noted["objection"] == "budget freeze").to_numpy()
    assert freeze[slump].mean() > 5 * freeze[~slump].mean() > 0


def test_a_competitor_is_told_of_only_where_there_is_one_and_losses_to_it_are_such_deals(
        made: tuple[dict[str, pd.DataFrame], pd.DataFrame], noted: pd.DataFrame) -> None:
    history = made[0]["field_history"]
    reasons = history[history["field"] == "loss_reason"].set_index("record_id")["value"]
    told = noted[noted["objection"] == "competitor"]
    assert (told["object"] == "Deal").all()
    assert not set(told["record_id"]) & set(reasons[reasons == "price"].index)  # a rival there would be the reason
    assert set(told["record_id"]) & set(reasons[reasons == "competitor"].index)


def test_the_role_is_that_of_the_person_who_is_talked_to(made: tuple[dict[str, pd.DataFrame], pd.DataFrame],
                                                         noted: pd.DataFrame) -> None:
    members = made[0]["deal_contacts"]
    pairs = set(zip(members["deal_id"], members["contact_id"], members["role"], strict=True))
    told = noted[(noted["role"] != "") & (noted["object"] == "Deal")]
    assert len(told) > 300
    assert set(zip(told["record_id"], told["contact_id"], told["role"], strict=True)) <= pairs


def test_persons_named_in_truth_stand_in_the_text(made: tuple[dict[str, pd.DataFrame], pd.DataFrame],
                                                  noted: pd.DataFrame) -> None:
    names = made[0]["contacts"].set_index("contact_id")["name"]
    told = noted[(noted["persons"] != "") & (noted["language"] == "en")]
    assert len(told) > 1_000
    found = [any(part.lower() in note.lower() for person in persons.split() for part in names[person].split())
             for note, persons in zip(told["note"], told["persons"], strict=True)]
    assert np.mean(found) > 0.999


def test_contacts_are_known_to_the_deal_when_they_are_talked_to(made: tuple[dict[str, pd.DataFrame], pd.DataFrame]
                                                                ) -> None:
    tables = made[0]
    log = tables["activities"][tables["activities"]["object"] == "Deal"]
    since = tables["deal_contacts"].set_index(["deal_id", "contact_id"])["valid_from"].groupby(level=[0, 1]).min()
    joined = since.reindex(pd.MultiIndex.from_frame(log[["record_id", "contact_id"]]))
    assert (joined.to_numpy() <= log["happened_at"].to_numpy()).all()


def test_deals_in_china_are_worked_in_chinese_hours_and_rest_at_spring_festival(noted: pd.DataFrame) -> None:
    deals = noted[(noted["object"] == "Deal") & (noted["country"] == "China")]
    local = pd.to_datetime(deals["happened_at"], unit="us", utc=True).dt.tz_convert("Asia/Shanghai")
    assert local.dt.hour.between(8, 18).mean() > 0.94  # deals are created in the head office
    festival = (local >= "2026-02-16") & (local < "2026-02-24")
    assert festival.sum() < 0.25 * len(deals) * 8 / (3 * 365) + 3
