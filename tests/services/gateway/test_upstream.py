"""Services behind the door: mounted or at a URL, the same answers; and one description of all."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx2
import pytest
import uvicorn
from fastapi import FastAPI
from fastapi.openapi.models import OpenAPI
from fastapi.testclient import TestClient

from gateway.openapi import merge
from services.kernel.identity import Role
from services.kernel.testing import free_port

from .conftest import World, greeting_service
from .test_door import somebody


@contextmanager
def served(app: FastAPI) -> Iterator[str]:
    """A real server on a free port."""
    port = free_port()
    server = uvicorn.Server(uvicorn.Config(app, port=port, log_level="error", lifespan="on"))
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        with httpx2.Client(transport=httpx2.HTTPTransport(retries=50)) as client:
            for _ in range(200):
                try:
                    client.get(f"http://127.0.0.1:{port}/health/live")
                    break
                except httpx2.ConnectError:
                    threading.Event().wait(0.02)
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join()


def conversations(client: TestClient, headers: dict[str, str]) -> list[tuple[int, str | None, Any]]:
    """Answers to the same requests: status, type, content without what differs at every request."""
    said = [
        client.get("/api/greetings/greeting", headers=headers | {"X-Correlation-Id": "story"}),
        client.get("/api/greetings/greeting"),
        client.get("/api/greetings/missing/a%2Fb%20c", headers=headers | {"Accept-Language": "en"}),
        client.get("/api/greetings/missing/泵", headers=headers),
        client.put("/api/greetings/echo?q=%E6%B3%B5&x=", content=b"x" * 70_000, headers=headers),
        client.put("/api/greetings/echo", content=iter([b"a" * 40_000] * 3), headers=headers),
        client.put("/api/greetings/echo", content=b"x" * 2_000_000, headers=headers),
        client.put("/api/greetings/echo", content=iter([b"a" * 400_000] * 4), headers=headers),
        client.post("/api/greetings/greeting", headers=headers),
        client.get("/api/greetings/folder", headers=headers),
        client.head("/api/greetings/greeting", headers=headers),
        client.get("/api/greetings/health/live"),
        client.get("/api/greetings/openapi.json"),
    ]
    return [(answer.status_code, answer.headers.get("content-type"), content(answer)) for answer in said]


def content(answer: httpx2.Response) -> Any:
    if not answer.content:
        return None
    found = answer.json()
    if isinstance(found, dict):
        for changing in ("instance", "correlation_id", "servers"):
            found.pop(changing, None)
    return found


def test_a_service_answers_the_same_mounted_and_at_a_url(world: World) -> None:
    """Guards: code that works on a laptop (one process) and not in containers, or the other way round."""
    client = world.start()
    mounted = conversations(client, world.bearer(somebody("maker", Role.OPERATOR)))
    with served(greeting_service(world.data_dir)) as url:
        client = world.start({}, service_urls={"greetings": url})
        proxied = conversations(client, world.bearer(somebody("maker", Role.OPERATOR)))
        assert (
            client.get("/api/greetings/folder", follow_redirects=False)
            .headers["location"]
            .endswith("/api/greetings/folder/")
        )
    statuses = [status for status, *_ in mounted]
    assert statuses[:2] == [200, 401]
    assert {413, 404, 405} <= set(statuses)
    for one, other in zip(mounted, proxied, strict=True):
        assert one == other


def test_a_service_that_is_away_or_too_slow_is_said_to_be(world: World) -> None:
    """Guards: a page that waits for ever, or a stack trace, when one service is down."""
    release = threading.Event()
    slow = FastAPI()

    @slow.get("/wait")
    def wait() -> None:
        release.wait(10)

    with served(slow) as url:
        urls = {"slow": url, "absent": f"http://127.0.0.1:{free_port()}"}
        client = world.start({}, service_urls=urls, answer_timeout_s=0.3, connect_timeout_s=0.3)
        headers = world.bearer(somebody("operator", Role.VIEWER))
        late, gone = client.get("/api/slow/wait", headers=headers), client.get("/api/absent/x", headers=headers)
        release.set()
    assert (late.status_code, late.json()["code"]) == (504, "gateway-timeout")
    assert (gone.status_code, gone.json()["code"]) == (502, "bad-gateway")
    health = client.get("/api/health").json()
    assert health["status"] == "degraded"
    assert {each["service"]: each["reachable"] for each in health["services"]} == {
        "gateway": True, "absent": False, "slow": False,
    }  # fmt: skip
    assert client.get("/health/ready").status_code == 200  # The door itself works without them.
    document = client.get("/api/openapi.json").json()
    assert document["x-unreachable"] == ["absent", "slow"]
    assert "absent" in client.get("/api/docs").text


def references(node: Any) -> Iterator[str]:
    """Every `$ref` of a document."""
    if isinstance(node, dict):
        if isinstance(node.get("$ref"), str):
            yield node["$ref"]
        for value in node.values():
            yield from references(value)
    elif isinstance(node, list):
        for item in node:
            yield from references(item)


def check_description(document: dict[str, Any]) -> None:
    """The structure that OpenAPI 3.1 asks for, every reference resolved, every operation with an id of its own."""
    OpenAPI.model_validate(document)
    for reference in references(document):
        place: Any = document
        for step in reference.removeprefix("#/").split("/"):
            place = place[step]
    operations = [each for item in document["paths"].values() for each in item.values() if isinstance(each, dict)]
    identifiers = [each["operationId"] for each in operations]
    assert len(identifiers) == len(set(identifiers))
    assert all(each["responses"] for each in operations)


def test_one_description_of_all_services(world: World) -> None:
    """Guards: a generated client that cannot read the description, or mixes two services' schemas of one name."""
    client = world.start()
    document = client.get("/api/openapi.json").json()
    check_description(document)
    assert "greetings_Greeting" in document["components"]["schemas"]
    path = document["paths"]["/api/greetings/greeting"]["get"]
    assert path["tags"] == ["greetings"]
    problem = path["responses"]["default"]["content"]["application/problem+json"]["schema"]["$ref"]
    assert problem == "#/components/schemas/greetings_ProblemDocument"
    with served(greeting_service(world.data_dir)) as url:
        fetched = world.start({}, service_urls={"greetings": url}).get("/api/openapi.json").json()
    assert fetched == document
    other = merge({"openapi": "3.1.0", "info": {"title": "x", "version": "1"}}, {"gone": None})
    assert other["x-unreachable"] == ["gone"]


