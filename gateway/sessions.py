"""The console's view of who is signed in."""

from collections.abc import Callable

from gateway.access import Access
from gateway.console.sources import Sources
from gateway.console.views import Viewer, Words
from gateway.contract import SignIn
from gateway.service.sign_in import SignedIn, invalid_grant
from services.kernel.problems import Problem

SourcesMaker = Callable[[str, SignedIn], Sources]  # (token, who) -> what they may see.


class ConsoleSessions:
    """See `gateway.console.sources.Sessions`; a session's secret is the cookie's value."""

    make_sources: SourcesMaker

    def __init__(self, access: Access) -> None:
        self._access = access

    async def redeem(self, link: str) -> str:
        """A session's secret for a one-time link; raises Problem `invalid-grant`."""
        if not link:
            raise invalid_grant("请使用一次性登录链接。", "Use a one-time link.")
        return await self._access.open_session(SignIn(link=link[:512]))

    async def viewer(self, session: str) -> Viewer | None:
        """The viewer of a session; none when it ended."""
        found = await self._access.session(session)
        if found is None:
            return None
        who = found[1]
        return Viewer(
            subject=who.principal.subject,
            name=who.principal.name,
            organisation=Words(who.organisation_zh, who.organisation_en),
            roles=frozenset(who.principal.roles),
        )

    async def sources(self, session: str) -> Sources:
        """What the session's viewer may see; raises Problem `sign-in-needed` when it ended."""
        found = await self._access.session(session)
        if found is None:
            raise Problem("sign-in-needed", 401, "请先登录。", "Sign in first.")
        token, who = found
        return self.make_sources(token, who)

    async def end(self, session: str) -> None:
        """Sign out."""
        await self._access.end_session(session)
