"""The device protocol over real brokers: nothing measured is lost, nothing commanded is done twice."""

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from services.kernel.broker import Broker
from services.kernel.bus import Message, MqttBus
from services.kernel.clock import AffineClock, monotonic_s, sleep_s
from simulator.commands import WAVEFORM, PumpCommands
from simulator.devices import Device, Identity
from simulator.line import Address, Line
from simulator.pumps import SIGNALS
from simulator.store import DeviceStore, Held
from simulator.world import World

DEVICE = "pump-001"


class Platform:
    """The other side: hears everything that devices say, confirms only when told to."""

    def __init__(self, broker: Broker) -> None:
        self.messages: list[tuple[str, bytes]] = []
        self.bus = MqttBus("127.0.0.1", broker.port, "platform", clean=True)
        self.bus.subscribe("som/v1/devices/+/+", self._hear)  # One filter: brokers keep the order within one only.
        self.bus.start()
        assert self.bus.wait_until_ready(10)

    def _hear(self, message: Message) -> None:
        kind = message.topic.rpartition("/")[2]
        if kind not in ("command", "confirmed"):
            self.messages.append((kind, message.payload))

    def said(self, kind: str) -> list[dict[str, Any]]:
        return [json.loads(payload) for each, payload in list(self.messages) if each == kind]

    def heard(self) -> list[tuple[int, int]]:
        bodies = [json.loads(payload) for _, payload in list(self.messages)]
        return [(body["boot"], body["sequence"]) for body in bodies if body["sequence"] is not None]

    def confirm(self, boot: int, sequence: int) -> None:
        self.tell("confirmed", {"boot": boot, "sequence": sequence}, qos=0)

    def command(
        self, command_id: str, name: str, parameters: dict[str, Any] | None = None, lives_s: float = 60
    ) -> None:
        expires = datetime.now(UTC) + timedelta(seconds=lives_s)
        body = {"command_id": command_id, "name": name, "parameters": parameters or {}, "expires": expires.isoformat()}
        self.tell("command", body, qos=1)

    def tell(self, kind: str, body: dict[str, Any], qos: int) -> None:
        self.bus.publish(f"som/v1/devices/{DEVICE}/{kind}", json.dumps(body).encode(), qos=qos)

    def states(self, command_id: str) -> list[str]:
        return [ack["state"] for ack in self.said("ack") if ack["command_id"] == command_id]


class Bench:
    """One pump with its world and its line to a real broker, worked by hand."""

    def __init__(self, world: World, broker: Broker, store: DeviceStore, held_bytes_max: int = 2_000_000) -> None:
        self.world, self.store = world, store
        self.line = Line(Address("127.0.0.1", broker.port), DEVICE)
        identity = Identity(DEVICE, "pump-process-75", "P-1", SIGNALS, {"bearing": "6205"})
        self.device = Device(identity, store, self.line, AffineClock(), PumpCommands(world), held_bytes_max)

    def turn_until(self, condition: Callable[[], object], patience_s: float = 15.0) -> None:
        """Work the device until something is so."""
        end_s = monotonic_s() + patience_s
        while not condition():
            assert monotonic_s() < end_s, "it did not happen"
            self.device.listen()
            self.store.commit()
            self.device.flush(1_000)
            sleep_s(0.01)

    def read(self, count: int) -> None:
        for _ in range(count):
            self.device.read({"flow_m3_h": 1.0, "run_seconds": 7})


@pytest.fixture
def platform(broker: Broker) -> Iterator[Platform]:
    made = Platform(broker)
    yield made
    made.bus.stop()


@pytest.fixture
def make_bench(broker: Broker, observe: Any, tmp_path: Any) -> Iterator[Callable[..., Bench]]:
    made: list[Bench] = []

    def make(**options: Any) -> Bench:
        made.append(Bench(observe().world, broker, DeviceStore(tmp_path / "devices.sqlite3"), **options))
        return made[-1]

    yield make
    for bench in made:
        bench.line.close()
        bench.store.close()


