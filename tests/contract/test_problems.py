"""Whatever is wrong with a request, the answer is a problem detail in the caller's language that says what."""

from typing import Any

import pytest

from services.kernel.identity import Role
from services.kernel.problems import MEDIA_TYPE
from tests.contract.house import House
from tests.contract.seeds import QUOKKA

COMMANDS = {  # A route with a JSON body, in every house.
    "lifecycle": ("POST", "/products"),
    "billing": ("POST", "/tariffs"),
    "gateway": ("POST", "/api/organisations"),
}
MEMBERS = {"type", "title", "status", "detail", "code", "detail_zh", "detail_en", "instance", "correlation_id"}
SECRETS = ("Traceback", 'File "', ".py", "sqlalchemy", "psycopg", "pydantic")


def problem(house: House, status: int, method: str, path: str, **more: Any) -> dict[str, Any]:
    """The problem that a request of an administrator meets, after its shape was checked."""
    headers = {"Authorization": f"Bearer {house.token(QUOKKA, Role.ADMINISTRATOR)}", **more.pop("headers", {})}
    answer = house.http.request(method, path, headers=headers, **more)
    assert answer.status_code == status, (answer.status_code, answer.text)
    assert answer.headers["content-type"] == MEDIA_TYPE
    said = answer.json()
    assert said.keys() >= MEMBERS
    assert (said["status"], said["type"]) == (status, f"/problems/{said['code']}")
    assert said["correlation_id"] == answer.headers["x-correlation-id"]
    assert said["detail"] in (said["detail_zh"], said["detail_en"])
    assert not said["detail_zh"].isascii() and said["detail_en"].isascii()
    assert not [secret for secret in SECRETS if secret in answer.text]
    return said


def doors_of(house: House) -> list[tuple[str, str]]:
    """A command of the house itself and, through the gateway, of each service behind it."""
    found = [COMMANDS[house.door]]
    if house.door == "gateway":
        found += [(method, house.prefix(name) + path) for name, (method, path) in COMMANDS.items() if name != "gateway"]
    return found


def test_an_unknown_address_and_a_wrong_method(house: House) -> None:
    """Guards: a page of a framework's own making, which no client understands."""
    for _, path in doors_of(house):
        assert problem(house, 404, "GET", f"{path}/no/such/thing")["code"] == "not-found"
        assert problem(house, 405, "DELETE", path)["code"] == "method-not-allowed"
    assert problem(house, 404, "GET", "/no-such-page")["instance"] == "/no-such-page"


@pytest.mark.parametrize("content", [b"{", b"", b"nonsense", b'{"a":', b"\xff\xfe", b'"\\ud800"', b"NaN"])
def test_a_body_that_is_no_json(house: House, content: bytes) -> None:
    """Guards: a stack trace for a slip of the pen."""
    for method, path in doors_of(house):
        headers = {"Content-Type": "application/json"}
        found = problem(house, 422, method, path, content=content, headers=headers)
        assert found["code"] == "invalid-request" and found["errors"]


def test_a_body_that_is_too_deep(house: House) -> None:
    """Guards: a stack that anyone can exhaust with a few thousand brackets."""
    for method, path in doors_of(house):
        problem(house, 400, method, path, content=b"[" * 100_000, headers={"Content-Type": "application/json"})


def test_a_body_of_another_kind(house: House) -> None:
    """Guards: a form or an XML document taken for JSON, or a fault because it is none."""
    for method, path in doors_of(house):
        for kind in ("text/plain", "application/xml", "application/x-www-form-urlencoded", "nonsense", ""):
            answer = problem(house, 422, method, path, content=b"a=b", headers={"Content-Type": kind})
            assert answer["code"] == "invalid-request"


def test_a_body_that_says_nothing_right(house: House) -> None:
    """Guards: an error that does not say where; every wrong field is named, in both languages."""
    for method, path in doors_of(house):
        found = problem(house, 422, method, path, json={})
        assert len(found["errors"]) >= 2
        for error in found["errors"]:
            assert error["location"][0] == "body" and error["en"].isascii() and not error["zh"].isascii()
        for body in ([], None, 1, "text", {"id": {"deep": [1]}}):
            problem(house, 422, method, path, json=body)


