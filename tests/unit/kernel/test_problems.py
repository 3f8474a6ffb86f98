"""Every error that a caller can cause is a problem detail, in both languages, that neither breaks nor tells secrets."""

import json
from collections.abc import Iterator
from typing import Literal

import pytest
from fastapi import FastAPI, HTTPException
from fastapi.testclient import TestClient
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import AwareDatetime, BaseModel, Field, FiniteFloat, field_validator
from starlette.requests import Request
from structlog.testing import capture_logs

from services.kernel.problems import (
    MEDIA_TYPE,
    Problem,
    ProblemDocument,
    conflict,
    forbidden,
    language_of,
    not_found,
    problem_handlers,
    unavailable,
)


class Order(BaseModel, extra="forbid"):
    name: str = Field(min_length=2)
    price: FiniteFloat = Field(gt=0)
    kind: Literal["pump", "valve"]
    due: AwareDatetime
    password: str = "unset"

    @field_validator("password")
    @classmethod
    def check_password(cls, value: str) -> str:
        if len(value) < 5:
            raise ValueError(f"{value} is too short")
        return value


def make_app() -> FastAPI:
    app = FastAPI()
    problem_handlers(app)

    @app.post("/orders/{number}")
    def order(number: int, body: Order) -> dict[str, str]:
        return {"name": body.name}

    @app.get("/raises/{what}")
    def raises(what: str) -> None:
        known = {
            "missing": not_found("pump", "p-1", "水泵"),
            "forbidden": forbidden(),
            "conflict": conflict("已关闭", "closed already", "already-closed", limit=float("nan"), seen={"a": [1.5]}),
            "unavailable": unavailable("稍后再试", "try later"),
            "plain": HTTPException(418, "I am a teapot"),
            "surrogate": not_found("pump", "\ud800"),
            "redirect": HTTPException(304),
        }
        raise known.get(what) or RuntimeError("password=hunter2 at line 7")

    return app


@pytest.fixture(scope="module")
def client() -> Iterator[TestClient]:
    with TestClient(make_app(), raise_server_exceptions=False) as client:
        yield client


GOOD = {"name": "P1", "price": 2.5, "kind": "pump", "due": "2026-01-01T00:00:00Z"}


def test_a_good_request_passes(client: TestClient) -> None:
    assert client.post("/orders/1", json=GOOD).json() == {"name": "P1"}


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/nowhere", 404, "not-found"),
        ("DELETE", "/raises/missing", 405, "method-not-allowed"),
        ("GET", "/raises/missing", 404, "not-found"),
        ("GET", "/raises/forbidden", 403, "forbidden"),
        ("GET", "/raises/conflict", 409, "already-closed"),
        ("GET", "/raises/unavailable", 503, "unavailable"),
        ("GET", "/raises/surrogate", 404, "not-found"),
        ("GET", "/raises/plain", 418, "bad-request"),
        ("GET", "/raises/anything", 500, "internal-error"),
        ("POST", "/orders/x", 422, "invalid-request"),
    ],
)
def test_every_error_has_the_shape_of_rfc_9457(
    client: TestClient, method: str, path: str, status: int, code: str
) -> None:
    with capture_logs():
        answer = client.request(method, path)
    document = ProblemDocument.model_validate(answer.json())
    assert (answer.status_code, document.status, document.code) == (status, status, code)
    assert answer.headers["content-type"] == MEDIA_TYPE
    assert (document.type, document.instance) == (f"/problems/{code}", path)
    assert document.detail == document.detail_zh != document.detail_en


def test_the_method_that_would_have_been_right_is_kept_in_the_header(client: TestClient) -> None:
    assert client.delete("/raises/missing").headers["allow"] == "GET"
    assert client.get("/raises/unavailable").headers["retry-after"] == "5"


def test_not_modified_is_no_problem(client: TestClient) -> None:
    answer = client.get("/raises/redirect")
    assert (answer.status_code, answer.content) == (304, b"")


def test_the_words_of_a_plain_http_exception_are_kept(client: TestClient) -> None:
    assert client.get("/raises/plain").json()["detail_en"] == "I am a teapot."


def test_an_unexpected_error_tells_nothing_of_the_inside(client: TestClient) -> None:
    with capture_logs() as lines:
        text = client.get("/raises/anything").text
    assert isinstance(lines[0]["exc_info"], RuntimeError), "what happened must be found in the log"
    assert "hunter2" not in text and "Traceback" not in text and "RuntimeError" not in text


def test_extra_members_are_shown_and_numbers_that_json_lacks_do_not_break_them(client: TestClient) -> None:
    document = client.get("/raises/conflict").json()
    assert document["limit"] == "nan" and document["seen"] == {"a": [1.5]}


