"""Layouts and formats: each imported by its own mapping, each the same bytes again, none knowing what came later."""

from __future__ import annotations

import hashlib
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pyarrow.parquet as pq  # type: ignore[import-untyped]
import pytest

from features.errors import BadInput
from features.home import Home
from features.importing import import_files
from serving.cli.data import MAPPING_OF_LAYOUT, read_mapping
from simulation.company import generate
from simulation.export import crm_tables
from simulation.layouts import LAYOUTS
from simulation.past import Past, stream
from simulation.settle import settle, taken_over
from simulation.tables import Tables, numbered, pick, table_of, text
from simulation.warts import apply_warts, chosen_warts
from simulation.world import World
from simulation.writing import FORMATS, write_files

Files = dict[str, pd.DataFrame]
BERLIN = ZoneInfo("Europe/Berlin")


@pytest.fixture(scope="module")
def settled(tiny: Past) -> Tables:
    """The tables of a tiny company with all warts."""
    clean, _ = crm_tables(tiny, stream(3, "export"))
    names = chosen_warts(tiny.world, "all")
    shown, _ = apply_warts(clean, names, tiny.world, tiny.clocks, 3, list(tiny.owners.ids), tiny.owners.region)
    return settle(taken_over(shown, tiny.clocks.first), tiny.world)


def written(settled: Tables, world: World, folder: Path, layout: str, form: str) -> Path:
    write_files(LAYOUTS[layout](settled, world), folder, form, world.zone)
    return folder


def digests(folder: Path) -> dict[str, str]:
    return {path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
            for path in sorted(folder.rglob("*")) if path.is_file()}


@pytest.fixture(scope="module")
def tables(settled: Tables, world: World, tmp_path_factory: pytest.TempPathFactory) -> Files:
    folder = written(settled, world, tmp_path_factory.mktemp("tables"), "tables", "csv")
    return {path.stem: pd.read_csv(path, dtype="str", keep_default_na=False) for path in folder.glob("*.csv")}


def imported(folder: Path, home: Path, layout: str, end: int) -> Home:
    mapping, words = read_mapping(MAPPING_OF_LAYOUT[layout])
    found = import_files(Home.open(home, must_exist=False), folder, mapping, words, end).to_dict()
    assert found["total"]["rejected"] == 0
    return Home.open(home)


@pytest.mark.parametrize(("layout", "form"), [("tables", "xlsx"), ("tables", "parquet"), ("one-table", "csv"),
                                              ("one-table", "xlsx"), ("snapshots", "csv"), ("event-log", "parquet")])
def test_each_layout_is_read_by_its_mapping_and_is_the_same_again(layout: str, form: str, settled: Tables, tiny: Past,
                                                                  tables: Files, tmp_path: Path) -> None:
    first, again = (written(settled, tiny.world, tmp_path / name, layout, form) for name in ("first", "again"))
    assert digests(first) == digests(again)
    past = imported(first, tmp_path / "home", layout, tiny.clocks.last).history()
    assert set(past.deals.ids) == set(tables["deals"]["deal_id"])
    stage = past.changes("deal", "stage")
    last = pd.Series(stage.value, index=past.deals.ids[stage.subject]).groupby(level=0).last()
    shown = tables["deals"].set_index("deal_id")["stage"].replace({"Proof of value": "Value validation"})
    assert (last == shown.reindex(last.index)).mean() > 0.98  # ends that were back-dated stand before later stages


def test_formats_hold_the_same_cells(tmp_path: Path) -> None:
    table = table_of({
        "deal_id": numbered("D", np.array([1, 2, 3])), "note": text(['a "quoted", one', "two\nlines 王总", ""]),
        "entered_at": np.array([1_711_846_800_000_000, 1_730_000_000_000_000, 0]), "seconds": np.array([5, -1, 0]),
        "day": pd.Series(np.array(["2026-01-31", "NaT", "2025-02-28"], dtype="datetime64[s]"))})
    for form in FORMATS:
        write_files({"one": table}, tmp_path, form, BERLIN)
    csv = pd.read_csv(tmp_path / "one.csv", dtype="str", keep_default_na=False)
    assert csv["note"].tolist() == table["note"].tolist()
    assert csv["entered_at"].tolist() == ["2024-03-31T01:00:00Z", "2024-10-27T03:33:20Z", "1970-01-01T00:00:00Z"]
    assert csv["seconds"].tolist() == ["5", "", "0"]
    assert csv["day"].tolist() == ["2026-01-31", "", "2025-02-28"]
    parquet = pq.read_table(tmp_path / "one.parquet")
    assert parquet["note"].to_pylist() == ['a "quoted", one', "two\nlines 王总", None]
    assert next(one.isoformat() for one in parquet["entered_at"].to_pylist()) == "2024-03-31T01:00:00+00:00"
    assert parquet["seconds"].to_pylist() == [5, None, 0]
    excel = pd.read_excel(tmp_path / "one.xlsx", keep_default_na=False, engine="calamine")
    assert excel["entered_at"].iloc[0] == pd.Timestamp("2024-03-31 03:00:00")  # local, after the clocks went forward
    assert excel["note"].tolist() == csv["note"].tolist()
    assert not list(tmp_path.glob("*.part"))


