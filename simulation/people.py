"""Who there is: the vendor's reps and managers, the companies they sell to and the people in these."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.special import ndtri

from features.calendar import day_start
from simulation.clock import Clocks, log_days
from simulation.world import Kind, Size, World

__all__ = ["Accounts", "Owners", "draw_kind", "effect", "ids", "make_accounts", "make_owners"]

Int = npt.NDArray[np.int64]
Float = npt.NDArray[np.float64]
HABITS = ("proof", "reach", "respond", "anchor", "promise")  # what reps do more or less of


@dataclass(frozen=True)
class Owners:
    """The reps, (reps,) each, and the table that the export shows of them and their managers.

    win, lead, reply, proof, reach, respond, anchor, promise : what the rep adds to these log-rates. bias : to their own
    probabilities.
    optimism : first guess of the time to close over what it takes. region : code of the region they sell in.
    """

    ids: npt.NDArray[np.object_]
    region: Int
    win: Float
    lead: Float
    reply: Float
    proof: Float
    reach: Float
    respond: Float
    anchor: Float
    promise: Float
    bias: Float
    optimism: Float
    table: pd.DataFrame

    def pick(self, rng: np.random.Generator, regions: Int) -> Int:
        """Draw a rep for each region."""
        found = np.zeros(len(regions), dtype=np.int64)
        for region in np.unique(regions):
            reps = np.flatnonzero(self.region == region)
            where = regions == region
            found[where] = reps[rng.integers(0, len(reps), where.sum())]
        return found


@dataclass(frozen=True)
class Accounts:
    """Companies, (accounts,) each: codes of segment, industry, country and region, staff and name."""

    segment: Int
    industry: Int
    country: Int
    region: Int
    employees: Int
    name: npt.NDArray[np.object_]


def ids(prefix: str, numbers: Int, width: int = 6) -> npt.NDArray[np.object_]:
    """Ids such as D-000017."""
    return np.array([f"{prefix}-{number:0{width}d}" for number in numbers.tolist()], dtype=object)


def draw_kind(rng: np.random.Generator, kinds: Mapping[str, Kind], n: int) -> Int:
    """Draw n codes of a category by its shares."""
    shares = np.array([kind.share for kind in kinds.values()])
    return np.searchsorted(np.cumsum(shares / shares.sum())[:-1], rng.random(n), side="right")


def effect(kinds: Mapping[str, Kind], name: str, codes: Int) -> Float:
    """What each code's value adds to the named log-rate."""
    return np.array([getattr(kind, name) for kind in kinds.values()], dtype=np.float64)[codes]


def _regions(world: World) -> list[str]:
    """The regions, in the order of their codes."""
    return sorted({kind.region for kind in world.countries.values()})


def make_owners(world: World, size: Size, clocks: Clocks, rng: np.random.Generator) -> Owners:
    """Draw the reps and who they report to."""
    settings, names = world.owners, _regions(world)
    region_of_manager = np.arange(size.managers) % len(names)
    manager = np.arange(size.reps) % size.managers
    region = region_of_manager[manager]
    for missing in sorted(set(range(len(names))) - set(region.tolist())):  # every region needs a rep
        region[-1 - missing] = missing
    share = np.array([sum(kind.share for kind in world.countries.values() if kind.region == name) for name in names])
    load = (share / np.bincount(region, minlength=len(names)))[region]
    load = load / load.sum()
    quality = _standard(rng, load)
    own = {name: _standard(rng, load, apart_from=quality) * settings.own_spread for name in HABITS}
    bias = rng.standard_normal(size.reps) * world.reps.bias_spread
    optimism = world.reps.optimism * np.exp(rng.standard_normal(size.reps) * world.reps.optimism_spread)

    people = size.managers + size.reps
    first, last = (rng.integers(0, len(part), people) for part in (world.names.first, world.names.last))
    name = [f"{world.names.first[a]} {world.names.last[b]}" for a, b in zip(first, last, strict=True)]
    rep_ids, manager_ids = ids("R", np.arange(1, size.reps + 1), 3), ids("M", np.arange(1, size.managers + 1), 2)
    rows = [{"owner_id": manager_ids[i], "name": name[i], "title": "Sales Manager", "manager_id": "",
             "team": f"{names[region_of_manager[i]]} {i // len(names) + 1}", "region": names[region_of_manager[i]],
             "valid_from": clocks.first} for i in range(size.managers)]
    for i in range(size.reps):
        boss = rows[manager[i]]
        rows.append({"owner_id": rep_ids[i], "name": name[size.managers + i], "title": "Account Executive",
                     "manager_id": boss["owner_id"], "team": boss["team"], "region": names[region[i]],
                     "valid_from": clocks.first})
    rows += _reorganised(rows[size.managers:], rows[:size.managers], _reorganised_on(world))
    return Owners(
        ids=rep_ids, region=region, win=settings.win * quality, lead=settings.lead * quality,
        reply=settings.reply * quality, **{name: getattr(settings, name) * quality + own[name] for name in HABITS},
        bias=bias, optimism=optimism, table=pd.DataFrame(rows))


def _standard(rng: np.random.Generator, load: Float, apart_from: Float | None = None) -> Float:
    """Normal scores in random order, with mean 0 and sd 1 over what the reps have to do, and uncorrelated with another
    such: a company of few reps is not good or bad by chance. load : (reps,) each rep's share of it."""
    n = len(load)
    drawn = ndtri((rng.permutation(n) + 0.5) / n)
    if apart_from is not None and n > 2:
        drawn = drawn - load @ drawn
        drawn = drawn - apart_from * (load @ (drawn * apart_from))
    drawn = drawn - load @ drawn
    return np.asarray(drawn / max(float(np.sqrt(load @ drawn**2)), 1e-9))


def _reorganised_on(world: World) -> int:
    days = round(world.owners.reorganised * log_days(world))
    return day_start(world.first_day + timedelta(days=days), world.zone)


def _reorganised(reps: list[dict[str, object]], managers: list[dict[str, object]], day: int) -> list[dict[str, object]]:
    """In each region with more than one team, the first team's last rep goes over to the next team."""
    moved = []
    for region in dict.fromkeys(boss["region"] for boss in managers):
        teams = [boss for boss in managers if boss["region"] == region]
        members = [rep for rep in reps if rep["manager_id"] == teams[0]["owner_id"]]
        if len(teams) > 1 and len(members) > 1:
            new = {"manager_id": teams[1]["owner_id"], "team": teams[1]["team"], "valid_from": day}
            moved.append(members[-1] | new)
    return moved


def make_accounts(world: World, n: int, rng: np.random.Generator) -> Accounts:
    """Draw n companies."""
    segment = draw_kind(rng, world.segments, n)
    industry = draw_kind(rng, world.industries, n)
    public = list(world.industries).index("Public administration")
    industry[segment == list(world.segments).index("government")] = public
    country = draw_kind(rng, world.countries, n)
    names = _regions(world)
    region = np.array([names.index(kind.region) for kind in world.countries.values()])[country]
    employees = effect(world.segments, "employees", segment) * np.exp(0.8 * rng.standard_normal(n))
    parts = world.names
    drawn = [np.array(part, dtype=object)[rng.integers(0, len(part), n)]
             for part in (parts.company_first, parts.company_last, parts.company_form)]
    return Accounts(segment, industry, country, region, np.maximum(employees, 3).astype(np.int64),
                    drawn[0] + drawn[1] + " " + drawn[2])
