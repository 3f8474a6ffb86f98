"""The HTTP shell that every service wears: the same middleware, health, metrics, problems and paging."""

import re
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import unquote_to_bytes

import anyio.to_thread
import structlog
from fastapi import APIRouter, FastAPI
from fastapi.responses import JSONResponse, Response
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from services.kernel.chance import new_id
from services.kernel.clock import monotonic_s
from services.kernel.clock import wall_now as machine_wall_now
from services.kernel.health import Check, Health, HealthCheck, HealthReport
from services.kernel.identity import TokenVerifier
from services.kernel.logs import correlated, correlation_id
from services.kernel.metrics import Metrics
from services.kernel.paging import Cursor, Limit, Page, decode_cursor, encode_cursor, page_of
from services.kernel.problems import (
    MEDIA_TYPE,
    Problem,
    ProblemDocument,
    internal_error,
    problem_handlers,
    problem_response,
)
from services.kernel.settings import KernelSettings

__all__ = [
    "CORRELATION_HEADER",
    "Cursor",
    "Limit",
    "Page",
    "RequestMiddleware",
    "Resource",
    "ServiceApplication",
    "create_service_app",
    "decode_cursor",
    "encode_cursor",
    "page_of",
]

CORRELATION_HEADER = "X-Correlation-Id"
_CORRELATION_SHAPE = re.compile(r"[A-Za-z0-9._:-]{1,64}")
_METHODS = frozenset({"GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"})
_QUIET_PATHS = ("/health/live", "/health/ready", "/metrics")  # Asked every few seconds by machines.
_PROBLEM_ANSWER: dict[int | str, dict[str, Any]] = {
    "default": {
        "description": "问题详情 · Problem detail (RFC 9457)",
        "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/ProblemDocument"}}},
    }
}

_log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Resource:
    """A part that lives as long as the application: how it starts and stops, how one sees that it is well.

    All four may be left out. `start` and `stop` run in a thread, in the order given and its reverse; `check` passes
    unless it raises or returns False, and a `required` one that fails makes the service not ready.
    """

    name: str
    start: Callable[[], object] | None = None
    stop: Callable[[], object] | None = None
    check: Check | None = None
    statistics: Callable[[], Mapping[str, Any]] | None = None
    required: bool = True
    hint_zh: str = "请查看该服务的日志。"
    hint_en: str = "See the log of this service."


class ServiceApplication(FastAPI):
    """A FastAPI application whose every operation documents the problem detail as its error answer."""

    def openapi(self) -> dict[str, Any]:
        if self.openapi_schema is None:
            schema = super().openapi()
            schemas = schema.setdefault("components", {}).setdefault("schemas", {})
            document = ProblemDocument.model_json_schema(ref_template="#/components/schemas/{model}")
            schemas.update(document.pop("$defs", {}))
            schemas["ProblemDocument"] = document
            self.openapi_schema = schema
        return self.openapi_schema


def create_service_app(
    settings: KernelSettings,
    title: str,
    routers: Iterable[APIRouter] = (),
    resources: Iterable[Resource] = (),
    *,
    description: str = "",
    verifier: TokenVerifier | None = None,
    metrics: Metrics | None = None,
    wall_now: Callable[[], datetime] = machine_wall_now,
) -> ServiceApplication:
    """An application with `routers`, which starts and stops `resources` with itself and reports their health.

    It has GET /health/live, /health/ready, /metrics and /openapi.json; `app.state` holds `settings`, `verifier`,
    `health` and `metrics`. The interactive pages of FastAPI are off: they load scripts from elsewhere.
    """
    parts = tuple(resources)
    verifier = verifier or TokenVerifier(settings.resolved_jwks(), wall_now)
    health = Health(settings.service)
    metrics = metrics or Metrics()
    # Not required: with another service down the devices' data must still come in.
    health.add(HealthCheck("keys", verifier.check, required=False, hint_zh=_KEYS_ZH, hint_en=_KEYS_EN))
    metrics.watch("tokens", verifier.statistics)
    for part in parts:
        if part.check is not None:
            health.add(HealthCheck(part.name, part.check, part.required, part.hint_zh, part.hint_en))
        if part.statistics is not None:
            metrics.watch(part.name, part.statistics)
    app = ServiceApplication(
        title=title,
        description=description,
        docs_url=None,
        redoc_url=None,
        responses=_PROBLEM_ANSWER,
        lifespan=_lifespan(settings.service, parts),
    )
    app.state.settings, app.state.verifier, app.state.health, app.state.metrics = settings, verifier, health, metrics
    problem_handlers(app)
    app.add_middleware(
        RequestMiddleware, service=settings.service, metrics=metrics, body_bytes_max=settings.body_bytes_max
    )
    app.include_router(_operations_router(settings.service, health, metrics))
    for router in routers:
        app.include_router(router)
    return app


_KEYS_ZH = "没有验证令牌的公钥：请检查 OPENSOM_JWKS，或先启动网关。"
_KEYS_EN = "There are no keys to check tokens by: check OPENSOM_JWKS, or start the gateway first."


