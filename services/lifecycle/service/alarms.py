"""Alarms: raised, changed and cleared by what is found; acknowledged, assigned and cleared by people."""

from collections.abc import Callable
from datetime import datetime

from services.kernel.chance import new_id
from services.kernel.problems import Problem, conflict, not_found
from services.kernel.unit import UnitOfWork
from services.lifecycle.contract import (
    Alarm,
    AlarmAcknowledged,
    AlarmAssigned,
    AlarmChanged,
    AlarmCleared,
    AlarmRaised,
    AlarmState,
    LifecycleEvent,
    Severity,
)
from services.lifecycle.rules import alarm_states, device_messages
from services.lifecycle.rules.findings import Finding
from services.lifecycle.rules.transitions import TransitionNotAllowed
from services.lifecycle.service.devices import Device
from services.lifecycle.service.products import plain
from services.lifecycle.store import work as store
from services.lifecycle.tables import AlarmRow

# ---- What is found --------------------------------------------------------------------------------------------


def apply_finding(unit: UnitOfWork, device: Device, finding: Finding, at: datetime) -> None:
    """Raise, change or clear the alarm of a finding; saying the same again changes nothing.

    A device has at most one active alarm of a code.
    """
    alarm = store.active_alarm(unit, device.id, finding.code)
    if not finding.active:
        if alarm is not None:
            _clear(unit, alarm, at)
    elif alarm is None:
        _raise(unit, device, finding, at)
    elif alarm.severity != finding.severity:
        _change(unit, alarm, finding)


def apply_device_alarm(unit: UnitOfWork, device: Device, message: device_messages.DeviceAlarm, at: datetime) -> None:
    """Raise or clear an alarm that the device tells of. Unconfirmed messages come again: old news is passed over."""
    code = plain(message.code)
    latest = store.latest_alarm(unit, device.id, code)
    if latest is not None:
        newest = max(latest.raised, latest.cleared or latest.raised) if message.active else latest.raised
        if at < newest or (at == newest and message.active):
            return
    zh, _, en = plain(message.text).partition(" / ")  # Devices that speak both languages put a slash between them.
    finding = Finding(
        code=code,
        signal="",
        severity=message.severity,
        active=message.active,
        value=0.0,
        limit=0.0,
        reason_zh=zh or f"设备报告 {code}",
        reason_en=en or zh or f"the device reports {code}",
        source="device",
    )
    apply_finding(unit, device, finding, at)


def _raise(unit: UnitOfWork, device: Device, finding: Finding, at: datetime) -> None:
    others = store.active_alarms(unit, device.id)
    ticket = store.open_ticket(unit, device.id)
    measured = finding.source != "device"
    alarm = AlarmRow(
        id=new_id(),
        device_id=device.id,
        organisation_id=device.organisation_id,
        code=finding.code,
        severity=finding.severity,
        state=AlarmState.RAISED,
        signal=finding.signal or None,
        value=finding.value if measured else None,
        limit=finding.limit if measured else None,
        reason_zh=finding.reason_zh,
        reason_en=finding.reason_en,
        source=finding.source,
        raised=at,
        # What goes wrong with one device at one time is one story, from the first alarm to the closed work order.
        correlation_id=ticket.correlation_id if ticket else others[0].correlation_id if others else new_id(),
    )
    store.add(unit, alarm)
    _tell(
        unit,
        alarm,
        AlarmRaised(
            device_id=alarm.device_id,
            alarm_id=alarm.id,
            code=alarm.code,
            severity=Severity(alarm.severity),
            reason_zh=alarm.reason_zh,
            reason_en=alarm.reason_en,
        ),
    )


def _change(unit: UnitOfWork, alarm: AlarmRow, finding: Finding) -> None:
    alarm.state = alarm_states.next_state(alarm.state, "raise")
    alarm.severity = finding.severity
    alarm.reason_zh, alarm.reason_en = finding.reason_zh, finding.reason_en
    if finding.source != "device":
        alarm.value, alarm.limit = finding.value, finding.limit
    _tell(
        unit,
        alarm,
        AlarmChanged(
            device_id=alarm.device_id,
            alarm_id=alarm.id,
            code=alarm.code,
            severity=Severity(alarm.severity),
            reason_zh=alarm.reason_zh,
            reason_en=alarm.reason_en,
        ),
    )


