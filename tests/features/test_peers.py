"""What other subjects tell equals a slow, obvious reference on random logs with ties and late entries."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from features.record import account_record, field_record, time_in_stage_quantile
from tests.features.asking import DEALS, asked, log_at, logs, questions
from tests.features.test_asof import same
from tests.histories import change, history

ENDS = {"Won": "won", "Lost": "lost"}
RANKS = {name: i for i, name in enumerate(["Talk", "Offer", "Won", "Filed", "Lost"])}
STAGES = logs(["Talk", "Offer", "Won", "Filed", "Lost"])
OWNERS = logs(["Ann", "Bob", None])
settled = settings(max_examples=120, deadline=None)


def _history(stages, owners):
    return history(deals=DEALS, changes=[
        change(row.deal, field, row.value, row.day, known=row.day + row.late, sequence=row.sequence)
        for field, rows in (("stage", stages), ("owner", owners)) for row in rows])


def _state(stages, deal, at):
    """State of a deal as known at a time, and the days from its creation to the win that stands."""
    log = [row for row in log_at(stages, deal, at, RANKS) if row.value != "Filed"]
    states = [ENDS.get(row.value, "open") for row in log]
    if not states or states[-1] != "won":
        return (states or ["open"])[-1], 0.0
    first = len(states) - 1
    while first and states[first - 1] == "won":
        first -= 1
    return "won", log[first].day - DEALS[deal]


def _owner(owners, deal, at):
    return ([None] + [row.value for row in log_at(owners, deal, at)])[-1]


@given(STAGES, OWNERS, questions)
@settled
def test_an_owners_record_is_what_was_known_of_all_their_deals(stages, owners, pairs):
    past = _history(stages, owners)
    record = field_record(asked(past, pairs), "owner")
    expected = {name: [] for name in ("open", "won", "lost", "days", "rate", "cycle")}
    for deal, at in pairs:
        there = [one for one, created in DEALS.items() if created <= at]
        ends = {one: _state(stages, one, at) for one in there}
        mine = _owner(owners, deal, at)
        group = [ends[one] for one in there if _owner(owners, one, at) == mine]
        sums = {state: sum(one == state for one, _ in group) for state in ("open", "won", "lost")}
        pool = {state: sum(one == state for one, _ in ends.values()) for state in ("won", "lost")}
        days, all_days = (sum(one for _, one in some) for some in (group, ends.values()))
        for name in ("open", "won", "lost"):
            expected[name].append(None if mine is None else sums[name])
        ended = pool["won"] + pool["lost"]
        expected["days"].append(None if mine is None else days)
        expected["rate"].append(None if mine is None or not ended else
                                (sums["won"] + 10 * pool["won"] / ended) / (sums["won"] + sums["lost"] + 10))
        expected["cycle"].append(None if mine is None or not pool["won"] else
                                 (days + 10 * all_days / pool["won"]) / (sums["won"] + 10))
    same(record.open, expected["open"])
    same(record.won, expected["won"])
    same(record.lost, expected["lost"])
    same(record.won_days, expected["days"])
    same(record.win_rate, expected["rate"])
    same(record.cycle_days, expected["cycle"])


@given(STAGES, questions)
@settled
def test_quantile_of_the_time_in_stage_counts_deals_won_by_then(stages, pairs):
    past = _history(stages, [])

    def spell(deal, at, stage):
        log = log_at(stages, deal, at, RANKS)
        return sum(((log[i + 1].day if i + 1 < len(log) else at) - row.day) for i, row in enumerate(log)
                   if row.value == stage)

    def when_last_learned(deal, at):
        return max([row.day + row.late for row in stages if row.deal == deal and row.day + row.late <= at],
                   default=DEALS[deal])

    expected = []
    for deal, at in pairs:
        log = log_at(stages, deal, at, RANKS)
        stage = log[-1].value if log else None
        won = [spell(one, max(when_last_learned(one, at), created), stage) for one, created in DEALS.items()
               if created <= at and _state(stages, one, at)[0] == "won"]
        won = [days for days in won if days > 0]
        mine = spell(deal, at, stage)
        expected.append(sum(days <= mine for days in won) / len(won) if stage and won else None)
    same(time_in_stage_quantile(asked(past, pairs)), expected)


@given(STAGES, st.lists(st.sampled_from(["X", "Y", None]), min_size=3, max_size=3), questions)
@settled
def test_an_accounts_record_leaves_the_deal_itself_out(stages, accounts, pairs):
    past = _history(stages, [])
    account = dict(zip(DEALS, accounts, strict=True))
    past.tables["deals"]["account_id"] = [account[one] for one in past.tables["deals"]["deal_id"]]
    record = account_record(asked(past, pairs))
    others = [[_state(stages, one, at)[0] for one, created in DEALS.items()
               if one != deal and created <= at and account[one] == account[deal]] for deal, at in pairs]
    for name, found in (("open", record.open), ("won", record.won), ("lost", record.lost)):
        # Before the deal was there, nothing told its account.
        same(found, [None if account[deal] is None or at < DEALS[deal] else sum(one == name for one in some)
                     for (deal, at), some in zip(pairs, others, strict=True)])
