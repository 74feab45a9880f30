"""Leads, accounts and contacts that were entered twice, spelt a little differently."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from simulation.crm_settings import Duplicates
from simulation.tables import KEY, Tables, numbered, text
from simulation.warts.scene import Scene, added, change_rows, found_in, touched

__all__ = ["duplicates"]

Int = npt.NDArray[np.int64]
_UMLAUTS = {"ü": "ue", "ö": "oe", "ä": "ae"}


def duplicates(tables: Tables, settings: Duplicates, scene: Scene) -> tuple[Tables, pd.DataFrame]:
    """Copies of accounts and contacts, to which part of what comes later refers, and of leads, which nobody works on:
    most are closed after some days, the others stay New."""
    done, told = dict(tables), []
    for name, key, share in (("accounts", "account_id", settings.accounts),
                             ("contacts", "contact_id", settings.contacts)):
        table = done[name]
        at, hit = _copied(table, share, settings, scene, name)
        copies = _copies(table, key, hit, at, scene, name)
        copies = copies.assign(name=_respelt(copies["name"], copies[KEY], scene))
        done[name] = added(table, copies)
        told.append(touched(name, copies, "copy_of", "", table[key][hit]))
        told += _refer(done, key, pd.Series(copies[key].to_numpy(object), index=table[key][hit].to_numpy(object)),
                       pd.Series(at[hit], index=table[key][hit].to_numpy(object)), scene)

    leads = done["leads"]
    at, hit = _copied(leads, settings.leads, settings, scene, "leads")
    copies = _copies(leads, "lead_id", hit, at, scene, "leads")
    done["leads"] = added(leads, copies)
    told.append(touched("leads", copies, "copy_of", "", leads["lead_id"][hit]))
    done["field_history"] = added(done["field_history"], *_life(copies, leads["lead_id"][hit], tables, settings, scene))
    return done, pd.concat(told, ignore_index=True)


def _copied(table: pd.DataFrame, share: float, settings: Duplicates, scene: Scene,
            name: str) -> tuple[Int, npt.NDArray[np.bool_]]:
    """When each row would be copied, and whether it is."""
    days = settings.days * -np.log(scene.draw(table[KEY], f"{name} days"))
    at = scene.work_days_after(table["created_at"].to_numpy(np.int64), days)
    return at, (scene.draw(table[KEY], name) < share) & (at <= scene.clocks.last)


def _copies(table: pd.DataFrame, key: str, hit: npt.NDArray[np.bool_], at: Int, scene: Scene,
            name: str) -> pd.DataFrame:
    """The rows again, with numbers of their own behind all others."""
    numbers = table[key].str.split("-").str[1].astype(np.int64)
    new = numbered(str(table[key].iloc[0])[0], int(numbers.max()) + 1 + np.arange(int(hit.sum())))
    copies = table[hit].reset_index(drop=True)
    copies[key], copies["created_at"], copies["entered_at"] = new, at[hit], at[hit]
    copies[KEY] = scene.new_keys(table[KEY], name)[hit]
    return copies


def _refer(done: Tables, key: str, copy: pd.Series, since: pd.Series, scene: Scene) -> list[pd.DataFrame]:
    """Half of what comes after a copy was made refers to the copy; `done` is changed."""
    told = []
    time = {"leads": "created_at", "deals": "created_at", "contacts": "created_at", "activities": "happened_at"}
    for name, own in time.items():
        table = done[name]
        if key not in table or name == f"{key.removesuffix('_id')}s":
            continue
        moves = ((found_in(table[key], since, 2**62) < table[own].to_numpy(np.int64))
                 & (scene.draw(table[KEY], f"{name} {key}") < 0.5))
        value = table[key].to_numpy(object)
        value[moves] = table[key][moves].map(copy)
        if name != "activities":
            told.append(touched(name, table[moves], key, table[key][moves], pd.Series(value[moves])))
        done[name] = table.assign(**{key: text(value)})
    return told


def _life(copies: pd.DataFrame, copy_of: pd.Series, tables: Tables, settings: Duplicates,
          scene: Scene) -> list[pd.DataFrame]:
    """What the field history holds of the copies of leads."""
    log = tables["field_history"]
    owners = log[(log["field"] == "owner") & (log["object"] == "Lead")].drop_duplicates("record_id")
    owner_of = text(copy_of.map(owners.set_index("record_id")["value"]).fillna("").to_numpy(object))
    like = pd.DataFrame({"object": "Lead", "record_id": copies["lead_id"], "changed_by": owner_of})
    at, keys = copies["created_at"].to_numpy(np.int64), copies[KEY]
    closed_at = scene.work_days_after(at, settings.days * (0.5 + 2 * scene.draw(keys, "closed at")))
    closed = (scene.draw(keys, "closed") < settings.closed) & (closed_at <= scene.clocks.last)
    return [change_rows(like, "status", "New", at, scene.new_keys(keys, "new")),
            change_rows(like, "owner", owner_of, at, scene.new_keys(keys, "owner")),
            change_rows(like[closed], "status", "Disqualified", closed_at[closed], scene.new_keys(keys, "out")[closed])]


def _respelt(names: pd.Series, keys: pd.Series, scene: Scene) -> pd.Series:
    """Each name in another spelling: capitals, initials, umlauts written out, a letter lost, doubled or swapped, the
    legal form left out, the last name first."""
    names = names.reset_index(drop=True)
    spelt_out = names
    for letter, letters in _UMLAUTS.items():
        spelt_out = spelt_out.str.replace(letter, letters, regex=False)
    words = names.str.split(" ", n=1)
    first, rest = words.str[0], words.str[1].fillna("")
    variants = [names.str.upper(), names.str.lower(), first.str[:1] + ". " + rest, rest + ", " + first, first,
                names.str[:3] + names.str[4:], names.str[:2] + names.str[1:2] + names.str[2:],
                names.str[:2] + names.str[3:4] + names.str[2:3] + names.str[4:], names + " ",
                spelt_out.where(spelt_out != names, names.str.replace("GmbH", "Gmbh", regex=False))]
    chosen = scene.choose(keys, "spelling", len(variants))
    found = np.select([chosen == i for i in range(len(variants))], [one.to_numpy(object) for one in variants])
    same = found == names.to_numpy(object)
    return text(np.where(same, (names + " ").to_numpy(object), found))  # Chinese names have no capitals
