"""The HTTP API: what it answers, and how it says no."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from starlette.testclient import TestClient

from features.calendar import parse_as_of
from features.home import Home
from features.overrides import set_override
from serving.answers import named
from serving.champion import model_for
from serving.cli import models
from serving.company import Companies
from serving.dates import BadField
from tests.companies import DEALS, bring_in, deals_file, mapping_text
from tests.serving.asking import as_real, assert_error, client
from training import deal_scores, lead_scores
from training.forecast import forecast
from training.outcomes import LOST, OPEN, WON, outcomes

AS_OF = "2026-08-14T12:00"


@pytest.fixture(scope="module")
def api(trained_home: Path) -> TestClient:
    return client(trained_home)


@pytest.fixture(scope="module")
def home(trained_home: Path) -> Home:
    return Home.open(trained_home)


def moment(home: Home, text: str = AS_OF) -> int:
    return parse_as_of(text, home.mapping.zone)


def ids_by_state(home: Home, kind: str) -> dict[int, list[str]]:
    """Ids of what was known at AS_OF, by state."""
    history = home.history()
    subjects = history.subjects(kind)
    known = np.flatnonzero(subjects.visible_at <= moment(home))
    state = outcomes(history, kind).state_as_of(known, np.full(len(known), moment(home)))
    return {one: subjects.ids[known[state == one]].tolist() for one in (OPEN, WON, LOST)}


def test_deals_are_scored_in_the_order_asked_as_the_command_line_scores_them(api: TestClient, home: Home) -> None:
    asked = ids_by_state(home, "deal")[OPEN][:4][::-1]
    asked = [*asked, asked[0]]
    answer = api.post("/v1/deals/score", json={"deal_ids": asked, "within_days": 91, "as_of": AS_OF})
    assert answer.status_code == 200, answer.text
    body = answer.json()
    assert body["model"] == "deals/1"
    assert body["as_of"] == "2026-08-14T12:00:00+02:00"
    assert body["within_days"] == 91
    assert [row["deal_id"] for row in body["scores"]] == asked
    _, model = model_for(home, "deals", moment(home))
    frame = deal_scores.score(model, home.history(moment(home)), moment(home), 91).set_index("deal_id")
    assert (body["this_period"], body["next_period"]) == ("2026-Q3", "2026-Q4")
    assert body["at_risk"] == model.evaluation["at_risk"]
    for row in body["scores"]:
        assert row.pop("status") == "open"
        assert row.pop("reasons") == []
        expected = frame.loc[row.pop("deal_id")]
        assert row == pytest.approx(expected.where(expected.notna(), None).to_dict())


def test_leads_are_scored_as_the_command_line_scores_them(api: TestClient, home: Home) -> None:
    _, model = model_for(home, "leads", moment(home))
    frame = lead_scores.score(model, home.history(moment(home)), moment(home), home.settings)
    asked = frame["lead_id"].tolist()[:5]
    body = api.post("/v1/leads/score", json={"lead_ids": asked, "as_of": AS_OF}).json()
    assert body["model"] == "leads/1"
    for row, expected in zip(body["scores"], frame.head(5).to_dict("records"), strict=True):
        assert (row.pop("status"), row.pop("override"), row.pop("reasons")) == ("open", None, [])
        assert row == pytest.approx(named(expected))


@pytest.mark.parametrize("kind", ["lead", "deal"])
def test_reasons_come_as_many_as_asked_and_are_those_of_the_explanation(
        api: TestClient, home: Home, kind: str) -> None:
    asked = open_ids(api, home, kind)[:3]
    body = api.post(f"/v1/{kind}s/score", json={f"{kind}_ids": asked, "as_of": AS_OF, "reasons": 2}).json()
    for row in body["scores"]:
        told = row["reasons"]
        assert 0 < len(told) <= 4
        said = api.get(f"/v1/{kind}s/{row[f'{kind}_id']}/explanation", params={"as_of": AS_OF}).json()
        fors, againsts = ([one for one in said["reasons"] if one["effect"] * sign > 0] for sign in (1, -1))
        assert told == [*fors[:2], *againsts[:2]]
    answer = api.post(f"/v1/{kind}s/score", json={f"{kind}_ids": asked, "as_of": AS_OF, "reasons": 6})
    assert_error(answer, 422, "bad_input", field="reasons")


@pytest.mark.parametrize(("kind", "chance"), [("lead", "probability"), ("deal", "p_win")])
def test_an_explanation_adds_up_to_the_score(api: TestClient, home: Home, kind: str, chance: str) -> None:
    one = open_ids(api, home, kind)[0]
    answer = api.get(f"/v1/{kind}s/{one}/explanation", params={"as_of": AS_OF})
    assert answer.status_code == 200, answer.text
    said = answer.json()
    assert said["log_odds"] == pytest.approx(said["base_log_odds"] + sum(row["effect"] for row in said["themes"]))
    assert said["score"][chance] == pytest.approx(1 / (1 + np.exp(-said["log_odds"])))
    assert said["past"][-1] == {"as_of": said["as_of"], "probability": pytest.approx(said["score"][chance])}
    changes = [row["change"] for row in said["what_if"]]
    assert changes == sorted(changes, reverse=True)


@pytest.mark.parametrize(("key", "status", "code", "part"), [
    ("nobody", 404, "not_found", "lead nobody"), ("a/b?c", 404, "not_found", "lead a/b"),
    ("%F0%9F%92%A9", 404, "not_found", "lead"), ("..", 404, "not_found", ""),
])
def test_a_lead_that_is_not_known_has_no_explanation(api: TestClient, key: str, status: int, code: str,
                                                     part: str) -> None:
    assert_error(api.get(f"/v1/leads/{key.replace('?', '%3F')}/explanation"), status, code, part)


def test_a_lead_that_has_ended_has_no_explanation(api: TestClient, home: Home) -> None:
    ended = ids_by_state(home, "lead")[WON][0]
    answer = api.get(f"/v1/leads/{ended}/explanation", params={"as_of": AS_OF})
    assert_error(answer, 409, "conflict", f"lead {ended} is converted")


@pytest.mark.parametrize("days", ["0", "nan", "inf", "-1", "x"])
def test_a_span_that_is_none_is_refused(api: TestClient, days: str) -> None:
    answer = api.get("/v1/deals/D-000001/explanation", params={"within_days": days})
    assert_error(answer, 422, "bad_input", field="within_days")


def test_what_was_said_by_hand_stands_beside_the_score(trained_home: Path, tmp_path: Path) -> None:
    shutil.copytree(trained_home, tmp_path / "home")
    home = Home.open(tmp_path / "home")
    api = client(tmp_path / "home")
    one = open_ids(api, home, "lead")[0]
    plain = api.post("/v1/leads/score", json={"lead_ids": [one], "as_of": AS_OF}).json()["scores"][0]
    set_override(home, one, grade="A", note="met at the fair", until=moment(home, "2026-09-20"),
                 set_at=moment(home) - 1, set_by="Eva")
    said = api.post("/v1/leads/score", json={"lead_ids": [one], "as_of": AS_OF}).json()["scores"][0]
    assert said.pop("override") == {"grade": "A", "probability": None, "note": "met at the fair", "set_by": "Eva",
                                    "until": "2026-09-20T00:00:00+02:00"}
    plain.pop("override")
    assert said == plain


def open_ids(api: TestClient, home: Home, kind: str) -> list[str]:
    """Ids that have a score at AS_OF."""
    asked = ids_by_state(home, kind)[OPEN]
    body = api.post(f"/v1/{kind}s/score", json={f"{kind}_ids": asked, "as_of": AS_OF}).json()
    return [row[f"{kind}_id"] for row in body["scores"] if row["status"] == "open"]


@pytest.mark.parametrize(("kind", "names"), [("deal", ["won", "lost"]), ("lead", ["converted", "disqualified"])])
def test_what_has_ended_is_answered_with_what_became_of_it_and_no_score(
        api: TestClient, home: Home, kind: str, names: list[str]) -> None:
    states = ids_by_state(home, kind)
    asked = [states[state][0] for state in (WON, LOST)]
    body = api.post(f"/v1/{kind}s/score", json={f"{kind}_ids": asked, "as_of": AS_OF}).json()
    assert [row["status"] for row in body["scores"]] == names
    for row in body["scores"]:
        assert [value for key, value in row.items() if key not in (f"{kind}_id", "status")] == [None] * (len(row) - 2)


def test_unknown_subjects_are_named(api: TestClient) -> None:
    answer = api.post("/v1/deals/score", json={"deal_ids": ["nobody", "D-000001", "nobody"], "as_of": AS_OF})
    assert_error(answer, 404, "not_found", "deal nobody.", "2026-08-14T12:00")


def test_a_subject_created_after_as_of_is_not_known(api: TestClient, home: Home) -> None:
    deals = home.history().deals
    late = str(deals.ids[deals.visible_at > moment(home)][0])
    assert_error(api.post("/v1/deals/score", json={"deal_ids": [late], "as_of": AS_OF}), 404, "not_found", late)


def test_the_default_as_of_is_the_end_of_a_simulated_log(api: TestClient, home: Home) -> None:
    body = api.get("/v1/forecast", params={"period": "2026-Q4"}).json()
    assert moment(home, body["as_of"]) == home.log_end()
    assert api.get("/v1/health").json()["as_of"] == body["as_of"]


def test_the_forecast_is_that_of_the_command_line(api: TestClient, home: Home) -> None:
    answer = api.get("/v1/forecast", params={"from": "2026-08-14T12:00", "to": "2026-11-13", "as_of": AS_OF,
                                             "by": "owner"})
    assert answer.status_code == 200, answer.text
    _, model = model_for(home, "deals", moment(home))
    expected = forecast(model, home.history(moment(home)), moment(home), moment(home),
                        moment(home, "2026-11-14") - 1, home.settings)
    body = answer.json()
    assert body.pop("people")["called"] >= 0
    for group in body["groups"]:
        group.pop("people", None)
    assert body == {**expected, "model": "deals/1"}
    assert answer.json()["groups"]


def test_a_quarter_is_forecast_without_owners_unless_asked(api: TestClient) -> None:
    body = api.get("/v1/forecast", params={"period": "2026-Q3", "as_of": "2026-08-14"}).json()
    assert body["groups"] == []
    assert (body["from"], body["to"]) == ("2026-06-30T23:59:59.999999+02:00", "2026-09-30T23:59:59.999999+02:00")
    parts = body["total"]["parts"]
    for measure in ("won_count", "won_amount"):
        assert sum(part[measure] for part in parts.values()) == pytest.approx(body["total"][measure]["mean"], rel=1e-3)


def test_health_says_what_is_served(api: TestClient, trained_home: Path) -> None:
    body = api.get("/v1/health").json()
    assert body["status"] == "ok"
    assert body["simulated"] is True
    assert body["home"] == str(trained_home)
    assert body["models"]["deals"]["version"] == "deals/1"
    assert body["models"]["leads"]["as_of"] == "2026-07-01T00:00:00+02:00"


@pytest.mark.parametrize(("query", "parts"), [
    ({"perod": "2026-Q4"}, ["'perod'", "Did you mean 'period'?"]),
    ({"period": "2026-Q4", "format": "csv"}, ["'format'", "period, from, to, as_of, by"]),
])
def test_a_query_name_that_does_not_exist_is_refused(api: TestClient, query: dict[str, str], parts: list[str]) -> None:
    assert_error(api.get("/v1/forecast", params=query), 400, "bad_request", *parts)


@pytest.mark.parametrize("address", ["/v1/health?x=1", "/v1/forecast?x=1", "/?x=1", "/charts/forecast.svg?x=1",
                                     "/v1/deals/score?x=1", "/v1/leads/score?x=1"])
def test_every_address_refuses_query_names_that_it_does_not_have(api: TestClient, address: str) -> None:
    body = {"deal_ids": ["D-000001"]} if "deals" in address else {"lead_ids": ["L-000001"]}
    answer = api.post(address, json=body) if "score" in address else api.get(address)
    assert_error(answer, 400, "bad_request", "'x'")


@pytest.mark.parametrize(("query", "field", "parts"), [
    ({}, "period", ["period=2026-Q4"]),
    ({"from": "2026-10-01"}, "period", ["both from and to"]),
    ({"period": "2026-Q4", "from": "2026-10-01"}, "period", ["both from and to"]),
    ({"period": "2026-Q5"}, "period", ["'2026-Q5' is not a period"]),
    ({"from": "2026-13-01", "to": "2026-12-01"}, "from", ["'2026-13-01' is not a date"]),
    ({"from": "2026-12-01", "to": "later"}, "to", ["'later' is not a date"]),
    ({"from": "2026-12-01T08:00", "to": "2026-12-01T08:00"}, "to", ["The period is empty", "2026-12-01T08:00"]),
    ({"from": "2026-12-01", "to": "2026-11-30"}, "to", ["The period is empty"]),
    ({"from": "2026-12-01", "to": "2026-11-01"}, "to", ["is not after its start"]),
    ({"from": "2026-10-01", "to": "2050-01-01"}, "to", ["more than ten years"]),
    ({"period": "2026-Q1"}, "period", ["The period was over at"]),
    ({"period": "2050-Q1"}, "period", ["more than ten years"]),
    ({"period": "9999-Q4"}, "period", ["outside the years"]),
    ({"period": "0000-Q1"}, "period", ["outside the years"]),
    ({"period": "2026-Q4", "by": "tema"}, "by", ["grouped by 'tema'", "Did you mean 'team'?"]),
    ({"period": "2026-Q4", "as_of": "soon"}, "as_of", ["'soon' is not a date"]),
    ({"period": "2026-Q4", "as_of": "0001-01-01"}, "as_of", ["outside the years"]),
    ({"period": "2026-Q4", "as_of": "9999-12-31T23:59:59-23:00"}, "as_of", ["outside the years"]),
    ({"period": "2026-Q4", "as_of": "2059-12-31"}, "as_of", ["lies ahead"]),
])
def test_a_forecast_that_cannot_be_made_says_why_and_which_parameter_is_to_blame(
        api: TestClient, query: dict[str, str], field: str, parts: list[str]) -> None:
    answer = api.get("/v1/forecast", params=query)
    assert_error(answer, 422, "bad_input", *parts, field=field)
    assert "--" not in answer.json()["error"]["message"]


def test_a_date_before_every_model_says_how_to_train_one(api: TestClient) -> None:
    answer = api.get("/v1/forecast", params={"period": "2026-Q4", "as_of": "2026-01-05"})
    assert_error(answer, 409, "conflict", "no deals model", "train deals")


def test_amounts_that_are_not_known_yet_are_blamed_on_as_of(
        trained_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("training.forecast", "serving.api.routes"):
        monkeypatch.setattr(f"{module}.amounts_known", lambda history: False)
    answer = client(trained_home).get("/v1/forecast", params={"period": "2026-Q4", "as_of": "2026-08-15"})
    assert_error(answer, 422, "bad_input", "no deal's amount was known", field="as_of")


@pytest.mark.parametrize(("written", "meant"), [
    ("2026-08-14T12:00:00+02:00", "2026-08-14T12:00:00+02:00"),
    ("2026-08-14T12:00:00.5+02:00", "2026-08-14T12:00:00.500000+02:00"),
    ("2026-08-14 12:00", "2026-08-14T12:00:00+02:00"),
])
def test_the_plus_of_an_offset_may_stand_in_an_address_as_it_is(api: TestClient, written: str, meant: str) -> None:
    answer = api.get(f"/v1/forecast?period=2026-Q4&as_of={written}")
    assert answer.status_code == 200, answer.text
    assert answer.json()["as_of"] == meant
    body = api.get(f"/v1/forecast?from={written}&to=2026-10-01T00:00:00+02:00&as_of={written}").json()
    assert (body["from"], body["to"]) == (meant, "2026-10-01T00:00:00+02:00")


@pytest.mark.parametrize(("clock", "as_of", "accepted"), [
    ("2026-01-01", "2026-09-30T23:59:59.999999", True),
    ("2026-01-01", "2026-10-01", True),
    ("2026-01-01", "2026-10-01T00:00:01", False),
    ("2026-11-24", "2026-10-01", True),
    ("2026-11-24", "2026-11-24", True),
    ("2026-11-24", "2026-11-24T00:01", False),
])
def test_a_simulated_company_is_asked_up_to_its_logs_end_or_the_clock_as_on_the_command_line(
        home: Home, monkeypatch: pytest.MonkeyPatch, clock: str, as_of: str, accepted: bool) -> None:
    now = moment(home, clock)
    monkeypatch.setattr("time.time_ns", lambda: now * 1000)
    company = Companies(home.path).now()
    for read in (company.read_as_of, lambda text: models.read_as_of(text, home)):
        if accepted:
            assert read(as_of) == moment(home, as_of)
        else:
            with pytest.raises(BadField, match="lies ahead"):
                read(as_of)
    assert company.read_as_of("now") == models.read_as_of("now", home) == home.log_end()


@pytest.mark.parametrize(("body", "field", "parts"), [
    ({}, "deal_ids", ["'deal_ids' is missing"]),
    ({"deal_ids": []}, "deal_ids", ["at least 1"]),
    ({"deal_ids": "D-1"}, "deal_ids", ["list"]),
    ({"deal_ids": [1]}, "deal_ids.0", ["string"]),
    ({"deal_ids": [""]}, "deal_ids.0", ["at least 1"]),
    ({"deal_ids": ["D-1"], "within_days": "28"}, "within_days", ["number"]),
    ({"deal_ids": ["D-1"], "within_days": True}, "within_days", ["number"]),
    ({"deal_ids": ["D-1"], "within_days": 0}, "within_days", ["greater than 0"]),
    ({"deal_ids": ["D-1"], "within": 28}, "within", ["'within' is not a field"]),
    ({"deal_ids": ["D-1"], "as_of": 20260814}, "as_of", ["string"]),
    ({"deal_ids": ["D-1"], "as_of": "soon"}, "as_of", ["'soon' is not a date"]),
    ({"deal_ids": ["D-1"], "as_of": "0001-01-01"}, "as_of", ["outside the years"]),
    ({"deal_ids": ["D-1"], "as_of": "2059-01-01"}, "as_of", ["lies ahead"]),
])
def test_a_body_that_cannot_be_used_names_the_field(
        api: TestClient, body: dict[str, Any], field: str, parts: list[str]) -> None:
    assert_error(api.post("/v1/deals/score", json=body), 422, "bad_input", *parts, field=field)


@pytest.mark.parametrize("body", [b"", b"[1]", b'"text"', b"null", b"3"])
def test_a_body_that_is_no_json_object_is_answered_with_what_to_send(api: TestClient, body: bytes) -> None:
    answer = api.post("/v1/deals/score", content=body, headers={"content-type": "application/json"})
    assert_error(answer, 422, "bad_input", "not a JSON object", "Content-Type: application/json")


@pytest.mark.parametrize("headers", [{}, {"content-type": "text/plain"}])
def test_a_body_that_is_not_said_to_be_json_is_answered_with_the_header_to_send(
        api: TestClient, headers: dict[str, str]) -> None:
    answer = api.post("/v1/deals/score", content=b'{"deal_ids": ["D-1"]}', headers=headers)
    assert_error(answer, 422, "bad_input", "not a JSON object", "Content-Type: application/json")


@pytest.mark.parametrize(("body", "status", "code"), [
    (b"{", 422, "bad_input"), (b'["\xff"]', 400, "bad_request"), (b"[" * 50_000, 400, "bad_request")])
def test_a_body_that_is_not_json_is_refused_as_that(api: TestClient, body: bytes, status: int, code: str) -> None:
    answer = api.post("/v1/deals/score", content=body, headers={"content-type": "application/json"})
    assert_error(answer, status, code, "The body is not JSON")


def test_a_number_that_json_does_not_have_is_refused(api: TestClient) -> None:
    answer = api.post("/v1/deals/score", content=b'{"deal_ids": ["D-1"], "within_days": NaN}',
                      headers={"content-type": "application/json"})
    assert_error(answer, 422, "bad_input", "finite number", field="within_days")


def test_leads_of_a_company_whose_mapping_has_none_are_not_sent_to_be_trained(tmp_path: Path) -> None:
    bring_in(tmp_path / "home", deals_file(tmp_path, "1,2024-01-02,Won,2024-02-01,100,x"), mapping_text(DEALS))
    answer = client(tmp_path / "home").post("/v1/leads/score", json={"lead_ids": ["L-1"]})
    assert_error(answer, 409, "conflict", "does not say when a lead is converted", "ask about deals")
    assert "train leads" not in answer.text


def test_a_mapping_without_any_outcome_is_not_blamed_on_the_period(tmp_path: Path) -> None:
    no_outcomes = mapping_text(DEALS).replace(", outcome: won", "").replace(", outcome: lost", "")
    no_outcomes = no_outcomes.replace(", closed_at: closed", "")
    bring_in(tmp_path / "home", deals_file(tmp_path, "1,2024-01-02,Talk,,100,x"), no_outcomes)
    answer = client(tmp_path / "home").get("/v1/forecast", params={"from": "2024-10-05", "to": "2024-11-01"})
    assert_error(answer, 409, "conflict", "names no outcome")


def test_a_large_body_is_refused_whether_its_length_is_declared_or_not(api: TestClient) -> None:
    body = json.dumps({"deal_ids": ["x" * 400] * 3000}).encode()
    assert_error(api.post("/v1/deals/score", content=body), 413, "too_large", "Send fewer ids")
    pieces = (body[i:i + 10_000] for i in range(0, len(body), 10_000))
    answer = api.post("/v1/deals/score", content=pieces, headers={"content-type": "application/json"})
    assert_error(answer, 413, "too_large", "Send fewer ids")


def test_addresses_and_methods_that_do_not_exist_have_the_one_error_shape(api: TestClient) -> None:
    assert_error(api.get("/v2/nothing"), 404, "not_found", "/v2/nothing", "/docs")
    assert_error(api.get("/v1/deals/score"), 405, "method_not_allowed", "GET")
    assert_error(api.delete("/"), 405, "method_not_allowed", "DELETE")
    assert_error(api.get("/static/nothing.css"), 404, "not_found")


def test_a_fault_of_ours_is_told_without_its_details(trained_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("secret detail")

    monkeypatch.setattr("serving.answers.deals.score", broken)
    answer = client(trained_home).post("/v1/deals/score", json={"deal_ids": ["D-000001"]})
    assert_error(answer, 500, "internal", "a fault of ours")
    assert "secret" not in answer.text


def test_nothing_imported_yet_says_how_to_begin(tmp_path: Path) -> None:
    for address in ("/v1/health", "/v1/forecast?period=2026-Q4"):
        assert_error(client(tmp_path / "none").get(address), 404, "not_found", "import PATH --mapping FILE")
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize(("peer", "host"), [("192.0.2.7", "127.0.0.1:3000"), ("127.0.0.1", "forecast.example:3000"),
                                            ("127.0.0.1", "127.0.0.1.example")])
def test_only_this_computer_is_answered(trained_home: Path, peer: str, host: str) -> None:
    app = client(trained_home).app
    elsewhere = TestClient(app, base_url="http://127.0.0.1:3000", client=(peer, 50_000))
    assert_error(elsewhere.get("/v1/health", headers={"host": host}), 403, "forbidden", "Only this computer")


@pytest.mark.parametrize("host", ["localhost:3000", "127.0.0.1", "[::1]:3000"])
def test_this_computer_may_call_itself_by_its_names(api: TestClient, host: str) -> None:
    assert api.get("/v1/health", headers={"host": host}).status_code == 200


def test_the_clock_of_a_real_company_bounds_as_of(trained_home: Path) -> None:
    real = as_real(trained_home, "2026-11-02T10:00")
    assert real.get("/v1/health").json()["as_of"] == "2026-11-02T10:00:00+01:00"
    ahead = real.get("/v1/forecast", params={"period": "2026-Q4", "as_of": "2026-11-02T10:01"})
    assert_error(ahead, 422, "bad_input", "lies ahead", "The latest that can be asked for is 2026-11-02T10:00:00+01:00",
                 field="as_of")


def test_openapi_describes_every_endpoint_and_its_errors(api: TestClient) -> None:
    described = api.get("/openapi.json").json()
    assert set(described["paths"]) == {
        "/v1/leads/score", "/v1/deals/score", "/v1/leads/{lead_id}/explanation", "/v1/deals/{deal_id}/explanation",
        "/v1/forecast", "/v1/health"}
    for path in described["paths"].values():
        for operation in path.values():
            for status in ("404", "409", "422"):
                schema = operation["responses"][status]["content"]["application/json"]["schema"]
                assert schema["$ref"].endswith("/ErrorBody")
