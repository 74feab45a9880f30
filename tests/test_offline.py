"""No outside contact: the demo, a training, the server and its pages with every look outside refused and listed."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

from tests.running import DEALCAST, ROOT, environment, free_port, get, light, run, running


@pytest.fixture
def watched(tmp_path: Path) -> tuple[dict[str, str], Path]:
    """An environment in which looks outside are refused, and the list of those that were tried."""
    log = tmp_path / "outside.log"
    log.touch()
    return environment(PYTHONPATH=f"{ROOT / 'tests' / 'outside'}:{ROOT}", OUTSIDE_LOG=str(log)), log


def test_the_watch_sees_and_refuses_a_look_outside(tmp_path: Path, watched: tuple[dict[str, str], Path]) -> None:
    env, log = watched
    done = run("-c", "import socket; socket.getaddrinfo('example.com', 80)", cwd=tmp_path, env=env,
               command=(sys.executable,))
    assert "refused in this test" in done.stderr
    assert log.read_text().startswith("socket.getaddrinfo example.com")


def test_demo_and_training_ask_nothing_outside(tmp_path: Path, watched: tuple[dict[str, str], Path]) -> None:
    env, log = watched
    light(tmp_path / "home")
    done = run("--home", "home", "demo", "--no-serve", "--size", "tiny", cwd=tmp_path, env=env)
    assert done.returncode == 0, done.stderr
    done = run("--home", "home", "train", "deals", "--as-of", "2026-07-01", cwd=tmp_path, env=env)
    assert done.returncode == 0, done.stderr
    assert log.read_text() == ""


@pytest.mark.parametrize("started_by", ["dealcast", "bentoml"])
def test_server_and_its_pages_ask_nothing_outside(
        started_by: str, tmp_path: Path, watched: tuple[dict[str, str], Path], trained_home: Path) -> None:
    env, log = watched
    port = free_port()
    address = f"http://127.0.0.1:{port}"
    if started_by == "dealcast":
        command, arguments = DEALCAST, ["--home", str(trained_home), "serve", "--port", str(port)]
    else:
        env = {**env, "DEALCAST_HOME": str(trained_home), "BENTOML_HOME": str(tmp_path)}
        command = (sys.executable, "-P", "-m", "bentoml")
        arguments = ["serve", "serving.service:Dealcast", "--port", str(port), "--working-dir", str(ROOT)]
    with running(*arguments, ready=f"{address}/readyz", cwd=tmp_path, env=env, command=command):
        for page in ("/", "/docs"):
            status, _, body = get(address + page)
            assert status == 200, body
            for link in re.findall(r"""(?:src|href)=["']([^"'#]+)["']""", body.decode()):
                assert link.startswith("/"), f"{page} loads {link}"
                if link.startswith(("/static/", "/docs-assets/")):
                    assert get(address + link)[0] == 200, link
        assert get(f"{address}/openapi.json")[0] == 200
    assert log.read_text() == ""
