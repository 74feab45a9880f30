"""Drafts of mappings: recognised whatever columns are called, never guessed silently, always usable."""

from __future__ import annotations

import random
from pathlib import Path

import pandas as pd
import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from features.drafting.draft import draft_mapping
from features.drafting.drafted import Draft, Table
from features.drafting.words import tokens_of
from features.drafting.writing import draft_document, draft_text
from features.errors import BadInput
from features.mapping import Mapping, parse_mapping
from tests.features.drafting.exports import CHINESE_STAGES, DIALECTS, ENGLISH_STAGES, deals, write_deals

# Role of the made-up deals to where a draft has it: a contract column, or a field.
PLACES = {"deal_id": "deal_id", "created_at": "created_at", "kind": "kind", "stage": "field stage",
          "amount": "field amount",
          "owner": "field owner", "expected_close": "field expected_close", "closed_at": "closed_at",
          "close": "field expected_close", "probability": "field rep_probability", "modified": "left out",
          "deleted": "left out", "name": "own field text", "source": "own field category",
          "industry": "own field category"}


def place(table: Table, column: str) -> str:
    decision = table.decisions[column]
    if decision.role != "field":
        return decision.role
    known = {"stage", "amount", "owner", "expected_close", "rep_probability", "status", "currency"}
    return f"field {decision.field}" if decision.field in known else f"own field {table.fields[decision.field].type}"


def drafted(*paths: Path) -> tuple[Draft, str]:
    draft = draft_mapping(list(paths))
    return draft, draft_text(draft, "FILES")


def finished(text: str) -> Mapping:
    """The mapping of a draft, its questions taken as answered by what was drafted."""
    content = yaml.safe_load(text)
    content.pop("questions", None)
    return parse_mapping(yaml.safe_dump(content, allow_unicode=True), "the draft")


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_product_s_or_a_person_s_own_headers_are_recognised(dialect: str, tmp_path: Path) -> None:
    headers = DIALECTS[dialect]
    chinese = any("\u4e00" <= letter <= "\u9fff" for letter in headers["stage"])
    draft, text = drafted(write_deals(tmp_path / "export.csv", headers, chinese=chinese))
    (table,) = draft.tables
    assert table.rows == "deals"
    wrong = {role: place(table, header) for role, header in headers.items() if place(table, header) != PLACES[role]}
    assert not wrong
    stages = CHINESE_STAGES if chinese else ENGLISH_STAGES
    assert [name for name, _ in draft.stages] == list(stages)
    assert [outcome for _, outcome in draft.stages] == ["", "", "", "won", "lost"]
    assert finished(text).stage_names("won") == [stages[3]]


SYNONYMS = {
    "deal_id": ["Deal ID", "opportunity_no", "Opportunity Number", "dealKey", "商机编号", "Opp Ref"],
    "created_at": ["Created", "create_date", "Date Created", "entryDate", "登记日期", "Added on"],
    "stage": ["Stage", "sales_stage", "Deal Stages", "phase", "销售阶段", "PipelineStage"],
    "amount": ["Amount", "deal_value", "Contract Value", "TCV", "合同金额", "Total Amount"],
    "owner": ["Owner", "sales_rep", "Assigned To", "Account Executive", "负责人", "salesPerson"],
    "expected_close": ["Expected Close", "est_close_date", "Forecast Close Date", "plannedClose", "预计签约日期"],
    "closed_at": ["Closed at", "actual_close_date", "Date Closed", "closedOn", "结单日期"],
    "source": ["Lead Source", "channel", "originalSource", "来源"],
}


def _noisy(header: str, noise: str) -> str:
    if not header.isascii():
        return header if noise in ("upper", "snake") else f" {header} "
    return {"none": header, "upper": header.upper().replace(" ", "_") if " " in header else header,
            "spaces": f"  {header} ",
            "snake": "_".join(tokens_of(header)), "prefix": f"property_{'_'.join(tokens_of(header))}",
            "suffix": f"{'_'.join(tokens_of(header))}__c", "dots": ".".join(tokens_of(header))}[noise]


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(names=st.fixed_dictionaries({role: st.sampled_from(some) for role, some in SYNONYMS.items()}),
       noise=st.sampled_from(["none", "upper", "spaces", "snake", "prefix", "suffix", "dots"]),
       chance=st.randoms(use_true_random=False))
