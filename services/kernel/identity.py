"""Who is asking: signed tokens (Ed25519, RFC 8037 and RFC 9864) that every service checks by itself.

Only the key `gateway` may issue tokens of users and devices; any other service's key speaks for that service alone.
Tokens live on the wall clock: at a high business speed a token of 15 minutes would live a quarter of a second.
"""

from pathlib import Path
from threading import Lock
from typing import Any, Literal

import anyio.to_thread
import httpx2
import structlog
from fastapi import Depends, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from joserfc import jwt
from joserfc.jwk import OKPKey
from pydantic import BaseModel

from services.kernel.clock import wall_now as machine_wall_now
from services.kernel.keys import ALGORITHM, KeyStore, TokenSigner, WallClock, may_issue, read_keys
from services.kernel.principals import Kind, Principal, Role, service_principal
from services.kernel.problems import Problem, unavailable

CLOCK_SKEW_S = 30
REFRESH_INTERVAL_S = 5.0  # An unknown key makes the verifier read the keys again, at most this often.
CACHED_TOKENS_MAX = 4096
TOKEN_CHARACTERS_MAX = 8192
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})

__all__ = [  # The one place to import identity from; keys and principals are its parts.
    "KeyStore",
    "Kind",
    "Principal",
    "Role",
    "TokenSigner",
    "TokenVerifier",
    "principal_of",
    "requires",
    "service_principal",
    "unauthorised",
]

_log = structlog.get_logger(__name__)


class _Claims(BaseModel):
    iss: str
    aud: Literal["opensom"]
    sub: str
    iat: float
    exp: float
    organisation: str
    roles: frozenset[Role]
    kind: Kind
    sees: dict[str, tuple[str, ...] | Literal["*"]] = {}
    name: str = ""

    def principal(self) -> Principal:
        return Principal(self.sub, self.organisation, self.roles, self.kind, self.sees, self.name)


