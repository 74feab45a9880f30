"""Results that took long, kept by the content of the code that made them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

__all__ = ["ROOT", "cached"]

ROOT = Path(__file__).parents[2]
CODE = ("features", "training", "simulation", "configs")


def cached(name: str, compute: Callable[[], Any]) -> Any:
    """The JSON result of `compute`, from .figures/ when this code has made it before."""
    path = ROOT / ".figures" / _code_hash() / f"{name}.json"
    if not path.is_file():
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_suffix(".part")
        part.write_text(json.dumps(compute()), encoding="utf-8")
        part.rename(path)
    return json.loads(path.read_text(encoding="utf-8"))


def _code_hash() -> str:
    digest = hashlib.sha256()
    for folder in CODE:
        for path in sorted((ROOT / folder).rglob("*")):
            if path.suffix in (".py", ".yaml"):
                digest.update(str(path.relative_to(ROOT)).encode() + path.read_bytes())
    return digest.hexdigest()[:16]
