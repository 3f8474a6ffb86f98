"""Three times that never stand for each other: when the service was given, when it is billed, what may still come.

OpenMeter's rule (billing/README): the service period, the invoice time and the collection cut-off are three fields.
Days and months are those of the calendar where business is done (Asia/Shanghai), kept as UTC instants.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

BUSINESS_ZONE = "Asia/Shanghai"
INTERVALS = ("day", "month")


@dataclass(frozen=True, slots=True, order=True)
class Period:
    """A half-open stretch of time, UTC: the start belongs to it, the end does not."""

    start: datetime
    end: datetime

    def __contains__(self, instant: datetime) -> bool:
        return self.start <= instant < self.end


@dataclass(frozen=True, slots=True)
class BillingTimes:
    """The times of one service period's invoice, UTC."""

    service: Period
    cut_off: datetime  # Usage that arrives from here on is late.
    invoice_at: datetime  # The invoice is issued from here on; never before the cut-off.


def service_period(instant: datetime, interval: str, zone: str = BUSINESS_ZONE) -> Period:
    """The calendar day or month of `zone` that `instant` falls into; raises ValueError for another interval."""
    if interval not in INTERVALS:
        raise ValueError(f"interval {interval!r} is not one of {', '.join(INTERVALS)}")
    local = instant.astimezone(ZoneInfo(zone))
    first = local.date().replace(day=1) if interval == "month" else local.date()
    following = (first + timedelta(days=32)).replace(day=1) if interval == "month" else first + timedelta(days=1)
    return Period(_midnight(first, zone), _midnight(following, zone))


def moment_of_usage(start: datetime, end: datetime) -> datetime:
    """The instant that decides to which period and contract usage over [start, end) belongs: its last one.

    Usage that ends exactly when a period ends belongs to that period. A counter does not tell when within its
    interval it moved, so the interval is not cut.
    """
    return end - timedelta(microseconds=1) if end > start else end


def billing_times(service: Period, grace: timedelta) -> BillingTimes:
    """When a period's invoice is due: after the grace in which late usage may still come in."""
    cut_off = service.end + grace
    return BillingTimes(service, cut_off=cut_off, invoice_at=cut_off)


def next_invoice_at(
    service: Period, now: datetime, interval: str, grace: timedelta, zone: str = BUSINESS_ZONE
) -> datetime:
    """When usage of `service` that arrives `now` is invoiced: with its own period, or late with the present one."""
    own = billing_times(service, grace).invoice_at
    return own if own > now else billing_times(service_period(now, interval, zone), grace).invoice_at


def clip(service: Period, starts_at: datetime, ends_at: datetime | None) -> Period:
    """The part of a period that a contract covers; raises ValueError when there is none."""
    end = service.end if ends_at is None else min(service.end, ends_at)
    clipped = Period(max(service.start, starts_at), end)
    if clipped.end <= clipped.start:
        raise ValueError("the contract does not cover the period")
    return clipped


def business_month(instant: datetime, zone: str = BUSINESS_ZONE) -> str:
    """The month an amount is reported in, `YYYY-MM`."""
    return instant.astimezone(ZoneInfo(zone)).strftime("%Y-%m")


def _midnight(day: date, zone: str) -> datetime:
    return datetime.combine(day, time.min, tzinfo=ZoneInfo(zone)).astimezone(UTC)
