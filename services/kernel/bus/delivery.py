"""From received messages to handlers and back to acknowledgements: routing, batches, retries, poison."""

import logging
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from services.kernel.bus.contract import (
    BatchHandler,
    Handler,
    Message,
    PoisonHandler,
    Unavailable,
    check_filter,
    topic_matches,
)
from services.kernel.bus.intake import Intake

logger = logging.getLogger(__name__)

ROUTES_KEPT_MAX = 100_000  # Topics whose handlers are remembered; more than ten thousand devices use.


class Stopping(Exception):
    """The worker has been asked to stop; what it holds stays unacknowledged."""


@dataclass(frozen=True, slots=True)
class Route:
    """A filter and what to call; a handler of single messages has a batch size of 1 and does not wait."""

    topic_filter: str
    handle: BatchHandler
    size_max: int
    wait_s_max: float


class Delivery:
    """The worker of a bus.

    Args:
        acknowledge: called in this thread with settled messages, in arrival order, each once.
        on_poison: gets a message whose handler failed `attempts_max` times, and the reason. When it fails itself it
            is tried again without limit: a message is never acknowledged before somebody kept it. Without one the
            message is logged and acknowledged.
        backoff_s, backoff_s_max: wait before the second attempt, doubled each time up to the maximum.
    """

    def __init__(
        self,
        acknowledge: Callable[[list[Message]], None],
        on_poison: PoisonHandler | None = None,
        *,
        attempts_max: int = 5,
        backoff_s: float = 0.1,
        backoff_s_max: float = 10.0,
        queue_max: int = 10_000,
        queue_bytes_max: int = 64 * 1024 * 1024,
    ) -> None:
        self._acknowledge = acknowledge
        self._on_poison = on_poison
        self._attempts_max = attempts_max
        self._backoff_s = backoff_s
        self._backoff_s_max = backoff_s_max
        self.intake = Intake(queue_max, queue_bytes_max)
        self._routes: list[Route] = []
        self._known: dict[str, tuple[Route, ...]] = {}
        self._same: dict[tuple[Route, ...], tuple[Route, ...]] = {}
        self._calls: deque[Callable[[], object]] = deque()
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self.handled = self.failures = self.poisoned = self.unrouted = 0

    def add(self, topic_filter: str, handler: Handler) -> None:
        self.add_batches(topic_filter, lambda messages: handler(messages[0]), 1, 0.0)

    def add_batches(self, topic_filter: str, handler: BatchHandler, size_max: int, wait_s_max: float) -> None:
        check_filter(topic_filter)
        self._routes.append(Route(topic_filter, handler, size_max, wait_s_max))
        self._known.clear()

    def call_soon(self, function: Callable[[], object]) -> None:
        """Run it on the worker, before the next messages."""
        self._calls.append(function)
        self.intake.wake()

    def start(self, name: str) -> None:
        self._stopping.clear()
        self.intake.open()
        self._thread = threading.Thread(target=self._run, name=f"bus-{name}", daemon=True)
        self._thread.start()

    def stop(self, timeout_s: float = 10.0) -> None:
        """Let the handler that runs finish and be acknowledged; take nothing more."""
        self._stopping.set()
        self.intake.close()
        if self._thread is not None and not self.is_worker():
            self._thread.join(timeout_s)
        self._thread = None

    def is_worker(self) -> bool:
        """True in a handler."""
        return threading.current_thread() is self._thread

    def deliver(self, messages: list[Message]) -> None:
        """Hand messages over in arrival order: neighbours for the same handlers together; acknowledge what is settled.

        Raises:
            Stopping: asked to stop between two attempts.
        """
        start = 0
        while start < len(messages):
            routes = self._routes_of(messages[start].topic)
            stop = start + 1
            stop_max = min(len(messages), start + min((route.size_max for route in routes), default=len(messages)))
            while stop < stop_max and self._routes_of(messages[stop].topic) is routes:
                stop += 1
            run = messages if stop - start == len(messages) else messages[start:stop]
            if not routes:
                self.unrouted += len(run)
                logger.warning("no handler for %d messages, the first on %s", len(run), run[0].topic)
            for route in routes:
                self._hand_over(route, run)
            self.handled += len(run)
            self._acknowledge(run)
            start = stop

    def _run(self) -> None:
        while not self._stopping.is_set():
            while self._calls:
                self._call(self._calls.popleft())
            size_max = max((route.size_max for route in self._routes), default=1)
            wait_s_max = max((route.wait_s_max for route in self._routes), default=0.0)
            try:
                self.deliver(self.intake.take(size_max, wait_s_max))
            except Stopping:
                return
            except Exception:
                logger.exception("the bus failed to deliver; the messages stay unacknowledged")

    def _call(self, function: Callable[[], object]) -> None:
        try:
            function()
        except Exception:
            self.failures += 1
            logger.exception("a hook of the bus failed")

    def _routes_of(self, topic: str) -> tuple[Route, ...]:
        routes = self._known.get(topic)
        if routes is None:
            routes = tuple(route for route in self._routes if topic_matches(route.topic_filter, topic))
            routes = self._same.setdefault(routes, routes)  # One object a combination, so that `is` compares.
            if len(self._known) >= ROUTES_KEPT_MAX:
                self._known.clear()
            self._known[topic] = routes
        return routes

    def _hand_over(self, route: Route, messages: list[Message], attempt: int = 1) -> None:
        waits = 0
        while True:
            try:
                route.handle(messages)
                return
            except Unavailable as error:
                logger.warning("handler of %s is waiting: %s", route.topic_filter, error)
            except Exception as error:
                self.failures += 1
                logger.warning("handler of %s failed, attempt %d", route.topic_filter, attempt, exc_info=True)
                if attempt >= self._attempts_max:
                    self._give_up(route, messages, error)
                    return
                attempt += 1
            waits += 1
            self._pause(waits)

    def _give_up(self, route: Route, messages: list[Message], error: Exception) -> None:
        """One bad message must not condemn its neighbours: each gets a last attempt alone."""
        if len(messages) > 1:
            for message in messages:
                self._hand_over(route, [message], self._attempts_max)
            return
        self.poisoned += 1
        reason = f"{type(error).__name__}: {error}"
        logger.error("poison on %s: %s", messages[0].topic, reason)
        waits = 0
        while self._on_poison is not None:
            try:
                self._on_poison(messages[0], reason)
                return
            except Exception:
                logger.exception("a poison message could not be put aside; trying again")
                waits += 1
                self._pause(waits)

    def _pause(self, waits: int) -> None:
        if self._stopping.wait(min(self._backoff_s * 2 ** min(waits - 1, 20), self._backoff_s_max)):
            raise Stopping
