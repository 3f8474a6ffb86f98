"""Panels: each part of a page is asked for on its own, in parallel, within a time limit, and may be unreachable."""

import asyncio
import hashlib
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import structlog

from services.kernel.problems import Problem

if TYPE_CHECKING:
    from gateway.console.page import ConsolePage

PANEL_S_MAX = 3.0  # Wall seconds that one panel may take before it is shown as unreachable.

log = structlog.get_logger("console")


@dataclass(frozen=True, slots=True)
class Panel:
    """What a panel got: its data, or why there is none."""

    data: Any = None
    problem: Problem | None = None

    @property
    def reachable(self) -> bool:
        return self.problem is None


@dataclass(frozen=True, slots=True, kw_only=True)
class Fragment:
    """A part of a page that can be drawn alone: with the page, and again whenever one of its `topics` changes.

    With `rows` (data -> (row id, row) pairs) and `row_template` an update sends only the rows that changed.
    A `required` fragment's problem is the page's problem (a machine that is not there), not a hole in the page.
    """

    name: str
    template: str
    load: Callable[["ConsolePage"], Awaitable[Any]]
    topics: frozenset[str] = frozenset()
    rows: Callable[[Any], Iterable[tuple[str, Any]]] | None = None
    row_template: str = ""
    required: bool = False


def unreachable() -> Problem:
    return Problem(
        "unreachable", 503, "这部分暂时没有应答，页面会自动重试。", "This part did not answer; the page tries again."
    )


async def ask(page: "ConsolePage", fragment: Fragment) -> Panel:
    """One panel's data; a time-out or an unexpected error becomes 'unreachable', a problem stays itself."""
    try:
        return Panel(data=await asyncio.wait_for(fragment.load(page), PANEL_S_MAX))
    except Problem as problem:
        return Panel(problem=problem)
    except Exception as error:
        # One panel must never take the page with it, whatever a client raises.
        log.warning("panel unreachable", panel=fragment.name, error=repr(error))
        return Panel(problem=unreachable())


async def load(page: "ConsolePage", fragments: Sequence[Fragment]) -> Mapping[str, Panel]:
    """Every fragment's data, asked for in parallel; raises the problem of a required one."""
    panels = await asyncio.gather(*(ask(page, fragment) for fragment in fragments))
    for fragment, panel in zip(fragments, panels, strict=True):
        if fragment.required and panel.problem is not None:
            raise panel.problem
    return {fragment.name: panel for fragment, panel in zip(fragments, panels, strict=True)}


def fingerprint(html: str) -> str:
    """Short mark of a drawn fragment: the same mark means that nothing has to be sent or redrawn."""
    return hashlib.blake2s(html.encode(), digest_size=6).hexdigest()
