"""Answers that several panels and viewers ask for at the same time: asked once, and used again for a moment."""

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from typing import Any, TypeVar

from services.kernel.clock import monotonic_s

Answer = TypeVar("Answer")
ENTRIES_MAX = 1_000  # Beyond, the oldest go.


class Kept:
    """Who asks for what is being asked for already waits for the same answer; a failed one is asked for anew."""

    def __init__(self) -> None:
        self._asked: dict[tuple[Hashable, ...], tuple[float, asyncio.Task[Any]]] = {}

    async def answer(self, key: tuple[Hashable, ...], kept_s: float, ask: Callable[[], Awaitable[Answer]]) -> Answer:
        """The answer to `key`, not older than `kept_s` wall seconds; raises what `ask` raises."""
        until_s, task = self._asked.get(key, (0.0, None))
        if task is None or (task.done() and (monotonic_s() > until_s or task.exception() is not None)):
            task = asyncio.ensure_future(_awaited(ask))
            task.add_done_callback(_looked_at)
            self._asked.pop(key, None)
            self._asked[key] = (monotonic_s() + kept_s, task)
            while len(self._asked) > ENTRIES_MAX:
                self._asked.pop(next(iter(self._asked)))
        return await asyncio.shield(task)  # A panel that gives up must not take the answer from the others.

    def forget(self, first: Hashable) -> None:
        """Something changed: answers to keys that begin with `first` are asked for anew."""
        for key in [key for key in self._asked if key[0] == first]:
            del self._asked[key]


async def _awaited(ask: Callable[[], Awaitable[Answer]]) -> Answer:
    return await ask()


def _looked_at(task: asyncio.Task[Any]) -> None:
    if not task.cancelled():
        task.exception()  # Else it is logged as never retrieved when all who waited have given up.
