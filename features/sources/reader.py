"""A reader: the rows of one file that a source asks for, column by column, and which of them cannot be read.

A row is read whole or set aside whole, for the first reason found.
"""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from features.events import Int
from features.mapping import TABLE_COLUMNS, FieldSpec, Mapping, Source
from features.sources.currency import amount_currencies, is_currency, named_currencies
from features.sources.raw import RawTable, Unreadable
from features.sources.styles import find_style
from features.sources.values import (
    EMPTY,
    Parsed,
    as_text,
    is_among,
    parse_field,
    parse_ids,
    parse_times,
    replaced,
)

__all__ = ["Bools", "Reader", "columns_needed"]

Bools = npt.NDArray[np.bool_]
_IDS = {"lead_id", "deal_id", "account_id", "contact_id", "owner_id", "manager_id", "subject_id", "activity_id"}
_NUMBERS = {"duration_seconds", "rate", "amount"}
_TIMES = {"created_at", "changed_at", "happened_at", "valid_from", "made_at"}
_EXAMPLE_CHARACTERS = 200


class Reader:
    """The rows of one file that the source asks for, and which of them turned out to be unreadable."""

    def __init__(self, raw: RawTable, source: Source, mapping: Mapping, *, has_rates: bool) -> None:
        self.raw, self.source, self.mapping, self.has_rates = raw, source, mapping, has_rates
        raw.require(columns_needed(source))
        keep = _matching(raw, source)
        self.unmapped: dict[str, int] = {}
        if "field" in source.columns:
            keep, self.unmapped = self._only_mapped_fields(keep)
        self.tie_rank = _rank_in_file(raw, source)[keep]
        self.frame = raw.frame[keep].reset_index(drop=True)
        self.line = raw.line[keep]
        self.bad = np.zeros(len(self.frame), dtype=bool)
        self.rejected = list(raw.unreadable)
        self._reject_broken(keep)
        self.style = find_style(source, raw.name, *self._texts_in_doubt())

    def _only_mapped_fields(self, keep: Bools) -> tuple[Bools, dict[str, int]]:
        names = as_text(self.raw.frame[self.source.columns["field"]])
        mapped = names.isin([spec.column for spec in self.source.fields.values()]).to_numpy(bool)
        others = names[keep & ~mapped].fillna("(empty)").value_counts()
        return keep & mapped, {str(name): int(count) for name, count in others.items()}

    def _reject_broken(self, keep: Bools) -> None:
        """Set aside the rows with a cell that has no value, in a column that the source needs."""
        if self.raw.broken:
            position, needed = np.cumsum(keep) - 1, columns_needed(self.source)
            for one in self.raw.broken:
                if keep[one.row] and one.column in needed:
                    bad = np.zeros(len(self), dtype=bool)
                    bad[position[one.row]] = True
                    self.reject(bad, one.column, one.reason, one.value)

    def _texts_in_doubt(self) -> tuple[list[tuple[str, pd.Series]], list[tuple[str, pd.Series]]]:
        """Cells of numbers and of dates, by the column, or a field history's field."""
        source = self.source
        numbers: list[tuple[str, pd.Series]] = []
        dates = [(column, self.frame[column]) for column in sorted({
            *(column for name, column in source.columns.items() if name in _TIMES),
            *(spec.closed_at for spec in source.fields.values() if spec.closed_at),
            *([source.known_at] if source.known_at else [])})]
        numbers += [(column, self.frame[column]) for name, column in source.columns.items() if name in _NUMBERS]
        history = self.frame[source.columns["value"]] if "field" in source.columns else None
        names = as_text(self.frame[source.columns["field"]]).to_numpy(object) if history is not None else None
        for spec in source.fields.values():
            if spec.type in ("number", "money", "date"):
                cells = self.frame[spec.column] if history is None else history[names == spec.column]
                (dates if spec.type == "date" else numbers).append((spec.column, replaced(cells, spec)))
        return numbers, dates

    def __len__(self) -> int:
        return len(self.frame)

    def column(self, contract_name: str) -> str | None:
        return self.source.columns.get(contract_name)

    def reject(self, bad: Bools, column: str, reason: str | npt.NDArray[np.object_], value: str | None = None) -> None:
        """Set rows aside, each for the first reason found; the reason is one for all, or (n,) one for each row. `value`
        is what the cell shows, where that is not its text."""
        new = np.flatnonzero(bad & ~self.bad)
        if len(new):
            frame = self.frame.loc[:, ~self.frame.columns.duplicated()]
            texts = frame.iloc[new].rename(columns=str).apply(as_text).astype(object)
            rows: list[Any] = texts.where(texts.notna(), None).to_dict("records")
            reasons = np.broadcast_to(np.asarray(reason, dtype=object), len(self))[new]
            self.rejected += [Unreadable(self.raw.name, int(line), column,
                                         (value or cells[column] or "")[:_EXAMPLE_CHARACTERS], why, cells)
                              for line, cells, why in zip(self.line[new], rows, reasons, strict=True)]
        self.bad |= bad

    def take(self, parsed: Parsed, column: str) -> pd.Series:
        self.reject(parsed.bad, column, parsed.reason)
        return parsed.values.reset_index(drop=True)

    def times(self, column: str | None) -> pd.Series:
        if column is None:
            return pd.Series(np.full(len(self), EMPTY))
        parsed = parse_times(self.frame[column], column, self.style, self.mapping.zone)
        return self.take(parsed, column)

    def contract_column(self, name: str) -> pd.Series:
        """One column of the contract: from the file, a constant, or empty; required ones must be filled."""
        column, needed = self.column(name), TABLE_COLUMNS[self.source.rows][name]
        needed &= not (name == "created_at" and self.source.undated == "import")
        if column is None:
            if name in _TIMES:
                return self.times(None)
            return pd.Series([self.source.constants.get(name)] * len(self), dtype="str")
        if name in _TIMES:
            values = self.times(column)
            empty = (values == EMPTY).to_numpy(bool)
        elif name in _IDS:
            values = self.take(parse_ids(self.frame[column]), column)
            empty = values.isna().to_numpy(bool)
        else:
            words = FieldSpec(column=column, values=self.source.values.get(name, {}))
            values = as_text(replaced(self.frame[column], words))
            empty = values.isna().to_numpy(bool)
        if needed:
            self.reject(empty & ~self.bad, column, "is empty")
        return values

    def field(self, name: str, spec: FieldSpec) -> pd.Series:
        return self.cells(name, spec, spec.column, np.arange(len(self)))

    def cells(self, name: str, spec: FieldSpec, column: str, row: Int) -> pd.Series:
        """A field's values in those of the rows (n,); what cannot be read is set aside."""
        cells = self.frame[column].iloc[row]
        if name == "currency" and self.has_amounts:
            self._reject_unusable(named_currencies(cells, spec), column, row)
        if spec.type == "money":
            if self.source.names_currency:
                self._reject_unusable(self.currency, self.source.names_currency, np.arange(len(self)))
            currency = amount_currencies(cells, spec, self.currency.iloc[row])
            self._reject_unusable(currency, column, row)
            parsed = self._amounts(cells, spec, currency)
        else:
            parsed = parse_field(cells, spec, self.style, self.mapping)
        bad = np.zeros(len(self), dtype=bool)
        bad[row] = parsed.bad
        self.reject(bad, column, parsed.reason)
        return parsed.values.set_axis(row)

    @cached_property
    def currency(self) -> pd.Series:
        """The currency of each row's amounts (n,), where a cell does not say it itself."""
        column, own = self.source.names_currency, self.source.currency or self.mapping.currency
        if column is None:
            return pd.Series([own] * len(self), dtype="str")
        spec = next((spec for spec in self.source.fields.values() if spec.column == column), None)
        return named_currencies(self.frame[column], spec).fillna(own)

    @property
    def has_amounts(self) -> bool:
        source = self.source
        return source.subject_kind == "deal" or any(one.type == "money" for one in source.fields.values())

    def _amounts(self, cells: pd.Series, spec: FieldSpec, currency: pd.Series) -> Parsed:
        """Amounts in minor units, those of another currency than the company's with its code behind: "12300 USD"."""
        values, bad = np.full(len(cells), None, dtype=object), np.zeros(len(cells), dtype=bool)
        reason = ""
        for code in currency.unique():
            ours = np.flatnonzero(currency == code)
            usable = code if is_currency(code) else self.mapping.currency
            parsed = parse_field(cells.iloc[ours], spec, self.style,
                                 self.mapping.model_copy(update={"currency": usable}))
            values[ours] = parsed.values if code == self.mapping.currency else parsed.values + f" {code}"
            bad[ours], reason = parsed.bad, parsed.reason
        return Parsed(pd.Series(values, dtype="str"), bad, reason)

    def _reject_unusable(self, currency: pd.Series, column: str, row: Int) -> None:
        """Set aside those of the rows whose amounts are in a currency that cannot be told, or cannot be converted."""
        ours = self.mapping.currency
        other = currency.where(currency != ours)
        if other.isna().all():
            return
        if self.has_rates and self._amounts_are_marked:
            unclear = other.where(~other.fillna(ours).map(is_currency).astype(bool))
            reasons = ("the currency of an amount cannot be told from '" + unclear + "': name it by its code, such as "
                       "USD, in the cell or in the source's 'currency' or 'currency_column'")
        elif self.has_rates:
            reasons = ("amounts in " + other + f" would be taken for {ours}: they stand in another source, which does "
                       "not say their currency. Name it there with 'currency_column', by 'join' if need be")
        else:
            reasons = ("amounts in " + other + f" cannot be added to {ours}: convert them before the import, add a "
                       f"source of rates, or import them into a home of their own; if {ours} is meant, say so in the "
                       "field's 'values'")
        told = reasons.set_axis(row).reindex(np.arange(len(self)))
        self.reject(told.notna().to_numpy(bool), column, told.to_numpy(object))

    @property
    def _amounts_are_marked(self) -> bool:
        """Whether the amounts that a currency stands beside, or those of other sources about the same, have it too."""
        if any(spec.type == "money" for spec in self.source.fields.values()):
            return True
        return all(one.currency or one.names_currency for one in self.mapping.sources
                   if one.subject_kind == self.source.subject_kind
                   and any(spec.type == "money" for spec in one.fields.values()))


