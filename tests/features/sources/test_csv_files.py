from __future__ import annotations

import gzip
import zipfile
from pathlib import Path

import pytest

from features.errors import BadInput
from features.mapping import Source
from features.sources.tables import RawTable, read_tables
from tests.companies import DEALS, bring_in, changes, counts, mapping_text

ANY = Source(rows="accounts", columns={"account_id": "id", "created_at": "created"})
GERMAN = "id;created;Straße;Größe\n1;01.02.2025;Möbel & Küche;groß\n2;03.02.2025;Bäckerei Müller;klein\n"
FRENCH = "id;created;société\n1;01.02.2025;Société Générale à Nîmes\n2;03.02.2025;Café André, forêt\n"
CHINESE = "id,created,客户名称,阶段\n1,2025年3月4日,北京某某科技有限公司,赢单\n2,2025/3/4,上海贸易,输单\n"
POLISH = "id;created;miasto\n1;01.02.2025;Łódź\n2;03.02.2025;Żółw Spółka, Gdańsk\n"
RUSSIAN = "id;created;город\n1;01.02.2025;Москва\n2;03.02.2025;Санкт-Петербург\n"
JAPANESE = "id,created,会社\n1,2025-02-01,株式会社のテスト\n"


def table(folder: Path, content: bytes, source: Source = ANY, wanted: tuple[str, ...] = ("id",),
          name: str = "file.csv") -> RawTable:
    folder.mkdir(exist_ok=True)
    (folder / name).write_bytes(content)
    return read_tables(folder / name, source, wanted)[0]


def cells(raw: RawTable) -> list[list[str]]:
    return raw.frame.fillna("").values.tolist()


@pytest.mark.parametrize(("text", "encodings"), [
    (GERMAN, ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "cp1252", "latin-1", "mac_roman"]),
    (FRENCH, ["utf-8", "cp1252"]), (CHINESE, ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "gb18030", "gbk"]),
    (POLISH, ["cp1250"]), (RUSSIAN, ["cp1251"]), (JAPANESE, ["cp932"])])
def test_a_file_reads_the_same_in_every_encoding_without_being_told(tmp_path: Path, text: str,
                                                                    encodings: list[str]) -> None:
    expected = [line.split(";" if ";" in text else ",") for line in text.splitlines()]
    for encoding in encodings:
        raw = table(tmp_path, text.encode(encoding))
        assert [list(raw.frame.columns), *cells(raw)] == expected, encoding
        assert raw.detected.delimiter == (";" if ";" in text else ",")


@pytest.mark.parametrize(("content", "message"), [
    ("id;x\n1;España\n".encode("cp1252"), r"is not UTF-8 and may be cp1252 \('1;España'\) or cp1250 \('1;Espańa'\)"),
    (b"id\n" + "é".encode() * 30 + b"\nab\xff\n", "is UTF-8, but for line 3, whose bytes are not"),
    (b"id\n\x81\x8d\xff\n", "its encoding cannot be told for certain.*Set the source's encoding")])
def test_an_encoding_in_doubt_is_not_guessed(tmp_path: Path, content: bytes, message: str) -> None:
    with pytest.raises(BadInput, match=message):
        table(tmp_path, content)


def test_an_encoding_that_is_declared_is_taken_and_must_fit(tmp_path: Path) -> None:
    spanish = "id;x\n1;España\n".encode("cp1252")
    raw = table(tmp_path, spanish, ANY.model_copy(update={"encoding": "cp1252"}))
    assert cells(raw) == [["1", "España"]]
    assert raw.detected.encoding is None
    with pytest.raises(BadInput, match=r"is not text in 'utf-8' \(byte 11\)"):
        table(tmp_path, spanish, ANY.model_copy(update={"encoding": "utf-8"}))
    with pytest.raises(BadInput, match="encoding 'utf-99' is not known"):
        table(tmp_path, spanish, ANY.model_copy(update={"encoding": "utf-99"}))


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("wanted", [("id", "b"), ()])
def test_the_delimiter_is_found_beside_other_marks_in_quoted_cells(tmp_path: Path, delimiter: str,
                                                                   wanted: tuple[str, ...]) -> None:
    rows = [["id", "b", "note"], ["1", "x", f"say \"hi\"; one, two{delimiter}\nthree"],
            ["2", "y|z", "2025-01-01 10:00"], ["3", "1,5", ""], ["4", "2,5", "plain"]]
    lines = (delimiter.join('"' + cell.replace('"', '""') + '"' for cell in row) for row in rows)
    raw = table(tmp_path, "\r\n".join(lines).encode(), wanted=wanted)
    assert [list(raw.frame.columns), *cells(raw)] == rows
    assert raw.detected.delimiter == delimiter
    assert raw.line.tolist() == [2, 4, 5, 6]


def test_a_file_of_a_single_column_is_one(tmp_path: Path) -> None:
    raw = table(tmp_path, b"id\n1\n2\n")
    assert cells(raw) == [["1"], ["2"]]


