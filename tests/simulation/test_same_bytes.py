"""The same seed gives the same bytes on any machine: what a processor rounds differently must not flip a draw."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path

MAKE = """
import sys
from pathlib import Path
from simulation.company import generate
from simulation.options import Options
generate(Path(sys.argv[1]), seed=6, options=Options(size="tiny", variant="real", years=1))
"""


def dispatched() -> list[str]:
    """What numpy uses of this processor beyond what it was built for."""
    from numpy._core._multiarray_umath import __cpu_dispatch__, __cpu_features__

    return [name for name in __cpu_dispatch__ if __cpu_features__.get(name)]


def digests(folder: Path) -> dict[str, str]:
    return {path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
            for path in sorted(folder.rglob("*")) if path.is_file()}


def make(folder: Path, features_off: list[str]) -> dict[str, str]:
    env = os.environ | {"NPY_DISABLE_CPU_FEATURES": " ".join(features_off), "PYTHONPATH": os.pathsep.join(sys.path)}
    subprocess.run([sys.executable, "-c", MAKE, str(folder)], env=env, check=True, cwd=folder.parent)
    return digests(folder)


def test_a_processor_without_the_newer_instructions_gives_the_same_bytes(tmp_path: Path) -> None:
    features = dispatched()
    if sys.platform == "linux" and os.uname().machine == "x86_64":
        assert features, "numpy dispatches to nothing here, so this test would compare a company with itself"
    assert make(tmp_path / "without", features) == make(tmp_path / "with", [])
