"""Headers, file names and values as words, and the word list `configs/words.yaml` that they are looked up in.

A name becomes lower-case tokens without plural ("ExpectedCloseDates", "expected_close_date" and "Expected close date"
are one); a run of Chinese characters is one token. What stands in brackets is a unit when it is one ("金额（万元）").
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from typing import Any

import yaml

__all__ = ["Name", "Words", "han", "name_of", "tokens_of", "words"]

_HAN = "\u3400-\u4dbf\u4e00-\u9fff"
_BRACKETS = re.compile(r"[(\[{<（【]([^)\]}>）】]*)[)\]}>）】]")
_TOKEN = re.compile(rf"[{_HAN}]+|[^\W_{_HAN}]+|[%$€£¥✓√]+", re.UNICODE)
_CAMEL = re.compile(r"(?<=[a-z\d])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")


@dataclass(frozen=True)
class Name:
    """A header: its tokens without a unit, how many plain units one is (10,000 for 万元), and the currency it names."""

    text: str
    tokens: tuple[str, ...]
    factor: int = 1
    factor_word: str = ""
    currency: str = ""


@dataclass(frozen=True)
class Words:
    """The word list, its phrases as tokens. A phrase may stand for several things."""

    columns: dict[tuple[str, ...], list[str]]
    tables: dict[tuple[str, ...], list[str]]
    subjects: dict[tuple[str, ...], str]
    noise: frozenset[str]
    values: dict[str, frozenset[tuple[str, ...]]]
    stages: list[frozenset[tuple[str, ...]]]
    expected: frozenset[str]
    at_creation: frozenset[str]
    factors: dict[str, int]
    currencies: dict[str, str]
    surnames: frozenset[str]


@lru_cache(maxsize=1)
def words() -> Words:
    """The shipped word list."""
    text = files("configs").joinpath("words.yaml").read_text(encoding="utf-8")
    raw: dict[str, Any] = yaml.load(text, Loader=yaml.BaseLoader)  # every word is text: "no" and "1" too
    stages = raw["values"].pop("stages")
    return Words(
        columns=_phrases(raw["columns"]), tables=_phrases(raw["tables"]),
        subjects={tokens_of(word): kind for kind, some in raw["subjects"].items() for word in some},
        noise=frozenset(token for word in raw["noise"] for token in tokens_of(word)),
        values={kind: _spellings(some) for kind, some in raw["values"].items()},
        stages=[_spellings(some) for some in stages],
        expected=frozenset(raw["expected"]), at_creation=frozenset(raw["at_creation"]),
        factors={str(word): int(factor) for factor, some in raw["factors"].items() for word in some},
        currencies={str(word): code for code, some in raw["currencies"].items() for word in some},
        surnames=frozenset(raw["surnames"]))


def _phrases(raw: dict[str, list[str]]) -> dict[tuple[str, ...], list[str]]:
    found: dict[tuple[str, ...], list[str]] = {}
    for meaning, some in raw.items():
        for word in some:
            meanings = found.setdefault(tokens_of(word), [])
            if meaning not in meanings:
                meanings.append(meaning)
    return found


def _spellings(some: list[str]) -> frozenset[tuple[str, ...]]:
    """Words for values, each also in one piece, as a CRM's own names have them ("closedwon")."""
    return frozenset(tokens_of(form) for word in some for form in (word, word.replace(" ", "")))


def tokens_of(text: str) -> tuple[str, ...]:
    """Lower-case tokens without plural, camelCase and snake_case apart.

    >>> tokens_of("ExpectedCloseDates__c"), tokens_of("CRM编号")
    (('expected', 'close', 'date', 'c'), ('crm', '编号'))
    """
    plain = unicodedata.normalize("NFKC", text)
    return tuple(_singular(token.lower()) for piece in _CAMEL.split(plain) for token in _TOKEN.findall(piece))


def _singular(token: str) -> str:
    if len(token) < 4 or not token.isascii() or token.endswith(("ss", "us", "is")):
        return token
    return token[:-3] + "y" if token.endswith("ies") else token.removesuffix("s")


def han(token: str) -> bool:
    """Whether a token is Chinese."""
    return bool(re.match(f"[{_HAN}]", token))


def name_of(header: str) -> Name:
    """Read a header: its words, and the unit that it names in brackets or at its end.

    >>> name_of("金额（万元）").factor, name_of("Amount (EUR)").currency, name_of("Amount in kUSD").factor
    (10000, 'EUR', 1000)
    """
    text = unicodedata.normalize("NFKC", header)
    factor, factor_word, currency = 1, "", ""
    bracketed = [found.strip() for found in _BRACKETS.findall(text)]
    rest = _BRACKETS.sub(" ", text)
    for unit in bracketed:
        its_factor, its_currency = _unit(unit)
        if its_factor == 1 and not its_currency:
            rest += f" {unit}"
        else:
            factor, factor_word = (its_factor, unit) if its_factor != 1 else (factor, factor_word)
            currency = its_currency or currency
    # A unit without brackets: "Amount EUR", "amount_in_k_eur", "合同额_万元", "value/万".
    pieces = re.split(r"[\s_\-/.,:]+", rest.strip())
    while len(pieces) > 1:
        its_factor, its_currency = _unit(pieces[-1])
        if its_factor == 1 and not its_currency:
            break
        factor, factor_word = (its_factor, pieces[-1]) if its_factor != 1 else (factor, factor_word)
        currency = its_currency or currency
        pieces.pop()
        if pieces[-1].lower() == "in" and len(pieces) > 1:
            pieces.pop()
    return Name(header, tokens_of(" ".join(pieces)) or tokens_of(text), factor, factor_word, currency)


def _unit(text: str) -> tuple[int, str]:
    """Factor and currency of "万元", "EUR", "k USD" or "单位:万元"; (1, "") for what is no unit."""
    known = words()
    plain = re.sub(r"^(?:单位|unit|in)[\s::]*", "", text.strip().lower()).strip()
    factor, currency = known.factors.get(plain, 1), known.currencies.get(plain, "")
    if factor == 1 and not currency:
        parts = re.fullmatch(r"(k|t|m|mio|thousand|million)\s*([a-z]{3}|[€$£])", plain)
        if parts and (parts[2] in known.currencies or parts[2].upper() in _currency_codes()):
            return known.factors[parts[1]], known.currencies.get(parts[2], parts[2].upper())
        if re.fullmatch(r"[a-z]{3}", plain) and plain.upper() in _currency_codes():
            return 1, plain.upper()
    return factor, currency


@lru_cache(maxsize=1)
def _currency_codes() -> frozenset[str]:
    from babel.numbers import list_currencies

    return frozenset(list_currencies("en"))
