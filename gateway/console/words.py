"""Names of codes: states, severities, faults, signals. Marked with `N_`, translated when they are shown."""


def N_(text: str) -> str:
    """Mark a text for the catalogue without translating it yet."""
    return text


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
FAULTS = {
    "imbalance": N_("Imbalance"),
    "bearing_inner_race": N_("Bearing, inner race"),
    "bearing_outer_race": N_("Bearing, outer race"),
    "cavitation": N_("Cavitation"),
    "seal_leak": N_("Seal leak"),
    "wear": N_("Impeller wear"),
    "sensor_drift": N_("Sensor drift"),
    "lost_connection": N_("Lost connection"),
    "none": N_("No fault found"),
    "cannot_tell": N_("Cannot tell"),
}
CLAUSE_STATUSES = {
    "shown": N_("Shown"),
    "not_yet": N_("Not yet"),
    "outside": N_("Outside software"),
}
CLAUSE_KINDS = {
    "capability": N_("Capability"),
    "effect": N_("Effect"),
    "outside": N_("Fact about the firm"),
}
DOCUMENTS = {
    "HN": N_("Henan criteria"),
    "LN": N_("Liaoning criteria"),
}
SERVICES = {
    "lifecycle": N_("Life cycle"),
    "vmi": N_("Supply"),
    "sharing": N_("Sharing"),
    "testing_lab": N_("Laboratory"),
    "billing": N_("Billing"),
    "customization": N_("Customisation"),
    "design": N_("Industrial design"),
    "contracting": N_("Contracting"),
    "energy": N_("Energy"),
    "finance": N_("Finance"),
    "service_hub": N_("Service hub"),
    "gateway": N_("Gateway"),
    "simulator": N_("Simulator"),
}
FIGURES = {
    "machines_online": N_("Machines online"),
    "fleet_health": N_("Fleet health"),
    "alarms_active": N_("Active alarms"),
    "work_orders_open": N_("Open work orders"),
    "run_hours": N_("Billed run-hours"),
    "service_income": N_("Service income"),
    "messages_per_second": N_("Messages a second"),
    "repair_time": N_("Mean time to repair"),
}
ATTENTION = {
    "alarm": N_("Alarm"),
    "work_order": N_("Work order"),
    "command": N_("Command"),
    "dead_letter": N_("Dead letter"),
    "connection": N_("Connection"),
}
SIGNALS = {
    "speed_rpm": N_("Speed"),
    "flow_m3_h": N_("Flow"),
    "suction_pressure_bar": N_("Suction pressure"),
    "discharge_pressure_bar": N_("Discharge pressure"),
    "power_kw": N_("Power"),
    "bearing_temperature_c": N_("Bearing temperature"),
    "vibration_velocity_mm_s": N_("Vibration velocity"),
    "vibration_envelope_g": N_("Vibration envelope"),
    "vibration_high_frequency_g": N_("High-frequency vibration"),
    "seal_leakage_ml_h": N_("Seal leakage"),
    "run_seconds": N_("Running time"),
    "volume_l": N_("Volume pumped"),
    "energy_wh": N_("Energy used"),
}
# Sign (in icons.svg) and tone (in console.css) of each code: the sign and the word say it, the tone only helps.
SIGNS: dict[str, tuple[str, str]] = {
    "running": ("run", "ok"),
    "stopped": ("stop", "quiet"),
    "alarm": ("alarm", "bad"),
    "offline": ("offline", "off"),
    "good": ("check", "ok"),
    "watch": ("eye", "watch"),
    "poor": ("alarm", "bad"),
    "cannot_tell": ("question", "quiet"),
    "critical": ("octagon", "critical"),
    "major": ("alarm", "bad"),
    "minor": ("diamond", "watch"),
    "warning": ("circle", "quiet"),
    "RAISED": ("bell", "bad"),
    "ACKNOWLEDGED": ("eye", "watch"),
    "CLEARED": ("check", "ok"),
    "OPEN": ("circle", "bad"),
    "PLANNED": ("calendar", "busy"),
    "IN_PROGRESS": ("wrench", "busy"),
    "ON_HOLD": ("pause", "watch"),
    "COMPLETED": ("check", "ok"),
    "CLOSED": ("check", "quiet"),
    "CANCELLED": ("cross", "quiet"),
    "QUEUED": ("clock", "quiet"),
    "SENT": ("arrow", "busy"),
    "DELIVERED": ("arrow", "busy"),
    "EXECUTING": ("run", "busy"),
    "SUCCEEDED": ("check", "ok"),
    "FAILED": ("cross", "bad"),
    "TIMED_OUT": ("clock", "bad"),
    "EXPIRED": ("clock", "watch"),
    "REJECTED": ("cross", "bad"),
    "DRAFT": ("circle", "quiet"),
    "ISSUED": ("arrow", "busy"),
    "POSTED": ("check", "ok"),
    "VOIDED": ("cross", "quiet"),
    "REVERSED": ("cross", "watch"),
    "pending": ("clock", "watch"),
    "posted": ("check", "ok"),
    "voided": ("cross", "quiet"),
    "shown": ("check", "ok"),
    "not_yet": ("clock", "quiet"),
    "outside": ("diamond", "watch"),
    "GOOD": ("check", "ok"),
    "STALE": ("clock", "watch"),
    "BAD": ("cross", "bad"),
}
SIGN_OTHERWISE = ("circle", "quiet")