def test_members_cannot_replace_what_the_standard_defines() -> None:
    problem = Problem("x", 409, "甲", "a", title="mine", correlation_id="mine")
    assert problem.document("en", "/p", "c-1")["title"] == "Conflict with the present state"
    assert problem.document("en", "/p", "c-1")["correlation_id"] == "c-1"


def test_validation_names_each_place_in_both_languages(client: TestClient) -> None:
    body = {"name": "x", "price": -1, "kind": "boat", "due": "2026-01-01T00:00:00", "hull": 1}
    document = ProblemDocument.model_validate(client.post("/orders/1", json=body).json())
    assert document.errors is not None
    found = {tuple(error.location): error for error in document.errors}
    assert found["body", "name"].zh == "文本至少 2 个字符"
    assert found["body", "price"].zh == "应大于 0.0" or found["body", "price"].zh == "应大于 0"
    assert found["body", "kind"].zh == "应为以下之一：'pump' or 'valve'"
    assert found["body", "due"].zh == "时间应带时区"
    assert found["body", "hull"].zh == "不接受此项"
    assert found["body", "name"].en == "String should have at least 2 characters"


def test_a_missing_value_and_a_bad_path_are_told_together(client: TestClient) -> None:
    errors = client.post("/orders/x", json={}).json()["errors"]
    assert {"location": ["path", "number"], "type": "int_parsing", "zh": "应为整数"}.items() <= errors[0].items()
    assert ["body", "name"] in [error["location"] for error in errors]


@pytest.mark.parametrize("price", ["NaN", "Infinity", "-Infinity", "1e999"])
def test_numbers_that_json_lacks_are_refused_and_not_choked_on(client: TestClient, price: str) -> None:
    body = json.dumps(GOOD).replace("2.5", price)
    answer = client.post("/orders/1", content=body, headers={"content-type": "application/json"})
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["zh"] == "应为有限的数字（不能是 NaN 或无穷大）"


def test_a_secret_that_was_sent_does_not_come_back(client: TestClient) -> None:
    answer = client.post("/orders/1", json={**GOOD, "password": "hun2"})
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["location"] == ["body", "password"]
    assert "hun2" not in answer.text


@pytest.mark.parametrize(
    "body", [b"{", b"", b"[]", b"\xff\xfe", b'{"a":', b"1" * 5000, b"[" * 50_000, b'{"\\ud800": 1}', b"null"]
)
def test_a_malformed_body_is_the_callers_error(client: TestClient, body: bytes) -> None:
    answer = client.post("/orders/1", content=body, headers={"content-type": "application/json"})
    assert answer.status_code in (400, 422)
    ProblemDocument.model_validate(answer.json())


@settings(max_examples=60, deadline=None)
@given(st.recursive(st.none() | st.booleans() | st.floats() | st.text(), lambda x: st.dictionaries(st.text(), x)))
def test_no_json_value_makes_a_server_error(value: object) -> None:
    client = TestClient(APP, raise_server_exceptions=False)
    headers = {"content-type": "application/json"}
    answer = client.post("/orders/1", content=json.dumps(value), headers=headers)
    assert answer.status_code == 422
    ProblemDocument.model_validate(answer.json())


APP = make_app()


@pytest.mark.parametrize(
    ("accept", "cookie", "language"),
    [
        ("", "", "zh"),
        ("en", "", "en"),
        ("en-GB,en;q=0.9,zh;q=0.8", "", "en"),
        ("zh-CN,zh;q=0.9,en;q=0.8", "", "zh"),
        ("de,en;q=0.3,zh;q=0.7", "", "zh"),
        ("fr,*;q=0.1", "", "zh"),
        ("en;q=x", "", "zh"),
        ("zh", "en", "en"),
        ("en", "zh", "zh"),
        ("en", "klingon", "en"),
    ],
)
def test_the_language_is_the_cookies_then_the_browsers_then_chinese(accept: str, cookie: str, language: str) -> None:
    headers = [(b"accept-language", accept.encode()), (b"cookie", f"language={cookie}".encode())]
    assert language_of(Request({"type": "http", "headers": headers})) == language


def test_the_answer_follows_the_language(client: TestClient) -> None:
    answer = client.get("/raises/missing", headers={"accept-language": "en"})
    document = answer.json()
    assert document["detail"] == document["detail_en"] == "There is no pump p-1 that you may see."
    assert document["title"] == "Not found"
    assert answer.headers["content-language"] == "en"
    assert "水泵 p-1" in document["detail_zh"]