def test_order_synonyms_case_and_noise_do_not_change_what_columns_are(
        names: dict[str, str], noise: str, chance: random.Random, tmp_path_factory: pytest.TempPathFactory) -> None:
    roles = list(SYNONYMS)
    chance.shuffle(roles)
    headers = {role: _noisy(names[role], noise) for role in roles}
    draft, _ = drafted(write_deals(tmp_path_factory.mktemp("noisy") / "data.csv", headers))
    (table,) = draft.tables
    assert table.rows == "deals"
    assert {role: place(table, header.strip()) for role, header in headers.items()} == {role: PLACES[role]
                                                                                        for role in headers}
    assert draft.questions == []


CELLS = st.one_of(st.none(), st.text(max_size=12), st.integers(-10**20, 10**20).map(str), st.sampled_from(
    ["Closed Won", "输单", "2025-02-30", "03/04/2025", "31.12.2024", "1.234,5", "€ 5", "12万", "yes", "否", "NaN",
     "=A1",
     "%", "a;b",
     "x@y.de", "1e400", "–", "'", '"', "#", ": ", "? ", "- ", "{", "[x]", "\ufeff", "true"]))


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(headers=st.lists(st.one_of(st.text(min_size=1, max_size=14), st.sampled_from(
    ["ID", "Stage", "Amount (k€)", "金额（万元）", "Created", "Close Date", "won", "a: b", "#", "'", "{x}", "no", "?",
     "- x"])),
    min_size=1, max_size=7, unique=True), rows=st.lists(st.lists(CELLS, min_size=7, max_size=7), min_size=1,
                                                        max_size=25))
