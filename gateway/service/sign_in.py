"""Coming in: one-time links, passwords, sessions, and the tokens that they are exchanged for."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from gateway import store
from gateway.contract import PasswordChoice
from gateway.service.identity import principal_of_client, principal_of_user
from gateway.service.secrets import hash_of, password_fits, same
from gateway.tables import CredentialRow, LinkRow, SessionRow, UserRow
from services.kernel.chance import new_id, new_secret
from services.kernel.identity import Principal
from services.kernel.problems import Problem
from services.kernel.unit import UnitOfWork

KEPT_AFTER_END = timedelta(days=7)


@dataclass(frozen=True)
class SignedIn:
    """A session that lives: its id, its user and the principal that they are to the services."""

    session_id: str
    user_id: str
    principal: Principal
    organisation_zh: str
    organisation_en: str


def invalid_grant(zh: str, en: str) -> Problem:
    """400 as RFC 6749 (5.2) and RFC 9457 both understand it."""
    return Problem("invalid-grant", 400, zh, en, error="invalid_grant", error_description=en)


def invalid_client() -> Problem:
    """401: the client is unknown or its secret is wrong; which one is not told."""
    en = "The client is unknown or its secret is wrong."
    return Problem(
        "invalid-client",
        401,
        "客户端不存在或密钥错误。",
        en,
        headers={"WWW-Authenticate": 'Basic realm="opensom"'},
        error="invalid_client",
        error_description=en,
    )


def make_link(unit: UnitOfWork, user: UserRow, lifetime_s: int, *, replaces: bool = True) -> tuple[str, datetime]:
    """A new one-time link's secret for `user`, and when it ends; it `replaces` those that were made before."""
    now = unit.clock.wall_now()
    secret, expires = new_secret(), now + timedelta(seconds=lifetime_s)
    store.forget_old(unit.session, now - KEPT_AFTER_END)
    if replaces:
        store.close_links(unit.session, user.id, now)
    unit.session.add(LinkRow(secret_hash=hash_of(secret), user_id=user.id, created=now, expires=expires))
    unit.audit("make one-time link", f"user:{user.name}", user.organisation_id)
    return secret, expires


def redeem_link(unit: UnitOfWork, link: str) -> UserRow:
    """The user whom a link lets in; it is good no more then. Raises Problem `invalid-grant`."""
    user_id = store.use_link(unit.session, hash_of(link), unit.clock.wall_now()) if link else None
    user = store.user(unit.session, user_id) if user_id else None
    if user is None or not user.active:
        raise invalid_grant(
            "登录链接无效：可能已使用、已过期或已被新链接取代。请让管理员重新生成。",
            "The link is not valid: used, too old, or replaced by a newer one. Ask an administrator for another.",
        )
    unit.audit("use one-time link", f"user:{user.name}", user.organisation_id)
    return user


def kept_password(unit: UnitOfWork, name: str) -> tuple[str, CredentialRow] | None:
    """Id of an active user with a password, and what is kept of it; none for anyone else."""
    user = store.user_named(unit.session, name)
    kept = store.credential(unit.session, user.id) if user is not None and user.active else None
    if user is None or kept is None:
        return None
    unit.session.expunge(kept)
    return user.id, kept


def wrong_password() -> Problem:
    """The same answer whether the user or the password is wrong."""
    return invalid_grant("用户名或密码错误。", "The name or the password is wrong.")


def active_user(unit: UnitOfWork, user_id: str) -> UserRow:
    """A user who may come in; raises as a wrong password does."""
    user = store.user(unit.session, user_id)
    if user is None or not user.active:
        raise wrong_password()
    return user


def open_session(unit: UnitOfWork, user: UserRow, lifetime_s: int) -> tuple[str, datetime]:
    """A session's secret, for the cookie, and when it ends."""
    now = unit.clock.wall_now()
    secret, expires = new_secret(), now + timedelta(seconds=lifetime_s)
    unit.session.add(
        SessionRow(
            id=new_id(),
            organisation_id=user.organisation_id,
            secret_hash=hash_of(secret),
            user_id=user.id,
            created=now,
            expires=expires,
        )
    )
    unit.audit(store.SIGN_IN, f"user:{user.name}", user.organisation_id)
    return secret, expires


def signed_in(unit: UnitOfWork, secret: str) -> SignedIn | None:
    """Who a session's cookie stands for; none when the session ended or its user may come in no more."""
    found = store.live_session(unit.session, hash_of(secret), unit.clock.wall_now())
    user = store.user(unit.session, found.user_id) if found else None
    if found is None or user is None or not user.active:
        return None
    organisation = store.organisation(unit.session, user.organisation_id)
    names = (organisation.name_zh, organisation.name_en) if organisation else (user.organisation_id,) * 2
    return SignedIn(found.id, user.id, principal_of_user(unit, user), *names)


def end_session(unit: UnitOfWork, secret: str) -> None:
    """Sign out; an unknown session is none."""
    found = store.live_session(unit.session, hash_of(secret), unit.clock.wall_now())
    if found is not None:
        found.ended = unit.clock.wall_now()
        unit.audit("sign out", f"session:{found.id}", found.organisation_id)


def client_principal(unit: UnitOfWork, client_id: str, secret: str) -> Principal:
    """The principal of a client credential; raises Problem `invalid-client`."""
    client = store.client(unit.session, client_id)
    if client is None or not same(secret, client.secret_hash) or not client.active:
        raise invalid_client()
    return principal_of_client(unit, client)


def check_choice(user_name: str, kept: CredentialRow | None, choice: PasswordChoice) -> None:
    """Raise Problem unless `choice` may become the password. Slow where there is one already."""
    if kept is not None and not password_fits(choice.current, kept):
        raise wrong_password()
    if user_name in choice.password.lower():
        raise Problem("password-too-easy", 422, "密码不能包含用户名。", "The password must not contain the user name.")


def choose_password(unit: UnitOfWork, user_id: str, made: CredentialRow) -> None:
    """Keep the password that a user chose; other sessions of the user end."""
    before = store.credential(unit.session, user_id)
    if before is not None:
        unit.session.delete(before)
        unit.session.flush()
    unit.session.add(CredentialRow(**made.model_dump()))
    user = active_user(unit, user_id)
    unit.audit("choose password", f"user:{user.name}", user.organisation_id)


def user_id_of(unit: UnitOfWork, name: str) -> str:
    """Id of an active user; raises as a wrong password does."""
    user = store.user_named(unit.session, name)
    if user is None or not user.active:
        raise wrong_password()
    return user.id
