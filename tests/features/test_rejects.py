"""Rows that could not be read wait, are tried again, and are counted once."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner
from sqlalchemy import select

from features.errors import NotFound
from features.home import Home
from features.import_report import ImportReport
from features.importing import retry_rejects
from features.mapping import parse_mapping
from features.rejects import open_rejects, summary
from features.store import rejects
from serving.cli import cli
from tests.companies import CALLS, DAY, DEALS, LOG, NOW, bring_in, changes, counts, deals_file, mapping_text, write


def waiting(home: Path) -> list[tuple[int, str]]:
    with Home.open(home).store.read() as connection:
        rows = open_rejects(connection)
    return [(int(one.line), str(one.reason)) for one in rows.itertuples()]


def again(home: Path, text: str | None = None, at: int = NOW + DAY) -> ImportReport:
    mapping = None if text is None else parse_mapping(text, "mended")
    return retry_rejects(Home.open(home), mapping, text or "", at)


BAD = "D1,2024-01-10,Talk,,900,Retail\nD2,2024-01-11,Talk,,n/a,Retail\nD3,soon,Talk,,5,Retail"


@pytest.mark.usefixtures("database")
def test_a_retry_with_a_mended_mapping_stores_what_it_would_have_been_at_first(tmp_path: Path) -> None:
    home = tmp_path / "home"
    assert counts(bring_in(home, deals_file(tmp_path / "in", BAD), mapping_text(DEALS))) == (3, 1, 0, 2)
    assert [line for line, _ in waiting(home)] == [3, 4]
    mended = mapping_text(DEALS.replace("type: money, past: final_only", 'type: money, past: final_only, '
                                        'values: {"n/a": ""}'))
    assert counts(again(home, mended)) == (2, 1, 0, 1)
    assert [line for line, _ in waiting(home)] == [4]
    assert counts(again(home)) == (1, 0, 0, 1)
    bring_in(tmp_path / "other", deals_file(tmp_path / "in", BAD), mended)
    at_first = [one for one in changes(tmp_path / "other") if one[1] == "industry"]
    assert [one for one in changes(home) if one[1] == "industry"] == at_first
    assert Home.open(home).mapping == parse_mapping(mended, "mended")
    with Home.open(home).store.read() as connection:
        settled = connection.execute(select(rejects.c.line, rejects.c.settled_at).where(
            rejects.c.settled_at.is_not(None))).all()
    assert [tuple(one) for one in settled] == [(3, NOW + DAY)]


@pytest.mark.usefixtures("database")
def test_importing_the_mended_file_settles_its_rows_and_the_same_bad_row_stands_once(tmp_path: Path) -> None:
    home = tmp_path / "home"
    for i, rows in enumerate((BAD, BAD, BAD.replace("soon", "2024-01-12"))):
        report = bring_in(home, deals_file(tmp_path / str(i), rows), mapping_text(DEALS), NOW + i * DAY)
        assert counts(report)[0] == 3
        assert len(waiting(home)) == (1 if i == 2 else 2)
    assert [line for line, _ in waiting(home)] == [3]


def test_a_change_that_ties_takes_the_place_that_it_had_in_its_file(tmp_path: Path) -> None:
    log = "id,at,field,value\nD1,2024-01-11,Amount,1\nD1,2024-01-11,Amount,?\nD1,2024-01-11,Amount,3"
    folder = write(tmp_path / "in", deals="id,created,stage,closed,amount,industry\nD1,2024-01-10,Talk,,,", log=log)
    mended = LOG.replace("amount: {column: Amount,", 'amount: {column: Amount, values: {"?": "2"},')
    bring_in(tmp_path / "home", folder, mapping_text(DEALS, LOG))
    again(tmp_path / "home", mapping_text(DEALS, mended))
    bring_in(tmp_path / "other", folder, mapping_text(DEALS, mended))
    found, expected = (Home.open(tmp_path / one).history().tables["changes"] for one in ("home", "other"))
    key = ["subject_id", "field", "value", "changed_at", "sequence"]
    assert found[found["field"] == "amount"][key].values.tolist() == \
        expected[expected["field"] == "amount"][key].values.tolist()


def test_a_retry_of_a_full_snapshot_s_rows_deletes_nobody(tmp_path: Path) -> None:
    text = mapping_text(DEALS.replace("rows: deals", "rows: deals\n    snapshot: full"))
    bring_in(tmp_path / "home", deals_file(tmp_path / "in", BAD), text)
    mended = text.replace("type: money, past: final_only", 'type: money, past: final_only, values: {"n/a": ""}')
    again(tmp_path / "home", mended)
    assert changes(tmp_path / "home", "deleted") == []


def test_a_row_that_could_not_be_split_waits_for_a_mended_file(tmp_path: Path) -> None:
    folder = deals_file(tmp_path / "in", "D1,2024-01-10,Talk,,900,Retail\nD2,2024-01-11,Talk,,5,Retail,one,too,many")
    bring_in(tmp_path / "home", folder, mapping_text(DEALS))
    assert counts(again(tmp_path / "home"))[0] == 0
    assert len(waiting(tmp_path / "home")) == 1


def test_without_anything_that_waits_a_retry_says_so(tmp_path: Path) -> None:
    bring_in(tmp_path / "home", deals_file(tmp_path / "in", BAD.splitlines()[0]), mapping_text(DEALS))
    with pytest.raises(NotFound, match="No row is waiting"):
        again(tmp_path / "home")


def test_rejects_are_listed_by_file_column_and_reason_with_examples(tmp_path: Path) -> None:
    rows = "\n".join(f"D{i},2024-01-10,Talk,,x{i},Retail" for i in range(5))
    folder = deals_file(tmp_path / "in", rows + "\nD9,soon,Talk,,5,Retail")
    write(folder, calls="id,at,kind,seconds\nD1,2024-01-11,call,long")
    report = bring_in(tmp_path / "home", folder, mapping_text(DEALS, CALLS))
    assert counts(report)[3] == 7
    with Home.open(tmp_path / "home").store.read() as connection:
        first, *others = summary(open_rejects(connection))
    assert (first["file"], first["column"], first["count"], first["lines"], first["values"]) == (
        "deals.csv", "amount", 5, [2, 3, 4], ["x0", "x1", "x2"])
    assert sum(int(one["count"]) for one in others) == 2


def test_the_commands_show_write_and_retry(tmp_path: Path) -> None:
    home, out = tmp_path / "home", tmp_path / "bad.csv"
    bring_in(home, deals_file(tmp_path / "in", BAD), mapping_text(DEALS))

    def run(*arguments: str) -> str:
        done = CliRunner().invoke(cli, ["--home", str(home), *arguments], prog_name="dealcast")
        assert done.exit_code == 0, done.output
        return done.stdout

    assert "2 rows wait" in run("rejects")
    assert json.loads(run("rejects", "--json"))["open"] == 2
    run("rejects", "--out", str(out))
    assert "deals.csv,3,amount,n/a," in out.read_text(encoding="utf-8")
    assert "cell industry" in out.read_text(encoding="utf-8").splitlines()[0]
    assert json.loads(run("rejects", "retry", "--json"))["rejected"] == 2
    mended = tmp_path / "mended.yaml"
    mended.write_text(mapping_text(DEALS.replace("money, past: final_only", 'money, past: final_only, values: {"n/a": '
                                                 '""}')), encoding="utf-8")
    assert "2 rows tried: 1 stored" in run("rejects", "retry", "--mapping", str(mended))
