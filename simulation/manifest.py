"""What a simulated company was made with: written beside its truth, so that it can be made again and asked more."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from features.errors import BadInput, NotFound
from simulation.options import Options, prepare, settings_hash
from simulation.past import Past, simulate
from simulation.world import settings_text

__all__ = ["VERSION", "Manifest", "line", "manifest_of", "read_manifest", "remake", "write_manifest"]

VERSION = 2  # of the generator: raised whenever the same seed and options give another company
FILE, SETTINGS = "manifest.json", "settings.yaml"


@dataclass(frozen=True)
class Manifest:
    """version : of the generator. settings : the settings file's hash, see options.settings_hash. options : without the
    path of the settings file. warts : names. first_day, last_day : of the log."""

    version: int
    settings: str
    seed: int
    options: dict[str, Any]
    warts: list[str]
    first_day: str
    last_day: str


def manifest_of(options: Options, warts: list[str], seed: int, past: Past) -> Manifest:
    chosen = {name: value for name, value in asdict(options).items() if name != "settings"}
    return Manifest(VERSION, settings_hash(options.settings), seed, chosen, warts, past.world.first_day.isoformat(),
                    past.world.last_day.isoformat())


def line(manifest: Manifest) -> str:
    """What stands in every report: settings, seed and options."""
    defaults = asdict(Options())
    chosen = ", ".join(f"{name} {value}" for name, value in manifest.options.items()
                       if name in ("size", "variant") or value != defaults[name])
    return (f"Simulated company: generator {manifest.version}, settings {manifest.settings}, seed {manifest.seed}, "
            f"{chosen}.")


def write_manifest(manifest: Manifest, options: Options, truth_folder: Path) -> None:
    """Write the manifest and a copy of the settings file into the truth's folder. Raises OSError."""
    (truth_folder / FILE).write_text(json.dumps(asdict(manifest), indent=2) + "\n", encoding="utf-8")
    (truth_folder / SETTINGS).write_text(settings_text(options.settings), encoding="utf-8")


def read_manifest(truth_folder: Path) -> Manifest:
    """Raises NotFound when the folder is not a truth's, BadInput when another generator made it."""
    path = truth_folder / FILE
    if not path.is_file():
        raise NotFound(f"{truth_folder} holds no truth of a simulated company: {FILE} is missing. Give the folder "
                       f"'truth' inside the one that 'dealcast simulate --out DIR' wrote.")
    manifest = Manifest(**json.loads(path.read_text(encoding="utf-8")))
    if manifest.version != VERSION:
        raise BadInput(f"{path} is of version {manifest.version} of the simulated company, and this is {VERSION}. "
                       f"Make the company again with 'dealcast simulate'.")
    return manifest


def remake(truth_folder: Path) -> tuple[Manifest, Options, Past]:
    """The company of a truth's folder, drawn again. Raises NotFound and BadInput as read_manifest does, and BadInput
    when the settings beside it were changed."""
    manifest = read_manifest(truth_folder)
    options = Options(**manifest.options, settings=truth_folder / SETTINGS)
    if not (truth_folder / SETTINGS).is_file() or settings_hash(options.settings) != manifest.settings:
        raise BadInput(f"{truth_folder / SETTINGS} is not the settings file that this company was made with "
                       f"({manifest.settings}). Make the company again with 'dealcast simulate'.")
    world, size = prepare(options)
    return manifest, options, simulate(world, size, manifest.seed)
