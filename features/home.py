"""A home: one company in one folder. It holds the database, the models, MLflow's runs and the settings' overrides.

A home can be moved or copied: nothing in it depends on its absolute path or on the folder a command is started
from. Its first import names the company; only that company's data goes in afterwards.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from sqlalchemy import URL, Connection, case, func, select

from features.calendar import end_of_day, local_date
from features.errors import BadInput, Conflict, NotFound
from features.history import OWN_TIME, History
from features.mapping import Mapping, parse_mapping
from features.parts import merged
from features.rule_book import RULES_FILE, Rules, load_rules
from features.settings import Settings, load_settings
from features.store import Store, contract, load_history, meta, open_store, set_meta

__all__ = ["DATABASE_FILE", "STORE_VARIABLE", "Home", "claim_company", "stored_mapping", "with_part"]

DATABASE_FILE = "dealcast.db"
_MAPPING = "mapping"  # the key of what is remembered, with ":" and the part's name
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
        """The mapping that imports stored, all parts as one: the company's stages, outcomes, currency and time zone."""
        found = None
        if self.store.exists():
            with self.store.read() as connection:
                found = stored_mapping(connection)
        if found is None:
            raise NotFound(f"Nothing was imported into {self.path} yet. {_how_to_begin(self.path)}")
        return found

    @cached_property
    def rules(self) -> Rules | None:
        """The rules for points in this home's rules.yaml, None where it has none. Raises BadInput."""
        file = self.path / RULES_FILE
        return load_rules(file, self.mapping) if file.is_file() else None

    def history(self, as_of: int | None = None, recorded_by: int | None = None) -> History:
        """Everything known, or what was known at `as_of` and had been recorded by `recorded_by` (microseconds)."""
        rules = self.rules  # asked first: a slip in them is told before anything is read
        return replace(load_history(self.store, self.mapping, as_of, recorded_by), rules=rules)

    def log_end(self) -> int:
        """The end of the last day that the log holds, in microseconds: "today" of a finished log, such as a simulated
        company's, so that a quarter which ends on that day is over."""
        return end_of_day(local_date(self.last_known(), self.mapping.zone), self.mapping.zone)

    def last_known(self) -> int:
        """The newest moment from which a row about the company counts, in microseconds; a rate and a quota are none."""
        newest = []
        with self.store.read() as connection:
            for name in contract.keys() - {"rates", "quotas"}:
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
    """The mapping that a store remembers, all parts together, if any."""
    parts = _stored_parts(connection)
    return merged(parts) if parts else None


def _stored_parts(connection: Connection) -> dict[str, Mapping]:
    texts = connection.execute(select(meta.c.key, meta.c.value).where(
        (meta.c.key == _MAPPING) | meta.c.key.startswith(f"{_MAPPING}:"))).all()
    # A home of an earlier version has one mapping, without a part's name.
    parts = {key.removeprefix(_MAPPING).removeprefix(":") or "main": text for key, text in texts}
    return {part: parse_mapping(text, "the mapping stored in the home") for part, text in parts.items()}


def with_part(home: Home, connection: Connection, mapping: Mapping) -> Mapping:
    """All parts of the home together, `mapping` among them: it is added, or replaces the part of its name.

    Raises Conflict for another company's mapping, for real data into a simulated company's home or the reverse, and for
    parts that do not agree.
    """
    parts = _stored_parts(connection)
    if parts:
        _check_company(home, next(iter(parts.values())), mapping)
    return merged({**parts, mapping.part: mapping})


def claim_company(home: Home, connection: Connection, mapping: Mapping, mapping_text: str) -> Mapping:
    """Make the home the mapping's company's, in an import's transaction. Returns and raises as `with_part`."""
    together = with_part(home, connection, mapping)
    if _stored_parts(connection).get(mapping.part) != mapping:
        if mapping.part == "main":  # what an earlier version stored is this part too
            connection.execute(meta.delete().where(meta.c.key == _MAPPING))
        set_meta(connection, f"{_MAPPING}:{mapping.part}", mapping_text)
    return together


def _check_company(home: Home, stored: Mapping, mapping: Mapping) -> None:
    if (stored.company == mapping.company and stored.simulated == mapping.simulated):
        return
    kind = "the simulated company " if stored.simulated else "the company "
    raise Conflict(f"{home.path} holds {kind}'{stored.company}', but the mapping is of "
                   f"'{mapping.company}'{' (simulated)' if mapping.simulated else ''}. One home holds one company: "
                   "import it into a home of its own with --home OTHER_DIR.")
