"""`dealcast rejects`: rows that could not be read, and another try after a fix."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING

import click

from serving.cli.output import check_out_file, emit, json_option, progress, say, table, write_frame

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["rejects"]


@click.group(invoke_without_command=True)
@click.option("--out", type=click.Path(path_type=Path), metavar="FILE",
              callback=lambda context, parameter, path: check_out_file(context, parameter, path) if path else None,
              help="Write them, each with its row's cells, to CSV or Parquet.")
@json_option
@click.pass_context
def rejects(context: click.Context, out: Path | None, as_json: bool) -> None:
    """Show the rows that could not be read, and try them again.

    They are kept until they are settled: by `rejects retry` after the mapping was mended, or by importing the mended
    file.
    """
    if context.invoked_subcommand is not None:
        return
    from features.home import Home
    from features.rejects import open_rejects, summary

    home = Home.open(context.obj)
    with home.store.read() as connection:
        rows = open_rejects(connection)
    if out is not None:
        write_frame(_with_cells(rows), out)
    if as_json:
        emit({"open": len(rows), "groups": summary(rows), "file": None if out is None else str(out)})
        return
    if not len(rows):
        say("No row is waiting: everything that was imported could be read.")
        return
    table(["file", "column", "rows", "reason", "lines", "such as"],
          [[str(one["file"]), str(one["column"] or "-"), f"{one['count']:,}", str(one["reason"]),
            ", ".join(str(line) for line in one["lines"]), ", ".join(f"'{value}'" for value in one["values"])]
           for one in summary(rows)])
    where = f"They are in {out}." if out is not None else "All of them: --out FILE.csv."
    say(f"{'1 row waits' if len(rows) == 1 else f'{len(rows):,} rows wait'}. {where}")
    say(f"Mend the mapping and run: dealcast --home {shlex.quote(str(context.obj))} rejects retry --mapping FILE. "
        "Or mend the file and import it again.")


def _with_cells(rows: pd.DataFrame) -> pd.DataFrame:
    """What is known of each reject, and then its row's own cells, a column each."""
    import json

    import pandas as pd

    about = rows[["file", "line", "column", "value", "reason", "source"]].reset_index(drop=True)
    cells = pd.DataFrame([json.loads(one) if isinstance(one, str) else {} for one in rows["cells"]],
                         index=about.index, dtype=object)
    return pd.concat([about, cells.rename(columns=lambda name: f"cell {name}")], axis=1).astype("str")


@rejects.command()
@click.option("--mapping", "mapping_name", metavar="FILE", help="A mended mapping; else the home's own.")
@json_option
@click.pass_obj
def retry(home_path: Path, mapping_name: str | None, as_json: bool) -> None:
    """Try them again, with a mended mapping."""
    import time

    from features.home import Home
    from features.importing import retry_rejects
    from features.rejects import open_rejects
    from serving.cli.data import read_mapping

    home = Home.open(home_path)
    mapping, text = (None, "") if mapping_name is None else read_mapping(mapping_name)
    with progress("Trying again"):
        done = retry_rejects(home, mapping, text, time.time_ns() // 1000)
        with home.store.read() as connection:
            left = open_rejects(connection)
    tried, still = done.total("read"), done.total("rejected")
    if as_json:
        emit({"tried": tried, "stored": done.total("stored"), "already_known": done.total("already_known"),
              "rejected": still, "open": len(left), "rejects": done.rejects})
        return
    say(f"{tried:,} rows tried: {done.total('stored'):,} stored, {done.total('already_known'):,} already known, "
        f"{still:,} still cannot be read. {len(left):,} wait.")
    unsplit = int(left["cells"].isna().sum())
    if unsplit:
        say(f"{unsplit:,} of them could not be split into cells: mend those lines in the file and import it again.")
