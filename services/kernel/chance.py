"""Chance and names: seeded streams that repeat, and identifiers that sort by the time they were made."""

import hashlib
import random
import secrets
import time

import numpy


def stream(seed: int, *names: str) -> numpy.random.Generator:
    """An independent random stream for (`seed`, `names`): the same arguments give the same numbers on any machine."""
    digest = hashlib.sha256("/".join((str(seed), *names)).encode()).digest()
    return numpy.random.Generator(numpy.random.PCG64(int.from_bytes(digest[:16], "big")))


def new_id() -> str:
    """A new 32-digit hexadecimal identifier: 48 bits of milliseconds, then 80 bits of chance (as UUID version 7)."""
    return f"{time.time_ns() // 1_000_000:012x}{secrets.token_hex(10)}"


def new_secret(bytes_count: int = 32) -> str:
    """A secret for a credential or a one-time link, safe in a URL."""
    return secrets.token_urlsafe(bytes_count)


def jittered(seconds: float) -> float:
    """`seconds` give or take a half, so that those who wait do not all come back at once."""
    return seconds * (0.5 + random.random())
