"""The CRM's export: what became of everybody, written as the CSV files that a CRM gives.

Nothing here knows a probability: only what a user of the CRM could have seen is written.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from features.calendar import DAY, local_micros
from simulation.activities import deal_activities, lead_activities
from simulation.changes import deal_changes, last_values, lead_changes, stage_entries
from simulation.past import Past
from simulation.people import ids

__all__ = ["export_tables", "write_tables"]

Int = npt.NDArray[np.int64]
Texts = npt.NDArray[np.object_]
NEVER = 2**62


class Contacts(NamedTuple):
    """The tables of contacts and of who takes part in which deal, and the first contact of each lead and deal."""

    table: pd.DataFrame
    members: pd.DataFrame
    of_lead: Texts
    of_deal: Texts


def export_tables(past: Past, rng: np.random.Generator) -> dict[str, pd.DataFrame]:
    """All files of the export by name, each sorted by time."""
    stage = stage_entries(past, rng)
    about_leads, answered = lead_activities(past, rng)
    about_deals = deal_activities(past, stage, rng)
    lead_log = lead_changes(past, answered, rng)
    deal_log = deal_changes(past, stage, rng)
    account_ids, accounts = _accounts(past)
    contacts = _contacts(past, account_ids, rng)
    return {
        "owners": _owners(past), "accounts": accounts, "contacts": contacts.table,
        "leads": _leads(past, account_ids, contacts, lead_log),
        "deals": _deals(past, account_ids, deal_log),
        "deal_contacts": contacts.members,
        "field_history": _history(past, lead_log, deal_log),
        "activities": _activities(past, contacts, about_leads, about_deals),
    }


def write_tables(tables: dict[str, pd.DataFrame], folder: Path) -> None:
    """Write each table as a CSV file. A file takes its name once all are written. Raises OSError."""
    folder.mkdir(parents=True, exist_ok=True)
    parts = {folder / f"{name}.csv.part": table for name, table in tables.items()}
    try:
        for path, table in parts.items():
            table.to_csv(path, index=False, lineterminator="\n", encoding="utf-8", float_format="%.6f")
        for path in parts:
            path.replace(path.with_suffix(""))
    finally:
        for path in parts:
            path.unlink(missing_ok=True)


def _time(at: npt.ArrayLike) -> Texts:
    """Timestamps as the CRM writes them: UTC, to the second."""
    seconds = (np.asarray(at, dtype=np.int64) // 1_000_000).astype("datetime64[s]")
    text = np.datetime_as_string(seconds, unit="s").astype(np.object_)
    text += "Z"
    return text


def _names(kinds: Iterable[str], codes: Int) -> Texts:
    return np.array(list(kinds), dtype=object)[codes]


def _owners(past: Past) -> pd.DataFrame:
    table = past.owners.table
    day = local_micros(table["valid_from"].to_numpy(np.int64), past.world.zone) // DAY
    return table.assign(valid_from=day.astype("datetime64[D]").astype(str))


def _accounts(past: Past) -> tuple[Texts, pd.DataFrame]:
    """(ids by code, table) of the accounts that a lead or a deal belongs to, by the time they were first entered."""
    world, accounts, deals = past.world, past.accounts, past.deals
    first = np.full(len(accounts.segment), NEVER)
    np.minimum.at(first, past.lead_account, past.lead_created)
    np.minimum.at(first, deals.account, deals.created)
    known = np.argsort(first, kind="stable")[: (first < NEVER).sum()]
    account_ids = np.full(len(first), "", dtype=object)
    account_ids[known] = ids("A", np.arange(1, len(known) + 1))
    return account_ids, pd.DataFrame({
        "account_id": account_ids[known], "name": accounts.name[known], "created_at": _time(first[known]),
        "segment": _names(world.segments, accounts.segment[known]),
        "industry": _names(world.industries, accounts.industry[known]),
        "country": _names(world.countries, accounts.country[known]), "employees": accounts.employees[known]})


def _contacts(past: Past, account_ids: Texts, rng: np.random.Generator) -> Contacts:
    """A first contact for each lead and each deal without one, and one more for each role met."""
    world, deals, panel = past.world, past.deals, past.panel
    own, met = np.flatnonzero(deals.lead < 0), np.flatnonzero(panel.moves.role)
    begin = past.clocks.weeks[panel.week[met]]
    met_at = past.clocks.work.between(rng, begin, begin + 7 * DAY)
    met_role = np.log2(panel.moves.role[met]).astype(np.int64)  # the bit's position
    # In this order: leads, deals without a lead, roles met.
    created = np.concatenate([past.lead_created, deals.created[own], met_at])
    account = np.concatenate([past.lead_account, deals.account[own], deals.account[panel.deal[met]]])
    role = np.concatenate([past.lead_role, deals.role[own], met_role])
    order = np.argsort(created, kind="stable")
    contact_ids = np.empty(len(created), dtype=object)
    contact_ids[order] = ids("C", np.arange(1, len(created) + 1))
    first, last = (_names(part, rng.integers(0, len(part), len(created)))
                   for part in (world.names.first, world.names.last))
    titles = [kind.title for kind in world.roles.values()]
    table = pd.DataFrame({"contact_id": contact_ids, "account_id": account_ids[account], "created_at": _time(created),
                          "name": first + " " + last, "title": _names(titles, role)})

    leads = len(past.lead_created)
    first_of_deal = np.maximum(deals.lead, 0)
    first_of_deal[own] = leads + np.arange(len(own))
    member = np.concatenate([first_of_deal, leads + len(own) + np.arange(len(met))])
    deal = np.concatenate([np.arange(len(deals)), panel.deal[met]])
    since = np.concatenate([deals.created, met_at])
    members = pd.DataFrame({"deal_id": past.deal_ids[deal], "contact_id": contact_ids[member],
                            "role": _names(world.roles, role[member]), "valid_from": _time(since)})
    return Contacts(table.iloc[order], members.iloc[np.argsort(since, kind="stable")],
                    contact_ids[:leads], contact_ids[first_of_deal])


def _leads(past: Past, account_ids: Texts, contacts: Contacts, log: pd.DataFrame) -> pd.DataFrame:
    world, accounts, account = past.world, past.accounts, past.lead_account
    n = len(account)
    return pd.DataFrame({
        "lead_id": past.lead_ids, "created_at": _time(past.lead_created), "account_id": account_ids[account],
        "contact_id": contacts.of_lead, "owner": last_values(log, "owner", n), "status": last_values(log, "status", n),
        "source": _names(world.sources, past.lead_source), "segment": _names(world.segments, accounts.segment[account]),
        "industry": _names(world.industries, accounts.industry[account]),
        "country": _names(world.countries, accounts.country[account]), "employees": accounts.employees[account],
        "contact_role": _names(world.roles, past.lead_role)})


def _deals(past: Past, account_ids: Texts, log: pd.DataFrame) -> pd.DataFrame:
    world, deals, accounts, panel = past.world, past.deals, past.accounts, past.panel
    n, account = len(deals), past.deals.account
    closed_on = np.full(n, "", dtype=object)
    ended = panel.won | panel.lost
    day = local_micros(panel.ended[ended], world.zone) // DAY
    closed_on[panel.deal[ended]] = day.astype("datetime64[D]").astype(str)
    lead_ids = np.concatenate([past.lead_ids, [""]])
    return pd.DataFrame({
        "deal_id": past.deal_ids, "created_at": _time(deals.created), "lead_id": lead_ids[deals.lead],
        "account_id": account_ids[account], "kind": "new",
        **{field: last_values(log, field, n) for field in ("owner", "stage", "amount")}, "currency": world.currency,
        **{field: last_values(log, field, n) for field in ("expected_close", "forecast_category", "rep_probability")},
        "closed_on": closed_on, "loss_reason": last_values(log, "loss_reason", n),
        "segment": _names(world.segments, accounts.segment[account]),
        "industry": _names(world.industries, accounts.industry[account]),
        "country": _names(world.countries, accounts.country[account]),
        "source": _names(world.sources, deals.source), "product": _names(world.products, deals.product),
        "delivery": _names(world.deliveries, deals.delivery)})


def _history(past: Past, lead_log: pd.DataFrame, deal_log: pd.DataFrame) -> pd.DataFrame:
    """One row for each change of a field of a lead or deal."""
    logs = []
    for kind, log, record_ids, owner in (("Lead", lead_log, past.lead_ids, past.lead_owner),
                                         ("Deal", deal_log, past.deal_ids, past.deals.owner)):
        who = log["who"].to_numpy()
        logs.append(log.assign(object=kind, record_id=record_ids[who], changed_by=past.owners.ids[owner[who]]))
    log = pd.concat(logs, ignore_index=True).sort_values("at", kind="stable", ignore_index=True)
    log["old_value"] = log.groupby(["object", "who", "field"])["value"].shift().fillna("")
    log = log[log["old_value"] != log["value"]]  # setting a field to what it was leaves no trace
    return pd.DataFrame({"history_id": np.arange(1, len(log) + 1), "object": log["object"],
                         "record_id": log["record_id"], "field": log["field"], "old_value": log["old_value"],
                         "new_value": log["value"],
                         "changed_at": _time(log["at"]), "changed_by": log["changed_by"]})


def _activities(past: Past, contacts: Contacts, about_leads: pd.DataFrame, about_deals: pd.DataFrame) -> pd.DataFrame:
    logs = [log.assign(object=kind, record_id=record_ids[log["who"]], contact=first_contact[log["who"]])
            for kind, log, record_ids, first_contact in (
                ("Lead", about_leads, past.lead_ids, contacts.of_lead),
                ("Deal", about_deals, past.deal_ids, contacts.of_deal))]
    log = pd.concat(logs, ignore_index=True).sort_values("at", kind="stable", ignore_index=True)
    log = log[log["at"] <= past.clocks.last]
    return pd.DataFrame({
        "activity_id": ids("T", np.arange(1, len(log) + 1), 7), "object": log["object"], "record_id": log["record_id"],
        "kind": log["kind"], "direction": log["direction"], "happened_at": _time(log["at"]),
        "duration_seconds": log["seconds"].astype(str).where(log["seconds"] > 0, ""),
        "owner": past.owners.ids[log["owner"]], "contact_id": log["contact"]})
