"""Bad input is counted and put aside with a reason, and the good message after it is taken as if nothing had been."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from services.kernel.bus import Message
from services.kernel.testing import START
from services.lifecycle.contract import DEVICE_TOPICS
from tests.services.lifecycle.ingest_bench import Bench, bench_over

TIME = START.isoformat()


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def bench(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    """One for all tests of this file: what one leaves behind must not harm the next."""
    with bench_over(request.param, request, tmp_path_factory.mktemp("bench")) as made:
        yield made


def telemetry(sequence: Any = 1, boot: Any = 1, time: Any = TIME, **more: Any) -> bytes:
    return json.dumps({"boot": boot, "sequence": sequence, "time": time, "values": {"flow": 1.0}, **more}).encode()


def nested(depth: int) -> bytes:
    head = f'{{"boot":1,"sequence":1,"time":"{TIME}","values":{{}},"x":'.encode()
    return head + b"[" * depth + b"]" * depth + b"}"


def waveform(rate_hz: float, samples: list[float]) -> dict[str, Any]:
    return {"v": {"rate_hz": rate_hz, "samples": samples}}


GOOD = '{"boot":1,"sequence":1,"time":"2026-01-05T00:00:00Z","values":{"flow":%s}}'

BAD_TELEMETRY = {
    "empty": (b"", "not-json"),
    "no json": (b"hello", "not-json"),
    "cut off": (telemetry()[:-5], "not-json"),
    "two documents": (telemetry() * 2, "not-json"),
    "not utf-8": (telemetry().replace(b"flow", b"fl\xff\xfe"), "not-json"),
    "utf-16": (telemetry().decode().encode("utf-16"), "not-json"),
    "null bytes": (b"\0" * 20, "not-json"),
    "half a surrogate pair": (telemetry().replace(b"flow", rb"fl\ud800w"), "not-json"),
    "null byte inside": (telemetry().replace(b"flow", b"fl\0w"), "not-json"),
    "nan": ((GOOD % "NaN").encode(), "not-json"),
    "infinity": ((GOOD % "-Infinity").encode(), "not-json"),
    "number beyond float": ((GOOD % "1e999").encode(), "wrong-shape"),
    "deep nesting": (nested(100_000), "not-json"),
    "a list": (b"[]", "wrong-shape"),
    "null": (b"null", "wrong-shape"),
    "text for number": (telemetry(values={"flow": "1.0"}), "wrong-shape"),
    "truth for number": (telemetry(values={"flow": True}), "wrong-shape"),
    "null for number": (telemetry(values={"flow": None}), "wrong-shape"),
    "list for values": (telemetry(values=[1.0]), "wrong-shape"),
    "no boot": (json.dumps({"sequence": 1, "time": TIME, "values": {}}).encode(), "wrong-shape"),
    "text for boot": (telemetry(boot="1"), "wrong-shape"),
    "negative sequence": (telemetry(sequence=-1), "wrong-shape"),
    "sequence beyond 64 bits": (telemetry(sequence=2**64), "wrong-shape"),
    "sequence at 63 bits": (telemetry(sequence=2**63 - 1), "wrong-shape"),
    "fraction for sequence": (telemetry(sequence=1.5), "wrong-shape"),
    "null for sequence": (telemetry(sequence=None), "wrong-shape"),
    "no time": (telemetry(time=None), "wrong-shape"),
    "time without zone": (telemetry(time="2026-01-05T00:00:00"), "wrong-shape"),
    "no such date": (telemetry(time="2026-02-30T00:00:00Z"), "wrong-shape"),
    "time as number": (telemetry(time=1767571200), "wrong-shape"),
    "unknown quality": (telemetry(quality="FINE"), "wrong-shape"),
    "unknown quality with a null": (telemetry(quality="\0"), "wrong-shape"),
    "10,000 keys": (telemetry(values={f"signal_{n}": n for n in range(10_000)}), "wrong-shape"),
    "key of 1,000 letters": (telemetry(values={"x" * 1_000: 1.0}), "wrong-shape"),
    "10 MB": (telemetry(text="x" * 10_000_000), "too-large"),
    "far in the future": (telemetry(time="2027-01-01T00:00:00Z"), "time-in-future"),
    "the last year": (telemetry(time="9999-12-31T23:59:59.999999-23:59"), "time-in-future"),
    "number beyond all physics": (telemetry(values={"flow": 1e16}), "wrong-shape"),
    "ancient": (telemetry(time="1970-01-01T00:00:00Z"), "time-too-old"),
    "the first year": (telemetry(time="0001-01-01T00:00:00+23:59"), "time-too-old"),
    "waveform of no rate": (telemetry(waveforms={"v": {"rate_hz": 0, "samples": [1.0]}}), "wrong-shape"),
    "waveform of text": (telemetry(waveforms={"v": {"rate_hz": 1, "samples": ["a"]}}), "wrong-shape"),
}

OTHER = {"boot": 1, "sequence": 1, "time": TIME}
ALARM = OTHER | {"code": "seal_leak", "severity": "major", "active": True}
BIRTH = OTHER | {"type": "pump", "serial": "7"}

BAD_OTHERS = {
    "birth without a type": ("birth", OTHER | {"serial": "7"}, "wrong-shape"),
    "birth with a long serial": ("birth", BIRTH | {"serial": "7" * 65}, "wrong-shape"),
    "birth of 70 kB": ("birth", BIRTH | {"signals": {f"s{n}": "x" * 1_000 for n in range(70)}}, "too-large"),
    "birth that holds text": ("birth", BIRTH | {"held": {"1": "2"}}, "wrong-shape"),
    "birth that holds less than nothing": ("birth", BIRTH | {"held": {"1": -1}}, "wrong-shape"),
    "state with a sequence but no time": ("state", {"boot": 1, "sequence": 1, "time": None}, "wrong-shape"),
    "state with a time but no sequence": ("state", {"boot": 1, "time": TIME, "online": False}, "wrong-shape"),
    "will that says online": ("state", {"boot": 1, "online": True}, "wrong-shape"),
    "state that reports a list": ("state", OTHER | {"reported": []}, "wrong-shape"),
    "state that reports 10,000 things": (
        "state",
        OTHER | {"reported": {f"p{n}": 1 for n in range(10_000)}},
        "too-large",
    ),
    "state nested deep": ("state", OTHER | {"reported": {"a": json.loads("[" * 200 + "]" * 200)}}, "wrong-shape"),
    "alarm of unknown severity": ("alarm", ALARM | {"severity": "bad"}, "wrong-shape"),
    "alarm that does not say whether": ("alarm", {**ALARM, "active": None}, "wrong-shape"),
    "alarm with a long text": ("alarm", ALARM | {"text": "x" * 2_001}, "wrong-shape"),
    "acknowledgement of unknown state": ("ack", OTHER | {"command_id": "1", "state": "DONE"}, "wrong-shape"),
    "acknowledgement of nothing": ("ack", OTHER | {"state": "SUCCEEDED"}, "wrong-shape"),
}

ODD_TEXT = "\0\x1b[31m\u202e'; DROP TABLE twin; --</script>🤖泵"
ODD_BOOTS = ("²", "٣", "-1", "", "9" * 64)
ODD_BUT_GOOD = {
    "no values": ("telemetry", {"values": {}}),
    "names of signals": ("telemetry", {"values": {ODD_TEXT: 1.0, "": 2.0}}),
    "unknown members": ("telemetry", {"values": {"speed_rpm": 1.0}, ODD_TEXT: [None, {"a": 1}]}),
    "greatest numbers": ("telemetry", {"values": {"bearing_temperature_c": 1e15, "run_seconds": 10**15}}),
    "least numbers": ("telemetry", {"values": {"bearing_temperature_c": -1e15, "run_seconds": -(10**15)}}),
    "smallest number": ("telemetry", {"values": {"vibration_velocity_mm_s": 5e-324, "speed_rpm": -0.0}}),
    "quality of a stranger": ("telemetry", {"values": {"speed_rpm": 1.0}, "qualities": {"stranger": "BAD"}}),
    "waveform of nothing": ("telemetry", {"values": {"speed_rpm": 1e15}, "waveforms": waveform(1, [])}),
    "birth": ("birth", {"type": ODD_TEXT, "serial": ODD_TEXT, "firmware": ODD_TEXT, "parameters": {ODD_TEXT: "x"}}),
    "birth that holds odd boots": ("birth", {"type": "", "serial": "", "held": dict.fromkeys(ODD_BOOTS, 1)}),
    "state": ("state", {"firmware": ODD_TEXT, "reported": {ODD_TEXT: [ODD_TEXT, 2**70, -1e15, {ODD_TEXT: None}]}}),
    "alarm": ("alarm", {"code": ODD_TEXT, "severity": "minor", "active": True, "text": ODD_TEXT}),
    "alarm of no name": ("alarm", {"code": "", "severity": "minor", "active": True}),
    "acknowledgement": ("ack", {"command_id": ODD_TEXT, "state": "FAILED", "reason": ODD_TEXT, "result": {"": 1}}),
    "speed as text": ("state", {"reported": {"speed_rpm": ODD_TEXT, "bearing": [ODD_TEXT]}}),
    "waveform after that": ("telemetry", {"waveforms": waveform(12_000, [1e15, -1e15] * 6_000)}),
    "bearing as text": ("state", {"reported": {"speed_rpm": 1e-300, "bearing": "6205"}}),
    "waveform after that too": ("telemetry", {"waveforms": waveform(12_000, [0.0] * 12_000)}),
}  # fmt: skip

BAD_TOPICS = {
    "unknown device": ("nobody", "telemetry", "unknown-device"),
    "device in capitals": ("PUMP-1", "telemetry", "unknown-device"),
    "device of odd letters": ("泵 ';--\\'\"%_", "telemetry", "unknown-device"),
    "device of 10,000 letters": ("p" * 10_000, "telemetry", "unknown-device"),
    "device with a null": ("pump\0-1", "telemetry", "unknown-device"),
    "device of broken text": ("\ufffd\ufffd", "telemetry", "unknown-device"),
    "no device": ("", "telemetry", "unknown-topic"),
    "unknown kind": ("pump-1", "gossip", "unknown-topic"),
    "kind in capitals": ("pump-1", "TELEMETRY", "unknown-topic"),
    "kind with a null": ("pump-1", "telemetry\0", "unknown-topic"),
    "no kind": ("pump-1", "", "unknown-topic"),
}


def check_put_aside(bench: Bench, bad: Message, reason: str, alone: bool = True) -> None:
    """It is one counted dead letter with its payload; the worker then takes a good message, alone or in company."""
    for send in (bench.publish, bench.settle) if alone else (bench.settle,):
        before = bench.counts()
        send(bad, bench.reading(100 + before["received"]))
        after = bench.counts()
        more = {name: after[name] - before[name] for name in after}
        assert more == {"received": 2, "stored": 1, "duplicate": 0, "dead_lettered": 1}
        letter = bench.letters()[-1]
        assert letter.reason == reason and letter.detail and "Traceback" not in letter.detail
        assert bad.payload.startswith(bytes(letter.payload)) and (letter.payload or not bad.payload)


@pytest.mark.parametrize("name", BAD_TELEMETRY)
def test_a_message_that_cannot_be_taken_is_put_aside(name: str, bench: Bench) -> None:
    payload, reason = BAD_TELEMETRY[name]
    check_put_aside(bench, bench.message("pump-1", "telemetry", payload), reason)


@pytest.mark.parametrize("name", BAD_OTHERS)
def test_so_is_a_birth_state_alarm_or_acknowledgement(name: str, bench: Bench) -> None:
    kind, body, reason = BAD_OTHERS[name]
    check_put_aside(bench, bench.message("pump-1", kind, body), reason)


@pytest.mark.parametrize("name", BAD_TOPICS)
def test_a_message_from_nowhere_is_put_aside(name: str, bench: Bench) -> None:
    device, kind, reason = BAD_TOPICS[name]
    # Brokers differ in which topics they let through: the worker gets them as they would come off the wire.
    check_put_aside(bench, Message(f"{DEVICE_TOPICS}/{device}/{kind}", telemetry()), reason, alone=False)


@pytest.mark.parametrize("name", ODD_BUT_GOOD)
def test_what_is_odd_but_understood_is_stored(name: str, bench: Bench) -> None:
    """Guards: a worker that fails on it would try for seconds and then call it poison."""
    kind, body = ODD_BUT_GOOD[name]
    before = bench.counts()
    sequence = 10_000 + before["received"]
    bench.publish(bench.message("pump-2", kind, {"boot": 1, "sequence": sequence, "time": TIME} | body))
    after = bench.counts()
    assert after["stored"] == before["stored"] + 1, bench.letters()[-1:]
    assert bench.bus.statistics()["failures"] == 0
    if "values" in body:
        assert json.loads(bench.twin("pump-2").values).keys() >= body["values"].keys()


def test_a_message_that_is_dead_lettered_need_not_be_kept_by_its_device(bench: Bench) -> None:
    """Guards: a device whose sensor says NaN once would otherwise keep everything after it, and send it for ever."""
    for sequence, payload in enumerate(
        (
            telemetry(0),
            telemetry(1, values={"flow": "broken"}),
            telemetry(2, time="1970-01-01T00:00:00Z"),
            f'{{"boot": 1, "sequence": 3, "time": "{TIME}", "values": {{"flow": nan}}}}'.encode(),
            telemetry(4, text="x" * 2_000_000),
            nested(100_000).replace(b'"sequence":1', b'"sequence":5'),
            telemetry(6),
        )
    ):
        bench.publish(bench.message("pump-3", "telemetry", payload))
        assert bench.confirmed["pump-3"] == {1: sequence}
    bench.worker.bury(bench.message("pump-3", "telemetry", telemetry(7)), "it could not be handled")
    bench.publish(bench.message("pump-3", "telemetry", telemetry(8)))
    assert bench.confirmed["pump-3"] == {1: 8}
    assert bench.letters()[-1].reason == "handler-failed"
    bench.counts()


def test_what_cannot_be_read_at_all_confirms_nothing(bench: Bench) -> None:
    bench.publish(bench.reading(0, boot=7))
    text = "{'boot': 7, 'sequence': 1}"
    for payload in (b"", b"null", b"[7, 1]", b'{"boot": 7}', b'{"x": {"boot": 7, "sequence": 1}}', text.encode()):
        bench.publish(bench.message("pump-1", "telemetry", payload))
    assert bench.confirmed["pump-1"][7] == 0
