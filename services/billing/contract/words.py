"""Words that all of billing's messages share: identifiers, amounts, instants and states."""

from datetime import UTC, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Annotated

from pydantic import AwareDatetime, Field

SERVICE = "billing"
ORGANISATION = r"^[a-z0-9-]{1,64}$"
IDENTIFIER = r"^[!-~]{1,200}$"  # Visible ASCII, as CloudEvents ids and sources are.
ROW_ID = r"^[a-z0-9-]{1,64}$"
METER = r"^[a-z][a-z0-9_]{0,63}$"
LINE_OF_TEXT = r"^[^\x00-\x1f\x7f]*$"
QUANTITY_MAX = 10**12

OrganisationId = Annotated[str, Field(pattern=ORGANISATION)]
RowId = Annotated[str, Field(pattern=ROW_ID)]
Meter = Annotated[str, Field(pattern=METER, description="run_seconds, volume_l, energy_wh ...")]
Name = Annotated[str, Field(min_length=1, max_length=200, pattern=LINE_OF_TEXT)]
Note = Annotated[str, Field(max_length=500, pattern=LINE_OF_TEXT)]
Instant = Annotated[AwareDatetime, Field(ge=datetime(2000, 1, 1, tzinfo=UTC), lt=datetime(2200, 1, 1, tzinfo=UTC))]
PriceAmount = Annotated[Decimal, Field(ge=0, le=Decimal("1e9"), max_digits=18, decimal_places=8)]


class PriceModel(StrEnum):
    """How a quantity becomes an amount (计价方式)."""

    PER_UNIT = "per_unit"
    GRADUATED = "graduated"
    VOLUME = "volume"
    PACKAGE = "package"
    FLAT = "flat"


class Interval(StrEnum):
    """Length of a service period, in calendar days or months of the business zone (服务周期)."""

    DAY = "day"
    MONTH = "month"


class UsageState(StrEnum):
    """Where accepted usage stands."""

    PLACED = "PLACED"  # On an invoice line.
    INCLUDED = "INCLUDED"  # Metered, free of charge by the contract.
    UNBILLED = "UNBILLED"  # Held back, with a reason.


class InvoiceState(StrEnum):
    """DRAFT grows; ISSUED may be objected to; POSTED is in the books; a VOIDED or REVERSED one counts no more."""

    DRAFT = "DRAFT"
    ISSUED = "ISSUED"
    POSTED = "POSTED"
    VOIDED = "VOIDED"
    REVERSED = "REVERSED"


class AccountKind(StrEnum):
    """Kinds of account in a provider's books (科目)."""

    RECEIVABLE = "receivable"
    REVENUE = "revenue"
    TAX_PAYABLE = "tax-payable"
