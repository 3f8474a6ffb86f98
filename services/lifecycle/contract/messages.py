"""What becomes of the messages of devices, and who did what."""

from typing import Any

from pydantic import AwareDatetime, BaseModel, Field


class MessageLedger(BaseModel):
    """received = stored + duplicate + dead_lettered + in_flight, always (消息台账)."""

    received: int
    stored: int
    duplicate: int
    dead_lettered: int
    in_flight: int
    reasons: dict[str, int] = Field(default={}, description="Dead letters by reason")


class DeadLetter(BaseModel):
    """A message that could not be taken (死信), with the reason and the payload as it came (cut at 64 KiB)."""

    id: int
    topic: str
    reason: str
    detail: str
    payload: str
    received: AwareDatetime


class AuditEntry(BaseModel):
    """Who did what to which object, and when (审计记录)."""

    id: str
    at: AwareDatetime
    wall_at: AwareDatetime
    subject: str
    organisation_id: str
    action: str
    object: str
    detail: dict[str, Any]
    correlation_id: str
