"""Demo data: one tariff by run-hour and one by volume, and a contract for each of twelve customers."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal

from services.billing.contract import ContractSign, MeterPrice, PriceModel, PricePlan, TariffCreate, TierPrice
from services.billing.service import contracts, usage
from services.billing.settings import BillingSettings
from services.billing.tables import ContractRow, TariffRow
from services.kernel.unit import UnitOfWork

PROVIDER = "maker"
CUSTOMERS = tuple(f"customer-{number:02d}" for number in range(1, 13))
TAX_RATE = Decimal("0.13")  # Lease of movable goods in China.
HOUR_S = 3600
CUBIC_METRE_L = 1000


def run_hour_tariff() -> TariffCreate:
    """A pump hour: 48 yuan up to 10 h of a customer's pumps a period, then 42, beyond 60 h 36; the rest is included."""
    tiers = [
        TierPrice(up_to=10 * HOUR_S, unit_price=Decimal("48.00")),
        TierPrice(up_to=60 * HOUR_S, unit_price=Decimal("42.00")),
        TierPrice(unit_price=Decimal("36.00")),
    ]
    plan = PricePlan(model=PriceModel.GRADUATED, unit_size=HOUR_S, tiers=tiers)
    return TariffCreate(
        name_zh="按运行小时计费",
        name_en="Pay by run-hour",
        tax_rate=TAX_RATE,
        prices=[
            MeterPrice(meter="run_seconds", unit_zh="小时", unit_en="h", plan=plan),
            MeterPrice(meter="volume_l", unit_zh="立方米", unit_en="m3"),
            MeterPrice(meter="energy_wh", unit_zh="千瓦时", unit_en="kWh"),
        ],
    )


def volume_tariff() -> TariffCreate:
    """A cubic metre: 0.36 yuan up to 1,000 m3 a period, then 0.31; running time and energy are included."""
    tiers = [
        TierPrice(up_to=1000 * CUBIC_METRE_L, unit_price=Decimal("0.36")),
        TierPrice(unit_price=Decimal("0.31")),
    ]
    plan = PricePlan(model=PriceModel.GRADUATED, unit_size=CUBIC_METRE_L, tiers=tiers)
    return TariffCreate(
        name_zh="按输送水量计费",
        name_en="Pay by volume pumped",
        tax_rate=TAX_RATE,
        prices=[
            MeterPrice(meter="volume_l", unit_zh="立方米", unit_en="m3", plan=plan),
            MeterPrice(meter="run_seconds", unit_zh="小时", unit_en="h"),
            MeterPrice(meter="energy_wh", unit_zh="千瓦时", unit_en="kWh"),
        ],
    )


def seed(
    unit: UnitOfWork,
    settings: BillingSettings,
    starts: datetime,
    provider_id: str = PROVIDER,
    customer_ids: Sequence[str] = CUSTOMERS,
) -> None:
    """Make what is missing; every fourth customer pays by volume. Doing it twice changes nothing."""
    for tariff_id, make in (("tariff-run-hour", run_hour_tariff), ("tariff-volume", volume_tariff)):
        if unit.session.get(TariffRow, tariff_id) is None:
            contracts.create_tariff(unit, make(), provider_id, tariff_id)
    unit.session.flush()
    for number, customer_id in enumerate(customer_ids, start=1):
        contract_id = f"contract-{customer_id}"
        if unit.session.get(ContractRow, contract_id) is None:
            tariff_id = "tariff-volume" if number % 4 == 0 else "tariff-run-hour"
            command = ContractSign(tariff_id=tariff_id, customer_id=customer_id, starts=starts)
            usage.sign_contract(unit, command, settings, contract_id)
