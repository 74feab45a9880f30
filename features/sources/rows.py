"""One file's rows as rows of the contract.

In: a `RawTable` and the mapping's source that describes it. Out: `SourceRows`: the contract rows that stand by
themselves (entities, logged changes, activities), the field values of entity rows (`FieldValues`, whose place in the
past depends on what the store already knows), and what could not be read. A row is read whole or set aside whole.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from features.calendar import fiscal_quarter, parse_period
from features.endings import is_end
from features.errors import BadInput
from features.events import Int
from features.history import OWN_TIME
from features.mapping import TABLE_COLUMNS, FieldSpec, Mapping, Source
from features.sources.currency import is_currency
from features.sources.raw import RawTable, Unreadable
from features.sources.reader import Bools, Reader
from features.sources.values import EMPTY, as_text, parse_whole

__all__ = ["FieldValues", "SourceRows", "contract_rows"]


@dataclass(frozen=True)
class FieldValues:
    """One mapped field of entity rows. `rows` has subject_id, value, created_at, known_at (EMPTY where the file does
    not say), closed_at (EMPTY where the value is no end or has no date) and row, as in `SourceRows`."""

    kind: str
    name: str
    spec: FieldSpec
    rows: pd.DataFrame


@dataclass(frozen=True)
class SourceRows:
    """What one file gave. `frame` are contract rows of the source's table; `row` is the row of the file that each came
    from, counted from 0 among those that the source asks for. `stored` says of each such row whether it brought
    anything new; the import fills it in. `line` is the line of each. `read_as` words how the file was found to be
    written."""

    source: Source
    file: str
    read: int
    frame: pd.DataFrame
    fields: list[FieldValues]
    rejected: list[Unreadable]
    unmapped_fields: dict[str, int]
    stored: Bools
    line: Int
    read_as: list[str]


def contract_rows(raw: RawTable, source: Source, mapping: Mapping, *, has_rates: bool = False) -> SourceRows:
    """Turn a file's rows into contract rows. `has_rates`: the company has rates of other currencies, by its mapping or
    in its store, so that amounts in these are of use. Raises BadInput for a column that the file does not have, and for
    dates that can be read in two ways."""
    reader = Reader(raw, source, mapping, has_rates=has_rates or mapping.has_rates)
    if source.rows == "changes":
        frame = _history_rows(reader) if "field" in source.columns else _log_rows(reader)
        fields = []
    else:
        frame = pd.DataFrame({name: reader.contract_column(name) for name in TABLE_COLUMNS[source.rows]})
        fields = _field_values(reader, frame)
        frame = _completed(reader, frame)
    known_at, own = reader.times(source.known_at), frame[OWN_TIME[source.rows]]
    known_of_rows = known_at.iloc[frame["row"]].set_axis(frame.index)
    frame["known_at"] = known_of_rows.where(known_of_rows != EMPTY, own)
    frame["known_at_assumed"] = known_of_rows == EMPTY
    good = ~reader.bad
    fields = [FieldValues(one.kind, one.name, one.spec,
                          one.rows.assign(known_at=known_at)[good].reset_index(drop=True)) for one in fields]
    return SourceRows(source, raw.name, len(reader) + len(raw.unreadable),
                      frame[good[frame["row"]]].reset_index(drop=True), fields, reader.rejected, reader.unmapped,
                      np.zeros(len(reader), dtype=bool), reader.line, [*raw.detected.words(), *reader.style.told])


def _changes(reader: Reader, subject_id: pd.Series, changed_at: pd.Series, sequence: npt.ArrayLike, name: str,
             value: pd.Series, row: npt.ArrayLike) -> pd.DataFrame:
    return pd.DataFrame({"subject": reader.source.subject, "subject_id": subject_id, "field": name, "value": value,
                         "changed_at": changed_at, "sequence": sequence, "row": row})


def _sequence(reader: Reader) -> Int:
    column = reader.column("sequence")
    if column is None:
        return reader.tie_rank
    return reader.take(parse_whole(reader.frame[column]), column).to_numpy(np.int64)


def _log_rows(reader: Reader) -> pd.DataFrame:
    """A log whose rows each set every mapped field from its own column."""
    subject_id, changed_at = reader.contract_column("subject_id"), reader.contract_column("changed_at")
    sequence, row = _sequence(reader), np.arange(len(reader))
    return pd.concat([_changes(reader, subject_id, changed_at, sequence, name, reader.field(name, spec), row)
                      for name, spec in reader.source.fields.items()], ignore_index=True)


def _history_rows(reader: Reader) -> pd.DataFrame:
    """A field history: a row per change, with the field's name in one column and its new value in another."""
    subject_id, changed_at = reader.contract_column("subject_id"), reader.contract_column("changed_at")
    sequence = _sequence(reader)
    names = as_text(reader.frame[reader.source.columns["field"]])
    column = reader.source.columns["value"]
    parts = []
    for name, spec in reader.source.fields.items():
        row = np.flatnonzero(names == spec.column)
        values = reader.cells(name, spec, column, row)
        parts.append(_changes(reader, subject_id.iloc[row], changed_at.iloc[row], sequence[row], name, values, row))
    return pd.concat(parts, ignore_index=True)


