"""Joins the gateway's parts, and the services that are mounted in its process, to one application."""

import hashlib
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

from fastapi import APIRouter, FastAPI
from starlette.middleware import Middleware

from gateway.access import Access
from gateway.api import administration_router, platform_router, sign_in_router
from gateway.clock_keeper import ClockKeeper
from gateway.console.console import Console, install
from gateway.contract import API
from gateway.first_start import make_keys
from gateway.guard import Guard, SecurityHeaders
from gateway.hub import EventHub
from gateway.limits import RateLimiter
from gateway.openapi import Descriptions
from gateway.platform_health import watch
from gateway.sessions import ConsoleSessions, SourcesMaker
from gateway.settings import GatewaySettings
from gateway.simulator_door import SimulatorDoor
from gateway.sources import ClientSources, Shared
from gateway.tables import METADATA
from gateway.upstream import Services
from services.kernel.assembly import bus_of
from services.kernel.bus import Bus
from services.kernel.chance import new_id
from services.kernel.clock import AffineClock
from services.kernel.database import Database
from services.kernel.http import Resource, create_service_app
from services.kernel.identity import KeyStore, TokenVerifier
from services.kernel.outbox import OutboxPublisher, events_router, forget_old_events
from services.kernel.timers import Ticker

CLOCK_PUBLISH_INTERVAL_S = 5.0
HEAD_INTERVAL_S = 5.0
FORGET_INTERVAL_S = 3600.0
DESCRIPTION = "服务型制造开放平台的全部接口。 · All routes of the open platform for service-oriented manufacturing."


@dataclass(kw_only=True)
class Gateway:
    """The parts of a running gateway, at `app.state.gateway`."""

    settings: GatewaySettings
    clock: AffineClock
    database: Database
    bus: Bus
    ticker: Ticker
    keeper: ClockKeeper
    hub: EventHub
    simulator: SimulatorDoor
    services: Services
    access: Access
    verifier: TokenVerifier
    publisher: OutboxPublisher
    limiter: RateLimiter
    failures: RateLimiter
    console: Console

    def close_streams(self) -> None:
        """End all event streams: the server waits for open answers before it stops, so call this when it is to stop."""
        self.hub.close()
        self.console.close()


def create_app(
    settings: GatewaySettings,
    mounted: Mapping[str, FastAPI] | None = None,
    *,
    bus: Bus | None = None,
    sources: Callable[["Gateway"], SourcesMaker] | None = None,
) -> FastAPI:
    """The gateway with `mounted` services under `/api/{name}`; their lifespans run within its own.

    `sources` makes what the console's pages ask (by default the services' clients); `bus` replaces the broker of the
    settings. Tables have to be there: `first_start.prepare`. Raises ValueError for a service whose name is a route.
    """
    services = dict(mounted or {})
    keys = make_keys(settings.data_dir, [*services, *settings.service_urls])
    gateway = _parts(settings, services, bus, keys, sources)
    routers = _routers(gateway)
    _check_names(gateway.services, routers)
    app = create_service_app(
        settings,
        "OpenSOM",
        routers,
        _resources(gateway),
        description=DESCRIPTION,
        verifier=gateway.verifier,
    )
    app.include_router(events_router(gateway.database), prefix=f"{API}/gateway")
    app.state.gateway = gateway
    watch(app.state.health, gateway.services)
    # Inside of the kernel's middleware, so that a refusal has a correlation id and a log line too.
    app.user_middleware.append(
        Middleware(
            Guard,
            access=gateway.access,
            verifier=gateway.verifier,
            limiter=gateway.limiter,
            failures=gateway.failures,
        )
    )
    app.add_middleware(SecurityHeaders)
    for name in gateway.services.names:
        app.mount(f"{API}/{name}", gateway.services.mounted.get(name) or gateway.services.proxy(name))
    install(app, gateway.console)
    app.router.lifespan_context = _lifespan(app, gateway, services)
    return app


