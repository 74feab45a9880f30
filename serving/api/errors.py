"""How the service says no: one JSON shape on every endpoint, a page with the cure where a browser asks.

{"error": {"code": "...", "message": "...", "field": "..."}}; `field` only where one field or parameter is to blame.
"""

from __future__ import annotations

import logging
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response

from features.errors import DealcastError, nearest
from serving.dates import BadField
from serving.pages.render import error_page

__all__ = ["UnknownParameter", "error_response", "install", "only_known_parameters"]

_LOG = logging.getLogger("dealcast")

_CODES = {400: "bad_request", 403: "forbidden", 404: "not_found", 405: "method_not_allowed", 409: "conflict",
          413: "too_large", 415: "unsupported_media_type", 422: "bad_input", 500: "internal", 503: "unavailable"}


class UnknownParameter(DealcastError):
    """A query name that the endpoint does not have."""


def error_response(request: Request, status: int, message: str, field: str | None = None,
                   headers: dict[str, str] | None = None) -> Response:
    """The error as JSON, or as a page when a browser asked for a page."""
    if not request.url.path.startswith("/v1/") and "text/html" in request.headers.get("accept", ""):
        return error_page(status, message, headers)
    error = {"code": _CODES.get(status, f"http_{status}"), "message": message}
    if field:
        error["field"] = field
    return JSONResponse({"error": error}, status, headers)


def only_known_parameters(request: Request) -> None:
    """Refuse query names that the route does not declare: a misspelt one would otherwise be ignored in silence.

    Raises UnknownParameter.
    """
    known = [field.alias for field in request.scope["route"].dependant.query_params]
    for name in request.query_params:
        if name not in known:
            listed = f"It has: {', '.join(known)}." if known else "It has none."
            raise UnknownParameter(f"{request.url.path} has no parameter '{name}'. {listed}{nearest(name, known)}")


def install(app: FastAPI) -> None:
    """Answer every kind of failure in the one shape."""

    @app.exception_handler(DealcastError)
    def mendable(request: Request, error: DealcastError) -> Response:
        field = error.field if isinstance(error, BadField) else None
        return error_response(request, error.http_status, str(error), field)

    @app.exception_handler(RequestValidationError)
    def unreadable(request: Request, error: RequestValidationError) -> Response:
        first = error.errors()[0]
        if first["type"] == "json_invalid":
            return error_response(request, 422, f"The body is not JSON: {first.get('ctx', {}).get('error', '')}")
        field = ".".join(str(part) for part in first["loc"][1:])
        message = _worded(first, field)
        return error_response(request, 422, message, field or None)

    @app.exception_handler(HTTPException)
    def refused(request: Request, error: HTTPException) -> Response:
        messages = {400: "The body is not JSON that can be read: it must be UTF-8 text that is not nested too deeply.",
                    404: f"Nothing is at {request.url.path}. The endpoints are listed at /docs.",
                    405: f"{request.url.path} does not take {request.method}."}
        message = messages.get(error.status_code, str(error.detail))
        return error_response(request, error.status_code, message, headers=dict(error.headers or {}))

    @app.exception_handler(Exception)
    def broken(request: Request, error: Exception) -> Response:
        _LOG.error("%s %s failed", request.method, request.url.path, exc_info=error)
        return error_response(request, 500, "dealcast could not answer: this is a fault of ours. The server's log says "
                                            "where it happened.")


def _worded(found: dict[str, Any], field: str) -> str:
    if not field:
        # Nothing, a list, null, or text that was not said to be JSON.
        return "The body is not a JSON object: send one, with the header Content-Type: application/json."
    text = found["msg"].removeprefix("Value error, ")
    if found["type"] == "missing":
        return f"'{field}' is missing."
    if found["type"] == "extra_forbidden":
        return f"'{field}' is not a field of this request. /docs lists them."
    return f"{field}: {text}."