def _clear(unit: UnitOfWork, alarm: AlarmRow, at: datetime) -> None:
    alarm.state = alarm_states.next_state(alarm.state, "clear")
    alarm.cleared = max(at, alarm.raised)
    _tell(unit, alarm, AlarmCleared(device_id=alarm.device_id, alarm_id=alarm.id))


# ---- What people do -------------------------------------------------------------------------------------------


def acknowledge(unit: UnitOfWork, alarm_id: str) -> Alarm:
    """Somebody has seen it. A second acknowledgement changes nothing."""
    alarm = _changed(unit, alarm_id, "acknowledge")
    if alarm.acknowledged is None:
        alarm.acknowledged, alarm.acknowledged_by = unit.clock.business_now(), unit.subject
        _note(unit, alarm, "acknowledge alarm")
        _tell(unit, alarm, AlarmAcknowledged(device_id=alarm.device_id, alarm_id=alarm.id, by=unit.subject))
    return alarm_of(alarm)


def unacknowledge(unit: UnitOfWork, alarm_id: str) -> Alarm:
    """Take an acknowledgement back that was given by mistake."""
    alarm = _found(unit, alarm_id)
    if alarm.state != AlarmState.ACKNOWLEDGED:
        raise conflict(
            f"告警处于 {alarm.state} 状态，没有可撤销的确认。",
            f"The alarm is {alarm.state}: there is no acknowledgement to take back.",
            "transition-not-allowed",
        )
    alarm.state = AlarmState.RAISED
    alarm.acknowledged = alarm.acknowledged_by = None
    _note(unit, alarm, "unacknowledge alarm")
    _tell(
        unit,
        alarm,
        AlarmAcknowledged(device_id=alarm.device_id, alarm_id=alarm.id, by=unit.subject, withdrawn=True),
    )
    return alarm_of(alarm)


def assign(unit: UnitOfWork, alarm_id: str, assignee: str | None) -> Alarm:
    """Make somebody responsible, or nobody."""
    alarm = _changed(unit, alarm_id, "assign")
    if alarm.assignee != assignee:
        alarm.assignee = assignee
        _note(unit, alarm, "assign alarm", assignee=assignee)
        _tell(unit, alarm, AlarmAssigned(device_id=alarm.device_id, alarm_id=alarm.id, assignee=assignee))
    return alarm_of(alarm)


def clear(unit: UnitOfWork, alarm_id: str, note: str) -> Alarm:
    """Clear by hand; it comes back only when its cause ends and begins again."""
    alarm = _found(unit, alarm_id)
    if alarm.state != AlarmState.CLEARED:
        _clear(unit, alarm, unit.clock.business_now())
        _note(unit, alarm, "clear alarm", note=note)
    return alarm_of(alarm)


def alarm(unit: UnitOfWork, alarm_id: str) -> Alarm:
    found = store.one(unit, AlarmRow, alarm_id)
    if found is None:
        raise not_found("alarm", alarm_id, "告警")
    return alarm_of(found)


def alarm_of(row: AlarmRow) -> Alarm:
    """The contract's view of a row."""
    return Alarm.model_validate(row.model_dump())


def _found(unit: UnitOfWork, alarm_id: str) -> AlarmRow:
    found = store.one(unit, AlarmRow, alarm_id, change=True)
    if found is None:
        raise not_found("alarm", alarm_id, "告警")
    return found


def _changed(unit: UnitOfWork, alarm_id: str, action: str) -> AlarmRow:
    found = _found(unit, alarm_id)
    found.state = allowed(alarm_states.next_state, found.state, action)
    return found


def allowed(next_state: Callable[[str, str], str], current: str, action: str) -> str:
    """The state after an action that a person asked for; raises Problem 409 that says what is allowed."""
    try:
        return next_state(current, action)
    except TransitionNotAllowed as error:
        raise Problem(
            "transition-not-allowed", 409, error.message_zh, error.message_en, state=current, allowed=error.allowed
        ) from error


def _note(unit: UnitOfWork, alarm: AlarmRow, action: str, **detail: object) -> None:
    unit.audit(action, f"alarm/{alarm.id}", alarm.organisation_id, {"device": alarm.device_id, **detail})


def _tell(unit: UnitOfWork, alarm: AlarmRow, event: LifecycleEvent) -> None:
    unit.announce(
        event, subject=alarm.device_id, organisation_id=alarm.organisation_id, correlation_id=alarm.correlation_id
    )
