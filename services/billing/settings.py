"""Knobs of the billing service; times are business time."""

from datetime import timedelta

from pydantic import Field

from services.billing.contract import Interval
from services.kernel.settings import KernelSettings


class BillingSettings(KernelSettings):
    """Read from the environment with the prefix `OPENSOM_`."""

    service: str = Field(default="billing", description="Name of this service: event source, key id, schema")
    billing_interval: Interval = Field(
        default=Interval.DAY, description="Service period of a contract that names none: day or month"
    )
    billing_grace_minutes: int = Field(
        default=90, ge=0, le=44_640, description="How long after a period its usage may still come in, business minutes"
    )
    billing_objection_minutes: int = Field(
        default=60, ge=0, le=44_640, description="How long an issued invoice may be voided, business minutes"
    )
    billing_close_seconds: int = Field(
        default=300, ge=1, le=86_400, description="How often due invoices are looked for, business seconds"
    )

    @property
    def grace(self) -> timedelta:
        """Time after a period in which its usage is not late."""
        return timedelta(minutes=self.billing_grace_minutes)

    @property
    def objection(self) -> timedelta:
        """Time between issue and posting."""
        return timedelta(minutes=self.billing_objection_minutes)
