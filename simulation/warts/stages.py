"""Stages that were skipped, gone back to, closed too early or never closed; and a process that changes half-way."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from simulation.crm_settings import NeverClosed, ProcessChange, ReopenedDeals, SkippedStages, StepsBack
from simulation.tables import KEY, Tables, pick, text
from simulation.warts.scene import Scene, added, change_rows, found_in, stage_log, touched

__all__ = ["never_closed", "process_change", "reopened_deals", "skipped_stages", "steps_back"]

Int = npt.NDArray[np.int64]
HOUR = 3_600_000_000


def skipped_stages(tables: Tables, settings: SkippedStages, scene: Scene) -> tuple[Tables, pd.DataFrame]:
    """A stage was never entered in the CRM: the deal jumps over it. First stages and ends stay."""
    log = stage_log(tables, scene.world)
    hit = (log["rank"] > 0) & ~log["ends"] & (log["left"] > 0) & (scene.draw(log[KEY], "skip") < settings.share)
    gone = log[hit.to_numpy(bool)]
    history = tables["field_history"].drop(gone["row"].to_numpy()).reset_index(drop=True)
    return {**tables, "field_history": history}, touched("field_history", gone, "stage", gone["value"], "")


def steps_back(tables: Tables, settings: StepsBack, scene: Scene) -> tuple[Tables, pd.DataFrame]:
    """A stage is gone back to and entered again days later."""
    log = stage_log(tables, scene.world)
    at, next_at = log["changed_at"].to_numpy(np.int64), np.minimum(log["next_at"].to_numpy(np.int64), scene.clocks.last)
    back_at = scene.work_days_after(at, settings.days * (0.3 + scene.draw(log[KEY], "back")))
    again_at = scene.work_days_after(back_at, settings.days * (0.3 + scene.draw(log[KEY], "again")))
    hit = ((log["rank"] > 0) & ~log["ends"] & (again_at + HOUR < next_at)
           & (scene.draw(log[KEY], "hit") < settings.share)).to_numpy(bool)
    return _aside(tables, log[hit], log["before"][hit], back_at[hit], again_at[hit], scene)


def reopened_deals(tables: Tables, settings: ReopenedDeals, scene: Scene) -> tuple[Tables, pd.DataFrame]:
    """A deal is given up too early: closed as lost, and opened again days later in the stage that it had."""
    log = stage_log(tables, scene.world)
    at, next_at = log["changed_at"].to_numpy(np.int64), np.minimum(log["next_at"].to_numpy(np.int64), scene.clocks.last)
    lost_at = at + ((next_at - at) * (0.2 + 0.6 * scene.draw(log[KEY], "lost"))).astype(np.int64)
    lost_at = scene.work_days_after(lost_at, np.full(len(log), 0.01))
    again_at = scene.work_days_after(lost_at, settings.days * (0.3 + scene.draw(log[KEY], "again")))
    hit = (~log["ends"] & (again_at + HOUR < next_at) & (scene.draw(log[KEY], "hit") < settings.share)).to_numpy(bool)
    lost = pick([scene.world.deals.lost], np.zeros(int(hit.sum()), dtype=np.int64))
    return _aside(tables, log[hit], lost, lost_at[hit], again_at[hit], scene)


def _aside(tables: Tables, log: pd.DataFrame, other: pd.Series, at: Int, again_at: Int,
           scene: Scene) -> tuple[Tables, pd.DataFrame]:
    """For each row of stages, another stage at a later moment, and the first again after that."""
    aside = change_rows(log, "stage", other, at, scene.new_keys(log[KEY], "aside"))
    again = change_rows(log, "stage", log["value"], again_at, scene.new_keys(log[KEY], "again"))
    told = pd.concat([touched("field_history", rows, "stage", "", rows["value"]) for rows in (aside, again)],
                     ignore_index=True)
    return {**tables, "field_history": added(tables["field_history"], aside, again)}, told


def never_closed(tables: Tables, settings: NeverClosed, scene: Scene) -> tuple[Tables, pd.DataFrame]:
    """Deals that died without a decision stay open: nobody enters the loss, nor what the CRM sets with it."""
    history = tables["field_history"]
    log = stage_log(tables, scene.world)
    reasons = history[history["field"] == "loss_reason"].set_index("record_id")["value"]
    hit = ((log["value"] == scene.world.deals.lost) & (log["left"] == 0)
           & (log["record_id"].map(reasons).fillna("") == settings.reason)
           & (scene.draw(log[KEY], "hit") < settings.share)).to_numpy(bool)
    lost_at = found_in(history["record_id"], log[hit].set_index("record_id")["changed_at"], 2**62)
    drop = (history["changed_at"] >= lost_at).to_numpy(bool)
    gone = history[drop]
    return ({**tables, "field_history": history[~drop].reset_index(drop=True)},
            touched("field_history", gone, gone["field"], gone["value"], ""))


def process_change(tables: Tables, settings: ProcessChange, scene: Scene) -> tuple[Tables, pd.DataFrame]:
    """From one day on a stage has another name, another stage stands before the last, and a new field must be filled as
    a stage is entered: whether somebody who holds the budget is known."""
    day, history = scene.moment(settings.at), tables["field_history"]
    told = []
    log = stage_log(tables, scene.world)
    renamed = log[(log["changed_at"] >= day) & log["value"].isin(list(settings.renamed))]
    value = history["value"].to_numpy(object)
    value[renamed["row"]] = renamed["value"].map(settings.renamed)
    told.append(touched("field_history", renamed, "stage", renamed["value"], renamed["value"].map(settings.renamed)))

    # Deals that would enter the stage enter the inserted one; the stage follows days later, if the deal lives so long.
    enters = log[(log["changed_at"] >= day) & (log["value"] == settings.before)]
    later = scene.work_days_after(enters["changed_at"].to_numpy(np.int64),
                                  settings.days * (0.3 + 1.4 * scene.draw(enters[KEY], "days")))
    value[enters["row"]] = settings.inserted
    follows = later + HOUR < np.minimum(enters["next_at"].to_numpy(np.int64), scene.clocks.last)
    after = change_rows(enters[follows], "stage", settings.before, later[follows],
                        scene.new_keys(enters[KEY], "after")[follows])
    told.append(touched("field_history", enters, "stage", settings.before, settings.inserted))
    told.append(touched("field_history", after, "stage", "", settings.before))
    shown = added(history.assign(value=text(value)), after)

    stages = stage_log({**tables, "field_history": shown}, scene.world)
    asked = stages[(stages["changed_at"] >= day) & (stages["rank"] > 0)]
    members = tables["deal_contacts"]
    budget = members[members["role"] == "budget"].groupby("deal_id")["valid_from"].min()
    at = asked["changed_at"].to_numpy(np.int64)
    known = found_in(asked["record_id"], budget, 2**62) <= at
    rows = change_rows(asked, settings.new_field, pick(["no", "yes"], known), at, scene.new_keys(asked[KEY], "field"))
    told.append(touched("field_history", rows, settings.new_field, "", rows["value"]))
    return {**tables, "field_history": added(shown, rows)}, pd.concat(told, ignore_index=True)