@pytest.mark.parametrize("announced", [True, False])
def test_a_body_that_is_too_large(house: House, announced: bool) -> None:
    """Guards: memory that anyone can fill, also without saying beforehand how much will come."""
    for method, path in doors_of(house):
        huge = b'{"id": "' + b"x" * 2_000_000 + b'"}'
        content: Any = huge if announced else iter([huge[:1_000_000], huge[1_000_000:]])
        found = problem(house, 413, method, path, content=content, headers={"Content-Type": "application/json"})
        assert found["code"] == "body-too-large" and found["bytes_max"] > 0


@pytest.mark.parametrize("accept", ["text/csv", "image/png", "application/xml;q=0.5", "nonsense", ""])
def test_whoever_asks_for_another_form_gets_json_or_is_told(house: House, accept: str) -> None:
    """Guards: a fault because of a header; a server may answer in a form that was not asked for (RFC 9110, 12.4.1)."""
    for _, path in doors_of(house):
        token = house.token(QUOKKA, Role.ADMINISTRATOR)
        answer = house.http.get(path, headers={"Authorization": f"Bearer {token}", "Accept": accept})
        assert answer.status_code in (200, 406)
        assert answer.headers["content-type"].startswith(("application/json", MEDIA_TYPE))


@pytest.mark.parametrize("name", ["limit", "cursor"])
@pytest.mark.parametrize("value", ["%00", "a%00b", "%FF%FE", "9" * 30, "-1", "1e3", "١٢", "%F0%9F%92%A7", "a" * 5_000])
def test_nonsense_in_the_address(house: House, name: str, value: str) -> None:
    """Guards: text that a database refuses, and numbers that it cannot hold."""
    for _, path in doors_of(house):
        listed = path.replace("/tariffs", "/invoices").replace("/organisations", "/agreements")
        token = house.token(QUOKKA, Role.ADMINISTRATOR)
        for address in (f"{listed}?{name}={value}", f"{listed}/{value}"):
            answer = house.http.get(address, headers={"Authorization": f"Bearer {token}"})
            assert answer.status_code in (400, 404, 405, 422), (address, answer.text)
            assert answer.headers["content-type"] == MEDIA_TYPE


LANGUAGES: list[tuple[dict[str, str], str]] = [
    ({}, "zh"),
    ({"Accept-Language": "en"}, "en"),
    ({"Accept-Language": "en-GB,en;q=0.9"}, "en"),
    ({"Accept-Language": "zh-CN,zh;q=0.9,en;q=0.8"}, "zh"),
    ({"Accept-Language": "en;q=0.2, zh;q=0.8"}, "zh"),
    ({"Accept-Language": "fr, de;q=0.5"}, "zh"),
    ({"Accept-Language": "fr, en;q=0.5"}, "en"),
    ({"Accept-Language": ";;;q=x,,"}, "zh"),
    ({"Cookie": "language=en"}, "en"),
    ({"Cookie": "language=en", "Accept-Language": "zh"}, "en"),
    ({"Cookie": "language=zh", "Accept-Language": "en"}, "zh"),
    ({"Cookie": "language=nonsense", "Accept-Language": "en"}, "en"),
]


@pytest.mark.parametrize(("headers", "language"), LANGUAGES)
def test_the_callers_language(house: House, headers: dict[str, str], language: str) -> None:
    """Guards: a person who is told in a language that they did not choose; the cookie is the switch of the console."""
    for method, path in doors_of(house):
        found = problem(house, 422, method, path, json={}, headers=headers)
        assert found["detail"] == found[f"detail_{language}"]
        found = problem(house, 404, "GET", f"{path}/no/such/thing", headers=headers)
        assert found["detail"] == found[f"detail_{language}"]
