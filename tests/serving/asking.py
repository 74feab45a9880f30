"""Asking the web application as a browser or a program on this computer would."""

from __future__ import annotations

import re
from html import unescape
from pathlib import Path

import httpx2
from starlette.testclient import TestClient

from features.calendar import parse_as_of
from features.home import Home
from serving.api.app import create_app
from serving.company import Companies, Company


def client(home: Path, companies: Companies | None = None) -> TestClient:
    """A client of the application over a home."""
    app = create_app(companies or Companies(home))
    return TestClient(app, base_url="http://127.0.0.1:3000", client=("127.0.0.1", 50_000),
                      raise_server_exceptions=False)


class RealCompanies(Companies):
    """A simulated company that takes itself for a real one."""

    def now(self) -> Company:
        company = super().now()
        object.__setattr__(company, "mapping", company.mapping.model_copy(update={"simulated": False}))
        return company


def as_real(home: Path, now: str) -> TestClient:
    """A client of a simulated company's home as if it were a real one's, at a time of its clock."""
    moment = parse_as_of(now, Home.open(home).mapping.zone)
    return client(home, RealCompanies(home, clock=lambda: moment))


def assert_error(answer: httpx2.Response, status: int, code: str, *parts: str, field: str | None = None) -> None:
    """The one error shape of every endpoint."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/json"
    body = answer.json()
    assert list(body) == ["error"]
    assert set(body["error"]) == ({"code", "message", "field"} if field else {"code", "message"})
    assert body["error"]["code"] == code
    assert body["error"].get("field") == field
    assert "Traceback" not in body["error"]["message"]
    for part in parts:
        assert part in body["error"]["message"]


def text_of(html: str) -> str:
    """What a page says, without its tags."""
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", " ", html)))
