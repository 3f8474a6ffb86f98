"""Alarms, tickets, work orders and commands."""

from collections.abc import Collection, Iterable
from datetime import datetime
from typing import Any, TypeVar

from sqlalchemy import func
from sqlmodel import SQLModel, col, select

from services.kernel.unit import UnitOfWork
from services.lifecycle.contract import AlarmState, CommandState, WorkOrderState
from services.lifecycle.tables import AlarmRow, CommandRow, TicketRow, TwinRow, WorkOrderRow

CLEARED = AlarmState.CLEARED.value
UNFINISHED = (CommandState.SENT, CommandState.DELIVERED, CommandState.EXECUTING)
WORK_DONE = (WorkOrderState.CLOSED, WorkOrderState.CANCELLED)

Row = TypeVar("Row", AlarmRow, TicketRow, WorkOrderRow, CommandRow)


def one(unit: UnitOfWork, kind: type[Row], row_id: str, *, change: bool = False) -> Row | None:
    """A row that the principal may see; with `change` nobody else changes it until this unit ends."""
    query = select(kind).where(kind.id == row_id).execution_options(populate_existing=True)
    return unit.session.exec(query.with_for_update() if change else query).first()


def page(
    unit: UnitOfWork, kind: type[Row], before: str, limit: int, *, equal: dict[str, Any], active: bool | None = None
) -> list[Row]:
    """Up to `limit` + 1 rows, newest first, below an id; columns in `equal` hold these values (None: any)."""
    query = select(kind)
    if before:
        query = query.where(kind.id < before)
    for name, value in equal.items():
        if value is not None:
            query = query.where(getattr(kind, name) == value)
    if active is not None:
        column = getattr(kind, "state", None)
        if column is None:
            column = col(TicketRow.closed)
            query = query.where(column.is_(None) if active else column.is_not(None))
        else:
            query = query.where(column != CLEARED if active else column == CLEARED)
    return list(unit.session.exec(query.order_by(col(kind.id).desc()).limit(limit + 1)))


def add(unit: UnitOfWork, row: SQLModel) -> None:
    unit.session.add(row)
    unit.session.flush()


# ---- Alarms ---------------------------------------------------------------------------------------------------


