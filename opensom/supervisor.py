"""Starts the broker and the children, waits until they answer, heals what falls, and ends all in order."""

import http.client
import signal
import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import FrameType

from opensom.processes import ChildProcess
from services.kernel.broker import LOOPBACK, PORTS_TRIED_MAX, EmbeddedBroker
from services.kernel.clock import monotonic_s, sleep_s

READY_S_MAX = 60.0
FALLS_BEFORE_READY_MAX = 3
LOOK_S = 0.1
STOP_S_MAX = 10.0


class NotReady(RuntimeError):
    """A part fell again and again, or did not answer in time; `part` names it."""

    def __init__(self, part: str, reason_zh: str, reason_en: str) -> None:
        super().__init__(f"{part}: {reason_en}")
        self.part, self.reason_zh, self.reason_en = part, reason_zh, reason_en


class Stopped(Exception):
    """The order to end came while it was still starting."""


@dataclass
class Part:
    """A child, and the port at which it says whether it is ready."""

    process: ChildProcess
    port: int
    ready: bool = False


class Supervisor:
    """Runs in the main thread and starts no thread: it forks whenever a child has to be started again."""

    def __init__(self, broker: EmbeddedBroker, parts: Sequence[Part]) -> None:
        self.broker, self.parts = broker, list(parts)
        self.broker_restarts = 0
        self.ending = False

    def start(self) -> None:
        """Start every part; the broker is up when this returns, the others come up side by side."""
        for part in self.parts:
            part.process.start()
        self.broker.start()

    def wait_ready(
        self, told: Callable[[Part], None] = lambda part: None, waited: Callable[[], None] = lambda: None
    ) -> None:
        """Return when all parts are ready; `told` hears of each. Raises NotReady, Stopped."""
        start_s = monotonic_s()
        while waiting := [part for part in self.parts if not part.ready]:
            self._heal_or_stop()
            for part in waiting:
                if part.process.restarts >= FALLS_BEFORE_READY_MAX:
                    raise NotReady(part.process.name, "一再退出", "it ends again and again")
                if answers_ready(part.port):
                    part.ready = True
                    told(part)
            if monotonic_s() - start_s > READY_S_MAX and not all(part.ready for part in self.parts):
                raise NotReady(waiting[0].process.name, "未在规定时间内就绪", f"not ready within {READY_S_MAX:g} s")
            waited()
            sleep_s(LOOK_S / 2)

    def heal(self) -> list[str]:
        """Start again what fell; returns its names."""
        healed = [part.process.name for part in self.parts if part.process.heal()]
        if self.broker.pid is None:
            self._start_broker_again()
            healed.append("broker")
        return healed

    def watch(self, healed: Callable[[str], None], each: Callable[[], None] = lambda: None) -> None:
        """Heal what falls until the order to end comes; `each` is called about every LOOK_S."""
        while not self.ending:
            for name in self.heal():
                healed(name)
            each()
            sleep_s(LOOK_S)

    def stop(self) -> None:
        """End in reverse order of who needs whom: all children are asked at once, the broker goes last."""
        self.ending = True
        for part in reversed(self.parts):
            part.process.ask_to_end()
        deadline_s = monotonic_s() + STOP_S_MAX
        for part in reversed(self.parts):
            part.process.stop(max(0.1, deadline_s - monotonic_s()))
        self.broker.stop()

    def end_on_signals(self) -> None:
        """Ctrl-C, SIGTERM and a closed terminal mean: end in order. A second one ends what does not end."""

        def order(_signal: int, _frame: FrameType | None) -> None:
            if self.ending:
                for part in self.parts:
                    part.process.kill()
            self.ending = True

        for name in ("SIGINT", "SIGTERM", "SIGHUP"):
            if hasattr(signal, name):
                signal.signal(getattr(signal, name), order)

    def pids(self) -> dict[str, int]:
        """Process ids of all parts that run."""
        found = {part.process.name: part.process.pid for part in self.parts} | {"broker": self.broker.pid}
        return {name: pid for name, pid in found.items() if pid}

    def _heal_or_stop(self) -> None:
        if self.ending:
            raise Stopped
        self.heal()

    def _start_broker_again(self) -> None:
        port = self.broker.port
        self.broker.start()
        self.broker_restarts += 1
        if self.broker.port != port:  # Somebody took its port meanwhile: the others know only the old one.
            raise NotReady("broker", f"端口 {port} 已被占用", f"port {port} was taken by another program")


def listen(wanted: int) -> socket.socket:
    """A socket that listens on `wanted` or the next free port of the loopback (0: any); children inherit it.

    Held by the parent, so that the address stays ours while a child is started again. Raises OSError.
    """
    for port in range(wanted, wanted + PORTS_TRIED_MAX) if wanted else (0,):
        # With the protocol named asyncio sets TCP_NODELAY; without it each answer waits 40 ms for the caller's ACK.
        listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((LOOPBACK, port))
            listener.listen(2048)
            return listener
        except OSError:
            listener.close()
    raise OSError(f"no free port from {wanted} to {wanted + PORTS_TRIED_MAX - 1}")


def answers_ready(port: int, timeout_s: float = 1.0) -> bool:
    """Whether /health/ready on that port answers 200."""
    connection = http.client.HTTPConnection(LOOPBACK, port, timeout=timeout_s)
    try:
        connection.request("GET", "/health/ready")
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
