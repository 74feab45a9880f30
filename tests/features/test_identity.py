"""Identities: equal for equal rows, different for others, and the same for ever."""

from __future__ import annotations

import hashlib
import struct

import numpy as np
import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

from features.identity import as_bytes, encoded, identities
from features.mapping import TABLE_COLUMNS
from features.stored import row_identities

a_text = st.one_of(st.none(), st.sampled_from(["", "None", "nan", "a", "b", "ab", "\x00", "0", "1"]),
                   st.text(max_size=3))
a_row = st.tuples(a_text, a_text, st.integers(-2, 2) | st.integers(-2**63, 2**63 - 1),
                  st.one_of(st.none(), st.floats(allow_nan=False)))
Row = tuple[str | None, str | None, int, float | None]


def identities_of(rows: list[Row], name: str = "here") -> list[bytes]:
    texts = [encoded(pd.Series([row[i] for row in rows], dtype=object)) for i in (0, 1)]
    numbers = np.array([row[2] for row in rows], dtype=np.int64)
    floats = np.array([np.nan if row[3] is None else row[3] for row in rows], dtype=np.float64)
    return as_bytes(identities(name, [*texts, numbers, floats], len(rows)))


@settings(max_examples=200, deadline=None)
@given(st.lists(a_row, max_size=8))
def test_rows_are_one_exactly_when_all_their_columns_are(rows: list[Row]) -> None:
    found = identities_of(rows)
    # A row alone has the identity that it has among others.
    assert found == [identities_of([row])[0] for row in rows]
    assert len(set(found)) == len(set(rows))  # 0.0 and -0.0 are equal in Python, too


def test_columns_and_tables_are_not_confused() -> None:
    rows: list[Row] = [("a", "b", 0, None), ("b", "a", 0, None), ("ab", "", 0, None), ("", "ab", 0, None),
                       (None, "ab", 0, None), ("None", "ab", 0, None), ("nan", "ab", 0, None), ("", "ab", 1, 0.0),
                       ("", "ab", 0, 1.0), ("", "ab", 0, 0.0)]
    assert len({*identities_of(rows), *identities_of(rows, "there")}) == 2 * len(rows)


def test_neighbouring_numbers_do_not_meet() -> None:
    numbers = np.arange(200_000, dtype=np.int64)
    keys = identities("here", [numbers // 400, numbers % 400], len(numbers))
    for lane in range(2):  # by chance, two of 200,000 meet in 64 bits once in a billion times
        assert len(np.unique(keys[:, lane])) == len(numbers)


def test_identities_sort_as_their_bytes() -> None:
    keys = identities("here", [np.arange(1000)], 1000)
    by_bytes = sorted(range(1000), key=as_bytes(keys).__getitem__)
    assert by_bytes == np.lexsort((keys[:, 1], keys[:, 0])).tolist()


def test_an_identity_never_changes() -> None:
    """Stores hold these: should this test fail, then rows that are imported again count as new ones."""
    frame = pd.DataFrame({"subject": "deal", "subject_id": ["D1", "007"], "field": "stage", "value": ["Won", None],
                          "changed_at": [1_700_000_000_000_000, -5], "sequence": [0, 3]})
    assert list(frame.columns) == ["subject", *TABLE_COLUMNS["changes"]]
    assert as_bytes(row_identities("changes", frame)) == [
        one_by_one("changes", ["deal", "D1", "stage", "Won", 1_700_000_000_000_000, 0]),
        one_by_one("changes", ["deal", "007", "stage", None, -5, 3])]
    calls = pd.DataFrame({"subject": "deal", "activity_id": "A", "subject_id": "D1", "kind": "call", "direction": None,
                          "happened_at": [5], "duration_seconds": [60.5], "text": "Zoë", "owner_id": None,
                          "contact_ids": ""})
    assert as_bytes(row_identities("activities", calls)) == [
        one_by_one("activities", ["deal", "A", "D1", "call", None, 5, 60.5, "Zoë", None, ""])]


def one_by_one(name: str, row: list[str | int | float | None]) -> bytes:
    """A row's identity in plain Python. Frozen: the identities that stores hold are these."""
    multipliers, mask = (0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F), 2**64 - 1

    def mixed(state: int) -> int:
        state = (state ^ (state >> 30)) * 0xBF58476D1CE4E5B9 & mask
        state = (state ^ (state >> 27)) * 0x94D049BB133111EB & mask
        return state ^ (state >> 31)

    def halves(text: str | None) -> tuple[int, int]:
        content, person = (b"", b"missing") if text is None else (text.encode(), b"")
        digest = hashlib.blake2b(content, digest_size=16, person=person).digest()
        return int.from_bytes(digest[:8], "little"), int.from_bytes(digest[8:], "little")

    state = list(halves(name))
    for value in row:
        if isinstance(value, str | None):
            parts = halves(value)
        else:
            bits = int.from_bytes(struct.pack("<d" if isinstance(value, float) else "<q", value), "little")
            parts = bits, mixed(bits ^ multipliers[1])
        state = [mixed((its * multiplier + part) & mask)
                 for its, multiplier, part in zip(state, multipliers, parts, strict=True)]
    return b"".join(its.to_bytes(8, "big") for its in state)
