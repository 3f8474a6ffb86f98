"""The shell of a service: what a caller, a load balancer and a scraper see of it."""

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi import APIRouter, Request
from fastapi.responses import StreamingResponse
from fastapi.testclient import TestClient
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel
from structlog.testing import capture_logs

from services.kernel.http import (
    CORRELATION_HEADER,
    Cursor,
    Limit,
    Page,
    Resource,
    ServiceApplication,
    create_service_app,
    decode_cursor,
    encode_cursor,
    page_of,
)
from services.kernel.identity import KeyStore, Principal, Role, requires
from services.kernel.logs import correlation_id
from services.kernel.problems import Problem, ProblemDocument
from services.kernel.settings import KernelSettings

BODY_BYTES_MAX = 2048


class Pump(BaseModel):
    name: str


ROWS = [(f"泵-{number:03d}", number) for number in range(120)]


def make_router() -> APIRouter:
    router = APIRouter(prefix="/pumps", tags=["pumps"])

    @router.get("")
    def pumps(cursor: Cursor = None, limit: Limit = 50) -> Page[Pump]:
        after = decode_cursor(cursor, str, int) if cursor else ("", -1)
        rows = [row for row in ROWS if row > after][: limit + 1]
        return page_of(rows, limit, item=lambda row: Pump(name=row[0]), key=lambda row: row)

    @router.post("")
    def add(pump: Pump, principal: Principal = requires(Role.OPERATOR)) -> dict[str, str | None]:
        return {"name": pump.name, "by": principal.subject, "story": correlation_id()}

    @router.put("/raw")
    async def raw(request: Request) -> int:
        return len(await request.body())

    @router.get("/story")
    def story() -> str | None:
        return correlation_id()

    @router.get("/broken")
    def broken() -> None:
        raise RuntimeError("secret=hunter2")

    @router.get("/half")
    def half() -> StreamingResponse:
        def lines() -> Iterator[str]:
            yield "one"
            raise RuntimeError("no more")

        return StreamingResponse(lines())

    @router.get("/{name}")
    def pump(name: str) -> Pump:
        return Pump(name=name)

    return router


class World:
    """A service with keys, and parts that can fail on demand."""

    def __init__(self, directory: Path) -> None:
        self.told: list[str] = []
        self.database_up = self.bus_up = True
        store = KeyStore.create(directory, ["gateway", "pumps"])
        self.signer = store.signer("gateway")
        self.app = self.make(KernelSettings(service="pumps", data_dir=directory, body_bytes_max=BODY_BYTES_MAX))

    def make(self, settings: KernelSettings) -> ServiceApplication:
        def check_database() -> None:
            if not self.database_up:
                raise ConnectionError("postgresql://opensom:hunter2@db/pumps")

        async def check_bus() -> bool:
            return self.bus_up

        def tell(what: str) -> Any:
            return lambda: self.told.append(what)

        return create_service_app(
            settings,
            "Pumps",
            [make_router()],
            [
                Resource(
                    "database", tell("database up"), tell("database down"), check_database, hint_zh="请检查数据库"
                ),
                Resource(
                    "bus", tell("bus up"), tell("bus down"), check_bus, lambda: {"sent": 3, "queue": {"in": 2}}, False
                ),
            ],
        )

    def bearer(self, role: Role = Role.OPERATOR) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.signer.issue(Principal('alice', 'acme', frozenset({role})))}"}


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


@pytest.fixture
def client(world: World) -> Iterator[TestClient]:
    with TestClient(world.app) as client:
        yield client


def test_parts_start_in_order_and_stop_in_reverse(world: World) -> None:
    with TestClient(world.app):
        assert world.told == ["database up", "bus up"]
    assert world.told[2:] == ["bus down", "database down"]


def test_a_part_that_cannot_start_stops_what_was_started(tmp_path: Path) -> None:
    told: list[str] = []

    def fail() -> None:
        raise ConnectionError("no broker")

    def stop_badly() -> None:
        told.append("stopping")
        raise OSError("stuck")

    parts = [Resource("first", stop=lambda: told.append("stopped")), Resource("second", stop=stop_badly)]
    app = create_service_app(KernelSettings(data_dir=tmp_path), "x", (), [*parts, Resource("third", start=fail)])
    with pytest.raises(ConnectionError), TestClient(app):
        pass
    assert told == ["stopping", "stopped"]