@pytest.mark.parametrize(("language", "words"), [("zh", ("问候", "参数")), ("en", ("A greeting", "Parameter"))])
def test_the_page_of_all_routes_speaks_both_languages_without_scripts(
    world: World, language: str, words: tuple[str, str]
) -> None:
    """Guards: a page that stays empty under the strict policy because it waits for a script from elsewhere."""
    client = world.start()
    page = client.get(f"/api/docs?lang={language}")
    assert page.status_code == 200
    assert all(word in page.text for word in words)
    assert "<script" not in page.text
    assert "style=" not in page.text
    assert "://" not in page.text
    assert client.get("/api/docs.css").headers["content-type"].startswith("text/css")


def test_a_service_cannot_hide_a_route_of_the_gateway(world: World) -> None:
    """Guards: a service called `clock` that would never be reached, or that would take the clock's place."""
    with pytest.raises(ValueError, match="clock"):
        world.start({}, service_urls={"clock": "http://127.0.0.1:1"})


def test_a_mounted_service_lives_as_long_as_the_gateway(world: World) -> None:
    """Guards: a mounted application whose start never ran (a mount does not run lifespans)."""
    told: list[str] = []
    service = greeting_service(world.data_dir)
    inner = service.router.lifespan_context

    @contextmanager
    def noted() -> Iterator[None]:
        told.append("up")
        yield
        told.append("down")

    def lifespan(app: Any) -> Any:
        from contextlib import AsyncExitStack, asynccontextmanager

        @asynccontextmanager
        async def both() -> Any:
            async with AsyncExitStack() as stack:
                stack.enter_context(noted())
                await stack.enter_async_context(inner(app))
                yield

        return both()

    service.router.lifespan_context = lifespan
    world.start({"greetings": service})
    assert told == ["up"]
    world.stop()
    assert told == ["up", "down"]
