"""One company as the service sees it: what its home holds, read once and again when the home has changed.

A request works on one `Company`, which never changes under it. Times are int64 microseconds in UTC.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from threading import Lock
from typing import Any

from sqlalchemy import select

from features.calendar import day_start, end_of_day, iso, local_date
from features.errors import NotFound
from features.history import History
from features.home import Home
from features.mapping import Mapping
from features.rule_book import RULES_FILE
from features.settings import SETTINGS_FILE, Settings
from features.store import imports
from serving.dates import BadField, read_as_of, read_moment
from training.outcomes import Outcomes, outcomes

__all__ = ["Companies", "Company"]

# Forecasts that are kept: a page, its charts and its neighbours in time.
_KEPT_ANSWERS = 64


@dataclass(frozen=True)
class Company:
    """A home's history, mapping and settings, and when it was last imported into."""

    home: Home
    mapping: Mapping
    settings: Settings
    history: History
    last_import: int
    clock: Callable[[], int] = field(repr=False)
    _answers: dict[tuple[Any, ...], Any] = field(default_factory=dict, repr=False)

    @cached_property
    def last_known(self) -> int:
        return self.home.last_known()

    @cached_property
    def log_end(self) -> int:
        return self.home.log_end()

    def present(self) -> int:
        """Today: the clock of a real company, the end of its log for a simulated one."""
        return self.log_end if self.mapping.simulated else self.clock()

    def read_as_of(self, text: str | None) -> int:
        """A date or timestamp as the API takes it, or the present. Raises BadField, also for what is still to come."""
        return read_as_of(text, self.mapping.zone, self.present(), self.clock())

    def read_day(self, text: str | None) -> int:
        """A date as the page's picker gives it: the end of that day, or the present on the present day.

        Raises BadField.
        """
        present = self.present()
        if text is None:
            return present
        day = local_date(read_moment(text, self.mapping.zone, "as_of"), self.mapping.zone)
        if day_start(day, self.mapping.zone) > present:
            raise BadField(f"{day} lies ahead: nothing is known of it. Pick {self.date(present)} or a day before it.",
                           "as_of")
        return min(end_of_day(day, self.mapping.zone), present)

    def iso(self, moment: int) -> str:
        return iso(moment, self.mapping.zone)

    def date(self, moment: int) -> str:
        return local_date(moment, self.mapping.zone).isoformat()

    def outcomes(self, kind: str) -> Outcomes:
        """The log of what became of leads or deals. Raises BadInput when the mapping names no outcome for them."""
        return outcomes(self.history, kind)

    def remember(self, key: tuple[Any, ...], compute: Callable[[], Any]) -> Any:
        """Compute an answer once for as long as the home does not change."""
        if key not in self._answers:
            if len(self._answers) >= _KEPT_ANSWERS:
                self._answers.clear()
            self._answers[key] = compute()
        return self._answers[key]


class Companies:
    """Gives each request the company as its home holds it now."""

    def __init__(self, home_path: Path, clock: Callable[[], int] = lambda: time.time_ns() // 1_000) -> None:
        self.home_path = home_path
        self.clock = clock
        self._company: Company | None = None
        self._last_import: tuple[int, int] | None = None
        self._files: list[tuple[int, int] | None] = []
        self._reading = Lock()

    def now(self) -> Company:
        """Read the home when it has never been read, or was imported into or set otherwise since.

        Raises NotFound when there is no home or nothing was imported yet, and BadInput for settings or rules that
        cannot be used.
        """
        with self._reading:
            home = self._company.home if self._company else Home.open(self.home_path)
            last = _last_import(home)
            if last is None:
                raise NotFound(f"Nothing was imported into {self.home_path} yet. Import a CRM's export:\n"
                               f"dealcast --home {self.home_path} import PATH --mapping FILE")
            files = [_state_of(self.home_path / name) for name in (SETTINGS_FILE, RULES_FILE)]
            if self._company is None or (last, files) != (self._last_import, self._files):
                # Opened anew: a home that was removed and made again may hold another company.
                home = Home.open(self.home_path)
                self._company = Company(home, home.mapping, home.settings, home.history(), last[1], self.clock)
                self._last_import, self._files = last, files
            return self._company


def _last_import(home: Home) -> tuple[int, int] | None:
    """Number and time of the newest import."""
    if not home.store.exists():
        return None
    query = select(imports.c.import_id, imports.c.recorded_at).order_by(imports.c.import_id.desc()).limit(1)
    with home.store.read() as connection:
        found = connection.execute(query).first()
    return (found.import_id, found.recorded_at) if found else None


def _state_of(file: Path) -> tuple[int, int] | None:
    """When a file was last changed and how long it is; None where there is none."""
    try:
        found = file.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size
