"""Requests that nobody would send on purpose, made from the published description: never a fault, and no answer that
the description does not promise.

The same requests at every run; `make soak` makes many more of them.
"""

from typing import Any

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

from tests.contract.asking import keep_simulator_connected, own_operations, token_of
from tests.contract.house import House
from tests.contract.routes import Use, uses_of
from tests.contract.seeds import QUOKKA, Seeded

EXAMPLES, EXAMPLES_SOAK = 12, 2_000
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
    response_headers_conformance,
]


def fuzz(house: House, seeded: dict[str, Seeded], examples: int) -> list[str]:
    """Valid and broken requests to every route; the first thing that is wrong with each."""
    schema = schemathesis.openapi.from_dict(house.document())
    own = {operation.name for operation in own_operations(house)}
    wrong = []
    for found in schema.get_all_operations():
        operation = found.ok()
        name = f"{operation.method.upper()} {operation.path}"
        if name not in own:
            continue
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
    headers = {"Authorization": f"Bearer {token_of(house, use, QUOKKA)}"}

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
