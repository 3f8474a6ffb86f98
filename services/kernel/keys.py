"""The key pairs that tokens are signed with, one a service, made at the first start (Ed25519, RFC 8037)."""

import json
import os
import re
from collections.abc import Callable, Iterable
from datetime import datetime
from pathlib import Path
from typing import Final

from joserfc import jwt
from joserfc.jwk import OKPKey

from services.kernel.chance import new_id
from services.kernel.clock import wall_now as machine_wall_now
from services.kernel.principals import Principal, service_principal

ALGORITHM: Final = "Ed25519"
AUDIENCE = "opensom"
GATEWAY = "gateway"
LIFETIME_S = 900

WallClock = Callable[[], datetime]


class KeyStore:
    """The key pairs of an installation: `{data_dir}/keys/{service}.json` (private) and `jwks.json` (public)."""

    def __init__(self, data_dir: Path) -> None:
        self.directory = data_dir / "keys"
        self.jwks_path = self.directory / "jwks.json"

    @classmethod
    def create(cls, data_dir: Path, services: Iterable[str]) -> "KeyStore":
        """Make what is missing and leave what is there; several processes may do so at once.

        To replace a key, delete its private file and create again. Raises ValueError for a service name that is no
        plain file name, or a key file that holds no key.
        """
        store = cls(data_dir)
        store.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        for service in sorted(services):
            if not re.fullmatch(r"[a-z][a-z0-9_-]{0,63}", service) or service == "jwks":
                raise ValueError(f"{service!r} cannot name a key")
            path = store._private_path(service)
            if not path.exists():
                key = OKPKey.generate_key(ALGORITHM, {"kid": service, "use": "sig", "alg": ALGORITHM}, private=True)
                _write_atomically(path, json.dumps(key.as_dict(private=True)), mode=0o600, replace=False)
        store._publish()
        return store

    def private_key(self, service: str) -> OKPKey:
        """The private key of `service`; raises FileNotFoundError or ValueError."""
        path = self._private_path(service)
        try:
            key = OKPKey.import_key(json.loads(path.read_bytes()))
        except FileNotFoundError:
            raise
        except Exception as error:
            raise ValueError(f"{path} holds no usable key: delete it to have a new one made") from error
        if not key.is_private or key.kid != service:
            raise ValueError(f"{path} does not hold the private key of {service}")
        return key

    def signer(self, service: str, wall_now: WallClock = machine_wall_now) -> "TokenSigner":
        """What signs tokens in the name of `service`; raises as `private_key` does."""
        return TokenSigner(self.private_key(service), wall_now)

    def _private_path(self, service: str) -> Path:
        return self.directory / f"{service}.json"

    def _publish(self) -> None:
        """Write the public keys, again if another process made a key meanwhile: the last to write has seen all."""
        names: list[str] | None = None
        while names != (found := self._private_names()):
            names = found
            # Keys whose private part lives on another machine stay published.
            keys = read_keys(self.jwks_path.read_bytes()) if self.jwks_path.exists() else {}
            keys.update({name: self.private_key(name) for name in names})
            public = {"keys": [keys[name].as_dict(private=False) for name in sorted(keys)]}
            _write_atomically(self.jwks_path, json.dumps(public, indent=1), mode=0o644, replace=True)

    def _private_names(self) -> list[str]:
        return sorted(path.stem for path in self.directory.glob("*.json") if path != self.jwks_path)


class TokenSigner:
    """Signs tokens with one service's key; `wall_now` answers aware UTC."""

    def __init__(self, key: OKPKey, wall_now: WallClock = machine_wall_now) -> None:
        self._key = key
        self._wall_now = wall_now
        self._own: tuple[float, str] = (0.0, "")
        self.issuer = str(key.kid)

    def issue(self, principal: Principal, lifetime_s: int = LIFETIME_S) -> str:
        """A token for `principal`; raises ValueError when this key may not speak for it."""
        if not may_issue(self.issuer, principal):
            raise ValueError(f"the key of {self.issuer} may not issue a token for {principal.kind} {principal.subject}")
        now_s = int(self._wall_now().timestamp())
        claims = {
            "iss": self.issuer,
            "aud": AUDIENCE,
            "sub": principal.subject,
            "iat": now_s,
            "exp": now_s + lifetime_s,
            "jti": new_id(),
            "organisation": principal.organisation_id,
            "roles": sorted(principal.roles),
            "kind": principal.kind,
            "sees": dict(principal.sees),
            "name": principal.name,
        }
        return jwt.encode({"alg": ALGORITHM, "kid": self.issuer}, claims, self._key, algorithms=[ALGORITHM])

    def own_token(self) -> str:
        """This service's own token for calling others, made again when a third of its life is left."""
        now_s = self._wall_now().timestamp()
        renew_s, token = self._own
        if now_s >= renew_s:
            token = self.issue(service_principal(self.issuer))
            self._own = (now_s + LIFETIME_S * 2 / 3, token)
        return token


def may_issue(issuer: str, principal: Principal) -> bool:
    """Whether the key of `issuer` may sign for `principal`: the gateway for all, a service for itself alone."""
    return issuer == GATEWAY or principal == service_principal(issuer)


def read_keys(document: bytes) -> dict[str, OKPKey]:
    """The usable keys of a JWKS by key id; keys of another kind are passed over."""
    entries = json.loads(document)["keys"]
    usable = [entry for entry in entries if entry.get("kty") == "OKP" and entry.get("crv") == ALGORITHM]
    return {entry["kid"]: OKPKey.import_key(entry) for entry in usable if entry.get("kid")}


def _write_atomically(path: Path, text: str, *, mode: int, replace: bool) -> None:
    """Write the whole file or nothing; without `replace` a file that came to be meanwhile stays as it is."""
    draft = path.with_name(f".{path.name}.{new_id()}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        if replace:
            draft.replace(path)
            return
        try:
            os.link(draft, path)
        except FileExistsError:
            return
    finally:
        draft.unlink(missing_ok=True)
