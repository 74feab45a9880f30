"""The API's own description is true: requests made up from it get answers that it describes, and never a fault."""

from __future__ import annotations

from pathlib import Path

import schemathesis
from hypothesis import HealthCheck, given, settings

from tests.serving.asking import client

ELSEWHERE = {"405", "413", "415"}  # what stands before the endpoints answers for all


def test_whatever_is_asked_is_answered_as_described(trained_home: Path) -> None:
    api = client(trained_home)
    described = schemathesis.openapi.from_dict(api.get("/openapi.json").json())
    asked = set()

    def ask(case: schemathesis.Case) -> None:
        sent = case.as_transport_kwargs(base_url=str(api.base_url))
        answer = api.request(**{name: sent[name] for name in ("method", "url", "headers", "params", "json", "data")
                                if sent.get(name) is not None})
        asked.add(case.path)
        assert str(answer.status_code) in {*case.operation.definition.raw["responses"], *ELSEWHERE}, answer.text
        assert answer.status_code < 500, answer.text
        assert answer.status_code == 200 or list(answer.json()) == ["error"]

    for operation in described.get_all_operations():
        made_up = given(case=operation.ok().as_strategy())
        settings(max_examples=5, deadline=None, derandomize=True, database=None,
                 suppress_health_check=list(HealthCheck))(made_up(ask))()
    assert len(asked) == 6
