"""Make the simulated company: its CRM's export in one folder, the truth about it in another."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from features.errors import BadInput
from simulation.export import export_tables, write_tables
from simulation.past import simulate, stream
from simulation.truth import deal_truth, lead_truth, write_truth
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
        for folder in (export_folder, truth_folder):
            folder.mkdir(parents=True, exist_ok=True)
        past = simulate(world, chosen, seed)
        tables = export_tables(past, stream(seed, "export"))
        write_tables(tables, export_folder)
        truth = {"deals": deal_truth(past, chosen.replicas, stream(seed, "deal truth")),
                 "leads": lead_truth(past, chosen.replicas, stream(seed, "lead truth"))}
        write_truth(truth, truth_folder)
    except OSError as error:
        raise BadInput(f"Cannot write the simulated company to {out}: {error.strerror}. "
                       f"Give a folder that can be written to with --out.") from error
    return Summary({name: len(table) for name, table in tables.items()}, export_folder, truth_folder, past.clocks.last)
