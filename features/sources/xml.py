"""XML as a stream of its elements, in bounded memory, refusing what could be used to harm: no document types, so no
entities that grow or fetch."""

from __future__ import annotations

from collections.abc import Iterator
from typing import IO
from xml.parsers import expat

from features.errors import BadInput

__all__ = ["Element", "elements"]

_CHUNK_BYTES = 1 << 16
Element = tuple[str, str, dict[str, str], str, int]  # "start" or "end", name, attributes, text of an end, line


def elements(file: IO[bytes], where: str) -> Iterator[Element]:
    """Starts and ends of elements in their order, names without prefix. An end has the text since the last element.

    Raises BadInput with the line where the XML is broken, or has a document type.
    """
    parser = expat.ParserCreate()
    parser.buffer_text = True
    found: list[Element] = []
    texts: list[str] = []

    def start(name: str, attributes: dict[str, str]) -> None:
        texts.clear()
        found.append(("start", name.rpartition(":")[2], attributes, "", parser.CurrentLineNumber))

    def end(name: str) -> None:
        found.append(("end", name.rpartition(":")[2], {}, "".join(texts), parser.CurrentLineNumber))
        texts.clear()

    def refuse(*_: object) -> None:
        raise BadInput(f"{where}, line {parser.CurrentLineNumber}: has a document type (<!DOCTYPE …>), which is not "
                       "read, because it can be made to fill the memory. Take it out.")

    parser.StartElementHandler, parser.EndElementHandler = start, end
    parser.CharacterDataHandler = texts.append
    parser.StartDoctypeDeclHandler = refuse
    try:
        while chunk := file.read(_CHUNK_BYTES):
            parser.Parse(chunk, False)
            yield from found
            found.clear()
        parser.Parse(b"", True)
        yield from found
    except expat.ExpatError as error:
        raise BadInput(f"{where}, line {error.lineno}: broken XML ({expat.ErrorString(error.code)}).") from error
    except (LookupError, ValueError) as error:  # an encoding that the XML names and nobody knows
        if isinstance(error, BadInput):
            raise
        raise BadInput(f"{where} cannot be read as XML: {error}.") from error