class TokenVerifier:
    """Checks tokens against the public keys of a JWKS file or URL; safe to use from several threads.

    A verified token is remembered until it expires, so a key that is withdrawn stops being good for tokens that were
    seen before only when these run out.
    """

    def __init__(self, jwks: str | Path, wall_now: WallClock = machine_wall_now) -> None:
        self._source = str(jwks)
        self._wall_now = wall_now
        self._lock = Lock()
        self._reading = Lock()
        self._keys: dict[str, OKPKey] = {}
        self._read_at_s: float | None = None
        self._verified: dict[str, tuple[float, Principal]] = {}

    def recall(self, token: str) -> Principal | None:
        """The principal of a token that was verified before and is still good, without any work."""
        known = self._verified.get(token)
        return known[1] if known and known[0] > self._wall_now().timestamp() else None

    def verify(self, token: str) -> Principal:
        """The principal that `token` speaks for. May read the keys from disk or network, so not on an event loop.

        Raises Problem `unauthorised` or `token-expired` (401), `keys-unavailable` (503) without any key to check by.
        """
        if (principal := self.recall(token)) is not None:
            return principal
        if len(token) > TOKEN_CHARACTERS_MAX:
            raise unauthorised("令牌过长。", "The token is too long.")
        claims = self._decode(token)
        if claims is None:
            # Also for a known key with a bad signature: there may be new keys under the same names by now.
            self._refresh()
            claims = self._decode(token)
        if claims is None:
            if not self._keys:
                raise unavailable("暂时无法取得验证令牌的公钥。", "The keys are not there yet.", "keys-unavailable")
            raise unauthorised("令牌无效。", "The token is not valid.")
        return self._accept(token, claims)

    def check(self) -> bool:
        """Health check: whether there are keys to check tokens by."""
        if not self._keys:
            self._refresh()
        return bool(self._keys)

    def statistics(self) -> dict[str, int]:
        """How many keys and remembered tokens there are."""
        return {"keys": len(self._keys), "cached_tokens": len(self._verified)}

    def _decode(self, token: str) -> dict[str, Any] | None:
        try:
            decoded = jwt.decode(token, lambda header: self._keys[header.headers()["kid"]], algorithms=[ALGORITHM])
        except Exception:  # Whatever is wrong with text from outside, it is no token; there are many ways.
            return None
        return {**decoded.claims, "_key": decoded.header["kid"]}

    def _accept(self, token: str, values: dict[str, Any]) -> Principal:
        now_s = self._wall_now().timestamp()
        try:
            claims = _Claims.model_validate(values)
            principal = claims.principal()
        except ValueError as error:
            raise unauthorised("令牌内容不完整。", "The token lacks what it should say.") from error
        if claims.iss != values["_key"] or not may_issue(claims.iss, principal):
            raise unauthorised("令牌的签发者无权签发此令牌。", "The issuer may not issue this token.")
        if claims.iat > now_s + CLOCK_SKEW_S:
            raise unauthorised("令牌尚未生效，请核对时钟。", "The token is from the future: check the clocks.")
        if claims.exp + CLOCK_SKEW_S <= now_s:
            raise unauthorised("登录已过期，请重新登录。", "The token has expired: sign in again.", "token-expired")
        with self._lock:
            if len(self._verified) >= CACHED_TOKENS_MAX:
                self._forget(now_s)
            self._verified[token] = (claims.exp + CLOCK_SKEW_S, principal)
        return principal

    def _forget(self, now_s: float) -> None:
        """Make room: drop what has expired, else the older half."""
        kept = [(token, known) for token, known in self._verified.items() if known[0] > now_s]
        self._verified = dict(kept if len(kept) < CACHED_TOKENS_MAX else kept[len(kept) // 2 :])

    def _refresh(self) -> None:
        """Read the keys again, unless that was tried a moment ago; whoever comes meanwhile waits for the outcome."""
        with self._reading:
            now_s = self._wall_now().timestamp()
            if self._read_at_s is not None and 0 <= now_s - self._read_at_s < REFRESH_INTERVAL_S:
                return
            self._read_at_s = now_s
            try:
                self._keys = read_keys(_fetch(self._source))
            except Exception as error:  # The old keys stay good while the new ones cannot be had.
                _log.warning("public keys cannot be read", source=self._source, error=str(error))


def unauthorised(zh: str, en: str, code: str = "unauthorised") -> Problem:
    """401 that asks for a (better) bearer token."""
    return Problem(code, 401, zh, en, headers={"WWW-Authenticate": 'Bearer realm="opensom", error="invalid_token"'})


_bearer = HTTPBearer(auto_error=False, bearerFormat="JWT", scheme_name="bearer", description="令牌 · Signed token")


async def _authenticate(
    request: Request, credentials: HTTPAuthorizationCredentials | None, devices: bool = False
) -> Principal:
    if credentials is None:
        raise Problem(
            "unauthorised",
            401,
            "需要登录：请在 Authorization 请求头中提供 Bearer 令牌。",
            "Sign in: send a bearer token in the Authorization header.",
            headers={"WWW-Authenticate": 'Bearer realm="opensom"'},
        )
    verifier: TokenVerifier = request.app.state.verifier
    principal = verifier.recall(credentials.credentials)
    if principal is None:
        principal = await anyio.to_thread.run_sync(verifier.verify, credentials.credentials)
    request.state.principal = principal
    if principal.kind == "device" and not devices:
        raise Problem(
            "device-not-accepted", 403, "设备令牌不能用于此接口。", "A device's token is not accepted by this route."
        )
    if Role.EVALUATOR in principal.roles and request.method not in SAFE_METHODS:
        raise Problem(
            "read-only", 403, "评估人员只能查看，不能修改。", "An evaluator may look at all and change nothing."
        )
    return principal


async def principal_of(
    request: Request, credentials: HTTPAuthorizationCredentials | None = Depends(_bearer)
) -> Principal:
    """FastAPI dependency: whoever is signed in. Devices are refused, and so are changes by an evaluator."""
    return await _authenticate(request, credentials)


def requires(*roles: Role, devices: bool = False) -> Any:
    """A parameter's default, `principal: Principal = requires(Role.OPERATOR)`: whoever has one of `roles`.

    Without roles everyone who is signed in will do. An evaluator may read everything; `devices` lets device tokens in
    (whatever their roles).
    """
    needed = frozenset(roles)

    async def principal_with_role(
        request: Request, credentials: HTTPAuthorizationCredentials | None = Depends(_bearer)
    ) -> Principal:
        principal = await _authenticate(request, credentials, devices)
        if not needed or principal.roles & needed or Role.EVALUATOR in principal.roles or principal.kind == "device":
            return principal
        names = [role.value for role in Role if role in needed]
        raise Problem(
            "forbidden",
            403,
            f"需要以下角色之一：{'、'.join(names)}。",
            f"This needs one of these roles: {', '.join(names)}.",
            roles_needed=names,
        )

    return Depends(principal_with_role)


def _fetch(source: str) -> bytes:
    if source.startswith(("http://", "https://")):
        return httpx2.get(source, timeout=2.0).raise_for_status().content
    return Path(source).read_bytes()
