"""The rows that hazards are learned from: landmarks with their features, times the bins since then.

A row is a landmark (subject, time) times a bin since then; the model gives the chance that the subject goes on, is
won (converts) or is lost (disqualified) in that bin. A subject still open at the origin is censored there: a row is
kept only if the subject is open at the bin's start and the bin's end lies at or before the origin. Features are those
of the landmark plus what was known then about the bin (length, business days, quarter's rush), so that a curve never
needs the future path of a feature. Discrete-time competing risks after Tutz & Schmid, *Modeling Discrete
Time-to-Event Data* (2016); landmarking after van Houwelingen (2007).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from features.asof import AsOf, compute
from features.calendar import DAY, business_clock, rush_clock
from features.catalogue import catalogue
from features.events import Int
from features.history import History
from features.mapping import Mapping
from training.outcomes import Landmarks, Outcomes

__all__ = ["BIN_COLUMNS", "DUE_COLUMNS", "EXPANSION", "FAST_LIFE_DAYS", "RENEWAL", "STATE_COLUMNS", "LandmarkTable",
           "Rows", "background_rows", "bin_edges", "bin_matrix", "bins_seen", "build_rows", "days_in_state", "due_days",
           "due_facts", "is_of_kind", "landmark_table", "recency_weights", "within_budget"]

Floats = npt.NDArray[np.float64]

SLOW_EDGES = (0, 1, 2, 3, 5, 7, 10, 14, 21, 28, 42, 56, 70, 84, 91, 112, 133, 196, 280, 365)
FAST_EDGES = (0, 1, 2, 3, 4, 5, 6, 7, 9, 11, 14, 16, 18, 21, 25, 28, 35, 42, 49, 63, 91, 133, 196, 280, 365)
FAST_LIFE_DAYS = 60  # a median life below this wants fine bins and two landmarks a week
BIN_COLUMNS = ["bin", "bin_days", "bin_business_days", "bin_quarter_rush", "bin_due_days"]
DUE_COLUMNS = ("days_to_expected_close", "kind", "field:contract_end")  # features that tell when a deal is due
RENEWAL = ("renew", "续")  # how the kind of a renewal begins
EXPANSION = ("expan", "upsell", "up-sell", "add-on", "cross", "增购", "扩")  # and that of an expansion
# Per kind: the feature that says where a subject stands, since when, and its age.
STATE_COLUMNS = {"lead": ("status", "days_in_status", "lead_age_days"),
                 "deal": ("stage", "days_in_stage", "deal_age_days")}
BACKGROUND_ROWS = 20  # training landmarks that reasons are against: what a reason costs grows with them


def bin_edges(median_life_days: float, last_day: float) -> Floats:
    """Edges of the bins in days since the landmark, the last one at the first listed edge from `last_day` on."""
    listed = FAST_EDGES if median_life_days < FAST_LIFE_DAYS else SLOW_EDGES
    n = int(np.searchsorted(listed, last_day)) + 1
    return np.array(listed[:n], dtype=np.float64)


def days_in_state(since: Floats, age: Floats) -> Floats:
    """Days (n,) that subjects stood where they stand; those that have no state have had none since they came in."""
    return np.where(np.isnan(since), age, since)


@dataclass(frozen=True)
class LandmarkTable:
    """Landmarks with their features: (n, features) as of each landmark, numbers and texts."""

    landmarks: Landmarks
    features: pd.DataFrame

    def state(self, kind: str) -> tuple[pd.Series, Floats]:
        """Where each subject stood, (n,), and since how many days, (n,)."""
        state, since, age = STATE_COLUMNS[kind]
        return self.features[state], days_in_state(*(self.features[name].to_numpy(np.float64) for name in (since, age)))

    def take(self, positions: Int) -> LandmarkTable:
        return LandmarkTable(self.landmarks.take(positions), self.features.iloc[positions].reset_index(drop=True))


def landmark_table(history: History, kind: str, landmarks: Landmarks) -> LandmarkTable:
    """Compute the whole catalogue as of every landmark."""
    pairs = AsOf(history, kind, landmarks.subject, landmarks.at)
    last = int(landmarks.at.max(initial=np.iinfo(np.int64).min))
    return LandmarkTable(landmarks, compute(catalogue(history, kind, last), pairs))


@dataclass(frozen=True)
class Rows:
    """Landmark × bin: `landmark` and `bin` positions and the `label` (goes on 0, WON, LOST), all (rows,)."""

    landmark: Int
    bin: Int
    label: Int


def build_rows(ends: Outcomes, landmarks: Landmarks, edges_days: Floats, origin: int) -> Rows:
    """All rows whose bin ends by the origin, and before a deletion, and at whose start the subject is open."""
    state, when = ends.next_end(landmarks.subject, landmarks.at)
    end_days = np.where(when == np.iinfo(np.int64).max, np.inf, (when - landmarks.at) / DAY)
    n_bins = np.minimum(bins_seen(ends, landmarks, edges_days, origin),
                        np.searchsorted(edges_days[:-1], end_days, side="left"))
    n_bins = np.maximum(n_bins, 0)
    landmark = np.repeat(np.arange(len(landmarks)), n_bins)
    position = np.arange(len(landmark)) - np.repeat(np.cumsum(n_bins) - n_bins, n_bins)
    ends_here = end_days[landmark] <= edges_days[position + 1]
    return Rows(landmark, position, np.where(ends_here, state[landmark], 0))


def bins_seen(ends: Outcomes, landmarks: Landmarks, edges_days: Floats, origin: int) -> Int:
    """How many bins after each landmark, (n,), end by the origin and before a deletion."""
    known_days = (ends.followed_until(landmarks.subject, landmarks.at, origin) - landmarks.at) / DAY
    return np.searchsorted(edges_days[1:], known_days, side="right")


def bin_matrix(history: History, table: LandmarkTable, edges_days: Floats) -> npt.NDArray[np.float32]:
    """What each landmark knows about each bin: (n, m, len(BIN_COLUMNS))."""
    at = table.landmarks.at
    moments = at[:, None] + (edges_days * DAY).astype(np.int64)[None, :]
    business = np.diff(business_clock(moments, history.mapping), axis=1)
    rush = np.diff(rush_clock(moments, history.mapping), axis=1) / np.maximum(business, 1.0)
    n, m = business.shape
    columns = [np.broadcast_to(np.arange(m), (n, m)), np.broadcast_to(np.diff(edges_days), (n, m)), business, rush,
               due_days(*due_facts(table.features, history.mapping))[:, None] - edges_days[None, :-1]]
    return np.stack(columns, axis=2).astype(np.float32)


def due_facts(features: pd.DataFrame, mapping: Mapping) -> tuple[Floats, npt.NDArray[np.bool_], Floats]:
    """What `due_days` asks of landmarks with these features, (n,) each: days to the rep's expected close, whether it is
    a renewal, and days to the end of the contract; NaN where unknown, or where that field is no date."""
    dated = mapping.field_types("deal").get("contract_end") == "date"
    expected, kind, contract_end = (features[name].to_numpy(object) if name in features else
                                    np.full(len(features), np.nan, dtype=object) for name in DUE_COLUMNS)
    if not dated:
        contract_end = np.full(len(features), np.nan, dtype=object)
    return expected.astype(np.float64), is_of_kind(kind, RENEWAL), contract_end.astype(np.float64)


def is_of_kind(kind: npt.NDArray[np.object_], begins: tuple[str, ...]) -> npt.NDArray[np.bool_]:
    """Which kinds of deals, (n,) texts or None, begin in one of these ways."""
    return np.array([str(one).casefold().startswith(begins) for one in kind.tolist()], dtype=bool)


def due_days(expected: Floats, renews: npt.NDArray[np.bool_], contract_end: Floats) -> Floats:
    """Days (n,) to the day on which a deal's closing hangs, NaN where nobody knows: of a renewal the end of the
    contract, where that is known, else what the rep expects."""
    return np.where(renews & ~np.isnan(contract_end), contract_end, expected)


def recency_weights(at: Int, origin: int, half_life_days: float) -> Floats:
    """Weight of each landmark by its age at the origin; 0 days means no decay."""
    if half_life_days <= 0:
        return np.ones(len(at))
    return np.asarray(0.5 ** ((origin - at) / DAY / half_life_days), dtype=np.float64)


def within_budget(rows: Rows, table: LandmarkTable, ids: npt.NDArray[np.object_], budget: int) -> Rows:
    """Keep each (subject, week) with one probability, by hash and never by outcome, when there are too many rows."""
    if len(rows.landmark) <= budget:
        return rows
    subject = pd.util.hash_array(ids[table.landmarks.subject])
    week = (table.landmarks.at // (7 * DAY)).astype(np.uint64)
    keep = pd.util.hash_array(subject ^ (week * np.uint64(0x9E3779B97F4A7C15))) / 2.0**64 < budget / len(rows.landmark)
    kept = keep[rows.landmark]
    return Rows(rows.landmark[kept], rows.bin[kept], rows.label[kept])


def background_rows(encoded: npt.NDArray[np.float32], landmarks: Landmarks,
                    ids: npt.NDArray[np.object_]) -> npt.NDArray[np.float32]:
    """BACKGROUND_ROWS or fewer of the encoded landmarks (n, columns), of as many subjects, by a hash that knows no
    outcome."""
    mark = pd.util.hash_array(ids[landmarks.subject]) ^ pd.util.hash_array(landmarks.at)
    order = np.argsort(mark, kind="stable")
    _, first = np.unique(landmarks.subject[order], return_index=True)
    return encoded[order[np.sort(first)[:BACKGROUND_ROWS]]]
