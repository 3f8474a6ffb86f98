"""How long it takes from the reading that decides that there is a fault to the alarm that others can hear."""

import statistics
from datetime import timedelta
from typing import Any

import msgspec
import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion

from benchmarks import fleet
from benchmarks.processes import Measured
from services.kernel.clock import monotonic_s, sleep_s, wall_now
from services.kernel.events import Event
from services.lifecycle.contract import AlarmRaised, device_topic

RATE = 500  # Messages a second over all devices.
DEVICES = 40
BOOT = 500_000
LEARNING = 120  # Readings before the first fault, for the baseline.
CYCLE = 50  # Readings of one device from one fault to the next ...
HOT = 10  # ... of which so many are hot.
DECIDING = 3  # The third hot reading of five raises the alarm (rules/state_detection).
SETTLING_S = 3.0


def measure_latency(process: Measured, port: int, seconds: int) -> list[dict[str, Any]]:
    """p50 and p99 in milliseconds of wall time at `RATE` messages a second, with the ingest process live."""
    process.tell("live")
    process.hear()
    heard: dict[str, float] = {}
    client = paho.Client(CallbackAPIVersion.VERSION2, client_id="bench-listener")
    client.max_queued_messages_set(0)
    latencies: list[float] = []

    def on_message(_client: object, _data: object, message: paho.MQTTMessage) -> None:
        event = Event.from_bytes(bytes(message.payload))
        decided_s = heard.pop(str(event.data["device_id"]), None)
        if decided_s is not None and event.data["code"].startswith(fleet.WATCHED):
            latencies.append((monotonic_s() - decided_s) * 1e3)

    client.on_message = on_message
    client.connect("127.0.0.1", port)
    client.subscribe(AlarmRaised.topic(), qos=1)
    client.loop_start()
    sleep_s(1.0)
    faults = _publish(client, heard, seconds)
    sleep_s(SETTLING_S)
    client.disconnect()
    client.loop_stop()
    process.tell("enough")
    process.hear()
    cuts = statistics.quantiles(latencies, n=100)
    return [
        {"metric": f"fault to alarm p50 at {RATE} messages/s", "value": round(cuts[49], 1), "unit": "ms"},
        {"metric": f"fault to alarm p99 at {RATE} messages/s", "value": round(cuts[98], 1), "unit": "ms"},
        {"metric": "faults heard of", "value": len(latencies), "unit": "faults", "baseline": faults},
    ]


def _publish(client: paho.Client, decided: dict[str, float], seconds: int) -> int:
    """Send readings at an even rate; returns how many faults were decided."""
    ids = fleet.device_ids(DEVICES)
    # Learning happens in the past, at once; it must be over before the first fault.
    start = wall_now() - timedelta(seconds=seconds + LEARNING + 10)
    usual = dict(fleet.SIGNALS)
    hot = {**usual, fleet.WATCHED: fleet.HOT}
    steps = LEARNING + seconds * RATE // DEVICES
    begin_s = monotonic_s()
    sent = faults = 0
    for step in range(steps):
        for place, device_id in enumerate(ids):
            phase = (step - LEARNING - place) % CYCLE if step >= LEARNING + place else CYCLE
            at = start + timedelta(seconds=step) if step < LEARNING else wall_now()
            body = msgspec.json.encode(
                {
                    "boot": BOOT,
                    "sequence": step + 1,
                    "time": at.isoformat(timespec="milliseconds"),
                    "values": hot if phase < HOT else usual,
                }
            )
            if phase == DECIDING - 1:
                decided[device_id] = monotonic_s()
                faults += 1
            client.publish(device_topic(device_id, "telemetry"), body, qos=1)
            sent += 1
            ahead_s = begin_s + sent / RATE - monotonic_s()
            if ahead_s > 0 and step >= LEARNING:
                sleep_s(ahead_s)
        if step == LEARNING - 1:
            begin_s = monotonic_s() - sent / RATE
    return faults
