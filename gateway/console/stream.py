"""The event stream of an open page: what changed on it, drawn by the same fragments as the page itself.

Changes are gathered for a second, so a burst costs one drawing; a viewer that cannot keep up loses the oldest changes
of a bounded queue, never the last state, because a fragment is always drawn from what is true now.
"""

import asyncio
import json
from collections import deque
from collections.abc import AsyncIterator, Mapping, Sequence

import structlog
from fastapi import APIRouter
from fastapi.responses import StreamingResponse

from gateway.console.page import HEADERS, ConsolePage, Opened
from gateway.console.pages import SCREENS
from gateway.console.panels import Fragment, Panel, ask, fingerprint
from gateway.console.render import draw, draw_fragment
from gateway.console.views import Update
from services.kernel.problems import unavailable

INTERVAL_S = 1.0  # Wall seconds between two looks at what changed.
STREAM_S_MAX = 300.0  # Then the browser opens it again, and the session is checked again.
SILENCE_INTERVALS_MAX = 15  # A comment after this many quiet looks keeps proxies from closing the stream.
PENDING_MAX = 200  # Changes kept for one viewer; beyond, the oldest go.
EVERY_LOOK = "every-look"  # Topic of fragments that change by themselves, such as the clock.

router = APIRouter()
log = structlog.get_logger("console")


@router.get("/console/stream")
async def open_stream(page: Opened) -> StreamingResponse:
    """The stream of one open page; 503 when too many are open."""
    console = page.console
    if console.viewers >= console.viewers_max:
        raise unavailable("同时打开的页面过多。", "Too many pages are open.", retry_after_s=10)
    fragments = SCREENS.get(page.query.get("screen", ""), ())

    async def counted() -> AsyncIterator[str]:
        console.viewers += 1
        try:
            async for message in changes(page, fragments):
                yield message
        finally:
            console.viewers -= 1

    return StreamingResponse(counted(), media_type="text/event-stream", headers=HEADERS | {"X-Accel-Buffering": "no"})


async def changes(
    page: ConsolePage, fragments: Sequence[Fragment], interval_s: float = INTERVAL_S, seconds_max: float = STREAM_S_MAX
) -> AsyncIterator[str]:
    """Messages of an event stream: first every fragment as it is now, then what changes."""
    pending: deque[Update] = deque(maxlen=PENDING_MAX)
    pump = asyncio.create_task(_collect(page.sources.updates(), pending))
    sent: dict[str, Mapping[str, str]] = {}
    quiet = 0
    try:
        yield "retry: 2000\n\n"
        for look in range(max(1, int(seconds_max / interval_s))):
            topics = {update.topic for update in pending} | {EVERY_LOOK}
            pending.clear()
            due = [one for one in fragments if look == 0 or one.topics & topics or _is_broken(sent, one)]
            quiet += 1
            for fragment, panel in zip(due, await _panels(page, due), strict=True):
                for message in _messages(page, fragment, panel, sent):
                    quiet = 0
                    yield message
            if quiet >= SILENCE_INTERVALS_MAX:
                quiet = 0
                yield ": still here\n\n"
            if page.console.closing.is_set():
                return
            await asyncio.sleep(interval_s)
    finally:
        pump.cancel()


async def _collect(updates: AsyncIterator[Update], pending: deque[Update]) -> None:
    try:
        async for update in updates:
            pending.append(update)
    except Exception as error:
        # The page goes on with what it asks for itself; the stream is opened again after its time.
        log.warning("updates ended", error=repr(error))


async def _panels(page: ConsolePage, fragments: Sequence[Fragment]) -> list[Panel]:
    return list(await asyncio.gather(*(ask(page, fragment) for fragment in fragments)))


def _is_broken(sent: Mapping[str, Mapping[str, str]], fragment: Fragment) -> bool:
    """A fragment that did not answer last time is asked for again at every look."""
    return "unreachable" in sent.get(fragment.name, {})


def _messages(page: ConsolePage, fragment: Fragment, panel: Panel, sent: dict[str, Mapping[str, str]]) -> list[str]:
    """What to send for a fragment: nothing, the rows that changed, or the whole of it."""
    html, mark = draw_fragment(page, fragment, panel)
    before = sent.get(fragment.name, {})
    if before.get("whole") == mark:
        return []
    marks = {"whole": mark} | ({} if panel.reachable else {"unreachable": mark})
    rows: dict[str, str] = {}
    if fragment.rows is not None and panel.reachable:
        rows = {row_id: draw(page, fragment.row_template, row=row) for row_id, row in fragment.rows(panel.data)}
        marks |= {row_id: fingerprint(row) for row_id, row in rows.items()}
    sent[fragment.name] = marks
    same_rows = rows and [one for one in before if one != "whole"] == list(rows)
    if not same_rows:
        return [_message(fragment.name, mark, html)]
    return [_message(row_id, marks[row_id], row) for row_id, row in rows.items() if before[row_id] != marks[row_id]]


def _message(target: str, mark: str, html: str) -> str:
    return f"event: fragment\ndata: {json.dumps({'id': target, 'mark': mark, 'html': html}, ensure_ascii=False)}\n\n"
