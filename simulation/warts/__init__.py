"""What a CRM gets wrong. Each wart is a function over the tables with settings and random draws of its own.

A new wart is a function, a block of settings (crm_settings.py, company.yaml) and a line in `WARTS`. They are applied in
this order: what is not rightly in the CRM first, then what is in it twice, then what is entered late.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from features.errors import BadInput, nearest
from simulation.clock import Clocks
from simulation.settle import ROW_IDS
from simulation.tables import KEY, Tables
from simulation.warts.copies import duplicates
from simulation.warts.fields import currencies, missing_fields
from simulation.warts.lateness import back_dated, late_activities, late_changes
from simulation.warts.people import job_changes, owners_leave, reorganisation
from simulation.warts.scene import Scene, none_touched
from simulation.warts.stages import never_closed, process_change, reopened_deals, skipped_stages, steps_back
from simulation.world import World

__all__ = ["WARTS", "Wart", "apply_warts", "chosen_warts", "touched_rows"]


class Wart(NamedTuple):
    """hides : whether it hides something that probabilities depend on, so that the open variant is without it."""

    apply: Callable[[Tables, Any, Scene], tuple[Tables, pd.DataFrame]]
    hides: bool


WARTS = {
    "process_change": Wart(process_change, hides=True),
    "currencies": Wart(currencies, hides=True),
    "owners_leave": Wart(owners_leave, hides=True),
    "reorganisation": Wart(reorganisation, hides=False),
    "job_changes": Wart(job_changes, hides=False),
    "skipped_stages": Wart(skipped_stages, hides=True),
    "steps_back": Wart(steps_back, hides=True),
    "reopened_deals": Wart(reopened_deals, hides=True),
    "never_closed": Wart(never_closed, hides=True),
    "missing_fields": Wart(missing_fields, hides=True),
    "duplicates": Wart(duplicates, hides=True),
    "late_changes": Wart(late_changes, hides=True),
    "back_dated": Wart(back_dated, hides=True),
    "late_activities": Wart(late_activities, hides=True),
}


def chosen_warts(world: World, wanted: str) -> list[str]:
    """The warts that `wanted` asks for, with commas between: none, open (those that hide nothing), all, or names.

    Those that the settings turn off are in neither open nor all. Raises BadInput with the nearest name.
    """
    on = [name for name in WARTS if getattr(world.warts, name).happens]
    sets = {"none": [], "open": [name for name in on if not WARTS[name].hides], "all": on}
    asked = [name.strip() for name in wanted.split(",") if name.strip()]
    for name in asked:
        if name not in WARTS and name not in sets:
            raise BadInput(f"There is no wart '{name}'. Give none, open, all, or some of {', '.join(WARTS)}, with "
                           f"commas between.{nearest(name, [*WARTS, *sets])}")
    found = {wart for name in asked for wart in sets.get(name, [name])}
    return [name for name in WARTS if name in found]


def apply_warts(tables: Tables, names: Iterable[str], world: World, clocks: Clocks, seed: int,
                reps: Sequence[str], regions: npt.NDArray[np.int64]) -> tuple[Tables, pd.DataFrame]:
    """The tables with these warts, and what each did: the columns of `TOUCHED` and wart. reps, regions : (reps,)."""
    told = [none_touched().assign(wart=pd.Series([], dtype="str"))]
    for name in names:
        scene = Scene(world, clocks, np.array(reps, dtype=object), regions, seed, name)
        tables, rows = WARTS[name].apply(tables, getattr(world.warts, name), scene)
        told.append(rows.assign(wart=name))
    return tables, pd.concat(told, ignore_index=True)


def touched_rows(told: pd.DataFrame, settled: Tables) -> pd.DataFrame:
    """What the warts did as it is written to truth: wart, table, row_id (empty where the row is not in the export),
    record_id, field, was, now."""
    row_id = pd.Series("", index=told.index, dtype=object)
    for name, column in ROW_IDS.items():
        ours = told["table"] == name
        numbers = pd.Series(settled[name][column].astype("str").to_numpy(object), index=settled[name][KEY])
        row_id[ours] = told.loc[ours, KEY].map(numbers).fillna("").to_numpy(object)
    return pd.DataFrame({"wart": told["wart"], "table": told["table"], "row_id": row_id, "record_id": told["record_id"],
                         "field": told["field"], "was": told["was"], "now": told["now"]})
