"""Starts the service in the foreground."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Any

from features.errors import Conflict
from serving.cli.port import HOST, port_problem

__all__ = ["serve"]


def serve(home_path: Path, port: int) -> None:
    """Serve a home on 127.0.0.1 until stopped (Ctrl-C or SIGTERM). Raises Conflict when the port is taken."""
    if problem := port_problem(port, "dealcast serve"):
        raise Conflict(problem)
    os.environ["DEALCAST_HOME"] = str(home_path.resolve())
    # BentoML's worker is a process of its own: it must find our packages, and not a folder called features/ in the
    # folder from which the command was started.
    os.environ["PYTHONSAFEPATH"] = "1"
    packages = Path(__file__).resolve().parents[1]
    with tempfile.TemporaryDirectory(prefix="dealcast-") as scratch:
        # BentoML keeps files of running servers in its home, the same for all of them, and cleans up at each start.
        os.environ["BENTOML_HOME"] = scratch
        os.environ["PROMETHEUS_MULTIPROC_DIR"] = scratch
        from _bentoml_impl.server import serve_http  # type: ignore[import-untyped]

        from serving.service import Dealcast

        service: Any = Dealcast
        service.inject_config()
        serve_http("serving.service:Dealcast", working_dir=str(packages), host=HOST, port=port)