def _field_values(reader: Reader, frame: pd.DataFrame) -> list[FieldValues]:
    """Mapped fields of entity rows, with the date of the end where the value is one."""
    kind = reader.source.subject_kind
    if kind is None:
        return []
    found = []
    for name, spec in reader.source.fields.items():
        value = reader.field(name, spec)
        ended = is_end(reader.mapping, kind, name, value)
        closed = reader.times(spec.closed_at)
        rows = pd.DataFrame({"subject_id": frame[f"{kind}_id"], "value": value, "created_at": frame["created_at"],
                             "closed_at": closed.where(ended, EMPTY), "row": np.arange(len(reader))})
        found.append(FieldValues(kind, name, spec, rows))
    return found


def _number(reader: Reader, name: str) -> pd.Series:
    """A column of the contract that holds numbers, (n,) float64, NaN where it is empty or there is none."""
    column = reader.column(name)
    if column is None:
        constant = reader.source.constants.get(name)
        return pd.to_numeric(pd.Series([constant] * len(reader), dtype="str")).astype(np.float64)
    texts = reader.field(name, FieldSpec(column=column, type="number"))
    return pd.to_numeric(texts).astype(np.float64)


def _rates(reader: Reader) -> pd.Series:
    """Units of the company's currency for one of the other, (n,) float64."""
    rate, column = _number(reader, "rate"), reader.column("rate") or next(iter(reader.source.columns.values()))
    reader.reject((rate <= 0).to_numpy(bool), column, "is no rate: it must be above 0")
    named = reader.column("currency")
    if named is not None:
        known = as_text(reader.frame[named]).map(is_currency, na_action="ignore").fillna(True).astype(bool)
        reader.reject(~known.to_numpy(bool), named, "is no currency's ISO code, such as USD")
    return 1 / rate.where(rate > 0) if reader.source.inverse else rate


def _amounts_of_people(reader: Reader) -> pd.Series:
    """Amounts of quotas and calls in minor units of the company's currency, (n,) float64."""
    column = reader.source.columns["amount"]
    texts = reader.field("amount", FieldSpec(column=column, type="money"))
    other = texts.str.contains(" ", regex=False).fillna(False).astype(bool)
    reader.reject(other.to_numpy(bool), column, f"is of another currency: give it in {reader.mapping.currency}")
    return pd.to_numeric(texts.where(~other)).astype(np.float64)


def _periods(reader: Reader, names: pd.Series) -> pd.Series:
    """Fiscal quarters by the names that they have here, such as 2026-Q4, (n,)."""
    called: dict[str, str] = {}
    for name in names.dropna().unique():
        try:
            called[name] = fiscal_quarter(parse_period(name, reader.mapping)[1], reader.mapping)[0]
        except BadInput:
            continue
    reader.reject((names.notna() & ~names.isin(list(called))).to_numpy(bool), reader.source.columns["period"],
                  "is no fiscal quarter, such as 2026-Q4")
    return names.map(called).astype("str")


def _completed(reader: Reader, frame: pd.DataFrame) -> pd.DataFrame:
    """Contract rows with what files leave out: a duration as a number, an activity's id.

    Since when an owner's row without a date is so depends on what the store knows; of who takes part in a deal, such a
    row says what is so today.
    """
    frame = frame.assign(row=np.arange(len(reader)))
    if reader.source.rows == "rates":
        frame["rate"] = _rates(reader)
    if reader.source.rows in ("quotas", "calls"):
        frame["amount"], frame["period"] = _amounts_of_people(reader), _periods(reader, frame["period"])
    if reader.source.rows != "activities":
        return frame
    frame.insert(0, "subject", pd.Series([reader.source.subject] * len(frame), dtype="str"))
    frame["duration_seconds"] = _number(reader, "duration_seconds")
    missing = frame["activity_id"].isna()
    if missing.any():
        content = frame[missing].drop(columns=["row", "activity_id"])
        rank = content.groupby(list(content.columns), dropna=False).cumcount()
        content = content.astype(object).where(content.notna(), None)
        frame.loc[missing, "activity_id"] = [
            hashlib.blake2b(repr(one).encode("utf-8", "surrogatepass"), digest_size=12).hexdigest()
            for one in zip(*(content[name].tolist() for name in content), rank.tolist(), strict=True)]
    return frame
