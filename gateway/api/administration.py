"""Organisations, users, clients, agreements and the audit trail."""

from typing import Annotated

from fastapi import APIRouter, Path
from fastapi.responses import Response

from gateway import store
from gateway.access import Access
from gateway.contract import (
    ID,
    Agreement,
    AgreementCreate,
    AuditEntry,
    Client,
    ClientCreate,
    ClientSecret,
    OneTimeLink,
    Organisation,
    User,
    UserChange,
    UserCreate,
)
from gateway.first_start import link_url
from gateway.service import administration, sign_in
from gateway.settings import GatewaySettings
from services.kernel.identity import Principal, Role, requires
from services.kernel.paging import Cursor, Limit, Page, decode_cursor, page_of
from services.kernel.unit import UnitOfWork

Id = Annotated[str, Path(pattern=ID)]
ADMINISTRATOR = requires(Role.ADMINISTRATOR)


def administration_router(access: Access, settings: GatewaySettings) -> APIRouter:
    """Routes under /api; administrators have their own organisation, the platform's have all."""
    router = APIRouter(prefix="/api", tags=["administration"])
    _organisations(router, access)
    _users(router, access, settings)
    _clients(router, access)
    _agreements(router, access)

    @router.get("/audit", summary="审计记录 · Audit trail, newest first")
    async def audit(limit: Limit = 50, cursor: Cursor = None, principal: Principal = ADMINISTRATOR) -> Page[AuditEntry]:
        def entries(unit: UnitOfWork) -> list[AuditEntry]:
            visible = principal.visible_organisations(unit.service)
            return store.audit_page(unit, visible, _after(cursor), limit + 1)

        rows = await access.read(entries)
        return page_of(rows, limit, item=lambda row: row, key=lambda row: (row.id,))

    return router


def _organisations(router: APIRouter, access: Access) -> None:
    @router.get("/organisations", summary="组织 · Organisations that one has to do with")
    async def organisations(principal: Principal = requires()) -> list[Organisation]:
        return await access.read(administration.organisations, principal=principal)

    @router.post("/organisations", summary="新增组织 · Add an organisation", status_code=201)
    async def add_organisation(organisation: Organisation, principal: Principal = ADMINISTRATOR) -> Organisation:
        return await access.run(administration.add_organisation, organisation, principal=principal)


def _users(router: APIRouter, access: Access, settings: GatewaySettings) -> None:
    @router.get("/users", summary="用户 · Users, by name")
    async def users(limit: Limit = 50, cursor: Cursor = None, principal: Principal = ADMINISTRATOR) -> Page[User]:
        rows = await access.read(administration.users, _after(cursor), limit + 1, principal=principal)
        return page_of(rows, limit, item=lambda row: row, key=lambda row: (row.name,))

    @router.post("/users", summary="新增用户 · Add a user", status_code=201)
    async def add_user(command: UserCreate, principal: Principal = ADMINISTRATOR) -> User:
        return await access.run(administration.add_user, command, principal=principal)

    @router.patch("/users/{user_id}", summary="修改用户 · Change a user")
    async def change_user(user_id: Id, change: UserChange, principal: Principal = ADMINISTRATOR) -> User:
        changed = await access.run(administration.change_user, user_id, change, principal=principal)
        access.forget()
        return changed

    @router.post("/users/{user_id}/link", summary="生成一次性登录链接 · Make a one-time link", status_code=201)
    async def make_link(user_id: Id, principal: Principal = ADMINISTRATOR) -> OneTimeLink:
        def make(unit: UnitOfWork) -> OneTimeLink:
            user = administration.user_to_administer(unit, user_id)
            secret, expires = sign_in.make_link(unit, user, settings.link_lifetime_s)
            return OneTimeLink(url=link_url(settings, secret), expires=expires)

        return await access.run(make, principal=principal)


def _clients(router: APIRouter, access: Access) -> None:
    @router.get("/clients", summary="客户端凭据 · Client credentials, by id")
    async def clients(limit: Limit = 50, cursor: Cursor = None, principal: Principal = ADMINISTRATOR) -> Page[Client]:
        rows = await access.read(administration.clients, _after(cursor), limit + 1, principal=principal)
        return page_of(rows, limit, item=lambda row: row, key=lambda row: (row.id,))

    @router.post("/clients", summary="新增客户端 · Add a client; the secret is shown once", status_code=201)
    async def add_client(command: ClientCreate, principal: Principal = ADMINISTRATOR) -> ClientSecret:
        return await access.run(administration.add_client, command, principal=principal)

    @router.post("/clients/{client_id}/secret", summary="更换密钥 · Renew a secret", status_code=201)
    async def renew_client(client_id: Id, principal: Principal = ADMINISTRATOR) -> ClientSecret:
        return await access.run(administration.renew_client, client_id, principal=principal)

    @router.delete("/clients/{client_id}", summary="停用客户端 · Stop a client", status_code=204)
    async def stop_client(client_id: Id, principal: Principal = ADMINISTRATOR) -> Response:
        await access.run(administration.stop_client, client_id, principal=principal)
        return Response(status_code=204)


def _agreements(router: APIRouter, access: Access) -> None:
    @router.get("/agreements", summary="共享协议 · Agreements that one is a party of")
    async def agreements(
        limit: Limit = 50, cursor: Cursor = None, principal: Principal = requires()
    ) -> Page[Agreement]:
        rows = await access.read(administration.agreements, _after(cursor), limit + 1, principal=principal)
        return page_of(rows, limit, item=lambda row: row, key=lambda row: (row.id,))

    @router.post("/agreements", summary="签订共享协议 · Make an agreement", status_code=201)
    async def make_agreement(command: AgreementCreate, principal: Principal = ADMINISTRATOR) -> Agreement:
        made = await access.run(administration.make_agreement, command, principal=principal)
        access.forget()
        return made

    @router.post("/agreements/{agreement_id}/end", summary="终止共享协议 · End an agreement")
    async def end_agreement(agreement_id: Id, principal: Principal = ADMINISTRATOR) -> Agreement:
        """Tokens that knew it run out within their life."""
        ended = await access.run(administration.end_agreement, agreement_id, principal=principal)
        access.forget()
        return ended


def _after(cursor: str | None) -> str:
    return str(decode_cursor(cursor, str)[0]) if cursor else ""
