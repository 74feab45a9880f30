"""How an export is laid out: which files a company gets out of its CRM, or keeps in place of one.

tables    : a file for each of the CRM's tables, with its field history.
one-table : one sheet of deals with what they show today, as small vendors have it in Excel.
snapshots : that sheet as it stood on the first day of each month, a file each.
event-log : one file of what happened to deals, a row for each event, as process mining takes it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import numpy.typing as npt
import pandas as pd

from features.calendar import DAY, day_start, end_of_day, local_micros
from features.errors import BadInput, nearest
from simulation.replay import replay
from simulation.tables import Tables, table_of, text
from simulation.world import World

__all__ = ["LAYOUTS", "LAYOUT_FILES", "check_layout"]

Int = npt.NDArray[np.int64]
NEVER = -(2**62)
# Every file that some layout writes, by its name or a pattern, without its ending.
LAYOUT_FILES = ("owners", "accounts", "contacts", "leads", "deals", "deal_contacts", "field_history", "activities",
                "forecast_calls", "quotas", "exchange_rates", "deal_reviews", "events", "snapshots/deals_*")
# What the sheet shows of a deal's logged fields, by the heading that people give it.
_HEADINGS = {"owner": "Owner", "stage": "Stage", "amount": "Amount", "expected_close": "Expected close",
             "rep_probability": "Probability", "forecast_category": "Forecast", "loss_reason": "Loss reason",
             "product": "Product", "delivery": "Delivery", "source": "Lead source", "industry": "Industry"}


def check_layout(name: str) -> str:
    """The layout of that name. Raises BadInput with the nearest name."""
    if name not in LAYOUTS:
        raise BadInput(f"There is no layout '{name}'. Choose one of {', '.join(LAYOUTS)}.{nearest(name, LAYOUTS)}")
    return name


def _tables(tables: Tables, world: World) -> Tables:
    return tables


def _one_table(tables: Tables, world: World) -> Tables:
    end = end_of_day(world.last_day, world.zone) + 1
    ((_, sheet),) = _sheets(tables, world, np.array([end]))
    return {"deals": sheet}


def _snapshots(tables: Tables, world: World) -> Tables:
    days = np.arange(np.datetime64(world.first_day), np.datetime64(world.last_day) + 2)
    days = days[(days == days.astype("datetime64[M]")) & (days > np.datetime64(world.first_day))]
    moments = np.array([day_start(day, world.zone) for day in days.tolist()], dtype=np.int64)
    found = {}
    for i, sheet in _sheets(tables, world, moments):
        day = days[i]
        dates = pd.Series(np.full(len(sheet), day).astype("datetime64[s]"), index=sheet.index)
        sheet.insert(0, "Snapshot date", dates)
        found[f"snapshots/deals_{day}"] = sheet
    return found


def _sheets(tables: Tables, world: World, moments: Int) -> Iterator[tuple[int, pd.DataFrame]]:
    """(position of the moment, the sheet of deals as it stood just before it)."""
    deals, work = tables["deals"], tables["activities"]
    owners = tables["owners"].drop_duplicates("owner_id", keep="last").set_index("owner_id")["name"]
    accounts = deals["account_id"].map(tables["accounts"].set_index("account_id")["name"])
    history = _with_ends(tables["field_history"], world)
    logged_here = set(history["field"])
    fields = ["closed_on", *(name for name in _HEADINGS if name in logged_here)]
    year = pd.Series(_day(deals["created_at"].to_numpy(), world)).dt.strftime("%Y")
    kinds = deals["kind"] + " " + year.set_axis(deals.index)
    touch = work[work["object"] == "Deal"].sort_values("entered_at", kind="stable")
    who, at = pd.Index(deals["deal_id"]).get_indexer(pd.Index(touch["record_id"])), touch["happened_at"].to_numpy()
    until = np.searchsorted(touch["entered_at"].to_numpy(), moments)
    last_touch = np.full(len(deals), NEVER)
    for i, now in enumerate(replay(history, "new_value", deals["deal_id"], fields, moments - 1)):
        begin = until[i - 1] if i else 0
        np.maximum.at(last_touch, who[begin:until[i]], at[begin:until[i]])
        here = np.flatnonzero((deals["entered_at"] < moments[i]).to_numpy(bool))
        logged = {name: pd.Series(now[name][here], dtype="str") if name in now else deals[name].iloc[here]
                  for name in _HEADINGS}
        # What was never changed is what it was from the start on.
        for name in ("product", "delivery", "source", "industry"):
            plain = text(deals[name].iloc[here]).reset_index(drop=True)
            changed = deals["deal_id"].iloc[here].isin(_changed(tables, name)).to_numpy(bool)
            logged[name] = logged[name].where(changed, plain) if name in now else plain
        closed = np.isin(now["stage"][here], [world.deals.won, world.deals.lost])
        yield i, table_of({
            "Deal ID": deals["deal_id"].iloc[here],
            "Deal name": text(accounts.iloc[here] + " - " + kinds.iloc[here]),
            "Account": text(accounts.iloc[here]), "Owner": text(logged["owner"].map(owners).fillna("")),
            "Stage": text(logged["stage"]), "Amount": _whole(logged["amount"]),
            "Currency": deals["currency"].iloc[here], "Created": _day(deals["created_at"].to_numpy()[here], world),
            "Expected close": _dates(logged["expected_close"]),
            "Closed on": _dates(pd.Series(np.where(closed, now["closed_on"][here], ""), dtype="str")),
            **{_HEADINGS[name]: _whole(logged[name]) if name == "rep_probability" else text(logged[name])
               for name in ("rep_probability", "forecast_category", "loss_reason")},
            "Kind": deals["kind"].iloc[here],
            **{_HEADINGS[name]: text(logged[name]) for name in ("source", "industry")},
            "Country": deals["country"].iloc[here],
            **{_HEADINGS[name]: text(logged[name]) for name in ("product", "delivery")},
            "Last contact": _day(last_touch[here], world)})


def _with_ends(history: pd.DataFrame, world: World) -> pd.DataFrame:
    """The field history, and for each won or lost stage a row closed_on with the day of it."""
    ends = history[(history["field"] == "stage") & history["new_value"].isin([world.deals.won, world.deals.lost])]
    day = _day(ends["changed_at"].to_numpy(), world).dt.strftime("%Y-%m-%d").set_axis(ends.index)
    found = pd.concat([history, ends.assign(field="closed_on", new_value=day)], ignore_index=True)
    return found.iloc[np.argsort(found["entered_at"].to_numpy(), kind="stable")]


def _changed(tables: Tables, field: str) -> set[str]:
    history = tables["field_history"]
    return set(history.loc[(history["field"] == field) & (history["object"] == "Deal"), "record_id"])


def _whole(values: pd.Series) -> Int:
    return np.asarray(pd.to_numeric(values.replace("", np.nan)).fillna(-1).to_numpy()).astype(np.int64)


def _dates(values: pd.Series) -> pd.Series:
    return pd.Series(pd.to_datetime(values.replace("", np.nan)).astype("datetime64[s]"))


def _day(at: Int, world: World) -> pd.Series:
    day = (local_micros(np.maximum(at, 0), world.zone) // DAY).astype("datetime64[D]").astype("datetime64[s]")
    return pd.Series(np.where(at == NEVER, np.datetime64("NaT"), day))


def _event_log(tables: Tables, world: World) -> Tables:
    """Deals created, stages entered and activities, in the order of entry."""
    deals, stage, work = tables["deals"], tables["field_history"], tables["activities"]
    stage = stage[(stage["field"] == "stage") & (stage["object"] == "Deal")]
    work = work[work["object"] == "Deal"]
    owner = pd.Series("", index=deals.index, dtype="str")
    parts = (("creation", deals["deal_id"], "created", deals["created_at"], deals["entered_at"], owner),
             ("stage", stage["record_id"], stage["new_value"], stage["changed_at"], stage["entered_at"],
              stage["changed_by"]),
             ("activity", work["record_id"], work["kind"], work["happened_at"], work["entered_at"], work["owner"]))
    log = pd.concat([table_of({
        "case_id": text(case), "type": what, "event": event if isinstance(event, str) else text(event),
        "happened_at": happened.to_numpy(np.int64), "entered_at": entered.to_numpy(np.int64), "resource": text(who)})
        for what, case, event, happened, entered, who in parts], ignore_index=True)
    about = deals.set_index("deal_id")
    for name in ("kind", "segment", "country"):
        log[name] = text(log["case_id"].map(about[name]))
    order = np.argsort(log["entered_at"].to_numpy(), kind="stable")
    return {"events": log.iloc[order].reset_index(drop=True)}


LAYOUTS: dict[str, Callable[[Tables, World], Tables]] = {
    "tables": _tables, "one-table": _one_table, "snapshots": _snapshots, "event-log": _event_log}
