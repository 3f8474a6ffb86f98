"""What a step of the story stands on: people signed in at the gateway, what is known so far, and patience."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

from opensom.visitor import Visitor
from services.kernel.clock import monotonic_s, sleep_s

Answer = TypeVar("Answer")
LOOK_S = 0.25
PATIENCE_S = 60.0


class StoryBroken(RuntimeError):
    """A step did not come about: what was waited for, in both languages, and what was seen last."""

    def __init__(self, zh: str, en: str, seen: Any = None) -> None:
        super().__init__(f"{en}; seen: {seen!r}"[:2000])
        self.zh, self.en, self.seen = zh, en, seen


@dataclass
class Cast:
    """Who acts, each with an own token."""

    administrator: Visitor
    engineer: Visitor
    manager: Visitor
    evaluator: Visitor

    def go_home(self) -> None:
        """Close all connections."""
        for visitor in (self.administrator, self.engineer, self.manager, self.evaluator):
            visitor.close()


@dataclass
class Scene:
    """The cast, and what later steps need from earlier ones."""

    cast: Cast
    facts: dict[str, Any] = field(default_factory=dict)

    @property
    def device(self) -> str:
        """The pump that the story is about."""
        return str(self.facts["device_id"])


def until(
    ask: Callable[[], Answer | None],
    zh: str,
    en: str,
    *,
    patience_s: float = PATIENCE_S,
    seen: Callable[[], Any] = dict,
) -> Answer:
    """The first answer that is not None or False; raises StoryBroken with `seen()` when none comes in time."""
    deadline_s = monotonic_s() + patience_s
    while True:
        answer = ask()
        if answer:
            return answer
        if monotonic_s() > deadline_s:
            raise StoryBroken(zh, en, seen())
        sleep_s(LOOK_S)
