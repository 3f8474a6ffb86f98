"""The simulator as the platform meets it: over a real broker, with the platform's clock."""

import json
import socket
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from services.kernel.broker import EmbeddedBroker
from services.kernel.bus import Message, MqttBus
from services.kernel.clock import CLOCK_TOPIC, AffineClock, ClockSet, monotonic_s, sleep_s, wall_now
from services.kernel.events import make_event
from services.lifecycle.contract import WorkOrderChanged, WorkOrderState
from simulator.contract import COMMAND_TOPIC, STATUS_TOPIC, Fault, SimulatorStatus
from simulator.health import HealthDoor
from simulator.pacing import report_interval_s
from simulator.process import Simulator
from simulator.pumps import COUNTERS
from simulator.scenario import Scenario
from simulator.settings import SimulatorSettings

START = datetime(2026, 3, 2, 1, 0, tzinfo=UTC)


class Platform:
    """Keeps the clock, hears the devices, confirms what it has, sends orders."""

    def __init__(self, port: int) -> None:
        self.readings: dict[str, list[dict[str, Any]]] = {}
        self.births: list[dict[str, Any]] = []
        self.offline: list[str] = []
        self.status: SimulatorStatus | None = None
        self._settled: dict[tuple[str, int], set[int]] = {}
        self.clock = AffineClock(ClockSet(anchor_wall=wall_now(), anchor_business=START, speed=3600, version=1))
        self.bus = MqttBus("127.0.0.1", port, "platform", clean=True)
        self.bus.subscribe("som/v1/devices/+/+", self._hear)
        self.bus.subscribe(STATUS_TOPIC, self._hear_status)
        self.bus.start()
        assert self.bus.wait_until_ready(10)

    def set_clock(self, **change: Any) -> None:
        self.bus.publish(CLOCK_TOPIC, self.clock.set(**change).model_dump_json().encode(), retain=True)

    def order(self, action: str, device_id: str | None = None, fault: str | None = None, growth_h: float = 1.0) -> None:
        body = {"command_id": f"o{monotonic_s()}", "action": action, "device_id": device_id, "fault": fault}
        self.bus.publish(COMMAND_TOPIC, json.dumps({**body, "growth_h": growth_h}).encode())

    def complete_work_order(self, device_id: str, fault: str | None, event_id: str) -> None:
        data = WorkOrderChanged(
            device_id=device_id, work_order_id="w1", ticket_id="t1", state=WorkOrderState.COMPLETED, fault=fault
        )
        event = make_event(
            data, event_id=event_id, subject=device_id, organisation="customer-01", business_time=START,
            wall_time=wall_now(), correlation_id="c1",
        )  # fmt: skip
        self.bus.publish(WorkOrderChanged.topic(), event.to_bytes())

    def faults(self) -> list[tuple[str, Fault]]:
        return [(each.device_id, each.fault) for each in self.status.faults] if self.status else []

    def _hear(self, message: Message) -> None:
        device_id, kind = message.topic.split("/")[3:]
        if kind in ("command", "confirmed"):
            return
        body = json.loads(message.payload)
        if kind == "telemetry":
            self.readings.setdefault(device_id, []).append(body)
        elif kind == "birth":
            self.births.append(body)
        elif kind == "state" and not body["online"]:
            self.offline.append(device_id)
        if body["sequence"] is not None:
            settled = self._settled.setdefault((device_id, body["boot"]), set())
            settled.add(body["sequence"])
            confirmed = {"boot": body["boot"], "sequence": max(settled)}
            if settled == set(range(len(settled))):
                self.bus.publish(f"som/v1/devices/{device_id}/confirmed", json.dumps(confirmed).encode(), qos=0)

    def _hear_status(self, message: Message) -> None:
        self.status = SimulatorStatus.model_validate_json(message.payload)


def wait_until(condition: Callable[[], object], patience_s: float = 20.0) -> None:
    end_s = monotonic_s() + patience_s
    while not condition():
        assert monotonic_s() < end_s, "it did not happen"
        sleep_s(0.02)


@pytest.fixture
def platform(embedded_broker: EmbeddedBroker) -> Iterator[Platform]:
    made = Platform(embedded_broker.port)
    yield made
    made.bus.stop()


@pytest.fixture
def start_simulator(
    embedded_broker: EmbeddedBroker, tmp_path: Path, make_scenario: Callable[..., Scenario]
) -> Iterator[Callable[..., Simulator]]:
    """`start_simulator()` runs one over the small scenario; again after `stop` it is the next process."""
    running: list[tuple[Simulator, threading.Thread]] = []
    path = tmp_path / "small.yaml"
    path.write_text(json.dumps(make_scenario().model_dump(mode="json")), encoding="utf-8")  # JSON is YAML too.

    def start() -> Simulator:
        simulator = Simulator(
            SimulatorSettings(
                data_dir=tmp_path, broker_port=embedded_broker.port, scenario=str(path), status_s=0.1, tick_s=0.05
            )
        )
        thread = threading.Thread(target=simulator.run)
        thread.start()
        running.append((simulator, thread))
        return simulator

    def stop_all() -> None:
        while running:
            simulator, thread = running.pop()
            simulator.stop()
            thread.join(20)
            assert not thread.is_alive()

    start.stop = stop_all  # type: ignore[attr-defined]
    yield start
    stop_all()


