"""The CRM's tables as they would be if everybody wrote down everything at once and rightly.

Nothing here knows a probability: only what a user of the CRM could have seen is in it. What people get wrong is added
by the warts, and what the CRM itself keeps in step (ids, old values, today's values) by settle.py.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from features.calendar import DAY, local_micros
from simulation.activities import deal_activities, lead_activities
from simulation.changes import deal_changes, lead_changes, stage_entries
from simulation.forecasts import forecast_calls, quotas
from simulation.markets import local_companies, local_people, market_of
from simulation.past import Past
from simulation.pipeline import KINDS
from simulation.rates import exchange_rates
from simulation.reviews import deal_reviews
from simulation.tables import Tables, numbered, pick, table_of, text
from simulation.talk import Talks, known_member, noted
from simulation.world import World

__all__ = ["crm_tables", "write_tables"]

Int = npt.NDArray[np.int64]
NEVER = 2**62


class Contacts(NamedTuple):
    """The tables of contacts and of who takes part in which deal, the row of each lead's contact among all contacts,
    and of each member the deal, the contact's row and the code of the role."""

    table: pd.DataFrame
    members: pd.DataFrame
    of_lead: Int
    deal: Int
    contact: Int
    role: Int


def crm_tables(past: Past, rng: np.random.Generator) -> tuple[Tables, pd.DataFrame]:
    """The CRM's tables, each sorted by time, and what the activities' notes are about; `settle` completes them.

    field_history holds object, record_id, field, value, changed_at, entered_at and changed_by. What the notes say is
    for the truth: see talk.noted.
    """
    names, talks, people, rates, counts = rng.spawn(5)  # of their own: other names or notes change nothing else
    stage = stage_entries(past, rng)
    rival = rng.random(len(past.deals)) < past.world.notes.rival
    about_leads, answered = lead_activities(past, rng)
    about_deals = deal_activities(past, stage, rng)
    logs = lead_changes(past, answered, rng), deal_changes(past, stage, rival, rng)
    account_row, accounts = _accounts(past, names)
    contacts = _contacts(past, account_row, rng, names)
    activities, labels = _activities(past, contacts, about_leads, about_deals, rival, talks)
    recounted = _recounted(past, accounts, counts)
    history = _by_time(pd.concat([_history(past, *logs), recounted], ignore_index=True), "changed_at")
    return {
        "owners": _owners(past, names), "accounts": accounts, "contacts": contacts.table,
        "leads": _leads(past, account_row, contacts), "deals": _deals(past, account_row),
        "deal_contacts": contacts.members, "field_history": history, "activities": activities,
        "forecast_calls": forecast_calls(past, history, people), "quotas": quotas(past, history, people),
        "exchange_rates": exchange_rates(past, rates),
        "deal_reviews": deal_reviews(past),
    }, labels


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


def _owners(past: Past, rng: np.random.Generator) -> pd.DataFrame:
    table = past.owners.table
    day = local_micros(table["valid_from"].to_numpy(np.int64), past.world.zone) // DAY
    columns = {str(name): text(table[name]) for name in table.columns if name != "valid_from"}
    region_market = {kind.region: -1 for kind in past.world.countries.values()} | {
        past.world.countries[name].region: i for i, name in enumerate(past.world.markets)}
    people = table.drop_duplicates("owner_id")
    market = people["region"].map(region_market).to_numpy().astype(np.int64)
    names = pd.Series(local_people(past.world, text(people["name"]), market, rng).to_numpy(object), people["owner_id"])
    columns["name"] = text(table["owner_id"].map(names))
    never = np.full(len(table), np.datetime64("NaT"), dtype="datetime64[s]")
    return table_of({**columns, "valid_from": pd.Series(day.astype("datetime64[D]").astype("datetime64[s]")),
                     "left_on": pd.Series(never)})


def _accounts(past: Past, rng: np.random.Generator) -> tuple[Int, pd.DataFrame]:
    """(row by code, table) of the accounts that a lead or a deal belongs to, by the time they were first entered."""
    world, accounts, deals = past.world, past.accounts, past.deals
    first = np.full(len(accounts.segment), NEVER)
    np.minimum.at(first, past.lead_account, past.lead_created)
    np.minimum.at(first, deals.account, deals.created)
    known = np.argsort(first, kind="stable")[: (first < NEVER).sum()]
    row = np.full(len(first), -1)
    row[known] = np.arange(len(known))
    market = market_of(world, accounts.country[known])
    return row, table_of({
        "account_id": numbered("A", np.arange(1, len(known) + 1)),
        "name": local_companies(world, text(accounts.name[known]), market, rng),
        "created_at": first[known], "entered_at": first[known],
        "segment": pick(list(world.segments), accounts.segment[known]),
        "industry": pick(list(world.industries), accounts.industry[known]),
        "country": pick(list(world.countries), accounts.country[known]), "employees": accounts.employees[known]})