def test_what_is_not_confirmed_comes_again_byte_for_byte(platform: Platform, make_bench: Any) -> None:
    """Guards: the broker may forget; a reading is dropped only when the platform has it, and keeps its key."""
    bench = make_bench()
    bench.device.start()
    bench.read(5)
    bench.turn_until(lambda: len(platform.heard()) == 7)
    assert platform.heard() == [(1, number) for number in range(7)], "birth, five readings, state"
    birth, state = platform.said("birth")[0], platform.said("state")[0]
    assert birth["held"] == {"1": 0}
    assert birth["signals"]["flow_m3_h"] == "m3/h"
    assert state["online"] is True
    assert state["held"] == {"1": 0}
    platform.confirm(1, 3)
    bench.turn_until(lambda: bench.store.held_count() == 3)
    first = dict(zip(platform.heard(), platform.messages, strict=True))
    platform.messages.clear()
    bench.line.cut()
    bench.read(2)
    bench.device.connect()
    bench.turn_until(lambda: len(platform.heard()) >= 6)
    again = dict(zip(platform.heard(), [m for m in platform.messages if b'"sequence":null' not in m[1]], strict=True))
    assert sorted(again) == [(1, number) for number in range(4, 10)]
    assert all(again[key] == first[key] for key in [(1, 4), (1, 5), (1, 6)])
    assert platform.said("state")[-1]["held"] == {"1": 4}


def test_a_broken_line_is_told_by_the_will_and_a_farewell_is_not(platform: Platform, make_bench: Any) -> None:
    """Guards: the platform sees a device go without having to wait for silence."""
    bench = make_bench()
    bench.device.start()
    bench.turn_until(lambda: platform.said("state"))
    bench.line.cut()
    bench.turn_until(lambda: not platform.said("state")[-1]["online"])
    will = platform.said("state")[-1]
    assert will == {"boot": 1, "sequence": None, "time": None, "online": False}
    bench.device.connect()
    bench.turn_until(lambda: platform.said("state")[-1]["online"])
    bench.device.farewell()
    bench.turn_until(lambda: not platform.said("state")[-1]["online"])
    count = len(platform.messages)
    bench.line.close()
    sleep_s(0.5)
    assert len(platform.messages) == count
    assert platform.said("state")[-1]["sequence"] is not None


def test_a_device_that_lost_its_process_goes_on_with_the_next_boot(platform: Platform, make_bench: Any) -> None:
    """Guards: sequence numbers start anew with a boot, so a boot number must never be used twice."""
    before = make_bench()
    before.device.start()
    before.read(2)
    before.store.commit()
    before.line.cut()
    before.store.close()
    after = make_bench()
    after.device.start()
    after.read(1)
    after.turn_until(lambda: (2, 2) in platform.heard())
    unique = sorted(set(platform.heard()))
    assert [key for key in unique if key[0] == 1][:3] == [(1, 0), (1, 1), (1, 2)]
    assert platform.said("birth")[-1]["boot"] == 2
    assert platform.said("birth")[-1]["held"] == {"1": 0, "2": 0}
    platform.confirm(1, 9)
    platform.confirm(2, 9)
    after.turn_until(lambda: after.store.held_count() == 0)


def test_commands_are_done_once_and_answered_always(platform: Platform, make_bench: Any) -> None:
    """Guards: QoS 1 may deliver twice; a command without an answer stays open for ever."""
    bench = make_bench()
    bench.device.start()
    bench.device.read({"speed_rpm": 2900.0})
    bench.turn_until(lambda: platform.said("state"))
    platform.command("c1", "set_speed", {"speed_rpm": 2000})
    platform.command("c2", "set_speed", {"speed_rpm": 9000})
    platform.command("c3", "dance")
    platform.command("c4", "reset_alarm", lives_s=-1)
    platform.command("c5", "capture_waveform", {"duration_s": 0.1})
    platform.command("c6", "update_firmware", {"version": "2.x"})
    platform.tell("command", {"name": "without an id"}, qos=1)
    bench.turn_until(lambda: platform.states("c5")[-1:] == ["SUCCEEDED"] and platform.states("c6"))
    assert platform.states("c1") == ["DELIVERED", "EXECUTING", "SUCCEEDED"]
    assert bench.world.fleet.speed_override[0] == pytest.approx(2000 / 2975)
    assert platform.states("c2") == platform.states("c3") == platform.states("c6") == ["DELIVERED", "REJECTED"]
    assert platform.states("c4") == ["REJECTED"]
    assert bench.device.unreadable == 1
    waveform = platform.said("telemetry")[-1]
    assert len(waveform["waveforms"][WAVEFORM]["samples"]) == 1200
    assert waveform["values"]["speed_rpm"] == 2900.0
    bench.world.set_speed(DEVICE, None)
    platform.command("c1", "set_speed", {"speed_rpm": 2000})
    bench.turn_until(lambda: len(platform.states("c1")) == 4)
    assert platform.states("c1")[-1] == "SUCCEEDED"
    assert not bench.world.fleet.speed_override[0] > 0, "it was not done again"


