"""Organisations, users, clients and agreements. An administrator has the own organisation; the platform's has all."""

from typing import Any

from gateway import store
from gateway.contract import (
    Agreement,
    AgreementCreate,
    AgreementEnded,
    AgreementMade,
    Client,
    ClientCreate,
    ClientSecret,
    Organisation,
    OrganisationAdded,
    OrganisationKind,
    User,
    UserAdded,
    UserChange,
    UserCreate,
)
from gateway.service.identity import administers, may_run_platform
from gateway.service.secrets import hash_of
from gateway.tables import AgreementRow, ClientRow, OrganisationRow, UserRow
from services.kernel.chance import new_id, new_secret
from services.kernel.identity import Role
from services.kernel.problems import Problem, conflict, forbidden, not_found
from services.kernel.unit import UnitOfWork

# ---- Organisations --------------------------------------------------------------------------------------------


def organisations(unit: UnitOfWork) -> list[Organisation]:
    """Those that the principal has to do with."""
    visible = unit.principal.visible_organisations(unit.service) if unit.principal else None
    return [organisation_of(row) for row in store.organisations(unit.session, visible)]


def add_organisation(unit: UnitOfWork, organisation: Organisation) -> Organisation:
    """Only the platform's administrator adds one, and never a second operator."""
    if unit.principal is not None and not may_run_platform(unit.principal):
        raise forbidden("只有平台运营方的管理员可以新增组织。", "Only the platform's administrator adds organisations.")
    if organisation.kind == OrganisationKind.OPERATOR and unit.principal is not None:
        # Whoever belongs to one sees everything: there is the one that the platform was set up with.
        raise forbidden("平台只有一个运营方。", "The platform has one operator.")
    if store.organisation(unit.session, organisation.id) is not None:
        raise conflict("该组织编号已存在。", "There is an organisation of this id already.", "already-exists")
    unit.session.add(OrganisationRow(**organisation.model_dump()))
    unit.audit("add organisation", f"organisation:{organisation.id}", organisation.id, organisation.model_dump())
    unit.announce(
        OrganisationAdded(organisation_id=organisation.id, kind=organisation.kind),
        subject=organisation.id,
        organisation_id=organisation.id,
    )
    return organisation


# ---- Users and clients ----------------------------------------------------------------------------------------


def users(unit: UnitOfWork, after: str, limit: int) -> list[User]:
    """Users of the visible organisations, by name."""
    rows = store.users(unit.session, after, limit)
    with_password = store.users_with_password(unit.session, [row.id for row in rows])
    return [user_of(row, row.id in with_password) for row in rows]


def add_user(unit: UnitOfWork, command: UserCreate) -> User:
    """A new account without a password."""
    _check_administration(unit, command.organisation_id, command.roles)
    if store.name_taken(unit.session, command.name):
        raise conflict("该用户名已被使用。", "This sign-in name is taken.", "already-exists")
    row = UserRow(
        id=new_id(),
        name=command.name,
        display_name=command.display_name,
        organisation_id=command.organisation_id,
        roles=[role.value for role in command.roles],
        created=unit.clock.wall_now(),
    )
    unit.session.add(row)
    unit.audit("add user", f"user:{row.name}", row.organisation_id, {"roles": row.roles})
    unit.announce(UserAdded(user_id=row.id, roles=command.roles), subject=row.name, organisation_id=row.organisation_id)
    return user_of(row, has_password=False)


def change_user(unit: UnitOfWork, user_id: str, change: UserChange) -> User:
    """Other roles, another name, or no access any more; what is in force at the next token."""
    row = user_to_administer(unit, user_id)
    _check_administration(unit, row.organisation_id, change.roles or [])
    if (
        unit.principal is not None
        and unit.principal.subject == f"user:{row.name}"
        and (change.active is False or (change.roles is not None and Role.ADMINISTRATOR not in change.roles))
    ):
        raise conflict(
            "不能取消自己的管理员权限。", "You cannot take your own administration away.", "last-administrator"
        )
    given = change.model_dump(exclude_none=True, mode="json")
    for name, value in given.items():
        setattr(row, name, value)
    unit.session.add(row)
    unit.audit("change user", f"user:{row.name}", row.organisation_id, given)
    return user_of(row, store.credential(unit.session, row.id) is not None)


def user_to_administer(unit: UnitOfWork, user_id: str) -> UserRow:
    """A user of an organisation that the principal administers; raises Problem `not-found` or `forbidden`."""
    row = store.user(unit.session, user_id)
    if row is None:
        raise not_found("user", user_id, "用户")
    _check_administration(unit, row.organisation_id, [Role(role) for role in row.roles])
    return row


def clients(unit: UnitOfWork, after: str, limit: int) -> list[Client]:
    """Clients of the visible organisations, by id."""
    return [client_of(row) for row in store.clients(unit.session, after, limit)]


def add_client(unit: UnitOfWork, command: ClientCreate, client_id: str = "") -> ClientSecret:
    """A new client credential; its secret is in the answer and nowhere else."""
    _check_administration(unit, command.organisation_id, command.roles)
    secret = new_secret()
    row = ClientRow(
        id=client_id or f"{command.organisation_id[:40]}-{new_id()[-12:]}",
        name=command.name,
        organisation_id=command.organisation_id,
        roles=[role.value for role in command.roles],
        secret_hash=hash_of(secret),
        created=unit.clock.wall_now(),
    )
    unit.session.add(row)
    unit.audit("add client", f"client:{row.id}", row.organisation_id, {"roles": row.roles})
    return ClientSecret(**client_of(row).model_dump(), secret=secret)