def test_one_table_shows_what_the_records_show_today(settled: Tables, world: World, tables: Files,
                                                     tmp_path: Path) -> None:
    written(settled, world, tmp_path, "one-table", "csv")
    sheet = pd.read_csv(tmp_path / "deals.csv", dtype="str", keep_default_na=False).set_index("Deal ID")
    deals = tables["deals"].set_index("deal_id")
    for heading, name in (("Stage", "stage"), ("Amount", "amount"), ("Expected close", "expected_close"),
                          ("Closed on", "closed_on"), ("Industry", "industry"), ("Product", "product"),
                          ("Loss reason", "loss_reason"), ("Probability", "rep_probability")):
        assert (sheet[heading] == deals.loc[sheet.index, name]).all(), heading
    assert sheet["Last contact"].max() <= "2026-09-30"


def test_a_snapshot_shows_what_had_been_entered_by_then(settled: Tables, world: World, tables: Files,
                                                        tmp_path: Path) -> None:
    written(settled, world, tmp_path, "snapshots", "csv")
    paths = sorted((tmp_path / "snapshots").glob("*.csv"))
    assert len(paths) == 36
    day = "2025-06-01"
    sheet = pd.read_csv(tmp_path / "snapshots" / f"deals_{day}.csv", dtype="str", keep_default_na=False)
    moment = pd.Timestamp(day, tz="Europe/Berlin").tz_convert("UTC").strftime("%Y-%m-%dT%H:%M:%SZ")
    known = tables["deals"][tables["deals"]["entered_at"] < moment]
    assert set(sheet["Deal ID"]) == set(known["deal_id"])
    log = tables["field_history"]
    log = log[(log["entered_at"] < moment) & (log["object"] == "Deal")]
    for heading, field in (("Stage", "stage"), ("Amount", "amount"), ("Forecast", "forecast_category")):
        last = log[log["field"] == field].groupby("record_id")["new_value"].last()
        assert (sheet.set_index("Deal ID")[heading] == last.reindex(sheet["Deal ID"]).fillna("")).all()
    assert sheet["Closed on"].max() <= day
    assert sheet["Last contact"].max() <= day


def test_another_format_or_layout_replaces_the_first(tmp_path: Path) -> None:
    generate(tmp_path, size="tiny")
    generate(tmp_path, size="tiny", layout="one-table", form="xlsx")
    assert [path.name for path in sorted(tmp_path.iterdir())] == ["deals.xlsx", "truth"]


def test_a_users_workbook_is_not_removed(tmp_path: Path) -> None:
    (tmp_path / "deals.xlsx").write_bytes(b"mine")
    with pytest.raises(BadInput, match=r"deals\.xlsx.*would be written over"):
        generate(tmp_path, size="tiny")
    assert (tmp_path / "deals.xlsx").read_bytes() == b"mine"


def test_unknown_names_are_answered_with_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"no layout 'one-tabel'.*Did you mean 'one-table'\?"):
        generate(tmp_path, size="tiny", layout="one-tabel")
    with pytest.raises(BadInput, match=r"no format 'parqet'.*Did you mean 'parquet'\?"):
        generate(tmp_path, size="tiny", form="parqet")
    assert list(LAYOUTS) == list(MAPPING_OF_LAYOUT)


def test_a_table_that_no_sheet_holds_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("simulation.writing._MOST_EXCEL_ROWS", 2)
    table = table_of({"a": pick(["x"], np.zeros(3, dtype=np.int64))})
    with pytest.raises(BadInput, match=r"one\.xlsx would have 3 rows, and an Excel sheet holds 2"):
        write_files({"one": table}, tmp_path, "xlsx", BERLIN)
    assert not list(tmp_path.iterdir())
