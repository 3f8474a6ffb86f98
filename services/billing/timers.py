"""The clock's door of billing: what is due by now is issued and posted."""

import structlog
from apscheduler.triggers.interval import IntervalTrigger

from services.billing.service import invoices, usage
from services.billing.settings import BillingSettings
from services.kernel.database import Database
from services.kernel.timers import Ticker

log = structlog.get_logger(__name__)


def close_due(database: Database, settings: BillingSettings) -> int:
    """Place usage whose time has come, issue and post what is due, each invoice in its own transaction.

    An invoice that fails is logged and tried again next time; it does not stop the others. Returns how many were
    issued or posted.
    """
    if database.read(usage.future_has_arrived):
        database.run(usage.place_arrived_future, settings)
    drafts, posts = database.read(invoices.due)
    done = 0
    for function, ids, more in ((invoices.issue_invoice, drafts, (settings,)), (invoices.post_invoice, posts, ())):
        for invoice_id in ids:
            try:
                database.run(function, invoice_id, *more)
                done += 1
            except Exception:
                log.exception("invoice_not_closed", invoice=invoice_id, step=function.__name__)
    return done


def add_timers(ticker: Ticker, database: Database, settings: BillingSettings) -> None:
    """Look for what is due, in business time."""
    trigger = IntervalTrigger(seconds=settings.billing_close_seconds, timezone="UTC")
    ticker.add("close due invoices", trigger, lambda: close_due(database, settings))
