"""Work orders: planned, started, held, completed with what was found, closed once the repair is verified."""

from services.kernel.chance import new_id
from services.kernel.problems import conflict, not_found
from services.kernel.unit import UnitOfWork
from services.lifecycle.contract import (
    WorkOrder,
    WorkOrderAction,
    WorkOrderChanged,
    WorkOrderCreate,
    WorkOrderState,
    WorkOrderStep,
)
from services.lifecycle.rules import work_order_states
from services.lifecycle.service.alarms import allowed
from services.lifecycle.store import work as store
from services.lifecycle.tables import TicketRow, WorkOrderRow

ENDED = (WorkOrderState.CLOSED, WorkOrderState.CANCELLED)


def create(unit: UnitOfWork, wanted: WorkOrderCreate) -> WorkOrder:
    """Make the work order of an open ticket, which has one at a time."""
    ticket = store.one(unit, TicketRow, wanted.ticket_id, change=True)
    if ticket is None:
        raise not_found("ticket", wanted.ticket_id, "工单请求")
    if ticket.closed is not None:
        raise conflict("工单请求已关闭。", "The ticket is closed.", "ticket-closed")
    present = order_of_ticket(unit, ticket)
    if present is not None and present.state not in ENDED:
        raise conflict(
            "该工单请求已有未结束的维修工单。",
            "The ticket has a work order that is not over.",
            "work-order-exists",
            work_order_id=present.id,
        )
    now = unit.clock.business_now()
    order = WorkOrderRow(
        id=new_id(),
        device_id=ticket.device_id,
        organisation_id=ticket.organisation_id,
        ticket_id=ticket.id,
        state=WorkOrderState.OPEN,
        fault=wanted.fault,
        instruction=wanted.instruction,
        opened=now,
        history=[WorkOrderStep(state=WorkOrderState.OPEN, at=now, by=unit.subject).model_dump(mode="json")],
        correlation_id=ticket.correlation_id,
    )
    store.add(unit, order)
    ticket.work_order_id = order.id
    unit.audit("create work order", f"work-order/{order.id}", order.organisation_id, {"ticket": ticket.id})
    _tell(unit, order)
    return order_of(order)


def act(unit: UnitOfWork, order_id: str, wanted: WorkOrderAction) -> WorkOrder:
    """Move a work order on. Completing it tells what was found and lets the device learn anew what is normal."""
    order = _found(unit, order_id, change=True)
    order.assignee = wanted.assignee or order.assignee
    if wanted.action == "complete":
        order.fault = wanted.fault or order.fault
    step(unit, order, wanted.action, wanted.note)
    return order_of(order)


def step(unit: UnitOfWork, order: WorkOrderRow, action: str, note: str) -> None:
    """One step of the state machine, with its entry in the history; raises Problem 409."""
    now = unit.clock.business_now()
    order.state = allowed(work_order_states.next_state, order.state, action)
    if action == "start":
        order.started = order.started or now
    elif action == "complete":
        order.completed = now
    elif action == "resume":
        order.completed = None
    entry = WorkOrderStep(state=WorkOrderState(order.state), at=now, by=unit.subject, note=note)
    order.history = [*order.history, entry.model_dump(mode="json")]
    unit.audit(f"{action} work order", f"work-order/{order.id}", order.organisation_id, {"note": note})
    _tell(unit, order)


def order(unit: UnitOfWork, order_id: str) -> WorkOrder:
    return order_of(_found(unit, order_id))


def order_of_ticket(unit: UnitOfWork, ticket: TicketRow) -> WorkOrderRow | None:
    """The present work order of a ticket."""
    return store.one(unit, WorkOrderRow, ticket.work_order_id, change=True) if ticket.work_order_id else None


def order_of(row: WorkOrderRow) -> WorkOrder:
    """The contract's view of a row, with what may be done next."""
    actions = list(work_order_states.WORK_ORDER.actions(row.state))
    return WorkOrder(**row.model_dump(), actions=actions)


def _found(unit: UnitOfWork, order_id: str, *, change: bool = False) -> WorkOrderRow:
    row = store.one(unit, WorkOrderRow, order_id, change=change)
    if row is None:
        raise not_found("work order", order_id, "维修工单")
    return row


def _tell(unit: UnitOfWork, order: WorkOrderRow) -> None:
    unit.announce(
        WorkOrderChanged(
            device_id=order.device_id,
            work_order_id=order.id,
            ticket_id=order.ticket_id,
            state=WorkOrderState(order.state),
            fault=order.fault,
        ),
        subject=order.device_id,
        organisation_id=order.organisation_id,
        correlation_id=order.correlation_id,
    )
