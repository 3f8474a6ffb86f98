"""Alarms and work orders, for one viewer."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta

from gateway import store
from gateway.console.naming import BETWEEN, halves, name_of, sentence
from gateway.console.views import (
    Alarm,
    AlarmFilter,
    AttentionItem,
    Page,
    Words,
    WorkOrder,
    WorkOrderFilter,
    WorkOrderStep,
)
from gateway.sources.shared import Viewing, all_of
from services.kernel.identity import Role
from services.kernel.problems import Problem
from services.kernel.unit import UnitOfWork
from services.lifecycle import contract as lifecycle
from services.lifecycle.contract import AlarmState, CommandState, WorkOrderState

SHOWN_MAX = 200
ATTENTION_MAX = 12
SEVERITIES = ("critical", "major", "minor", "warning")
WORKERS = {Role.OPERATOR, Role.ENGINEER, Role.MANAGER, Role.ADMINISTRATOR}
WAITING_LONG = timedelta(hours=24)
FAILED = (CommandState.FAILED, CommandState.TIMED_OUT, CommandState.REJECTED)
FAILED_SHOWN = 5
Names = Mapping[str, tuple[Words, str]]
Person = Callable[[str], Words]


class WorkSources(Viewing):
    """See `gateway.console.sources.WorkSource`."""

    async def attention(self) -> Sequence[AttentionItem]:
        """What waits for somebody, the worst first; what nobody can tell now is left out."""
        client = self.lifecycle
        names, alarms, orders, dead, failed = await asyncio.gather(
            self.machine_names(),
            self.active_alarms(),
            client.work_orders(state=WorkOrderState.OPEN, limit=SHOWN_MAX),
            client.dead_letters(limit=1),
            asyncio.gather(*(client.commands(state=state, limit=FAILED_SHOWN) for state in FAILED)),
        )
        items = await self._waiting_alarms([each for each in alarms if each.state == AlarmState.RAISED], names)
        items += [self._waiting_order(each, names) for each in orders.items if self._waits_long(each)]
        items += self._failed_commands([each for page in failed for each in page.items], names)
        items += [
            AttentionItem(
                kind="dead_letter",
                severity="warning",
                text=Words("有消息未能接收", "Messages could not be taken"),
                detail=Words(each.detail, each.detail),
                since=each.received,
                link="/console/events/dead-letters",
            )
            for each in dead.items
        ]
        items.sort(key=lambda item: (SEVERITIES.index(item.severity), -item.since.timestamp()))
        return items[:ATTENTION_MAX]

    async def _waiting_alarms(self, alarms: Sequence[lifecycle.Alarm], names: Names) -> list[AttentionItem]:
        """One line for each machine: its worst alarm, the oldest of those, and how many more there are."""
        by_machine: dict[str, list[lifecycle.Alarm]] = {}
        for alarm in sorted(alarms, key=lambda each: (SEVERITIES.index(each.severity.value), each.raised)):
            by_machine.setdefault(alarm.device_id, []).append(alarm)
        return [await self._waiting_alarm(worst, len(more), names) for worst, *more in by_machine.values()]

    async def _waiting_alarm(self, alarm: lifecycle.Alarm, more: int, names: Names) -> AttentionItem:
        name, _ = names.get(alarm.device_id, _unnamed(alarm.device_id))
        customer = await self.name_of(alarm.organisation_id)
        return AttentionItem(
            kind="alarm",
            severity=alarm.severity.value,
            text=Words(alarm.reason_zh, sentence(alarm.reason_en)),
            detail=Words(f"{name.zh} · {customer.zh}", f"{name.en} · {customer.en}"),
            more=more,
            more_link=f"/console/alarms?machine={alarm.device_id}",
            since=alarm.raised,
            link=f"/console/alarms/{alarm.id}",
        )

    def _waits_long(self, order: lifecycle.WorkOrder) -> bool:
        return self.business_now() - order.opened > WAITING_LONG

    def _waiting_order(self, order: lifecycle.WorkOrder, names: Names) -> AttentionItem:
        name, _ = names.get(order.device_id, _unnamed(order.device_id))
        return AttentionItem(
            kind="work_order",
            severity="minor",
            text=Words(f"{name.zh} 的工单超过一天未安排", f"The work order of {name.en} was not planned for a day"),
            detail=_instruction(order),
            since=order.opened,
            link=f"/console/work-orders/{order.id}",
        )

    def _failed_commands(self, commands: Sequence[lifecycle.Command], names: Names) -> list[AttentionItem]:
        recent = self.business_now() - WAITING_LONG
        named = {each.name: name_of(each.name, "COMMANDS") for each in commands}
        return [
            AttentionItem(
                kind="command",
                severity="minor",
                text=Words(
                    f"指令“{named[each.name].zh}”未成功", f"Remote command did not succeed: {named[each.name].en}"
                ),
                detail=names.get(each.device_id, _unnamed(each.device_id))[0],
                since=each.created,
                link=f"/console/machines/{each.device_id}",
            )
            for each in commands
            if each.created > recent
        ]

    async def alarms(self, which: AlarmFilter) -> Page[Alarm]:
        client = self.lifecycle
        state = which.state if which.state in set(AlarmState) else None
        found, tickets, names, person = await asyncio.gather(
            client.alarms(
                device_id=which.machine_id or None,
                severity=which.severity or None,
                state=state,
                active=True if which.state == "active" else None,
                limit=SHOWN_MAX,
            ),
            self._tickets(),
            self.machine_names(),
            self.person_of(),
        )
        rows = [await self._alarm(each, names, tickets, person) for each in found.items]
        return Page(rows=tuple(row for row in rows if which.text.lower() in _text(row)))

    async def alarm(self, alarm_id: str) -> Alarm:
        client = self.lifecycle
        found, names, person = await asyncio.gather(client.alarm(alarm_id), self.machine_names(), self.person_of())
        tickets = {found.ticket_id: await client.ticket(found.ticket_id)} if found.ticket_id else {}
        return await self._alarm(found, names, tickets, person)

    async def _alarm(
        self, alarm: lifecycle.Alarm, names: Names, tickets: Mapping[str, lifecycle.Ticket], person: Person
    ) -> Alarm:
        ticket = tickets.get(alarm.ticket_id or "")
        return Alarm(
            id=alarm.id,
            machine_id=alarm.device_id,
            machine=names.get(alarm.device_id, _unnamed(alarm.device_id))[0],
            customer=await self.name_of(alarm.organisation_id),
            code=alarm.code,
            severity=alarm.severity.value,
            state=alarm.state.value,
            reason=Words(alarm.reason_zh, sentence(alarm.reason_en)),
            source=alarm.source,
            raised=alarm.raised,
            correlation_id=alarm.correlation_id,
            signal=alarm.signal,
            value=alarm.value,
            limit=alarm.limit,
            acknowledged=alarm.acknowledged,
            acknowledged_by=person(alarm.acknowledged_by) if alarm.acknowledged_by else None,
            assignee=alarm.assignee,
            cleared=alarm.cleared,
            work_order_id=ticket.work_order_id if ticket else None,
        )

    async def _tickets(self) -> dict[str, lifecycle.Ticket]:
        return {each.id: each for each in await all_of(self.lifecycle.tickets)}

    async def assignees(self) -> Sequence[str]:
        """Names of people who work for the viewer's organisations."""

        def names(unit: UnitOfWork) -> list[str]:
            users = store.users(unit.session, "", SHOWN_MAX)
            return [user.display_name for user in users if user.active and WORKERS & {Role(r) for r in user.roles}]

        found = await self.shared.access.read(names, principal=self.who.principal)
        return found or [self.who.principal.name]

    async def _full_name(self, name: str) -> str:
        """Somebody's name in both languages, given the half that one reader sees; any other name as it is."""
        known = await self.assignees() if name else ()
        return next((each for each in known if name in (halves(each).zh, halves(each).en)), name)

    async def acknowledge_alarm(self, alarm_id: str) -> None:
        await self.lifecycle.acknowledge(alarm_id)

    async def withdraw_acknowledgement(self, alarm_id: str) -> None:
        await self.lifecycle.unacknowledge(alarm_id)

    async def assign_alarm(self, alarm_id: str, assignee: str) -> None:
        await self.lifecycle.assign(alarm_id, await self._full_name(assignee) or None)

    async def clear_alarm(self, alarm_id: str) -> None:
        await self.lifecycle.clear(alarm_id)

    async def open_work_order(self, alarm_id: str) -> WorkOrder:
        """The order for an alarm's case; the one that there is already, else a new one."""
        client = self.lifecycle
        alarm = await client.alarm(alarm_id)
        if alarm.ticket_id:
            ticket = await client.ticket(alarm.ticket_id)
        else:
            ticket = await client.open_ticket(lifecycle.TicketCreate(alarm_ids=[alarm_id]))
        if ticket.work_order_id:
            return await self.work_order(ticket.work_order_id)
        twin = await client.twin(alarm.device_id)
        named = twin.diagnosis.fault if twin.diagnosis else "none"
        fault = None if named in ("none", "cannot_tell") else named
        instruction = f"{alarm.reason_zh}{BETWEEN}{sentence(alarm.reason_en)}"
        create = lifecycle.WorkOrderCreate(ticket_id=ticket.id, instruction=instruction, fault=fault)
        made = await client.create_work_order(create)
        return await self._order(made, await self.machine_names(), ticket, await self.person_of())

    async def work_orders(self, which: WorkOrderFilter) -> Sequence[WorkOrder]:
        client = self.lifecycle
        found, tickets, names, person = await asyncio.gather(
            client.work_orders(device_id=which.machine_id or None, limit=SHOWN_MAX),
            self._tickets(),
            self.machine_names(),
            self.person_of(),
        )
        wanted = [each for each in found.items if which.assignee in ("", each.assignee)]
        return [await self._order(each, names, tickets.get(each.ticket_id), person) for each in wanted]

    async def work_order(self, work_order_id: str) -> WorkOrder:
        client = self.lifecycle
        found, names, person = await asyncio.gather(
            client.work_order(work_order_id), self.machine_names(), self.person_of()
        )
        try:
            ticket = await client.ticket(found.ticket_id)
        except Problem:  # The order says most of it without.
            ticket = None
        return await self._order(found, names, ticket, person)

    async def act_on_work_order(self, work_order_id: str, action: str, assignee: str, note: str) -> None:
        name = await self._full_name(assignee)
        wanted = lifecycle.WorkOrderAction(action=action, assignee=name or None, note=note)
        await self.lifecycle.act_on_work_order(work_order_id, wanted)

    async def _order(
        self, order: lifecycle.WorkOrder, names: Names, ticket: lifecycle.Ticket | None, person: Person
    ) -> WorkOrder:
        return WorkOrder(
            id=order.id,
            machine_id=order.device_id,
            machine=names.get(order.device_id, _unnamed(order.device_id))[0],
            customer=await self.name_of(order.organisation_id),
            state=order.state.value,
            fault=order.fault,
            instruction=_instruction(order),
            assignee=order.assignee,
            opened=order.opened,
            started=order.started,
            completed=order.completed,
            steps=tuple(
                WorkOrderStep(state=each.state.value, at=each.at, by=person(each.by), note=each.note)
                for each in order.history
            ),
            actions=tuple(order.actions),
            alarm_ids=tuple(ticket.alarm_ids) if ticket else (),
            correlation_id=order.correlation_id,
        )


def _instruction(order: lifecycle.WorkOrder) -> Words:
    """What to do, in both languages where the platform wrote it."""
    zh, between, en = order.instruction.partition(BETWEEN)
    return Words(zh, en) if between else Words(zh, zh)


def _unnamed(device_id: str) -> tuple[Words, str]:
    return Words(device_id, device_id), ""


def _text(row: Alarm) -> str:
    return f"{row.machine_id} {row.machine.zh} {row.machine.en} {row.code} {row.reason.zh} {row.reason.en}".lower()