SCREENS = (
    ("overview", "/console", "home", N_("Overview")),
    ("fleet", "/console/fleet", "pump", N_("Fleet")),
    ("alarms", "/console/alarms", "bell", N_("Alarms")),
    ("work_orders", "/console/work-orders", "wrench", N_("Work orders")),
    ("invoices", "/console/invoices", "coin", N_("Invoices")),
    ("events", "/console/events", "flow", N_("Events")),
    ("clauses", "/console/clauses", "list", N_("Clauses")),
)
# Screens that are reached from another one, which the navigation then marks.
SCREEN_PARENTS = {
    "machine": "fleet",
    "alarm": "alarms",
    "work_order": "work_orders",
    "invoice": "invoices",
    "invoice_line": "invoices",
    "event": "events",
    "dead_letters": "events",
    "clause": "clauses",
}
NOTICES = {
    "clock-paused": N_("Business time is paused."),
    "clock-set": N_("The clock's speed is set."),
    "fault-injected": N_("The fault is injected. Its signs build up in the machine's signals; an alarm follows."),
    "repaired": N_("The machine is repaired."),
    "scenario-reset": N_("The scenario starts again."),
    "alarm-acknowledged": N_("The alarm is acknowledged."),
    "acknowledgement-withdrawn": N_("The acknowledgement is withdrawn."),
    "alarm-assigned": N_("The alarm is assigned."),
    "alarm-cleared": N_("The alarm is cleared."),
    "work-order-opened": N_("A work order is open."),
    "work-order-moved": N_("The work order has moved on."),
    "command-queued": N_("The command is queued. It is sent as soon as the machine is reachable."),
    "command-cancelled": N_("The command is cancelled."),
}
UNDO = {"alarm-acknowledged": "/console/alarms/{}/withdraw"}
LINKS = {"work-order-opened": "/console/work-orders/{}", "fault-injected": "/console/machines/{}"}
RANGES = {
    "1h": N_("1 hour"),
    "6h": N_("6 hours"),
    "24h": N_("24 hours"),
    "7d": N_("7 days"),
    "30d": N_("30 days"),
}
ALARM_FILTERS = {
    "active": N_("Active"),
    "RAISED": N_("Raised"),
    "ACKNOWLEDGED": N_("Acknowledged"),
    "CLEARED": N_("Cleared"),
    "all": N_("All"),
}
CONFIDENCES = {
    "certain": N_("certain"),
    "likely": N_("likely"),
    "possible": N_("possible"),
    "cannot_tell": N_("Cannot tell"),
}
QUALITIES = {"GOOD": N_("Good value"), "STALE": N_("Out of date"), "BAD": N_("Bad value")}

# What to do about a dead letter, by the reason's code, where the service itself does not say.
ADVICE = {
    "not-json": N_("The payload is not JSON. Correct the device's encoder, then let it send again."),
    "wrong-shape": N_("A field has the wrong type or is missing. Compare the payload with the device protocol."),
    "unknown-device": N_("Nobody registered this device. Register it, then let it send again."),
    "unknown-topic": N_("No message of this kind is known. Compare the topic with the device protocol."),
    "time-in-future": N_("The device's clock runs ahead. Set its clock; readings after that are taken."),
    "time-too-old": N_("The reading is older than the platform keeps. Set the device's clock."),
    "too-large": N_("The message is larger than the limit. Send fewer points a message."),
    "sequence-reused": N_("The same boot and sequence came with other content. Look for two devices with one id."),
    "data-model-unusable": N_(
        "The product type's data model does not fit the message. Correct the type or the device."
    ),
    "handler-failed": N_("The platform failed on this message. Report it with the payload."),
    "event-handler-failed": N_("The platform failed on this event. Report it with the payload."),
}
ADVICE_OTHERWISE = N_("Read the reason and the payload, correct the sender, then let it send again.")
