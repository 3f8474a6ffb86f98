"""The MQTT door of billing: usage that the lifecycle service metered."""

from services.billing.contract import UsageData, UsageReport
from services.billing.service import usage
from services.billing.settings import BillingSettings
from services.kernel.bus import Bus
from services.kernel.database import Database
from services.kernel.events import Event
from services.kernel.inbox import Inbox
from services.kernel.outbox import PullEvents
from services.kernel.unit import UnitOfWork
from services.lifecycle.contract import SERVICE as LIFECYCLE
from services.lifecycle.contract import UsageMetered


def report_of(event: Event) -> UsageReport:
    """A lifecycle event as a report of usage; raises pydantic's ValidationError."""
    metered = UsageMetered.model_validate(event.data)
    return UsageReport(
        source=event.source, id=event.id, type=event.type, data=UsageData.model_validate(metered.model_dump())
    )


def open_inbox(database: Database, bus: Bus, pull: PullEvents, settings: BillingSettings) -> Inbox:
    """Consume the lifecycle service's events; those that are not usage only move the cursor."""

    def on_usage_metered(unit: UnitOfWork, event: Event) -> None:
        usage.accept_usage(unit, report_of(event), settings)

    return Inbox(database, bus, LIFECYCLE, pull, {UsageMetered.type(): on_usage_metered})
