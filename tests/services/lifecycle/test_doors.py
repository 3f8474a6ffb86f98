"""Who may come in by which door, and that nothing that comes in breaks the service."""

import asyncio
import socket
import subprocess
from pathlib import Path
from typing import Any

import httpx2
import hypothesis
import pytest
import schemathesis
from hypothesis import HealthCheck
from schemathesis import GenerationMode

from services.kernel.broker import find_mosquitto
from services.kernel.clock import sleep_s
from services.kernel.identity import Role
from services.kernel.principals import ALL
from services.kernel.problems import Problem
from services.kernel.testing import free_port, principal, token_for
from services.lifecycle import seed
from services.lifecycle.client import LifecycleClient
from services.lifecycle.contract import (
    CommandCreate,
    DesiredUpdate,
    ProductCreate,
    TicketCreate,
    WorkOrderAction,
    WorkOrderCreate,
)
from services.lifecycle.service import tickets
from tests.services.lifecycle.conftest import OTHER, OTHER_PUMP, OWNER, PUMP, World, finding


def test_another_organisation_sees_nothing(world: World) -> None:
    """Guards: customers see their own; the maker what it was let see; strangers nothing; nobody acts for another."""
    world.born()
    world.found(finding())
    alarm = world.ask("GET", "/alarms")["items"][0]
    tickets.open_due(world.database, world.settings)
    command = {"name": "restart", "idempotency_key": "key-0000001"}
    world.ask("POST", f"/products/{PUMP}/commands", OWNER, Role.ENGINEER, status=201, json=command)
    let_see = principal("maker", Role.ENGINEER, sees={"lifecycle": (OWNER,)})
    for who, sees in ((OWNER, True), (let_see, True), (OTHER, False), ("stranger", False)):
        for path in ("/alarms", "/tickets", "/commands", f"/audit?object=product/{PUMP}"):
            assert bool(world.ask("GET", path, who)["items"]) == sees, (who, path)
        listed = {card["product"]["id"] for card in world.ask("GET", "/products", who)["items"]}
        assert (PUMP in listed) == sees
        for path in (f"/products/{PUMP}", f"/products/{PUMP}/twin", f"/alarms/{alarm['id']}"):
            world.ask("GET", path, who, status=200 if sees else 404)
        world.ask("GET", f"/products/{PUMP}/history?signal=flow_m3_h", who, status=200 if sees else 404)
    world.ask("POST", f"/alarms/{alarm['id']}/acknowledge", OTHER, status=404)
    world.ask("POST", f"/products/{PUMP}/commands", OTHER, status=404, json=command)
    create = {"id": "pump-c", "type_id": seed.PROCESS, "serial": "c", "organisation_id": OWNER}
    assert world.ask("POST", "/products", OTHER, status=403, json=create)["code"] == "forbidden"
    assert world.ask("POST", "/products", OTHER, status=409, json=create | {"id": PUMP, "organisation_id": OTHER})
    assert world.ask("GET", "/events", OTHER)["items"][0]["subject"] == OTHER_PUMP


def test_registering_says_what_is_wrong(world: World) -> None:
    """Guards: a data model that contradicts itself is refused before a device depends on it."""
    kind = seed.product_types()[1].model_dump(mode="json")
    maker = principal("maker", Role.ADMINISTRATOR)
    twice = kind | {"signals": kind["signals"] + kind["signals"][:1]}
    assert world.ask("POST", "/product-types", maker, status=422, json=twice)["code"] == "data-model-unusable"
    crossed = [signal | {"warning_high": 5.0, "alarm_high": 4.0} for signal in kind["signals"][5:6]]
    refused = world.ask("POST", "/product-types", maker, status=422, json=kind | {"signals": crossed})
    assert refused["code"] == "data-model-unusable"
    world.ask("POST", "/product-types", maker, status=201, json=kind)
    assert world.ask("POST", "/product-types", maker, status=409, json=kind)["code"] == "product-type-exists"
    nothing = {"id": "pump-c", "type_id": "nothing", "serial": "c", "organisation_id": "maker"}
    assert world.ask("POST", "/products", maker, status=404, json=nothing)["noun"] == "product type"


