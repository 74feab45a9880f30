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
import pyarrow as pa  # type: ignore[import-untyped]

from features.calendar import DAY
from simulation.clock import in_recession
from simulation.markets import market_of
from simulation.notes import LANGUAGES, NEEDS, OBJECTIONS, ROLES, Told, write_notes
from simulation.past import Past
from simulation.tables import KEY, pick, text

__all__ = ["Talks", "known_member", "noted"]

Int = npt.NDArray[np.int64]
Float = npt.NDArray[np.float64]
_AT_ONCE = 200_000
_POLITE = np.array(["总", "经理", "工", "主任"], dtype=object)
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


class Names(NamedTuple):
    """The contacts, (contacts,) each: ids, whole, first and last names, and titles."""

    ids: npt.NDArray[np.object_]
    whole: npt.NDArray[np.object_]
    first: npt.NDArray[np.object_]
    last: npt.NDArray[np.object_]
    title: npt.NDArray[np.object_]

    @classmethod
    def of(cls, contacts: pd.DataFrame) -> Names:
        parts = contacts["name"].str.split(" ", n=1)
        return cls(*(column.to_numpy(object) for column in (contacts["contact_id"], contacts["name"], parts.str[0],
                                                            parts.str[-1], contacts["title"])))

    def called(self, row: Int, chinese: npt.NDArray[np.bool_], named: npt.NDArray[np.bool_],
               rng: np.random.Generator) -> pd.Series:
        """How contacts (-1: nobody in particular) are called in a note: by name, one way or another, or by what they
        are."""
        way, polite = rng.integers(0, 4, len(row)), _POLITE[rng.integers(0, len(_POLITE), len(row))]
        found = np.where(row < 0, "a colleague", self.title[row])
        found[chinese] = np.where(row[chinese] < 0, "同事", "客户")
        western, eastern = np.flatnonzero(named & ~chinese), np.flatnonzero(named & chinese)
        found[western] = np.select([way[western] < 2, way[western] == 2],
                                   [self.whole[row[western]], self.last[row[western]]], self.first[row[western]])
        family = np.array([name[:1] for name in self.whole[row[eastern]]], dtype=object)
        found[eastern] = np.where(way[eastern] == 0, self.whole[row[eastern]], family + polite[eastern])
        return text(found)


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
    settings, n = past.world.notes, len(talks.who)
    code, kinds = pd.factorize(talks.kind)
    shares = np.array([settings.share.get(kind, 0.0) for kind in kinds])[code]
    rows = np.flatnonzero(settings.happens & (rng.random(n) < shares))
    state, names = _rows(past, talks.take(rows)), Names.of(contacts)
    notes, labels = [text([])], []
    for i in range(0, len(rows), _AT_ONCE):
        some = rows[i:i + _AT_ONCE]
        written, about = _written(past, talks.take(some), state[i:i + _AT_ONCE], names, rival, rng)
        notes.append(written)
        labels.append(about.assign(**{KEY: activities[KEY].to_numpy(np.int64)[some]}))
    place = np.full(n, -1)
    place[rows] = np.arange(len(rows))
    columns = (KEY, "language", "need", "role", "objection", "persons")
    empty = pd.DataFrame({name: pd.Series([], dtype="int64" if name == KEY else "str") for name in columns})
    return (activities.assign(note=pick(pa.chunked_array([pa.array(one) for one in notes]), place)),
            pd.concat([empty, *labels], ignore_index=True)[list(columns)])


def _written(past: Past, talks: Talks, state: Int, names: Names, rival: npt.NDArray[np.bool_],
             rng: np.random.Generator) -> tuple[pd.Series, pd.DataFrame]:
    """The notes of some activities, and what they are about; `state` are the panel's rows."""
    settings, n = past.world.notes, len(talks.who)
    account = np.where(talks.is_deal, past.deals.account[np.where(talks.is_deal, talks.who, 0)],
                       past.lead_account[np.where(talks.is_deal, 0, talks.who)])
    chinese = market_of(past.world, past.accounts.country[account]) >= 0
    named = rng.random(n) < settings.named
    told = Told(
        kind=talks.kind, chinese=chinese, need=_needs(past, talks, state, rng),
        role=np.where(rng.random(n) < settings.role, talks.role, -1),
        objection=_objections(past, talks, state, rival, rng),
        person=names.called(talks.contact, chinese, named, rng),
        colleague=names.called(talks.other, chinese, named & (talks.other >= 0), rng),
        rep=_rep(past, talks.owner), product=_product(past, talks))
    written, used = write_notes(told, settings, rng)
    persons = [np.where(named & used[name] & (row >= 0), names.ids[row], "")
               for name, row in (("person", talks.contact), ("colleague", talks.other))]
    return written, pd.DataFrame({
        "language": pick(LANGUAGES, chinese),
        **{name: pick(words, codes) for name, words, codes in (
            ("need", NEEDS, told.need), ("role", ROLES, told.role), ("objection", OBJECTIONS, told.objection))},
        "persons": text(persons[0] + " " + persons[1]).str.strip()})


def _needs(past: Past, talks: Talks, state: Int, rng: np.random.Generator) -> Int:
    """One of the needs that are known: of a lead the first, of a deal those told openly and those found by then."""
    deals, n = past.deals, len(talks.who)
    deal = np.where(talks.is_deal, talks.who, 0)
    depth = np.minimum(past.panel.state.depth[state], deals.found.shape[1] - 1)
    known = np.where(talks.is_deal, deals.needs[deal] - deals.implicit[deal] + deals.found[deal, depth], 1)
    nth = (rng.random(n) * np.maximum(known, 1)).astype(np.int64)
    first = (talks.who * 7 + talks.is_deal * 3) % len(NEEDS)
    need = (first + nth * _STRIDES[talks.who % len(_STRIDES)]) % len(NEEDS)
    return np.where((rng.random(n) < past.world.notes.need) & (known > 0), need, -1)


def _objections(past: Past, talks: Talks, rows: Int, rival: npt.NDArray[np.bool_], rng: np.random.Generator) -> Int:
    """An objection, drawn by weights that follow the state of the deal."""
    weights, state, deal = past.world.notes.objections, past.panel.state.take(rows), talks.is_deal
    slump = in_recession(past.world, (talks.at - past.clocks.first) / DAY)
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


def _rep(past: Past, owner: Int) -> pd.Series:
    table = past.owners.table.drop_duplicates("owner_id").set_index("owner_id")["name"]
    first = [str(name).split(" ")[0] for name in table.loc[list(past.owners.ids)]]
    return pick(first, owner)


def _product(past: Past, talks: Talks) -> pd.Series:
    names = [f"the {name} edition" if name != "SaaS" else "the SaaS" for name in past.world.products]
    code = np.where(talks.is_deal, past.deals.product[np.where(talks.is_deal, talks.who, 0)], len(names))
    return pick([*names, "our product"], code)
