"""A person at the gateway's door: everything goes through its HTTP API, with a token."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2

from gateway.contract import LINK_GRANT, OPERATOR
from services.kernel.identity import KeyStore, Principal, Role

TIMEOUT_S = 15.0
ADMINISTRATOR = "administrator"


class Refused(RuntimeError):
    """The platform answered with a problem; `problem` is its body, with `detail_zh` and `detail_en`."""

    def __init__(self, status: int, problem: dict[str, Any]) -> None:
        super().__init__(f"{status} {problem.get('code', '')}: {problem.get('detail_en') or problem}")
        self.status, self.problem = status, problem

    @property
    def words(self) -> tuple[str, str]:
        """What is wrong, in Chinese and in English, with each field that is."""
        fields = "".join(f" [{error}]" for error in self.problem.get("errors") or ())
        zh, en = (self.problem.get(f"detail_{language}") or str(self) for language in ("zh", "en"))
        return zh + fields, en + fields


class Visitor:
    """Calls the platform at `url` with one token, and answers decoded JSON."""

    def __init__(self, url: str, token: str = "") -> None:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        self.url = url
        self._http = httpx2.Client(base_url=url, headers=headers, timeout=TIMEOUT_S)

    def get(self, path: str, **query: Any) -> Any:
        """GET; raises Refused, httpx2.HTTPError."""
        return self._answer(self._http.get(path, params={name: each for name, each in query.items() if each != ""}))

    def post(self, path: str, body: Any = None) -> Any:
        """POST JSON; raises Refused, httpx2.HTTPError."""
        return self._answer(self._http.post(path, json={} if body is None else body))

    def sign_in(self, link: str) -> "Visitor":
        """The same person with the token that a one-time link is exchanged for."""
        secret = httpx2.URL(link).params["link"]
        answer = self._answer(self._http.post("/oauth/token", data={"grant_type": LINK_GRANT, "link": secret}))
        return Visitor(self.url, answer["access_token"])

    def link_for(self, user_name: str) -> str:
        """A new one-time link for a user; raises LookupError when there is none of that name."""
        cursor = ""
        while True:
            page = self.get("/api/users", limit=200, cursor=cursor)
            for user in page["items"]:
                if user["name"] == user_name:
                    return str(self.post(f"/api/users/{user['id']}/link")["url"])
            cursor = page.get("next_cursor") or ""
            if not cursor:
                raise LookupError(user_name)

    def console_link(self) -> str:
        """A new one-time link into the console for the platform's administrator."""
        return self.link_for(ADMINISTRATOR)

    def close(self) -> None:
        """Let go of the connections."""
        self._http.close()

    def _answer(self, answer: httpx2.Response) -> Any:
        if answer.is_success:
            return answer.json() if answer.content else None
        try:
            problem = answer.json()
        except ValueError:
            problem = {"detail_en": answer.text[:500]}
        raise Refused(answer.status_code, problem)


@contextmanager
def administrator(url: str, data_dir: Path) -> Iterator[Visitor]:
    """The platform's administrator, by the gateway's key: whoever may read the data directory may administer.

    Raises FileNotFoundError where there is no such key.
    """
    principal = Principal(
        f"user:{ADMINISTRATOR}", OPERATOR, frozenset({Role.ADMINISTRATOR}), sees={"*": "*"}, name="opensom"
    )
    visitor = Visitor(url, KeyStore(data_dir).signer("gateway").issue(principal))
    try:
        yield visitor
    finally:
        visitor.close()
