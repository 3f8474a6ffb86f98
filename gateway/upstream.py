"""The services behind the gateway: mounted in this process or at a URL, called and passed through the same way."""

from collections.abc import AsyncIterator, Iterable, Mapping
from typing import Any

import anyio
import httpx2
import structlog
from pydantic import ValidationError
from starlette.responses import StreamingResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from gateway.contract import API, ServiceHealth
from gateway.settings import GatewaySettings
from services.kernel.health import HealthReport
from services.kernel.http import CORRELATION_HEADER
from services.kernel.logs import correlation_id
from services.kernel.problems import Problem

HOP_BY_HOP = frozenset(
    {
        "connection", "keep-alive", "proxy-authenticate", "proxy-authorization", "proxy-connection", "te", "trailer",
        "transfer-encoding", "upgrade",
    }
)  # fmt: skip
CONNECTIONS_MAX = 200

log = structlog.get_logger(__name__)


class Services:
    """Every service that the gateway leads to, by name; a name that is mounted needs no URL."""

    def __init__(self, settings: GatewaySettings, mounted: Mapping[str, ASGIApp]) -> None:
        self.mounted = dict(mounted)
        self.urls = {name: url.rstrip("/") for name, url in settings.service_urls.items() if name not in mounted}
        self._timeout = httpx2.Timeout(settings.answer_timeout_s, connect=settings.connect_timeout_s)
        limits = httpx2.Limits(max_connections=CONNECTIONS_MAX, max_keepalive_connections=50)
        pool = httpx2.AsyncHTTPTransport(limits=limits) if self.urls else None
        self._transports: dict[str, httpx2.AsyncBaseTransport] = {
            name: httpx2.ASGITransport(app, raise_app_exceptions=False) for name, app in self.mounted.items()
        }
        self._transports.update({name: pool for name in self.urls if pool is not None})
        self._pool = pool

    @property
    def names(self) -> list[str]:
        """All services, sorted."""
        return sorted(self._transports)

    def client(self, name: str, token: str = "") -> httpx2.AsyncClient:
        """A cheap client of one service for one caller; closing it is not needed. Raises KeyError.

        The correlation id of the request that is being answered goes along.
        """
        return httpx2.AsyncClient(
            transport=_Borrowed(self._transports[name]),
            base_url=self.urls.get(name, f"http://{name}"),
            headers={"Authorization": f"Bearer {token}"} if token else None,
            timeout=self._timeout,
        )

    def proxy(self, name: str) -> "Proxy":
        """What passes requests on to a service at a URL."""
        return Proxy(name, self.urls[name], self._transports[name], self._timeout)

    async def health(self, name: str) -> ServiceHealth:
        """A service's own report; none when it does not answer as one."""
        try:
            answer = await self.client(name).get("/health/ready", timeout=2.0)
            return ServiceHealth(service=name, reachable=True, report=HealthReport.model_validate_json(answer.content))
        except (httpx2.HTTPError, ValidationError) as error:
            log.info("service unreachable", name=name, error=repr(error))
            return ServiceHealth(service=name, reachable=False)

    async def close(self) -> None:
        """Close the connections to services at URLs."""
        if self._pool is not None:
            await self._pool.aclose()


class _Borrowed(httpx2.AsyncBaseTransport):
    """A transport that many clients use and none closes."""

    def __init__(self, transport: httpx2.AsyncBaseTransport) -> None:
        self._transport = transport

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        if identifier := correlation_id():
            request.headers.setdefault(CORRELATION_HEADER, identifier)
        return await self._transport.handle_async_request(request)

    async def aclose(self) -> None:
        pass


class Proxy:
    """An ASGI application that streams each request to one service and its answer back, body unread."""

    def __init__(self, name: str, url: str, transport: httpx2.AsyncBaseTransport, timeout: httpx2.Timeout) -> None:
        self._name, self._transport, self._timeout = name, transport, timeout
        self._url = httpx2.URL(url)
        self._base_path = self._url.raw_path.rstrip(b"/")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await send({"type": "websocket.close", "code": 1011})
            return
        try:
            answer = await self._transport.handle_async_request(self._request(scope, receive))
        except httpx2.TimeoutException as error:
            raise Problem(
                "gateway-timeout",
                504,
                f"服务 {self._name} 未及时应答。",
                f"The service {self._name} did not answer in time.",
            ) from error
        except httpx2.TransportError as error:
            log.warning("service unreachable", name=self._name, error=repr(error))
            raise Problem(
                "bad-gateway", 502, f"无法连接服务 {self._name}。", f"The service {self._name} cannot be reached."
            ) from error
        response = StreamingResponse(_passed_on(answer), answer.status_code)
        response.raw_headers = [
            (name.lower(), value) for name, value in _end_to_end(answer.headers.raw) if name.lower() != b"location"
        ]
        if location := answer.headers.get("location"):
            response.headers["Location"] = self._own_address(location)
        await response(scope, receive, send)

    def _request(self, scope: Scope, receive: Receive) -> httpx2.Request:
        raw_path: bytes = scope.get("raw_path") or scope["path"].encode()
        path = raw_path.partition(b"?")[0][len(f"{API}/{self._name}") :] or b"/"
        if query := scope["query_string"]:
            path += b"?" + query
        headers = [(name, value) for name, value in _end_to_end(scope["headers"]) if name != b"host"]
        if identifier := correlation_id():
            mark = CORRELATION_HEADER.lower().encode()
            headers = [*(pair for pair in headers if pair[0] != mark), (mark, identifier.encode())]
        has_body = any(name in (b"content-length", b"transfer-encoding") for name, _ in scope["headers"])
        return httpx2.Request(
            scope["method"],
            self._url.copy_with(raw_path=self._base_path + path),
            headers=headers,
            content=_body(receive) if has_body else None,
            extensions={"timeout": self._timeout.as_dict()},
        )

    def _own_address(self, location: str) -> str:
        """A redirect within the service, as the caller has to write it."""
        base = str(self._url).rstrip("/")
        for prefix in (base, self._base_path.decode()):
            if location.startswith(f"{prefix}/"):
                return f"{API}/{self._name}{location.removeprefix(prefix)}"
        return location


async def _body(receive: Receive) -> AsyncIterator[bytes]:
    more = True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise httpx2.ReadError("the caller went away")
        more = message.get("more_body", False)
        if chunk := message.get("body", b""):
            yield chunk


async def _passed_on(answer: httpx2.Response) -> AsyncIterator[bytes]:
    stream: Any = answer.stream
    try:
        async for chunk in stream:
            yield chunk
    finally:
        with anyio.CancelScope(shield=True):  # Also when the caller went away: the connection goes back.
            await stream.aclose()


def _end_to_end(headers: Iterable[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    """Without the headers that are for the next hop only (RFC 9110, 7.6.1)."""
    given = list(headers)
    named = {
        each.strip().lower()
        for name, value in given
        if name.lower() == b"connection"
        for each in value.decode("latin-1").split(",")
    }
    return [(name, value) for name, value in given if name.decode("latin-1").lower() not in HOP_BY_HOP | named]
