"""Tickets: alarms of one device that belong together, from the first alarm to the verified repair."""

from collections.abc import Iterable, Sequence

from services.kernel.chance import new_id
from services.kernel.database import Database
from services.kernel.problems import conflict, not_found
from services.kernel.unit import UnitOfWork
from services.lifecycle.contract import (
    AlarmState,
    Severity,
    Ticket,
    TicketClosed,
    TicketCreate,
    TicketOpened,
    WorkOrderState,
)
from services.lifecycle.service import work_orders
from services.lifecycle.settings import LifecycleSettings
from services.lifecycle.store import work as store
from services.lifecycle.tables import AlarmRow, TicketRow

ALARMS_A_PASS = 200
TICKETS_A_PASS = 200


def open_ticket(unit: UnitOfWork, create: TicketCreate) -> Ticket:
    """Open a ticket from alarms of one device that have none yet."""
    alarms = store.alarms_by_id(unit, create.alarm_ids)
    missing = sorted(set(create.alarm_ids) - {alarm.id for alarm in alarms})
    if missing:
        raise not_found("alarm", missing[0], "告警")
    if len({alarm.device_id for alarm in alarms}) > 1:
        raise conflict(
            "一张工单请求只能包含同一产品的告警。",
            "A ticket holds alarms of one product only.",
            "alarms-of-several-products",
        )
    taken = [alarm.id for alarm in alarms if alarm.ticket_id is not None]
    if taken:
        raise conflict(
            "所选告警中有的已属于其他工单请求。",
            "Some of these alarms belong to a ticket already.",
            "alarms-have-ticket",
            alarm_ids=taken,
        )
    return ticket_of(unit, _open(unit, alarms, create.title))


def open_due(database: Database, settings: LifecycleSettings) -> int:
    """Open tickets for grave alarms that have none; an alarm of a device with an open ticket joins it."""
    if not database.read(store.alarms_without_ticket, settings.ticket_severities, 1):
        return 0
    return database.run(_open_due, settings.ticket_severities)


def close(unit: UnitOfWork, ticket_id: str) -> Ticket:
    """Close by hand a case that needs no repair, or whose repair found nothing."""
    ticket = _found(unit, ticket_id, change=True)
    if ticket.closed is not None:
        return ticket_of(unit, ticket)
    active = [alarm.id for alarm in store.alarms_of_tickets(unit, [ticket.id]) if alarm.state != AlarmState.CLEARED]
    if active:
        raise conflict(
            "仍有未消除的告警，不能关闭工单请求。",
            "Alarms of this ticket are still active: it cannot be closed.",
            "alarms-active",
            alarm_ids=active,
        )
    order = work_orders.order_of_ticket(unit, ticket)
    if order is not None and order.state not in (WorkOrderState.COMPLETED, *work_orders.ENDED):
        raise conflict(
            "维修工单尚未完成，不能关闭工单请求。",
            "Its work order is not completed: the ticket cannot be closed.",
            "work-order-unfinished",
            work_order_id=order.id,
        )
    if order is not None and order.state == WorkOrderState.COMPLETED:
        work_orders.step(unit, order, "close", "")
    _close(unit, ticket)
    return ticket_of(unit, ticket)


def close_verified(database: Database) -> int:
    """Close the tickets, with their work orders, whose repair has made all alarms go away."""
    if not database.read(store.tickets_to_close, 1):
        return 0
    return database.run(_close_verified)


def ticket(unit: UnitOfWork, ticket_id: str) -> Ticket:
    return ticket_of(unit, _found(unit, ticket_id))


def ticket_of(unit: UnitOfWork, row: TicketRow) -> Ticket:
    """The contract's view of a row, with its alarms."""
    return tickets_of(unit, [row])[0]


def tickets_of(unit: UnitOfWork, rows: Sequence[TicketRow]) -> list[Ticket]:
    """The contract's view of rows, with their alarms."""
    alarm_ids: dict[str, list[str]] = {row.id: [] for row in rows}
    for alarm in store.alarms_of_tickets(unit, alarm_ids):
        alarm_ids[str(alarm.ticket_id)].append(alarm.id)
    return [Ticket(**row.model_dump(), alarm_ids=alarm_ids[row.id]) for row in rows]


def _found(unit: UnitOfWork, ticket_id: str, *, change: bool = False) -> TicketRow:
    row = store.one(unit, TicketRow, ticket_id, change=change)
    if row is None:
        raise not_found("ticket", ticket_id, "工单请求")
    return row


def _open_due(unit: UnitOfWork, severities: Sequence[str]) -> int:
    alarms = store.alarms_without_ticket(unit, severities, ALARMS_A_PASS)
    by_device: dict[str, list[AlarmRow]] = {}
    for alarm in alarms:
        by_device.setdefault(alarm.device_id, []).append(alarm)
    for device_id, together in by_device.items():
        present = store.open_ticket(unit, device_id)
        if present is None:
            _open(unit, together, "")
        else:
            _join(present, together)
    return len(alarms)


def _open(unit: UnitOfWork, alarms: Sequence[AlarmRow], title: str) -> TicketRow:
    gravest = min(alarms, key=lambda alarm: (list(Severity).index(Severity(alarm.severity)), alarm.raised))
    ticket = TicketRow(
        id=new_id(),
        device_id=gravest.device_id,
        organisation_id=gravest.organisation_id,
        title=title or f"{gravest.device_id} {gravest.code}",
        opened=unit.clock.business_now(),
        correlation_id=min(alarms, key=lambda alarm: alarm.raised).correlation_id,
    )
    store.add(unit, ticket)
    _join(ticket, alarms)
    unit.audit("open ticket", f"ticket/{ticket.id}", ticket.organisation_id, {"alarms": [each.id for each in alarms]})
    unit.announce(
        TicketOpened(device_id=ticket.device_id, ticket_id=ticket.id, alarm_ids=[alarm.id for alarm in alarms]),
        subject=ticket.device_id,
        organisation_id=ticket.organisation_id,
        correlation_id=ticket.correlation_id,
    )
    return ticket


def _join(ticket: TicketRow, alarms: Iterable[AlarmRow]) -> None:
    for alarm in alarms:
        alarm.ticket_id = ticket.id


def _close_verified(unit: UnitOfWork) -> int:
    due = store.tickets_to_close(unit, TICKETS_A_PASS)
    for ticket, order in due:
        work_orders.step(unit, order, "close", "修复后告警已全部消除 / all alarms are cleared after the repair")
        _close(unit, ticket)
    return len(due)


def _close(unit: UnitOfWork, ticket: TicketRow) -> None:
    ticket.closed = unit.clock.business_now()
    unit.audit("close ticket", f"ticket/{ticket.id}", ticket.organisation_id)
    unit.announce(
        TicketClosed(device_id=ticket.device_id, ticket_id=ticket.id),
        subject=ticket.device_id,
        organisation_id=ticket.organisation_id,
        correlation_id=ticket.correlation_id,
    )
