"""The only place where the parts of billing are joined."""

from services.billing.api import contracts_router, invoices_router, ledger_router, usage_router
from services.billing.inbox import open_inbox
from services.billing.settings import BillingSettings
from services.billing.tables import METADATA
from services.billing.timers import add_timers
from services.kernel.assembly import Assembly
from services.kernel.bus import Bus
from services.kernel.http import Resource, ServiceApplication, create_service_app
from services.kernel.outbox import PullEvents, events_router

PULL_CHECK_S = 0.5  # Wall time between two looks at whether lifecycle's log has to be read.


def create_app(
    settings: BillingSettings, *, pull_lifecycle: PullEvents, bus: Bus | None = None, role: str = "api"
) -> ServiceApplication:
    """The billing service. `pull_lifecycle(after, limit)` reads the lifecycle service's log of events.

    `app.state` holds `assembly` and `inbox` for whoever composes or tests it.
    """
    assembly = Assembly(settings, METADATA, role=role, bus=bus)
    database = assembly.database
    inbox = open_inbox(database, assembly.bus, pull_lifecycle, settings)
    assembly.ticker.add_wall("lifecycle inbox", PULL_CHECK_S, inbox.tick)
    add_timers(assembly.ticker, database, settings)
    app = create_service_app(
        settings,
        "计量计费 · Billing",
        [
            contracts_router(database, settings),
            usage_router(database, settings),
            invoices_router(database, settings),
            ledger_router(database),
            events_router(database),
        ],
        [
            Resource("billing", start=assembly.start, stop=assembly.stop, check=database.check),
            # Not required: without the broker events are pulled, and invoices need none.
            Resource("broker", check=lambda: assembly.bus.connected, required=False),
            Resource("lifecycle inbox", statistics=inbox.statistics),
            Resource("outbox", statistics=assembly.publisher.statistics),
        ],
        description="用量、账单与复式总账 · Usage, invoices and the double-entry ledger",
    )
    app.state.assembly, app.state.inbox = assembly, inbox
    return app