def test_titles_blank_lines_totals_and_a_repeated_header_are_no_rows(tmp_path: Path) -> None:
    content = """Deals of March;;;
;;;

id;created;stage;amount
1;2025-01-01;Won;5

id;created;stage;amount
2;2025-01-01;Lost;7
Total;;;12
合计：;;;12
3;2025-01-01;too short
4;2025-01-01;Won;5;;
5;2025-01-01;Won;5;more
"""
    raw = table(tmp_path, content.encode(), wanted=("id", "stage"))
    assert cells(raw) == [["1", "2025-01-01", "Won", "5"], ["2", "2025-01-01", "Lost", "7"],
                          ["4", "2025-01-01", "Won", "5"]]
    assert raw.line.tolist() == [5, 8, 12]
    assert sorted((one.line, one.reason) for one in raw.unreadable) == [
        (7, "repeats the header"), (9, "is a total of other rows"), (10, "is a total of other rows"),
        (11, "has 3 values, but there are 4 columns"), (13, "has 5 values, but there are 4 columns")]
    assert raw.detected.words() == ["read as utf-8", "';' between columns", "columns named in line 4"]
    assert read_tables(tmp_path / "file.csv", ANY)[0].frame.columns.tolist() == ["id", "created", "stage", "amount"]


def test_a_header_in_two_rows_is_read_where_the_mapping_names_it(tmp_path: Path) -> None:
    content = b"id,Contact,,Deal,\n,Name,Mail,Stage,Amount\n1,Ann,a@x,Won,5\n"
    raw = table(tmp_path, content, wanted=("id", "Contact / Mail", "Deal / Amount"))
    assert raw.frame.columns.tolist() == ["id", "Contact / Name", "Contact / Mail", "Deal / Stage", "Deal / Amount"]
    assert raw.line.tolist() == [3]


def test_a_declared_header_row_is_a_line_of_the_file(tmp_path: Path) -> None:
    content = b'"a\nb",x\nid,created\nid2,created2\n1,2\n'
    at = ANY.model_copy(update={"header_row": 4})
    assert table(tmp_path, content, at, ("id2",)).frame.columns.tolist() == ["id2", "created2"]
    with pytest.raises(BadInput, match="names no columns in the row that header_row says"):
        table(tmp_path, content, ANY.model_copy(update={"header_row": 9}), ("id",))


def test_a_quote_that_is_never_closed_does_not_swallow_the_rest(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"file.csv, line 3: a quote .* is opened and never closed"):
        table(tmp_path, b'id,x\n1,a\n2,"b\n3,c\n4,d\n')


def test_a_nul_character_is_set_aside_only_where_the_cell_is_needed(tmp_path: Path) -> None:
    (tmp_path / "deals.csv").write_bytes(b"id,created,stage,closed,amount,industry,other\n1,2024-01-01,T\x00k,,,,\n"
                                         b"2,2024-01-01,Talk,,,,\x00\n")
    report = bring_in(tmp_path / "home", tmp_path / "deals.csv", mapping_text(DEALS))
    assert counts(report) == (2, 1, 0, 1)
    assert report.rejects[0]["value"] == "T\ufffdk"
    assert "NUL" in report.rejects[0]["reason"]


def test_packed_files_are_read_as_what_is_inside(tmp_path: Path) -> None:
    content = "id,created,stage,closed,amount,industry\n1,2024-01-01,Talk,,5,\n"
    with gzip.open(tmp_path / "deals.csv.gz", "wt") as file:
        file.write(content)
    with zipfile.ZipFile(tmp_path / "deals.csv.zip", "w") as archive:
        archive.writestr("inside.csv", content)
    for name in ("deals.csv.gz", "deals.csv.zip"):
        bring_in(tmp_path / f"home {name}", tmp_path / name, mapping_text(DEALS.replace("deals.csv", name)))
    assert changes(tmp_path / "home deals.csv.gz") == changes(tmp_path / "home deals.csv.zip") != []
    whole = (tmp_path / "deals.csv.gz").read_bytes()
    (tmp_path / "deals.csv.gz").write_bytes(whole[:-12])
    with pytest.raises(BadInput, match=r"deals.csv.gz cannot be unpacked: .* was not copied whole"):
        read_tables(tmp_path / "deals.csv.gz", ANY)
    with zipfile.ZipFile(tmp_path / "deals.csv.zip", "a") as archive:
        archive.writestr("second.csv", content)
    with pytest.raises(BadInput, match="holds 2 files, but can only be read if it holds one"):
        read_tables(tmp_path / "deals.csv.zip", ANY)


def test_files_of_a_pattern_in_folders_are_told_apart(tmp_path: Path) -> None:
    for year in ("2023", "2024"):
        (tmp_path / "in" / year).mkdir(parents=True)
        (tmp_path / "in" / year / "deals.csv").write_text(
            f"id,created,stage,closed,amount,industry\nD{year},{year}-01-01,Talk,,5,\nbad,soon,,,,\n")
    report = bring_in(tmp_path / "home", tmp_path / "in", mapping_text(DEALS.replace("deals.csv", "'**/deals.csv'")))
    assert counts(report) == (4, 2, 0, 2)
    assert [one["file"] for one in report.rejects] == ["2023/deals.csv", "2024/deals.csv"]