def _contacts(past: Past, account_row: Int, rng: np.random.Generator, names: np.random.Generator) -> Contacts:
    """A first contact for each lead and each deal without one, and one more for each role met."""
    world, deals, panel = past.world, past.deals, past.panel
    own, met = np.flatnonzero(deals.lead < 0), np.flatnonzero(panel.moves.role)
    begin = past.clocks.weeks[panel.week[met]]
    met_at = past.clocks.work.between(rng, begin, begin + 7 * DAY)
    person = np.log2(panel.moves.role[met]).astype(np.int64)  # the bit's position
    met_role = deals.seats[panel.deal[met], person]
    # In this order: leads, deals without a lead, roles met.
    created = np.concatenate([past.lead_created, deals.created[own], met_at])
    account = account_row[np.concatenate([past.lead_account, deals.account[own], deals.account[panel.deal[met]]])]
    role = np.concatenate([past.lead_role, deals.role[own], met_role])
    order = np.argsort(created, kind="stable")
    row = np.empty(len(created), dtype=np.int64)
    row[order] = np.arange(len(created))
    first, last = (pick(part, names.integers(0, len(part), len(created))[order])
                   for part in (world.names.first, world.names.last))
    titles = [kind.title for kind in world.roles.values()]
    country = np.full(len(past.accounts.country), -1)
    country[account_row[account_row >= 0]] = past.accounts.country[account_row >= 0]
    market = market_of(world, country[account[order]])
    table = table_of({
        "contact_id": numbered("C", np.arange(1, len(created) + 1)), "account_id": numbered("A", account[order] + 1),
        "created_at": created[order], "entered_at": created[order],
        "name": local_people(world, first + " " + last, market, names),
        "title": pick(titles, role[order]), "status": "active"})

    leads = len(past.lead_created)
    first_of_deal = np.maximum(deals.lead, 0)
    first_of_deal[own] = leads + np.arange(len(own))
    member = np.concatenate([first_of_deal, leads + len(own) + np.arange(len(met))])
    deal = np.concatenate([np.arange(len(deals)), panel.deal[met]])
    since = np.concatenate([deals.created, met_at])
    by_time = np.argsort(since, kind="stable")
    members = table_of({
        "deal_id": numbered("D", deal[by_time] + 1), "contact_id": numbered("C", row[member[by_time]] + 1),
        "role": pick(list(world.roles), role[member[by_time]]), "valid_from": since[by_time],
        "entered_at": since[by_time]})
    return Contacts(table, members, row[:leads], deal[by_time], row[member[by_time]], role[member[by_time]])


def _leads(past: Past, account_row: Int, contacts: Contacts) -> pd.DataFrame:
    world, accounts, account = past.world, past.accounts, past.lead_account
    return table_of({
        "lead_id": text(past.lead_ids), "created_at": past.lead_created, "entered_at": past.lead_created,
        "account_id": numbered("A", account_row[account] + 1), "contact_id": numbered("C", contacts.of_lead + 1),
        "owner": "", "status": "", "source": pick(list(world.sources), past.lead_source),
        "segment": pick(list(world.segments), accounts.segment[account]),
        "industry": pick(list(world.industries), accounts.industry[account]),
        "country": pick(list(world.countries), accounts.country[account]), "employees": accounts.employees[account],
        "contact_role": pick(list(world.roles), past.lead_role)})


def _deals(past: Past, account_row: Int) -> pd.DataFrame:
    world, deals, accounts, account = past.world, past.deals, past.accounts, past.deals.account
    ends = np.where(deals.contract_end > 0, deals.contract_end, -1)
    return table_of({
        "deal_id": text(past.deal_ids), "created_at": deals.created, "entered_at": deals.created,
        "lead_id": pick([*past.lead_ids, ""], np.where(deals.lead < 0, len(past.lead_ids), deals.lead)),
        "account_id": numbered("A", account_row[account] + 1), "kind": pick(KINDS, deals.kind),
        **dict.fromkeys(("owner", "stage", "amount"), ""), "currency": world.currency,
        **dict.fromkeys(("expected_close", "forecast_category", "rep_probability", "closed_on", "loss_reason",
                         world.warts.process_change.new_field, "discounts", "beyond_standard"), ""),
        "segment": pick(list(world.segments), accounts.segment[account]),
        "industry": pick(list(world.industries), accounts.industry[account]),
        "country": pick(list(world.countries), accounts.country[account]),
        "source": pick(list(world.sources), deals.source), "product": pick(list(world.products), deals.product),
        "delivery": pick(list(world.deliveries), deals.delivery),
        "decision_makers": deals.traits.people.astype(np.int64), "contract_end": _days(ends, world),
        "parent_deal_id": pick(past.deal_ids, deals.parent)})


