"""Fields that are filled late or never, and amounts in other currencies."""

from __future__ import annotations

import numpy as np
import pandas as pd

from simulation.crm_settings import Currencies, MissingFields
from simulation.rates import currency_names, rate_at
from simulation.reps import rounded
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
            logged = history.loc[(history["field"] == field) & (history["object"] == kind), "record_id"]
            gap = (drawn < gaps.never + gaps.late) & ~table[key].isin(logged).to_numpy(bool)
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
    """Deals in some countries are in the money of these, at the rate of the day on which an amount was entered."""
    deals, history, names = tables["deals"], tables["field_history"], currency_names(scene.world)
    here = {country: names.index(foreign.currency) for country, foreign in settings.countries.items()}
    code = deals["country"].map(here).fillna(-1).to_numpy().astype(np.int64)
    foreign_deal = code >= 0
    at = pd.Index(deals["deal_id"]).get_indexer(pd.Index(history["record_id"]))
    of_row = np.where(at < 0, -1, code[at])
    changed = (history["field"] == "amount").to_numpy(bool) & (of_row >= 0)
    rows = history[changed]
    rate = rate_at(tables["exchange_rates"], scene.world, of_row[changed], rows["changed_at"].to_numpy(np.int64))
    amount = rounded(pd.to_numeric(rows["value"]).to_numpy(np.float64) / rate)
    values = history["value"].to_numpy(object)
    values[changed] = amount.astype(np.int64).astype(str)
    shown = deals["currency"].mask(foreign_deal, pick(names, code))
    return {**tables, "deals": deals.assign(currency=text(shown)),
            "field_history": history.assign(value=text(values))}, pd.concat([
        touched("deals", deals[foreign_deal], "currency", deals["currency"][foreign_deal], shown[foreign_deal]),
        touched("field_history", rows, "amount", rows["value"], pd.Series(values[changed]))], ignore_index=True)
