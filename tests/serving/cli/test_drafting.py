"""`dealcast map`: the draft that it writes and prints, and the slips that it explains."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest
from click.testing import CliRunner, Result
from python_calamine import CalamineWorkbook

from features.home import Home
from features.mapping import parse_mapping
from serving.cli import cli
from tests.figures.sheet import WORKBOOK, write_workbook
from tests.running import ROOT

DEALS = ROOT / "configs" / "examples" / "my_deals.csv"


def dealcast(*arguments: str | Path) -> Result:
    return CliRunner().invoke(cli, [str(one) for one in arguments], prog_name="dealcast")


def test_the_draft_of_the_shipped_example_is_a_mapping_that_imports_it(tmp_path: Path) -> None:
    done = dealcast("map", DEALS, "--out", tmp_path / "mapping.yaml")
    assert done.exit_code == 0, done.output
    assert f"import {DEALS} --mapping" in done.stdout
    imported = dealcast("--home", tmp_path / "home", "import", DEALS, "--mapping", tmp_path / "mapping.yaml", "--json")
    assert imported.exit_code == 0, imported.output
    report = json.loads(imported.stdout)
    assert report["total"] == {"read": 72, "stored": 72, "already_known": 0, "rejected": 0}
    assert report["outcomes"]["deals"]["good"] > 0


def test_the_next_command_is_one_that_a_shell_and_import_take(tmp_path: Path) -> None:
    for name in ("my deals.csv", "b/more.csv"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(DEALS.read_bytes())
    one, far, same = tmp_path / "my deals.csv", tmp_path / "b" / "more.csv", DEALS.with_name("deals_zh.xlsx")
    out = tmp_path / "a.yaml"
    for paths, said in (((one,), f"import '{one}' --mapping {out}"), ((one, far), "import FOLDER --mapping"),
                        ((DEALS, same), f"import {DEALS.parent} --mapping")):
        out.unlink(missing_ok=True)
        assert said in dealcast("map", *paths, "--out", out).stdout


def test_without_out_the_draft_alone_is_printed() -> None:
    done = dealcast("map", DEALS)
    assert parse_mapping(done.stdout, "the draft").sources[0].columns["deal_id"] == "Deal ID"


def test_json_has_the_mapping_and_a_decision_for_each_column() -> None:
    document = json.loads(dealcast("map", DEALS, "--json").stdout)
    parse_mapping(document["mapping"], "the draft")
    (table,) = document["tables"]
    assert [one["column"] for one in table["columns"]] == list(pd.read_csv(DEALS).columns)
    stage = next(one for one in table["columns"] if one["column"] == "Stage")
    assert (stage["role"], stage["field"], stage["level"], stage["past"]) == ("field", "stage", "high", "final_only")
    assert stage["reason"]


def test_a_draft_that_somebody_may_have_worked_on_is_not_written_over(tmp_path: Path) -> None:
    (tmp_path / "mapping.yaml").write_text("mine", encoding="utf-8")
    done = dealcast("map", DEALS, "--out", tmp_path / "mapping.yaml")
    assert done.exit_code == 2
    assert "exists" in done.stderr
    assert (tmp_path / "mapping.yaml").read_text(encoding="utf-8") == "mine"


@pytest.mark.parametrize(("name", "content", "said"), [
    ("none.csv", None, "There is no file or folder"), ("empty.csv", b"", "is empty"), ("notes.docx", b"x",
                                                                                       "are not read"),
    ("header.csv", b"a,b\n", "no rows"), ("broken.parquet", b"PAR1", "broken.parquet")])
def test_what_cannot_be_read_is_explained_without_a_traceback(name: str, content: bytes | None, said: str,
                                                              tmp_path: Path) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    done = dealcast("map", tmp_path / name)
    assert done.exit_code == 2
    assert said in done.stderr


def test_a_question_is_printed_and_import_points_to_it(tmp_path: Path) -> None:
    pd.read_csv(DEALS).drop(columns=["Deal ID"]).to_csv(tmp_path / "deals.csv", index=False)
    done = dealcast("map", tmp_path / "deals.csv", "--out", tmp_path / "mapping.yaml")
    assert "no column identifies a row" in done.stdout
    imported = dealcast("--home", tmp_path / "home", "import", tmp_path / "deals.csv", "--mapping",
                        tmp_path / "mapping.yaml")
    assert imported.exit_code == 2
    assert "no column identifies a row" in imported.stderr


def test_the_chinese_workbook_is_the_one_that_its_command_writes(tmp_path: Path) -> None:
    write_workbook(tmp_path / "again.xlsx")
    sheets = [CalamineWorkbook.from_path(str(path)).get_sheet_by_index(0).to_python()
              for path in (WORKBOOK, tmp_path / "again.xlsx")]
    assert sheets[0] == sheets[1]


def test_the_chinese_workbook_goes_from_draft_to_history_with_amounts_in_yuan(tmp_path: Path) -> None:
    assert dealcast("map", WORKBOOK, "--out", tmp_path / "mapping.yaml").exit_code == 0
    done = dealcast("--home", tmp_path / "home", "import", WORKBOOK, "--mapping", tmp_path / "mapping.yaml", "--json")
    report = json.loads(done.stdout)
    assert report["total"]["stored"] == 320
    sheet = pd.read_excel(WORKBOOK, header=1, engine="calamine").set_index("商机编号")
    changes = Home.open(tmp_path / "home").history().tables["changes"]
    amounts = changes[changes["field"] == "amount"].set_index("subject_id")["value"].astype(int)
    expected = (sheet["预计金额（万元）"] * 10_000 * 100).round().astype(int)
    pd.testing.assert_series_equal(amounts.sort_index(), expected.sort_index(), check_names=False,
                                   check_index_type=False)
    good = report["outcomes"]["deals"]["good"]
    assert good == (sheet["销售阶段"] == "赢单").sum()


@pytest.mark.parametrize(("cell", "minor"), [("12.5万", 12_500_000), ("3 万元", 3_000_000), ("0.2亿", 2_000_000_000),
                                             ("1250", 125_000)])
def test_amounts_written_in_wan_and_yi_are_read_as_such(cell: str, minor: int, tmp_path: Path) -> None:
    folder = tmp_path
    (folder / "deals.csv").write_text(f"id,created,stage,amount\nA1,2025-01-01,Won,{cell}\n", encoding="utf-8")
    mapping = ("company: A\ncurrency: CNY\nstages: [{name: Won, outcome: won}]\nsources:\n  - rows: deals\n"
               "    columns: {deal_id: id, created_at: created}\n"
               "    fields: {stage: {column: stage}, amount: {column: amount, type: money}}\n")
    (folder / "mapping.yaml").write_text(mapping, encoding="utf-8")
    done = dealcast("--home", folder / "home", "import", folder / "deals.csv", "--mapping", folder / "mapping.yaml")
    assert done.exit_code == 0, done.output
    changes = Home.open(folder / "home").history().tables["changes"]
    assert changes.loc[changes["field"] == "amount", "value"].tolist() == [str(minor)]
