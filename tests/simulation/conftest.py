from __future__ import annotations

from datetime import date
from pathlib import Path

import pandas as pd
import pytest

from simulation.company import Summary, generate
from simulation.options import Options, prepare
from simulation.past import Past, simulate
from simulation.world import Size, World


@pytest.fixture(scope="session")
def world() -> World:
    """The settings of the open variant."""
    return prepare(Options())[0]


@pytest.fixture(scope="session")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Summary:
    """A tiny company, written once."""
    return generate(tmp_path_factory.mktemp("company"), seed=3, size="tiny")


@pytest.fixture(scope="session")
def tiny(world: World) -> Past:
    """The past of the same tiny company."""
    return simulate(world, world.size("tiny"), 3)


@pytest.fixture(scope="session")
def files(exported: Summary) -> dict[str, pd.DataFrame]:
    return {path.stem: read(path) for path in sorted(exported.export_folder.glob("*.csv"))}


@pytest.fixture(scope="session")
def large(world: World) -> Past:
    """A larger company without files, to measure shares and rates on."""
    return simulate(world, Size(leads=20_000, direct_deals=1_000, reps=40, managers=6, replicas=64), 5)


@pytest.fixture(scope="session")
def long_past(world: World) -> Past:
    """A company whose log goes on for five years, so that nearly all of its early deals have come to an end."""
    longer = world.model_copy(update={"last_day": date(2028, 9, 27)})
    return simulate(longer, Size(leads=40_000, direct_deals=3_000, reps=60, managers=6, replicas=64), 11)


def read(path: Path) -> pd.DataFrame:
    return pd.read_csv(path, dtype="str", keep_default_na=False)
