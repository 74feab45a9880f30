"""What a header may mean: meanings of the word list, each with how well the name fits (0 to 1).

1.0 the name is a known word; 0.9 it is one after the table's own subject or noise is taken off ("Deal Stage",
"property_amount"); 0.45 to 0.8 a known word is part of it, the more of it the better; 0.7 it is one with a slip.
"""

from __future__ import annotations

import difflib
from functools import lru_cache

from features.drafting.words import Name, han, tokens_of, words

__all__ = ["meanings", "table_meanings", "value_is"]

Tokens = tuple[str, ...]
_COUNTS = {"n", "num", "cnt", "count", "#"}
_DULL = {"data", "export", "exported", "list", "table", "sheet", "csv", "xlsx", "parquet", "my", "all", "full",
         "report",
         "crm", "the", "final", "new", "copy"}  # what exports add to a file's name


def meanings(name: Name, subject: str | None = None) -> dict[str, float]:
    """Meanings of a header in a table of `subject` (deal, lead, …), best first."""
    return dict(_meanings(name.tokens, subject))


@lru_cache(maxsize=20_000)
def _meanings(name: Tokens, subject: str | None) -> dict[str, float]:
    found: dict[str, float] = {}
    for tokens, most in _readings(name, subject):
        for meaning, score in _match(tokens).items():
            found[meaning] = max(found.get(meaning, 0), score * most)
    if len(name) > 1 and (name[0] in _COUNTS or name[-1] in _COUNTS) and max(found.values(), default=0) < 0.9:
        found["count"] = 0.8
    found.update(_entity_ids(name))
    if any(token in words().expected or any(token.startswith(word) for word in words().expected if han(word))
           for token in name):
        found.pop("closed_at", None)  # an expected close is none
    return dict(sorted(found.items(), key=lambda item: -item[1]))


def _readings(tokens: Tokens, subject: str | None) -> list[tuple[Tokens, float]]:
    """The name as it stands, without noise, and without the subject's own word before it."""
    readings = [(tokens, 1.0)]
    plain = tuple(token for token in tokens if token not in words().noise)
    if plain and plain != tokens:
        readings.append((plain, 0.95))
    for phrase, kind in words().subjects.items():
        for start in (tokens, plain):
            rest = _without(start, phrase)
            if rest:
                readings.append((rest, 0.92 if kind == subject else 0.6))
    return readings


def _without(tokens: Tokens, phrase: Tokens) -> Tokens:
    """Tokens after a phrase at their beginning; () when they do not begin with it."""
    if tokens[:len(phrase)] == phrase:
        return tokens[len(phrase):]
    if len(phrase) == 1 and han(phrase[0]) and tokens and tokens[0].startswith(phrase[0]):
        return (tokens[0][len(phrase[0]):], *tokens[1:])
    return ()


@lru_cache(maxsize=20_000)
def _match(tokens: Tokens) -> dict[str, float]:
    """Meanings of exactly these tokens, or else of the longest phrase in them; the last words weigh most."""
    known = words().columns
    tokens = tuple(token for token in tokens if token[0].isalnum()) or tokens
    if tokens in known:
        return dict.fromkeys(known[tokens], 1.0)
    joined, spelled = "".join(tokens), _spelled()
    if joined in spelled:
        return dict.fromkeys(known[spelled[joined]], 0.97)
    best: dict[str, float] = {}
    for phrase, its in known.items():
        score = _part_score(tokens, phrase)
        for meaning in its if score else ():
            best[meaning] = max(best.get(meaning, 0), score)
    if not best and len(joined) > 4:
        cutoff = 0.75 if han(joined) else 0.82
        for near in difflib.get_close_matches(joined, spelled, n=1, cutoff=cutoff):
            best = dict.fromkeys(known[spelled[near]], 0.7)
    top = max(best.values(), default=0)
    return {meaning: score for meaning, score in best.items() if score > top - 0.2}


@lru_cache(maxsize=1)
def _spelled() -> dict[str, Tokens]:
    """Phrases for columns by how they look without spaces; too short ones would be found everywhere."""
    return {"".join(phrase): phrase for phrase in words().columns if len("".join(phrase)) > 4}


def _part_score(tokens: Tokens, phrase: Tokens) -> float:
    """How well a phrase that is only part of a name speaks for it; 0 when it is not in it."""
    size, length = len(phrase), len(tokens)
    if size == 1 and han(phrase[0]):
        for at, token in enumerate(tokens):
            if phrase[0] in token and (len(phrase[0]) > 1 or token.endswith(phrase[0])):
                share = len(phrase[0]) / sum(len(one) for one in tokens)
                ends = token.endswith(phrase[0]) and at == length - 1
                return (0.5 if ends else 0.35) + 0.35 * share
        return 0
    if size == 1 and len(phrase[0]) < 2:
        return 0
    for at in range(length - size + 1):
        if tokens[at:at + size] == phrase:
            return (0.5 if at + size == length else 0.35) + 0.35 * size / length
    return 0


def _entity_ids(tokens: Tokens) -> dict[str, float]:
    """"Opportunity ID", "account_no", "商机编号": an id and whose it is, as deal_id, account_id, …"""
    known = words()
    plain = tuple(token for token in tokens if token not in known.noise) or tokens
    found: dict[str, float] = {}
    for phrase, kind in known.subjects.items():
        rest = _without(plain, phrase)
        if rest and "id" in known.columns.get(rest, ()):
            found[f"{kind}_id"] = 1.0
    return found


def table_meanings(text: str) -> dict[str, float]:
    """Tables that a file's or sheet's name may stand for, best first."""
    plain = tuple(token for token in tokens_of(text) if not token.isdigit())
    tokens = tuple(token for token in plain if token not in _DULL) or plain
    found: dict[str, float] = {}
    for phrase, its in words().tables.items():
        score = 1.0 if tokens == phrase else _part_score(tokens, phrase)
        for kind in its if score else ():
            found[kind] = max(found.get(kind, 0), score)
    return dict(sorted(found.items(), key=lambda item: -item[1]))


def value_is(tokens: Tokens, kind: str) -> bool:
    """Whether a value's tokens are one of the words of a kind (won, lost, yes, …), a number before them aside."""
    known = words().values[kind]
    bare = tuple(token for token in tokens if not token.isdigit() and token != "%")
    return tokens in known or bare in known
