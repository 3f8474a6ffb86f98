"""The ledger of messages, the dead letters and the audit trail, as people may see them."""

import json
from typing import Any

from services.kernel.unit import UnitOfWork
from services.lifecycle.contract import AuditEntry, DeadLetter, MessageLedger
from services.lifecycle.store import messages as store
from services.lifecycle.store import readings


def ledger(unit: UnitOfWork) -> MessageLedger:
    """Counts of the whole installation. Counters commit with their batch, so what is in flight was not counted yet."""
    counts = readings.message_counts(unit)
    stored, duplicate, dead = (counts.get(name, 0) for name in ("stored", "duplicate", "dead_lettered"))
    received = counts.get("received", 0)
    return MessageLedger(
        received=received,
        stored=stored,
        duplicate=duplicate,
        dead_lettered=dead,
        in_flight=received - stored - duplicate - dead,
        reasons=store.dead_letter_reasons(unit),
    )


def dead_letter_of(row: Any) -> DeadLetter:
    """The contract's view of a row; a payload that is no text is shown with replacement characters."""
    return DeadLetter(
        id=row.id,
        topic=row.topic,
        reason=row.reason,
        detail=row.detail,
        payload=bytes(row.payload).decode("utf-8", "replace"),
        received=row.received,
    )


def audit_of(row: Any) -> AuditEntry:
    """The contract's view of a row."""
    return AuditEntry(**{**row._mapping, "detail": json.loads(row.detail)})
