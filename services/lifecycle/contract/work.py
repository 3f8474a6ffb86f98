"""Alarms, tickets, work orders and remote commands."""

from enum import StrEnum
from typing import Annotated, Any

from pydantic import AwareDatetime, BaseModel, Field

from services.lifecycle.contract.products import LINE_OF_TEXT, SIGNAL, TEXT, Number, RowId, SignalName

Assignee = Annotated[str, Field(min_length=1, max_length=100, pattern=LINE_OF_TEXT)]
Note = Annotated[str, Field(max_length=2000, pattern=TEXT)]
ParameterText = Annotated[str, Field(max_length=500, pattern=TEXT)]
ParameterInteger = Annotated[int, Field(ge=-(2**53), le=2**53)]  # What JSON carries exactly everywhere.
Parameter = bool | ParameterInteger | Number | ParameterText


class Severity(StrEnum):
    """How much an alarm matters (严重程度), gravest first."""

    CRITICAL = "critical"
    MAJOR = "major"
    MINOR = "minor"
    WARNING = "warning"


class AlarmState(StrEnum):
    """RAISED and ACKNOWLEDGED are active; CLEARED when the cause is gone."""

    RAISED = "RAISED"
    ACKNOWLEDGED = "ACKNOWLEDGED"
    CLEARED = "CLEARED"


class WorkOrderState(StrEnum):
    """How far a work order is (维修工单状态)."""

    OPEN = "OPEN"
    PLANNED = "PLANNED"
    IN_PROGRESS = "IN_PROGRESS"
    ON_HOLD = "ON_HOLD"
    COMPLETED = "COMPLETED"
    CLOSED = "CLOSED"
    CANCELLED = "CANCELLED"


class CommandState(StrEnum):
    """How far a remote command is (远程指令状态); the last six are ends."""

    QUEUED = "QUEUED"
    SENT = "SENT"
    DELIVERED = "DELIVERED"
    EXECUTING = "EXECUTING"
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"
    TIMED_OUT = "TIMED_OUT"
    EXPIRED = "EXPIRED"
    CANCELLED = "CANCELLED"
    REJECTED = "REJECTED"


# ---- Alarms and tickets ---------------------------------------------------------------------------------------


class Alarm(BaseModel):
    """An abnormal state that somebody has to look at (告警)."""

    id: str
    device_id: str
    organisation_id: str
    code: str
    severity: Severity
    state: AlarmState
    signal: str | None = None
    value: float | None = None
    limit: float | None = None
    reason_zh: str
    reason_en: str
    source: str = Field(description="limit, statistics, diagnosis, device or timer")
    raised: AwareDatetime
    acknowledged: AwareDatetime | None = None
    acknowledged_by: str | None = None
    assignee: str | None = None
    cleared: AwareDatetime | None = None
    ticket_id: str | None = None
    correlation_id: str


class AlarmAssign(BaseModel):
    """Command: make somebody responsible for an alarm, or nobody."""

    assignee: Assignee | None


class AlarmClear(BaseModel):
    """Command: clear an alarm by hand, with the reason."""

    note: Note = ""


class TicketCreate(BaseModel):
    """Command: open a ticket from alarms of one device."""

    alarm_ids: list[RowId] = Field(min_length=1, max_length=100)
    title: str = Field(default="", max_length=200, pattern=LINE_OF_TEXT)


class Ticket(BaseModel):
    """One fault case: the alarms that belong together (工单请求)."""

    id: str
    device_id: str
    organisation_id: str
    title: str
    opened: AwareDatetime
    closed: AwareDatetime | None = None
    work_order_id: str | None = None
    correlation_id: str
    alarm_ids: list[str] = []


# ---- Work orders ----------------------------------------------------------------------------------------------


class WorkOrderCreate(BaseModel):
    """Command: make a work order for a ticket."""

    ticket_id: RowId
    instruction: Note = ""
    fault: SignalName | None = Field(
        default=None, description="What is expected to be found, as the diagnosis names it"
    )


class WorkOrderAction(BaseModel):
    """Command: plan, start, hold, resume, complete, close, cancel; `note` is kept in the history."""

    action: str = Field(pattern="^(plan|start|hold|resume|complete|close|cancel)$")
    assignee: Assignee | None = None
    fault: SignalName | None = Field(default=None, description="What was found; told with `complete`")
    note: Note = ""


class WorkOrderStep(BaseModel):
    """One entry in a work order's history."""

    state: WorkOrderState
    at: AwareDatetime
    by: str
    note: str = ""


class WorkOrder(BaseModel):
    """Maintenance work order (维修工单)."""

    id: str
    device_id: str
    organisation_id: str
    ticket_id: str
    state: WorkOrderState
    fault: str | None
    instruction: str
    assignee: str | None
    opened: AwareDatetime
    started: AwareDatetime | None
    completed: AwareDatetime | None
    history: list[WorkOrderStep]
    actions: list[str] = Field(default=[], description="Actions that its state allows now")
    correlation_id: str


# ---- Remote commands ------------------------------------------------------------------------------------------


class CommandCreate(BaseModel):
    """A remote command (远程指令); the same key with the same content gives the same command again."""

    name: str = Field(pattern=SIGNAL)
    parameters: dict[SignalName, Parameter] = Field(default={}, max_length=50)
    idempotency_key: str = Field(min_length=8, max_length=64, pattern=r"^[!-~]+$")
    expires_s: int = Field(default=3600, ge=5, le=604800, description="Wall seconds it may wait for the device")
    timeout_s: int = Field(default=60, ge=1, le=86400, description="Wall seconds from SENT to an end state")
    correlation_id: str | None = Field(
        default=None, pattern=r"^[A-Za-z0-9._:-]{1,64}$", description="Story it belongs to, such as its work order's"
    )


class CommandStep(BaseModel):
    """One entry in a command's history; `at` is business time, `wall` the machine's own."""

    state: CommandState
    at: AwareDatetime
    wall: AwareDatetime
    by: str
    reason: str = ""


class Command(BaseModel):
    """A remote command and how far it is."""

    id: str
    device_id: str
    organisation_id: str
    name: str
    parameters: dict[str, Any]
    state: CommandState
    idempotency_key: str
    created: AwareDatetime
    expires: AwareDatetime = Field(description="Wall time")
    history: list[CommandStep]
    result: dict[str, Any] = {}
    correlation_id: str
    late_state: str | None = Field(default=None, description="What the device said after the command had ended here")


class DesiredUpdate(BaseModel):
    """Command: parameters that the device should have; none takes one back. A command carries them to it."""

    parameters: dict[SignalName, Parameter | None] = Field(min_length=1, max_length=50)
