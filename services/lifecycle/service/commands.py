"""Remote commands: queued for a device, sent when it is online, followed by its acknowledgements to an end.

A command is published before it is noted as sent, so after a crash it may be published twice; a device knows it by its
id. Expiry and time-out count on the wall clock: a device answers in real time, whatever the business clock does.
"""

import json
import re
from datetime import datetime, timedelta

import structlog

from services.kernel.bus import Bus
from services.kernel.chance import new_id
from services.kernel.database import Database
from services.kernel.problems import conflict, not_found
from services.kernel.unit import UnitOfWork
from services.lifecycle.contract import (
    ROW_ID,
    Command,
    CommandChanged,
    CommandCreate,
    CommandState,
    CommandStep,
    DesiredUpdate,
    Twin,
    device_topic,
)
from services.lifecycle.rules import command_states, device_messages
from services.lifecycle.service import fleet, products
from services.lifecycle.service.alarms import allowed
from services.lifecycle.service.devices import Device
from services.lifecycle.settings import LifecycleSettings
from services.lifecycle.store import products as twins
from services.lifecycle.store import work as store
from services.lifecycle.tables import CommandRow

CONFIRMATION_S_MAX = 2.0  # How long the broker may take to confirm one look's commands.
SET_PARAMETERS = "set_parameters"
DESIRED_EXPIRES_S = 86_400

log = structlog.get_logger(__name__)

# ---- What people do -------------------------------------------------------------------------------------------


def create(unit: UnitOfWork, device_id: str, wanted: CommandCreate) -> tuple[Command, bool]:
    """Queue a command; the same key with the same content gives the command that is there (and False)."""
    product = products.visible_product(unit, device_id)
    present = store.command_of_key(unit, device_id, wanted.idempotency_key)
    if present is not None:
        if _content_of(present) != _content(wanted):
            raise conflict(
                "该幂等键已用于另一条内容不同的指令。",
                "This idempotency key was used for a command with other content.",
                "idempotency-key-reused",
                command_id=present.id,
            )
        return command_of(present), False
    now, wall = unit.clock.business_now(), unit.clock.wall_now()
    command = CommandRow(
        id=new_id(),
        device_id=device_id,
        organisation_id=product.organisation_id,
        name=wanted.name,
        parameters=wanted.parameters,
        state=CommandState.QUEUED,
        idempotency_key=wanted.idempotency_key,
        created=now,
        created_wall=wall,
        expires_wall=wall + timedelta(seconds=wanted.expires_s),
        timeout_s=wanted.timeout_s,
        history=[],
        result={},
        correlation_id=wanted.correlation_id or unit.correlation_id,
    )
    store.add(unit, command)
    _enter(unit, command, CommandState.QUEUED, at=now)
    return command_of(command), True


def cancel(unit: UnitOfWork, command_id: str) -> Command:
    """Take a command back that has not been sent."""
    command = _found(unit, command_id, change=True)
    _enter(unit, command, CommandState(allowed(command_states.next_state, command.state, "cancel")))
    return command_of(command)


def desire(unit: UnitOfWork, device_id: str, wanted: DesiredUpdate, settings: LifecycleSettings) -> Twin:
    """Note what a device's parameters should be, and queue the command that tells it."""
    product = products.visible_product(unit, device_id)
    twins.keep_desired(unit, device_id, dict(wanted.parameters))
    told = {name: value for name, value in wanted.parameters.items() if value is not None}
    unit.audit("set desired parameters", f"product/{device_id}", product.organisation_id, dict(wanted.parameters))
    if told:
        order = CommandCreate(
            name=SET_PARAMETERS, parameters=told, idempotency_key=new_id(), expires_s=DESIRED_EXPIRES_S
        )
        create(unit, device_id, order)
    return fleet.twin(unit, device_id, settings)


def command(unit: UnitOfWork, command_id: str) -> Command:
    return command_of(_found(unit, command_id))


# ---- What the device says -------------------------------------------------------------------------------------


def acknowledge(unit: UnitOfWork, device: Device, ack: device_messages.Ack, at: datetime) -> None:
    """Move a command of this device forward; what is repeated, late or about nothing we know changes nothing."""
    if not re.fullmatch(ROW_ID.strip("^$"), ack.command_id):
        return
    command = store.one(unit, CommandRow, ack.command_id, change=True)
    if command is None or command.device_id != device.id:
        return
    state = command_states.after_acknowledgement(command.state, ack.state)
    if state != command.state:
        command.result = ack.result or command.result
        _enter(unit, command, CommandState(state), at=at, by=f"device:{device.id}", reason=products.plain(ack.reason))
    elif command_states.COMMAND.is_final(state) and state != ack.state:
        command.late_state = ack.state


