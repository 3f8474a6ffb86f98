"""Routes of alarms, tickets, work orders and remote commands."""

from typing import Annotated

from fastapi import APIRouter, Query, Response

from services.kernel.http import Cursor, Limit, Page, page_of
from services.kernel.unit import UnitOfWork
from services.lifecycle.api.door import (
    ENGINEERS,
    OPERATORS,
    DevicePath,
    DeviceQuery,
    Door,
    RowPath,
    opened_to,
    page_start,
)
from services.lifecycle.contract import (
    ROW_ID,
    Alarm,
    AlarmAssign,
    AlarmClear,
    AlarmState,
    Command,
    CommandCreate,
    CommandState,
    Severity,
    Ticket,
    TicketCreate,
    WorkOrder,
    WorkOrderAction,
    WorkOrderCreate,
    WorkOrderState,
)
from services.lifecycle.service import alarms, commands, tickets, work_orders
from services.lifecycle.store import work as store
from services.lifecycle.tables import AlarmRow, CommandRow, TicketRow, WorkOrderRow

TicketQuery = Annotated[str | None, Query(pattern=ROW_ID, description="工单请求编号 · Ticket id")]

router = APIRouter()

# ---- Alarms ---------------------------------------------------------------------------------------------------


@router.get("/alarms", tags=["alarms"], summary="告警，最新在前 · Alarms, newest first")
def list_alarms(
    device_id: DeviceQuery = None,
    state: AlarmState | None = None,
    severity: Severity | None = None,
    ticket_id: TicketQuery = None,
    active: bool | None = None,
    limit: Limit = 50,
    cursor: Cursor = None,
    door: Door = opened_to(),
) -> Page[Alarm]:
    equal = {"device_id": device_id, "state": state, "severity": severity, "ticket_id": ticket_id}
    rows = door.read(store.page, AlarmRow, page_start(cursor), limit, equal=equal, active=active)
    return page_of(rows, limit, alarms.alarm_of, lambda row: (row.id,))


@router.get("/alarms/{alarm_id}", tags=["alarms"], summary="一条告警 · One alarm")
def get_alarm(alarm_id: RowPath, door: Door = opened_to()) -> Alarm:
    return door.read(alarms.alarm, alarm_id)


@router.post("/alarms/{alarm_id}/acknowledge", tags=["alarms"], summary="确认告警 · Acknowledge an alarm")
def acknowledge_alarm(alarm_id: RowPath, door: Door = opened_to(*OPERATORS)) -> Alarm:
    return door.run(alarms.acknowledge, alarm_id)


@router.post("/alarms/{alarm_id}/unacknowledge", tags=["alarms"], summary="撤销确认 · Take an acknowledgement back")
def unacknowledge_alarm(alarm_id: RowPath, door: Door = opened_to(*OPERATORS)) -> Alarm:
    return door.run(alarms.unacknowledge, alarm_id)


@router.post("/alarms/{alarm_id}/assign", tags=["alarms"], summary="指派负责人 · Assign an alarm")
def assign_alarm(alarm_id: RowPath, wanted: AlarmAssign, door: Door = opened_to(*OPERATORS)) -> Alarm:
    return door.run(alarms.assign, alarm_id, wanted.assignee)


@router.post("/alarms/{alarm_id}/clear", tags=["alarms"], summary="人工消除告警 · Clear an alarm by hand")
def clear_alarm(alarm_id: RowPath, wanted: AlarmClear, door: Door = opened_to(*OPERATORS)) -> Alarm:
    return door.run(alarms.clear, alarm_id, wanted.note)


# ---- Tickets and work orders ----------------------------------------------------------------------------------


@router.get("/tickets", tags=["tickets"], summary="工单请求，最新在前 · Tickets, newest first")
def list_tickets(
    device_id: DeviceQuery = None,
    active: bool | None = None,
    limit: Limit = 50,
    cursor: Cursor = None,
    door: Door = opened_to(),
) -> Page[Ticket]:
    def page(unit: UnitOfWork) -> Page[Ticket]:
        rows = store.page(unit, TicketRow, page_start(cursor), limit, equal={"device_id": device_id}, active=active)
        shown = iter(tickets.tickets_of(unit, rows[:limit]))
        return page_of(rows, limit, lambda _: next(shown), lambda row: (row.id,))

    return door.read(page)