def renew_client(unit: UnitOfWork, client_id: str) -> ClientSecret:
    """Another secret; the old one is good no more."""
    row = _client_to_administer(unit, client_id)
    secret = new_secret()
    row.secret_hash = hash_of(secret)
    unit.audit("renew client", f"client:{row.id}", row.organisation_id)
    return ClientSecret(**client_of(row).model_dump(), secret=secret)


def stop_client(unit: UnitOfWork, client_id: str) -> None:
    """No more tokens for this client."""
    row = _client_to_administer(unit, client_id)
    row.active = False
    unit.audit("stop client", f"client:{row.id}", row.organisation_id)


def _client_to_administer(unit: UnitOfWork, client_id: str) -> ClientRow:
    row = store.client(unit.session, client_id)
    if row is None:
        raise not_found("client", client_id, "客户端")
    _check_administration(unit, row.organisation_id, [Role(role) for role in row.roles])
    return row


def _check_administration(unit: UnitOfWork, organisation_id: str, roles: list[Role]) -> None:
    """Raise Problem unless the principal may give `roles` in the organisation, which must exist."""
    principal = unit.principal
    if principal is not None and not administers(principal, organisation_id):
        raise forbidden("只能管理本组织。", "You administer your own organisation only.")
    if Role.EVALUATOR in roles and principal is not None and not may_run_platform(principal):
        # An evaluator sees every organisation's rows.
        raise forbidden(
            "评估人员角色只能由平台运营方的管理员授予。", "Only the platform's administrator makes evaluators."
        )
    if store.organisation(unit.session, organisation_id) is None:
        raise not_found("organisation", organisation_id, "组织")


# ---- Agreements -----------------------------------------------------------------------------------------------


def agreements(unit: UnitOfWork, after: str, limit: int) -> list[Agreement]:
    """Agreements that the visible organisations are a party of."""
    return [agreement_of(row) for row in store.agreements(unit.session, after, limit)]


def make_agreement(unit: UnitOfWork, command: AgreementCreate) -> Agreement:
    """The grantor's administrator lets the grantee see its rows."""
    _check_grantor(unit, command.grantor_id)
    if command.grantor_id == command.grantee_id:
        raise Problem("invalid-agreement", 422, "协议双方不能相同。", "An agreement has two parties.")
    for party in (command.grantor_id, command.grantee_id):
        if store.organisation(unit.session, party) is None:
            raise not_found("organisation", party, "组织")
    starts = command.starts or unit.clock.business_now()
    if command.ends is not None and command.ends <= starts:
        raise Problem("invalid-agreement", 422, "协议的结束须晚于开始。", "An agreement ends after it starts.")
    row = AgreementRow(
        id=new_id(),
        organisation_id=command.grantor_id,
        counterparty_id=command.grantee_id,
        services=sorted(set(command.services)),
        starts=starts,
        ends=command.ends,
    )
    unit.session.add(row)
    made = agreement_of(row)
    unit.audit("make agreement", f"agreement:{row.id}", row.organisation_id, made.model_dump(mode="json"))
    unit.announce(
        AgreementMade(
            agreement_id=row.id, grantor_id=made.grantor_id, grantee_id=made.grantee_id, services=made.services
        ),
        subject=row.id,
        organisation_id=row.organisation_id,
    )
    return made


def end_agreement(unit: UnitOfWork, agreement_id: str) -> Agreement:
    """It ends now; tokens that knew it run out within their life."""
    row = store.agreement(unit.session, agreement_id)
    if row is None:
        raise not_found("agreement", agreement_id, "协议")
    _check_grantor(unit, row.organisation_id)
    now = unit.clock.business_now()
    if row.ends is not None and row.ends <= now:
        raise conflict("该协议已经结束。", "This agreement has ended already.", "already-ended")
    row.ends = max(now, row.starts)
    unit.audit("end agreement", f"agreement:{row.id}", row.organisation_id)
    unit.announce(
        AgreementEnded(agreement_id=row.id, grantor_id=row.organisation_id, grantee_id=row.counterparty_id),
        subject=row.id,
        organisation_id=row.organisation_id,
    )
    return agreement_of(row)


def _check_grantor(unit: UnitOfWork, grantor_id: str) -> None:
    if unit.principal is not None and not administers(unit.principal, grantor_id):
        raise forbidden(
            "只有授权方的管理员可以处理该协议。", "Only an administrator of the grantor decides about this agreement."
        )


# ---- Rows to contract models ----------------------------------------------------------------------------------


def organisation_of(row: OrganisationRow) -> Organisation:
    return Organisation(id=row.id, name_zh=row.name_zh, name_en=row.name_en, kind=OrganisationKind(row.kind))


def user_of(row: UserRow, has_password: bool) -> User:
    return User(**_fields(row, User), has_password=has_password)


def client_of(row: ClientRow) -> Client:
    return Client(**_fields(row, Client))


def agreement_of(row: AgreementRow) -> Agreement:
    return Agreement(
        id=row.id,
        grantor_id=row.organisation_id,
        grantee_id=row.counterparty_id,
        services=row.services,
        starts=row.starts,
        ends=row.ends,
    )


def _fields(row: Any, model: type) -> dict[str, Any]:
    kept = row.model_dump()
    return {name: kept[name] for name in model.model_fields if name in kept}  # type: ignore[attr-defined]
