"""Health of the gateway and of all services as one."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Literal

from gateway.contract import SERVICE, PlatformHealth, ServiceHealth
from gateway.upstream import Services
from services.kernel.health import Health, HealthCheck


async def platform_health(own: Health, services: Services) -> PlatformHealth:
    """`unavailable` when the gateway is; `degraded` when anything else is not well."""
    report, others = await asyncio.gather(
        own.report(), asyncio.gather(*(services.health(name) for name in services.names))
    )
    asked = [ServiceHealth(service=SERVICE, reachable=True, report=report), *others]
    status: Literal["ready", "degraded", "unavailable"] = "ready"
    if any(each.report is None or each.report.status != "ready" for each in asked):
        status = "degraded"
    return PlatformHealth(status="unavailable" if report.status == "unavailable" else status, services=asked)


def watch(own: Health, services: Services) -> None:
    """Let the gateway's own readiness say which services it leads to are away; it works without them."""
    for name in services.names:
        own.add(
            HealthCheck(
                f"service-{name}",
                _reachable(services, name),
                required=False,
                hint_zh=f"服务 {name} 未就绪：请查看其日志。",
                hint_en=f"The service {name} is not ready: see its log.",
                timeout_s=3.0,
            )
        )


def _reachable(services: Services, name: str) -> Callable[[], Awaitable[object]]:
    async def check() -> bool:
        found = await services.health(name)
        return found.report is not None and found.report.status != "unavailable"

    return check