def test_an_update_starts_the_device_anew(platform: Platform, make_bench: Any) -> None:
    """Guards: after an update the device is born again with its new firmware, and the command is still answered."""
    bench = make_bench()
    bench.device.start()
    bench.turn_until(lambda: platform.said("state"))
    platform.command("c1", "update_firmware", {"version": "2.1.0"})
    bench.turn_until(lambda: "SUCCEEDED" in platform.states("c1"))
    birth = platform.said("birth")[-1]
    assert (birth["boot"], birth["firmware"]) == (2, "2.1.0")
    assert platform.said("ack")[-1]["result"] == {"firmware": "2.1.0", "boot": 2}
    bench.turn_until(lambda: platform.said("state")[-1]["online"] and platform.said("state")[-1]["boot"] == 2)


def test_a_command_for_an_absent_device_waits_at_the_broker(platform: Platform, make_bench: Any) -> None:
    """Guards: the device's session persists, so what is sent in a short gap is not lost."""
    bench = make_bench()
    bench.device.start()
    bench.turn_until(lambda: platform.said("state"))
    bench.line.cut()
    bench.turn_until(lambda: not platform.said("state")[-1]["online"])
    platform.command("c1", "reset_alarm")
    bench.device.connect()
    bench.turn_until(lambda: "SUCCEEDED" in platform.states("c1"))


def test_a_message_that_the_broker_lost_is_sent_again(
    platform: Platform, make_bench: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Guards: a hole that the platform cannot confirm over must be filled without waiting for a new connection."""
    monkeypatch.setattr("simulator.devices.HOLE_S_MAX", 0.2)
    bench = make_bench()
    bench.device.start()
    bench.turn_until(lambda: platform.said("state"))
    platform.confirm(1, 0)
    bench.turn_until(lambda: bench.store.oldest(DEVICE) == {1: 1})
    platform.messages.clear()
    sleep_s(0.3)
    platform.confirm(1, 0)
    bench.turn_until(lambda: (1, 1) in platform.heard())


def test_the_store_is_bounded_and_keeps_what_cannot_be_measured_again(platform: Platform, make_bench: Any) -> None:
    """Guards: a device that is offline for weeks neither fills its disk nor forgets an alarm or leaves a hole."""
    bench = make_bench(held_bytes_max=20_000)
    bench.device._boot()
    bench.device.say("alarm", {"code": "vibration-high", "severity": "major", "text": "", "active": True})
    bench.read(1_000)
    assert bench.store.held_bytes(DEVICE) <= 21_000
    assert bench.device.dropped > 500
    bench.device.connect()
    bench.turn_until(lambda: platform.said("state"))
    keys = platform.heard()
    assert keys == [(1, number) for number in range(keys[0][1], keys[-1][1] + 1)], "no holes"
    assert platform.said("state")[-1]["held"] == {"1": keys[0][1]}
    assert [alarm["code"] for alarm in platform.said("alarm")] == ["vibration-high"]
    assert platform.said("birth")[-1]["type"] == "pump-process-75"


def test_the_store_forgets_only_what_was_confirmed(tmp_path: Any) -> None:
    """Guards the counts that the status shows, also over a restart."""
    path = tmp_path / "devices.sqlite3"
    store = DeviceStore(path)
    for boot, sequence in ((1, 0), (1, 1), (2, 0), (2, 1)):
        store.append("a", Held(boot, sequence, "telemetry", b"12345"))
    store.append("b", Held(1, 0, "birth", b"1"))
    store.forget("a", 2, 0)
    store.close()
    store = DeviceStore(path)
    assert store.oldest("a") == {1: 0, 2: 1}
    assert (store.held_bytes("a"), store.held_count()) == (15, 4)
    assert [(each.boot, each.sequence) for each in store.after("a", 1, 0, 10)] == [(1, 1), (2, 1)]
    assert store.first_time("x")
    assert not store.first_time("x")
    store.close()


def test_a_broker_that_died_loses_nothing(platform: Platform, make_bench: Any, broker: Broker) -> None:
    """Guards the promise: the broker may forget everything, each reading arrives in the end, under its first key."""
    bench = make_bench()
    bench.device.start()
    bench.read(10)
    bench.turn_until(lambda: len(platform.heard()) == 12)
    platform.messages.clear()  # As if the platform had not stored them yet.
    broker.stop()
    bench.read(10)
    for _ in range(20):
        bench.device.listen()
        bench.device.flush(100)
        sleep_s(0.01)
    broker.start()
    bench.turn_until(lambda: len(set(platform.heard())) >= 23, patience_s=30)
    assert {(1, number) for number in range(23)} <= set(platform.heard())
