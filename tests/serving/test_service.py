"""The service as it runs: BentoML's server in a process of its own, a home that changes under it, and a browser."""

from __future__ import annotations

import json
import shutil
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from features.errors import Conflict
from features.home import Home
from features.importing import import_files
from serving.champion import model_for
from serving.cli.data import read_mapping
from serving.company import Companies
from serving.server import serve
from tests.running import free_port, get, running
from tests.serving.asking import assert_error, client
from training import lead_scores
from training.registry.versions import add_version, version_for

CHROMIUM = shutil.which("chromium")


@pytest.fixture(scope="module")
def server(trained_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """`dealcast serve`, started from a folder with a foreign package of the name of one of ours."""
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    (elsewhere / "features").mkdir()
    (elsewhere / "features" / "__init__.py").write_text("raise RuntimeError('a foreign features/ was imported')")
    port = free_port()
    address = f"http://127.0.0.1:{port}"
    with running("--home", trained_home, "serve", "--port", str(port), ready=f"{address}/readyz",
                 cwd=elsewhere) as log:
        log.wait_for(f"dealcast on {trained_home}: {address}  (stop with Ctrl-C)")
        yield address


def test_bentoml_serves_the_api_the_page_and_one_error_shape(server: str) -> None:
    body = json.dumps({"deal_ids": ["D-000001"]}).encode()
    asked = urllib.request.Request(f"{server}/v1/deals/score", body, {"content-type": "application/json"})
    with urllib.request.urlopen(asked, timeout=60) as answer:
        assert json.load(answer)["scores"][0]["deal_id"] == "D-000001"
    assert json.loads(get(f"{server}/v1/health")[2])["status"] == "ok"
    status, kind, page = get(server)
    assert (status, kind) == (200, "text/html; charset=utf-8")
    assert b"will most likely bring" in page
    for address in ("nothing", "v1/nothing", "assets/nothing.js"):
        status, kind, text = get(f"{server}/{address}")
        assert (status, kind) == (404, "application/json")
        assert json.loads(text)["error"]["code"] == "not_found"
    for probe in ("livez", "readyz"):
        assert get(f"{server}/{probe}")[0] == 200


@pytest.mark.chromium
@pytest.mark.parametrize("width", [360, 1280])
@pytest.mark.parametrize("address", ["/", "/?as_of=2020-01-01", "/docs"])
def test_a_browser_gets_everything_from_the_server_and_may_run_it(server: str, address: str, width: int) -> None:
    if not CHROMIUM:
        pytest.skip("Chromium is not installed: apt-get install chromium")
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    asked, complaints = [], []
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=[
            "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update",
            "--disable-sync"])
        try:
            page = browser.new_page(viewport={"width": width, "height": 800})
            page.on("request", lambda request: asked.append(request.url))
            page.on("requestfailed", lambda request: complaints.append(f"failed: {request.url}"))
            page.on("pageerror", lambda error: complaints.append(str(error)))
            page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
            page.goto(f"{server}{address}")
            page.wait_for_load_state("networkidle")
            if address == "/docs":
                page.get_by_text("/v1/deals/score").wait_for()
            else:
                assert page.evaluate("document.documentElement.scrollWidth") <= width
                for image in page.locator("img").all():
                    assert image.evaluate("image => image.complete && image.naturalWidth > 0")
        finally:
            browser.close()
    assert asked
    assert [url for url in asked if not url.startswith((f"{server}/", "data:"))] == []
    assert [text for text in complaints if "409" not in text] == []


def test_a_taken_port_is_refused_before_anything_starts(server: str, trained_home: Path) -> None:
    with pytest.raises(Conflict, match="cannot be used"):
        serve(trained_home, int(server.rsplit(":", 1)[1]))


