"""`dealcast import` and `dealcast simulate`."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING

import click

from features.errors import BadInput, NotFound, nearest
from serving.cli.output import emit, json_option, progress, say, table

if TYPE_CHECKING:
    from features.mapping import Mapping

__all__ = ["import_command", "read_mapping", "simulate"]

MAPPING_OF_LAYOUT = {"tables": "simulated", "one-table": "simulated_one_table", "snapshots": "simulated_snapshots",
                     "event-log": "simulated_event_log"}


@click.command()
@click.option("--out", required=True, type=click.Path(path_type=Path), metavar="DIR",
              help="Folder for the files; created when missing.")
@click.option("--seed", type=click.IntRange(min=0), default=1, show_default=True,
              help="The same seed and options give the same company.")
@click.option("--size", default="demo", show_default=True, metavar="NAME", help="tiny, demo, company or million.")
@click.option("--variant", default="open", show_default=True, metavar="NAME",
              help="open: chances depend only on what the CRM can show. real: also on what nobody sees.")
@click.option("--years", type=float, metavar="N", help="Length of the log; three if left out.")
@click.option("--wins", type=int, metavar="N", help="New deals won a quarter, about, in place of the size's.")
@click.option("--warts", metavar="NAMES",
              help="What the CRM gets wrong: none, open (what hides nothing), all, or names with commas between. "
                   "[default: open in the open variant, all in the real one]")
@click.option("--layout", default="tables", show_default=True, metavar="NAME",
              help="tables, one-table, snapshots or event-log.")
@click.option("--format", "form", default="csv", show_default=True, metavar="NAME", help="csv, xlsx or parquet.")
@click.option("--drift/--no-drift", default=True, help="Whether the process changes half-way.", show_default=True)
@click.option("--recession/--no-recession", default=True, help="Whether there is one.", show_default=True)
@click.option("--signal/--no-signal", default=True, show_default=True,
              help="Without signal all chances are equal, and nothing can be learned.")
@click.option("--settings", type=click.Path(path_type=Path), metavar="FILE",
              help="A settings file in place of the shipped one (simulation/company.yaml).")
@json_option
def simulate(out: Path, seed: int, size: str, variant: str, years: float | None, wins: int | None, warts: str | None,
             layout: str, form: str, drift: bool, recession: bool, signal: bool, settings: Path | None,
             as_json: bool) -> None:
    """Write a simulated company's CRM export.

    The truth about it, each lead's and deal's own chances, goes into a folder apart.
    """
    from dataclasses import asdict

    from simulation.company import generate
    from simulation.manifest import line
    from simulation.options import Options

    options = Options(size, variant, years, wins, drift, recession, signal, settings)
    with progress(f"Simulating a company, size {size}"):
        done = generate(out, seed=seed, options=options, warts=warts, layout=layout, form=form)
    mapping = MAPPING_OF_LAYOUT[layout]
    if as_json:
        emit({"export": str(done.export_folder), "truth": str(done.truth_folder), "seed": seed, "size": size,
              "layout": layout, "format": form, "mapping": mapping, "rows": done.counts,
              "made_with": asdict(done.manifest)})
        return
    if layout == "snapshots":
        say(f"{len(done.counts)} monthly snapshots of {max(done.counts.values()):,} deals in the end.")
    else:
        table(["file", "rows"], [[name, f"{n:,}"] for name, n in done.counts.items()])
    say(f"{line(done.manifest)} Warts: {', '.join(done.manifest.warts) or 'none'}.\n"
        f"The export is in {done.export_folder}, the truth in {done.truth_folder}. Import it with:\n"
        f"dealcast --home ./simulated-home import {done.export_folder} --mapping {mapping}")


@click.command("import")
@click.argument("path", type=click.Path(path_type=Path))
@click.option("--mapping", "mapping_name", required=True, metavar="FILE",
              help="How the columns become the contract: a YAML file, or the name of a shipped one.")
@json_option
@click.pass_obj
def import_command(home_path: Path, path: Path, mapping_name: str, as_json: bool) -> None:
    """Import a CRM's export into the home.

    PATH is a file, or a folder with the files that the mapping names. Importing again adds what is new and changes
    nothing else.
    """
    import time

    from features.home import Home
    from features.import_report import report_lines
    from features.importing import import_files

    mapping, text = read_mapping(mapping_name)
    if not path.exists():
        raise NotFound(f"There is no file or folder {path}. Give the export's file, or the folder with its files.")
    home = Home.open(home_path, must_exist=False)
    with progress("Importing") as report:
        done = import_files(home, path, mapping, text, time.time_ns() // 1000, report)
    if as_json:
        emit(done.to_dict())
    else:
        for line in report_lines(done, shlex.quote(str(home_path))):
            say(line)


def read_mapping(name: str) -> tuple[Mapping, str]:
    """Read a mapping file, or a shipped mapping by its name, as the mapping and its text.

    Raises NotFound or BadInput.
    """
    from importlib.resources import files

    from features.mapping import parse_mapping

    shipped = {Path(one.name).stem: one for one in files("configs").joinpath("mappings").iterdir()
               if one.name.endswith(".yaml")}
    if Path(name).is_file():
        try:
            text = Path(name).read_text(encoding="utf-8")
        except UnicodeDecodeError as error:
            raise BadInput(f"{name} is not text in UTF-8, so it is not a mapping. Give the YAML file.") from error
    elif name in shipped:
        text = shipped[name].read_text(encoding="utf-8")
    else:
        raise NotFound(f"There is no mapping file {name}, nor a shipped mapping of that name "
                       f"({', '.join(sorted(shipped))}).{nearest(name, shipped)}")
    return parse_mapping(text, name), text
