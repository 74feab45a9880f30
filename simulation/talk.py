"""What is talked about in each call, meeting or demo, by what is so about the lead or deal at that moment.

Needs are those that are known by then, the role is that of the contact who is talked to, and objections follow the
deal's state: price while it is not anchored in the value, a rival where there is one, frozen budgets in a recession.
Nothing depends on how it ends.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from features.calendar import DAY
from simulation.clock import in_recession
from simulation.markets import market_of
from simulation.notes import NEEDS, OBJECTIONS, ROLES, Told, write_notes
from simulation.past import Past
from simulation.tables import KEY, pick, text

__all__ = ["Talks", "known_member", "noted"]

Int = npt.NDArray[np.int64]
Float = npt.NDArray[np.float64]
_STRIDES = np.array([1, 3, 7, 9])  # without a common divisor with the number of needs, so that all names come up


class Talks(NamedTuple):
    """The activities that notes are about, (activities,) each. who : code of the lead or deal. contact, other : rows of
    the contacts' table, of the one who is talked to and of somebody else (-1: nobody). role : code of the contact's."""

    is_deal: npt.NDArray[np.bool_]
    who: Int
    at: Int
    kind: npt.NDArray[np.object_]
    contact: Int
    other: Int
    role: Int
    owner: Int

    def take(self, rows: Int) -> Talks:
        return Talks(self.is_deal[rows], self.who[rows], self.at[rows], self.kind[rows], self.contact[rows],
                     self.other[rows], self.role[rows], self.owner[rows])


def known_member(deal: Int, at: Int, member_deal: Int, member_since: Int, share: Float) -> Int:
    """One of the members that each deal has at the moment: a position among the members, which stand by time.

    share : in 0..1, 0 is the first of them and 1 the last.
    """
    order = np.argsort(member_deal, kind="stable")
    times = np.unique(member_since)
    key = member_deal[order] * (len(times) + 1) + np.searchsorted(times, member_since[order])
    last = np.searchsorted(key, deal * (len(times) + 1) + np.searchsorted(times, at, side="right") - 1, side="right")
    first = np.searchsorted(member_deal[order], deal)
    known = np.maximum(last - first, 1)
    nth = np.minimum((share * known).astype(np.int64), known - 1)
    return np.asarray(order[first + nth])


def noted(past: Past, talks: Talks, activities: pd.DataFrame, contacts: pd.DataFrame, rival: npt.NDArray[np.bool_],
          rng: np.random.Generator) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The activities with their notes, and what these are about: key, language, need, role, objection and the contacts
    whose names stand in them, each "" for none."""
    settings = past.world.notes
    shares = pd.Series(talks.kind).map(settings.share).fillna(0.0).to_numpy(np.float64)
    rows = np.flatnonzero(settings.happens & (rng.random(len(talks.who)) < shares))
    here = talks.take(rows)
    account = np.where(here.is_deal, past.deals.account[np.where(here.is_deal, here.who, 0)],
                       past.lead_account[np.where(here.is_deal, 0, here.who)])
    chinese = market_of(past.world, past.accounts.country[account]) >= 0
    named = rng.random(len(rows)) < settings.named
    told = Told(
        kind=here.kind, chinese=chinese, need=_needs(past, here, rng),
        role=np.where(rng.random(len(rows)) < settings.role, here.role, -1),
        objection=_objections(past, here, rival, rng),
        person=_called(contacts, here.contact, chinese, named, rng),
        colleague=_called(contacts, here.other, chinese, named & (here.other >= 0), rng),
        rep=_rep(past, here.owner), product=_product(past, here))
    written, used = write_notes(told, settings, rng)
    note = np.full(len(talks.who), "", dtype=object)
    note[rows] = written
    ids = contacts["contact_id"].to_numpy(object)
    persons = [np.where(named & used[name] & (row >= 0), ids[row], "")
               for name, row in (("person", here.contact), ("colleague", here.other))]
    labels = pd.DataFrame({
        KEY: activities[KEY].to_numpy(np.int64)[rows], "language": pick(["en", "zh"], chinese),
        **{name: pick(words, codes) for name, words, codes in (
            ("need", NEEDS, told.need), ("role", ROLES, told.role), ("objection", OBJECTIONS, told.objection))},
        "persons": text(np.char.strip((persons[0] + " " + persons[1]).astype(str)))})
    return activities.assign(note=text(note)), labels


