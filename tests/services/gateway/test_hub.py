"""The event hub: who sees what, who is slow, and what a stream looks like."""

import asyncio
import threading
from datetime import UTC, datetime
from typing import Any

from gateway.api.platform import _messages
from gateway.hub import RECENT_MAX, VIEWER_EVENTS_MAX, EventHub, HubFilter
from services.kernel.bus import MemoryBus
from services.kernel.events import Event, topic_of_type
from services.kernel.identity import Principal, Role
from services.kernel.testing import principal

NOW = datetime(2026, 1, 5, tzinfo=UTC)


def event(number: int, organisation: str | None = "customer-01", type: str = "som.v1.lifecycle.alarm.raised") -> Event:
    return Event(
        id=f"e{number}", source="/services/lifecycle", type=type, subject=f"pump-{number % 3}", time=NOW, walltime=NOW,
        correlationid=f"story-{number % 2}", organisation=organisation, position=number, data={"number": number},
    )  # fmt: skip


def publish(bus: MemoryBus, *events: Event) -> None:
    for each in events:
        bus.publish(topic_of_type(each.type), each.to_bytes())


async def taken(hub: EventHub, who: Principal, count: int, wanted: HubFilter | None = None) -> list[str]:
    """Ids of the next `count` events that `who` gets."""
    found: list[str] = []
    async for each in hub.stream(who, wanted):
        assert each is not None
        found.append(each.id)
        if len(found) == count:
            break
    return found


def hub_story(story: Any) -> None:
    """Run `story(hub, bus)` on an event loop, the bus on a thread of its own."""

    async def run() -> None:
        bus = MemoryBus(threaded=True)
        hub = EventHub(bus)
        hub.open()
        bus.start()
        try:
            await asyncio.wait_for(story(hub, bus), 20)
        finally:
            bus.stop()

    asyncio.run(run())


async def until(condition: Any) -> None:
    while not condition():
        await asyncio.sleep(0.005)


def test_a_viewer_sees_the_own_organisations_events_only() -> None:
    """Guards: one customer's alarms on another customer's screen."""

    async def story(hub: EventHub, bus: MemoryBus) -> None:
        maker = principal("maker", Role.VIEWER, sees={"lifecycle": ("customer-01",)})
        other = principal("maker", Role.VIEWER, sees={"billing": ("customer-01",)})
        evaluator = principal("evaluators", Role.EVALUATOR)
        viewers = [
            asyncio.create_task(taken(hub, who, count))
            for who, count in ((principal("customer-01", Role.VIEWER), 2), (maker, 3), (other, 1), (evaluator, 5))
        ]
        await until(lambda: hub.viewers == 4)
        owners = ("customer-01", "customer-02", "maker", None, "customer-01")
        publish(bus, *(event(number, owner) for number, owner in enumerate(owners)))
        assert await asyncio.gather(*viewers) == [
            ["e0", "e4"],
            ["e0", "e2", "e4"],
            ["e2"],
            ["e0", "e1", "e2", "e3", "e4"],
        ]
        assert [each.id for each in hub.recent(maker)] == ["e4", "e2", "e0"]

    hub_story(story)


def test_a_viewer_gets_what_was_asked_for() -> None:
    """Guards: a filter that lets other events through."""

    async def story(hub: EventHub, bus: MemoryBus) -> None:
        who = principal("customer-01", Role.VIEWER)
        publish(bus, *(event(number) for number in range(12)), event(12, type="som.v1.lifecycle.ticket.opened"))
        await until(lambda: hub.statistics()["recent"] == 13)

        def ids(**wanted: str) -> list[str]:
            return [each.id for each in hub.recent(who, HubFilter(**wanted))]

        assert ids(type_prefix="som.v1.lifecycle.ticket") == ["e12"]
        assert ids(subject="pump-1") == ["e10", "e7", "e4", "e1"]
        assert ids(correlation_id="story-1", subject="pump-1") == ["e7", "e1"]
        assert len(hub.recent(who, limit=5)) == 5

    hub_story(story)


def test_a_slow_viewer_loses_the_oldest_and_holds_up_nobody() -> None:
    """Guards: one sleeping tab that makes the gateway's memory grow, or stops everybody's screens."""

    async def story(hub: EventHub, bus: MemoryBus) -> None:
        who = principal("customer-01", Role.VIEWER)
        slow = hub.stream(who)
        first = asyncio.ensure_future(anext(slow))
        await until(lambda: hub.viewers == 1)
        publish(bus, event(0))
        assert (await first or event(9)).id == "e0"
        quick = asyncio.create_task(taken(hub, who, 1000))
        await until(lambda: hub.viewers == 2)
        for start in range(1, 1001, 100):
            publish(bus, *(event(number) for number in range(start, start + 100)))
            await until(lambda seen=start: hub.received == seen + 100 and not hub._arrived)
            await asyncio.sleep(0.01)
        assert await quick == [f"e{number}" for number in range(1, 1001)]
        assert hub.statistics()["dropped"] == 1000 - VIEWER_EVENTS_MAX
        kept = [(await anext(slow) or event(0)).id for _ in range(VIEWER_EVENTS_MAX)]
        assert kept == [f"e{number}" for number in range(1001 - VIEWER_EVENTS_MAX, 1001)]
        await slow.aclose()  # type: ignore[attr-defined]
        assert hub.viewers == 0
        assert hub.statistics()["recent"] == RECENT_MAX

    hub_story(story)


def test_what_is_no_event_is_counted_and_harms_nobody() -> None:
    """Guards: a bus thread that dies of one bad message, and heads of logs that look like events."""

    async def story(hub: EventHub, bus: MemoryBus) -> None:
        bus.publish("som/v1/events/lifecycle/alarm/raised", b"{")
        bus.publish("som/v1/events/lifecycle/alarm/raised", b'{"specversion": "1.0"}')
        bus.publish("som/v1/events/lifecycle/head", b'{"position": 3}', retain=True)
        publish(bus, event(1))
        await until(lambda: hub.statistics()["recent"] == 1)
        assert (hub.received, hub.unreadable) == (1, 2)

    hub_story(story)


def test_streams_end_when_the_gateway_stops() -> None:
    """Guards: a server that waits for ever for an open page."""

    async def story(hub: EventHub, bus: MemoryBus) -> None:
        lines = [line async for line in _lines(hub, bus)]
        assert lines[0] == "retry: 2000\n\n"
        assert lines[1].startswith("id: e1\nevent: som.v1.lifecycle.alarm.raised\ndata: {")

    async def _lines(hub: EventHub, bus: MemoryBus) -> Any:
        threading.Timer(0.05, publish, (bus, event(1))).start()
        async for line in _messages(hub, principal("customer-01", Role.VIEWER), HubFilter()):
            yield line
            if line.startswith("id"):
                hub.close()

    hub_story(story)
