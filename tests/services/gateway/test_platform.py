"""The clock that never goes back, the simulator's door, the demonstration's people."""

import json
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx2
import pytest
import yaml
from fastapi.testclient import TestClient

from gateway.app import create_app
from gateway.clock_keeper import ClockKeeper
from gateway.contract import ClockChange
from gateway.first_start import prepare
from gateway.seed import CUSTOMERS, MAKER, seed_demonstration
from gateway.seed import EVALUATOR as EVALUATORS
from gateway.tables import METADATA
from services.kernel.bus import MemoryBus, Message
from services.kernel.clock import CLOCK_TOPIC, AffineClock, ClockSet
from services.kernel.database import Database
from services.kernel.identity import Role
from services.kernel.testing import principal
from simulator.contract import COMMAND_TOPIC, STATUS_TOPIC, SimulatorCommand, SimulatorStatus

from .conftest import SITE, World, sign_in
from .test_upstream import served

BROWSER = {"Origin": SITE}
START = datetime(2026, 1, 5, tzinfo=UTC)
OPERATOR = principal("operator", Role.OPERATOR)


@contextmanager
def running_clock(database_url: str, bus: MemoryBus | None = None) -> Iterator[tuple[AffineClock, ClockKeeper]]:
    """A clock as one process has it; it is left as a crash leaves it, without a farewell."""
    clock, bus = AffineClock(), bus or MemoryBus()
    database: Database = Database(database_url, METADATA, service="gateway", package="gateway", clock=clock)
    keeper = ClockKeeper(clock, database, bus)
    database.upgrade()
    keeper.start(START, 1.0)
    bus.start()
    try:
        yield clock, keeper
    finally:
        database.close()


def test_business_time_never_goes_back_over_a_crash(each_world: World) -> None:
    """Guards: readings and invoices of a future that has not happened yet, after a `kill -9` at high speed."""
    url = each_world.database_url
    last = START
    for speed in (3600.0, 1.0, 600.0):
        with running_clock(url) as (clock, keeper):
            assert last <= clock.business_now() < last + timedelta(hours=12)
            keeper.change(ClockChange(speed=speed), OPERATOR)
            keeper.persist()
            for _ in range(2000):
                assert clock.business_now() >= last
                last = clock.business_now()
            version = clock.version
    with running_clock(url) as (clock, keeper):
        assert clock.version > version
        assert clock.speed == 600.0
        assert clock.business_now() >= last


def test_a_pause_stands_over_a_restart_and_a_night_is_not_played_back(each_world: World) -> None:
    """Guards: a platform that was off for a night and then bills for it."""
    url = each_world.database_url
    with running_clock(url) as (clock, keeper):
        keeper.change(ClockChange(paused=True), OPERATOR)
        paused_at = clock.business_now()
        keeper.stop()
    with running_clock(url) as (clock, keeper):
        assert clock.paused
        assert clock.business_now() == paused_at
        keeper.change(ClockChange(paused=False), OPERATOR)
        assert clock.business_now() >= paused_at


def test_the_setting_is_retained_and_followed(world: World) -> None:
    """Guards: a service that starts later, or was cut off, and lives in another time."""
    client = world.start(business_start=START)
    sign_in(client, world.link)
    answer = client.post("/api/clock", json={"speed": 60}, headers=BROWSER)
    assert answer.status_code == 200
    follower = AffineClock()
    heard: list[Message] = []
    world.bus.subscribe(CLOCK_TOPIC, heard.append)
    follower.follow(ClockSet.model_validate_json(heard[-1].payload))
    assert (follower.speed, follower.version) == (60, answer.json()["version"])
    state = client.get("/api/clock").json()
    assert datetime.fromisoformat(state["business_now"]) >= START
    for wrong in ({"speed": 0.5}, {"speed": 4000}, {"business_now": "2020-01-01T00:00:00Z"}, {"speed": "NaN"}):
        assert client.post("/api/clock", json=wrong, headers=BROWSER).status_code == 422
    trail = client.get("/api/audit").json()["items"]
    assert "set clock" in {entry["action"] for entry in trail}
    assert [each["type"] for each in client.get("/api/events").json()] == ["som.v1.gateway.business-time.set"]


def test_a_retained_setting_of_another_life_is_outdone(tmp_path: Path) -> None:
    """Guards: a broker that kept the clock of a platform whose database was thrown away; services would follow that."""
    bus = MemoryBus()
    old = ClockSet(anchor_wall=START, anchor_business=datetime(2031, 1, 1, tzinfo=UTC), speed=9, version=70)
    bus.publish(CLOCK_TOPIC, old.model_dump_json().encode(), retain=True)
    with running_clock(f"sqlite:///{tmp_path}/g.sqlite3", bus) as (clock, _keeper):
        assert clock.version > 70
        assert clock.business_now() >= old.anchor_business
        heard: list[Message] = []
        bus.subscribe("som/v1/+", heard.append)
        assert ClockSet.model_validate_json(heard[-1].payload) == clock.setting()


