"""Which usage counts, once, and where: duplicates, conflicts, the unbilled bucket, lateness, the sum of a period."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

CLOCK_SKEW_MAX = timedelta(minutes=5)  # Usage may end this far in the future before it is held back.
PER_SECOND_MAX = {"run_seconds": 1}  # What a meter can count in a second, where that is known.
IMPLAUSIBLE_RATIO = 2  # Readings do not fall on the edges of an interval: some excess is no error.


class Seen(StrEnum):
    """What a usage event is to those that came before it."""

    NEW = "new"
    DUPLICATE = "duplicate"  # Same source, id and payload: already counted.
    CONFLICT = "conflict"  # Same source and id, another payload: quarantined, never counted.


class Unbilled(StrEnum):
    """Why accepted usage is not on an invoice; each is visible, none is silent."""

    UNKNOWN_CONTRACT = "unknown-contract"
    UNKNOWN_METER = "unknown-meter"
    ESTIMATED = "estimated"  # Not measured: waits until a person releases it.
    IMPLAUSIBLE = "implausible"  # More than the meter can count in the time.
    IN_FUTURE = "in-future"
    INVOICE_VOIDED = "invoice-voided"


@dataclass(frozen=True, slots=True)
class Usage:
    """What a meter counted over [start, end): `quantity` in base units."""

    source: str
    id: str
    quantity: int
    start: datetime
    end: datetime
    estimated: bool = False


@dataclass(frozen=True, slots=True)
class Aggregate:
    """The sum of a period; the estimated part of the quantity is told apart."""

    quantity: int
    estimated_quantity: int
    events: int


def fingerprint(payload: Mapping[str, Any]) -> str:
    """SHA-256 of a JSON payload that does not depend on the order of its keys."""
    canonical = json.dumps(payload, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(canonical.encode()).hexdigest()


def compare(known: str | None, arriving: str) -> Seen:
    """Compare an arriving payload's fingerprint with the one known under its (source, id), if any."""
    if known is None:
        return Seen.NEW
    return Seen.DUPLICATE if known == arriving else Seen.CONFLICT


def distinct(usages: Iterable[Usage]) -> list[Usage]:
    """The first of each (source, id), in order of arrival."""
    return list({(usage.source, usage.id): usage for usage in reversed(list(usages))}.values())[::-1]


def aggregate(usages: Iterable[Usage]) -> Aggregate:
    """SUM of distinct usage: neither order nor duplicates change it."""
    counted = distinct(usages)
    return Aggregate(
        quantity=sum(usage.quantity for usage in counted),
        estimated_quantity=sum(usage.quantity for usage in counted if usage.estimated),
        events=len(counted),
    )


def hold_back(usage: Usage, meter: str, *, has_contract: bool, has_price: bool, now: datetime) -> Unbilled | None:
    """Why `usage` of `meter` must not be billed as it stands, or None when it may be.

    `has_contract`: a contract covers it; `has_price`: its tariff knows the meter; `now`: business time.
    """
    if usage.end > now + CLOCK_SKEW_MAX:
        return Unbilled.IN_FUTURE
    if not has_contract:
        return Unbilled.UNKNOWN_CONTRACT
    if not has_price:
        return Unbilled.UNKNOWN_METER
    limit = PER_SECOND_MAX.get(meter)
    seconds = -(-(usage.end - usage.start) // timedelta(seconds=1))
    if limit is not None and usage.quantity > IMPLAUSIBLE_RATIO * limit * seconds:
        return Unbilled.IMPLAUSIBLE
    return Unbilled.ESTIMATED if usage.estimated else None


# What a person may bill all the same; the rest lacks something that no person can decide.
RELEASABLE = frozenset({Unbilled.ESTIMATED, Unbilled.IMPLAUSIBLE, Unbilled.INVOICE_VOIDED})


def is_late(received_at: datetime, cut_off: datetime) -> bool:
    """Usage that arrives at its period's cut-off or later is late: its period may be invoiced already."""
    return received_at >= cut_off
