"""Currencies: amounts of several without rates to turn them into the company's own."""

from __future__ import annotations

import numpy as np
import pandas as pd

from features.checking.finding import Finding, Weight, named, share
from features.checking.material import Material

__all__ = ["currencies"]

_MARKED = r"-?\d+ ([A-Z]{3})"  # how the store writes an amount in another currency than the company's


def currencies(material: Material) -> list[Finding]:
    """Amounts in another currency of which no rate is known, and currencies named beside amounts that bear none."""
    return [*_without_rates(material), *_unmarked(material)]


def _without_rates(material: Material) -> list[Finding]:
    changes, rates = material.history.tables["changes"], material.history.tables["rates"]
    marked = changes["value"].str.extract(f"^{_MARKED}$")[0].where(_is_money(material, changes))
    first_rate = rates.groupby("currency")["valid_from"].min()
    found = []
    for currency, rows in changes.groupby(marked):
        begins = first_rate.get(currency)
        lost = rows if begins is None else rows[rows["changed_at"] < begins]
        if not len(lost):
            continue
        when = "" if begins is None else f" before {np.datetime64(int(begins), 'us').astype('datetime64[D]')}"
        found.append(_finding(
            f"{len(lost):,} amounts are in {currency}, of which no rate is known{when}.", len(lost) / len(changes),
            "missing", "They count as unknown, in forecasts too.",
            f"Import a file of rates (currency, rate, valid_from) that holds {currency} from the first amount on."))
    return found


def _is_money(material: Material, changes: pd.DataFrame) -> pd.Series:
    money = {(kind, one.name) for kind in material.kinds for one in material.fields(kind) if one.type == "money"}
    return pd.Series([pair in money for pair in zip(changes["subject"], changes["field"], strict=True)],
                     index=changes.index)


def _unmarked(material: Material) -> list[Finding]:
    """A field named currency that holds others beside amounts that are all taken as the company's own."""
    own = material.history.mapping.currency
    found = []
    for kind in material.kinds:
        fields = {one.name: one for one in material.fields(kind)}
        money = [one for one in fields.values() if one.type == "money"]
        if "currency" not in fields or not money:
            continue
        named_ = pd.Series(material.at_last(fields["currency"]), dtype=object)
        other = named_.notna() & (named_ != own)
        plain = np.zeros(len(named_), dtype=bool)
        for one in money:
            events = one.events
            unmarked = ~pd.Series(events.value, dtype=object).astype("str").str.fullmatch(_MARKED)
            np.logical_or.at(plain, events.subject, unmarked.to_numpy(bool))
        mixed = other.to_numpy(bool) & plain
        if mixed.any():
            others = ", ".join(sorted(str(one) for one in named_[mixed].unique())[:5])
            found.append(_finding(
                f"{named(int(mixed.sum()), kind)} name another currency than {own} ({others}), yet their amounts are "
                f"taken as {own} ({share(float(mixed.mean()))}).", float(mixed.mean()), "wrong",
                "Sums of several currencies mean nothing.",
                "Map the currency's column beside the amount, and import a file of dated rates."))
    return found


def _finding(what: str, size: float, weight: Weight, why: str, cure: str) -> Finding:
    return Finding("currency", weight, size, what, why, cure)