def active_alarm(unit: UnitOfWork, device_id: str, code: str) -> AlarmRow | None:
    """The one active alarm of a device and code, to be changed."""
    query = (
        select(AlarmRow)
        .where(AlarmRow.device_id == device_id, AlarmRow.code == code, AlarmRow.state != CLEARED)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    return unit.session.exec(query).first()


def latest_alarm(unit: UnitOfWork, device_id: str, code: str) -> AlarmRow | None:
    query = (
        select(AlarmRow)
        .where(AlarmRow.device_id == device_id, AlarmRow.code == code)
        .order_by(col(AlarmRow.raised).desc(), col(AlarmRow.id).desc())
    )
    return unit.session.exec(query.limit(1)).first()


def active_alarms(unit: UnitOfWork, device_id: str) -> list[AlarmRow]:
    """Oldest first."""
    query = select(AlarmRow).where(AlarmRow.device_id == device_id, AlarmRow.state != CLEARED)
    return list(unit.session.exec(query.order_by(col(AlarmRow.raised), AlarmRow.id)))


def alarms_by_id(unit: UnitOfWork, ids: Iterable[str]) -> list[AlarmRow]:
    """To be changed, in the order of their ids so that two units cannot wait for each other."""
    query = select(AlarmRow).where(col(AlarmRow.id).in_(sorted(set(ids)))).order_by(AlarmRow.id)
    return list(unit.session.exec(query.with_for_update().execution_options(populate_existing=True)))


def alarms_of_tickets(unit: UnitOfWork, ticket_ids: Iterable[str]) -> list[AlarmRow]:
    query = select(AlarmRow).where(col(AlarmRow.ticket_id).in_(sorted(ticket_ids)))
    return list(unit.session.exec(query.order_by(col(AlarmRow.raised), AlarmRow.id)))


def alarms_without_ticket(unit: UnitOfWork, severities: Collection[str], limit: int) -> list[AlarmRow]:
    """Active alarms of these severities that nobody has opened a ticket for, oldest first."""
    query = (
        select(AlarmRow)
        .where(
            AlarmRow.state != CLEARED, col(AlarmRow.severity).in_(list(severities)), col(AlarmRow.ticket_id).is_(None)
        )
        .order_by(col(AlarmRow.raised), AlarmRow.id)
        .limit(limit)
    )
    return list(unit.session.exec(query))


def active_counts(unit: UnitOfWork, device_ids: Iterable[str]) -> dict[str, int]:
    """Active alarms of each of these devices that has any."""
    query = (
        select(AlarmRow.device_id, func.count())
        .where(AlarmRow.state != CLEARED, col(AlarmRow.device_id).in_(sorted(device_ids)))
        .group_by(AlarmRow.device_id)
    )
    return {device_id: int(count) for device_id, count in unit.session.exec(query)}


def severity_counts(unit: UnitOfWork) -> dict[str, int]:
    """Active alarms by severity."""
    query = select(AlarmRow.severity, func.count()).where(AlarmRow.state != CLEARED).group_by(AlarmRow.severity)
    return {severity: int(count) for severity, count in unit.session.exec(query)}


def alarm_times(unit: UnitOfWork, limit: int) -> list[tuple[datetime, datetime | None, datetime | None]]:
    """(raised, acknowledged, cleared) of the newest alarms."""
    query = select(AlarmRow.raised, AlarmRow.acknowledged, AlarmRow.cleared).order_by(col(AlarmRow.id).desc())
    return [(raised, seen, cleared) for raised, seen, cleared in unit.session.exec(query.limit(limit))]


# ---- Tickets and work orders ----------------------------------------------------------------------------------


def open_ticket(unit: UnitOfWork, device_id: str) -> TicketRow | None:
    """The newest open ticket of a device."""
    query = select(TicketRow).where(TicketRow.device_id == device_id, col(TicketRow.closed).is_(None))
    return unit.session.exec(query.order_by(col(TicketRow.id).desc()).limit(1)).first()


def tickets_to_close(unit: UnitOfWork, limit: int) -> list[tuple[TicketRow, WorkOrderRow]]:
    """Open tickets whose repair is completed with a fault found, and of whose alarms none is active any more."""
    still = select(AlarmRow.id).where(AlarmRow.ticket_id == TicketRow.id, AlarmRow.state != CLEARED).exists()
    query = (
        select(TicketRow, WorkOrderRow)
        .join(WorkOrderRow, col(WorkOrderRow.id) == TicketRow.work_order_id)
        .where(
            col(TicketRow.closed).is_(None),
            WorkOrderRow.state == WorkOrderState.COMPLETED,
            col(WorkOrderRow.fault).is_not(None),
            ~still,
        )
        .order_by(TicketRow.id)
        .limit(limit)
    )
    return [(row[0], row[1]) for row in unit.session.exec(query)]


def open_counts(unit: UnitOfWork) -> tuple[int, int]:
    """(open tickets, work orders that are neither closed nor cancelled)."""
    tickets = select(func.count()).select_from(TicketRow).where(col(TicketRow.closed).is_(None))
    orders = select(func.count()).select_from(WorkOrderRow).where(col(WorkOrderRow.state).not_in(WORK_DONE))
    return int(unit.session.exec(tickets).one()), int(unit.session.exec(orders).one())


def closed_tickets(unit: UnitOfWork, limit: int) -> list[tuple[TicketRow, WorkOrderRow]]:
    """Closed tickets with their work orders, newest first."""
    query = (
        select(TicketRow, WorkOrderRow)
        .join(WorkOrderRow, col(WorkOrderRow.id) == TicketRow.work_order_id)
        .where(col(TicketRow.closed).is_not(None))
        .order_by(col(TicketRow.closed).desc())
        .limit(limit)
    )
    return [(row[0], row[1]) for row in unit.session.exec(query)]


# ---- Commands -------------------------------------------------------------------------------------------------


def command_of_key(unit: UnitOfWork, device_id: str, key: str) -> CommandRow | None:
    query = select(CommandRow).where(CommandRow.device_id == device_id, CommandRow.idempotency_key == key)
    return unit.session.exec(query).first()


def commands_to_send(unit: UnitOfWork, limit: int) -> list[CommandRow]:
    """Queued commands of devices that are online, oldest first."""
    query = (
        select(CommandRow)
        .join(TwinRow, col(TwinRow.device_id) == CommandRow.device_id)
        .where(CommandRow.state == CommandState.QUEUED, col(TwinRow.online))
        .order_by(CommandRow.id)
        .limit(limit)
    )
    return list(unit.session.exec(query))


def queued_past(unit: UnitOfWork, wall: datetime, limit: int) -> list[str]:
    """Queued commands that have expired."""
    query = select(CommandRow.id).where(CommandRow.state == CommandState.QUEUED, CommandRow.expires_wall <= wall)
    return list(unit.session.exec(query.order_by(CommandRow.id).limit(limit)))


def unfinished_past(unit: UnitOfWork, wall: datetime) -> list[str]:
    """Sent commands whose time is up."""
    query = select(CommandRow.id, CommandRow.sent_wall, CommandRow.timeout_s).where(
        col(CommandRow.state).in_(UNFINISHED)
    )
    rows = unit.session.exec(query.order_by(CommandRow.id))
    return [row_id for row_id, sent, timeout_s in rows if sent and (wall - sent).total_seconds() >= timeout_s]


def command_counts(unit: UnitOfWork) -> dict[str, int]:
    """Commands by state."""
    query = select(CommandRow.state, func.count()).group_by(CommandRow.state)
    return {state: int(count) for state, count in unit.session.exec(query)}


def latest_command(unit: UnitOfWork, state: CommandState) -> CommandRow | None:
    query = select(CommandRow).where(CommandRow.state == state).order_by(col(CommandRow.id).desc()).limit(1)
    return unit.session.exec(query).first()