def _parts(
    settings: GatewaySettings,
    mounted: Mapping[str, FastAPI],
    bus: Bus | None,
    keys: KeyStore,
    sources: Callable[[Gateway], SourcesMaker] | None,
) -> Gateway:
    clock = AffineClock()
    database = Database(settings.resolved_database_url(), METADATA, service="gateway", package="gateway", clock=clock)
    bus = bus or bus_of(settings, settings.broker_client_id("api"))
    access = Access(database, keys.signer("gateway", clock.wall_now), settings)
    sessions = ConsoleSessions(access)
    gateway = Gateway(
        settings=settings,
        clock=clock,
        database=database,
        bus=bus,
        ticker=Ticker(clock),
        keeper=ClockKeeper(clock, database, bus, interval_s=settings.clock_persist_interval_s),
        hub=EventHub(bus),
        simulator=SimulatorDoor(bus, database),
        services=Services(settings, mounted),
        access=access,
        verifier=TokenVerifier(settings.resolved_jwks(), clock.wall_now),
        publisher=OutboxPublisher(database, bus),
        limiter=RateLimiter(settings.rate_per_s, settings.rate_burst),
        failures=RateLimiter(settings.sign_in_rate_per_min / 60, settings.sign_in_rate_per_min),
        console=Console(
            sessions=sessions,
            secret=_console_secret(keys),
            new_id=new_id,
            time_zone=settings.time_zone,
            cookie_secure=settings.cookie_secure,
            viewers_max=settings.viewers_max,
        ),
    )
    sessions.make_sources = (sources or _client_sources)(gateway)
    ticker = gateway.ticker
    ticker.add_wall("persist clock", settings.clock_persist_interval_s, gateway.keeper.persist)
    # The embedded broker sends nothing retained to a session that is resumed: a service that comes back must hear it.
    ticker.add_wall("publish clock", CLOCK_PUBLISH_INTERVAL_S, gateway.keeper.publish)
    ticker.add_wall("outbox head", HEAD_INTERVAL_S, gateway.publisher.publish_head)
    forget = partial(database.run, forget_old_events, settings.event_retention_days)
    ticker.add_wall("forget old events", FORGET_INTERVAL_S, forget)
    return gateway


def _client_sources(gateway: Gateway) -> SourcesMaker:
    shared = Shared(
        keeper=gateway.keeper,
        simulator=gateway.simulator,
        services=gateway.services,
        access=gateway.access,
        hub=gateway.hub,
    )
    return partial(ClientSources, shared)


def _resources(gateway: Gateway) -> list[Resource]:
    settings, keeper = gateway.settings, gateway.keeper

    def start_clock() -> None:
        keeper.start(settings.first_business_time(gateway.clock.wall_now()), settings.clock_speed)

    return [
        Resource(
            "database",
            gateway.database.upgrade,
            gateway.database.close,
            gateway.database.check,
            hint_zh="请检查 OPENSOM_DATABASE_URL 及数据库是否运行。",
            hint_en="Check OPENSOM_DATABASE_URL, and that the database runs.",
        ),
        Resource("clock", start_clock, keeper.stop, statistics=keeper.statistics),
        Resource(
            "bus",
            gateway.bus.start,
            gateway.bus.stop,
            lambda: gateway.bus.connected,
            gateway.bus.statistics,
            required=False,
            hint_zh="请检查消息代理是否运行。",
            hint_en="Check that the broker runs.",
        ),
        Resource("ticker", gateway.ticker.start, gateway.ticker.stop, statistics=gateway.ticker.statistics),
        Resource("hub", statistics=gateway.hub.statistics),
        Resource("limits", statistics=gateway.limiter.statistics),
        Resource("outbox", statistics=gateway.publisher.statistics),
    ]


def _routers(gateway: Gateway) -> list[APIRouter]:
    settings = gateway.settings
    return [
        sign_in_router(gateway.access, settings),
        administration_router(gateway.access, settings),
        platform_router(
            gateway.keeper,
            gateway.simulator,
            gateway.hub,
            gateway.services,
            Descriptions(gateway.services, settings.openapi_cache_s),
            settings.viewers_max,
        ),
    ]


def _check_names(services: Services, routers: list[APIRouter]) -> None:
    """Raise ValueError when a service is called like a route of the gateway, which would hide it."""
    paths = [getattr(route, "path", "") for router in routers for route in router.routes]
    taken = {"gateway", *(path.split("/")[2] for path in paths if path.startswith(f"{API}/"))}
    for name in services.names:
        if name in taken:
            raise ValueError(f"a service cannot be called {name}: the gateway has a route of that name")


def _lifespan(app: FastAPI, gateway: Gateway, mounted: Mapping[str, FastAPI]) -> Callable[[FastAPI], Any]:
    """A mounted application does not run its lifespan itself: each is entered here, after the gateway's own."""
    own = app.router.lifespan_context

    @asynccontextmanager
    async def joined(_app: FastAPI) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            gateway.hub.open()
            await stack.enter_async_context(own(app))
            stack.push_async_callback(gateway.services.close)
            for service in mounted.values():
                await stack.enter_async_context(service.router.lifespan_context(service))
            stack.callback(gateway.close_streams)
            yield

    return joined


def _console_secret(keys: KeyStore) -> bytes:
    """A secret that stays between starts and is no other file to keep: made from the gateway's own key."""
    private = str(keys.private_key("gateway").as_dict(private=True)["d"])
    return hashlib.blake2b(private.encode(), digest_size=32, person=b"console-forms").digest()