def test_the_world_follows_the_clock_and_obeys(platform: Platform, start_simulator: Any) -> None:
    """Guards the demo: nothing before the clock is known; then readings, faults, repairs, pauses as ordered."""
    simulator = start_simulator()
    sleep_s(0.5)
    assert not platform.births
    assert not simulator.ready
    platform.set_clock(speed=3600)
    wait_until(lambda: len(platform.readings) == 3 and platform.status and platform.status.devices_online == 3)
    assert {birth["type"] for birth in platform.births} == {"pump-process-75", "pump-feed-110", "pump-drain-22"}
    assert platform.status.interval_s == report_interval_s(60.0, 3600, 3, 80.0) == 180.0
    assert simulator.ready

    platform.order("inject", "pump-001", "seal_leak", growth_h=5)
    wait_until(lambda: ("pump-001", Fault.SEAL_LEAK) in platform.faults())
    platform.complete_work_order("pump-001", "imbalance", "e1")
    platform.complete_work_order("pump-001", "seal_leak", "e2")
    wait_until(lambda: not platform.faults())
    platform.order("inject", "pump-001", "wear")
    wait_until(lambda: platform.faults())
    platform.complete_work_order("pump-001", None, "e2")  # Delivered twice: done once.
    platform.order("inject", "pump-002", "lost_connection")
    wait_until(lambda: "pump-002" in platform.offline)
    assert ("pump-001", Fault.WEAR) in platform.faults()
    count = len(platform.readings["pump-002"])
    platform.order("repair", "pump-002")
    wait_until(lambda: len(platform.readings["pump-002"]) > count)

    platform.order("pause")
    wait_until(lambda: not platform.status.running)
    stood = platform.status.business_time
    sleep_s(0.3)
    assert platform.status.business_time == stood
    volume = platform.readings["pump-001"][-1]["values"]["volume_l"]
    platform.order("start")
    wait_until(lambda: platform.status.running and platform.readings["pump-001"][-1]["time"] > stood.isoformat())
    platform.order("reset")
    wait_until(lambda: not platform.faults())
    assert platform.readings["pump-001"][-1]["values"]["volume_l"] >= volume
    platform.bus.publish(COMMAND_TOPIC, b"{}")
    platform.order("inject", "pump-999", "wear")
    platform.order("inject", "pump-001")
    count = len(platform.readings["pump-001"])
    wait_until(lambda: len(platform.readings["pump-001"]) > count + 2)


def test_a_restarted_simulator_goes_on(platform: Platform, start_simulator: Any) -> None:
    """Guards billing and trends: after a restart counters do not fall, faults are still there, boots grow, and all
    that was measured arrives once it is sent again."""
    platform.set_clock(speed=3600)
    start_simulator()
    wait_until(lambda: len(platform.readings.get("pump-001", ())) > 3)
    platform.order("inject", "pump-003", "imbalance", growth_h=100)
    wait_until(lambda: platform.faults())
    start_simulator.stop()
    assert platform.status is not None
    assert not platform.status.running
    assert sorted(platform.offline) == ["pump-001", "pump-002", "pump-003"], "each said farewell, once"
    last = platform.readings["pump-001"][-1]
    start_simulator()
    wait_until(lambda: platform.readings["pump-001"][-1]["boot"] == 2)
    assert ("pump-003", Fault.IMBALANCE) in platform.faults()
    for device_id, readings in platform.readings.items():
        unique = {(body["boot"], body["sequence"]): body for body in readings}
        for counter in COUNTERS:
            values = [unique[key]["values"][counter] for key in sorted(unique)]
            assert values == sorted(values), f"{counter} of {device_id} fell"
    assert platform.readings["pump-001"][-1]["time"] > last["time"]
    wait_until(lambda: platform.status.messages_unconfirmed < 10)


@pytest.mark.parametrize(
    ("speed", "interval_s"), [(1, 2.0), (4, 2.0), (60, 30.0), (61, 60.0), (3600, 1800.0), (36_000, 18_000.0)]
)
def test_the_interval_bounds_the_load_in_wall_time(speed: float, interval_s: float) -> None:
    """Guards: 40 devices never send more than 80 readings in a wall second, at any speed."""
    assert report_interval_s(2.0, speed, 40, 80.0) == interval_s
    assert 40 * speed / interval_s <= 80 + 1e-9


def test_readiness_is_told_over_http() -> None:
    """Guards a supervisor that waits for the simulator."""
    state = {"ready": False}
    listener = socket.create_server(("127.0.0.1", 0))
    door = HealthDoor(lambda: state["ready"], listener)
    door.start()

    def status(path: str) -> int:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{door.port}{path}", timeout=5) as answer:
                return int(answer.status)
        except urllib.error.HTTPError as error:
            return error.code

    assert (status("/health/live"), status("/health/ready"), status("/other")) == (200, 503, 404)
    state["ready"] = True
    assert status("/health/ready") == 200
    door.stop()
