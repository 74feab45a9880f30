"""Starting the `dealcast` command as a person would: in a process of its own, which the tests always stop."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from features.settings import Settings, load_settings

ROOT = Path(__file__).parent.parent
LIGHT = "training: {seeds: 1, origins: 1, half_lives_in_cycles: [0], lightgbm: {num_rounds: 10, num_threads: 1}}\n"
DEALCAST = (sys.executable, "-P", "-m", "serving.cli")


def environment(**more: str) -> dict[str, str]:
    """The environment of a new user who has the packages of this checkout and set no variable that changes what
    they do; without a hint of a test or of CI either, because MLflow reports nothing there anyway."""
    ours = ("DEALCAST", "PYTHON", "PYTEST", "BENTOML", "MLFLOW", "OMP_NUM_THREADS")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(ours) and name != "CI"}
    return {**kept, "PYTHONPATH": str(ROOT), **more}


def run(*arguments: str | Path, cwd: Path, env: Mapping[str, str] | None = None,
        command: tuple[str, ...] = DEALCAST, timeout: int = 300) -> subprocess.CompletedProcess[str]:
    """Run dealcast to its end."""
    return subprocess.run([*command, *map(str, arguments)], cwd=cwd, env=env or environment(), capture_output=True,
                          text=True, timeout=timeout, check=False)


def light(home: Path) -> Path:
    """Let a home's trainings have little of each part: enough to see that everything runs. Gives the home."""
    home.mkdir(exist_ok=True)
    (home / "dealcast.yaml").write_text(LIGHT, encoding="utf-8")
    return home


def light_settings() -> Settings:
    """The same, as settings."""
    with tempfile.TemporaryDirectory() as folder:
        return load_settings(light(Path(folder)))


def judged_settings() -> Settings:
    """One seed, few rounds and one thread, but every earlier origin: enough to judge a training."""
    settings = load_settings()
    lightgbm = settings.training.lightgbm.model_copy(update={"num_rounds": 20, "num_threads": 1})
    return settings.model_copy(update={"training": settings.training.model_copy(
        update={"seeds": 1, "lightgbm": lightgbm})})


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def get(url: str, timeout: float = 60) -> tuple[int, str, bytes]:
    """Status, content type and body of a GET."""
    try:
        with urllib.request.urlopen(url, timeout=timeout) as answer:
            return answer.status, answer.headers.get("content-type", ""), answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.headers.get("content-type", ""), error.read()


@dataclass(frozen=True)
class Log:
    """What a server has printed so far."""

    path: Path

    def wait_for(self, text: str, patience_seconds: int = 30) -> str:
        """Everything printed, once `text` is in it."""
        give_up = time.monotonic() + patience_seconds
        while text not in (said := self.path.read_text()):
            if time.monotonic() > give_up:
                raise AssertionError(f"'{text}' was not printed:\n{said[-4000:]}")
            time.sleep(0.1)
        return said


@contextmanager
def running(*arguments: str | Path, ready: str, cwd: Path, env: Mapping[str, str] | None = None,
            command: tuple[str, ...] = DEALCAST, patience_seconds: int = 120) -> Iterator[Log]:
    """A server started by a command, from its first answer at the address `ready` until the block ends."""
    log = Log(cwd / f"server-{time.monotonic_ns()}.log")
    with log.path.open("w") as out:
        # In a session of its own, so that its workers can be stopped with it.
        server = subprocess.Popen([*command, *map(str, arguments)], cwd=cwd, env=env or environment(), stdout=out,
                                  stderr=subprocess.STDOUT, start_new_session=True)
    try:
        give_up = time.monotonic() + patience_seconds
        while True:
            try:
                if get(ready, timeout=5)[0] == 200:
                    break
            except OSError:
                pass
            if server.poll() is not None or time.monotonic() > give_up:
                raise AssertionError(f"no answer at {ready}; the server said:\n{log.path.read_text()[-4000:]}")
            time.sleep(0.2)
        yield log
    finally:
        os.killpg(server.pid, signal.SIGTERM)
        try:
            server.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(server.pid, signal.SIGKILL)
            server.wait(20)
