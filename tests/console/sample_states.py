"""Sources with nothing in them or with nobody behind them, and sessions over any of them."""

from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

from gateway.console.sources import Sources
from gateway.console.views import (
    Alarm,
    AlarmFilter,
    ClauseCount,
    EventFilter,
    Fleet,
    FleetFilter,
    InvoiceFilter,
    InvoiceList,
    MessageLedger,
    Page,
    Scenario,
    Update,
    Viewer,
    Words,
)
from services.kernel.problems import Problem
from tests.console import sample_records
from tests.console.sample_fleet import NOW
from tests.console.sample_sources import ADMINISTRATOR, SampleSources


class EmptySources(SampleSources):
    """A platform that has just started: one machine without a message, and nothing else."""

    async def scenario(self) -> Scenario:
        return Scenario(name=Words("空", "Empty"), seed=1, running=False, machines=(), faults=())

    async def fleet(self, which: FleetFilter) -> Fleet:
        return Fleet(machines=(), total=0, states={}, customers=(), types=())

    async def machine(self, machine_id: str) -> Any:
        full = await super().machine(machine_id)
        return replace(full, values={}, desired={}, reported={}, commands=(), last_seen=None, firmware=None)

    async def health(self, machine_id: str) -> Any:
        full = await super().health("pump-12")
        return replace(full, as_of=None)

    async def alarms(self, which: AlarmFilter) -> Page[Alarm]:
        return Page(rows=())

    async def events(self, which: EventFilter) -> Any:
        return Page(rows=())

    async def message_ledger(self) -> MessageLedger:
        return MessageLedger(received=0, stored=0, duplicate=0, dead_lettered=0, in_flight=0)

    async def clause_count(self) -> ClauseCount:
        return ClauseCount(total=0, shown=0, not_yet=0, outside=0, distinct_total=0, distinct_shown=0)

    async def invoices(self, which: InvoiceFilter) -> InvoiceList:
        return InvoiceList(rows=(), states={}, customers=(), first=NOW + timedelta(hours=3), now=NOW)

    async def invoice(self, invoice_id: str) -> Any:
        return replace(await super().invoice(invoice_id), lines=())

    async def line_proof(self, invoice_id: str, line_id: str) -> Any:
        proof = sample_records.line_proof(sample_records.invoices()[0], sample_records.invoice_line(1))
        return replace(proof, tiers=(), usage=(), postings=())


async def _nothing(*_: Any) -> tuple[()]:
    return ()


for _name in (
    *("live_points", "state_timeline", "history", "commands", "attention", "work_orders"),
    *("dead_letters", "clauses", "figures", "explanations", "assignees"),
):
    setattr(EmptySources, _name, _nothing)


class UnreachableSources:
    """Nobody answers: each question fails in one of the ways that a client can fail."""

    def __getattr__(self, name: str) -> Any:
        async def fail(*_: Any, **__: Any) -> None:
            if len(name) % 3 == 0:
                raise Problem("unavailable", 503, "服务正在启动。", "The service is starting.")
            raise ConnectionError(f"{name}: nobody listens")

        return fail

    async def updates(self) -> AsyncIterator[Update]:
        raise ConnectionError("updates: nobody listens")
        yield Update(topic="event")


class HeadOnlySources(UnreachableSources):
    """Only what a detail page is about answers; everything around it does not."""

    def __init__(self) -> None:
        self._full = SampleSources()

    def __getattr__(self, name: str) -> Any:
        if name in ("machine", "alarm", "work_order", "invoice", "line_proof", "event", "clause"):
            return getattr(self._full, name)
        return super().__getattr__(name)


class SampleSessions:
    """One link, one session; `viewer_now` and `make` say who looks at what."""

    def __init__(self, make: Callable[[], Any] = SampleSources, viewer: Viewer = ADMINISTRATOR) -> None:
        self.behind = make()
        self.viewer_now = viewer
        self.open: set[str] = set()
        self.links = {"one-time"}

    async def redeem(self, link: str) -> str:
        if link not in self.links:
            raise Problem("link-used", 401, "此链接已使用或已过期。", "This link was used already or is too old.")
        self.links.remove(link)
        self.open.add("session-1")
        return "session-1"

    async def viewer(self, session: str) -> Viewer | None:
        return self.viewer_now if session in self.open else None

    async def sources(self, session: str) -> Sources:
        return self.behind  # type: ignore[no-any-return]

    async def end(self, session: str) -> None:
        self.open.discard(session)
