"""One visit to a page: who, in which language, and what the page needs to answer."""

import hashlib
import hmac
from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import urlencode

import structlog
from fastapi import Depends, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from fastapi.routing import APIRoute
from starlette.datastructures import FormData
from starlette.exceptions import HTTPException

from gateway.console import language as languages
from gateway.console import render
from gateway.console.panels import Fragment, Panel, load
from gateway.console.sources import Sources
from gateway.console.views import Viewer
from services.kernel.logs import correlation_id
from services.kernel.problems import Problem, forbidden, invalid_request

if TYPE_CHECKING:
    from gateway.console.console import Console

HOME = "/console"
STREAM = "/console/stream"
NOT_KEPT = frozenset({"lang", "notice", "of", "screen", "subject", "at"})  # Query parameters that name no filter.
SESSION_COOKIE = "opensom_session"
YEAR_S = 365 * 24 * 3600
HEADERS = {
    # Strict: charts draw without inline styles because machine.html stands in for the style sheets that Plotly adds.
    "Content-Security-Policy": (
        "default-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cache-Control": "no-store",
    "Vary": "Accept-Language, Cookie",
}

log = structlog.get_logger("console")


class Visit:
    """A request to the console, signed in or not."""

    viewer: Viewer | None = None
    session: str = ""

    def __init__(self, request: Request) -> None:
        self.request = request
        self.console: Console = request.app.state.console
        self.language = languages.language_of(request)

    @property
    def query(self) -> Mapping[str, str]:
        return self.request.query_params

    @property
    def path(self) -> str:
        """The page's own path, also when its stream asks."""
        at = self.query.get("at", "")
        return at if self.request.url.path == STREAM and at.startswith(HOME) else self.request.url.path

    @property
    def subject(self) -> str:
        """Id of the thing that the page is about: in a page's path, in a stream's query."""
        return str(self.request.path_params.get("subject") or self.query.get("subject", ""))

    @property
    def csrf(self) -> str:
        """The token that proves that a form came from this session's own page."""
        return hmac.new(self.console.secret, self.session.encode(), hashlib.sha256).hexdigest()

    def may(self, ability: str) -> bool:
        return self.viewer is not None and self.viewer.may(ability)

    def here(self, **changes: str | None) -> str:
        """This page's address with some query parameters changed; none removes one; a notice is not repeated."""
        query = {name: value for name, value in self.query.items() if name not in NOT_KEPT}
        query.update({name: value for name, value in changes.items() if value is not None})
        for name in [name for name, value in changes.items() if value is None]:
            query.pop(name, None)
        return f"{self.path}?{urlencode(query)}" if query else self.path

    def new_key(self) -> str:
        return self.console.new_id()

    def html(self, template: str, status: int = 200, **context: Any) -> HTMLResponse:
        """The answer with all headers; remembers the language when it was chosen in the address."""
        answer = HTMLResponse(render.draw(self, template, **context), status, HEADERS)
        if self.query.get("lang") == self.language:
            answer.set_cookie(languages.COOKIE, self.language, max_age=YEAR_S, samesite="lax")
        return answer


class ConsolePage(Visit):
    """A visit of someone who is signed in."""

    viewer: Viewer
    sources: Sources

    async def show(
        self,
        template: str,
        screen: str,
        fragments: Sequence[Fragment],
        **context: Any,
    ) -> HTMLResponse:
        """Ask for all fragments in parallel, and answer with the page drawn."""
        panels = await load(self, fragments)
        return self.shown(template, screen, fragments, panels, **context)

    def shown(
        self, template: str, screen: str, fragments: Sequence[Fragment], panels: Mapping[str, Panel], **context: Any
    ) -> HTMLResponse:
        """Answer with a page whose panels are there already."""
        drawn = {fragment.name: render.drawn(self, fragment, panels[fragment.name]) for fragment in fragments}
        query = {name: value for name, value in self.query.items() if name not in NOT_KEPT}
        query |= {"screen": screen, "subject": self.subject, "at": self.path}
        return self.html(
            template,
            screen=screen,
            panels=panels,
            fragment=drawn,
            stream_url=f"{STREAM}?{urlencode(query)}",
            **context,
        )


async def open_page(request: Request) -> ConsolePage:
    """The visit of someone signed in; raises 401 `sign-in-needed` otherwise."""
    page = ConsolePage(request)
    page.session = request.cookies.get(SESSION_COOKIE, "")
    viewer = await page.console.sessions.viewer(page.session) if page.session else None
    if viewer is None:
        raise Problem("sign-in-needed", 401, "请先登录。", "Sign in first.")
    page.viewer = viewer
    page.sources = await page.console.sessions.sources(page.session)
    return page


class PostedForm:
    """A form that came from our own page, and the visit it belongs to."""

    def __init__(self, page: ConsolePage, form: FormData) -> None:
        self.page = page
        self._form = form

    def text(self, name: str, length_max: int = 2000) -> str:
        """A field's text, stripped; raises `invalid-request` when it is missing or too long."""
        value = self._form.get(name)
        if not isinstance(value, str) or len(value) > length_max:
            raise Problem(
                "invalid-request", 422, f"表单项 {name} 缺失或过长。", f"The field {name} is missing or too long."
            )
        return value.strip()

    def optional(self, name: str, length_max: int = 2000) -> str:
        return self.text(name, length_max) if name in self._form else ""

    def items(self) -> Sequence[tuple[str, str]]:
        return [(name, value) for name, value in self._form.multi_items() if isinstance(value, str)]

    def done(self, notice: str, of: str = "") -> Response:
        """Back to the page that the form was on, with a notice that names what was done."""
        back = self.optional("back")
        path = back if back.startswith(HOME) else HOME
        join = "&" if "?" in path else "?"
        return RedirectResponse(f"{path}{join}{urlencode({'notice': notice, 'of': of})}", 303, HEADERS)


def refuse_other_sites(request: Request) -> None:
    """Raise 403 for a form that another site sent; browsers say so themselves."""
    if request.headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
        raise forbidden("此表单来自其他网站，已拒绝。", "This form came from another site and was refused.")


async def posted_form(page: Annotated[ConsolePage, Depends(open_page)]) -> PostedForm:
    """The form of a POST with a valid token; raises 403 otherwise."""
    refuse_other_sites(page.request)
    form = await page.request.form(max_files=0, max_fields=100)
    token = form.get("csrf")
    if not isinstance(token, str) or not hmac.compare_digest(token.encode(), page.csrf.encode()):
        raise forbidden(
            "此表单已过期，请返回上一页，刷新后重试。",
            "This form is out of date. Go back, reload the page and try again.",
        )
    return PostedForm(page, form)


def need(page: Visit, ability: str) -> None:
    """Raise 403 when the viewer's roles do not allow `ability`."""
    if not page.may(ability):
        raise forbidden()


Opened = Annotated[ConsolePage, Depends(open_page)]
Posted = Annotated[PostedForm, Depends(posted_form)]


class ConsoleRoute(APIRoute):
    """A route whose problems are pages for people: an error page, or the way to the sign-in."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        inner = super().get_route_handler()

        async def answer(request: Request) -> Response:
            try:
                return await inner(request)
            except RequestValidationError as error:
                return await problem_page(request, invalid_request(error.errors()))
            except Problem as problem:
                return await problem_page(request, problem)
            except HTTPException as error:
                return await problem_page(request, Problem("http-error", error.status_code, error.detail, error.detail))
            except Exception as error:
                log.error("page failed", path=request.url.path, exc_info=error)
                return await problem_page(
                    request,
                    Problem(
                        "internal-error", 500, "页面内部出错，已记入日志。", "Something went wrong and was logged."
                    ),
                )

        return answer


async def problem_page(request: Request, problem: Problem) -> Response:
    """The page of a problem: what happened, what to do, and what to quote."""
    visit: Visit = Visit(request)
    if problem.code == "sign-in-needed":
        query = urlencode({"next": visit.here()}) if request.method == "GET" and visit.path != HOME else ""
        return RedirectResponse(f"{HOME}/sign-in" + (f"?{query}" if query else ""), 303, HEADERS)
    try:
        visit = await open_page(request)
    except Exception as error:
        # The error page itself must not need a session, or a session store that answers.
        log.info("problem page without viewer", error=repr(error))
    return visit.html(
        "problem.html",
        problem.status,
        screen="problem",
        stream_url="",
        problem=problem,
        correlation=correlation_id(),
    )
