"""A home: one company in one folder. It holds the database, the models, MLflow's runs and the settings' overrides.

A home can be moved or copied: nothing in it depends on its absolute path or on the folder a command is started
from. Its first import names the company; only that company's data goes in afterwards.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from sqlalchemy import URL, Connection, case, func, select

from features.calendar import end_of_day, local_date
from features.errors import BadInput, Conflict, NotFound
from features.history import OWN_TIME, History
from features.mapping import Mapping, parse_mapping
from features.settings import Settings, load_settings
from features.store import Store, contract, get_meta, load_history, open_store, set_meta

__all__ = ["DATABASE_FILE", "STORE_VARIABLE", "Home", "check_company", "claim_company", "stored_mapping"]

DATABASE_FILE = "dealcast.db"
STORE_VARIABLE = "DEALCAST_STORE"  # a PostgreSQL URL, for a team that shares one database


@dataclass(frozen=True)
class Home:
    path: Path
    store: Store

    @classmethod
    def open(cls, path: Path | str, *, must_exist: bool = True) -> Home:
        """Open the home in a folder. Writes nothing.

        Raises NotFound where nothing was imported yet (unless `must_exist` is false, for the import itself) and
        BadInput where the path cannot be a home.
        """
        path = Path(path).expanduser()
        if path.exists() and not path.is_dir():
            raise BadInput(f"{path} is a file, but a home is a folder. Give another one with --home DIR.")
        file = URL.create("sqlite", database=str(path.resolve() / DATABASE_FILE))
        home = cls(path, open_store(os.environ.get(STORE_VARIABLE) or file))
        if must_exist and not home.store.exists():
            raise NotFound(f"Nothing was imported into {path} yet. {_how_to_begin(path)}")
        return home

    @cached_property
    def settings(self) -> Settings:
        """The shipped settings with this home's dealcast.yaml on top. Raises BadInput."""
        return load_settings(self.path)

    @cached_property
    def mapping(self) -> Mapping:
        """The mapping that the last import stored: the company's stages, outcomes, currency and time zone."""
        found = None
        if self.store.exists():
            with self.store.read() as connection:
                found = stored_mapping(connection)
        if found is None:
            raise NotFound(f"Nothing was imported into {self.path} yet. {_how_to_begin(self.path)}")
        return found

    def history(self, as_of: int | None = None, recorded_by: int | None = None) -> History:
        """Everything known, or what was known at `as_of` and had been recorded by `recorded_by` (microseconds)."""
        return load_history(self.store, self.mapping, as_of, recorded_by)

    def log_end(self) -> int:
        """The end of the last day that the log holds, in microseconds: "today" of a finished log, such as a simulated
        company's, so that a quarter which ends on that day is over."""
        return end_of_day(local_date(self.last_known(), self.mapping.zone), self.mapping.zone)

    def last_known(self) -> int:
        """The newest moment from which a row about the company counts, in microseconds; a currency's rate is none."""
        newest = []
        with self.store.read() as connection:
            for name in contract.keys() - {"rates"}:
                table = contract[name]
                own = table.c[OWN_TIME[name]]
                visible = case((own > table.c.known_at, own), else_=table.c.known_at)
                newest.append(connection.execute(select(func.max(visible))).scalar())
        known = [moment for moment in newest if moment is not None]
        if not known:
            raise NotFound(f"{self.path} holds no rows yet. {_how_to_begin(self.path)}")
        return int(max(known))


def _how_to_begin(path: Path) -> str:
    return f"Start with: dealcast --home {path} import PATH --mapping FILE (or try: dealcast --home {path} demo)"


def stored_mapping(connection: Connection) -> Mapping | None:
    """The mapping that a store remembers, if any."""
    text = get_meta(connection, "mapping")
    return parse_mapping(text, "the mapping stored in the home") if text is not None else None


def claim_company(home: Home, connection: Connection, mapping: Mapping, mapping_text: str) -> None:
    """Make the home the mapping's company's, in an import's transaction.

    A newer mapping of the same company replaces the stored one. Raises Conflict for another company's, and for
    real data into a simulated company's home or the reverse.
    """
    stored = stored_mapping(connection)
    check_company(home, stored, mapping)
    if stored != mapping:
        set_meta(connection, "mapping", mapping_text)


def check_company(home: Home, stored: Mapping | None, mapping: Mapping) -> None:
    """Raise Conflict unless a mapping belongs to the company of the home (None: the home has none yet)."""
    if stored is None or (stored.company == mapping.company and stored.simulated == mapping.simulated):
        return
    kind = "the simulated company " if stored.simulated else "the company "
    raise Conflict(f"{home.path} holds {kind}'{stored.company}', but the mapping is of "
                   f"'{mapping.company}'{' (simulated)' if mapping.simulated else ''}. One home holds one company: "
                   "import it into a home of its own with --home OTHER_DIR.")
