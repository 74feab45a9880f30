"""The BentoML service: `bentoml serve serving.service:Dealcast`, the home from DEALCAST_HOME.

Lean settings: BentoML's own tracing, access log and metrics cost as much as the rest of a request; the routes are a
mounted web application.
"""

from __future__ import annotations

import os

# Read when BentoML first reports, so it is set before anything of BentoML runs: nothing is reported to anybody.
os.environ["BENTOML_DO_NOT_TRACK"] = "True"

import logging
from typing import Any

import bentoml

from features.errors import DealcastError
from serving.api.app import create_app

__all__ = ["Dealcast"]

_APP = create_app()
_LOG = logging.getLogger("dealcast")


async def _mounted(scope: Any, receive: Any, send: Any) -> None:
    # A plain function, because BentoML looks into an application's routes and answers unknown paths itself: errors
    # would have two shapes.
    await _APP(scope, receive, send)


@bentoml.service(name="dealcast", workers=1, http={"host": "127.0.0.1"}, logging={"access": {"enabled": False}},
                 metrics={"enabled": False}, tracing={"excluded_urls": ".*"}, traffic={"timeout": 120})
@bentoml.asgi_app(_mounted, path="/")
class Dealcast:
    """Scores and forecasts of the company in DEALCAST_HOME."""

    def __init__(self) -> None:
        # Read before the server says that it is ready, so that the first request does not wait for it.
        try:
            company = _APP.state.companies.now()
            _LOG.info("serving %s from %s", company.mapping.company, company.home.path)
        except DealcastError as error:
            _LOG.warning("%s", error)
