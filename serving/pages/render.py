"""Templates to HTML. A name that the template uses and nobody gave is an error, never an empty string."""

from __future__ import annotations

import hashlib
import re
from functools import lru_cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.responses import HTMLResponse

from serving.pages import words

__all__ = ["STATIC", "error_page", "page"]

_TITLES = {403: "Not from there", 404: "Not there", 409: "Not possible yet", 500: "Something broke"}
STATIC = Path(__file__).parent / "static"


@lru_cache(maxsize=1)
def _environment() -> Environment:
    environment = Environment(loader=PackageLoader("serving.pages"), autoescape=True, undefined=StrictUndefined,
                              trim_blocks=True, lstrip_blocks=True)
    environment.filters.update(short_money=words.short_money, money=words.money, number=words.number,
                               percent=words.percent, day=words.day, moment=words.moment)
    # The style sheet's address changes with its content, so that browsers may keep it.
    content = (STATIC / "dealcast.css").read_bytes()
    environment.globals["stylesheet"] = f"/static/dealcast.css?v={hashlib.sha256(content).hexdigest()[:12]}"
    return environment


def page(template: str, status: int = 200, headers: dict[str, str] | None = None, **values: Any) -> HTMLResponse:
    """Render a template of this package with the given values."""
    return HTMLResponse(_environment().get_template(template).render(**values), status, headers)


def error_page(status: int, message: str, headers: dict[str, str] | None = None) -> HTMLResponse:
    """What went wrong and its cure, without a traceback."""
    # Commands stand apart from the words around them.
    pieces = [(piece, piece.startswith("dealcast ")) for piece in re.split(r"(dealcast --home [^()\n]+)", message)]
    return page("error.html", status, headers, title=_TITLES.get(status, "That did not work"), pieces=pieces)
