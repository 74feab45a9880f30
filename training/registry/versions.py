"""Which models there are and which of them speaks for a date, as the home's store has it. No MLflow here.

In: a home and a model's name ('leads', 'deals'). Out: ModelVersion. `as_of` is the date up to which a version was
trained, in microseconds UTC; a score or forecast as of a date never uses a version trained on anything later.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import insert, select, update

from features.calendar import iso
from features.errors import Conflict, NotFound, nearest
from features.home import Home
from features.store import get_meta, model_versions, set_meta

__all__ = ["MODELS", "ModelVersion", "add_version", "champion", "check_files", "version_for", "versions"]

MODELS = ("leads", "deals")


@dataclass(frozen=True)
class ModelVersion:
    """One trained model. `folder` is relative to the home, so that a home can be moved."""

    model: str
    version: int
    as_of: int
    trained_at: int
    folder: str
    run_id: str
    was_champion: bool
    is_champion: bool

    @property
    def label(self) -> str:
        """How outputs name it: deals/3."""
        return f"{self.model}/{self.version}"

    def path(self, home: Home) -> Path:
        """The folder with the model's files. Raises NotFound when it is gone."""
        found = home.path / self.folder
        if not found.is_dir():
            raise NotFound(f"The files of model {self.label} are not at {found}. "
                           f"Restore that folder, or train again: dealcast --home {home.path} train {self.model} "
                           f"--as-of DATE")
        return found


def versions(home: Home, model: str) -> list[ModelVersion]:
    """All versions of a model, oldest number first. Raises NotFound for a model that does not exist."""
    if model not in MODELS:
        raise NotFound(f"'{model}' is not a model: it is one of {', '.join(MODELS)}.{nearest(model, MODELS)}")
    if not home.store.exists():
        return []
    query = select(model_versions).where(model_versions.c.model == model).order_by(model_versions.c.version)
    with home.store.read() as connection:
        return [ModelVersion(**row) for row in connection.execute(query).mappings()]


def champion(home: Home, model: str) -> ModelVersion | None:
    """The version that serves today, or None before the first training."""
    return next((one for one in versions(home, model) if one.is_champion), None)


def version_for(home: Home, model: str, as_of: int, version: int | None = None) -> ModelVersion:
    """The version that speaks for `as_of`: the champion when it was trained up to that date or earlier, else the
    newest of the versions that were; `version` overrides.

    Raises
    ------
    NotFound
        The model or the version asked for does not exist.
    Conflict
        No version was trained up to that date or earlier, or the one asked for was trained on later data.
    """
    known = versions(home, model)
    zone = home.mapping.zone
    train = f"Train one: dealcast --home {home.path} train {model} --as-of {iso(as_of, zone)[:10]}"
    if version is not None:
        found = next((one for one in known if one.version == version), None)
        if found is None:
            raise NotFound(f"There is no version {version} of the {model} model; there is "
                           f"{', '.join(str(one.version) for one in known) or 'none yet'}.")
        if found.as_of > as_of:
            raise Conflict(f"Version {version} of the {model} model was trained up to {iso(found.as_of, zone)}, "
                           f"which is after {iso(as_of, zone)}: it has seen what came later. {train}")
        return found
    fit = [one for one in known if one.as_of <= as_of]
    if not fit:
        earliest = f" The earliest was trained up to {iso(min(one.as_of for one in known), zone)}." if known else ""
        raise Conflict(f"There is no {model} model for {iso(as_of, zone)} yet.{earliest} {train}")
    return next((one for one in fit if one.is_champion), max(fit, key=lambda one: (one.as_of, one.version)))


def add_version(home: Home, model: str, version: int, as_of: int, trained_at: int, folder: str,
                run_id: str) -> ModelVersion:
    """Write a new version down. It becomes champion unless the champion was trained up to a later date."""
    with home.store.write() as connection:
        rows = connection.execute(select(model_versions.c.as_of).where(
            model_versions.c.model == model, model_versions.c.is_champion)).scalars().all()
        leads_on = all(as_of >= other for other in rows)
        if leads_on:
            connection.execute(update(model_versions).where(model_versions.c.model == model)
                               .values(is_champion=False))
        added = ModelVersion(model, version, as_of, trained_at, folder, run_id,
                             was_champion=leads_on, is_champion=leads_on)
        connection.execute(insert(model_versions).values(**vars(added)))
        set_meta(connection, _files_key(added), _files_fingerprint(home.path / folder))
    return added


def check_files(home: Home, version: ModelVersion) -> None:
    """Raise Conflict when a version's files are not those that were registered."""
    folder = version.path(home)
    with home.store.read() as connection:
        registered = get_meta(connection, _files_key(version))
    if registered != _files_fingerprint(folder):
        raise Conflict(f"The files of model {version.label} in {folder} are not those that were registered, so nothing "
                       f"is said with them. Restore that folder, or train again: dealcast --home {home.path} train "
                       f"{version.model} --as-of {iso(version.as_of, home.mapping.zone)}")


def _files_key(version: ModelVersion) -> str:
    return f"files of model {version.label}"


def _files_fingerprint(folder: Path) -> str:
    """SHA-256 over the names and contents of a folder's files."""
    digest = hashlib.sha256()
    for file in sorted(folder.rglob("*")):
        if file.is_file():
            content = file.read_bytes()
            digest.update(f"{file.relative_to(folder).as_posix()} {len(content)}\n".encode())
            digest.update(content)
    return digest.hexdigest()
