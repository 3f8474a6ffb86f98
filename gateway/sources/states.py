"""What a machine is doing, with its alarms: one that is there and has a major or critical alarm is in alarm."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime

from gateway.console.views import StateInterval
from services.lifecycle.contract import Alarm, Severity

ALARM, OFFLINE = "alarm", "offline"
GRAVE = (Severity.CRITICAL, Severity.MAJOR)
Span = tuple[datetime, datetime | None]


def state_with(state: str, alarms: Iterable[Alarm]) -> str:
    """The state of a machine with these active alarms."""
    return ALARM if state != OFFLINE and any(each.severity in GRAVE for each in alarms) else state


def timeline_with(intervals: Sequence[StateInterval], alarms: Iterable[Alarm]) -> list[StateInterval]:
    """The timeline cut where a grave alarm was raised or cleared; while one was active it says `alarm`."""
    spans = merged((each.raised, each.cleared) for each in alarms if each.severity in GRAVE)
    return [part for interval in intervals for part in _cut(interval, spans)]


def merged(spans: Iterable[Span]) -> list[Span]:
    """The same time in spans that do not overlap, in order; an end of none is still to come."""
    found: list[Span] = []
    for start, end in sorted(spans, key=lambda span: span[0]):
        if found and (found[-1][1] is None or start <= found[-1][1]):
            last_start, last_end = found[-1]
            found[-1] = (last_start, None if last_end is None or end is None else max(last_end, end))
        else:
            found.append((start, end))
    return found


def _cut(interval: StateInterval, spans: Sequence[Span]) -> Iterator[StateInterval]:
    at = interval.start
    for start, end in spans if interval.state != OFFLINE else ():
        begins = max(start, at)
        ends = interval.end if end is None else end if interval.end is None else min(end, interval.end)
        if (interval.end is not None and begins >= interval.end) or (ends is not None and ends <= begins):
            continue
        if begins > at:
            yield StateInterval(interval.state, at, begins)
        yield StateInterval(ALARM, begins, ends)
        if ends is None:
            return
        at = ends
    if interval.end is None or at < interval.end:
        yield StateInterval(interval.state, at, interval.end)
