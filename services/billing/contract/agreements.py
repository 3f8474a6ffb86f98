"""Tariffs and contracts."""

from decimal import Decimal
from typing import Self

from pydantic import AwareDatetime, BaseModel, Field, model_validator

from services.billing.contract.words import (
    LINE_OF_TEXT,
    QUANTITY_MAX,
    ROW_ID,
    Instant,
    Interval,
    Meter,
    Name,
    OrganisationId,
    PriceAmount,
    PriceModel,
    RowId,
)


class TierPrice(BaseModel):
    """A band of quantity (阶梯): up to and including `up_to` base units; the last one is open."""

    up_to: int | None = Field(default=None, ge=1, le=QUANTITY_MAX)
    unit_price: PriceAmount = Decimal(0)
    flat_price: PriceAmount = Decimal(0)


class PricePlan(BaseModel):
    """The price of one meter, in major units of the tariff's currency for `unit_size` base units."""

    model: PriceModel
    unit_size: int = Field(default=1, ge=1, le=10**9, description="Base units that the price is for: 3600 s an hour")
    price: PriceAmount = Decimal(0)
    free_quantity: int = Field(default=0, ge=0, le=QUANTITY_MAX)
    tiers: list[TierPrice] = Field(default=[], max_length=50)


class MeterPrice(BaseModel):
    """What a meter costs under a tariff; without `plan` its usage is included free of charge."""

    meter: Meter
    unit_zh: str = Field(max_length=20, pattern=LINE_OF_TEXT, description="Name of the priced unit: 小时")
    unit_en: str = Field(max_length=20, pattern=LINE_OF_TEXT, description="Name of the priced unit: h")
    plan: PricePlan | None = None


class TariffCreate(BaseModel):
    """Command: a provider makes a tariff (价目). It never changes; a new price is a new tariff."""

    name_zh: Name
    name_en: Name
    currency: str = Field(default="CNY", pattern="^[A-Z]{3}$")
    tax_rate: Decimal = Field(ge=0, lt=1, max_digits=6, decimal_places=4, description="0.13 for 13 %")
    prices: list[MeterPrice] = Field(min_length=1, max_length=50)


class Tariff(TariffCreate):
    """A price list of one provider."""

    id: str
    provider_id: str
    created: AwareDatetime


class ContractSign(BaseModel):
    """Command: a provider and a customer agree on a tariff from a time on (签约)."""

    tariff_id: RowId
    customer_id: OrganisationId
    service_mode: str = Field(default="product-as-a-service", pattern=ROW_ID, description="Tag of every posting")
    interval: Interval | None = Field(default=None, description="None takes the service's setting")
    starts: Instant
    ends: Instant | None = None

    @model_validator(mode="after")
    def _ends_after_start(self) -> Self:
        if self.ends is not None and self.ends <= self.starts:
            raise ValueError("a contract ends after it starts")
        return self


class ServiceContract(BaseModel):
    """An agreement under which usage is billed (服务合同)."""

    id: str
    provider_id: str
    customer_id: str
    tariff_id: str
    service_mode: str
    interval: Interval
    starts: AwareDatetime
    ends: AwareDatetime | None
