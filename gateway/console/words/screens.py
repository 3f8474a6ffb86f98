"""The screens, what they count, and what they say after an action."""

from gateway.console.words.mark import N_

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
RANGES = {
    "1h": N_("1 hour"),
    "6h": N_("6 hours"),
    "24h": N_("24 hours"),
    "7d": N_("7 days"),
    "30d": N_("30 days"),
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
ROLES = {
    "administrator": N_("Administrator"),
    "operator": N_("Operator"),
    "engineer": N_("Engineer"),
    "manager": N_("Manager"),
    "evaluator": N_("Evaluator"),
    "viewer": N_("Viewer"),
    "service": N_("Another service"),
}
WORLD_ACTIONS = {
    "start": N_("start"),
    "pause": N_("pause"),
    "inject": N_("inject"),
    "repair": N_("repair"),
    "reset": N_("reset"),
}
# Why usage is not billed yet.
HELD_BACK = {
    "unknown-contract": N_("no contract"),
    "unknown-meter": N_("no price for this meter"),
    "estimated": N_("estimated, waits for a person"),
    "implausible": N_("more than the meter can count"),
    "in-future": N_("from the future"),
    "invoice-voided": N_("its invoice was voided"),
}
# Accounts of the ledger by kind.
ACCOUNTS = {
    "receivable": N_("Receivable"),
    "revenue": N_("Service revenue"),
    "tax-payable": N_("Tax payable"),
}
# What the event explorer can be narrowed to: start of the type, and its name.
EVENT_KINDS = {
    "som.v1.lifecycle.alarm": N_("Alarms"),
    "som.v1.lifecycle.diagnosis": N_("Diagnoses"),
    "som.v1.lifecycle.ticket": N_("Fault cases"),
    "som.v1.lifecycle.work-order": N_("Work orders"),
    "som.v1.lifecycle.command": N_("Remote commands"),
    "som.v1.lifecycle.product": N_("Machines"),
    "som.v1.lifecycle.usage": N_("Metered usage"),
    "som.v1.billing.invoice": N_("Invoices"),
    "som.v1.billing.contract": N_("Contracts"),
    "som.v1.billing.usage": N_("Usage held back"),
    "som.v1.gateway": N_("Users, clock, scenario"),
}
