"""One story can be followed through all services by its correlation id."""

import pytest

from services.kernel.identity import Role
from services.kernel.principals import ALL
from tests.contract.house import OPERATOR, House
from tests.contract.routes import filled, uses_of
from tests.contract.seeds import QUOKKA, Seeded

# A command that announces something, by service: the route in the table of uses and the type of its event.
ANNOUNCING = {
    "lifecycle": ("POST /products", "som.v1.lifecycle.product.registered"),
    "billing": ("POST /contracts", "som.v1.billing.contract.signed"),
    "gateway": ("POST /api/users", "som.v1.gateway.user.added"),
}


@pytest.mark.parametrize("given", ["story-1", "a" * 64, "A.b:c_d-9"])
def test_a_given_correlation_id_comes_back(house: House, given: str) -> None:
    """Guards: a report of a fault that nobody can find in the log."""
    paths = ["/health/live", "/no-such-page", *(f"{house.prefix(name)}/health/live" for name in house.services)]
    for path in paths:
        assert house.http.get(path, headers={"X-Correlation-Id": given}).headers["x-correlation-id"] == given


@pytest.mark.parametrize("given", ["", "a" * 65, "with space", "newline\\n", "<script>", "\u00e9", "a/b"])
def test_a_correlation_id_that_is_no_plain_word_is_replaced(house: House, given: str) -> None:
    """Guards: a header of a stranger that ends up in logs, pages and the database as it came."""
    headers = {"X-Correlation-Id": given.encode()}
    answered = house.http.get("/health/live", headers=headers).headers.get_list("x-correlation-id")
    assert len(answered) == 1
    assert answered[0] and answered[0] != given and len(answered[0]) <= 64


def test_two_requests_are_two_stories(house: House) -> None:
    """Guards: an id that leaks from one request into the next."""
    answers = [house.http.get("/health/live").headers["x-correlation-id"] for _ in range(20)]
    assert len(set(answers)) == 20


def test_events_carry_the_correlation_id_of_the_command(house: House, seeded: dict[str, Seeded]) -> None:
    """Guards: the event explorer, which follows one id through all services."""
    for service in house.services:
        name, event_type = ANNOUNCING[service]
        method, path = name.split(" ")
        use = uses_of(service if service != "gateway" else house.door)[name]
        identifiers = seeded[QUOKKA].request_identifiers()
        story = f"story-of-{identifiers['fresh']}"
        token = house.token(QUOKKA, Role.ADMINISTRATOR)
        body = filled(use.body, identifiers)
        headers = {"X-Correlation-Id": story}
        house.ask(method, house.prefix(service) + path, token, 201, json=body, headers=headers)
        log = "/api/gateway/events" if service == "gateway" else f"{house.prefix(service)}/events"
        root = house.token(OPERATOR, Role.ADMINISTRATOR, sees={ALL: ALL})
        found = house.ask("GET", log, root, params={"correlation_id": story})["items"]
        assert [event["type"] for event in found] == [event_type]
        assert found[0]["correlationid"] == story
        assert found[0]["source"] == f"/services/{service}"
        assert found[0]["position"] > 0