def test_a_new_import_and_a_new_champion_serve_without_a_restart(trained_home: Path, tmp_path: Path) -> None:
    shutil.copytree(trained_home, tmp_path / "home")
    api = client(tmp_path / "home")
    before = api.get("/v1/health").json()
    home = Home.open(tmp_path / "home")
    mapping, text = read_mapping("simulated")
    export = tmp_path / "export"
    shutil.copytree(trained_home.parent / "simulated", export)
    late = Companies(trained_home).now().last_import + 1
    import_files(home, export, mapping, text, recorded_at=late)
    assert api.get("/v1/health").json()["last_import"] > before["last_import"]
    old = version_for(home, "deals", home.last_known())
    shutil.copytree(old.path(home), tmp_path / "home" / "models" / "deals" / "2")
    add_version(home, "deals", 2, old.as_of, late, "models/deals/2", "run")
    assert api.get("/v1/health").json()["models"]["deals"]["version"] == "deals/2"
    assert api.get("/v1/forecast", params={"period": "2026-Q4"}).json()["model"] == "deals/2"


def test_a_model_is_read_once_and_history_too(trained_home: Path) -> None:
    companies = Companies(trained_home)
    company = companies.now()
    assert companies.now() is company
    assert model_for(company.home, "deals", company.present())[1] is model_for(
        company.home, "deals", company.present())[1]


def test_changed_settings_count_from_the_next_request_on(trained_home: Path, tmp_path: Path) -> None:
    shutil.copytree(trained_home, tmp_path / "home")
    api = client(tmp_path / "home")
    lead = {"lead_ids": [unlikely_lead(tmp_path / "home")]}
    assert api.post("/v1/leads/score", json=lead).json()["scores"][0]["grade"] != "A"
    settings = tmp_path / "home" / "dealcast.yaml"
    settings.write_text("grades: {A: 0.000003, B: 0.000002, C: 0.000001}\n")
    assert api.post("/v1/leads/score", json=lead).json()["scores"][0]["grade"] == "A"
    settings.write_text("grades: {Z: 0.1}\n")
    assert_error(api.get("/v1/health"), 422, "bad_input", "grades.Z", str(settings))
    page = api.get("/", headers={"accept": "text/html"})
    assert page.status_code == 422
    assert "grades.Z" in page.text
    settings.unlink()
    assert api.post("/v1/leads/score", json=lead).json()["scores"][0]["grade"] != "A"


def unlikely_lead(home: Path) -> str:
    """The open lead that is least likely to convert."""
    company = Companies(home).now()
    _, model = model_for(company.home, "leads", company.present())
    scored = lead_scores.score(model, company.history, company.present(), company.settings)
    return str(scored.sort_values("probability")["lead_id"].iloc[0])


def test_a_home_made_anew_at_the_same_place_is_read_anew(trained_home: Path, tmp_path: Path) -> None:
    shutil.copytree(trained_home, tmp_path / "home")
    companies = Companies(tmp_path / "home")
    first = companies.now()
    shutil.rmtree(tmp_path / "home")
    api = client(tmp_path / "home", companies)
    assert api.get("/v1/health").status_code == 404
    home = Home.open(tmp_path / "home", must_exist=False)
    mapping, text = read_mapping("simulated")
    import_files(home, trained_home.parent / "simulated", mapping, text, recorded_at=first.last_import + 1)
    assert companies.now() is not first
    assert api.get("/v1/health").json()["status"] == "no_model"
    answer = api.get("/", headers={"accept": "text/html"})
    assert answer.status_code == 409
    assert "train deals" in answer.text


def test_a_model_whose_files_were_changed_says_nothing(trained_home: Path, tmp_path: Path) -> None:
    shutil.copytree(trained_home, tmp_path / "home")
    changed = tmp_path / "home" / "models" / "deals" / "1" / "model.json"
    changed.write_text(changed.read_text().replace('"cycle_days": ', '"cycle_days": 1'))
    answer = client(tmp_path / "home").post("/v1/deals/score", json={"deal_ids": ["D-000001"]})
    assert_error(answer, 409, "conflict", "deals/1", "not those that were registered", "train deals")


def test_a_model_whose_files_are_gone_says_where_they_were(trained_home: Path, tmp_path: Path) -> None:
    shutil.copytree(trained_home, tmp_path / "home")
    shutil.rmtree(tmp_path / "home" / "models" / "leads")
    answer = client(tmp_path / "home").post("/v1/leads/score", json={"lead_ids": ["L-000001"]})
    assert_error(answer, 404, "not_found", "leads/1", "Restore that folder")
