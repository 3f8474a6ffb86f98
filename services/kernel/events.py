"""The envelope of everything that happened: CloudEvents 1.0 in JSON."""

from datetime import datetime
from typing import Any, ClassVar, Self

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

EVENT_TOPICS = "som/v1/events"


class EventData(BaseModel):
    """Base of an event's payload. A subclass names where it belongs, once, for topics, types and documents."""

    model_config = ConfigDict(frozen=True)

    service: ClassVar[str]
    noun: ClassVar[str]
    event: ClassVar[str]

    @classmethod
    def type(cls) -> str:
        """CloudEvents `type`."""
        return f"som.v1.{cls.service}.{cls.noun}.{cls.event}"

    @classmethod
    def topic(cls) -> str:
        """MQTT topic."""
        return f"{EVENT_TOPICS}/{cls.service}/{cls.noun}/{cls.event}"

    @classmethod
    def of(cls, event: "Event") -> Self:
        """The typed payload of `event`; raises pydantic's ValidationError."""
        return cls.model_validate(event.data)


def topic_of_type(event_type: str) -> str:
    """The MQTT topic that carries events of a CloudEvents type."""
    return f"{EVENT_TOPICS}/{event_type.removeprefix('som.v1.').replace('.', '/')}"


class Event(BaseModel):
    """CloudEvents 1.0 with the extensions that OpenSOM needs (lower case, as the specification asks)."""

    model_config = ConfigDict(frozen=True)

    specversion: str = "1.0"
    id: str
    source: str = Field(description="/services/{service} for our own, any URI for events from outside")
    type: str
    subject: str | None = None
    time: AwareDatetime = Field(description="Business time at which it happened")
    walltime: AwareDatetime = Field(description="Wall time at which it was recorded")
    datacontenttype: str = "application/json"
    correlationid: str = ""
    organisation: str | None = Field(default=None, description="Organisation that the thing belongs to")
    position: int | None = Field(default=None, description="Place in the producer's log, without gaps")
    data: dict[str, Any]

    def to_bytes(self) -> bytes:
        """JSON as it goes on the wire."""
        return self.model_dump_json(exclude_none=True).encode()

    @classmethod
    def from_bytes(cls, raw: bytes | str) -> Self:
        """Parse the wire form; raises pydantic's ValidationError."""
        return cls.model_validate_json(raw)


def make_event(
    data: EventData,
    *,
    event_id: str,
    subject: str | None,
    organisation: str | None,
    business_time: datetime,
    wall_time: datetime,
    correlation_id: str,
) -> Event:
    """Wrap `data` for the outbox; its position is given at commit."""
    return Event(
        id=event_id,
        source=f"/services/{data.service}",
        type=data.type(),
        subject=subject,
        time=business_time,
        walltime=wall_time,
        correlationid=correlation_id,
        organisation=organisation,
        data=data.model_dump(mode="json"),
    )