@router.post("/tickets", tags=["tickets"], status_code=201, summary="由告警建立工单请求 · Open a ticket from alarms")
def open_ticket(create: TicketCreate, door: Door = opened_to(*ENGINEERS)) -> Ticket:
    return door.run(tickets.open_ticket, create)


@router.get("/tickets/{ticket_id}", tags=["tickets"], summary="一个工单请求 · One ticket")
def get_ticket(ticket_id: RowPath, door: Door = opened_to()) -> Ticket:
    return door.read(tickets.ticket, ticket_id)


@router.post("/tickets/{ticket_id}/close", tags=["tickets"], summary="人工关闭工单请求 · Close a ticket by hand")
def close_ticket(ticket_id: RowPath, door: Door = opened_to(*ENGINEERS)) -> Ticket:
    return door.run(tickets.close, ticket_id)


@router.get("/work-orders", tags=["work orders"], summary="维修工单，最新在前 · Work orders, newest first")
def list_work_orders(
    device_id: DeviceQuery = None,
    ticket_id: TicketQuery = None,
    state: WorkOrderState | None = None,
    limit: Limit = 50,
    cursor: Cursor = None,
    door: Door = opened_to(),
) -> Page[WorkOrder]:
    equal = {"device_id": device_id, "ticket_id": ticket_id, "state": state}
    rows = door.read(store.page, WorkOrderRow, page_start(cursor), limit, equal=equal)
    return page_of(rows, limit, work_orders.order_of, lambda row: (row.id,))


@router.post("/work-orders", tags=["work orders"], status_code=201, summary="建立维修工单 · Make a work order")
def create_work_order(create: WorkOrderCreate, door: Door = opened_to(*ENGINEERS)) -> WorkOrder:
    return door.run(work_orders.create, create)


@router.get("/work-orders/{order_id}", tags=["work orders"], summary="一个维修工单 · One work order")
def get_work_order(order_id: RowPath, door: Door = opened_to()) -> WorkOrder:
    return door.read(work_orders.order, order_id)


@router.post("/work-orders/{order_id}/actions", tags=["work orders"], summary="推进维修工单 · Move a work order on")
def act_on_work_order(order_id: RowPath, wanted: WorkOrderAction, door: Door = opened_to(*ENGINEERS)) -> WorkOrder:
    return door.run(work_orders.act, order_id, wanted)


# ---- Remote commands ------------------------------------------------------------------------------------------


@router.get("/commands", tags=["commands"], summary="远程指令，最新在前 · Remote commands, newest first")
def list_commands(
    device_id: DeviceQuery = None,
    state: CommandState | None = None,
    limit: Limit = 50,
    cursor: Cursor = None,
    door: Door = opened_to(),
) -> Page[Command]:
    rows = door.read(store.page, CommandRow, page_start(cursor), limit, equal={"device_id": device_id, "state": state})
    return page_of(rows, limit, commands.command_of, lambda row: (row.id,))


@router.post(
    "/products/{device_id}/commands",
    tags=["commands"],
    status_code=201,
    summary="下发远程指令 · Send a remote command",
    responses={200: {"model": Command, "description": "同一幂等键的已有指令 · The command that has this key already"}},
)
def create_command(
    device_id: DevicePath, create: CommandCreate, response: Response, door: Door = opened_to(*ENGINEERS)
) -> Command:
    command, made = door.run(commands.create, device_id, create)
    response.status_code = 201 if made else 200
    return command


@router.get("/commands/{command_id}", tags=["commands"], summary="一条远程指令 · One remote command")
def get_command(command_id: RowPath, door: Door = opened_to()) -> Command:
    return door.read(commands.command, command_id)


@router.post(
    "/commands/{command_id}/cancel", tags=["commands"], summary="取消尚未发送的指令 · Cancel an unsent command"
)
def cancel_command(command_id: RowPath, door: Door = opened_to(*ENGINEERS)) -> Command:
    return door.run(commands.cancel, command_id)
