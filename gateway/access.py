"""Sessions and tokens on the event loop: secrets in, principals and signed tokens out, with a small memory.

A session is looked up at most every `REMEMBERED_S`; ending one here, or changing who may see what, forgets at once.
"""

from collections import OrderedDict
from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar

import anyio
import anyio.to_thread

from gateway.contract import PasswordChoice, SignIn
from gateway.service import sign_in
from gateway.service.identity import principal_of_user
from gateway.service.secrets import hash_of, keep_password, password_fits
from gateway.service.sign_in import SignedIn
from gateway.settings import GatewaySettings
from services.kernel.clock import monotonic_s
from services.kernel.database import Database
from services.kernel.identity import Principal, TokenSigner
from services.kernel.unit import UnitOfWork

Result = TypeVar("Result")
REMEMBERED_S = 30.0
REMEMBERED_MAX = 4_096


class Access:
    """Who comes in by which secret, and what token they get for it."""

    def __init__(self, database: Database, signer: TokenSigner, settings: GatewaySettings) -> None:
        self._database, self._signer, self._settings = database, signer, settings
        self._remembered: OrderedDict[str, tuple[float, str, SignedIn]] = OrderedDict()
        self._generation = 0
        self._slow = anyio.CapacityLimiter(2)  # scrypt: 32 MiB and a core each.

    async def run(self, function: Callable[..., Result], *arguments: Any, **keywords: Any) -> Result:
        """`Database.run` in a thread."""
        return await anyio.to_thread.run_sync(partial(self._database.run, function, *arguments, **keywords))

    async def read(self, function: Callable[..., Result], *arguments: Any, **keywords: Any) -> Result:
        """`Database.read` in a thread."""
        return await anyio.to_thread.run_sync(partial(self._database.read, function, *arguments, **keywords))

    def token(self, principal: Principal) -> str:
        """A signed token for `principal`."""
        return self._signer.issue(principal, self._settings.token_lifetime_s)

    async def session(self, secret: str) -> tuple[str, SignedIn] | None:
        """A token and the principal of a session; none when it ended."""
        key, now_s = hash_of(secret), monotonic_s()
        until_s, token, known = self._remembered.get(key, (0.0, "", None))
        if known is not None and now_s < until_s:
            return token, known
        generation = self._generation
        found = await self.read(sign_in.signed_in, secret)
        if found is None:
            self._remembered.pop(key, None)
            return None
        token = self.token(found.principal)
        if generation != self._generation:  # It may have ended while it was looked up.
            return token, found
        self._remembered[key] = (now_s + REMEMBERED_S, token, found)
        self._remembered.move_to_end(key)
        while len(self._remembered) > REMEMBERED_MAX:
            self._remembered.popitem(last=False)
        return token, found

    def forget(self) -> None:
        """Look every session up again: roles, agreements or sessions were changed."""
        self._generation += 1
        self._remembered.clear()

    async def open_session(self, given: SignIn) -> str:
        """A session's secret for a link or a password; raises Problem `invalid-grant`."""
        if given.link:
            return await self.run(self._redeem, given.link)
        user_id = await self._check_password(given.name, given.password)
        return await self.run(self._open, user_id)

    async def end_session(self, secret: str) -> None:
        """Sign out."""
        await self.run(sign_in.end_session, secret)
        self.forget()

    async def password_principal(self, name: str, password: str) -> Principal:
        """The principal of a name and password; raises Problem `invalid-grant`."""
        return await self.read(_principal, await self._check_password(name, password))

    async def link_principal(self, link: str) -> Principal:
        """The principal of a one-time link, which is good no more then; raises Problem `invalid-grant`."""
        return await self.run(lambda unit: principal_of_user(unit, sign_in.redeem_link(unit, link)))

    async def client_principal(self, client_id: str, secret: str) -> Principal:
        """The principal of a client credential; raises Problem `invalid-client`."""
        return await self.read(sign_in.client_principal, client_id, secret)

    async def choose_password(self, principal: Principal, choice: PasswordChoice) -> None:
        """Keep the password that a user chose; raises Problem when the present one is wrong, or the new one easy."""
        name = principal.subject.removeprefix("user:")
        kept = await self.read(sign_in.kept_password, name)
        await self._slowly(sign_in.check_choice, name, kept[1] if kept else None, choice)
        user_id = kept[0] if kept else await self.read(_id_of, name)
        made = await self._slowly(keep_password, user_id, choice.password, self._database.clock.wall_now())
        await self.run(sign_in.choose_password, user_id, made, principal=principal)

    async def _check_password(self, name: str, password: str) -> str:
        kept = await self.read(sign_in.kept_password, name)
        fits = await self._slowly(password_fits, password, kept[1] if kept else None)
        if kept is None or not fits:
            raise sign_in.wrong_password()
        return kept[0]

    async def _slowly(self, function: Callable[..., Result], *arguments: Any) -> Result:
        return await anyio.to_thread.run_sync(partial(function, *arguments), limiter=self._slow)

    def _redeem(self, unit: UnitOfWork, link: str) -> str:
        user = sign_in.redeem_link(unit, link)
        return sign_in.open_session(unit, user, self._settings.session_lifetime_s)[0]

    def _open(self, unit: UnitOfWork, user_id: str) -> str:
        user = sign_in.active_user(unit, user_id)
        return sign_in.open_session(unit, user, self._settings.session_lifetime_s)[0]


def _principal(unit: UnitOfWork, user_id: str) -> Principal:
    return principal_of_user(unit, sign_in.active_user(unit, user_id))


def _id_of(unit: UnitOfWork, name: str) -> str:
    return sign_in.user_id_of(unit, name)