# ---- What time does -------------------------------------------------------------------------------------------


def dispatch(database: Database, bus: Bus, settings: LifecycleSettings) -> int:
    """Send what is queued for devices that are online; returns how many commands the broker has confirmed."""
    if not bus.connected:
        return 0
    due = database.read(_messages_to_send, settings.commands_sent_max)
    handles = []
    for command_id, topic, payload in due:
        try:
            handles.append((command_id, bus.publish(topic, payload, qos=1)))
        except Exception as error:
            log.warning("command_not_published", command=command_id, reason=repr(error)[:200])
            break
    sent = [command_id for command_id, handle in handles if handle.wait(CONFIRMATION_S_MAX)]
    if sent:
        database.run(_note_sent, sent)
    return len(sent)


def end_overdue(database: Database) -> int:
    """Expire what waited too long for its device, time out what was sent and not finished."""
    wall = database.clock.wall_now()
    expired = database.read(store.queued_past, wall, 1_000)
    overdue = database.read(store.unfinished_past, wall)
    for command_ids, action in ((expired, "expire"), (overdue, "time_out")):
        if command_ids:
            database.run(_end, command_ids, action)
    return len(expired) + len(overdue)


def _messages_to_send(unit: UnitOfWork, limit: int) -> list[tuple[str, str, bytes]]:
    wall = unit.clock.wall_now()
    return [
        (row.id, device_topic(row.device_id, "command"), _message(row))
        for row in store.commands_to_send(unit, limit)
        if row.expires_wall > wall
    ]


def _message(row: CommandRow) -> bytes:
    body = {
        "command_id": row.id,
        "name": row.name,
        "parameters": row.parameters,
        "expires": row.expires_wall.isoformat(),
    }
    return json.dumps(body, ensure_ascii=False).encode()


def _note_sent(unit: UnitOfWork, command_ids: list[str]) -> None:
    for command_id in sorted(command_ids):
        command = store.one(unit, CommandRow, command_id, change=True)
        if command is not None and command.state == CommandState.QUEUED:  # An answer may be faster than this note.
            _enter(unit, command, CommandState.SENT)


def _end(unit: UnitOfWork, command_ids: list[str], action: str) -> None:
    for command_id in sorted(command_ids):
        command = store.one(unit, CommandRow, command_id, change=True)
        if command is not None and action in command_states.COMMAND.actions(command.state):
            _enter(unit, command, CommandState(command_states.next_state(command.state, action)))


# ---- Steps ----------------------------------------------------------------------------------------------------


def _enter(
    unit: UnitOfWork,
    command: CommandRow,
    state: CommandState,
    *,
    at: datetime | None = None,
    by: str | None = None,
    reason: str = "",
) -> None:
    """Enter a state: history, audit trail and event say so."""
    wall = unit.clock.wall_now()
    step = CommandStep(state=state, at=at or unit.clock.business_now(), wall=wall, by=by or unit.subject, reason=reason)
    command.state = state
    if state not in (CommandState.QUEUED, CommandState.EXPIRED, CommandState.CANCELLED):
        command.sent_wall = command.sent_wall or wall
    command.history = [*command.history, step.model_dump(mode="json")]
    unit.audit(
        f"command {state.value.lower()}",
        f"command/{command.id}",
        command.organisation_id,
        {"device": command.device_id, "name": command.name, "by": step.by, "reason": reason},
    )
    unit.announce(
        CommandChanged(device_id=command.device_id, command_id=command.id, name=command.name, state=state),
        subject=command.device_id,
        organisation_id=command.organisation_id,
        correlation_id=command.correlation_id,
    )


def command_of(row: CommandRow) -> Command:
    """The contract's view of a row."""
    return Command(**row.model_dump(exclude={"created_wall", "expires_wall", "sent_wall"}), expires=row.expires_wall)


def _found(unit: UnitOfWork, command_id: str, *, change: bool = False) -> CommandRow:
    row = store.one(unit, CommandRow, command_id, change=change)
    if row is None:
        raise not_found("command", command_id, "指令")
    return row


def _content(wanted: CommandCreate) -> str:
    return json.dumps([wanted.name, wanted.parameters, wanted.expires_s, wanted.timeout_s], sort_keys=True)


def _content_of(row: CommandRow) -> str:
    expires_s = round((row.expires_wall - row.created_wall).total_seconds())
    return json.dumps([row.name, row.parameters, expires_s, row.timeout_s], sort_keys=True)
