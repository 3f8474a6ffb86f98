"""The console as the gateway holds it: who is signed in, where times are shown, and the door into its pages."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

from fastapi import FastAPI

from gateway.console import assets, stream
from gateway.console.pages import ROUTERS
from gateway.console.sources import Sessions


@dataclass(kw_only=True)
class Console:
    """What the pages stand on.

    `secret` (at least 16 bytes, kept between starts) signs the forms' tokens; `new_id` makes idempotency keys;
    `time_zone` is the one that all times are shown in; `cookie_secure` where the gateway is reached over HTTPS.
    """

    sessions: Sessions
    secret: bytes
    new_id: Callable[[], str]
    time_zone: str = "Asia/Shanghai"
    cookie_secure: bool = False
    viewers_max: int = 200
    viewers: int = 0
    closing: asyncio.Event = field(default_factory=asyncio.Event)

    def close(self) -> None:
        """End every open event stream, so that the server can stop."""
        self.closing.set()


def install(app: FastAPI, console: Console) -> None:
    """Give `app` the console's pages under `/console`."""
    app.state.console = console
    for router in (assets.router, stream.router, *ROUTERS):
        app.include_router(router, include_in_schema=False)