def test_whatever_stands_in_a_table_a_draft_decides_every_column_and_is_yaml(
        headers: list[str], rows: list[list[str | None]], tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.mktemp("any") / "deals.parquet"
    pd.DataFrame({name: [row[i] for row in rows] for i, name in enumerate(headers)}, dtype=object).to_parquet(path)
    try:
        draft, text = drafted(path)
    except BadInput:
        return  # nothing but blank names
    content = yaml.safe_load(text)
    (table,) = draft.tables
    assert set(table.decisions) == set(table.profiles)
    assert draft_document(draft, text)["tables"][0]["columns"]
    if content["sources"] and "?" not in _words(content["sources"]):
        finished(text)
    else:
        assert draft.questions


@pytest.mark.parametrize(("word", "drafted_as"), [("USD", "USD"), (": ", "EUR"), ("\x1b", "EUR"), ("#", "EUR")])
def test_the_only_word_of_a_column_called_currency_is_one_only_if_it_is_a_currencys_code(
        word: str, drafted_as: str, tmp_path: Path) -> None:
    path = frame_file(tmp_path / "deals.csv", base().assign(currency=word))
    draft, text = drafted(path)
    assert draft.currency[0] == drafted_as
    assert yaml.safe_load(text)["currency"] == drafted_as


def _words(sources: list[dict[str, object]]) -> set[object]:
    return {word for source in sources for part in ("columns", "fields")
            for word in dict(source.get(part) or {}).values()  # type: ignore[call-overload]
            if isinstance(word, str)} | {source.get("date_format") for source in sources}


def frame_file(path: Path, frame: pd.DataFrame, **renamed: str) -> Path:
    frame.rename(columns=renamed).to_csv(path, index=False)
    return path


def base(n: int = 200) -> pd.DataFrame:
    frame = deals(n)[["deal_id", "created_at", "stage", "amount", "owner", "closed_at"]]
    return frame.set_axis(["Deal ID", "Created", "Stage", "Amount", "Owner", "Closed on"], axis=1)


def test_a_draft_without_questions_imports_as_it_is(tmp_path: Path) -> None:
    draft, text = drafted(frame_file(tmp_path / "deals.csv", base()))
    assert draft.questions == []
    mapping = parse_mapping(text, "the draft")
    (source,) = mapping.sources
    assert source.columns == {"deal_id": "Deal ID", "created_at": "Created"}
    assert source.fields["stage"].closed_at == "Closed on"
    assert source.fields["amount"].past == "final_only"


def test_a_draft_with_questions_is_refused_and_the_message_repeats_them(tmp_path: Path) -> None:
    draft, text = drafted(frame_file(tmp_path / "deals.csv", base().drop(columns=["Deal ID"])))
    assert any("identifies a row" in one or "called an id" in one for one in draft.questions)
    with pytest.raises(BadInput, match=r"is a draft with 1 open question\. Answer") as error:
        parse_mapping(text, "the draft")
    assert draft.questions[0] in str(error.value)


def test_dates_that_may_be_day_or_month_first_are_a_question(tmp_path: Path) -> None:
    frame = base()
    frame["Created"] = [f"{i % 12 + 1:02}/{i % 11 + 1:02}/2025" for i in range(len(frame))]
    draft, text = drafted(frame_file(tmp_path / "deals.csv", frame))
    assert any("day first" in one and "month first" in one for one in draft.questions)
    with pytest.raises(BadInput, match="month first"):
        parse_mapping(text, "the draft")


def test_dates_with_one_reading_get_their_format(tmp_path: Path) -> None:
    frame = base()
    frame["Created"] = pd.to_datetime(frame["Created"]).dt.strftime("%m/%d/%Y")
    frame["Closed on"] = pd.to_datetime(frame["Closed on"]).dt.strftime("%m/%d/%Y")
    draft, text = drafted(frame_file(tmp_path / "deals.csv", frame))
    assert draft.questions == []
    assert parse_mapping(text, "the draft").sources[0].date_format == "%m/%d/%Y"


def test_two_columns_that_may_be_the_amount_are_a_question(tmp_path: Path) -> None:
    frame = base().assign(**{"Deal value": lambda its: its["Amount"].astype(float) * 2})
    draft, _ = drafted(frame_file(tmp_path / "deals.csv", frame))
    assert [one for one in draft.questions if "'Amount'" in one and "'Deal value'" in one]


def test_two_ids_are_a_question(tmp_path: Path) -> None:
    frame = base().assign(**{"Opportunity ID": lambda its: "X" + its["Deal ID"]})
    draft, _ = drafted(frame_file(tmp_path / "deals.csv", frame))
    assert [one for one in draft.questions if "'Deal ID'" in one and "'Opportunity ID'" in one]


def test_stages_without_a_word_for_an_end_are_a_question(tmp_path: Path) -> None:
    frame = base().replace({"Stage": {"Closed Won": "Happy", "Closed Lost": "Sad"}})
    draft, _ = drafted(frame_file(tmp_path / "deals.csv", frame))
    assert [one for one in draft.questions if "won" in one and "lost" in one and "Happy" in one]


@pytest.mark.parametrize(("header", "factor", "word"), [
    ("金额（万元）", 10_000, "万元"), ("合同额(亿元)", 100_000_000, "亿元"), ("Amount (k€)", 1_000, "k€"),
    ("Amount in thousands", 1_000, "thousands"), ("deal value [kUSD]", 1_000, "kusd"), ("Amount (EUR)", 1, ""),
    ("金额（元）", 1, ""), ("Amount", 1, "")])
def test_a_factor_in_a_header_is_taken_into_account_and_told(header: str, factor: int, word: str,
                                                             tmp_path: Path) -> None:
    _, text = drafted(frame_file(tmp_path / "deals.csv", base(), Amount=header))
    mapping = parse_mapping(text, "the draft")
    assert mapping.sources[0].fields["amount"].times == factor
    assert (f"{factor:,} times" in text) == (factor != 1)
    assert word.lower() in text.lower()


def test_what_is_filled_only_after_the_end_is_left_out_with_the_reason(tmp_path: Path) -> None:
    frame = base()
    ended = frame["Closed on"] != ""
    frame["Handover"] = pd.Series(["warm", "cold"] * len(frame))[:len(frame)].where(ended, "")
    frame["Lost reason"] = pd.Series("price", index=frame.index).where(frame["Stage"] == "Closed Lost", "")
    draft, text = drafted(frame_file(tmp_path / "deals.csv", frame))
    (table,) = draft.tables
    assert table.decisions["Handover"].role == "left out"
    assert "only after the end" in table.decisions["Handover"].reason
    assert table.decisions["Lost reason"].role == "left out"
    assert "#   Handover" in text


def test_only_a_name_that_says_so_makes_a_field_one_of_the_creation(tmp_path: Path) -> None:
    frame = base().assign(**{"Lead source": "Web", "Rating": "A", "Original product": "One", "Next step": "call"})
    frame.loc[::2, ["Lead source", "Rating", "Original product", "Next step"]] = ["Fair", "B", "Two", "mail"]
    draft, _ = drafted(frame_file(tmp_path / "deals.csv", frame))
    fields = draft.tables[0].fields
    assert {name for name, one in fields.items() if one.past == "at_creation"} == {"lead_source", "original_product"}


def test_an_amount_that_only_ended_deals_have_is_said_to_be_late(tmp_path: Path) -> None:
    frame = base()
    frame["Amount"] = frame["Amount"].where(frame["Closed on"] != "", "")
    _, text = drafted(frame_file(tmp_path / "deals.csv", frame))
    (line,) = [line for line in text.splitlines() if line.strip().startswith("amount:")]
    assert "filled only after the end" in line
    assert "past: final_only" in line


def test_tables_are_joined_by_the_values_that_they_share(tmp_path: Path) -> None:
    frame = base().assign(Customer=[f"ACC-{i % 40:04}" for i in range(200)])
    frame_file(tmp_path / "deals.csv", frame)
    pd.DataFrame({"Account ID": [f"ACC-{i:04}" for i in range(40)], "Industry": ["Retail", "Steel"] * 20,
                  "Created": "2020-01-01"}).to_csv(tmp_path / "accounts.csv", index=False)
    pd.DataFrame({"Record ID": [one for one in frame["Deal ID"] for _ in range(2)], "Field": ["Stage", "Amount"] * 200,
                  "New value": ["Closed won", "7", "Closed lost",
                                "8"] * 100, "Changed at": "2025-01-05"}).to_csv(tmp_path / "history.csv", index=False)
    pd.DataFrame({"Task ID": range(200), "Related to": frame["Deal ID"], "Type": ["Call", "Mail"] * 100,
                  "Date": "2025-01-06"}).to_csv(tmp_path / "activities.csv", index=False)
    draft, text = drafted(tmp_path)
    assert draft.questions == []
    mapping = parse_mapping(text, "the draft")
    by_rows = {source.rows: source for source in mapping.sources}
    assert by_rows["deals"].columns["account_id"] == "Customer"
    assert (by_rows["changes"].subject, by_rows["changes"].columns["subject_id"]) == ("deal", "Record ID")
    assert (by_rows["activities"].subject, by_rows["activities"].columns["subject_id"]) == ("deal", "Related to")
    # The log has every change of stage and amount, so that the table with the last values gives way to it.
    assert "stage" not in by_rows["deals"].fields
    assert by_rows["changes"].fields["stage"].past == "logged"


def test_every_sheet_of_a_workbook_is_looked_at(tmp_path: Path) -> None:
    with pd.ExcelWriter(tmp_path / "crm.xlsx", engine="xlsxwriter") as book:
        base().to_excel(book, sheet_name="Deals", index=False)
        pd.DataFrame({"Owner": ["Tom Berg", "Mira Vogel", "Aylin Kaya", "Jonas Peters"], "Team": ["North", "South"] * 2,
                      "Manager": "Ann Lee"}).to_excel(book, sheet_name="Sales reps", index=False)
    draft, text = drafted(tmp_path / "crm.xlsx")
    assert [(table.look.sheet, table.rows) for table in draft.tables] == [("Deals", "deals"), ("Sales reps", "owners")]
    assert [source.sheet for source in parse_mapping(text, "the draft").sources] == ["Deals", "Sales reps"]


def test_a_file_that_cannot_be_read_is_named_and_the_others_are_drafted(tmp_path: Path) -> None:
    frame_file(tmp_path / "deals.csv", base())
    (tmp_path / "broken.xlsx").write_bytes(b"no workbook")
    draft, text = drafted(tmp_path)
    assert [table.rows for table in draft.tables] == ["deals"]
    (problem,) = draft.unreadable
    assert problem.startswith("broken.xlsx")
    assert "broken.xlsx" in text


def test_a_large_file_is_judged_by_a_sample_and_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("features.drafting.looking._SAMPLED_FROM_BYTES", 20_000)
    monkeypatch.setattr("features.drafting.looking._BLOCK_BYTES", 500)
    draft, text = drafted(frame_file(tmp_path / "deals.csv", base(1_000)))
    (table,) = draft.tables
    assert table.look.sampled
    assert 50 < len(table.look.frame) < 500
    assert "only a sample" in text
    parse_mapping(text, "the draft")


def test_leads_that_convert_by_a_date_get_that_as_their_outcome(tmp_path: Path) -> None:
    converted = ["2025-02-01" if i % 4 == 0 else "" for i in range(200)]
    pd.DataFrame({"id": [f"L{i:05}" for i in range(200)], "email": [f"a{i}@b.de" for i in range(200)],
                  "created": "2025-01-10",
                  "source": ["web", "fair"] * 100, "converted_date": converted}).to_csv(tmp_path / "leads.csv",
                                                                                        index=False)
    draft, text = drafted(tmp_path / "leads.csv")
    assert draft.questions == []
    mapping = parse_mapping(text, "the draft")
    assert mapping.leads is not None
    assert mapping.leads.converted[0].filled
    assert mapping.sources[0].fields["converted_at"].closed_at == "converted_date"
    assert mapping.leads.horizon.days == 30


def test_leads_that_convert_by_a_status_get_its_words(tmp_path: Path) -> None:
    pd.DataFrame({"线索编号": [f"XS{i:05}" for i in range(200)], "创建时间": "2025年1月10日", 
                  "线索来源": ["官网", "展会"] * 100,
                  "线索状态": ["未处理", "跟进中", "已转化", "无效"] * 50}).to_csv(tmp_path / "线索.csv", index=False)
    draft, text = drafted(tmp_path / "线索.csv")
    assert draft.questions == []
    mapping = parse_mapping(text, "the draft")
    assert mapping.leads is not None
    assert mapping.leads.converted[0].becomes == ["已转化"]
    assert mapping.leads.disqualified[0].becomes == ["无效"]
    assert mapping.time_zone == "Asia/Shanghai"


def test_an_event_log_alone_gives_deals_from_the_events_that_begin_its_cases(tmp_path: Path) -> None:
    rows = []
    for i in range(60):
        events = ["received", "checked", "won" if i % 3 else "rejected"]
        rows += [{"case:concept:name": f"C{i:04}", "concept:name": event, "org:resource": f"U{i % 4}",
                  "case:size": i % 5, "case:amount": 1000 * (i % 7),
                  "lifecycle:transition": "complete", "time:timestamp": f"2025-01-{1 + i % 20 + at:02}T08:00:00Z"}
                 for at, event in enumerate(events)]
    draft, text = drafted(frame_file(tmp_path / "sales.csv", pd.DataFrame(rows)))
    assert draft.questions == []
    mapping = parse_mapping(text, "the draft")
    deals, changes = mapping.sources
    assert (deals.rows, deals.where, deals.columns["deal_id"]) == ("deals", {"concept:name": ["received"]},
                                                                   "case:concept:name")
    assert deals.fields["case_size"].past == "final_only"
    assert (changes.rows, changes.subject, changes.fields["stage"].column) == ("changes", "deal", "concept:name")
    assert [(stage.name, stage.outcome) for stage in mapping.stages] == [
        ("received", None), ("checked", None), ("won", "won"), ("rejected", "lost")]


def test_a_log_about_leads_and_deals_is_read_once_for_each(tmp_path: Path) -> None:
    frame_file(tmp_path / "deals.csv", base())
    pd.DataFrame({"Object": ["Lead", "Deal"] * 60, "Record ID": [f"D-{10_000 + i // 4 * 3}" for i in range(120)],
                  "Field": "Owner", "New value": ["Tom Berg", "Mira Vogel", "Aylin Kaya"] * 40,
                  "Changed at": "2025-01-05"}).to_csv(tmp_path / "history.csv", index=False)
    _, text = drafted(tmp_path)
    logs = [source for source in finished(text).sources if source.rows == "changes"]
    assert [(source.subject, source.where) for source in logs] == [("lead", {"Object": ["Lead"]}),
                                                                   ("deal", {"Object": ["Deal"]})]
    assert all(source.fields["owner"].past == "logged" for source in logs)


def test_a_price_list_is_joined_to_the_deals_that_name_its_products(tmp_path: Path) -> None:
    frame_file(tmp_path / "deals.csv", base().assign(Product=["One", "Two", "Three", "Four"] * 50))
    pd.DataFrame({"Product": ["One", "Two", "Three", "Four"], "Series": ["A", "A", "B", "B"],
                  "List price": [10, 20, 30, 40]}).to_csv(tmp_path / "prices.csv", index=False)
    _, text = drafted(tmp_path)
    (source,) = parse_mapping(text, "the draft").sources
    (join,) = source.join
    assert (join.file, join.by, join.key) == ("prices.csv", "Product", "Product")
    assert {"series", "list_price"} <= set(source.fields)


def test_accounts_without_a_date_count_from_the_import_on(tmp_path: Path) -> None:
    frame_file(tmp_path / "deals.csv", base().assign(Account=[f"A-{i % 40:04}" for i in range(200)]))
    pd.DataFrame({"Account ID": [f"A-{i:04}" for i in range(40)], "Industry": ["Retail", "Steel"] * 20}).to_csv(
        tmp_path / "accounts.csv", index=False)
    draft, text = drafted(tmp_path)
    assert draft.questions == []
    accounts = next(one for one in parse_mapping(text, "the draft").sources if one.rows == "accounts")
    assert accounts.undated == "import"


def test_a_file_of_meetings_without_a_kind_gets_it_from_its_name(tmp_path: Path) -> None:
    frame_file(tmp_path / "deals.csv", base())
    pd.DataFrame({"Deal ID": base()["Deal ID"], "Start time": "2025-01-06 10:00"}).to_csv(tmp_path / "meetings.csv",
                                                                                          index=False)
    _, text = drafted(tmp_path)
    meetings = next(one for one in finished(text).sources if one.rows == "activities")
    assert meetings.constants == {"kind": "meeting"}
    assert meetings.columns == {"subject_id": "Deal ID", "happened_at": "Start time"}


def test_ids_that_end_in_three_letters_are_no_amounts_of_a_currency_that_nobody_has(tmp_path: Path) -> None:
    ids = [f"006{i:012}AAA" for i in range(200)]
    frame_file(tmp_path / "deals.csv", base().drop(columns="Deal ID").assign(Id=ids, Fee="12 EUR"))
    draft, text = drafted(tmp_path / "deals.csv")
    assert draft.questions == []
    assert parse_mapping(text, "the draft").sources[0].columns["deal_id"] == "Id"
    assert draft.tables[0].profiles["Fee"].kind == "money"


def test_a_history_with_a_row_per_change_is_a_log_although_it_looks_like_deals(tmp_path: Path) -> None:
    deals = base()
    frame_file(tmp_path / "Opportunity.csv", deals)
    ended = deals.assign(Created=deals["Closed on"]).dropna(subset="Created")
    log = pd.concat([deals.assign(Stage="Qualification"), ended])
    log = log.rename(columns={"Deal ID": "OpportunityId", "Created": "CreatedDate"})
    log = log.assign(Id=range(1000, 1000 + len(log)))
    frame_file(tmp_path / "OpportunityHistory.csv", log)
    _, text = drafted(tmp_path)
    changes = next(one for one in finished(text).sources if one.file == "OpportunityHistory.csv")
    assert (changes.rows, changes.subject) == ("changes", "deal")
    assert changes.columns == {"subject_id": "OpportunityId", "changed_at": "CreatedDate"}
    assert {"stage", "amount"} <= set(changes.fields)


def test_stages_written_in_one_piece_are_known(tmp_path: Path) -> None:
    names = ["contractsent", "closedwon", "qualifiedtobuy", "closedlost", "appointmentscheduled"]
    frame_file(tmp_path / "deals.csv", base().assign(Stage=[names[i % 5] for i in range(200)]))
    draft, text = drafted(tmp_path / "deals.csv")
    assert [(one.name, one.outcome) for one in finished(text).stages] == [
        ("appointmentscheduled", None), ("qualifiedtobuy", None), ("contractsent", None), ("closedwon", "won"),
        ("closedlost", "lost")]
    assert not [one for one in draft.questions if "stage" in one]


def test_an_export_without_a_win_yet_still_says_what_a_win_will_be(tmp_path: Path) -> None:
    frame = base().drop(columns=["Stage", "Closed on"]).assign(Won=[False, None] * 100)
    _, text = drafted(frame_file(tmp_path / "deals.csv", frame))
    rule = finished(text).deals
    assert rule is not None
    assert [one.becomes for one in rule.won] == [[True]]
