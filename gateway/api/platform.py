"""The platform as a whole: clock, simulator, health, events as they come, and the merged description."""

from collections.abc import AsyncIterator
from typing import Annotated

import anyio.to_thread
from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse, JSONResponse, Response, StreamingResponse

from gateway import docs_page
from gateway.clock_keeper import ClockKeeper
from gateway.contract import ClockChange, ClockState, PlatformHealth
from gateway.hub import EventHub, HubFilter
from gateway.openapi import Descriptions
from gateway.platform_health import platform_health
from gateway.service.identity import may_run_platform
from gateway.simulator_door import SimulatorDoor, SimulatorState
from gateway.upstream import Services
from services.kernel.events import Event
from services.kernel.identity import Principal, Role, requires
from services.kernel.problems import LANGUAGE_COOKIE, forbidden, language_of, unavailable
from simulator.contract import SimulatorCommand

SILENCE_S_MAX = 15.0  # A comment after this keeps proxies from closing a quiet stream.
STREAM_S_MAX = 300.0  # Then the caller opens it again, and its token is checked again.
RUNS_PLATFORM = requires(Role.OPERATOR, Role.ADMINISTRATOR)
Text = Annotated[str, Query(max_length=160)]


def platform_router(
    keeper: ClockKeeper,
    simulator: SimulatorDoor,
    hub: EventHub,
    services: Services,
    descriptions: Descriptions,
    viewers_max: int,
) -> APIRouter:
    """Routes under /api for what belongs to no single service."""
    router = APIRouter(prefix="/api", tags=["platform"])
    _steering(router, keeper, simulator)
    _events(router, hub, viewers_max)
    _description(router, descriptions)

    @router.get("/health", summary="平台健康状况 · Health of every service")
    async def health(request: Request) -> PlatformHealth:
        return await platform_health(request.app.state.health, services)

    return router


def _steering(router: APIRouter, keeper: ClockKeeper, simulator: SimulatorDoor) -> None:
    @router.get("/clock", summary="业务时钟 · The business clock")
    async def clock(principal: Principal = requires()) -> ClockState:
        return keeper.state()

    @router.post("/clock", summary="调速、暂停、继续 · Set the speed, pause, go on")
    async def change_clock(change: ClockChange, principal: Principal = RUNS_PLATFORM) -> ClockState:
        _need_platform(principal)
        return await anyio.to_thread.run_sync(keeper.change, change, principal)

    @router.get("/simulator", summary="模拟器状态 · What the simulator says of itself")
    async def simulator_state(principal: Principal = requires()) -> SimulatorState:
        return simulator.state()

    @router.post("/simulator", summary="控制模拟器 · Steer the simulator", status_code=202)
    async def steer(command: SimulatorCommand, principal: Principal = RUNS_PLATFORM) -> SimulatorCommand:
        _need_platform(principal)
        await anyio.to_thread.run_sync(simulator.send, command, principal)
        return command


def _need_platform(principal: Principal) -> None:
    """Raise Problem `forbidden`: everybody's time and everybody's pumps are not one customer's to steer."""
    if not may_run_platform(principal):
        raise forbidden("只有平台运营方可以执行此操作。", "Only the platform's operator does this.")


def _events(router: APIRouter, hub: EventHub, viewers_max: int) -> None:
    @router.get("/events", summary="最近的事件 · Newest events of all services")
    async def recent(
        type: Text = "",
        subject: Text = "",
        correlation_id: Text = "",
        limit: Annotated[int, Query(ge=1, le=500)] = 100,
        principal: Principal = requires(),
    ) -> list[Event]:
        return hub.recent(principal, HubFilter(type, subject, correlation_id), limit)

    @router.get(
        "/events/stream",
        summary="事件流 · Events as they come (Server-Sent Events)",
        response_class=StreamingResponse,
        responses={200: {"content": {"text/event-stream": {}}, "description": "事件流 · Stream of events"}},
    )
    async def stream(
        type: Text = "", subject: Text = "", correlation_id: Text = "", principal: Principal = requires()
    ) -> StreamingResponse:
        if hub.viewers >= viewers_max:
            raise unavailable("同时打开的事件流过多。", "Too many streams are open.", "too-many-viewers", 10)
        messages = _messages(hub, principal, HubFilter(type, subject, correlation_id))
        return StreamingResponse(messages, media_type="text/event-stream", headers={"X-Accel-Buffering": "no"})


async def _messages(hub: EventHub, principal: Principal, wanted: HubFilter) -> AsyncIterator[str]:
    with anyio.move_on_after(STREAM_S_MAX):
        yield "retry: 2000\n\n"
        async for event in hub.stream(principal, wanted, silence_s_max=SILENCE_S_MAX):
            if event is None:
                yield ": still here\n\n"
            else:
                yield f"id: {event.id}\nevent: {event.type}\ndata: {event.model_dump_json(exclude_none=True)}\n\n"


def _description(router: APIRouter, descriptions: Descriptions) -> None:
    @router.get("/openapi.json", include_in_schema=False)
    async def document(request: Request) -> JSONResponse:
        return JSONResponse(await descriptions.merged(request.app.openapi()))

    @router.get("/docs", include_in_schema=False)
    async def page(request: Request, lang: str = "") -> HTMLResponse:
        chosen = lang if lang in ("zh", "en") else ""
        language = "en" if chosen == "en" else "zh" if chosen else language_of(request)
        merged = await descriptions.merged(request.app.openapi())
        answer = HTMLResponse(docs_page.render(merged, language), headers={"Vary": "Accept-Language, Cookie"})
        if chosen:
            answer.set_cookie(LANGUAGE_COOKIE, language, max_age=365 * 24 * 3600, samesite="lax")
        return answer

    @router.get("/docs.css", include_in_schema=False)
    async def style() -> Response:
        return Response(await anyio.Path(docs_page.STYLE).read_bytes(), media_type="text/css")
