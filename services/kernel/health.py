"""Is this service alive, and is what it stands on there? Named checks, each with its result, latency and a hint."""

import inspect
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Literal

import anyio
import anyio.to_thread
import structlog
from pydantic import BaseModel

from services.kernel.clock import monotonic_s

Check = Callable[[], object] | Callable[[], Awaitable[object]]
_log = structlog.get_logger(__name__)


class CheckResult(BaseModel):
    """What one check found; the hints say what a person can do, and stand only beside a failure."""

    name: str
    status: Literal["pass", "fail"]
    required: bool
    latency_ms: float
    reason: str | None = None
    hint_zh: str | None = None
    hint_en: str | None = None


class HealthReport(BaseModel):
    """`ready`: all pass; `degraded`: one that is not required fails; `unavailable`: a required one fails."""

    service: str
    status: Literal["ready", "degraded", "unavailable"]
    checks: list[CheckResult]


@dataclass(frozen=True)
class HealthCheck:
    """A question that passes unless it raises, returns False, or takes longer than `timeout_s`.

    `run` may be a plain function, which then runs in a thread, or an async one.
    """

    name: str
    run: Check
    required: bool = True
    hint_zh: str = "请查看该服务的日志。"
    hint_en: str = "See the log of this service."
    timeout_s: float = 2.0


class Health:
    """The checks of one application, run side by side at each report."""

    def __init__(self, service: str) -> None:
        self.service = service
        self._checks: dict[str, HealthCheck] = {}
        # A check that hangs keeps its thread: an own small limit, so that it cannot eat the request threads.
        self._threads = anyio.CapacityLimiter(4)

    def add(self, check: HealthCheck) -> None:
        """Add a check; raises ValueError when its name is taken."""
        if check.name in self._checks:
            raise ValueError(f"there is a health check {check.name} already")
        self._checks[check.name] = check

    async def report(self) -> HealthReport:
        """Run every check now."""
        results: dict[str, CheckResult] = {}

        async def run(check: HealthCheck) -> None:
            results[check.name] = await self._run(check)

        async with anyio.create_task_group() as group:
            for check in self._checks.values():
                group.start_soon(run, check)
        failed = [result for result in results.values() if result.status == "fail"]
        status: Literal["ready", "degraded", "unavailable"] = "degraded" if failed else "ready"
        if any(result.required for result in failed):
            status = "unavailable"
        return HealthReport(service=self.service, status=status, checks=[results[name] for name in self._checks])

    async def _run(self, check: HealthCheck) -> CheckResult:
        start_s = monotonic_s()
        reason: str | None = None
        try:
            with anyio.fail_after(check.timeout_s):
                if inspect.iscoroutinefunction(check.run):
                    answer = await check.run()
                else:
                    answer = await anyio.to_thread.run_sync(check.run, abandon_on_cancel=True, limiter=self._threads)
            reason = "false" if answer is False else None
        except TimeoutError:
            reason = "timeout"
        except Exception as error:
            # Only the kind of error: anyone may read this page, and a message can quote an address or a password.
            reason = type(error).__name__
            _log.warning("health check failed", check=check.name, error=str(error))
        return CheckResult(
            name=check.name,
            status="pass" if reason is None else "fail",
            required=check.required,
            latency_ms=round((monotonic_s() - start_s) * 1000, 3),
            reason=reason,
            hint_zh=check.hint_zh if reason else None,
            hint_en=check.hint_en if reason else None,
        )
