from __future__ import annotations

from pathlib import Path

import pytest

from features.errors import BadInput, NotFound
from features.mapping import load_mapping, parse_mapping
from tests.companies import CALLS, DEALS, LOG, mapping_text
from tests.running import ROOT


@pytest.mark.parametrize("name", ["bpic2012", "one_table", "simulated"])
def test_a_shipped_mapping_fits_the_schema(name: str) -> None:
    assert load_mapping(ROOT / "configs" / "mappings" / f"{name}.yaml").company


def test_a_field_keeps_one_type_in_all_sources() -> None:
    mapping = parse_mapping(mapping_text(DEALS, LOG), "here")
    assert mapping.field_types("deal") == {"stage": "category", "amount": "money", "industry": "category",
                                           "expected_close": "date"}
    assert mapping.stage_names("won") == ["Won"]


@pytest.mark.parametrize(("right", "wrong", "message"), [
    ("company: Test", "compny: Test", "compny: unknown setting. Did you mean 'company'?"),
    ("company: Test\n", "", "company: Field required"),
    ("time_zone: UTC", "time_zone: Europe/Berln", "'Europe/Berln' is not known. Did you mean 'Europe/Berlin'?"),
    ("rows: deals", "rows: deal", "sources.1.rows"),
    ("column: stage", "colum: stage", "sources.1.fields.stage.colum: unknown setting. Did you mean 'column'?"),
    ("deal_id: id", "dealid: id", "'dealid' is not a column of deals"),
    ("created_at: created", "kind: created", "rows of deals need: created_at"),
    ("type: money", "type: cash", "sources.1.fields.amount.type"),
    ("outcome: won", "outcome: win", "stages.3.outcome"),
    ("name: Offer", "name: Talk", "a stage is listed twice"),
    ("past: at_creation", "past: logged", "deal field 'industry' is marked logged, but no source of changes"),
    ("type: money, past: logged", "type: number, past: logged", "deal field 'amount' has two types"),
    ("subject: deal", "subject: deals", "sources.2.subject"),
    ("    subject: deal\n", "", "'subject' is given for changes and activities"),
    (", value: value}", "}", "either both field and value"),
    ("past: at_creation", "past: at_creation, closed_at: closed",
     "deal field 'industry' of deals has closed_at, which only rows of deals have, for a stage with an outcome"),
    ("    rows: changes", "    date_format: dd/mm/yyyy\n    rows: changes", "Write %d/%m/%Y for 31/12/2025"),
    ("currency: EUR", "currency: EUR\ncompany: Other", "my.yaml, line 5: 'company' stands in line 2 already"),
    ("{column: stage,", "{column: stage, column: phase,", "'column' stands in line"),
    ("{column: Stage,", "{column: Stage, closed_at: closed,", "deal field 'stage' of changes has closed_at"),
])
def test_a_slip_is_named_where_it_stands(right: str, wrong: str, message: str) -> None:
    text = mapping_text(DEALS, LOG)
    assert right in text
    with pytest.raises(BadInput) as caught:
        parse_mapping(text.replace(right, wrong, 1), "my.yaml")
    assert message in str(caught.value)
    assert "my.yaml" in str(caught.value)


def test_changes_need_fields() -> None:
    with pytest.raises(BadInput, match="changes need 'fields'"):
        parse_mapping(mapping_text(LOG.split("    fields:")[0]), "here")


def test_only_subjects_have_fields() -> None:
    with pytest.raises(BadInput, match="rows of activities have no mapped fields"):
        parse_mapping(mapping_text(CALLS + "    fields: {mood: {column: mood}}\n"), "here")


@pytest.mark.parametrize("text", ["", "[1, 2]", "company: [", "just words"])
def test_what_is_no_mapping_is_refused(text: str) -> None:
    with pytest.raises(BadInput, match="here"):
        parse_mapping(text, "here")


def test_a_missing_file_says_what_is_shipped(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="Shipped ones can be named alone"):
        load_mapping(tmp_path / "none.yaml")


def test_a_draft_with_open_questions_is_no_mapping() -> None:
    text = mapping_text(DEALS)
    parse_mapping("questions: []\n" + text, "the draft")
    with pytest.raises(BadInput, match=r"(?s)is a draft with 2 open questions.*- One\?.*- Two\?"):
        parse_mapping("questions: ['One?', 'Two?']\n" + text, "the draft")


def test_times_is_refused_where_it_would_do_nothing() -> None:
    with pytest.raises(BadInput, match="'times' is for fields of type number or money, not category"):
        parse_mapping(mapping_text(DEALS.replace("industry: {column: industry,",
                                                 "industry: {column: industry, times: 10,")),
                      "the mapping")


def test_one_entry_may_be_taken_over_by_another_although_both_then_have_a_key() -> None:
    text = mapping_text(DEALS).replace("- file: deals.csv", "- &first\n    file: deals.csv")
    mapping = parse_mapping(text + "  - {<<: *first, file: old.csv}\n", "here")
    assert [source.file for source in mapping.sources] == ["deals.csv", "old.csv"]