def test_credentials_are_shown_once_and_known_to_the_broker(world: World) -> None:
    """Guards: what is kept is what Mosquitto's password file holds; a new secret ends the old one."""
    first = world.ask("POST", f"/products/{PUMP}/credential", OWNER, Role.ADMINISTRATOR)
    assert first["username"] == PUMP and first["password"] in first["example"]
    (hashed,) = [row["password_hash"] for row in kept(world) if row["device_id"] == PUMP]
    assert hashed.startswith("$7$101$") and len(hashed) == 112
    second = world.ask("POST", f"/products/{PUMP}/credential", OWNER, Role.ADMINISTRATOR)
    assert second["password"] != first["password"]
    deeds = world.ask("GET", f"/audit?object=product/{PUMP}")["items"]
    assert [deed["action"] for deed in deeds] == ["renew credential"] * 2 + ["register product"]
    assert first["password"] not in str(deeds)


def test_mosquitto_takes_the_hash(world: World, tmp_path: Path) -> None:
    """Guards: the hash is in the broker's own form, tried with the broker itself."""
    mosquitto = find_mosquitto()
    if mosquitto is None:
        pytest.skip("mosquitto is not installed")
    credential = world.ask("POST", f"/products/{PUMP}/credential", OWNER, Role.ADMINISTRATOR)
    (tmp_path / "passwords").write_text("".join(f"{row['device_id']}:{row['password_hash']}\n" for row in kept(world)))
    port = free_port()
    configuration = tmp_path / "mosquitto.conf"
    configuration.write_text(f"listener {port} 127.0.0.1\npassword_file {tmp_path / 'passwords'}\nuser root\n")
    broker = subprocess.Popen([mosquitto, "-c", str(configuration)], stderr=subprocess.DEVNULL)
    try:
        assert knock(port, credential["password"]) == 0
        assert knock(port, "wrong") == NOT_AUTHORISED
    finally:
        broker.terminate()
        broker.wait(10)


NOT_AUTHORISED = 5  # MQTT 3.1.1, table 3.1.


def kept(world: World) -> list[Any]:
    """The broker's password file, as another service would fetch it."""
    service = principal("platform", Role.SERVICE, kind="service")
    return world.ask("GET", "/device-passwords", service)["items"]


def knock(port: int, password: str) -> int:
    """The broker's answer (return code of CONNACK) to the pump with a password; tries until it listens."""
    user, secret = PUMP.encode(), password.encode()

    def text(content: bytes) -> bytes:
        return len(content).to_bytes(2, "big") + content

    body = text(b"MQTT") + bytes([4, 0b1100_0010, 0, 30]) + text(b"knock") + text(user) + text(secret)
    for _ in range(100):
        try:
            with socket.create_connection(("127.0.0.1", port), 5) as line:
                line.sendall(bytes([0x10, len(body)]) + body)
                return line.recv(4)[3]
        except ConnectionRefusedError:
            sleep_s(0.05)
    return -1


def test_no_request_that_anyone_can_think_of_breaks_the_service(world: World) -> None:
    """Short form; values come from the published schema, valid and broken ones."""
    world.born()
    world.found(finding())
    schema = schemathesis.openapi.from_asgi("/openapi.json", world.app)
    everything = principal("maker", Role.ADMINISTRATOR, sees={ALL: ALL})
    headers = {"Authorization": f"Bearer {token_for(world.keys, everything)}"}
    for operation in schema.get_all_operations():
        cases = operation.ok().as_strategy(generation_mode=GenerationMode.NEGATIVE) | operation.ok().as_strategy()

        @hypothesis.settings(max_examples=6, database=None, deadline=None, suppress_health_check=list(HealthCheck))
        @hypothesis.given(case=cases)
        def no_fault(case: schemathesis.Case) -> None:
            response = case.call(headers=headers)
            assert response.status_code < 500, (case.as_curl_command(), response.text)

        no_fault()


def test_every_route_has_a_summary_in_both_languages(world: World) -> None:
    """Guards: the merged description is read in Chinese and in English."""
    for path, methods in world.app.openapi()["paths"].items():
        for method, operation in methods.items():
            chinese, _, english = operation["summary"].partition(" · ")
            assert english.isascii() and english and not chinese.isascii(), (method, path)


