"""Make the simulated company: its CRM's export in a folder, the truth about it in a folder apart, inside."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from features.errors import BadInput
from simulation.causes import effects
from simulation.export import crm_tables, write_tables
from simulation.layouts import LAYOUT_FILES, LAYOUTS, check_layout
from simulation.manifest import Manifest, manifest_of, write_manifest
from simulation.options import Options, prepare
from simulation.past import Past, simulate, stream
from simulation.settle import note_labels, settle, taken_over
from simulation.tables import Tables
from simulation.truth import TRUTH_TABLES, deal_truth, lead_truth
from simulation.value import customer_values, true_intake
from simulation.warts import apply_warts, chosen_warts, touched_rows
from simulation.writing import check_format, files_of, write_files

__all__ = ["Summary", "generate", "shown_tables"]


@dataclass(frozen=True)
class Summary:
    """What was written. counts : rows of each file. end : the last microsecond of the log's last day. manifest : what
    the company was made with."""

    counts: dict[str, int]
    export_folder: Path
    truth_folder: Path
    end: int
    manifest: Manifest


def generate(out: Path, *, seed: int = 1, size: str = "demo", options: Options | None = None,
             warts: str | None = None, layout: str = "tables", form: str = "csv") -> Summary:
    """Write the simulated company's export into `out` and the truth about it into out/truth, where no mapping looks.

    options : more than the size; `size` is then not asked. warts : see `chosen_warts`; by default those that hide
    nothing in the open variant, all in the real one. layout, form : see layouts.py and writing.py. The same seed and
    options give the same bytes. Raises BadInput for an unknown name or a folder that cannot be written to, NotFound for
    a missing settings file.
    """
    options = options or Options(size=size)
    world, chosen = prepare(options)
    check_layout(layout)
    check_format(form)
    if seed < 0:
        raise BadInput(f"The seed is a whole number from 0 on, not {seed}.")
    # Only the layout of tables comes with exchange rates.
    real = "all,currencies" if layout == "tables" else "all"
    names = chosen_warts(world, warts or ("open" if options.variant == "open" else real))
    truth_folder = out / "truth"
    try:
        truth_folder.mkdir(parents=True, exist_ok=True)  # before the work, so that a bad folder is told at once
        earlier = files_of(out, LAYOUT_FILES)
        if earlier and not any(truth_folder.iterdir()):
            truth_folder.rmdir()
            raise BadInput(f"{out} holds files that are not a simulated company's "
                           f"({', '.join(path.name for path in earlier)}), and they would be written over. Give a new "
                           f"folder with --out.")
        past = simulate(world, chosen, seed)
        tables, about_rows = shown_tables(past, seed, names)
        files = LAYOUTS[layout](tables, world)
        truth = {TRUTH_TABLES["deals"]: deal_truth(past, chosen.replicas, stream(seed, "deal truth")),
                 TRUTH_TABLES["leads"]: lead_truth(past, chosen.replicas, stream(seed, "lead truth")),
                 "causes": effects(past, stream(seed, "causes")), "customers": customer_values(past),
                 "intake": true_intake(past), **about_rows}
        write_tables(truth, truth_folder)
        manifest = manifest_of(options, names, seed, past)
        write_manifest(manifest, options, truth_folder)
        for path in earlier:
            path.unlink()
        write_files(files, out, form, world.zone)
    except OSError as error:
        raise BadInput(f"Cannot write the simulated company to {out}: {error.strerror}. "
                       f"Give a folder that can be written to with --out.") from error
    return Summary({name: len(table) for name, table in files.items()}, out, truth_folder,
                   past.clocks.last, manifest)


def shown_tables(past: Past, seed: int, warts: list[str]) -> tuple[Tables, dict[str, pd.DataFrame]]:
    """The tables that the CRM shows, with these warts, and the truth about their rows: what warts and notes did."""
    # Each step takes the tables out of `held`, so that they are let go of once it has made its own: of millions of rows
    # two sets are too many.
    clean, labels = crm_tables(past, stream(seed, "export"))
    held = [clean]
    del clean
    shown, told = apply_warts(held.pop(), warts, past.world, past.clocks, seed, list(past.owners.ids),
                              past.owners.region)
    held.append(taken_over(shown, past.clocks.first))
    del shown
    tables = settle(held.pop(), past.world)
    return tables, {"warts": touched_rows(told, tables), "notes": note_labels(labels, tables)}
