"""Requests that nobody would send on purpose, made from the published description: never a fault, and no answer that
the description does not promise.

The same requests at every run; `make soak` makes many more of them.
"""

from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import httpx2
import hypothesis
import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from services.kernel.identity import Role
from services.kernel.principals import ALL
from services.kernel.problems import MEDIA_TYPE
from tests.contract.asking import ask, keep_simulator_connected
from tests.contract.house import OPERATOR, House, Operation
from tests.contract.routes import Use, filled, uses_of
from tests.contract.seeds import QUOKKA, Seeded

EXAMPLES, EXAMPLES_SOAK = 12, 2_000
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
    response_headers_conformance,
]
TEXTS = ("\0", "a\0b", "\ud800", "🀄" * 400, "'; DROP TABLE usage; --", "%s%n", "{0}", "\u202e", "a" * 70_000)
NUMBERS = (2**31, 2**63 - 1, 2**63, -(2**63) - 1, 2**64, 10**40, 1e308, -1e308, 0.1 + 0.2)
RAW_NUMBERS = ("NaN", "Infinity", "-Infinity", "1e999", "9" * 400, "-0", "0.000000000000000000000000001")
INSTANTS = ("0001-01-01T00:00:00Z", "9999-12-31T23:59:59.999999Z", "0001-01-01T00:00:00+14:00", "2026-01-01T00:00:00")


def token_of(house: House, use: Use, mine: bool) -> str:
    """Somebody whom the route lets in: of the organisation whose objects there are, or one who sees everything."""
    role = Role.ADMINISTRATOR if Role.ADMINISTRATOR in (use.roles or {Role.ADMINISTRATOR}) else Role.SERVICE
    return house.token(QUOKKA, role) if mine else house.token(OPERATOR, role, sees={ALL: ALL})


def fuzz(house: House, seeded: dict[str, Seeded], examples: int) -> list[str]:
    """Valid and broken requests to every route; the first thing that is wrong with each."""
    schema = schemathesis.openapi.from_dict(house.document())
    wrong = []
    for found in schema.get_all_operations():
        operation = found.ok()
        name = f"{operation.method.upper()} {operation.path}"
        use = uses_of(house.door)[name]
        try:
            _fuzz_one(house, operation, use, seeded[QUOKKA], examples)
        except AssertionError as error:
            wrong.append(f"{name}: {error}")
        except Exception as error:
            wrong.append(f"{name}: {type(error).__name__} {error}")
    return wrong


def _fuzz_one(house: House, operation: Any, use: Use, seeded: Seeded, examples: int) -> None:
    broken = operation.as_strategy(generation_mode=GenerationMode.NEGATIVE)
    strategy = operation.as_strategy() | broken if _can_be_broken(operation) else operation.as_strategy()
    headers = {"Authorization": f"Bearer {token_of(house, use, mine=True)}"}

    @hypothesis.settings(
        max_examples=examples,
        database=None,
        deadline=None,
        derandomize=True,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.generate],
    )
    @hypothesis.given(case=strategy, real=hypothesis.strategies.booleans())
    def try_it(case: schemathesis.Case, real: bool) -> None:
        if real:  # An object that is there: else most requests end with 'not found'.
            known = {key: seeded.identifiers[key] for key in case.path_parameters or {} if key in seeded.identifiers}
            case.path_parameters = {**(case.path_parameters or {}), **known}
        if operation.path == "/api/simulator":
            keep_simulator_connected(house)
        case.validate_response(send(house, case, headers), checks=CHECKS)

    try_it()


def send(house: House, case: schemathesis.Case, headers: dict[str, str]) -> httpx2.Response:
    """Send a case to the running house. (`case.call` would start and stop the application around every request.)"""
    made = requests.Request(**case.as_transport_kwargs(base_url="http://testserver", headers=headers)).prepare()
    house.http.cookies.clear()
    return house.http.request(made.method or "", made.url or "", headers=dict(made.headers), content=made.body)


def _can_be_broken(operation: Any) -> bool:
    return bool(operation.body or len(operation.query) or len(operation.path_parameters))


def test_no_request_made_from_the_description_breaks_anything(house: House, seeded: dict[str, Seeded]) -> None:
    """Guards: a fault that a stranger can cause, and an answer that a client cannot read. Short form."""
    wrong = fuzz(house, seeded, EXAMPLES)
    assert not wrong, "\n\n".join(wrong)


@pytest.mark.soak
def test_no_request_of_thousands_breaks_anything(house: House, seeded: dict[str, Seeded]) -> None:
    """Guards: as above, for a night."""
    wrong = fuzz(house, seeded, EXAMPLES_SOAK)
    assert not wrong, "\n\n".join(wrong)


# ---- Values that databases, clocks and JSON stumble over ---------------------------------------------------------


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
    """The route's usual body with one thing in it gone wrong."""
    import json

    usual = filled(use.body, seeded.request_identifiers())
    for value in (*TEXTS, *INSTANTS):
        for body in replaced(usual, value, str):
            yield json.dumps(body).encode()
    for number in NUMBERS:
        for body in replaced(usual, number, (int, float, str)):
            yield json.dumps(body).encode()
    for raw in RAW_NUMBERS:
        for body in replaced(usual, "#", (int, float, str)):
            yield json.dumps(body).replace('"#"', raw).encode()


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


def test_values_that_databases_stumble_over_are_refused_or_kept(house: House, seeded: dict[str, Seeded]) -> None:
    """Guards: the null character, half a surrogate, whole numbers beyond 64 bits and times beyond the calendar."""
    wrong = _stumble(house, seeded)
    assert not wrong, f"{len(wrong)} requests:\n" + "\n".join(wrong[:40])


def _stumble(house: House, seeded: dict[str, Seeded]) -> list[str]:
    wrong = []
    if house.door == "gateway":
        keep_simulator_connected(house)
    for operation in house.operations():
        use = uses_of(house.door)[operation.name]
        if house.door == "gateway" and operation.path.startswith(("/api/lifecycle", "/api/billing")):
            continue  # The same code as in the house of the service alone.
        token = token_of(house, use, mine=False)
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        usual = ask(house, operation, use, seeded[QUOKKA], token)
        requests = [(address, None) for address in addresses(operation, use, seeded[QUOKKA])]
        if use.body is not None:
            path = operation.path.format_map(seeded[QUOKKA].identifiers)
            requests += [(path, body) for body in bodies(use, seeded[QUOKKA])]
        if operation.path in ("/oauth/token", "/me/password"):
            requests = requests[::10]  # Each computes a slow hash.
        for address, body in requests:
            answer = house.http.request(operation.method, address, headers=headers, content=body)
            kind = answer.headers.get("content-type", "")
            if answer.status_code >= 500 or (answer.status_code >= 400 and kind != MEDIA_TYPE):
                said = f"{operation.method} {address[:200]} {(body or b'')[:300]!r}"
                wrong.append(f"{said} -> {answer.status_code} {answer.text[:200]} (usually {usual.status})")
    house.http.cookies.clear()
    return wrong
