"""The mistakes a person can mend. Each message says what was wrong, where, and what to do next."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

__all__ = ["BadInput", "Conflict", "DealcastError", "NotFound", "nearest"]


class DealcastError(Exception):
    """Any mistake of the user's: shown as one message, exit code 2, or as JSON with `http_status`."""

    http_status = 400


class BadInput(DealcastError):
    """A value, file or setting that cannot be used as given."""

    http_status = 422


class NotFound(DealcastError):
    """A file, subject or model that is not there."""

    http_status = 404


class Conflict(DealcastError):
    """A request that the home's present state forbids: another company's data, no model for that date."""

    http_status = 409


def nearest(name: str, known: Iterable[str]) -> str:
    """Return " Did you mean 'x'?" for the known name nearest to `name`, or "" when none is near.

    >>> nearest("colum", ["column", "type"])
    " Did you mean 'column'?"
    """
    known_by_folded = {item.casefold(): item for item in known}
    found = difflib.get_close_matches(name.casefold(), known_by_folded, n=1, cutoff=0.6)
    return f" Did you mean '{known_by_folded[found[0]]}'?" if found else ""
