"""Reading another service's log of events over HTTP: what makes the broker's loss harmless."""

from collections.abc import Callable

import httpx2

from services.kernel.outbox import EventPage, PullEvents
from services.kernel.problems import Problem

TIMEOUT_S = 10.0


def pull_over_http(service_url: str, token: Callable[[], str]) -> PullEvents:
    """A reader of `{service_url}/events` that signs in with `token()`.

    It raises Problem `events-expired` when the log no longer reaches back, and httpx2's errors when the service does
    not answer.
    """
    client = httpx2.Client(base_url=service_url, timeout=TIMEOUT_S)

    def pull(after: int, limit: int) -> EventPage:
        answer = client.get(
            "/events", params={"after": after, "limit": limit}, headers={"Authorization": f"Bearer {token()}"}
        )
        if answer.status_code == httpx2.codes.GONE:
            raise Problem("events-expired", 410, "事件已过保留期", "the events are no longer kept")
        answer.raise_for_status()
        return EventPage.model_validate_json(answer.content)

    return pull
