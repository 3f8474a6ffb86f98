"""Whatever bytes arrive on whatever topic: the worker never raises, and every message is counted once."""

import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.kernel.bus import Message
from services.kernel.testing import START
from services.lifecycle.contract import DEVICE_TOPICS, device_topic
from services.lifecycle.rules import device_messages
from tests.services.lifecycle.ingest_bench import DEVICES, Bench, bench_over

SHORT, LONG = 100, 20_000

# Every field of every kind, so that each can be left out, doubled in another kind or made to hold anything.
FIELDS: dict[str, Any] = {
    "boot": 1,
    "sequence": 1,
    "time": START.isoformat(),
    "values": {"speed_rpm": 1480.0, "bearing_temperature_c": 50.0},
    "quality": "GOOD",
    "qualities": {"speed_rpm": "STALE"},
    "waveforms": {"v": {"rate_hz": 12_000.0, "samples": [0.0, 1.0] * 10}},
    "type": "pump",
    "serial": "7",
    "firmware": "1.0",
    "signals": {"speed_rpm": "rpm"},
    "held": {"1": 0},
    "parameters": {"bearing": "6205"},
    "online": True,
    "reported": {"speed_rpm": 1480.0},
    "code": "seal_leak",
    "severity": "major",
    "active": True,
    "text": "密封泄漏 / seal leak",
    "command_id": "0" * 32,
    "state": "SUCCEEDED",
    "result": {},
    "reason": "",
}

numbers = st.integers() | st.floats(allow_nan=True) | st.sampled_from([0, -1, 2**62, 2**63, 2**64, 1e308, 5e-324])
texts = st.text(max_size=80) | st.sampled_from(["", "\0", "²", "GOOD", "speed_rpm", "1", "-1", "\u2028"])
near = st.timedeltas(timedelta(days=-30), timedelta(minutes=4)).map(lambda ago: (START + ago).isoformat())
far = st.datetimes().map(lambda at: at.isoformat() + "Z")
anything = st.recursive(
    st.none() | st.booleans() | numbers | texts | near | far,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=12,
)
# Something of the right kind, so that more than the door is tried.
plausible = {
    "values": st.dictionaries(texts | st.sampled_from(["speed_rpm", "bearing_temperature_c"]), numbers, max_size=4),
    "qualities": st.dictionaries(texts, st.sampled_from(["GOOD", "STALE", "BAD"]), max_size=4),
    "held": st.dictionaries(st.integers(-1, 99).map(str) | texts, st.integers(0, 99), max_size=4),
    "reported": st.dictionaries(texts | st.just("speed_rpm"), st.none() | texts | numbers, max_size=4),
    "parameters": st.dictionaries(texts | st.just("bearing"), texts | st.dictionaries(texts, numbers), max_size=4),
    "state": st.sampled_from(["DELIVERED", "EXECUTING", "FAILED"]),
    "severity": st.sampled_from(["critical", "minor"]),
    **dict.fromkeys(("online", "active"), st.booleans()),
    **dict.fromkeys(("firmware", "code", "text", "command_id", "reason"), texts),
}


@st.composite
def bodies(draw: st.DrawFn) -> dict[str, Any]:
    """Everything that a message of any kind may say, some of it in other words, missing or not of its type."""
    body = dict(FIELDS) | {"boot": draw(st.integers(0, 3)), "sequence": draw(st.integers(0, 500)), "time": draw(near)}
    for name in draw(st.lists(st.sampled_from(sorted(plausible)), max_size=4)):
        body[name] = draw(plausible[name])
    for name in draw(st.just([]) | st.just([]) | st.lists(st.sampled_from(sorted(FIELDS)), max_size=2)):
        if draw(st.booleans()):
            body[name] = draw(anything)
        else:
            body.pop(name, None)
    return body


@st.composite
def damaged(draw: st.DrawFn, payload: bytes) -> bytes:
    """The same with a few bytes changed."""
    changed = bytearray(payload)
    for place, byte in draw(st.lists(st.tuples(st.integers(0, len(payload) - 1), st.integers(0, 255)), max_size=3)):
        changed[place] = byte
    return bytes(changed)


def encoded(body: Any) -> bytes:
    return json.dumps(body, ensure_ascii=False).encode("utf-8", "surrogatepass")


known = st.builds(device_topic, st.sampled_from(DEVICES), st.sampled_from(sorted(device_messages.KINDS)))
unknown = (
    st.builds(device_topic, texts, st.sampled_from(sorted(device_messages.KINDS)))
    | st.text(max_size=40).map(lambda rest: f"{DEVICE_TOPICS}/{rest}")
    | st.text(max_size=80)
)
good = bodies().map(encoded)
bad = good.flatmap(damaged) | st.binary(max_size=200) | anything.map(encoded)
batches = st.lists(
    st.builds(Message, known, good) | st.builds(Message, known, bad) | st.builds(Message, unknown, good), max_size=8
)


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def bench(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    with bench_over(request.param, request, tmp_path_factory.mktemp("bench")) as made:
        yield made


def uncounted(message: Message) -> bool:
    """What the platform itself said, and the wills of devices that are known."""
    try:
        device, kind = device_messages.read_topic(message.topic)
        return kind == device_messages.OWN or (
            device in DEVICES and device_messages.read_message(kind, message.payload).sequence is None
        )
    except device_messages.Unreadable:
        return False


def check(bench: Bench, batch: list[Message]) -> None:
    before = bench.counts()
    bench.settle(*batch)
    counts = bench.counts()
    assert counts["received"] - before["received"] == sum(not uncounted(message) for message in batch)
    for device in DEVICES:
        twin = bench.twin(device)
        for text in (twin.values, twin.reported, twin.settled, twin.health):
            json.loads(text)
    good = bench.reading(100_000 + counts["received"], time=START.isoformat())
    bench.settle(good)
    assert bench.counts()["stored"] == counts["stored"] + 1


relaxed = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large]


@settings(max_examples=SHORT, deadline=None, suppress_health_check=relaxed)
@given(batch=batches)
def test_anything_is_counted(bench: Bench, batch: list[Message]) -> None:
    check(bench, batch)


@pytest.mark.soak
@settings(max_examples=LONG, deadline=None, suppress_health_check=relaxed)
@given(batch=batches)
def test_anything_is_counted_for_long(bench: Bench, batch: list[Message]) -> None:
    check(bench, batch)
