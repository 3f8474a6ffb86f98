"""What the pages need to know and to do, in domain words.

An implementation belongs to one viewer: it carries the viewer's token and sees what that viewer may see. Every method
may raise `Problem` (not found, forbidden, conflict) or take long; the pages bound each call and show a panel that did
not answer as unreachable, so an implementation adds no time-outs of its own.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol

from gateway.console.views import (
    Alarm,
    AlarmFilter,
    AttentionItem,
    BusinessClock,
    Clause,
    ClauseCount,
    Command,
    DeadLetter,
    EventDetail,
    EventFilter,
    EventLine,
    Explanation,
    Figure,
    Fleet,
    FleetFilter,
    Health,
    Invoice,
    InvoiceFilter,
    InvoiceList,
    LineProof,
    LivePoint,
    Machine,
    MessageLedger,
    Page,
    Scenario,
    SignalSeries,
    StateInterval,
    TimeRange,
    Update,
    Viewer,
    WorkOrder,
    WorkOrderFilter,
)


class WorldSource(Protocol):
    """The clock and the simulated world."""

    async def clock(self) -> BusinessClock: ...

    async def set_clock(self, *, speed: float | None = None, paused: bool | None = None) -> None: ...

    async def scenario(self) -> Scenario: ...

    async def inject_fault(self, machine_id: str, fault: str) -> None: ...

    async def repair(self, machine_id: str) -> None: ...

    async def reset_scenario(self) -> None: ...


class FleetSource(Protocol):
    """Machines, what they measure, and what they are told."""

    async def fleet(self, which: FleetFilter) -> Fleet: ...

    async def machine(self, machine_id: str) -> Machine: ...

    async def live_points(self, machine_id: str, after: datetime | None, count_max: int) -> Sequence[LivePoint]:
        """The newest `count_max` messages later than `after` (business time), oldest first."""
        ...

    async def health(self, machine_id: str) -> Health: ...

    async def state_timeline(self, machine_id: str, when: TimeRange) -> Sequence[StateInterval]: ...

    async def history(self, machine_id: str, signals: Sequence[str], when: TimeRange) -> Sequence[SignalSeries]: ...

    async def commands(self, machine_id: str) -> Sequence[Command]: ...

    async def send_command(
        self, machine_id: str, name: str, parameters: Mapping[str, Any], idempotency_key: str
    ) -> Command: ...

    async def cancel_command(self, command_id: str) -> None: ...


class WorkSource(Protocol):
    """Alarms and work orders."""

    async def attention(self) -> Sequence[AttentionItem]: ...

    async def alarms(self, which: AlarmFilter) -> Page[Alarm]: ...

    async def alarm(self, alarm_id: str) -> Alarm: ...

    async def assignees(self) -> Sequence[str]: ...

    async def acknowledge_alarm(self, alarm_id: str) -> None: ...

    async def withdraw_acknowledgement(self, alarm_id: str) -> None: ...

    async def assign_alarm(self, alarm_id: str, assignee: str) -> None: ...

    async def clear_alarm(self, alarm_id: str) -> None: ...

    async def open_work_order(self, alarm_id: str) -> WorkOrder: ...

    async def work_orders(self, which: WorkOrderFilter) -> Sequence[WorkOrder]: ...

    async def work_order(self, work_order_id: str) -> WorkOrder: ...

    async def act_on_work_order(self, work_order_id: str, action: str, assignee: str, note: str) -> None: ...


class MoneySource(Protocol):
    """Invoices and what is behind them."""

    async def invoices(self, which: InvoiceFilter) -> InvoiceList: ...

    async def invoice(self, invoice_id: str) -> Invoice: ...

    async def line_proof(self, invoice_id: str, line_id: str) -> LineProof: ...


class EventSource(Protocol):
    """What happened in every service."""

    async def events(self, which: EventFilter) -> Page[EventLine]:
        """Newest first; with a correlation id: all of it, oldest first."""
        ...

    async def event(self, event_id: str) -> EventDetail: ...

    async def dead_letters(self) -> Sequence[DeadLetter]: ...

    async def message_ledger(self) -> MessageLedger: ...

    def updates(self) -> AsyncIterator[Update]:
        """Changes as they happen, for as long as the viewer's page is open."""
        ...


class CriteriaSource(Protocol):
    """The clauses of both documents, with live evidence."""

    async def clause_count(self) -> ClauseCount: ...

    async def clauses(self) -> Sequence[Clause]:
        """All clauses in the order of the documents; figures may be left out here."""
        ...

    async def clause(self, clause_id: str) -> Clause:
        """One clause with its figures taken now."""
        ...


class Sources(WorldSource, FleetSource, WorkSource, MoneySource, EventSource, CriteriaSource, Protocol):
    """Everything the console asks for, on behalf of one viewer."""

    async def figures(self) -> Sequence[Figure]:
        """The numbers of the overview; keys: see `words.FIGURES`."""
        ...

    async def explanations(self, screen: str) -> Sequence[Explanation]:
        """How the numbers of a screen (overview, fleet, machine, alarms ...) are computed."""
        ...


class Sessions(Protocol):
    """Who is signed in. The cookie's value is opaque to the console."""

    async def redeem(self, link: str) -> str:
        """Exchange a one-time link's secret for a session; raises `Problem` when it is used, unknown or too old."""
        ...

    async def viewer(self, session: str) -> Viewer | None:
        """The viewer of a session, none when it has ended."""
        ...

    async def sources(self, session: str) -> Sources:
        """The sources that see what the session's viewer may see."""
        ...

    async def end(self, session: str) -> None: ...
