"""Values that databases, clocks and JSON stumble over, one at a time, everywhere in every route's address and body."""

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import pytest

from services.kernel.problems import MEDIA_TYPE
from tests.contract.asking import ask, own_operations, token_of
from tests.contract.house import DOORS, House, Operation, open_house
from tests.contract.routes import Use, filled, uses_of
from tests.contract.seeds import QUOKKA, Seeded, furnish

TEXTS = ("\0", "a\0b", "\ud800", "🀄" * 400, "'; DROP TABLE usage; --", "%s%n", "{0}", "\u202e", "a" * 70_000)
NUMBERS = (2**31, 2**63 - 1, 2**63, -(2**63) - 1, 2**64, 10**40, 1e308, -1e308, 0.1 + 0.2)
RAW_NUMBERS = ("NaN", "Infinity", "-Infinity", "1e999", "9" * 400, "-0", "0.000000000000000000000000001")
INSTANTS = ("0001-01-01T00:00:00Z", "9999-12-31T23:59:59.999999Z", "0001-01-01T00:00:00+14:00", "2026-01-01T00:00:00")
FRESH = "of-one-request-alone"
SLOW = ("/oauth/token", "/me/password", "/api/session")  # Each request computes a hash that is slow on purpose.


def replaced(node: Any, value: Any, kinds: type | tuple[type, ...]) -> Iterator[Any]:
    """Copies of a body, each with one value of `kinds` replaced by `value`."""
    if isinstance(node, dict):
        for name, inner in node.items():
            for copy in replaced(inner, value, kinds):
                yield {**node, name: copy}
        if isinstance(value, str) and "\ud800" not in value:
            yield {**node, value[:200]: 1}
    elif isinstance(node, list):
        for place, inner in enumerate(node):
            for copy in replaced(inner, value, kinds):
                yield [*node[:place], copy, *node[place + 1 :]]
    elif isinstance(node, kinds):
        yield value


def bodies(use: Use, seeded: Seeded) -> Iterator[bytes]:
    """The route's usual body, each time of a new object, with one thing in it gone wrong."""
    usual = filled(use.body, seeded.identifiers | {"fresh": FRESH})

    def written(body: Any) -> str:
        return json.dumps(body).replace(FRESH, seeded.request_identifiers()["fresh"])

    for value in (*TEXTS, *INSTANTS):
        for body in replaced(usual, value, str):
            yield written(body).encode()
    for number in NUMBERS:
        for body in replaced(usual, number, (int, float, str)):
            yield written(body).encode()
    for raw in RAW_NUMBERS:
        for body in replaced(usual, "#", (int, float, str)):
            yield written(body).replace('"#"', raw).encode()


def forms(use: Use) -> Iterator[bytes]:
    """The route's usual form with one thing in it gone wrong."""
    usual = use.form or {}
    grants = {"client_credentials": "client_id", "password": "username", "urn:opensom:one-time-link": "link"}
    for grant, name in grants.items() if "grant_type" in usual else ():
        for value in ("\0", "a\0b", "\ud800", "%", "a" * 600):
            yield urlencode({**usual, "grant_type": grant, name: value}, errors="surrogatepass").encode()


def addresses(operation: Operation, use: Use, seeded: Seeded) -> Iterator[str]:
    """The route's address with one thing in it gone wrong."""
    usual = seeded.request_identifiers()

    def address(query: dict[str, str], **changes: str) -> str:
        path = operation.path
        for name in operation.parameters("path"):
            path = path.replace(f"{{{name}}}", quote(changes.get(name, usual[name]), safe="", errors="surrogatepass"))
        pairs = {**(use.query or {}), **query}
        written = "&".join(f"{name}={quote(value, safe='', errors='surrogatepass')}" for name, value in pairs.items())
        return f"{path}?{written}"

    strange = (*TEXTS[:-1], *INSTANTS, *map(str, NUMBERS), *RAW_NUMBERS, "", "../..", "\n", "null", "true")
    for value in strange:
        for name in operation.parameters("path"):
            yield address({}, **{name: value})
        for name in operation.parameters("query"):
            yield address({name: value})


@pytest.mark.parametrize("door", DOORS)
def test_values_that_databases_stumble_over_are_refused_or_kept(
    door: str, database_url: str | None, data_dir: Path
) -> None:
    """Guards: the null character, half a surrogate, whole numbers beyond 64 bits and times beyond the calendar."""
    with open_house(door, data_dir, database_url) as house:
        wrong = list(faults(house, furnish(house)[QUOKKA]))
    assert not wrong, f"{len(wrong)} requests:\n" + "\n".join(wrong[:40])


def faults(house: House, seeded: Seeded) -> Iterator[str]:
    """Each request that ends in a fault, or in an error that is no problem detail."""
    for operation in own_operations(house):
        use = uses_of(house.door)[operation.name]
        token = token_of(house, use)
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        usual = ask(house, operation, use, seeded, token)
        requests: list[tuple[str, bytes | None]] = [(each, None) for each in addresses(operation, use, seeded)]
        if use.body is not None:
            path = operation.path.format_map(seeded.identifiers)
            requests += [(path, body) for body in bodies(use, seeded)]
        if operation.path in SLOW:
            requests = requests[::10]
        if use.form is not None:
            headers["Content-Type"] = "application/x-www-form-urlencoded"
            requests += [(operation.path, form) for form in forms(use)]
        for address, body in requests:
            answer = house.http.request(operation.method, address, headers=headers, content=body)
            house.http.cookies.clear()
            kind = answer.headers.get("content-type", "")
            if answer.status_code >= 500 or (answer.status_code >= 400 and kind != MEDIA_TYPE):
                said = f"{operation.method} {address[:200]} {(body or b'')[:300]!r}"
                yield f"{said} -> {answer.status_code} {answer.text[:200]} (usually {usual.status})"


def test_a_clients_name_in_a_basic_header_breaks_nothing(database_url: str | None, data_dir: Path) -> None:
    """Guards: the one door for text that stands in no body and no address."""
    with open_house("gateway", data_dir, database_url) as house:
        for name in ("\0", "a\0b", "", "\u202e", "a" * 5_000, "a:b"):
            secret = base64.b64encode(f"{name}:secret".encode()).decode()
            form = {"grant_type": "client_credentials"}
            answer = house.http.post("/oauth/token", data=form, headers={"Authorization": f"Basic {secret}"})
            assert answer.status_code == 401
            assert answer.json()["code"] == "invalid-client"
