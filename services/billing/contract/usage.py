"""Usage, and what becomes of it."""

from typing import Self

from pydantic import AwareDatetime, BaseModel, Field, model_validator

from services.billing.contract.words import (
    IDENTIFIER,
    ORGANISATION,
    QUANTITY_MAX,
    Instant,
    Meter,
    Note,
    OrganisationId,
    RowId,
    UsageState,
)


class UsageData(BaseModel):
    """What a meter of a device counted over [start, end)."""

    device_id: str = Field(pattern=ORGANISATION)
    meter: Meter
    quantity: int = Field(ge=0, le=QUANTITY_MAX, description="In the meter's base unit")
    start: Instant
    end: Instant
    estimated: bool = Field(default=False, description="Part of it was read across a gap in the data")
    customer_id: OrganisationId
    provider_id: OrganisationId

    @model_validator(mode="after")
    def _ends_not_before_start(self) -> Self:
        if self.end < self.start:
            raise ValueError("usage ends before it starts")
        return self


class UsageReport(BaseModel):
    """A CloudEvent 1.0 that reports usage; a provider's (source, id) is its identity for ever."""

    specversion: str = Field(default="1.0", pattern=r"^1\.0$")
    source: str = Field(pattern=IDENTIFIER, description="Who measured")
    id: str = Field(pattern=IDENTIFIER)
    type: str = Field(default="som.v1.lifecycle.usage.metered", pattern=IDENTIFIER)
    data: UsageData


class Usage(BaseModel):
    """Accepted usage and where it stands (用量)."""

    id: str
    source: str
    event_id: str
    device_id: str
    meter: str
    quantity: int
    start: AwareDatetime
    end: AwareDatetime
    estimated: bool
    late: bool = Field(description="Came after the cut-off of its period")
    customer_id: str
    provider_id: str
    received: AwareDatetime
    state: UsageState
    reason: str | None = Field(description="Why it is unbilled: unknown-contract, unknown-meter, estimated ...")
    contract_id: str | None
    invoice_id: str | None
    line_id: str | None
    correlation_id: str


class UsageReceipt(BaseModel):
    """Answer to a report: `duplicate` means that the same report had been accepted before."""

    duplicate: bool
    usage: Usage


class UsageRelease(BaseModel):
    """Command: a person takes the responsibility for billing usage that was held back (放行)."""

    usage_ids: list[RowId] = Field(min_length=1, max_length=500)
    note: Note = Field(min_length=1)


class QuarantinedUsage(BaseModel):
    """A report whose (source, id) was known with another payload (隔离用量): never counted, kept to be looked at."""

    id: str
    source: str
    event_id: str
    provider_id: str
    customer_id: str
    usage_id: str = Field(description="The usage that was accepted under this identity")
    payload: str = Field(description="The report as it came, JSON")
    received: AwareDatetime
    correlation_id: str


class UnbilledCount(BaseModel):
    """One row of the unbilled bucket (未计费用量)."""

    reason: str
    meter: str
    events: int
    quantity: int
