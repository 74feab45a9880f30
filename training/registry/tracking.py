"""The record of every training in MLflow, and the move of a model's files into the home.

The only file that imports MLflow. Runs, registered models and aliases are in `<home>/mlruns/mlflow.db`; figures,
model cards and the model for `mlflow.pyfunc` in `<home>/mlruns/artifacts/<model>/<run>/artifacts/`. Their address in
the database is `mlflow-artifacts:/<model>/<run>/artifacts`, which names no folder of this machine: MLflow's server,
started on a home (`dealcast mlflow`), finds them wherever the home lies. What serves is a copy in
`<home>/models/<model>/<version>/`, which holds the model's own files only: no run, no time, no path.
"""

from __future__ import annotations

import logging
import math
import os
import subprocess
import sys
import warnings
from collections.abc import Iterable, Iterator, Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import URL

from features.calendar import iso
from features.home import Home
from training.evidence.report import report_html
from training.registry.card import model_card
from training.registry.versions import ModelVersion, add_version, versions

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from mlflow import MlflowClient

    from training.tuning import Trial

__all__ = ["code_version", "log_backtest", "register", "server_command"]

REQUIREMENTS = ("lightgbm", "numpy", "pandas", "scikit-learn", "scipy")


def register(home: Home, name: str, as_of: int, folder: Path, params: Mapping[str, Any],
             metrics: Mapping[str, float], evaluation: Mapping[str, Any], figures: Mapping[str, Figure],
             trained_at: int, trials: Iterable[Trial] = ()) -> ModelVersion:
    """Log a training, register its model and move the model's files into the home.

    Parameters
    ----------
    home : Home
    name : str
        'leads' or 'deals': the registered model, its experiment and its folder.
    as_of : int
        Date up to which it was trained, microseconds UTC.
    folder : Path
        The model's files, in a folder on the home's own disk; moved, not copied.
    params, metrics : mapping
        What was chosen, nested or not; the medians over the origins.
    evaluation : mapping
        What is kept with the model; its `origins`: per earlier date at which it was judged, `origin` (microseconds) and
        its metrics.
    figures : mapping of str to Figure
    trained_at : int
        Now, in microseconds UTC.
    trials : iterable of Trial
        What was tried before; each becomes a child run.

    Returns
    -------
    ModelVersion
        It is champion unless the champion was trained up to a later date.
    """
    client = _client(home)
    experiment_id = _experiment(client, name)
    run = client.create_run(experiment_id, start_time=trained_at // 1000, run_name=_day(home, as_of)).info.run_id
    try:
        card = model_card(name, iso(as_of, home.mapping.zone), home.mapping, params, metrics,
                          evaluation["verdict"]["sentence"])
        _log(client, run, home, params, metrics, evaluation["origins"], card)
        _log_trials(client, run, home, trials)
        texts = {"model_card.md": card,
                 "report.html": report_html(home.mapping, evaluation)}
        _write_artifacts(home.path / "mlruns" / "artifacts" / name / run / "artifacts", name, folder, figures, texts)
        number = _new_number(client, home, name, run, card)
        place = Path("models", name, str(number))
        (home.path / place).parent.mkdir(parents=True, exist_ok=True)
        os.replace(folder, home.path / place)
        added = add_version(home, name, number, as_of, trained_at, place.as_posix(), run)
        client.set_registered_model_alias(name, "champion" if added.is_champion else "challenger", str(number))
    except BaseException:
        client.set_terminated(run, "FAILED")
        raise
    client.set_terminated(run, "FINISHED")
    return added


def log_backtest(home: Home, key: str, params: Mapping[str, Any], metrics: Mapping[str, float],
                 origins: Iterable[Mapping[str, Any]], figures: Mapping[str, Figure], texts: Mapping[str, str],
                 started_at: int) -> str:
    """Log a backtest as a run of the experiment "backtest" and return the run's id; one that was logged before under
    the same `key` is not logged again.

    origins : figures by origin, which become steps. texts : files of the run by name. started_at : microseconds UTC.
    """
    client = _client(home)
    experiment_id = _experiment(client, "backtest")
    before = client.search_runs([experiment_id], f"tags.key = '{key}' and attributes.status = 'FINISHED'")
    if before:
        return str(before[0].info.run_id)
    run = str(client.create_run(experiment_id, start_time=started_at // 1000, run_name=_day(home, started_at),
                                tags={"key": key}).info.run_id)
    try:
        _log(client, run, home, params, metrics, origins, texts["summary.md"])
        _write_texts(home.path / "mlruns" / "artifacts" / "backtest" / run / "artifacts", figures, texts)
    except BaseException:
        client.set_terminated(run, "FAILED")
        raise
    client.set_terminated(run, "FINISHED")
    return run


def _experiment(client: MlflowClient, name: str) -> str:
    # An address without a folder of this machine in it, so that the home can be moved; and a kind, because MLflow
    # otherwise shows what belongs to language models.
    found = client.get_experiment_by_name(name)
    return str(found.experiment_id if found else client.create_experiment(
        name, artifact_location=f"mlflow-artifacts:/{name}",
        tags={"mlflow.experimentKind": "custom_model_development"}))


def _client(home: Home) -> MlflowClient:
    # Read when MLflow is imported: nothing is reported to anybody.
    os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
    from mlflow import MlflowClient

    logging.getLogger("mlflow").setLevel(logging.ERROR)
    logging.getLogger("alembic").setLevel(logging.ERROR)
    (home.path / "mlruns").mkdir(exist_ok=True)
    return MlflowClient(tracking_uri=_database(home), registry_uri=_database(home))


def _database(home: Home) -> str:
    return str(URL.create("sqlite", database=str(home.path.resolve() / "mlruns" / "mlflow.db")))


def _log(client: MlflowClient, run: str, home: Home, params: Mapping[str, Any], metrics: Mapping[str, float],
         origins: Iterable[Mapping[str, Any]], card: str) -> None:
    from mlflow.entities import Metric, Param, RunTag

    started = client.get_run(run).info.start_time
    logged = [Metric(key, value, started, 0) for key, value in metrics.items() if math.isfinite(value)]
    for one in origins:
        at = int(one["origin"])
        step = int(_day(home, at).replace("-", ""))
        logged += [Metric(f"by_origin/{key}", float(value), at // 1000, step) for key, value in one.items()
                   if key != "origin" and isinstance(value, int | float) and math.isfinite(value)]
    client.log_batch(run, metrics=logged, params=[Param(key, value) for key, value in _flat(params)],
                     tags=[RunTag("mlflow.note.content", card), RunTag("code_version", code_version())])


def _log_trials(client: MlflowClient, run: str, home: Home, trials: Iterable[Trial]) -> None:
    from mlflow.entities import Metric, Param

    parent = client.get_run(run).info
    for trial in trials:
        day = _day(home, trial.origin)
        child = client.create_run(parent.experiment_id, start_time=parent.start_time,
                                  run_name=f"{day} trial {trial.number + 1}",
                                  tags={"mlflow.parentRunId": run}).info.run_id
        client.log_batch(child, metrics=[Metric("log_loss", trial.log_loss, parent.start_time, 0)],
                         params=[Param("origin", day), *(Param(key, value) for key, value in _flat(trial.tried))])
        client.set_terminated(child, "FINISHED")


def _flat(params: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, str]]:
    for key, value in params.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{above}{key}.")
        else:
            yield f"{above}{key}", str(value)[:6000]  # the longest that MLflow takes


def _write_artifacts(place: Path, name: str, folder: Path, figures: Mapping[str, Figure],
                     texts: Mapping[str, str]) -> None:
    _write_texts(place, figures, texts)
    with warnings.catch_warnings():
        # It warns of its own type hints, and that no example was given, which would be rows of the company's own.
        warnings.simplefilter("ignore", UserWarning)
        _save_pyfunc(place / "model", name, folder)


def _write_texts(place: Path, figures: Mapping[str, Figure], texts: Mapping[str, str]) -> None:
    (place / "figures").mkdir(parents=True)
    for title, figure in figures.items():
        figure.savefig(place / "figures" / f"{title}.svg")
    for file, text in texts.items():
        (place / file).write_text(text, encoding="utf-8")


def _save_pyfunc(place: Path, name: str, folder: Path) -> None:
    import mlflow.pyfunc
    from mlflow.models import ModelSignature
    from mlflow.types import ColSpec, DataType, ParamSchema, ParamSpec, Schema

    # Given, because finding them out costs half a minute; and a loader instead of a pickle.
    needs = [f"dealcast=={_installed('dealcast')}", *(f"{one}=={_installed(one)}" for one in REQUIREMENTS)]
    asks = ModelSignature(Schema([ColSpec(DataType.string, f"{name[:-1]}_id"), ColSpec(DataType.string, "as_of")]),
                          params=ParamSchema([ParamSpec("home", DataType.string, "dealcast-home"),
                                              ParamSpec("within", DataType.string, "28d")]))
    mlflow.pyfunc.save_model(str(place), loader_module="training.registry.pyfunc", data_path=str(folder),
                             pip_requirements=needs, signature=asks)


def _new_number(client: MlflowClient, home: Home, name: str, run: str, card: str) -> int:
    """Register the run's model and return its version, a number that the home never gave before."""
    if not client.search_registered_models(f"name='{name}'"):
        client.create_registered_model(name)
    newest = max((one.version for one in versions(home, name)), default=0)
    while True:
        number = int(client.create_model_version(name, f"runs:/{run}/model", run_id=run, description=card).version)
        if number > newest:
            return number
        client.delete_model_version(name, str(number))  # mlruns/ was removed: MLflow counts from 1 again


def _day(home: Home, moment: int) -> str:
    return iso(moment, home.mapping.zone)[:10]


def _installed(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:  # run from a checkout without being installed
        return "0"


def code_version() -> str:
    """The package's version, with the commit when it runs from a git checkout: 0.1.0+1a2b3c4."""
    root = Path(__file__).resolve().parents[2]
    if (root / ".git").exists():
        found = subprocess.run(["git", "-C", str(root), "describe", "--always", "--dirty"], capture_output=True,
                               text=True, check=False)
        if found.returncode == 0:
            return f"{_installed('dealcast')}+{found.stdout.strip()}"
    return _installed("dealcast")


def server_command(home: Home, host: str, port: int) -> list[str]:
    """The command that opens MLflow's own page on a home, wherever the home lies now."""
    # -P: a folder called mlflow where the command is started is not MLflow.
    return [sys.executable, "-P", "-m", "mlflow", "server", "--backend-store-uri", _database(home),
            "--artifacts-destination", str(home.path.resolve() / "mlruns" / "artifacts"), "--serve-artifacts",
            "--host", host, "--port", str(port), "--workers", "1"]
