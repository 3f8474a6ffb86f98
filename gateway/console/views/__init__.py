"""What the pages show: plain frozen values in domain words, without a trace of where they come from.

Times are aware UTC; money is integer minor units; a signal's unit is the suffix of its name. Text written by a service
comes as `Words` in both languages; codes (states, severities, faults) are named by the console's own catalogue.
"""

from gateway.console.views.clauses import (
    CLAUSE_STATUSES,
    Clause,
    ClauseCount,
    EvidenceFigure,
    EvidenceLink,
)
from gateway.console.views.events import DeadLetter, EventDetail, EventFilter, EventLine, MessageLedger, Update
from gateway.console.views.figures import Explanation, Figure, Page, TimeRange, TrendPoint
from gateway.console.views.machines import (
    Command,
    CommandOffer,
    CommandStep,
    Contribution,
    Diagnosis,
    Fleet,
    FleetFilter,
    Health,
    HistoryPoint,
    LivePoint,
    Machine,
    MachineCard,
    Option,
    ParameterOffer,
    Reading,
    SignalInfo,
    SignalSeries,
    StateInterval,
)
from gateway.console.views.money import Invoice, InvoiceLine, InvoiceSummary, LineProof, Posting, TierPart, UsageEvent
from gateway.console.views.viewer import Viewer, Words
from gateway.console.views.work import Alarm, AlarmFilter, AttentionItem, WorkOrder, WorkOrderFilter, WorkOrderStep
from gateway.console.views.world import ActiveFault, BusinessClock, Scenario

__all__ = [
    "CLAUSE_STATUSES",
    "ActiveFault",
    "Alarm",
    "AlarmFilter",
    "AttentionItem",
    "BusinessClock",
    "Clause",
    "ClauseCount",
    "Command",
    "CommandOffer",
    "CommandStep",
    "Contribution",
    "DeadLetter",
    "Diagnosis",
    "EventDetail",
    "EventFilter",
    "EventLine",
    "EvidenceFigure",
    "EvidenceLink",
    "Explanation",
    "Figure",
    "Fleet",
    "FleetFilter",
    "Health",
    "HistoryPoint",
    "Invoice",
    "InvoiceLine",
    "InvoiceSummary",
    "LineProof",
    "LivePoint",
    "Machine",
    "MachineCard",
    "MessageLedger",
    "Option",
    "Page",
    "ParameterOffer",
    "Posting",
    "Reading",
    "Scenario",
    "SignalInfo",
    "SignalSeries",
    "StateInterval",
    "TierPart",
    "TimeRange",
    "TrendPoint",
    "Update",
    "UsageEvent",
    "Viewer",
    "Words",
    "WorkOrder",
    "WorkOrderFilter",
    "WorkOrderStep",
]
