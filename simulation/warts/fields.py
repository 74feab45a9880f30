"""Fields that are filled late or never, and amounts in other currencies."""

from __future__ import annotations

import numpy as np
import pandas as pd

from features.calendar import DAY, local_micros
from simulation.crm_settings import Currencies, MissingFields
from simulation.tables import KEY, Tables, column_as_text, pick, table_of, text
from simulation.warts.scene import Scene, added, change_rows, touched

__all__ = ["currencies", "missing_fields"]

_OBJECT = {"leads": ("Lead", "lead_id"), "deals": ("Deal", "deal_id"), "accounts": ("Account", "account_id")}


def missing_fields(tables: Tables, settings: MissingFields, scene: Scene) -> tuple[Tables, pd.DataFrame]:
    """What describes a record is filled in days after it was created, or never; so are first amounts and the reasons of
    losses. A late value has a row in the field history, as every change has."""
    done = dict(tables)
    found = []
    history = done["field_history"]
    for name, (kind, key) in _OBJECT.items():
        for field, gaps in getattr(settings, name).items():
            table = done[name]
            value = text(column_as_text(field, table[field]))
            drawn = scene.draw(table[KEY], f"{name} {field}")
            days = settings.late_days * np.exp(settings.late_spread * scene.normal(table[KEY], f"{name} {field} days"))
            at = scene.work_days_after(table["created_at"].to_numpy(np.int64), days)
            gap = (drawn < gaps.never + gaps.late) & (value != "").to_numpy(bool)
            late = gap & (drawn >= gaps.never) & (at <= scene.clocks.last)
            like = table_of({"object": kind, "record_id": table[key], "changed_by": _first_owner(tables, name)})[late]
            keys = scene.new_keys(table[KEY], f"{name} {field}")[late]
            rows = change_rows(like, field, value[late], at[late], keys)
            history = added(history, rows)
            empty = -1 if table[field].dtype == np.int64 else ""
            done[name] = table.assign(**{field: table[field].mask(gap, empty)})
            now = pd.Series(np.where(late, column_as_text("entered_at", pd.Series(at)).to_pandas(), ""))[gap]
            found.append(touched(name, table[gap], field, value[gap], now))
    history, cut = _without(history, settings, scene)
    return {**done, "field_history": history}, pd.concat([*found, *cut], ignore_index=True)


def _first_owner(tables: Tables, name: str) -> pd.Series:
    """Who owned each record first; nobody owns accounts, so that an account's fields are filled by the first rep."""
    log = tables["field_history"]
    table, key = tables[name], _OBJECT[name][1]
    if name == "accounts":
        return pick([tables["owners"]["owner_id"].iloc[-1]], np.zeros(len(table), dtype=np.int64))
    first = log[log["field"] == "owner"].drop_duplicates("record_id").set_index("record_id")["value"]
    return text(table[key].map(first).fillna(""))


def _without(history: pd.DataFrame, settings: MissingFields, scene: Scene) -> tuple[pd.DataFrame, list[pd.DataFrame]]:
    """The history without some reasons of losses, and without first amounts that a later one replaces."""
    reason = (history["field"] == "loss_reason").to_numpy(bool)
    amount = ((history["field"] == "amount") & (history["object"] == "Deal")).to_numpy(bool)
    rows = history[amount].sort_values("changed_at", kind="stable")
    first = ~rows["record_id"].duplicated() & rows["record_id"].duplicated(keep="last")
    early = np.zeros(len(history), dtype=bool)
    early[rows.index[first.to_numpy(bool)]] = True
    drop = ((reason & (scene.draw(history[KEY], "reason") < settings.no_reason))
            | (early & (scene.draw(history[KEY], "amount") < settings.no_amount)))
    gone = history[drop]
    return history[~drop].reset_index(drop=True), [touched("field_history", gone, gone["field"], gone["value"], "")]


def currencies(tables: Tables, settings: Currencies, scene: Scene) -> tuple[Tables, pd.DataFrame]:
    """Deals in some countries are in the money of these; the rates of each month are a table of the export."""
    deals, history = tables["deals"], tables["field_history"]
    country = deals["country"].to_numpy(object)
    code = pd.Series("", index=deals.index, dtype="str")
    for name, foreign in settings.countries.items():
        code[country == name] = foreign.currency
    months = scene.clocks.days[np.searchsorted(scene.clocks.days, scene.clocks.first):]
    local = (local_micros(months, scene.world.zone) // DAY).astype("datetime64[D]")
    starts = np.flatnonzero((local == local.astype("datetime64[M]")) | (np.arange(len(local)) == 0))
    names = list(dict.fromkeys(foreign.currency for foreign in settings.countries.values()))
    first = {foreign.currency: foreign.rate for foreign in settings.countries.values()}
    rates = np.stack([first[name] * np.exp(settings.volatility * np.cumsum(
        scene.normal(np.arange(len(starts)), f"rate {name}") * (np.arange(len(starts)) > 0))) for name in names])
    rates = np.round(rates, 4)

    amounts = history["field"] == "amount"
    currency = history.loc[amounts, "record_id"].map(pd.Series(code.to_numpy(object), index=deals["deal_id"]))
    rows = history[amounts][(currency.fillna("") != "").to_numpy(bool)]
    column = pd.Index(names).get_indexer(pd.Index(currency.loc[rows.index]))
    month = np.searchsorted(months[starts], rows["changed_at"].to_numpy(np.int64), side="right") - 1
    here = pd.to_numeric(rows["value"]).to_numpy(np.float64) / rates[column, np.maximum(month, 0)]
    step = np.where(here < 10_000, 50, np.where(here < 100_000, 500, 1_000))
    values = history["value"].to_numpy(object)
    values[rows.index] = (np.round(here / step) * step).astype(np.int64).astype(str)
    foreign_deal = (code != "").to_numpy(bool)
    table = table_of({
        "currency": pick(names, np.repeat(np.arange(len(names)), len(starts))),
        "rate": pick([f"{rate:.4f}" for rate in rates.ravel()], np.arange(rates.size)),
        "valid_from": pd.Series(np.tile(local[starts].astype("datetime64[s]"), len(names)))})
    done = {**tables, "deals": deals.assign(currency=text(deals["currency"].mask(foreign_deal, code))),
            "field_history": history.assign(value=text(values)), "exchange_rates": table}
    return done, pd.concat([
        touched("deals", deals[foreign_deal], "currency", deals["currency"][foreign_deal], code[foreign_deal]),
        touched("field_history", rows, "amount", rows["value"], pd.Series(values)[rows.index])], ignore_index=True)
