"""`dealcast map`: draft a mapping from files."""

from __future__ import annotations

import shlex
from pathlib import Path

import click

from features.errors import Conflict, NotFound
from serving.cli.output import emit, json_option, progress, say

__all__ = ["map_command"]

_ONE_FOLDER = "FOLDER"


@click.command("map")
@click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="FILE...")
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), metavar="YAML",
              help="File for the draft; it must not exist yet. Left out, the draft is printed.")
@json_option
def map_command(paths: tuple[Path, ...], out: Path | None, as_json: bool) -> None:
    """Draft a mapping from files or a folder, for a person to finish.

    Reads CSV, Excel (all sheets), Parquet and XES files. Each column gets a confidence and a reason; what is unsure
    becomes a question at the top of the draft.
    """
    from features.drafting.draft import draft_mapping
    from features.drafting.writing import draft_document, draft_text

    if out is not None and out.exists():
        raise Conflict(f"--out {out} exists, and somebody may have worked on it. Name another file, or remove it.")
    if out is not None and not out.absolute().parent.is_dir():
        raise NotFound(f"--out {out}: there is no folder {out.absolute().parent}. Create it first.")
    with progress("Looking at the files"):
        draft = draft_mapping(list(paths))
    source = _to_import(paths)
    text = draft_text(draft, source)
    if out is not None:
        out.write_text(text, encoding="utf-8")
    if as_json:
        emit(draft_document(draft, text))
        return
    if out is None:
        say(text.rstrip())
        return
    for table in draft.tables:
        became = table.rows if table.rows and not table.blocked else "left out"
        say(f"{table.look.name}: {became}")
    for one in draft.unreadable:
        say(f"not read: {one}")
    say(f"\nThe draft is in {out}. Lines with CHECK want a look.")
    if draft.questions:
        say(f"Questions to answer in it first ({len(draft.questions)}):")
        for one in draft.questions:
            say(f"  - {one}")
    if source == _ONE_FOLDER:
        say("An import reads one file or one folder: put these together first.")
    say(f"Then: dealcast --home ./mycompany import {source} --mapping {shlex.quote(str(out))}")


def _to_import(paths: tuple[Path, ...]) -> str:
    """What `dealcast import` takes, as a shell reads it: the one file or folder, or the folder of all files."""
    if len(paths) == 1:
        return shlex.quote(str(paths[0]))
    folders = {path.parent for path in paths}
    return shlex.quote(str(folders.pop())) if len(folders) == 1 and all(map(Path.is_file, paths)) else _ONE_FOLDER