def _needs(past: Past, talks: Talks, rng: np.random.Generator) -> Int:
    """One of the needs that are known: of a lead the first, of a deal those told openly and those found by then."""
    deals, n = past.deals, len(talks.who)
    state = _rows(past, talks)
    deal = np.where(talks.is_deal, talks.who, 0)
    depth = np.minimum(past.panel.state.depth[state], deals.found.shape[1] - 1)
    known = np.where(talks.is_deal, deals.needs[deal] - deals.implicit[deal] + deals.found[deal, depth], 1)
    nth = (rng.random(n) * np.maximum(known, 1)).astype(np.int64)
    first = (talks.who * 7 + talks.is_deal * 3) % len(NEEDS)
    need = (first + nth * _STRIDES[talks.who % len(_STRIDES)]) % len(NEEDS)
    return np.where((rng.random(n) < past.world.notes.need) & (known > 0), need, -1)


def _objections(past: Past, talks: Talks, rival: npt.NDArray[np.bool_], rng: np.random.Generator) -> Int:
    """An objection, drawn by weights that follow the state of the deal."""
    weights, state = past.world.notes.objections, past.panel.state.take(_rows(past, talks))
    slump = in_recession(past.world, (talks.at - past.clocks.first) / DAY)
    deal = talks.is_deal
    by_name = {
        "price": weights.price + weights.price_not_anchored * ((state.stage == 3) & (state.anchor == 0) & deal),
        "competitor": weights.competitor * (deal & rival[np.where(deal, talks.who, 0)]),
        "budget freeze": weights.budget_freeze + weights.budget_freeze_in_recession * slump,
        "timing": weights.timing + weights.timing_by_silence * np.minimum(state.silence, 4) * deal,
        "security": weights.security * ((state.stage == 1) | (state.stage == 2)) * deal,
        "resources": np.full(len(talks.who), weights.resources),
        "status quo": weights.status_quo * ((state.stage == 0) | ~deal)}
    total = np.cumsum([by_name[name] for name in OBJECTIONS], axis=0)
    chosen = (rng.random(len(talks.who)) * total[-1] > total).sum(axis=0)
    share = np.where(deal, past.world.notes.objection, past.world.notes.objection / 3)
    return np.where(rng.random(len(talks.who)) < share, chosen, -1)


def _rows(past: Past, talks: Talks) -> Int:
    """The panel's row of each deal's week; of leads, any."""
    panel, weeks = past.panel, len(past.clocks.weeks)
    key = panel.deal * weeks + panel.week
    order = np.argsort(key, kind="stable")
    week = np.searchsorted(past.clocks.weeks, talks.at, side="right") - 1
    # A deal's first days lie before its first row: the next one is that row.
    place = np.searchsorted(key[order], np.where(talks.is_deal, talks.who * weeks + week, 0))
    return order[np.minimum(place, len(order) - 1)]


def _called(contacts: pd.DataFrame, row: Int, chinese: npt.NDArray[np.bool_], named: npt.NDArray[np.bool_],
            rng: np.random.Generator) -> pd.Series:
    """How people are called in a note: by name, one way or another, or by what they are."""
    names, titles = (contacts[name].to_numpy(object)[row] for name in ("name", "title"))
    parts = pd.Series(names).str.split(" ", n=1)
    first, last = parts.str[0].to_numpy(object), parts.str[-1].to_numpy(object)
    way = rng.integers(0, 4, len(row))
    western = np.select([way < 2, way == 2], [names, last], first)
    polite = np.array(["总", "经理", "工", "主任"], dtype=object)[rng.integers(0, 4, len(row))]
    family = pd.Series(names).str[:1].to_numpy(object)
    eastern = np.where(way == 0, names, family + polite)
    nobody = np.where(chinese, np.where(row < 0, "同事", "客户"), np.where(row < 0, "a colleague", titles))
    return text(np.where(named, np.where(chinese, eastern, western), nobody))


def _rep(past: Past, owner: Int) -> pd.Series:
    table = past.owners.table.drop_duplicates("owner_id").set_index("owner_id")["name"]
    first = [str(name).split(" ")[0] for name in table.loc[list(past.owners.ids)]]
    return pick(first, owner)


def _product(past: Past, talks: Talks) -> pd.Series:
    names = [f"the {name} edition" if name != "SaaS" else "the SaaS" for name in past.world.products]
    code = np.where(talks.is_deal, past.deals.product[np.where(talks.is_deal, talks.who, 0)], len(names))
    return pick([*names, "our product"], code)
