"""What MLflow holds of a training, and that it holds it wherever the home goes."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from features.calendar import parse_as_of
from features.home import Home
from tests.running import environment, free_port, get, running
from training.registry.runs import train_and_register
from training.registry.tracking import server_command
from training.registry.versions import champion, version_for

ASK = """
import json, sys
import mlflow, pandas as pd
mlflow.set_tracking_uri(sys.argv[1])
client = mlflow.MlflowClient()
version = client.get_model_version_by_alias("deals", "champion")
run = client.get_run(version.run_id)
folders = [one.path for one in client.list_artifacts(run.info.run_id)]
model = mlflow.pyfunc.load_model("models:/deals@champion")
asked = pd.read_csv(sys.argv[3], dtype=str)
scored = model.predict(asked, params={"home": sys.argv[2], "within": "28d"})
print(json.dumps({"version": version.version, "status": run.info.status, "tags": run.data.tags,
                  "params": run.data.params, "artifacts": folders, "scored": scored.to_dict("list"),
                  "requirements": open(mlflow.pyfunc.get_model_dependencies("models:/deals@champion")).read()}))
"""


@pytest.fixture(scope="module")
def moved(trained_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The trained home under another path, as a person would move it."""
    place = tmp_path_factory.mktemp("moved") / "another home"
    shutil.copytree(trained_home, place)
    return place


def test_a_moved_home_names_no_folder_of_where_it_was(moved: Path, trained_home: Path) -> None:
    old = str(trained_home.parents[2]).encode()  # that of every place where this run of the tests has had it
    assert [path for path in moved.rglob("*") if path.is_file() and old in path.read_bytes()] == []


def test_model_files_hold_no_run_and_no_time(moved: Path) -> None:
    home = Home.open(moved)
    version = champion(home, "deals")
    assert version is not None
    for path in version.path(home).iterdir():
        text = path.read_text()
        assert version.run_id not in text, path
        assert str(version.trained_at) not in text, path


def test_mlflow_shows_a_training_and_loads_its_model_from_a_moved_home(moved: Path, tmp_path: Path) -> None:
    from training import deal_scores
    from training.hazard import HazardModel

    home = Home.open(moved)
    version = champion(home, "deals")
    assert version is not None
    direct = deal_scores.score(HazardModel.load(version.path(home)), home.history(version.as_of), version.as_of, 28.0)
    asked = direct[["deal_id"]].assign(as_of="2026-07-01").iloc[::-1]
    asked.to_csv(tmp_path / "asked.csv", index=False)

    port = free_port()
    address = f"http://127.0.0.1:{port}"
    command = server_command(home, "127.0.0.1", port)
    env = environment(MLFLOW_DISABLE_TELEMETRY="true", MLFLOW_TRACKING_URI=address)
    with running(*command[1:], command=(command[0],), ready=f"{address}/health", cwd=tmp_path, env=env):
        done = subprocess.run([sys.executable, "-c", ASK, address, str(moved), str(tmp_path / "asked.csv")],
                              cwd=tmp_path, env=env, capture_output=True, text=True, check=False, timeout=180)
        assert done.returncode == 0, done.stderr
        leads = champion(home, "leads")
        assert leads is not None
        figure = get(f"{address}/get-artifact?path=figures/reliability.svg&run_uuid={leads.run_id}")
    said = json.loads(done.stdout.splitlines()[-1])
    assert said["version"] == str(version.version)
    assert said["status"] == "FINISHED"
    assert said["tags"]["code_version"]
    assert "trained" in said["tags"]["mlflow.note.content"].lower()
    assert said["params"]["data_fingerprint"]
    assert said["params"]["settings_fingerprint"]
    assert {"figures", "model", "model_card.md"} <= set(said["artifacts"])
    assert "lightgbm==" in said["requirements"]
    assert said["scored"]["deal_id"] == direct["deal_id"].tolist()[::-1]
    assert said["scored"]["p_win"] == direct["p_win"].tolist()[::-1]
    assert figure[0] == 200
    assert b"<svg" in figure[2]


def test_a_failed_training_leaves_no_version_and_no_files(moved: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from training.registry import runs
    from training.registry.versions import versions

    home = Home.open(moved)
    before = versions(home, "deals"), sorted((moved / "models").rglob("*"))

    def full_disk(*_: object) -> None:
        raise OSError(28, "No space left on device", "figure.svg")

    monkeypatch.setattr("training.registry.tracking._write_artifacts", full_disk)
    with pytest.raises(OSError, match="No space left"):
        runs.train_and_register(home, "deals", before[0][0].as_of, trained_at=before[0][0].trained_at + 1)
    assert (versions(home, "deals"), sorted((moved / "models").rglob("*"))) == before


@pytest.mark.filterwarnings("ignore")  # MLflow warns of its own insides when it is imported
def test_a_version_for_an_earlier_date_is_the_challenger_and_does_not_serve(trained_home: Path, tmp_path: Path) -> None:
    import mlflow

    shutil.copytree(trained_home, tmp_path / "home")
    home = Home.open(tmp_path / "home")
    before = champion(home, "leads")
    assert before is not None
    earlier = parse_as_of("2026-01-01", home.mapping.zone)
    added, _ = train_and_register(home, "leads", earlier, trained_at=before.trained_at + 1)
    assert champion(home, "leads") == before
    assert version_for(home, "leads", earlier) == added
    client = mlflow.MlflowClient(f"sqlite:///{tmp_path / 'home' / 'mlruns' / 'mlflow.db'}")
    assert client.get_model_version_by_alias("leads", "challenger").version == added.version
    assert client.get_model_version_by_alias("leads", "champion").version == before.version
