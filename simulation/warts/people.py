"""People who move: reps who leave, teams that are cut anew, contacts who change jobs."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from features.calendar import DAY, local_micros
from simulation.crm_settings import JobChanges, OwnersLeave, Reorganisation
from simulation.tables import KEY, Tables, column_as_text, numbered, pick, table_of, text
from simulation.warts.scene import Scene, added, change_rows, touched

__all__ = ["job_changes", "owners_leave", "reorganisation"]

Int = npt.NDArray[np.int64]
NEVER = 2**62
ENDED = ("Converted", "Disqualified")


def owners_leave(tables: Tables, settings: OwnersLeave, scene: Scene) -> tuple[Tables, pd.DataFrame]:
    """Some reps leave. What they have open is handed over in one batch some days later, or keeps their name to the end
    though a colleague does the work; nothing new comes to them."""
    left = _leaving(settings, scene)
    history, activities = tables["field_history"], tables["activities"]
    records = pd.Index(pd.concat([tables["leads"]["lead_id"], tables["deals"]["deal_id"]]))
    record_of = records.get_indexer(history["record_id"])
    moment = history["changed_at"].to_numpy(np.int64)
    rows = np.flatnonzero(((history["field"] == "owner") & (record_of >= 0)).to_numpy(bool))
    rows = rows[np.lexsort((moment[rows], record_of[rows]))]
    record, at = record_of[rows], moment[rows]
    rep = pd.Index(scene.rep_ids).get_indexer(pd.Index(history["value"].iloc[rows]))
    follows = np.append(record[1:] == record[:-1], False)
    until = np.minimum(np.where(follows, np.append(at[1:], 0), NEVER), _ended(history, record_of, len(records),
                                                                              scene)[record])
    heir = scene.colleague(rep, record, "heir", left < NEVER)
    # What they own as they leave is handed over, unless that is forgotten; what comes to them later comes to the heir.
    owned = (at < left[rep]) & (left[rep] < until)
    batch = scene.work_days_after(np.minimum(left[rep], scene.clocks.last),
                                  np.full(len(rows), settings.handed_over_days))
    orphaned = scene.draw(record, "orphaned") < settings.orphaned
    handed = owned & ~orphaned & (batch < until) & (batch <= scene.clocks.last)
    keys = scene.new_keys(history[KEY].iloc[rows[handed]], "hand over")
    batches = change_rows(history.iloc[rows[handed]], "owner", pick(scene.rep_ids, heir[handed]), batch[handed], keys)
    late = at >= left[rep]
    value = history["value"].to_numpy(object)
    was = value[rows[late]].copy()
    value[rows[late]] = scene.rep_ids[heir[late]]

    day = local_micros(np.minimum(left, scene.clocks.last), scene.world.zone) // DAY
    left_on = pd.Series(day.astype("datetime64[D]").astype("datetime64[s]"), index=scene.rep_ids)[left < NEVER]
    owners = tables["owners"].assign(left_on=left_on.reindex(tables["owners"]["owner_id"]).to_numpy())
    gone = owners["left_on"].notna()
    told = [touched("owners", owners[gone], "left_on", "", owners["left_on"][gone].dt.strftime("%Y-%m-%d")),
            touched("field_history", batches, "owner", pick(scene.rep_ids, rep[handed]), batches["value"]),
            touched("field_history", history.iloc[rows[owned & orphaned]], "orphaned", "", "yes"),
            touched("field_history", history.iloc[rows[late]], "owner", pd.Series(was), pd.Series(value[rows[late]]))]
    changed_by = _heirs(history["changed_by"], moment, record_of, left, scene)
    history = history.assign(value=text(value), changed_by=changed_by)
    activities = activities.assign(owner=_heirs(
        activities["owner"], activities["happened_at"].to_numpy(np.int64), records.get_indexer(activities["record_id"]),
        left, scene))
    calls = tables["forecast_calls"]
    here = calls["made_at"].to_numpy(np.int64) < np.append(left, NEVER)[
        pd.Index(scene.rep_ids).get_indexer(pd.Index(calls["owner_id"]))]
    told.append(touched("forecast_calls", calls[~here], "amount", calls["amount"][~here].astype("str"), ""))
    return ({**tables, "owners": owners, "field_history": added(history, batches), "activities": activities,
             "forecast_calls": calls[here].reset_index(drop=True)},
            pd.concat(told, ignore_index=True))


def _leaving(settings: OwnersLeave, scene: Scene) -> Int:
    """(reps,) the moment at which each leaves, NEVER for those who stay; in every region somebody stays."""
    reps = np.arange(len(scene.rep_ids))
    span = scene.clocks.last - scene.clocks.first
    leaves = scene.draw(reps, "leaves") < 1 - (1 - settings.per_year) ** (span / (365.25 * DAY))
    for region in np.unique(scene.rep_region):
        ours = np.flatnonzero(scene.rep_region == region)
        if leaves[ours].all():
            leaves[ours[0]] = False
    when = scene.clocks.first + ((0.15 + 0.75 * scene.draw(reps, "when")) * span).astype(np.int64)
    return np.where(leaves, when, NEVER)


def reorganisation(tables: Tables, settings: Reorganisation, scene: Scene) -> tuple[Tables, pd.DataFrame]:
    """On one day some reps get another manager and every team a new name."""
    owners = tables["owners"]
    now = owners.drop_duplicates("owner_id", keep="last").reset_index(drop=True)
    boss = (now["manager_id"] == "").to_numpy(bool)
    day = int(local_micros(np.array([scene.moment(settings.at)]), scene.world.zone)[0] // DAY)
    since = np.full(len(now), np.datetime64(day, "D"), dtype="datetime64[s]")
    managers = now[boss]
    new_team = pd.Series([f"{region} {settings.teams[i % len(settings.teams)]}" for i, region in
                          enumerate(managers["region"])], index=managers["owner_id"], dtype="str")
    # Several teams of one region and name are told apart by a number.
    again = new_team.groupby(new_team).cumcount()
    new_team = text((new_team + np.where(again > 0, " " + (again + 1).astype("str"), "")).to_numpy(object)).set_axis(
        new_team.index)
    order = np.argsort(scene.draw(now[KEY], "manager"), kind="stable")
    moved = ~boss & (scene.draw(now[KEY], "moved") < settings.moved)
    to = now["manager_id"].to_numpy(object).copy()
    for i, region in enumerate(managers["region"].unique()):
        pool = managers.loc[managers["region"] == region, "owner_id"].to_numpy(object)
        rows = order[(moved & (now["region"] == region).to_numpy(bool))[order]]
        to[rows] = pool[(np.arange(len(rows)) + i) % len(pool)]
    team = np.where(boss, now["owner_id"].map(new_team).fillna(""), pd.Series(to).map(new_team).fillna(""))
    rows = now.assign(manager_id=text(to), team=text(team), valid_from=since,
                      **{KEY: scene.new_keys(now[KEY], "row")})
    told = [touched("owners", rows, column, now[column], rows[column]) for column in ("manager_id", "team")]
    found = pd.concat(told, ignore_index=True)
    return {**tables, "owners": added(owners, rows)}, found[found["was"] != found["now"]].reset_index(drop=True)


def job_changes(tables: Tables, settings: JobChanges, scene: Scene) -> tuple[Tables, pd.DataFrame]:
    """Contacts leave their company; some turn up as contacts of another account, under the same name."""
    contacts, history = tables["contacts"], tables["field_history"]
    n = len(contacts)
    created, end = contacts["created_at"].to_numpy(np.int64), scene.clocks.last
    years = (end - created) / (365.25 * DAY)
    leaves = scene.draw(contacts[KEY], "leaves") < 1 - (1 - settings.per_year) ** years
    at = created + (scene.draw(contacts[KEY], "when") * (end - created)).astype(np.int64)
    at = scene.work_days_after(at, np.full(n, 0.5))
    found = scene.work_days_after(at, settings.days * (0.2 + scene.draw(contacts[KEY], "days")))
    leaves &= at <= end
    again = leaves & (found <= end) & (scene.draw(contacts[KEY], "again") < settings.found_again)
    accounts = tables["accounts"]
    there = np.searchsorted(np.sort(accounts["created_at"].to_numpy(np.int64)), found, side="right")
    chosen = np.argsort(accounts["created_at"].to_numpy(np.int64), kind="stable")[
        np.minimum((scene.draw(contacts[KEY], "account") * np.maximum(there, 1)).astype(np.int64), len(accounts) - 1)]
    elsewhere = (accounts["account_id"].to_numpy(object)[chosen] != contacts["account_id"].to_numpy(object))
    again &= elsewhere & (there > 0)
    by = tables["owners"]["owner_id"].iloc[-1]
    like = table_of({"object": "Contact", "record_id": contacts["contact_id"], "changed_by": str(by)})
    keys = scene.new_keys(contacts[KEY], "left")[leaves]
    rows = change_rows(like[leaves], "status", "left company", at[leaves], keys)
    first = int(contacts["contact_id"].str[2:].astype(np.int64).max()) + 1
    copies = contacts[again].assign(
        contact_id=numbered("C", first + np.arange(int(again.sum()))).to_numpy(object),
        account_id=accounts["account_id"].to_numpy(object)[chosen][again], created_at=found[again],
        entered_at=found[again], **{KEY: scene.new_keys(contacts[KEY], "again")[again]})
    told = [touched("contacts", contacts[leaves], "left_at", "", _times(at[leaves])),
            touched("contacts", copies, "same_person_as", "", contacts["contact_id"][again])]
    return ({**tables, "contacts": added(contacts, copies), "field_history": added(history, rows)},
            pd.concat(told, ignore_index=True))


def _ended(history: pd.DataFrame, record: Int, n: int, scene: Scene) -> Int:
    """When each lead or deal came to its end, NEVER where it did not."""
    deals = scene.world.deals
    rows = (((history["field"] == "stage") & history["value"].isin([deals.won, deals.lost]))
            | ((history["field"] == "status") & history["value"].isin(list(ENDED)))).to_numpy(bool) & (record >= 0)
    ended = np.full(n, NEVER)
    ended[record[rows]] = history["changed_at"].to_numpy(np.int64)[rows]
    return ended


def _heirs(owner: pd.Series, at: Int, record: Int, left: Int, scene: Scene) -> pd.Series:
    """Owners of what happened, with the colleague in place of a rep who had left."""
    rep = pd.Index(scene.rep_ids).get_indexer(pd.Index(owner))
    gone = (rep >= 0) & (record >= 0) & (at >= left[np.maximum(rep, 0)])
    heir = scene.colleague(np.maximum(rep, 0), np.maximum(record, 0), "heir", left < NEVER)
    return text(owner.where(~gone, pick(scene.rep_ids, heir)))


def _times(at: Int) -> pd.Series:
    return pd.Series(column_as_text("entered_at", pd.Series(at)).to_pandas(), dtype="str")
