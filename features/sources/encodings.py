"""Which encoding a text file is written in.

A byte-order mark decides, then whether every byte fits UTF-8. What is left are the encodings of one language each: a
decoding fits as far as its letters are those of a language that uses the encoding. One that fits clearly better than
every other is taken; where two fit and read differently, nothing is guessed: the message shows both.
"""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from functools import cache
from typing import IO

import charset_normalizer

from features.errors import BadInput

__all__ = ["find_encoding"]

_CHUNK_BYTES = 1 << 20
_SAMPLE_BYTES = 1 << 19  # of lines with other characters than ASCII
_FITS, _CLEARLY = 0.6, 0.1
# UTF-32 first: its mark begins with that of UTF-16.
_MARKS = ((codecs.BOM_UTF32_LE, "utf-32"), (codecs.BOM_UTF32_BE, "utf-32"), (codecs.BOM_UTF8, "utf-8-sig"),
          (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))

_WESTERN = ("äöüß", "éèàçêùôîâûïëœæÿ", "áéíóúüñ¿¡", "ãõáéíóúâêôçà", "àèéìíòóù", "åäöæøé", "éëïóöüèê")
_LETTERS = {
    "cp1252": _WESTERN, "mac_roman": _WESTERN,
    "cp1250": ("ąćęłńóśźż", "áčďéěíňóřšťúůýž", "áäčďéíľňóôšťúýž", "áéíóöőúüű", "ăâîşţ", "čćđšž"),
    "cp1251": ("абвгдеёжзийклмнопрстуфхцчшщъыьэюя", "абвгґдеєжзиіїйклмнопрстуфхцчшщьюя"),
    "cp1253": ("αβγδεζηθικλμνξοπρσςτυφχψωάέήίόύώϊϋ",),
    "cp1254": ("çğıöşüâ",)}
# Cyrillic read as Greek, and the reverse, is letters of words without vowels.
_VOWELS = set("аеёиоуыэюяіїєαεηιουωάέήίόύώϊϋ")
_LEAST_VOWELS = 0.25
# First and last lead byte, and first trail byte, of the characters in use.
_DOUBLE_BYTES = {"gb18030": ((0xA1, 0xA3), (0xB0, 0xF7), 0xA1), "big5": ((0xA1, 0xA3), (0xA4, 0xC6), 0x40),
                 "cp932": ((0x81, 0x83), (0x88, 0x97), 0x40), "cp949": ((0xA1, 0xA3), (0xB0, 0xC8), 0xA1)}
_MARKS_OF_NO_LANGUAGE = set("€£§°®©™«»·–—…“”„‘’‚•½¼¾²³µ\xa0")


def find_encoding(file: IO[bytes], where: str) -> str:
    """The encoding of an open file, as Python names it. Raises BadInput, saying what to declare, where it is in doubt.
    """
    chunks = iter(lambda: file.read(_CHUNK_BYTES), b"")
    first = next(chunks, b"")
    for mark, encoding in _MARKS:
        if first.startswith(mark):
            return encoding
    if (wide := _without_mark_utf16(first)) is not None:
        return wide
    sample, bad_line = _not_utf8(first, chunks)
    if bad_line is None:
        return "utf-8"
    if _mostly_utf8(sample):
        raise BadInput(f"{where} is UTF-8, but for line {bad_line}, whose bytes are not: mend that line, or set the "
                       "source's encoding if it is another one.")
    return _by_language(sample, where)


