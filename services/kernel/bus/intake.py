"""The bounded queue between the thread that reads the network and the thread that runs the handlers."""

import threading
from collections import deque
from collections.abc import Callable

from services.kernel.bus.contract import Message
from services.kernel.clock import monotonic_s

WINDOW_MIN = 20  # A stall at fewer messages says that little happens, not that the broker waits for us.
IDLE_STEP_S = 0.5  # How often the blocked producer looks after its connection.


class Intake:
    """First in, first out, many messages at a time. When it is full the producer waits; nothing is dropped.

    Args:
        count_max, bytes_max: it is full beyond either. One call of `put` may overshoot, so that a message larger than
            `bytes_max` passes too.
    """

    def __init__(self, count_max: int, bytes_max: int) -> None:
        self.count_max = count_max
        self.bytes_max = bytes_max
        self.bytes_count = 0
        self._messages: deque[Message] = deque()
        self._changed = threading.Condition()
        self._closed = False
        self._woken = False
        self._taken_count = 0
        self._window: int | None = None  # At so many messages the broker last stopped sending.

    def __len__(self) -> int:
        return len(self._messages)

    def open(self) -> None:
        with self._changed:
            self._messages.clear()
            self.bytes_count = 0
            self._closed = False

    def close(self) -> None:
        """Let nobody wait any more; what is queued stays unacknowledged, so the broker sends it again."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def wake(self) -> None:
        """Let `take` return, if only with nothing."""
        with self._changed:
            self._woken = True
            self._changed.notify_all()

    def put(self, messages: list[Message], while_full: Callable[[], object] | None = None) -> None:
        """Add messages; wait while it is full, calling `while_full` every half second."""
        while not self._wait_for_room() and while_full is not None:
            while_full()
        size_bytes = sum(len(message.payload) for message in messages)
        with self._changed:
            if self._closed:
                return
            self._messages.extend(messages)
            self.bytes_count += size_bytes
            self._changed.notify_all()

    def take(self, count_max: int, wait_s_max: float) -> list[Message]:
        """Up to `count_max` messages, oldest first; empty when woken or closed.

        After the first message it waits for more, but not longer than `wait_s_max`, and not when nothing new came
        for a tenth of that: then the broker's window of unacknowledged messages is likely used up (100 in iotcore),
        and it will send nothing before we acknowledge. The length at which that happened is remembered, so that the
        next time nobody waits for what cannot come; waiting each time held iotcore to 15,000 messages a second.
        """
        with self._changed:
            self._changed.wait_for(lambda: bool(self._messages) or self._woken or self._closed)
            self._woken = False
            if self._closed:
                return []
            deadline = monotonic_s() + wait_s_max
            # After a busy batch a fifth of the pause: the window may come in two parts, the smaller never remembered.
            stall_s = wait_s_max / (50 if self._taken_count >= WINDOW_MIN else 10)
            enough = min(count_max, self._window or count_max)
            while self._messages and (seen := len(self._messages)) < enough and not self._closed:
                pause_s = min(deadline - monotonic_s(), stall_s)
                if pause_s <= 0:
                    break
                if not self._changed.wait(pause_s) or len(self._messages) == seen:
                    self._window = seen if seen >= WINDOW_MIN else self._window
                    break
            taken = [self._messages.popleft() for _ in range(min(count_max, len(self._messages)))]
            self._taken_count = len(taken)
            self.bytes_count -= sum(len(message.payload) for message in taken)
            self._changed.notify_all()
            return taken

    def _wait_for_room(self) -> bool:
        with self._changed:
            return self._changed.wait_for(
                lambda: self._closed or (len(self._messages) < self.count_max and self.bytes_count < self.bytes_max),
                IDLE_STEP_S,
            )
