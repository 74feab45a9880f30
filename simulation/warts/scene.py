"""What a wart may look at besides the tables, its own random draws, and how it tells what it did.

A draw belongs to a row, not to its place: it is a hash of the row's `key`, the seed, the wart and what is drawn. So a
wart touches the same rows whichever other warts are on.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.special import ndtri

from simulation.clock import Clock, Clocks
from simulation.tables import KEY, Tables, pick
from simulation.world import World

__all__ = ["TOUCHED", "Scene", "added", "change_rows", "found_in", "none_touched", "stage_log", "touched"]

Int = npt.NDArray[np.int64]
Float = npt.NDArray[np.float64]
Bool = npt.NDArray[np.bool_]
# What a wart leaves in truth: which row of which table, of which record, and what stood in the field without the wart.
TOUCHED = ("table", "record_id", KEY, "field", "was", "now")
_RECORD = {"leads": "lead_id", "deals": "deal_id", "accounts": "account_id", "contacts": "contact_id",
           "deal_contacts": "deal_id", "owners": "owner_id", "forecast_calls": "owner_id"}


@dataclass(frozen=True)
class Scene:
    """The company around the tables. wart : whose draws these are. rep_ids, rep_region : (reps,) ids and regions."""

    world: World
    clocks: Clocks
    rep_ids: npt.NDArray[np.object_]
    rep_region: Int
    seed: int
    wart: str

    def draw(self, keys: npt.ArrayLike, what: str) -> Float:
        """Evenly spread draws in (0, 1), one for each key."""
        salt = zlib.crc32(f"{self.seed} {self.wart} {what}".encode())
        found = _mixed(_mixed(np.asarray(keys).astype(np.uint64) + np.uint64(1)) ^ _mixed(np.array([salt], np.uint64)))
        return ((found >> np.uint64(11)).astype(np.float64) + 0.5) / 2**53

    def normal(self, keys: npt.ArrayLike, what: str) -> Float:
        """Standard normal draws, one for each key."""
        found: Float = ndtri(self.draw(keys, what))
        return found

    def choose(self, keys: npt.ArrayLike, what: str, n: int) -> Int:
        """One of 0..n-1 for each key."""
        return (self.draw(keys, what) * n).astype(np.int64)

    def moment(self, share: float) -> int:
        """The local midnight at that share of the log."""
        days = self.clocks.days[self.clocks.days >= self.clocks.first]
        return int(days[int(share * (len(days) - 1))])

    def work_days_after(self, at: Int, days: Float, clock: Clock | None = None) -> Int:
        """The moments so many business days after `at`, in office hours."""
        clock = clock or self.clocks.work
        found = np.interp(clock.read(at) + days, clock.elapsed, clock.moments)
        return np.maximum(found.astype(np.int64), at)

    def new_keys(self, keys: npt.ArrayLike, what: str) -> Int:
        """Keys for rows that a wart adds, one for each row that they come from."""
        return (self.draw(keys, f"key {what}") * 2**52).astype(np.int64) + 2**52

    def colleague(self, rep: Int, keys: npt.ArrayLike, what: str, gone: Bool | None = None) -> Int:
        """Another rep of the same region for each rep; the same one where there is no other. gone : (reps,) not
        to be chosen."""
        found = np.asarray(rep).copy()
        for region in np.unique(self.rep_region):
            pool = np.flatnonzero((self.rep_region == region) & (True if gone is None else ~gone))
            rows = np.flatnonzero(self.rep_region[rep] == region)
            if not len(rows) or not len(pool):
                continue
            at = self.choose(np.asarray(keys)[rows], what, len(pool))
            chosen = pool[at]
            chosen = np.where(chosen == rep[rows], pool[(at + 1) % len(pool)], chosen)
            found[rows] = chosen
        return found


def _mixed(state: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    """Spread the bits of each number over all of it (the finaliser of splitmix64)."""
    with np.errstate(over="ignore"):
        state = state * np.uint64(0x9E3779B97F4A7C15)
        state = (state ^ (state >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        state = (state ^ (state >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return state ^ (state >> np.uint64(31))


def touched(table: str, rows: pd.DataFrame, field: str | pd.Series, was: object, now: object) -> pd.DataFrame:
    """What was done to rows of a table; `was` and `now` are text, times or numbers, "" for nothing."""
    record = rows["record_id"] if "record_id" in rows else rows[_RECORD[table]]
    found = {"table": table, "record_id": record.to_numpy(object), KEY: rows[KEY].to_numpy(np.int64), "field": field,
             "was": was, "now": now}
    plain = {name: value.to_numpy(object) if isinstance(value, pd.Series) else value for name, value in found.items()}
    return pd.DataFrame(plain, columns=list(TOUCHED), index=range(len(rows))).astype(
        {name: "str" for name in TOUCHED if name != KEY})


def none_touched() -> pd.DataFrame:
    return pd.DataFrame({name: pd.Series([], dtype=np.int64 if name == KEY else "str") for name in TOUCHED})


def added(table: pd.DataFrame, *rows: pd.DataFrame) -> pd.DataFrame:
    """A table with more rows at its end."""
    return pd.concat([table, *(one[list(table.columns)] for one in rows)], ignore_index=True)


def found_in(ids: pd.Series, moments: pd.Series, missing: int) -> Int:
    """The moment of each id (`moments` has ids as its index), `missing` where it has none."""
    at = pd.Index(moments.index).get_indexer(pd.Index(ids))
    return np.where(at < 0, missing, np.append(moments.to_numpy(np.int64), missing)[at])


def stage_log(tables: Tables, world: World) -> pd.DataFrame:
    """The deals' stages in the order of time: the log's rows with `row` (position in field_history), `rank` within the
    deal, `left` (how many follow), `before_at` and `next_at` (0 and 2**62 where there is none), `ends`."""
    history = tables["field_history"]
    row = np.flatnonzero(((history["field"] == "stage") & (history["object"] == "Deal")).to_numpy(bool))
    log = history.iloc[row].assign(row=row)
    log = log.iloc[np.lexsort((log[KEY], log["changed_at"], pd.factorize(log["record_id"])[0]))]
    deal = log.groupby("record_id", sort=False)
    return log.assign(rank=deal.cumcount(), left=deal.cumcount(ascending=False),
                      before_at=deal["changed_at"].shift(1, fill_value=0),
                      next_at=deal["changed_at"].shift(-1, fill_value=2**62),
                      before=deal["value"].shift(1, fill_value=""),
                      ends=log["value"].isin([world.deals.won, world.deals.lost]))


def change_rows(like: pd.DataFrame, field: str, value: pd.Series | str, at: Int, keys: Int) -> pd.DataFrame:
    """Rows of field_history about the records of `like` (rows of field_history too)."""
    values = value if isinstance(value, pd.Series) else pick([value], np.zeros(len(like), dtype=np.int64))
    names = pick([field], np.zeros(len(like), dtype=np.int64))
    return pd.DataFrame({"object": like["object"].to_numpy(), "record_id": like["record_id"].to_numpy(),
                         "field": names, "value": values.reset_index(drop=True), "changed_at": at, "entered_at": at,
                         "changed_by": like["changed_by"].to_numpy(), KEY: keys})
