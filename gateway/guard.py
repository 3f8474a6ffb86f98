"""What stands in the door: limits, sessions turned into tokens, no orders from other sites, and safe headers.

A service never sees a session: the cookie is taken out, a short-lived token put in. It works the same for a mounted
service, one at a URL, and the gateway's own routes.
"""

from http.cookies import CookieError, SimpleCookie
from urllib.parse import urlsplit

import anyio.to_thread
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gateway.access import Access
from gateway.contract import SESSION_COOKIE
from gateway.limits import RateLimiter, address_key, too_many
from services.kernel.identity import SAFE_METHODS, TokenVerifier
from services.kernel.problems import Problem, forbidden, problem_response

SIGN_IN_PATHS = frozenset({"/oauth/token", "/api/session", "/console/sign-in"})
UNLIMITED = ("/health/", "/console/static/")  # Asked by machines, or kept by the browser.
TOKEN_PATHS = ("/api", "/me")  # Under these a cookie is turned into a token; the console has its own way.
SECURITY_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-store",
}


class SecurityHeaders:
    """Puts the headers on every answer that does not have its own."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in SECURITY_HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        await self._app(scope, receive, send_with_headers)


class Guard:
    """Around every request: who is it, may it come now, and with which token."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        access: Access,
        verifier: TokenVerifier,
        limiter: RateLimiter,
        failures: RateLimiter,
    ) -> None:
        self._app = app
        self._access, self._verifier = access, verifier
        self._limiter, self._failures = limiter, failures

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"].startswith(UNLIMITED):
            await self._app(scope, receive, send)
            return
        try:
            caller = await self._admit(scope)
        except Problem as problem:
            await problem_response(HTTPConnection(scope), problem)(scope, receive, send)
            return
        if scope["path"] in SIGN_IN_PATHS and scope["method"] == "POST":
            send = self._watched(send, caller)
        await self._app(scope, receive, send)

    async def _admit(self, scope: Scope) -> str:
        """The key of the caller's bucket; turns a cookie into a token. Raises Problem when it may not come now."""
        headers = Headers(scope=scope)
        address = address_key(scope["client"][0] if scope.get("client") else "unknown")
        if scope["path"] in SIGN_IN_PATHS and (wait_s := self._failures.wait_s(address)):
            raise too_many(wait_s)
        caller = await self._caller(scope, headers) or address
        if wait_s := self._limiter.take(caller):
            raise too_many(wait_s)
        return address

    async def _caller(self, scope: Scope, headers: Headers) -> str | None:
        scheme, _, bearer = headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer":
            try:
                principal = self._verifier.recall(bearer)
                if principal is None:
                    principal = await anyio.to_thread.run_sync(self._verifier.verify, bearer)
            except Problem:
                return None  # The route or the service says what is wrong with it.
            return f"{principal.kind}:{principal.subject}"
        secret = cookies_of(headers).get(SESSION_COOKIE, "")
        if not secret or scheme:
            return None
        found = await self._access.session(secret)
        if found is None:
            return None
        if _under(scope["path"], TOKEN_PATHS):
            if scope["method"] not in SAFE_METHODS:
                refuse_other_sites(headers)
            scope["headers"] = _with_token(scope["headers"], found[0])
            scope.setdefault("state", {})["session"] = secret
        return f"user:{found[1].principal.subject}"

    def _watched(self, send: Send, address: str) -> Send:
        """Count an attempt to sign in that fails."""

        async def watch(message: Message) -> None:
            if message["type"] == "http.response.start" and message["status"] in (400, 401):
                self._failures.take(address)
            await send(message)

        return watch


def refuse_other_sites(headers: Headers) -> None:
    """Raise Problem `forbidden` unless the browser says that its own page of this site sent the request."""
    said = headers.get("sec-fetch-site")
    if said is not None:
        ours = said in ("same-origin", "none")
    else:
        ours = urlsplit(headers.get("origin", "")).netloc == headers.get("host", "-")
    if not ours:
        raise forbidden(
            "请求来自其他网站，或未说明来源，已拒绝。",
            "The request came from another site, or does not say where from, and was refused.",
        )


def cookies_of(headers: Headers) -> dict[str, str]:
    """Cookies of a request; none when they cannot be read."""
    jar: SimpleCookie = SimpleCookie()
    try:
        jar.load("; ".join(headers.getlist("cookie")))
    except CookieError:
        return {}
    return {name: morsel.value for name, morsel in jar.items()}


def _with_token(headers: list[tuple[bytes, bytes]], token: str) -> list[tuple[bytes, bytes]]:
    kept = [(name, value) for name, value in headers if name != b"cookie"]
    cookies = [
        pair.strip()
        for name, value in headers
        if name == b"cookie"
        for pair in value.split(b";")
        if pair.strip().partition(b"=")[0] != SESSION_COOKIE.encode()
    ]
    if cookies:  # The language is one.
        kept.append((b"cookie", b"; ".join(cookies)))
    return [*kept, (b"authorization", f"Bearer {token}".encode())]


def _under(path: str, prefixes: tuple[str, ...]) -> bool:
    return any(path == prefix or path.startswith(f"{prefix}/") for prefix in prefixes)
