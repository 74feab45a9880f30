"""What commands say. Answers go to stdout (with --json: one JSON document), progress and messages to stderr."""

from __future__ import annotations

import json
import os
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from features.errors import BadInput, NotFound

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Progress", "check_out_file", "check_page", "emit", "json_option", "progress", "say", "table", "write_frame"]

Progress = Callable[[str], None]

json_option = click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout, for other tools.")


def emit(document: dict[str, Any]) -> None:
    """Print the command's one JSON document. Raises ValueError for NaN, which is not JSON."""
    click.echo(json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False))


def say(text: str = "") -> None:
    """A line for people, on stdout."""
    click.echo(text)


def table(head: Sequence[str], rows: Sequence[Sequence[str]], title: str | None = None) -> None:
    """A table for people, on stdout; every column but the first is right-aligned."""
    from rich import box
    from rich.console import Console
    from rich.table import Table

    shown = Table(title=title, box=box.SIMPLE_HEAD, title_justify="left", title_style="bold")
    for i, name in enumerate(head):
        shown.add_column(name, justify="right" if i else "left", overflow="fold")
    for row in rows:
        shown.add_row(*row)
    # Into a file or a pipe a table is as wide as it needs to be.
    console = Console(highlight=False, markup=False, width=None if sys.stdout.isatty() else 200)
    console.print(shown)


@contextmanager
def progress(title: str, logged: bool = False) -> Iterator[Progress]:
    """Show on stderr what is being done, and for how long; gone when it is done.

    logged : what takes hours also says so where stderr is no terminal, in a line each time.
    Yields a function that takes what is being done now.
    """
    from rich.console import Console
    from rich.progress import Progress as Bar
    from rich.progress import SpinnerColumn, TextColumn, TimeElapsedColumn

    console = Console(stderr=True)
    with Bar(SpinnerColumn(), TextColumn("{task.description}", markup=False), TimeElapsedColumn(), console=console,
             transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task(title)

        def tell(text: str) -> None:
            bar.update(task, description=f"{title}: {text}")
            if logged and not console.is_terminal:
                click.echo(f"{title}: {text}", err=True)

        yield tell


def check_out_file(_context: click.Context, _parameter: click.Parameter, path: Path | None) -> Path | None:
    """Refuse, before any work, a file that `write_frame` could not write."""
    if path is None:
        return None
    if path.suffix.lower() not in (".csv", ".parquet"):
        raise BadInput(f"--out {path}: what it is follows from its ending, which must be .csv or .parquet.")
    return _writable(path)


def check_page(_context: click.Context, _parameter: click.Parameter, path: Path | None) -> Path | None:
    """Refuse, before any work, a web page that could not be written."""
    if path is None:
        return None
    if path.suffix.lower() not in (".html", ".htm"):
        raise BadInput(f"--out {path}: the report is a web page, so its name must end in .html.")
    return _writable(path)


def _writable(path: Path) -> Path:
    folder = path.absolute().parent
    if path.is_dir():
        raise BadInput(f"--out {path} is a folder. Name a file in it.")
    if not folder.is_dir():
        raise NotFound(f"--out {path}: there is no folder {folder}. Create it first.")
    try:
        tempfile.TemporaryFile(dir=folder).close()
    except OSError as error:
        raise BadInput(f"--out {path}: nothing can be written into {folder} ({error.strerror}). Name a file "
                       "elsewhere.") from error
    return path


def write_frame(frame: pd.DataFrame, path: Path) -> None:
    """Write a table as CSV or Parquet by the file's ending; the file is there whole or not at all."""
    handle, name = tempfile.mkstemp(dir=path.absolute().parent, prefix=f".{path.name}.", suffix=path.suffix)
    os.close(handle)
    unfinished = Path(name)
    try:
        if path.suffix.lower() == ".csv":
            frame.to_csv(unfinished, index=False)
        else:
            frame.to_parquet(unfinished, index=False)
        unfinished.chmod(0o666 & ~_umask())
        os.replace(unfinished, path)
    finally:
        unfinished.unlink(missing_ok=True)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
