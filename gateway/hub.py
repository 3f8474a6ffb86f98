"""The event hub: what the bus brings, handed to whoever looks, filtered by what they may see.

Only for screens that want to move: nothing here is kept or repeated, the truth is in the services' logs. Every queue
is bounded; a viewer who is slow loses the oldest and is told how many.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from threading import Lock

import structlog
from pydantic import ValidationError

from services.kernel.bus import Bus, Message
from services.kernel.events import EVENT_TOPICS, Event
from services.kernel.identity import Principal

RECENT_MAX = 500
VIEWER_EVENTS_MAX = 200
ARRIVED_MAX = 5_000  # Events between the bus thread and the event loop.

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class HubFilter:
    """What a viewer wants; empty means all. `type_prefix` is the start of a CloudEvents type."""

    type_prefix: str = ""
    subject: str = ""
    correlation_id: str = ""

    def passes(self, event: Event) -> bool:
        """Whether the event is wanted."""
        return (
            event.type.startswith(self.type_prefix)
            and self.subject in ("", event.subject)
            and self.correlation_id in ("", event.correlationid)
        )


@dataclass(eq=False)
class _Viewer:
    principal: Principal
    wanted: HubFilter
    events: deque[Event] = field(default_factory=lambda: deque(maxlen=VIEWER_EVENTS_MAX))
    ready: asyncio.Event = field(default_factory=asyncio.Event)
    dropped: int = 0


def may_see(principal: Principal, event: Event) -> bool:
    """As the services filter their rows: an event without organisation is for those who see all."""
    visible = principal.visible_organisations(event.source.rpartition("/")[2])
    return visible is None or event.organisation in visible


class EventHub:
    """One for the gateway. `receive` runs on the bus thread, everything else on the event loop."""

    def __init__(self, bus: Bus) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._lock = Lock()
        self._arrived: deque[Event] = deque(maxlen=ARRIVED_MAX)
        self._woken = False
        self._recent: deque[Event] = deque(maxlen=RECENT_MAX)
        self._viewers: set[_Viewer] = set()
        self._closed = False
        self.received = self.unreadable = self.dropped = 0
        # QoS 0: what was missed while away is of no use to a screen, and must not pile up in the broker.
        bus.subscribe(f"{EVENT_TOPICS}/#", self.receive, qos=0)

    def open(self) -> None:
        """Begin to hand over to the running event loop."""
        self._loop = asyncio.get_running_loop()
        self._closed = False

    def close(self) -> None:
        """End every stream, so that the server can stop."""
        self._closed = True
        for viewer in self._viewers:
            viewer.ready.set()

    def receive(self, message: Message) -> None:
        """Take one message from the bus; never waits."""
        if message.topic.endswith("/head"):
            return
        try:
            event = Event.from_bytes(message.payload)
        except ValidationError as error:
            self.unreadable += 1
            log.warning("event unreadable", topic=message.topic, reason=str(error)[:200])
            return
        self.received += 1
        with self._lock:
            self._arrived.append(event)
            if self._woken or self._loop is None or self._loop.is_closed():
                return
            self._woken = True
            self._loop.call_soon_threadsafe(self._spread)

    def recent(self, principal: Principal, wanted: HubFilter | None = None, limit: int = 100) -> list[Event]:
        """The newest events that the principal may see, newest first."""
        chosen = wanted or HubFilter()
        found: list[Event] = []
        for event in reversed(self._recent):
            if len(found) == limit:
                break
            if chosen.passes(event) and may_see(principal, event):
                found.append(event)
        return found

    async def stream(
        self, principal: Principal, wanted: HubFilter | None = None, *, silence_s_max: float | None = None
    ) -> AsyncIterator[Event | None]:
        """Events as they come, until the hub closes; none after each `silence_s_max` seconds without one."""
        viewer = _Viewer(principal, wanted or HubFilter())
        self._viewers.add(viewer)
        try:
            while not self._closed:
                while viewer.events:
                    yield viewer.events.popleft()
                viewer.ready.clear()
                if self._closed:
                    return
                try:
                    async with asyncio.timeout(silence_s_max):
                        await viewer.ready.wait()
                except TimeoutError:
                    yield None
        finally:
            self._viewers.discard(viewer)

    @property
    def viewers(self) -> int:
        """Streams that are open now."""
        return len(self._viewers)

    def statistics(self) -> dict[str, int]:
        """Counters since the start, and who looks now."""
        return {
            "received": self.received,
            "unreadable": self.unreadable,
            "dropped": self.dropped,
            "viewers": len(self._viewers),
            "recent": len(self._recent),
        }

    def _spread(self) -> None:
        with self._lock:
            events = list(self._arrived)
            self._arrived.clear()
            self._woken = False
        self._recent.extend(events)
        for viewer in self._viewers:
            for event in events:
                if viewer.wanted.passes(event) and may_see(viewer.principal, event):
                    if len(viewer.events) == VIEWER_EVENTS_MAX:
                        viewer.dropped += 1
                        self.dropped += 1
                    viewer.events.append(event)
            if viewer.events:
                viewer.ready.set()
