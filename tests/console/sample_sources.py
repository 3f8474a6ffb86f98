"""Sources and sessions that need no service: full sample data, no data at all, or nobody who answers."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from gateway.console import words
from gateway.console.views import (
    ActiveFault,
    Alarm,
    AlarmFilter,
    BusinessClock,
    ClauseCount,
    EventDetail,
    EventFilter,
    Fleet,
    FleetFilter,
    InvoiceFilter,
    MessageLedger,
    Option,
    Page,
    Scenario,
    SignalSeries,
    TimeRange,
    Update,
    Viewer,
    Words,
    WorkOrder,
    WorkOrderFilter,
)
from services.kernel.problems import not_found
from tests.console import sample_fleet, sample_records, sample_work
from tests.console.sample_fleet import CARDS, FAULTY, NOW

FAULTS = (
    "imbalance",
    "bearing_inner_race",
    "bearing_outer_race",
    "cavitation",
    "seal_leak",
    "wear",
    "sensor_drift",
    "lost_connection",
)
ADMINISTRATOR = Viewer(
    subject="lin",
    name="林工",
    organisation=Words("东方泵业", "Dongfang Pumps"),
    roles=frozenset({"administrator", "engineer"}),
)
ONLOOKER = replace(ADMINISTRATOR, subject="guest", name="评审员", roles=frozenset({"evaluator"}))


class SampleSources:
    """Everything that the pages ask for, from sample data; what is done is remembered and kept in `done`."""

    def __init__(self) -> None:
        self.done: list[tuple[Any, ...]] = []
        self.speed, self.paused, self.asked = 60.0, False, 0
        self.faults = dict(list(FAULTY.items())[:2])
        self.alarm_book = sample_work.alarms()
        self.order_book = sample_work.work_orders()

    async def clock(self) -> BusinessClock:
        self.asked += 1
        return BusinessClock(business=NOW + timedelta(seconds=self.asked), speed=self.speed, paused=self.paused)

    async def set_clock(self, *, speed: float | None = None, paused: bool | None = None) -> None:
        self.done.append(("set_clock", speed, paused))
        self.speed, self.paused = speed or self.speed, bool(paused)

    async def scenario(self) -> Scenario:
        return Scenario(
            name=Words("四十台泵的一天", "A day of forty pumps"),
            seed=2026,
            running=True,
            machines=tuple(Option(one.id, one.name) for one in CARDS),
            faults=FAULTS,
            active=tuple(
                ActiveFault(machine_id=CARDS[number - 1].id, machine=CARDS[number - 1].name, fault=fault, since=NOW)
                for number, fault in self.faults.items()
            ),
        )

    async def inject_fault(self, machine_id: str, fault: str) -> None:
        self.done.append(("inject_fault", machine_id, fault))

    async def repair(self, machine_id: str) -> None:
        self.done.append(("repair", machine_id))

    async def reset_scenario(self) -> None:
        self.done.append(("reset_scenario",))

    async def fleet(self, which: FleetFilter) -> Fleet:
        kept = tuple(
            one
            for one in CARDS
            if which.state in ("", one.state)
            and which.customer_id in ("", one.customer_id)
            and which.text in f"{one.id}{one.name.zh}{one.name.en}"
        )
        states = {state: sum(one.state == state for one in CARDS) for state in words.STATES}
        return Fleet(
            machines=kept, total=len(CARDS), states=states, customers=sample_fleet.CUSTOMERS, types=sample_fleet.TYPES
        )

    def _number(self, machine_id: str) -> int:
        for place, one in enumerate(CARDS):
            if one.id == machine_id:
                return place + 1
        raise not_found("machine", machine_id, "设备")

    async def machine(self, machine_id: str) -> Any:
        return sample_fleet.machine(self._number(machine_id))

    async def live_points(self, machine_id: str, after: datetime | None, count_max: int) -> Any:
        return sample_fleet.live(self._number(machine_id), after, count_max)

    async def health(self, machine_id: str) -> Any:
        return sample_fleet.health(self._number(machine_id))

    async def state_timeline(self, machine_id: str, when: TimeRange) -> Any:
        return sample_fleet.timeline(self._number(machine_id))

    async def history(self, machine_id: str, signals: Sequence[str], when: TimeRange) -> Sequence[SignalSeries]:
        number, hours = self._number(machine_id), (when.last or timedelta(hours=1)).total_seconds() / 3600
        return [
            SignalSeries(signal=name, width_s=60, points=sample_fleet.history(number, name, hours))
            for name in signals
            if name in sample_fleet.LEVELS
        ]

    async def commands(self, machine_id: str) -> Any:
        return sample_work.commands(machine_id)

    async def send_command(
        self, machine_id: str, name: str, parameters: Mapping[str, Any], idempotency_key: str
    ) -> Any:
        self.done.append(("send_command", machine_id, name, dict(parameters), idempotency_key))
        return sample_work.commands(machine_id)[0]

    async def cancel_command(self, command_id: str) -> None:
        self.done.append(("cancel_command", command_id))

    async def attention(self) -> Any:
        return sample_work.attention()

    async def alarms(self, which: AlarmFilter) -> Page[Alarm]:
        rows = tuple(
            one
            for one in self.alarm_book.values()
            if which.machine_id in ("", one.machine_id) and which.severity in ("", one.severity)
        )
        return Page(rows=rows, total=len(rows))

    async def alarm(self, alarm_id: str) -> Alarm:
        if alarm_id not in self.alarm_book:
            raise not_found("alarm", alarm_id, "告警")
        return self.alarm_book[alarm_id]

    async def assignees(self) -> Sequence[str]:
        return ("林工", "赵工", "周工")

    async def _change_alarm(self, doing: str, alarm_id: str, **changes: Any) -> None:
        self.done.append((doing, alarm_id, *changes.values()))
        self.alarm_book[alarm_id] = replace(await self.alarm(alarm_id), **changes)

    async def acknowledge_alarm(self, alarm_id: str) -> None:
        await self._change_alarm("acknowledge_alarm", alarm_id, state="ACKNOWLEDGED")

    async def withdraw_acknowledgement(self, alarm_id: str) -> None:
        await self._change_alarm("withdraw_acknowledgement", alarm_id, state="RAISED")

    async def assign_alarm(self, alarm_id: str, assignee: str) -> None:
        await self._change_alarm("assign_alarm", alarm_id, assignee=assignee)

    async def clear_alarm(self, alarm_id: str) -> None:
        await self._change_alarm("clear_alarm", alarm_id, state="CLEARED")

    async def open_work_order(self, alarm_id: str) -> WorkOrder:
        self.done.append(("open_work_order", alarm_id))
        return self.order_book["W-301"]

    async def work_orders(self, which: WorkOrderFilter) -> Any:
        return tuple(self.order_book.values())

    async def work_order(self, work_order_id: str) -> WorkOrder:
        if work_order_id not in self.order_book:
            raise not_found("work order", work_order_id, "工单")
        return self.order_book[work_order_id]

    async def act_on_work_order(self, work_order_id: str, action: str, assignee: str, note: str) -> None:
        self.done.append(("act_on_work_order", work_order_id, action, assignee, note))

    async def invoices(self, which: InvoiceFilter) -> Any:
        return sample_records.invoice_list(which)

    async def invoice(self, invoice_id: str) -> Any:
        for one in sample_records.invoices():
            if one.id == invoice_id:
                return sample_records.invoice(one)
        raise not_found("invoice", invoice_id, "发票")

    async def line_proof(self, invoice_id: str, line_id: str) -> Any:
        invoice = await self.invoice(invoice_id)
        for line in invoice.lines:
            if line.id == line_id:
                return sample_records.line_proof(invoice.summary, line)
        raise not_found("invoice line", line_id, "发票行")

    async def events(self, which: EventFilter) -> Any:
        rows = tuple(
            one
            for one in sample_records.events()
            if which.correlation_id in ("", one.correlation_id) and which.service in ("", one.service)
        )
        return Page(
            rows=tuple(reversed(rows)) if which.correlation_id else rows, after=None if which.after else "20371"
        )

    async def event(self, event_id: str) -> EventDetail:
        for line in sample_records.events():
            if line.id == event_id:
                return EventDetail(
                    line=line,
                    envelope={"specversion": "1.0", "id": line.id, "data": {"device_id": line.subject, "文字": "<b>&"}},
                )
        raise not_found("event", event_id, "事件")

    async def dead_letters(self) -> Any:
        return sample_records.dead_letters()

    async def message_ledger(self) -> MessageLedger:
        return MessageLedger(received=1_204_118, stored=1_203_990, duplicate=125, dead_lettered=3, in_flight=0)

    async def updates(self) -> AsyncIterator[Update]:
        while True:
            await asyncio.sleep(0.2)
            yield Update(topic="event")

    async def clause_count(self) -> ClauseCount:
        return sample_records.clause_count()

    async def clauses(self) -> Any:
        return sample_records.clauses()

    async def clause(self, clause_id: str) -> Any:
        for one in sample_records.clauses():
            if one.id == clause_id:
                return one
        raise not_found("clause", clause_id, "条款")

    async def figures(self) -> Any:
        return sample_records.figures()

    async def explanations(self, screen: str) -> Any:
        return sample_records.explanations()
