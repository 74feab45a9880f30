"""The wheel: every package and file is in it, and it works where a foreign `features` lies in the current folder."""

from __future__ import annotations

import shutil
import subprocess
import sys
import sysconfig
import tomllib
import zipfile
from pathlib import Path

import pytest

from tests.running import ROOT, environment, free_port, get, light, run, running

PACKAGES = ("configs", "features", "serving", "simulation", "training")
AS_OF = "2026-07-01"
MADE = shutil.ignore_patterns("__pycache__", "*.egg-info", "*.pyc")


def test_every_package_folder_is_named_in_pyproject() -> None:
    named = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["packages"]
    folders = {".".join(path.parent.relative_to(ROOT).parts) for name in PACKAGES
               for path in (ROOT / name).rglob("__init__.py")}
    assert set(named) == folders


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built from a copy, so that nothing is left in the checkout."""
    source = tmp_path_factory.mktemp("source")
    for name in PACKAGES:
        shutil.copytree(ROOT / name, source / name, ignore=MADE)
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    out = tmp_path_factory.mktemp("wheel")
    subprocess.run([sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "--no-index",
                    "--wheel-dir", str(out), str(source)], check=True)
    (found,) = out.glob("dealcast-*.whl")
    return found


def test_wheel_holds_every_file_of_the_packages(wheel: Path) -> None:
    inside = set(zipfile.ZipFile(wheel).namelist())
    ours = {path.relative_to(ROOT).as_posix() for name in PACKAGES for path in (ROOT / name).rglob("*")
            if path.is_file() and "__pycache__" not in path.parts}
    assert ours <= inside, f"not in the wheel: {sorted(ours - inside)}"


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, ...]:
    """The `dealcast` of a new environment with the wheel; what it depends on is lent by the present one."""
    place = tmp_path_factory.mktemp("environment")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(place)], check=True)
    python = place / "bin" / "python"
    subprocess.run([sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet", "--no-deps",
                    "--no-index", str(wheel)], check=True)
    site = next((place / "lib").glob("python*")) / "site-packages"
    # A path in a .pth is appended, and the .pth files in it are not read: an editable dealcast there stays unseen.
    (site / "lent.pth").write_text(sysconfig.get_paths()["purelib"] + "\n")
    return (str(place / "bin" / "dealcast"),)


def test_wheel_imports_trains_scores_and_serves_beside_a_foreign_features_package(
        installed: tuple[str, ...], tmp_path: Path) -> None:
    (tmp_path / "features").mkdir()
    (tmp_path / "features" / "__init__.py").write_text("raise RuntimeError('this is not the features you want')\n")
    env = {name: value for name, value in environment().items() if name != "PYTHONPATH"}

    def dealcast(*arguments: str) -> str:
        done = run("--home", "home", *arguments, cwd=tmp_path, env=env, command=installed)
        assert done.returncode == 0, done.stderr
        return done.stdout

    light(tmp_path / "home")
    dealcast("simulate", "--out", "company", "--size", "tiny")
    dealcast("import", "company", "--mapping", "simulated")
    dealcast("train", "all", "--as-of", AS_OF)
    dealcast("score", "deals", "--as-of", AS_OF, "--within", "28d", "--out", "deals.csv")
    assert (tmp_path / "deals.csv").read_text().startswith("deal_id,kind,stage,")
    port = free_port()
    with running("--home", "home", "serve", "--port", str(port), ready=f"http://127.0.0.1:{port}/", cwd=tmp_path,
                 env=env, command=installed):
        assert get(f"http://127.0.0.1:{port}/openapi.json")[0] == 200