def columns_needed(source: Source) -> list[str]:
    """The columns that a file must have for a source."""
    names = [*source.columns.values(), *source.where, *source.where_not]
    if "field" not in source.columns:
        names += [spec.column for spec in source.fields.values()]
    names += [spec.closed_at for spec in source.fields.values() if spec.closed_at]
    names += [one for one in (source.known_at, source.currency_column) if one]
    return sorted(set(names))


def _matching(raw: RawTable, source: Source) -> Bools:
    """Rows that fit the source's where and where_not."""
    keep = np.ones(len(raw.frame), dtype=bool)
    for conditions, wanted in ((source.where, True), (source.where_not, False)):
        for column, values in conditions.items():
            keep &= is_among(as_text(raw.frame[column]).fillna(""), values) == wanted
    return keep


def _rank_in_file(raw: RawTable, source: Source) -> Int:
    """Rank of each row among those of its subject with the same time, in the order of the file.

    Only ties are ranked, and before any row is left out, so that a longer export, a mended row or another `where`
    leaves a change's identity as it is.
    """
    if source.rows != "changes" or "sequence" in source.columns:
        return np.zeros(len(raw.frame), dtype=np.int64)
    keys = [source.columns[name] for name in ("subject_id", "changed_at", "field") if name in source.columns]
    rank = raw.frame[keys].groupby(keys, sort=False, dropna=False).cumcount()
    return np.asarray(rank, dtype=np.int64)