def test_paging_walks_through_everything_once(world: World) -> None:
    """Guards: a list longer than a page loses nothing and repeats nothing."""
    for number in range(5):
        world.found(finding(f"code_{number}_high", "warning"))
    everything = [alarm["id"] for alarm in world.ask("GET", "/alarms")["items"]]
    found: list[str] = []
    cursor = ""
    while cursor is not None:
        page = world.ask("GET", "/alarms", params={"limit": 2} | ({"cursor": cursor} if cursor else {}))
        found += [alarm["id"] for alarm in page["items"]]
        cursor = page["next_cursor"]
    assert found == everything and len(found) == 5
    assert world.ask("GET", "/alarms?cursor=nonsense", status=422)["code"] == "invalid-cursor"


def test_the_client_answers_in_contract_types_and_raises_problems(world: World) -> None:
    """Guards: what other rooms call is what the routes give."""
    world.born()
    world.says("telemetry", values={"flow_m3_h": 190.0, "speed_rpm": 2900.0})
    world.found(finding())
    everything = principal("maker", Role.ADMINISTRATOR, sees={ALL: ALL})

    async def story() -> None:
        token = token_for(world.keys, everything)
        async with LifecycleClient(httpx2.ASGITransport(app=world.app), token) as client:
            assert (await client.fleet()).online == 1
            kind = (await client.product_types()).items[0]
            made = await client.register(ProductCreate(id="pump-c", type_id=kind.id, serial="c", organisation_id=OWNER))
            assert made.credential.device_id == "pump-c"
            with pytest.raises(Problem) as problem:
                await client.product("nothing")
            assert (problem.value.code, problem.value.status) == ("not-found", 404)
            assert [each.product.id async for each in client.each(client.products, limit=1)] == [
                PUMP,
                OTHER_PUMP,
                "pump-c",
            ]
            assert (await client.twin(PUMP)).values["flow_m3_h"].value == 190.0
            assert len((await client.history(PUMP, "flow_m3_h", end=None)).points) <= 1
            assert (await client.readings(PUMP))[0].values["flow_m3_h"] == 190.0
            assert (await client.timeline(PUMP))[-1].state == "running"
            desired = await client.set_desired(PUMP, DesiredUpdate(parameters={"interval_s": 5}))
            assert desired.desired == {"interval_s": 5}
            command = await client.send_command(PUMP, CommandCreate(name="restart", idempotency_key="key-0000001"))
            assert (await client.cancel_command(command.id)).state == "CANCELLED"
            (alarm,) = (await client.alarms(active=True)).items
            assert (await client.acknowledge(alarm.id)).acknowledged
            assert (await client.unacknowledge(alarm.id)).acknowledged is None
            assert (await client.assign(alarm.id, "李工")).assignee == "李工"
            ticket = await client.open_ticket(TicketCreate(alarm_ids=[alarm.id]))
            order = await client.create_work_order(WorkOrderCreate(ticket_id=ticket.id))
            for action in ("start", "complete"):
                order = await client.act_on_work_order(order.id, WorkOrderAction(action=action))
            assert (await client.clear(alarm.id, "done")).state == "CLEARED"
            assert (await client.close_ticket(ticket.id)).closed
            assert (await client.work_order(order.id)).state == "CLOSED"
            assert (await client.ledger()).stored == 2
            assert (await client.dead_letters()).items == []
            assert (await client.audit(object=f"ticket/{ticket.id}")).items
            assert (await client.events(newest_first=True, limit=1)).head > 10
            assert sorted(await client.clauses()) == sorted((await client.evidence()).keys())
        async with LifecycleClient("http://127.0.0.1:9", token) as client:
            with pytest.raises(Problem, match="unreachable"):
                await client.fleet()

    asyncio.run(story())


def test_evidence_is_shown_only_with_live_figures(world: World) -> None:
    """Guards: an empty platform claims nothing; each clause is shown once its story has run."""
    assert {each["status"] for each in world.ask("GET", "/evidence").values()} == {"not yet"}
    world.born()
    world.says("telemetry", values={"speed_rpm": 2900.0, "vibration_envelope_g": 0.1, "vibration_velocity_mm_s": 1.0})
    shown = {clause for clause, each in world.ask("GET", "/evidence").items() if each["status"] == "shown"}
    assert {"HN-1-1-a", "HN-1-2-a", "HN-1-2-d"} <= shown and "HN-1-1-b" not in shown
    evidence = world.ask("GET", "/evidence")["HN-1-2-d"]
    figures = {figure["name"]: figure["value"] for figure in evidence["figures"]}
    assert figures["received"] == figures["stored"] == 2 and figures["missing"] == 0 and figures["boots"] == 1
