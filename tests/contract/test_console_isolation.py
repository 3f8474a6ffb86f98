"""The console's pages show what the viewer may see, and nothing of another organisation."""

import re
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest
from fastapi.routing import APIRoute
from fastapi.testclient import TestClient

from gateway.console import assets
from gateway.console.pages import ROUTERS
from services.kernel.identity import Role
from tests.contract.house import House, open_house
from tests.contract.seeds import NARWHAL, QUOKKA, Seeded, furnish

# What stands for `{subject}`, by the room of the page; `{path}` is any address that there is not.
SUBJECTS = {
    "machines": "device_id",
    "alarms": "alarm_id",
    "work-orders": "order_id",
    "invoices": "invoice_id",
    "clauses": "clause",
    "commands": "command_id",
}
CLAUSE = "HN-1-1-a"


@pytest.fixture(scope="module")
def furnished(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[House, dict[str, Seeded]]]:
    """The gateway's house with both organisations in it."""
    data_dir: Path = tmp_path_factory.mktemp("console")
    with open_house("gateway", data_dir) as house:
        yield house, furnish(house)


def pages() -> list[str]:
    """The address of every page, with its parameters as they stand in the code."""
    routes = [route for router in ROUTERS if router is not assets.router for route in router.routes]
    return sorted({route.path for route in routes if isinstance(route, APIRoute) and "GET" in route.methods})


def address(page: str, seeded: Seeded) -> str:
    """A page about something of an organisation."""
    identifiers = {**seeded.identifiers, "clause": CLAUSE}
    kinds = [kind for room, kind in SUBJECTS.items() if f"/{room}/" in page]
    values = {
        "subject": identifiers[kinds[0]] if kinds else "",
        "line_id": identifiers["line_id"],
        "path:path": "no/such/page",
        "name": CLAUSE,
    }
    found = re.sub(r"{([^}]+)}", lambda match: values[match[1]], page)
    assert "//" not in found, f"no object for {page}"
    return found


def browser(house: House, seeded: Seeded) -> TestClient:
    """A browser in which the organisation's user is signed in."""
    own = house.token(seeded.name, Role.ADMINISTRATOR)
    link = house.ask("POST", f"/api/users/{seeded.identifiers['user_id']}/link", own, 201)["url"]
    client = TestClient(house.app, raise_server_exceptions=False, follow_redirects=False)
    answer = client.post("/api/session", json={"link": link.partition("link=")[2]})
    assert answer.status_code == 204, answer.text
    return client


def given_away(answer: httpx2.Response, path: str, owner: Seeded) -> list[str]:
    """What a page says of `owner` that was not in its address."""
    content = answer.text
    for word in sorted(path.split("/"), key=len, reverse=True):
        content = content.replace(word, "") if word and word != owner.name else content
    return [word for word in (owner.name, *owner.given) if word in content and word not in path.split("/")]


def test_a_page_about_anothers_object_shows_nothing_of_it(furnished: tuple[House, dict[str, Seeded]]) -> None:
    """Guards: a page that asks a service with more rights than its viewer has."""
    house, seeded = furnished
    client = browser(house, seeded[NARWHAL])
    wrong = []
    for page in pages():
        path = address(page, seeded[QUOKKA])
        answer = client.get(path)
        if answer.status_code >= 500:
            wrong.append(f"{path}: {answer.status_code} {answer.text[:200]}")
        if found := given_away(answer, path, seeded[QUOKKA]):
            wrong.append(f"{path} gives away {found[:3]}")
    assert not wrong, "\n".join(wrong)


def test_a_page_about_ones_own_object_shows_it(furnished: tuple[House, dict[str, Seeded]]) -> None:
    """Guards: the test above, which empty pages would pass."""
    house, seeded = furnished
    client = browser(house, seeded[QUOKKA])
    shown = []
    for page in pages():
        path = address(page, seeded[QUOKKA])
        answer = client.get(path)
        assert answer.status_code < 500, (path, answer.text[:300])
        if given_away(answer, path, seeded[QUOKKA]):
            shown.append(page)
    assert len(shown) >= 8, shown


def test_without_a_session_no_page_is_shown(furnished: tuple[House, dict[str, Seeded]]) -> None:
    """Guards: a page that forgot to ask who looks at it."""
    house, seeded = furnished
    client = TestClient(house.app, raise_server_exceptions=False, follow_redirects=False)
    wrong = []
    for page in pages():
        path = address(page, seeded[QUOKKA])
        answer = client.get(path)
        if answer.status_code == 200 and not path.endswith("/sign-in"):
            wrong.append(f"{path}: {answer.status_code}")
        if given_away(answer, path, seeded[QUOKKA]):
            wrong.append(f"{path} shows something")
    assert not wrong, "\n".join(wrong)


def test_routes_that_are_not_described_give_nothing_away(furnished: tuple[House, dict[str, Seeded]]) -> None:
    """Guards: figures and descriptions that anybody may read."""
    client = TestClient(furnished[0].app, raise_server_exceptions=False)
    starts = ("", "/api/lifecycle", "/api/billing")
    for path in (*(f"{start}{end}" for start in starts for end in ("/metrics", "/openapi.json")), "/api/docs"):
        answer = client.get(path)
        assert answer.status_code in (200, 401, 403, 404), path
        assert [name for name in (QUOKKA, NARWHAL) if name in answer.text] == [], path
