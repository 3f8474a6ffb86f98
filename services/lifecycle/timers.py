"""The clock's door: what is looked for again and again. What is due stands in the tables."""

from services.kernel.assembly import Assembly
from services.lifecycle.service import commands, tickets, trends, usage
from services.lifecycle.settings import LifecycleSettings


def set_timers(parts: Assembly, settings: LifecycleSettings) -> None:
    """Add this service's timers, each with its wall interval, to the API process."""
    database, bus, ticker = parts.database, parts.bus, parts.ticker
    ticker.add_wall("send commands", settings.command_interval_s, lambda: commands.dispatch(database, bus, settings))
    ticker.add_wall("end overdue commands", settings.command_interval_s, lambda: commands.end_overdue(database))
    ticker.add_wall("open tickets", settings.ticket_interval_s, lambda: tickets.open_due(database, settings))
    ticker.add_wall("close verified tickets", settings.ticket_interval_s, lambda: tickets.close_verified(database))
    ticker.add_wall("meter usage", settings.usage_interval_s, lambda: usage.meter(database, settings))
    ticker.add_wall("merge trends", settings.trend_interval_s, lambda: trends.merge(database, settings))
