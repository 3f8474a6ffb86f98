"""Secrets as they are kept: hashes only.

What the gateway makes itself has 256 bits of chance, so a plain hash is enough; what a person chose is made slow to
guess by scrypt (RFC 7914), with 32 MiB and three lanes.
"""

import hashlib
import hmac
import secrets
from datetime import datetime

from gateway.tables import CredentialRow

COST, BLOCKS, LANES = 2**15, 8, 3
MEMORY_BYTES_MAX = 64 * 1024 * 1024
SALT_BYTES = 16
NOBODY_SALT = bytes(SALT_BYTES)


def hash_of(secret: str) -> str:
    """What is kept of a secret that the gateway made."""
    return hashlib.sha256(secret.encode()).hexdigest()


def same(secret: str, kept: str) -> bool:
    """Whether `secret` is the one whose hash was kept, in constant time."""
    return hmac.compare_digest(hash_of(secret), kept)


def keep_password(user_id: str, password: str, chosen: datetime) -> CredentialRow:
    """The row that keeps a password. Takes a third of a second and 32 MiB: not on an event loop."""
    salt = secrets.token_bytes(SALT_BYTES)
    made = _scrypt(password, salt, COST, BLOCKS, LANES)
    return CredentialRow(user_id=user_id, salt=salt, hash=made, cost=COST, blocks=BLOCKS, lanes=LANES, chosen=chosen)


def password_fits(password: str, kept: CredentialRow | None) -> bool:
    """Whether a password is the kept one; takes as long for a user who is not there. Not on an event loop."""
    if kept is None:
        _scrypt(password, NOBODY_SALT, COST, BLOCKS, LANES)
        return False
    return hmac.compare_digest(_scrypt(password, kept.salt, kept.cost, kept.blocks, kept.lanes), kept.hash)


def _scrypt(password: str, salt: bytes, cost: int, blocks: int, lanes: int) -> bytes:
    return hashlib.scrypt(password.encode(), salt=salt, n=cost, r=blocks, p=lanes, maxmem=MEMORY_BYTES_MAX, dklen=32)