def _days(at: Int, world: World) -> pd.Series:
    """Days of moments on the company's own calendar, none for those below 0."""
    day = (local_micros(np.maximum(at, 0), world.zone) // DAY).astype("datetime64[D]").astype("datetime64[s]")
    return pd.Series(np.where(at < 0, np.datetime64("NaT"), day))


def _history(past: Past, about_leads: pd.DataFrame, about_deals: pd.DataFrame) -> pd.DataFrame:
    """One row for each time that a field of a lead or deal was set."""
    parts = []
    for kind, log, record_ids, owner in (("Lead", about_leads, past.lead_ids, past.lead_owner),
                                         ("Deal", about_deals, past.deal_ids, past.deals.owner)):
        who = log["who"].to_numpy(np.int64)
        parts.append(table_of({
            "object": kind, "record_id": pick(record_ids, who), "field": text(log["field"]),
            "value": text(log["value"]), "changed_at": log["at"].to_numpy(np.int64),
            "entered_at": log["at"].to_numpy(np.int64), "changed_by": pick(past.owners.ids, owner[who])}))
    return pd.concat(parts, ignore_index=True)


def _recounted(past: Past, accounts: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """Of some accounts the number of employees as they were entered, and as they were counted anew later."""
    settings, clocks, n = past.world.recounts, past.clocks, len(accounts)
    created = accounts["created_at"].to_numpy(np.int64)
    at = clocks.work.between(rng, created, np.full(n, clocks.last))
    number = accounts["employees"].to_numpy(np.int64)
    new = np.maximum(np.round(number * np.exp(settings.spread * rng.standard_normal(n))), 3).astype(np.int64)
    by = pick(past.owners.ids, rng.integers(0, len(past.owners.ids), n))
    hit = (rng.random(n) < settings.share) & (at > created)
    parts = [table_of({
        "object": "Account", "record_id": accounts["account_id"][hit], "field": "employees",
        "value": text(pd.Series(value[hit]).astype("str")), "changed_at": moment[hit], "entered_at": moment[hit],
        "changed_by": by[hit]}) for value, moment in ((number, created), (new, at))]
    return pd.concat(parts, ignore_index=True)


def _activities(past: Past, contacts: Contacts, about_leads: pd.DataFrame, about_deals: pd.DataFrame,
                rival: npt.NDArray[np.bool_], rng: np.random.Generator) -> tuple[pd.DataFrame, pd.DataFrame]:
    """All activities with their notes, and what these are about."""
    log = pd.concat([about_leads.assign(is_deal=False), about_deals.assign(is_deal=True)], ignore_index=True)
    log = log[log["at"] <= past.clocks.last]
    log = log.iloc[np.argsort(log["at"].to_numpy(), kind="stable")]
    is_deal = log["is_deal"].to_numpy(bool)
    who, at, seconds, owner = (log[name].to_numpy(np.int64) for name in ("who", "at", "seconds", "owner"))
    contact, other, role = _talked_to(past, contacts, is_deal, who, at, rng)
    records = [*past.lead_ids, *past.deal_ids]
    table = table_of({
        "activity_id": "", "object": pick(["Lead", "Deal"], is_deal),
        "record_id": pick(records, who + is_deal * len(past.lead_ids)), "kind": text(log["kind"]),
        "direction": text(log["direction"]), "happened_at": at, "entered_at": at,
        "duration_seconds": np.where(seconds > 0, seconds, -1), "owner": pick(past.owners.ids, owner),
        "contact_id": numbered("C", contact + 1)})
    talks = Talks(is_deal, who, at, log["kind"].to_numpy(object), contact, other, role, owner)
    return noted(past, talks, table, contacts.table, rival, rng)


def _talked_to(past: Past, contacts: Contacts, is_deal: npt.NDArray[np.bool_], who: Int, at: Int,
               rng: np.random.Generator) -> tuple[Int, Int, Int]:
    """Of each activity the contact, somebody else who takes part in the deal (-1: nobody), and the contact's role."""
    contact, other, role = np.where(is_deal, 0, contacts.of_lead[np.where(is_deal, 0, who)]), np.full(len(who), -1), (
        np.where(is_deal, 0, past.lead_role[np.where(is_deal, 0, who)]))
    deal, moment = who[is_deal], at[is_deal]
    since = contacts.members["valid_from"].to_numpy(np.int64)
    # Those who came first are talked to most.
    one, second = (known_member(deal, moment, contacts.deal, since, share) for share in (
        rng.random(len(deal)) ** 1.5, rng.random(len(deal))))
    contact[is_deal], role[is_deal] = contacts.contact[one], contacts.role[one]
    other[is_deal] = np.where(one == second, -1, contacts.contact[second])
    return contact, other, role


def _by_time(table: pd.DataFrame, time: str) -> pd.DataFrame:
    table = table.iloc[np.argsort(table[time].to_numpy(), kind="stable")].reset_index(drop=True)
    return table.assign(key=np.arange(len(table)))
