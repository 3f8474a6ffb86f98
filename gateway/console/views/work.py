"""What people have to deal with: alarms and work orders."""

from dataclasses import dataclass
from datetime import datetime

from gateway.console.views.viewer import Words


@dataclass(frozen=True, slots=True, kw_only=True)
class AttentionItem:
    """One line of 'needs attention'; `kind` is alarm, work_order, command, dead_letter or connection."""

    kind: str
    severity: str
    text: Words
    detail: Words
    since: datetime
    link: str
    more: int = 0  # How many others of the same machine wait, and where they are.
    more_link: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class AlarmFilter:
    state: str = "active"  # active (raised or acknowledged), RAISED, ACKNOWLEDGED, CLEARED or all
    severity: str = ""
    machine_id: str = ""
    text: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Alarm:
    """`state` is RAISED, ACKNOWLEDGED or CLEARED; `source` is limit, statistics, diagnosis, device or timer."""

    id: str
    machine_id: str
    machine: Words
    customer: Words
    code: str
    severity: str
    state: str
    reason: Words
    source: str
    raised: datetime
    correlation_id: str
    signal: str | None = None
    value: float | None = None
    limit: float | None = None
    acknowledged: datetime | None = None
    acknowledged_by: Words | None = None
    assignee: str | None = None
    cleared: datetime | None = None
    work_order_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkOrderFilter:
    machine_id: str = ""
    assignee: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkOrderStep:
    state: str
    at: datetime
    by: Words
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkOrder:
    """`state` is OPEN, PLANNED, IN_PROGRESS, ON_HOLD, COMPLETED, CLOSED or CANCELLED; `actions` are allowed now."""

    id: str
    machine_id: str
    machine: Words
    customer: Words
    state: str
    fault: str | None
    instruction: Words
    assignee: str | None
    opened: datetime
    started: datetime | None
    completed: datetime | None
    steps: tuple[WorkOrderStep, ...]
    actions: tuple[str, ...]
    alarm_ids: tuple[str, ...]
    correlation_id: str
