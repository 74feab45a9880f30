"""What reps write into their activities: short notes in English or Chinese that say what is so about the deal.

A note is made of sentences from notes.yaml. Which needs, roles and objections it mentions follows from the facts of the
lead or deal at that moment and is written beside it, as labels. All notes of a company are put together at once: every
sentence is literal, filling, literal, filling ..., each a look-up in a table of words.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from importlib.resources import files
from itertools import product
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa  # type: ignore[import-untyped]
import pyarrow.compute as pc  # type: ignore[import-untyped]
import yaml

from simulation.crm_settings import NoteSettings
from simulation.tables import text

__all__ = ["LANGUAGES", "NEEDS", "OBJECTIONS", "Told", "write_notes"]

Int = npt.NDArray[np.int64]
Bool = npt.NDArray[np.bool_]
LANGUAGES = ("en", "zh")
ENGLISH, CHINESE = 0, 1
_GRAMMAR: dict[str, Any] = yaml.safe_load((files("simulation") / "notes.yaml").read_text(encoding="utf-8"))
NEEDS, ROLES, OBJECTIONS = (tuple(_GRAMMAR[name]) for name in ("needs", "roles", "objections"))
_FILLINGS = ("person", "colleague", "rep", "product", "rival", "weekday", "month", "days")
_MOST_FILLINGS = 3
_TYPOS = 6  # of each sentence that many misspelt forms exist


@dataclass(frozen=True)
class Told:
    """What the notes are about, (notes,) each. kind : of the activity. need, role, objection : positions in NEEDS,
    ROLES and OBJECTIONS, -1 for none. person, colleague, rep, product : the words that stand for them."""

    kind: npt.NDArray[np.object_]
    chinese: Bool
    need: Int
    role: Int
    objection: Int
    person: pd.Series
    colleague: pd.Series
    rep: pd.Series
    product: pd.Series

    def __len__(self) -> int:
        return len(self.kind)


@dataclass(frozen=True)
class Sentences:
    """Sentences of all slots. of : (slot, language) to the first one and how many there are. literals : sentence by
    place. kinds : (sentences, places) positions in _FILLINGS, -1 for none."""

    of: dict[tuple[str, str, int], tuple[int, int]]
    literals: list[pa.Array]
    kinds: Int


def write_notes(told: Told, settings: NoteSettings,
                rng: np.random.Generator) -> tuple[pd.Series, dict[str, Bool]]:
    """(notes,) the texts, and whether the person and the colleague are called something in them."""
    sentences = _sentences(rng)
    n = len(told)
    short = rng.random(n) < settings.short
    said = [("openings", told.kind, np.ones(n, dtype=bool)), ("needs", _of(NEEDS, told.need), told.need >= 0),
            ("roles", _of(ROLES, told.role), told.role >= 0),
            ("objections", _of(OBJECTIONS, told.objection), told.objection >= 0),
            ("next steps", np.full(n, "", dtype=object), ~short & (rng.random(n) < 0.7)),
            ("small talk", np.full(n, "", dtype=object), ~short & (rng.random(n) < 0.15))]
    # A short note that has something to say goes without an opening.
    said[0] = ("openings", told.kind, ~(short & ((told.need >= 0) | (told.role >= 0) | (told.objection >= 0))))
    parts = []
    used = {name: np.zeros(n, dtype=bool) for name in ("person", "colleague")}
    for slot, which, here in said:
        rows = np.flatnonzero(here)
        language = np.where(told.chinese[rows] & (rng.random(len(rows)) >= settings.other_language), CHINESE, ENGLISH)
        chosen = _choose(sentences, slot, which[rows], language, rng)
        wrong = (rng.random(len(rows)) < settings.typos) * rng.integers(1, _TYPOS, len(rows))
        made = _filled(sentences, chosen + wrong, language, told, rows, rng)
        for name, found in used.items():
            found[rows] |= (sentences.kinds[chosen] == _FILLINGS.index(name)).any(axis=1)
        place = np.full(n, -1)
        place[rows] = np.arange(len(rows))
        parts.append(made.take(pa.array(place, mask=place < 0)))
    joined = pc.binary_join_element_wise(*parts, _glue(" "), null_handling="skip")
    return text(pc.utf8_trim_whitespace(joined)), used


def _of(names: tuple[str, ...], codes: Int) -> npt.NDArray[np.object_]:
    return np.array([*names, ""], dtype=object)[codes]


def _choose(sentences: Sentences, slot: str, which: npt.NDArray[np.object_], language: Int,
            rng: np.random.Generator) -> Int:
    """A sentence for each note, as the first of its spellings."""
    codes, names = pd.factorize(which)
    starts, counts = (np.zeros((len(names), len(LANGUAGES)), dtype=np.int64) for _ in range(2))
    for i, name in enumerate(names):
        for j in range(len(LANGUAGES)):
            starts[i, j], counts[i, j] = sentences.of[slot, name, j]
    pick = (rng.random(len(which)) * counts[codes, language]).astype(np.int64)
    return starts[codes, language] + pick * _TYPOS


def _filled(sentences: Sentences, chosen: Int, language: Int, told: Told, rows: Int,
            rng: np.random.Generator) -> pa.Array:
    """The sentences with their words filled in."""
    here = {name: getattr(told, name).iloc[rows] for name in ("person", "colleague", "rep", "product")}
    n = len(rows)
    drawn = {"rival": _GRAMMAR["rivals"], "days": [str(days) for days in (2, 3, 5, 10, 15, 20, 30, 45)]}
    words: list[pa.Array] = []
    for name in _FILLINGS:
        if name in here:
            words.append(pa.array(here[name], pa.large_string()))
        elif name in drawn:
            words.append(pa.array(drawn[name], pa.large_string()).take(pa.array(rng.integers(0, len(drawn[name]), n))))
        else:
            both = [*_GRAMMAR[f"{name}s"]["en"], *_GRAMMAR[f"{name}s"]["zh"]]
            half = len(both) // 2
            words.append(pa.array(both, pa.large_string()).take(
                pa.array(rng.integers(0, half, n) + half * language)))
    # All words one after the other, and an empty one: a filling is a place among them.
    pool = pa.concat_arrays([*(_one(part) for part in words), pa.array([""], pa.large_string())])
    pieces = [sentences.literals[0].take(pa.array(chosen))]
    for place in range(_MOST_FILLINGS):
        kind = sentences.kinds[chosen, place]
        pieces.append(pool.take(pa.array(np.where(kind < 0, len(pool) - 1, kind * n + np.arange(n)))))
        pieces.append(sentences.literals[place + 1].take(pa.array(chosen)))
    return _one(pc.binary_join_element_wise(*pieces, _glue("")))


def _one(found: pa.Array | pa.ChunkedArray) -> pa.Array:
    return found.combine_chunks() if isinstance(found, pa.ChunkedArray) else found


def _glue(between: str) -> pa.Scalar:
    return pa.scalar(between, pa.large_string())


def _sentences(rng: np.random.Generator) -> Sentences:
    """All sentences of the grammar with all their spellings."""
    of: dict[tuple[str, str, int], tuple[int, int]] = {}
    literals: list[list[str]] = []
    kinds: list[list[int]] = []
    for slot in ("openings", "needs", "roles", "objections", "next steps", "small talk"):
        groups = _GRAMMAR[slot] if "en" not in _GRAMMAR[slot] else {"": _GRAMMAR[slot]}
        for name, by_language in groups.items():
            for j, language in enumerate(LANGUAGES):
                plain = [one for written in by_language[language] for one in _alternatives(written)]
                of[slot, name, j] = (len(literals), len(plain))
                for sentence in plain:
                    for spelling in [sentence, *(_misspelt(sentence, j, rng) for _ in range(_TYPOS - 1))]:
                        pieces, fillings = _cut(spelling)
                        literals.append(pieces)
                        kinds.append(fillings)
    columns = [pa.array([pieces[i] for pieces in literals], pa.large_string()) for i in range(_MOST_FILLINGS + 1)]
    return Sentences(of, columns, np.array(kinds))


def _alternatives(written: str) -> list[str]:
    """All sentences that a line with [a|b] stands for."""
    parts = [part[1:-1].split("|") if part.startswith("[") else [part]
             for part in re.findall(r"\[[^\]]*\]|[^\[]+", written)]
    return ["".join(chosen).replace(" .", ".").replace("  ", " ") for chosen in product(*parts)]


def _cut(sentence: str) -> tuple[list[str], list[int]]:
    """A sentence's literals (one more than there may be fillings) and the kinds of its fillings."""
    parts = re.split(r"\{(\w+)\}", sentence)
    names = parts[1::2]
    if len(names) > _MOST_FILLINGS:
        raise ValueError(f"'{sentence}' has more than {_MOST_FILLINGS} words to fill in")
    missing = _MOST_FILLINGS - len(names)
    return [*parts[0::2], *[""] * missing], [*(_FILLINGS.index(name) for name in names), *[-1] * missing]


def _misspelt(sentence: str, language: int, rng: np.random.Generator) -> str:
    """A sentence as it is typed in a hurry: a word cut short, letters swapped or lost, no capitals or no full stop."""
    if language == CHINESE:
        return sentence.rstrip("。") if rng.random() < 0.5 else sentence.replace("，", " ").replace("。", ".")
    way = rng.integers(0, 5)
    if way == 0:
        for word, short in _GRAMMAR["abbreviations"].items():
            sentence = re.sub(rf"\b{word}\b", short, sentence, flags=re.IGNORECASE)
        return sentence
    if way == 1:
        return re.sub(r"\{\w+\}|.", lambda one: one[0] if len(one[0]) > 1 else one[0].lower(), sentence)
    if way == 2:
        return sentence.rstrip(".")
    places = [found.start() for found in re.finditer(r"(?<![{\w])[A-Za-z]{5,}(?![}\w])", sentence)]
    if not places:
        return sentence.rstrip(".") + " ..."
    at = int(rng.choice(places)) + 2
    swapped = sentence[:at] + sentence[at + 1] + sentence[at] + sentence[at + 2:]
    return swapped if way == 3 else sentence[:at] + sentence[at + 1:]
