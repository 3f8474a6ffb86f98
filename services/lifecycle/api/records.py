"""Routes of what is kept about messages and deeds, and of the evidence for clauses."""

from typing import Annotated

from fastapi import APIRouter, Query

from services.kernel.evidence import Evidence
from services.kernel.http import Cursor, Limit, Page, decode_cursor, page_of
from services.lifecycle.api.door import Door, opened_to, page_start
from services.lifecycle.contract import LINE_OF_TEXT, AuditEntry, DeadLetter, MessageLedger
from services.lifecycle.evidence import BOOK
from services.lifecycle.service import messages
from services.lifecycle.store import messages as store

router = APIRouter()


@router.get("/messages/ledger", tags=["messages"], summary="消息台账 · The ledger of messages")
def get_ledger(door: Door = opened_to()) -> MessageLedger:
    return door.read(messages.ledger)


@router.get("/messages/dead-letters", tags=["messages"], summary="死信，最新在前 · Dead letters, newest first")
def list_dead_letters(
    reason: Annotated[str | None, Query(pattern="^[a-z-]{1,64}$")] = None,
    limit: Limit = 50,
    cursor: Cursor = None,
    door: Door = opened_to(),
) -> Page[DeadLetter]:
    before = None if cursor is None else decode_cursor(cursor, int)[0]
    rows = door.read(store.dead_letter_page, before, limit, reason=reason)
    return page_of(rows, limit, messages.dead_letter_of, lambda row: (row.id,))


@router.get("/audit", tags=["audit"], summary="审计记录，最新在前 · The audit trail, newest first")
def list_audit(
    object: Annotated[str | None, Query(max_length=160, pattern=LINE_OF_TEXT, description="alarm/…, command/…")] = None,
    correlation_id: Annotated[str | None, Query(max_length=64, pattern=LINE_OF_TEXT)] = None,
    limit: Limit = 50,
    cursor: Cursor = None,
    door: Door = opened_to(),
) -> Page[AuditEntry]:
    rows = door.read(store.audit_page, page_start(cursor), limit, object_=object, correlation_id=correlation_id)
    return page_of(rows, limit, messages.audit_of, lambda row: (row.id,))


@router.get("/clauses", tags=["evidence"], summary="本服务可展示的条款 · Clauses that this service can show")
def list_clauses(door: Door = opened_to()) -> list[str]:
    return BOOK.clause_ids


@router.get("/evidence", tags=["evidence"], summary="各条款的实时证据 · Live evidence of each clause")
def get_evidence(door: Door = opened_to()) -> dict[str, Evidence]:
    return door.read(BOOK.answer_all)
