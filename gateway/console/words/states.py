"""How far things are: machines, alarms, work orders, commands, invoices."""

from gateway.console.words.mark import N_

# How a machine stands. Each has its own sign in icons.svg, so that colour is never the only one.
STATES = {
    "running": N_("Running"),
    "stopped": N_("Stopped"),
    "alarm": N_("Alarm"),
    "offline": N_("Offline"),
}
BANDS = {
    "good": N_("Good"),
    "watch": N_("Watch"),
    "poor": N_("Poor"),
    "cannot_tell": N_("Cannot tell"),
}
SEVERITIES = {
    "critical": N_("Critical"),
    "major": N_("Major"),
    "minor": N_("Minor"),
    "warning": N_("Warning"),
}
ALARM_STATES = {
    "RAISED": N_("Raised"),
    "ACKNOWLEDGED": N_("Acknowledged"),
    "CLEARED": N_("Cleared"),
}
ALARM_SOURCES = {
    "limit": N_("Limit value"),
    "statistics": N_("Statistics of its own baseline"),
    "diagnosis": N_("Diagnosis"),
    "device": N_("Reported by the device"),
    "timer": N_("Watch on silence"),
}
ALARM_FILTERS = {
    "active": N_("Active"),
    "RAISED": N_("Raised"),
    "ACKNOWLEDGED": N_("Acknowledged"),
    "CLEARED": N_("Cleared"),
    "all": N_("All"),
}
WORK_ORDER_STATES = {
    "OPEN": N_("Open"),
    "PLANNED": N_("Planned"),
    "IN_PROGRESS": N_("In progress"),
    "ON_HOLD": N_("On hold"),
    "COMPLETED": N_("Completed"),
    "CLOSED": N_("Closed"),
    "CANCELLED": N_("Cancelled"),
}
WORK_ORDER_ACTIONS = {
    "plan": N_("Plan"),
    "start": N_("Start"),
    "hold": N_("Put on hold"),
    "resume": N_("Resume"),
    "complete": N_("Complete"),
    "close": N_("Close"),
    "cancel": N_("Cancel order"),
}
# The step that usually comes next from each state.
NEXT_ACTIONS = {
    "OPEN": "plan",
    "PLANNED": "start",
    "IN_PROGRESS": "complete",
    "ON_HOLD": "resume",
    "COMPLETED": "close",
}
COMMAND_STATES = {
    "QUEUED": N_("Queued"),
    "SENT": N_("Sent"),
    "DELIVERED": N_("Delivered"),
    "EXECUTING": N_("Executing"),
    "SUCCEEDED": N_("Succeeded"),
    "FAILED": N_("Failed"),
    "TIMED_OUT": N_("Timed out"),
    "EXPIRED": N_("Expired"),
    "CANCELLED": N_("Cancelled"),
    "REJECTED": N_("Rejected"),
}
INVOICE_STATES = {
    "DRAFT": N_("Draft"),
    "ISSUED": N_("Issued"),
    "POSTED": N_("Posted"),
    "VOIDED": N_("Voided"),
    "REVERSED": N_("Reversed"),
}
POSTING_STATES = {
    "pending": N_("Pending"),
    "posted": N_("Posted"),
    "voided": N_("Voided"),
}
