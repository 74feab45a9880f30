"""The companies that figures are made of: simulated ones and real data sets, each imported into a home of its own."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from features.history import History
from features.home import Home
from features.importing import import_files
from serving.cli.data import read_mapping
from simulation.company import Summary, generate
from simulation.options import Options

__all__ = ["imported", "simulated", "simulated_history"]


@contextmanager
def simulated(size: str, variant: str = "open", seed: int = 1,
              wins: int | None = None, years: float | None = None) -> Iterator[tuple[Summary, Path]]:
    """What was made and the home it was imported into, both gone afterwards. wins, years : see `simulation.options`."""
    with tempfile.TemporaryDirectory() as folder:
        options = Options(size=size, variant=variant, wins=wins, years=years)
        made = generate(Path(folder) / "simulated", seed=seed, options=options)
        home = Path(folder) / "home"
        mapping, text = read_mapping("simulated")
        import_files(Home.open(home, must_exist=False), made.export_folder, mapping, text, recorded_at=made.end)
        yield made, home


def simulated_history(size: str, variant: str = "open", seed: int = 1) -> History:
    with simulated(size, variant, seed) as (_, home):
        return Home.open(home).history()


def imported(files: Path, mapping: str) -> History:
    """A data set through its shipped mapping."""
    with tempfile.TemporaryDirectory() as folder:
        described, text = read_mapping(mapping)
        import_files(Home.open(Path(folder), must_exist=False), files, described, text, time.time_ns() // 1000)
        return Home.open(Path(folder)).history()