def test_events_stream_to_an_open_page(world: World) -> None:
    """Guards: a stream that some layer in between keeps back until it ends."""
    prepare(world.settings())
    app = create_app(world.settings(), {}, bus=MemoryBus())
    with served(app) as url, httpx2.Client(base_url=url, timeout=10) as client:
        token = app.state.gateway.access.token(principal("operator", Role.OPERATOR, sees={"*": ("operator",)}))
        headers = {"Authorization": f"Bearer {token}"}
        with client.stream("GET", "/api/events/stream", headers=headers) as answer:
            assert answer.headers["content-type"].startswith("text/event-stream")
            lines = answer.iter_lines()
            assert next(lines) == "retry: 2000"
            app.state.gateway.keeper.change(ClockChange(speed=7), OPERATOR)
            assert (
                next(line for line in lines if line.startswith("event:")) == "event: som.v1.gateway.business-time.set"
            )
        app.state.gateway.close_streams()


def status(**changes: Any) -> bytes:
    """A status as the simulator sends it."""
    known: dict[str, Any] = {
        "scenario": "city_water", "scenario_zh": "城市供水", "seed": 7, "running": True, "devices": 40,
        "devices_online": 40, "messages_sent": 1, "messages_unconfirmed": 0, "business_time": START,
        "wall_time": START, "interval_s": 2.0,
    }  # fmt: skip
    return SimulatorStatus(**(known | changes)).model_dump_json().encode()


def test_the_simulator_is_seen_and_steered(world: World) -> None:
    """Guards: an order to a simulator that is not there and is carried out when it starts, days later."""
    client = world.start()
    sign_in(client, world.link)
    order = {"command_id": "1", "action": "inject", "device_id": "pump-007", "fault": "imbalance"}
    assert client.get("/api/simulator").json() == {"connected": False, "status": None}
    assert client.post("/api/simulator", json=order, headers=BROWSER).json()["code"] == "simulator-away"
    orders: list[SimulatorCommand] = []
    world.bus.subscribe(COMMAND_TOPIC, lambda m: orders.append(SimulatorCommand.model_validate_json(m.payload)))
    world.bus.publish(STATUS_TOPIC, b"{not json")
    world.bus.publish(STATUS_TOPIC, status(), retain=True)
    assert client.get("/api/simulator").json()["connected"] is True
    assert client.post("/api/simulator", json=order, headers=BROWSER).status_code == 202
    assert [(each.action, each.device_id) for each in orders] == [("inject", "pump-007")]
    wrong = [{**order, "fault": "rust"}, {**order, "device_id": "pump/7"}, {**order, "growth_h": -1}]
    assert [client.post("/api/simulator", json=each, headers=BROWSER).status_code for each in wrong] == [422] * 3


def test_the_demonstration_has_the_scenarios_customers(project_root: Path) -> None:
    """Guards: pumps of a customer that the platform does not know, or knows under another name."""
    scenario = yaml.safe_load((project_root / "simulator/scenarios/city_water.yaml").read_text(encoding="utf-8"))
    assert {each["id"]: (each["name_zh"], each["name_en"]) for each in scenario["customers"]} == CUSTOMERS


def token_of(client: TestClient, credential: dict[str, str]) -> dict[str, str]:
    answer = client.post("/oauth/token", data={"grant_type": "client_credentials", **credential})
    assert answer.status_code == 200, answer.text
    return {"Authorization": f"Bearer {answer.json()['access_token']}"}


def test_the_demonstration_is_set_up_once_and_its_secrets_are_kept_from_others(each_world: World) -> None:
    """Guards: secrets that anybody on the machine may read, or that change at each start and lock the simulator out;
    a maker that does not see its customers' pumps."""
    settings = each_world.settings()
    prepare(settings)
    path = seed_demonstration(settings)
    kept = path.read_bytes()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert seed_demonstration(settings).read_bytes() == kept
    client = each_world.start()
    credentials = json.loads(kept)
    assert set(credentials) == {MAKER, *CUSTOMERS}
    maker = client.get("/me", headers=token_of(client, credentials[MAKER])).json()
    assert maker["organisation_id"] == MAKER
    assert maker["sees"] == {"billing": sorted(CUSTOMERS), "lifecycle": sorted(CUSTOMERS)}
    customer = client.get("/me", headers=token_of(client, credentials["customer-03"])).json()
    assert (customer["organisation_id"], customer["sees"]) == ("customer-03", {})
    path.unlink()
    renewed = json.loads(seed_demonstration(settings).read_text(encoding="utf-8"))
    assert renewed[MAKER]["client_secret"] != credentials[MAKER]["client_secret"]
    token_of(client, renewed[MAKER])
    sign_in(client, each_world.link)
    users = client.get("/api/users", params={"limit": 500}).json()["items"]
    assert [user for user in users if user["has_password"]] == []
    assert {user["organisation_id"] for user in users if "evaluator" in user["roles"]} == {EVALUATORS}


@pytest.mark.parametrize("limit", [1, 3, 500])
def test_lists_come_in_pages(world: World, limit: int) -> None:
    """Guards: a list of which the end is never shown, or an entry twice."""
    prepare(world.settings())
    seed_demonstration(world.settings())
    client = world.start(rate_per_s=0)
    sign_in(client, world.link)
    found: list[str] = []
    cursor: str | None = None
    while cursor is not None or not found:
        page = client.get("/api/agreements", params={"limit": limit, **({"cursor": cursor} if cursor else {})}).json()
        found += [each["grantor_id"] for each in page["items"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert sorted(found) == sorted(CUSTOMERS)
