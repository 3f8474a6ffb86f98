"""Coming in: tokens (OAuth 2.0), browser sessions, and who one is."""

import base64
import binascii
import json
from typing import Annotated
from urllib.parse import unquote_plus

import anyio
from fastapi import APIRouter, Form, Path, Request
from fastapi.responses import JSONResponse, Response
from starlette.datastructures import Headers

from gateway.access import Access
from gateway.contract import ID, LINK_GRANT, SESSION_COOKIE, KeySet, Me, PasswordChoice, Session, SignIn, Token
from gateway.guard import cookies_of, refuse_other_sites
from gateway.service import sessions, sign_in
from gateway.settings import GatewaySettings
from services.kernel.identity import Principal, requires
from services.kernel.problems import Problem, forbidden, unavailable

FormText = Annotated[str, Form(max_length=512)]


def sign_in_router(access: Access, settings: GatewaySettings) -> APIRouter:
    """POST /oauth/token, /api/session; GET /.well-known/jwks.json, /me; the user's own sessions and password."""
    router = APIRouter(tags=["sign-in"])
    _tokens(router, access, settings)
    _sessions(router, access, settings)
    _self(router, access)
    return router


def _tokens(router: APIRouter, access: Access, settings: GatewaySettings) -> None:
    @router.post("/oauth/token", summary="换取令牌 · Get a token (OAuth 2.0)")
    async def token(
        request: Request,
        grant_type: FormText,
        client_id: FormText = "",
        client_secret: FormText = "",
        username: FormText = "",
        password: FormText = "",
        link: FormText = "",
    ) -> Token:
        principal: Principal
        if grant_type == "client_credentials":
            name, secret = _basic(request.headers) or (client_id, client_secret)
            principal = await access.client_principal(name, secret)
        elif grant_type == "password":
            principal = await access.password_principal(username, password)
        elif grant_type == LINK_GRANT:
            principal = await access.link_principal(link)
        else:
            en = f"The grant types are client_credentials, password and {LINK_GRANT}."
            raise Problem(
                "unsupported-grant-type",
                400,
                f"支持的授权方式：client_credentials、password、{LINK_GRANT}。",
                en,
                error="unsupported_grant_type",
                error_description=en,
            )
        return Token(access_token=access.token(principal), expires_in=settings.token_lifetime_s)

    @router.get("/.well-known/jwks.json", summary="令牌的公钥 · Public keys of tokens", response_model=KeySet)
    async def keys() -> JSONResponse:
        try:
            document = json.loads(await anyio.Path(settings.data_dir / "keys" / "jwks.json").read_bytes())
        except (OSError, ValueError) as error:
            raise unavailable("公钥暂不可用。", "The keys are not there.", "keys-unavailable") from error
        return JSONResponse(document, headers={"Cache-Control": "max-age=60"})


def _sessions(router: APIRouter, access: Access, settings: GatewaySettings) -> None:
    @router.post("/api/session", summary="登录 · Sign in (sets the session cookie)", status_code=204)
    async def open_session(request: Request, given: SignIn) -> Response:
        if cookies_of(request.headers) or "origin" in request.headers:
            refuse_other_sites(request.headers)
        answer = Response(status_code=204)
        answer.set_cookie(
            SESSION_COOKIE,
            await access.open_session(given),
            httponly=True,
            samesite="strict",
            secure=settings.cookie_secure,
            path="/",
        )
        return answer

    @router.delete("/api/session", summary="退出登录 · Sign out", status_code=204)
    async def close_session(request: Request, principal: Principal = requires()) -> Response:
        if secret := _session_of(request):
            await access.end_session(secret)
        answer = Response(status_code=204)
        answer.delete_cookie(SESSION_COOKIE, path="/", httponly=True, samesite="strict")
        return answer

    @router.delete("/api/sessions/{session_id}", summary="撤销会话 · Revoke a session", status_code=204)
    async def revoke_session(
        session_id: Annotated[str, Path(pattern=ID)], principal: Principal = requires()
    ) -> Response:
        await access.run(sessions.revoke_session, session_id, principal=principal)
        access.forget()
        return Response(status_code=204)


def _self(router: APIRouter, access: Access) -> None:
    @router.get("/me", summary="我是谁 · Who the caller is")
    async def me(principal: Principal = requires()) -> Me:
        return Me(
            subject=principal.subject,
            name=principal.name,
            organisation_id=principal.organisation_id,
            kind=principal.kind,
            roles=sorted(principal.roles),
            sees={name: seen if seen == "*" else list(seen) for name, seen in principal.sees.items()},
        )

    @router.put("/me/password", summary="自选密码 · Choose a password", status_code=204)
    async def choose_password(choice: PasswordChoice, principal: Principal = requires()) -> Response:
        if principal.kind != "user":
            raise forbidden("只有用户可以设置密码。", "Only a user has a password.")
        await access.choose_password(principal, choice)
        return Response(status_code=204)

    @router.get("/me/sessions", summary="我的会话 · The caller's sessions")
    async def own_sessions(request: Request, principal: Principal = requires()) -> list[Session]:
        secret = _session_of(request)
        current = await access.session(secret) if secret else None
        name = principal.subject.removeprefix("user:") if principal.kind == "user" else ""
        return await access.read(sessions.sessions_of_user, name, current[1].session_id if current else "")


def _session_of(request: Request) -> str:
    """The session's secret, as the guard put it aside."""
    return str(getattr(request.state, "session", ""))


def _basic(headers: Headers) -> tuple[str, str] | None:
    """Client id and secret of HTTP Basic (RFC 6749, 2.3.1); none without the header."""
    scheme, _, given = headers.get("authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        name, mark, secret = base64.b64decode(given, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        raise sign_in.invalid_client() from None
    if not mark:
        raise sign_in.invalid_client()
    return unquote_plus(name), unquote_plus(secret)
