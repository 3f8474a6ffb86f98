"""A provider makes a tariff and signs a contract with a customer."""

from services.billing import store
from services.billing.contract import (
    ContractSign,
    ContractSigned,
    Interval,
    MeterPrice,
    ServiceContract,
    Tariff,
    TariffCreate,
)
from services.billing.rules import money, rating
from services.billing.tables import ContractRow, TariffRow
from services.kernel.chance import new_id
from services.kernel.principals import PLATFORM, Role
from services.kernel.problems import Problem, conflict, forbidden, not_found
from services.kernel.unit import UnitOfWork


def may_act_for(unit: UnitOfWork, provider_id: str) -> None:
    """Raise Problem `forbidden` unless the caller acts for the provider: seeing its rows is not enough."""
    who = unit.principal
    if who is None or who.organisation_id in (provider_id, PLATFORM) or Role.SERVICE in who.roles:
        return
    raise forbidden("只有服务提供方可以执行此操作。", "Only the provider may do this.", provider_id=provider_id)


def create_tariff(unit: UnitOfWork, command: TariffCreate, provider_id: str, tariff_id: str | None = None) -> Tariff:
    """Make a tariff; raises Problem `invalid-tariff` (422) for one that could not price every quantity."""
    may_act_for(unit, provider_id)
    try:
        money.minor_digits(command.currency)
        for price in command.prices:
            if price.plan is not None:
                rating.parse_plan(price.plan.model_dump(mode="json"))
    except ValueError as error:
        raise Problem("invalid-tariff", 422, f"价目无效：{error}。", f"The tariff is not valid: {error}.") from error
    meters = [price.meter for price in command.prices]
    if len(set(meters)) < len(meters):
        raise Problem("invalid-tariff", 422, "价目无效：同一计量项出现两次。", "The tariff prices a meter twice.")
    row = TariffRow(
        id=tariff_id or new_id(),
        organisation_id=provider_id,
        name_zh=command.name_zh,
        name_en=command.name_en,
        currency=command.currency,
        tax_rate=command.tax_rate,
        prices=[price.model_dump(mode="json") for price in command.prices],
        created=unit.clock.business_now(),
    )
    unit.session.add(row)
    unit.audit("create-tariff", f"tariff/{row.id}", provider_id)
    return tariff_of(row)


def list_tariffs(unit: UnitOfWork) -> list[Tariff]:
    """Tariffs of the organisations that the caller sees."""
    return [tariff_of(row) for row in store.tariffs(unit.session)]


def get_tariff(unit: UnitOfWork, tariff_id: str) -> Tariff:
    """One tariff; raises Problem `not-found`."""
    return tariff_of(_tariff(unit, tariff_id))


def sign_contract(
    unit: UnitOfWork, command: ContractSign, interval: Interval, contract_id: str | None = None
) -> ServiceContract:
    """Put a contract in force; `interval` is what holds when the command names none.

    Raises Problem `contract-overlap` (409) when the two already have a contract in that time.
    """
    tariff = _tariff(unit, command.tariff_id)
    provider_id = tariff.organisation_id
    may_act_for(unit, provider_id)
    other = store.contract_overlapping(unit.session, provider_id, command.customer_id, command.starts, command.ends)
    if other is not None:
        raise conflict(
            f"双方在该时段已有合同 {other.id}。",
            f"The two already have contract {other.id} in that time.",
            "contract-overlap",
            contract_id=other.id,
        )
    row = ContractRow(
        id=contract_id or new_id(),
        organisation_id=provider_id,
        counterparty_id=command.customer_id,
        tariff_id=tariff.id,
        service_mode=command.service_mode,
        interval=command.interval or interval,
        starts=command.starts,
        ends=command.ends,
    )
    unit.session.add(row)
    unit.session.flush()
    unit.audit("sign-contract", f"contract/{row.id}", provider_id)
    unit.announce(
        ContractSigned(
            contract_id=row.id,
            provider_id=provider_id,
            customer_id=row.counterparty_id,
            tariff_id=tariff.id,
            starts=row.starts,
        ),
        subject=row.id,
        organisation_id=row.counterparty_id,
    )
    return contract_of(row)


def list_contracts(unit: UnitOfWork) -> list[ServiceContract]:
    """Contracts that the caller is a party to, or sees by agreement."""
    return [contract_of(row) for row in store.contracts(unit.session)]


def get_contract(unit: UnitOfWork, contract_id: str) -> ServiceContract:
    """One contract; raises Problem `not-found`."""
    row = unit.session.get(ContractRow, contract_id)
    if row is None:
        raise not_found("contract", contract_id, "合同")
    return contract_of(row)


def price_of(unit: UnitOfWork, contract: ContractRow, meter: str) -> MeterPrice | None:
    """What a meter costs under a contract; None when its tariff does not know the meter."""
    tariff = unit.session.get_one(TariffRow, contract.tariff_id)
    for price in tariff.prices:
        if price["meter"] == meter:
            return MeterPrice.model_validate(price)
    return None


def tariff_of(row: TariffRow) -> Tariff:
    return Tariff(
        id=row.id,
        provider_id=row.organisation_id,
        name_zh=row.name_zh,
        name_en=row.name_en,
        currency=row.currency,
        tax_rate=row.tax_rate,
        prices=[MeterPrice.model_validate(price) for price in row.prices],
        created=row.created,
    )


def contract_of(row: ContractRow) -> ServiceContract:
    return ServiceContract(
        id=row.id,
        provider_id=row.organisation_id,
        customer_id=row.counterparty_id,
        tariff_id=row.tariff_id,
        service_mode=row.service_mode,
        interval=Interval(row.interval),
        starts=row.starts,
        ends=row.ends,
    )


def _tariff(unit: UnitOfWork, tariff_id: str) -> TariffRow:
    row = unit.session.get(TariffRow, tariff_id)
    if row is None:
        raise not_found("tariff", tariff_id, "价目")
    return row