def _lifespan(service: str, parts: tuple[Resource, ...]) -> Callable[[FastAPI], Any]:
    async def stop(part: Resource) -> None:
        if part.stop is None:
            return
        try:
            await anyio.to_thread.run_sync(part.stop)
        except Exception:  # One part that stops badly must not keep the others from stopping.
            _log.exception("resource did not stop cleanly", resource=part.name)

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            with correlated("", service):
                for part in parts:
                    if part.start is not None:
                        await anyio.to_thread.run_sync(part.start)
                    stack.push_async_callback(stop, part)
                _log.info("service started", resources=[part.name for part in parts])
            yield

    return lifespan


def _operations_router(service: str, health: Health, metrics: Metrics) -> APIRouter:
    router = APIRouter(tags=["operations"])

    @router.get("/health/live", summary="服务是否存活 · Is the process alive")
    async def live() -> dict[str, str]:
        return {"service": service, "status": "alive"}

    @router.get(
        "/health/ready",
        summary="服务是否就绪 · Is what it stands on there",
        response_model=HealthReport,
        responses={503: {"model": HealthReport, "description": "必需的检查未通过 · A required check fails"}},
    )
    async def ready() -> JSONResponse:
        report = await health.report()
        return JSONResponse(report.model_dump(mode="json"), 503 if report.status == "unavailable" else 200)

    @router.get("/metrics", include_in_schema=False)
    def scrape() -> Response:
        content, media_type = metrics.render()
        return Response(content, headers={"Content-Type": media_type})

    return router


class RequestMiddleware:
    """Around every request: correlation id, limits, request figures, one log line, and the answer to the unexpected.

    The correlation id is the caller's `X-Correlation-Id` when it is a plain word of at most 64 characters, else the
    one of the surrounding request (a service mounted or called in the same process), else a new one.
    """

    def __init__(self, app: ASGIApp, *, service: str, metrics: Metrics, body_bytes_max: int) -> None:
        self._app = app
        self._service = service
        self._body_bytes_max = body_bytes_max
        labels = ("method", "route", "status")
        self._seconds = metrics.histogram("http_request_seconds", "Time to answer a request", labels)
        self._in_flight = metrics.gauge("http_requests_in_flight", "Requests being answered")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        given = Headers(scope=scope).get(CORRELATION_HEADER, "")
        identifier = given if _CORRELATION_SHAPE.fullmatch(given) else correlation_id() or new_id()
        status = 0

        async def send_marked(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                MutableHeaders(scope=message)[CORRELATION_HEADER] = identifier
            await send(message)

        start_s = monotonic_s()
        with correlated(identifier, self._service), self._in_flight.track_inprogress():
            try:
                await self._answer(scope, receive, send_marked)
            except Exception as error:
                answer = internal_error(HTTPConnection(scope), error)  # Logs it, while the correlation id is known.
                if status:  # Half an answer is out: only a broken connection can tell the caller.
                    raise
                await answer(scope, receive, send_marked)
            finally:
                self._note(scope, status, monotonic_s() - start_s)

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        problem = _refusal(scope, self._body_bytes_max)
        if problem is not None:
            await problem_response(HTTPConnection(scope), problem)(scope, receive, send)
            return
        received_bytes = 0

        async def receive_limited() -> Message:
            nonlocal received_bytes
            message = await receive()
            received_bytes += len(message.get("body", b""))
            if received_bytes > self._body_bytes_max:
                raise _body_too_large(self._body_bytes_max)
            return message

        await self._app(scope, receive_limited, send)

    def _note(self, scope: Scope, status: int, seconds: float) -> None:
        method = scope["method"] if scope["method"] in _METHODS else "other"
        # The route's pattern, never the path: a figure for every identifier would grow without end.
        route = getattr(scope.get("route"), "path", "unmatched")
        self._seconds.labels(method, route, str(status)).observe(seconds)
        principal = scope.get("state", {}).get("principal")
        write = _log.debug if scope["path"].endswith(_QUIET_PATHS) else _log.info
        write(
            "request",
            method=method,
            path=scope["path"],
            status=status,
            duration_ms=round(seconds * 1000, 3),
            subject=principal.subject if principal else None,
            organisation=principal.organisation_id if principal else None,
        )


def _refusal(scope: Scope, body_bytes_max: int) -> Problem | None:
    """What is wrong with a request before anything of its body is read."""
    length = Headers(scope=scope).get("content-length", "")
    if length.isdigit() and int(length) > body_bytes_max:
        return _body_too_large(body_bytes_max)
    if "\0" in scope["path"] or b"\0" in unquote_to_bytes(scope["query_string"]):
        # PostgreSQL keeps no such text, and nobody means it.
        return Problem("null-character", 400, "网址中不能有空字符。", "A null character cannot stand in an address.")
    return None


def _body_too_large(bytes_max: int) -> Problem:
    return Problem(
        "body-too-large",
        413,
        f"请求内容超过上限 {bytes_max} 字节。",
        f"The request body is larger than the {bytes_max} bytes that are accepted.",
        bytes_max=bytes_max,
    )