def test_a_signed_in_caller_gets_through_all_layers(client: TestClient, world: World) -> None:
    headers = {**world.bearer(), CORRELATION_HEADER: "story-1"}
    answer = client.post("/pumps", json={"name": "P1"}, headers=headers)
    assert answer.json() == {"name": "P1", "by": "alice", "story": "story-1"}
    assert answer.headers[CORRELATION_HEADER] == "story-1"
    assert client.post("/pumps", json={"name": "P1"}, headers=world.bearer(Role.VIEWER)).status_code == 403


@pytest.mark.parametrize("given_id", ["", "two words", "x" * 65, "<script>", "a\tb"])
def test_a_correlation_id_that_is_no_plain_word_is_replaced(client: TestClient, given_id: str) -> None:
    answer = client.get("/pumps/story", headers={CORRELATION_HEADER: given_id})
    assert answer.json() == answer.headers[CORRELATION_HEADER] != given_id
    assert len(answer.json()) >= 16


def test_a_service_mounted_in_another_continues_its_story(world: World, tmp_path: Path) -> None:
    outer = create_service_app(KernelSettings(service="gateway", data_dir=tmp_path), "Gateway")
    outer.mount("/api", world.app)
    answer = TestClient(outer).get("/api/pumps/story")
    assert answer.headers.get_list(CORRELATION_HEADER) == [answer.json()]
    problem = TestClient(outer).get("/api/nowhere").json()
    assert (problem["instance"], problem["code"]) == ("/api/nowhere", "not-found")


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/nowhere", 404, "not-found"),
        ("PATCH", "/pumps", 405, "method-not-allowed"),
        ("POST", "/pumps", 401, "unauthorised"),
        ("GET", "/pumps?limit=501", 422, "invalid-request"),
        ("GET", "/pumps?limit=0", 422, "invalid-request"),
        ("GET", "/pumps?cursor=nonsense", 422, "invalid-cursor"),
        ("GET", "/pumps/a%00b", 400, "null-character"),
        ("GET", "/pumps?cursor=%00", 400, "null-character"),
        ("GET", "/pumps/broken", 500, "internal-error"),
    ],
)
def test_an_error_is_a_problem_that_names_its_story(
    client: TestClient, method: str, path: str, status: int, code: str
) -> None:
    with capture_logs() as lines:
        answer = client.request(method, path, headers={CORRELATION_HEADER: "story-2"})
    assert lines[-1]["status"] == status
    document = ProblemDocument.model_validate(answer.json())
    assert (answer.status_code, document.code, document.correlation_id) == (status, code, "story-2")
    assert answer.headers[CORRELATION_HEADER] == "story-2"
    assert "hunter2" not in answer.text


def test_a_large_body_is_refused_before_and_while_it_is_read(client: TestClient) -> None:
    def chunks(count: int) -> Iterator[bytes]:
        for _ in range(count):
            yield b"x" * 512

    assert client.put("/pumps/raw", content=b"x" * BODY_BYTES_MAX).json() == BODY_BYTES_MAX
    assert client.put("/pumps/raw", content=chunks(4)).json() == BODY_BYTES_MAX
    for content in (b"x" * (BODY_BYTES_MAX + 1), chunks(5)):
        answer = client.put("/pumps/raw", content=content)
        document = answer.json()
        assert (answer.status_code, document["code"], document["bytes_max"]) == (413, "body-too-large", BODY_BYTES_MAX)


def test_a_large_json_body_is_refused_while_it_is_read(client: TestClient, world: World) -> None:
    def chunks() -> Iterator[bytes]:
        yield b'{"name": "'
        yield b"x" * BODY_BYTES_MAX
        yield b'"}'

    headers = {**world.bearer(), "content-type": "application/json"}
    assert client.post("/pumps", content=chunks(), headers=headers).status_code == 413


def test_half_an_answer_breaks_the_connection_instead_of_looking_whole(client: TestClient) -> None:
    with capture_logs() as lines, pytest.raises(RuntimeError, match="no more"):
        client.get("/pumps/half")
    assert [line["event"] for line in lines[:2]] == ["request failed", "request"]


def test_health_says_what_is_wrong_and_what_to_do_but_no_secret(client: TestClient, world: World) -> None:
    assert client.get("/health/live").json() == {"service": "pumps", "status": "alive"}
    answer = client.get("/health/ready")
    assert (answer.status_code, answer.json()["status"]) == (200, "ready")
    assert [check["name"] for check in answer.json()["checks"]] == ["keys", "database", "bus"]

    world.bus_up = False
    answer = client.get("/health/ready")
    assert (answer.status_code, answer.json()["status"]) == (200, "degraded")

    world.database_up = False
    answer = client.get("/health/ready")
    assert (answer.status_code, answer.json()["status"]) == (503, "unavailable")
    check = answer.json()["checks"][1]
    assert (check["status"], check["reason"], check["hint_zh"]) == ("fail", "ConnectionError", "请检查数据库")
    assert check["latency_ms"] >= 0 and check["hint_en"] and "hunter2" not in answer.text


