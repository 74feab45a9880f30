"""The whole web application: the API, its page, the managers' page and what stands before them."""

from __future__ import annotations

import os
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from fastapi import Depends, FastAPI
from starlette.staticfiles import StaticFiles

from serving.api import docs, errors, routes
from serving.api.guard import Guard
from serving.company import Companies
from serving.pages import routes as pages
from serving.pages.render import STATIC

__all__ = ["create_app"]


def create_app(companies: Companies | None = None) -> FastAPI:
    """The application over a home; without one, over that of DEALCAST_HOME or ./dealcast-home.

    Nothing is read before the first request.
    """
    app = FastAPI(title="dealcast", version=_version(), docs_url=None, redoc_url=None,
                  description="Lead scores and sales forecasts in which everything is as of a date.")
    app.state.companies = companies or Companies(Path(os.environ.get("DEALCAST_HOME", "dealcast-home")))
    app.include_router(routes.router)
    app.include_router(pages.router, dependencies=[Depends(errors.only_known_parameters)])
    app.mount("/static", StaticFiles(directory=STATIC))
    docs.install(app)
    errors.install(app)
    app.add_middleware(Guard)
    return app


def _version() -> str:
    try:
        return version("dealcast")
    except PackageNotFoundError:  # run from a checkout without being installed
        return "0"
