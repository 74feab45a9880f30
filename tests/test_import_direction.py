"""The house has one direction: serving, then training, then features; the simulated company stands outside."""

from __future__ import annotations

import ast
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
MAY_IMPORT = {
    "configs": set(),
    "features": {"configs"},
    "training": {"configs", "features"},
    "simulation": {"configs", "features"},
    "serving": {"configs", "features", "training"},
}
MODULES = {".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path
           for package in MAY_IMPORT for path in sorted((ROOT / package).rglob("*.py"))}


def imports_of(name: str) -> set[str]:
    """Dotted names that a module imports, wherever in the file; `from a import b` gives a.b where b is a module."""
    found = set()
    for node in ast.walk(ast.parse(MODULES[name].read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{name} imports relatively; name the package, so that the direction can be read"
            base = node.module or ""
            found |= {f"{base}.{alias.name}" if f"{base}.{alias.name}" in MODULES else base for alias in node.names}
    return found


@pytest.mark.parametrize("name", MODULES)
def test_a_module_imports_only_packages_below_its_own(name: str) -> None:
    package = name.split(".")[0]
    allowed = MAY_IMPORT[package] | {package}
    if name.startswith("serving.cli"):
        allowed = allowed | {"simulation"}
    ours = {one.split(".")[0] for one in imports_of(name)} & (MAY_IMPORT.keys() | {"tests"})
    assert ours <= allowed, f"{name} imports {sorted(ours - allowed)}, which stand above it"


def test_no_module_is_imported_by_what_it_imports() -> None:
    try:
        TopologicalSorter({name: imports_of(name) & MODULES.keys() - {name} for name in MODULES}).prepare()
    except CycleError as error:
        pytest.fail(f"imports go in a circle: {' -> '.join(reversed(error.args[1]))}")


def test_mlflow_is_imported_by_the_tracking_file_alone() -> None:
    importers = {name for name in MODULES if any(one.split(".")[0] == "mlflow" for one in imports_of(name))}
    assert importers == {"training.registry.tracking"}
