"""`dealcast serve`, and `dealcast mlflow` for MLflow's own page."""

from __future__ import annotations

from pathlib import Path

import click

from features.errors import Conflict
from serving.cli.port import HOST, port_problem

__all__ = ["check_port", "mlflow", "serve"]


def check_port(context: click.Context, _parameter: click.Parameter, port: int) -> int:
    """Refuse a port that is taken, before any work. Raises Conflict."""
    if problem := port_problem(port, f"dealcast {context.info_name}"):
        raise Conflict(problem)
    return port


port_option = click.option("--port", type=click.IntRange(1, 65535), default=3000, show_default=True,
                           callback=check_port, help="Port on 127.0.0.1.")


@click.command()
@port_option
@click.pass_obj
def serve(home_path: Path, port: int) -> None:
    """Serve the API and the managers' page.

    On 127.0.0.1 only, until stopped with Ctrl-C.
    """
    from features.home import Home
    from serving.server import serve as run

    home = Home.open(home_path)
    home.mapping  # noqa: B018  says so when nothing was imported yet
    # BentoML's own line about it is not shown.
    click.echo(f"dealcast on {home.path}: http://{HOST}:{port}  (stop with Ctrl-C)", err=True)
    run(home.path, port)


@click.command()
@click.option("--port", type=click.IntRange(1, 65535), default=5000, show_default=True, callback=check_port,
              help="Port on 127.0.0.1.")
@click.pass_obj
def mlflow(home_path: Path, port: int) -> None:
    """Open MLflow's page on the home.

    Every training with its settings, measures, figures and model; on 127.0.0.1 only, until stopped with Ctrl-C.
    """
    import os

    from features.errors import NotFound
    from features.home import Home
    from training.registry.tracking import server_command

    home = Home.open(home_path)
    if not (home.path / "mlruns" / "mlflow.db").is_file():
        raise NotFound(f"Nothing was trained in {home.path} yet. Train first: "
                       f"dealcast --home {home.path} train all --as-of DATE")
    click.echo(f"MLflow on {home.path}: http://{HOST}:{port}  (stop with Ctrl-C)", err=True)
    environment = {**os.environ, "MLFLOW_DISABLE_TELEMETRY": "true"}
    command = server_command(home, HOST, port)
    os.execve(command[0], command, environment)