def _without_mark_utf16(head: bytes) -> str | None:
    """UTF-16 puts a NUL beside each ASCII character."""
    head = head[:1 << 16]
    head = head[:len(head) // 2 * 2]
    for encoding, high, low in (("utf-16-le", head[1::2], head[::2]), ("utf-16-be", head[::2], head[1::2])):
        if high.count(0) >= max(4, 0.2 * len(high)) and not low.count(0):
            text = head.decode(encoding, "ignore")
            if all(one >= " " or one in "\t\r\n" for one in text):
                return encoding
    return None


def _not_utf8(first: bytes, chunks: Iterator[bytes]) -> tuple[bytes, int | None]:
    """Lines with other bytes than ASCII, and the number of the first line that is not UTF-8, None if all are."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    bad_line, lines, sample, chunk, rest = None, 0, [], first, b""
    size = 0
    while chunk:
        if bad_line is None:
            try:
                decoder.decode(chunk)
            except UnicodeDecodeError as error:
                bad_line = lines + 1 + error.object[:error.start].count(b"\n")
        lines += chunk.count(b"\n")
        if not chunk.isascii() or not rest.isascii():
            *whole, rest = (rest + chunk).splitlines(keepends=True)
            for line in whole:
                if not line.isascii() and size < _SAMPLE_BYTES:
                    sample.append(line)
                    size += len(line)
        if bad_line is not None and size >= _SAMPLE_BYTES:
            return b"".join(sample), bad_line
        chunk = next(chunks, b"")
    if bad_line is None:
        try:
            decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            bad_line = lines + 1
    return b"".join([*sample, rest]), bad_line


def _mostly_utf8(sample: bytes) -> bool:
    text = sample.decode("utf-8", "replace")
    broken = text.count("\ufffd")
    return sum(one > "\x7f" for one in text) - broken >= 10 * broken


def _by_language(sample: bytes, where: str) -> str:
    fits: dict[str, tuple[float, str]] = {}  # by what the sample reads as: the best fit, and whose it is
    for encoding in (*_LETTERS, *_DOUBLE_BYTES):
        try:
            text = sample.decode(encoding)
        except UnicodeDecodeError:
            continue
        share = _share_of_language(text, encoding)
        if share > fits.get(text, (-1.0, ""))[0]:
            fits[text] = (share, encoding)
    ranked = sorted(((share, encoding, text) for text, (share, encoding) in fits.items()), reverse=True)
    ranked = [one for one in ranked if one[0] >= _FITS]
    if ranked and (len(ranked) == 1 or ranked[0][0] - ranked[1][0] >= _CLEARLY):
        return ranked[0][1]
    if ranked:
        shown = " or ".join(f"{encoding} ('{_excerpt(text)}')" for _, encoding, text in ranked[:3])
        raise BadInput(f"{where} is not UTF-8 and may be {shown}. Set the source's encoding to the one that reads "
                       "right.")
    guess = charset_normalizer.from_bytes(sample).best()
    hint = f" It looks like {guess.encoding} ('{_excerpt(str(guess))}')." if guess else ""
    raise BadInput(f"{where} is not UTF-8, and its encoding cannot be told for certain.{hint} Set the source's "
                   "encoding, for example cp1252 (Excel's CSV on Windows) or gb18030 (Chinese).")


def _share_of_language(text: str, encoding: str) -> float:
    """Share, from 0 to 1, of the characters beyond ASCII that one language of the encoding uses."""
    places = [i for i, one in enumerate(text) if one > "\x7f" and one not in _MARKS_OF_NO_LANGUAGE]
    if not places:
        return 1.0
    if encoding in _DOUBLE_BYTES:
        usual = _usual_double_bytes(encoding)
        share = sum(text[i] in usual for i in places) / len(places)
        # Every Korean syllable is a Chinese character too, of the first half of those: no long Chinese text is.
        korean = len(places) >= 20 and max(text[i].encode("gb18030")[0] for i in places) <= 0xC8
        return 0.0 if encoding == "gb18030" and korean else share
    fitting = [text[i].lower() for i in places if _stands_well(text, i)]
    if encoding in ("cp1251", "cp1253") and sum(one in _VOWELS for one in fitting) < _LEAST_VOWELS * len(places):
        return 0.0
    return max(sum(one in letters for one in fitting) for letters in _LETTERS[encoding]) / len(places)


def _stands_well(text: str, i: int) -> bool:
    """A letter that is misread stands as a capital inside of a word, or alone, or beside letters of another script."""
    one, before, after = text[i], text[i - 1:i], text[i + 1:i + 2]
    if one.isupper() and (before.islower() or not (before + after).strip(" \t\r\n.,;'\"")):
        return False
    is_latin = "\xc0" <= one <= "\u024f"
    return is_latin or not any(other.isascii() and other.isalpha() for other in (before, after))


@cache
def _usual_double_bytes(encoding: str) -> frozenset[str]:
    *leads, trail = _DOUBLE_BYTES[encoding]
    found = set()
    for low, high in leads:
        for first in range(low, high + 1):
            for second in range(trail, 0xFF):
                try:
                    found.add(bytes([first, second]).decode(encoding))
                except UnicodeDecodeError:
                    continue
    return frozenset(one for one in found if len(one) == 1)


def _excerpt(text: str) -> str:
    """Some characters around the first that is not ASCII."""
    at = next((i for i, one in enumerate(text) if one > "\x7f"), 0)
    start = max(text.rfind("\n", 0, at) + 1, at - 15)
    return text[start:at + 15].split("\n")[0].strip()