def test_figures_are_by_route_and_show_the_parts_statistics(client: TestClient) -> None:
    for name in ("a", "b", "c"):
        client.get(f"/pumps/{name}")
    client.get("/wp-admin")
    client.request("BREW", "/pumps/a")
    text = client.get("/metrics").text
    assert 'opensom_http_request_seconds_count{method="GET",route="/pumps/{name}",status="200"} 3.0' in text
    assert 'route="unmatched",status="404"} 1.0' in text
    assert 'method="other",' in text and "BREW" not in text and "wp-admin" not in text
    assert "opensom_bus_sent 3.0" in text and "opensom_bus_queue_in 2.0" in text
    assert client.get("/metrics").headers["content-type"].startswith("text/plain")


def test_two_applications_in_one_process_keep_their_figures_apart(world: World, tmp_path: Path) -> None:
    other = World(tmp_path / "other")
    TestClient(world.app).get("/pumps/a")
    assert "/pumps/{name}" not in TestClient(other.app).get("/metrics").text


def test_statistics_that_fail_do_not_stop_the_scrape(client: TestClient, world: World) -> None:
    def fail() -> dict[str, int]:
        raise OSError("gone")

    world.app.state.metrics.watch("disk", fail)
    text = client.get("/metrics").text
    assert 'opensom_statistics_failed{source="disk"} 1.0' in text and "opensom_bus_sent 3.0" in text


def test_the_log_line_of_a_request_tells_who_and_what(client: TestClient, world: World) -> None:
    with capture_logs() as lines:
        client.post("/pumps?token=abc", json={"name": "P1"}, headers=world.bearer())
        client.get("/health/live")
    asked, live = lines
    assert {"method": "POST", "path": "/pumps", "status": 200, "subject": "alice", "organisation": "acme"}.items() <= (
        asked.items()
    )
    assert (asked["log_level"], live["log_level"]) == ("info", "debug")
    assert "abc" not in str(lines)


def test_the_api_description_documents_the_problem_of_every_operation(client: TestClient) -> None:
    schema = client.get("/openapi.json").json()
    for path, operations in schema["paths"].items():
        for operation in operations.values():
            content = operation["responses"]["default"]["content"]["application/problem+json"]
            assert content["schema"]["$ref"].rpartition("/")[2] in schema["components"]["schemas"], path
            assert "HTTPValidationError" not in json.dumps(operation)
    assert "FieldError" in schema["components"]["schemas"]
    assert client.get("/docs").status_code == 404


def test_pages_together_are_the_whole_list_once(client: TestClient) -> None:
    seen: list[str] = []
    cursor: str | None = None
    sizes: list[int] = []
    while True:
        query: dict[str, Any] = {"limit": 50} | ({"cursor": cursor} if cursor else {})
        page = Page[Pump].model_validate(client.get("/pumps", params=query).json())
        seen += [pump.name for pump in page.items]
        sizes.append(len(page.items))
        cursor = page.next_cursor
        if cursor is None:
            break
    assert seen == [name for name, _ in ROWS] and sizes == [50, 50, 20]
    assert len(client.get("/pumps").json()["items"]) == 50
    assert client.get("/pumps", params={"limit": 120}).json()["next_cursor"] is None


TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))
INTEGER = st.integers(min_value=-(2**63), max_value=2**63 - 1)


@given(st.lists(TEXT | INTEGER).map(tuple))
def test_a_cursor_gives_back_what_was_put_in(values: tuple[str | int, ...]) -> None:
    cursor = encode_cursor(*values)
    assert cursor.isascii() and not set(cursor) & set("+/=&?#% ")
    assert decode_cursor(cursor, *(type(value) for value in values)) == values


def packed(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode()


@given(st.text() | st.binary().map(lambda raw: base64.urlsafe_b64encode(raw).decode()))
def test_any_other_text_is_an_invalid_cursor(text: str) -> None:
    with pytest.raises(Problem) as caught:
        decode_cursor(text, str, int)
    assert caught.value.code == "invalid-cursor"


@pytest.mark.parametrize(
    "value", [[1, 1], ["a", True], ["a", 2**63], ["a", 1.0], ["a\0", 1], ["\ud800", 1], ["a"], {"a": 1}, None]
)
def test_a_cursor_of_other_values_never_reaches_a_query(value: object) -> None:
    with pytest.raises(Problem, match="invalid-cursor"):
        decode_cursor(packed(value), str, int)
