"""Files as they lie, or packed by gzip (.gz) or alone in a zip (.zip): both are read as what is inside.

`opened` reports what goes wrong while they are read, so that a truncated or damaged file is a message to a person.
"""

from __future__ import annotations

import gzip
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from features.errors import BadInput

__all__ = ["PACKINGS", "kind_of", "opened"]

PACKINGS = (".gz", ".zip")


def kind_of(path: Path) -> str:
    """The ending that says what a file is, in small letters: ".csv" of deals.csv and of deals.CSV.gz."""
    name = path.name.lower()
    for packing in PACKINGS:
        name = name.removesuffix(packing)
    return Path(name).suffix


@contextmanager
def opened(path: Path, where: str) -> Iterator[IO[bytes]]:
    """The bytes of a file, unpacked. Raises BadInput, naming `where`, also for what is found damaged in the body."""
    try:
        packing = path.suffix.lower()
        if packing == ".gz":
            with gzip.open(path) as file:
                yield file  # type: ignore[misc]
        elif packing == ".zip":
            with zipfile.ZipFile(path) as archive:
                members = [one for one in archive.infolist() if not one.is_dir()]
                if len(members) != 1:
                    raise BadInput(f"{where} holds {len(members)} files, but can only be read if it holds one. "
                                   "Unpack it and import the folder.")
                try:
                    member = archive.open(members[0])
                except (NotImplementedError, RuntimeError) as error:  # a password, or a way of packing of its own
                    raise BadInput(f"{where} cannot be unpacked: {error}. Unpack it yourself.") from error
                with member:
                    yield member
        else:
            with path.open("rb") as file:
                yield file
    except (EOFError, gzip.BadGzipFile, zlib.error, zipfile.BadZipFile) as error:
        raise BadInput(f"{where} cannot be unpacked: {error}. It is damaged or was not copied whole.") from error
    except OSError as error:
        raise BadInput(f"{where} cannot be read: {error.strerror or error}.") from error
