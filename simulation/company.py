"""Make the simulated company: its CRM's export in one folder, the truth about it in another."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from features.errors import BadInput
from simulation.export import export_tables, write_tables
from simulation.past import simulate, stream
from simulation.truth import TRUTH_TABLES, deal_truth, lead_truth
from simulation.world import load_world

__all__ = ["Summary", "generate"]


@dataclass(frozen=True)
class Summary:
    """What was written. counts : rows of each file. end : the last microsecond of the log's last day."""

    counts: dict[str, int]
    export_folder: Path
    truth_folder: Path
    end: int


def generate(out: Path, *, seed: int = 1, size: str = "demo") -> Summary:
    """Write the simulated company into out/export and its truth into out/truth.

    The same seed and size give the same bytes. Raises BadInput for an unknown size or a folder that cannot be
    written to.
    """
    world = load_world()
    chosen = world.size(size)
    if seed < 0:
        raise BadInput(f"The seed is a whole number from 0 on, not {seed}.")
    export_folder, truth_folder = out / "export", out / "truth"
    try:
        truth_folder.mkdir(parents=True, exist_ok=True)  # before the work, so that a bad folder is told at once
        if export_folder.is_dir() and any(export_folder.iterdir()) and not any(truth_folder.iterdir()):
            truth_folder.rmdir()
            raise BadInput(f"{export_folder} holds files that are not a simulated company's, and they would be written "
                           f"over. Give a new folder with --out.")
        past = simulate(world, chosen, seed)
        tables = export_tables(past, stream(seed, "export"))
        truth = {TRUTH_TABLES["deals"]: deal_truth(past, chosen.replicas, stream(seed, "deal truth")),
                 TRUTH_TABLES["leads"]: lead_truth(past, chosen.replicas, stream(seed, "lead truth"))}
        write_tables(truth, truth_folder)
        write_tables(tables, export_folder)
    except OSError as error:
        raise BadInput(f"Cannot write the simulated company to {out}: {error.strerror}. "
                       f"Give a folder that can be written to with --out.") from error
    return Summary({name: len(table) for name, table in tables.items()}, export_folder, truth_folder, past.clocks.last)
