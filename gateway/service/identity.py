"""Who a user or client is to the services: roles, and by agreement the organisations whose rows are visible."""

from typing import Literal

from gateway import store
from gateway.contract import OrganisationKind
from gateway.tables import ClientRow, UserRow
from services.kernel.identity import Kind, Principal, Role
from services.kernel.principals import ALL
from services.kernel.unit import UnitOfWork

Sees = dict[str, tuple[str, ...] | Literal["*"]]


def principal_of_user(unit: UnitOfWork, user: UserRow) -> Principal:
    """The principal that a user's token speaks for."""
    return _principal(unit, f"user:{user.name}", user.display_name, user.organisation_id, user.roles, "user")


def principal_of_client(unit: UnitOfWork, client: ClientRow) -> Principal:
    """The principal that a client's token speaks for; it acts for its organisation like a user."""
    return _principal(unit, f"client:{client.id}", client.name, client.organisation_id, client.roles, "service")


def may_run_platform(principal: Principal) -> bool:
    """Whether the principal belongs to the organisation that runs the platform; its roles still count."""
    return principal.sees.get(ALL) == ALL


def administers(principal: Principal, organisation_id: str) -> bool:
    """Whether the principal administers an organisation: its own, or any as the platform's administrator."""
    if Role.ADMINISTRATOR not in principal.roles:
        return False
    return principal.organisation_id == organisation_id or may_run_platform(principal)


def _principal(
    unit: UnitOfWork, subject: str, name: str, organisation_id: str, roles: list[str], kind: Kind
) -> Principal:
    return Principal(
        subject=subject,
        organisation_id=organisation_id,
        roles=frozenset(Role(role) for role in roles),
        kind=kind,
        sees=_sees(unit, organisation_id),
        name=name,
    )


def _sees(unit: UnitOfWork, organisation_id: str) -> Sees:
    """The claim `sees`: everything for the operator of the platform, else what agreements give now."""
    organisation = store.organisation(unit.session, organisation_id)
    if organisation is not None and organisation.kind == OrganisationKind.OPERATOR:
        return {ALL: ALL}
    granted: dict[str, set[str]] = {}
    for agreement in store.agreements_for(unit.session, organisation_id, unit.clock.business_now()):
        for service in agreement.services:
            granted.setdefault(service, set()).add(agreement.organisation_id)
    return {service: tuple(sorted(grantors)) for service, grantors in sorted(granted.items())}
