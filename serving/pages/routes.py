"""The managers' page at `/` and its chart. Addresses are plain GETs, so a view can be kept and sent on."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Literal

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from serving.company import Company
from serving.dates import BadField
from serving.pages.charts import forecast_chart
from serving.pages.deals import deal as deal_page
from serving.pages.deals import deals as deals_page
from serving.pages.leads import lead as lead_page
from serving.pages.leads import leads as leads_page
from serving.pages.overview import chart_bars, overview
from serving.pages.render import page

__all__ = ["router"]

router = APIRouter(include_in_schema=False)
MINUTE = 60_000_000
LAST = int(datetime(2060, 1, 1, tzinfo=UTC).timestamp()) * 1_000_000  # years that the calendar has, from 1970 on


def _company(request: Request) -> Company:
    company: Company = request.app.state.companies.now()
    return company


@router.get("/")
def home(request: Request, as_of: Annotated[str | None, Query()] = None, period: Annotated[str | None, Query()] = None,
         deals: Annotated[Literal["top", "all"], Query()] = "top", by: Annotated[str, Query()] = "owner") -> Response:
    """The forecast of a period as of the end of a day: both as picked, or the quarter under way as of now."""
    company = _company(request)
    return page("overview.html", **overview(company, _moment(company, as_of), period or None, deals == "all", by))


@router.get("/deals")
def deal_list(request: Request, as_of: Annotated[str | None, Query()] = None,
              sort: Annotated[Literal["look", "amount", "chance", "slip", "rising", "falling"], Query()] = "look",
              deals: Annotated[Literal["top", "all"], Query()] = "top") -> Response:
    """The open deals as of the end of a day, those that deserve a look first."""
    company = _company(request)
    return page("deals.html", **deals_page(company, _moment(company, as_of), sort, deals == "all"))


@router.get("/deals/{deal_id:path}")
def one_deal(request: Request, deal_id: str, as_of: Annotated[str | None, Query()] = None) -> Response:
    """One deal: its chances by date, its date and amount, where it stands, why, and what it was before."""
    company = _company(request)
    return page("deal.html", **deal_page(company, _moment(company, as_of), deal_id))


@router.get("/leads")
def lead_list(request: Request, as_of: Annotated[str | None, Query()] = None,
              sort: Annotated[Literal["score", "value", "rising", "falling"], Query()] = "score",
              leads: Annotated[Literal["top", "all"], Query()] = "top") -> Response:
    """The open leads as of the end of a day."""
    company = _company(request)
    return page("leads.html", **leads_page(company, _moment(company, as_of), sort, leads == "all"))


@router.get("/leads/{lead_id:path}")
def one_lead(request: Request, lead_id: str, as_of: Annotated[str | None, Query()] = None) -> Response:
    """One lead: its score, why, what would change it, and what it was before."""
    company = _company(request)
    return page("lead.html", **lead_page(company, _moment(company, as_of), lead_id))


def _moment(company: Company, as_of: str | None) -> int:
    moment = company.read_day(as_of or None)
    if moment == company.present() and not company.mapping.simulated:
        moment -= moment % MINUTE  # so that who looks twice within a minute does not wait twice
    return moment


@router.get("/charts/forecast.svg")
def chart(request: Request, at: Annotated[int, Query(ge=0, le=LAST)], period: Annotated[str, Query()],
          theme: Annotated[Literal["light", "dark"], Query()] = "light",
          size: Annotated[Literal["wide", "narrow"], Query()] = "wide") -> Response:
    """The forecast's chart as of a moment in microseconds."""
    company = _company(request)
    if at > company.present():
        raise BadField("That moment lies ahead: nothing is known of it.", "at")
    bars, currency, description = chart_bars(company, at, period)
    svg = forecast_chart(bars, currency, theme, size == "narrow", description)
    # matplotlib styles its shapes one by one; nothing else in the picture may do or load anything.
    return Response(svg, media_type="image/svg+xml",
                    headers={"content-security-policy": "default-src 'none'; style-src 'unsafe-inline'"})
