from __future__ import annotations

import gzip
import tracemalloc
from pathlib import Path

import pytest

from features.errors import BadInput
from features.home import Home
from features.mapping import Source
from features.sources.tables import RawTable, read_tables
from tests.companies import HEAD, bring_in, changes, counts

ANY = Source(rows="accounts", columns={"account_id": "id", "created_at": "created"})
LOG = """<?xml version="1.0" encoding="UTF-8"?>
<log xes.version="1.0" xmlns="http://www.xes-standard.org/">
  <extension name="Concept" prefix="concept" uri="http://www.xes-standard.org/concept.xesext"/>
  <global scope="trace"><string key="concept:name" value="name"/></global>
  <classifier name="Activity" keys="concept:name"/>
  <string key="source" value="a test"/>
  <trace>
    <string key="concept:name" value="173688"/>
    <float key="AMOUNT_REQ" value="20000.5"/>
    <event>
      <string key="concept:name" value="Talk"><string key="by" value="phone"/></string>
      <date key="time:timestamp" value="2024-01-01T10:00:00.000+01:00"/>
      <boolean key="first" value="TRUE"/><int key="n" value="9007199254740993"/>
    </event>
    <event><string key="concept:name" value="Won"/><date key="time:timestamp" value="2024-01-02T10:00:00Z"/>
      <list key="tags"><values><string key="t" value="a"/><string key="t" value="b"/></values></list></event>
  </trace>
  <trace><string key="concept:name" value="empty"/></trace>
  <trace><string key="concept:name" value="9"/><float key="AMOUNT_REQ" value="many"/>
    <event><string key="concept:name" value="Talk"/><date key="time:timestamp" value="2024-01-03T10:00:00Z"/></event>
  </trace>
</log>
"""
DEALS_OF_LOG = """
  - file: log.xes*
    rows: deals
    where: {event_index: [0]}
    columns: {deal_id: "case:concept:name", created_at: "time:timestamp"}
    fields:
      amount: {column: "case:AMOUNT_REQ", type: money, past: at_creation}
  - file: log.xes*
    rows: changes
    subject: deal
    columns: {subject_id: "case:concept:name", changed_at: "time:timestamp", sequence: event_index}
    fields:
      stage: {column: "concept:name", past: logged}
"""
TEXT = HEAD.format(zone="UTC") + DEALS_OF_LOG


def log(folder: Path, text: str, name: str = "log.xes") -> RawTable:
    (folder / name).write_text(text, encoding="utf-8")
    return read_tables(folder / name, ANY)[0]


def test_a_log_becomes_one_flat_table_of_its_events(tmp_path: Path) -> None:
    raw = log(tmp_path, LOG)
    assert raw.line.tolist() == [10, 15, 20]
    assert raw.frame["event_index"].tolist() == ["0", "1", "0"]
    first = raw.frame.iloc[0].to_dict()
    assert {name: cell for name, cell in first.items() if cell == cell} == {
        "event_index": "0", "case:concept:name": "173688", "case:AMOUNT_REQ": 20000.5, "concept:name": "Talk",
        "concept:name/by": "phone", "time:timestamp": "2024-01-01T10:00:00.000+01:00", "first": "true",
        "n": "9007199254740993"}
    assert raw.frame["tags/t"].tolist()[1] == "a; b"
    assert [(one.line, one.value, one.reason) for one in raw.unreadable] == [(18, "empty", "is a trace without events")]


def test_a_log_gives_deals_and_their_stages_plain_and_packed(tmp_path: Path) -> None:
    (tmp_path / "log.xes").write_text(LOG)
    report = bring_in(tmp_path / "plain", tmp_path / "log.xes", TEXT)
    # An empty trace is set aside by both sources, an amount that is no number by the one that reads it.
    assert [(one.read, one.stored, one.rejected) for one in report.sources] == [(3, 1, 2), (4, 3, 1)]
    assert report.rejects[1]["reason"] == "is no number, as its tag says"
    assert [one[:3] for one in changes(tmp_path / "plain")] == [
        ("173688", "amount", "2000050"), ("173688", "stage", "Talk"), ("173688", "stage", "Won"),
        ("9", "stage", "Talk")]
    with gzip.open(tmp_path / "log.xes.gz", "wt") as file:
        file.write(LOG)
    bring_in(tmp_path / "packed", tmp_path / "log.xes.gz", TEXT)
    assert changes(tmp_path / "packed") == changes(tmp_path / "plain")
    assert counts(bring_in(tmp_path / "packed", tmp_path / "log.xes.gz", TEXT))[1] == 0
    assert len(Home.open(tmp_path / "packed").history().deals) == 1


@pytest.mark.parametrize(("text", "message"), [
    (LOG[:-8], r"log.xes, line \d+: broken XML \(no element found\)"),
    (LOG.replace("</event>", "</evnt>", 1), r"line 14: broken XML \(mismatched tag\)"),
    ('<!DOCTYPE lolz [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]>\n<log>&b;</log>', "line 1: has a document type"),
    ('<!DOCTYPE log SYSTEM "file:///etc/passwd">\n<log/>', "line 1: has a document type"),
    ("<log/>", "is no XES log with events"), ("<html><body/></html>", "is no XES log with events"),
    ('<?xml version="1.0" encoding="nonsense"?><log/>', "broken XML|cannot be read as XML")])
def test_what_is_no_log_is_said_with_its_line(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(BadInput, match=message):
        log(tmp_path, text)


def test_a_truncated_packed_log_is_said_to_be_damaged(tmp_path: Path) -> None:
    with gzip.open(tmp_path / "log.xes.gz", "wt") as file:
        file.write(LOG)
    whole = (tmp_path / "log.xes.gz").read_bytes()
    for size in (5, len(whole) // 2, len(whole) - 4):
        (tmp_path / "log.xes.gz").write_bytes(whole[:size])
        with pytest.raises(BadInput, match=r"cannot be unpacked|broken XML"):
            read_tables(tmp_path / "log.xes.gz", ANY)


def test_reading_a_log_holds_its_wanted_cells_and_not_its_text(tmp_path: Path) -> None:
    event = ('<event><string key="concept:name" value="Talk"/><string key="note" value="' + "x" * 2000 + '"/>'
             '<date key="time:timestamp" value="2024-01-01T10:00:00Z"/></event>')
    trace = '<trace><string key="concept:name" value="1"/>' + event * 10 + "</trace>\n"
    (tmp_path / "log.xes").write_text("<log>\n" + trace * 1500 + "</log>")
    tracemalloc.start()
    raw = read_tables(tmp_path / "log.xes", ANY, ["concept:name", "time:timestamp"])[0]
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert len(raw.frame) == 15_000
    assert peak < (tmp_path / "log.xes").stat().st_size / 3
