"""What stands before every route: who may ask, how much they may send, and the headers that answers carry.

Until there are keys, only this computer is answered. The server binds to 127.0.0.1; the check here also holds
when somebody starts it with another address, and when a web page in the user's browser points a name of its own at
127.0.0.1 to read the answers (DNS rebinding).
"""

from __future__ import annotations

import ipaddress

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from serving.api.errors import error_response

__all__ = ["MAX_BODY_BYTES", "Guard"]

# 10,000 ids of 50 characters, twice over.
MAX_BODY_BYTES = 1_000_000

# Nothing but what this server itself serves, and no styles or scripts inside the page.
_HEADERS = {
    "content-security-policy": "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; "
                               "base-uri 'none'; frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cache-control": "no-store",
}


class Guard:
    """Middleware in plain ASGI: a few checks without the cost of a request object on the way through."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        headers = Headers(scope=scope)
        if not _is_here(scope, headers):
            refused = error_response(Request(scope), 403, "Only this computer is answered until access keys exist. Ask "
                                                          "from here, as http://127.0.0.1 or http://localhost.")
            await refused(scope, receive, send_with_headers)
            return
        declared = headers.get("content-length", "0")
        if not declared.isdigit() or int(declared) > MAX_BODY_BYTES:
            await _too_large(scope)(scope, receive, send_with_headers)
            return
        await self.app(scope, _limited(receive), send_with_headers)


def _is_here(scope: Scope, headers: Headers) -> bool:
    client = scope.get("client")
    host = headers.get("host", "").rsplit(":", 1)[0] if not headers.get("host", "").endswith("]") else headers["host"]
    return (client is None or _is_loopback(client[0])) and (host == "localhost" or _is_loopback(host.strip("[]")))


def _is_loopback(address: str) -> bool:
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return False


def _limited(receive: Receive) -> Receive:
    """A body sent in pieces has no declared length, so it is counted as it comes."""
    seen = 0

    async def counted() -> Message:
        nonlocal seen
        message = await receive()
        seen += len(message.get("body", b""))
        if seen > MAX_BODY_BYTES:
            raise HTTPException(413, _TOO_LARGE)
        return message

    return counted


_TOO_LARGE = f"The body is larger than {MAX_BODY_BYTES:,} bytes. Send fewer ids at a time."


def _too_large(scope: Scope) -> ASGIApp:
    return error_response(Request(scope), 413, _TOO_LARGE)
