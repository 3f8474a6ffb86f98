"""Signing in by a one-time link, and out.

The link opens a page whose form exchanges it: a browser that only looks ahead at the link does not use it up, and the
session's cookie (SameSite=Strict) comes with a request of our own site.
"""

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from gateway.console.page import HEADERS, HOME, SESSION_COOKIE, ConsoleRoute, Posted, Visit, refuse_other_sites
from services.kernel.problems import Problem

LINK_CHARACTERS_MAX = 512

router = APIRouter(prefix="/console", route_class=ConsoleRoute)


@router.get("/sign-in")
async def sign_in_page(request: Request, link: str = "", next: str = HOME) -> HTMLResponse:
    return _page(request, link[:LINK_CHARACTERS_MAX], next)


@router.post("/sign-in")
async def sign_in(request: Request) -> Response:
    """Exchange the link for a session."""
    refuse_other_sites(request)
    form = await request.form(max_files=0, max_fields=10)
    link, wish = form.get("link"), form.get("next")
    after = wish if isinstance(wish, str) else HOME
    visit = Visit(request)
    try:
        session = await visit.console.sessions.redeem(link.strip() if isinstance(link, str) else "")
    except Problem as problem:
        return _page(request, "", after, problem)
    answer = RedirectResponse(after if after.startswith(HOME) else HOME, 303, HEADERS)
    answer.set_cookie(
        SESSION_COOKIE, session, httponly=True, samesite="strict", secure=visit.console.cookie_secure, path="/"
    )
    return answer


@router.post("/sign-out")
async def sign_out(form: Posted) -> Response:
    await form.page.console.sessions.end(form.page.session)
    answer = RedirectResponse(f"{HOME}/sign-in", 303, HEADERS)
    answer.delete_cookie(SESSION_COOKIE, path="/", httponly=True, samesite="strict")
    return answer


def _page(request: Request, link: str, after: str, problem: Problem | None = None) -> HTMLResponse:
    status = problem.status if problem else 200
    return Visit(request).html(
        "sign_in.html", status, screen="sign_in", stream_url="", link=link, after=after, problem=problem
    )
