"""What is measured by `opensom bench ingest`, each in a process of its own.

    python -m benchmarks.ingest_targets bare    BROKER_PORT CLIENT_ID
    python -m benchmarks.ingest_targets durable BROKER_PORT DATABASE_URL DATA_DIR
    python -m benchmarks.ingest_targets publish BROKER_PORT DEVICES COUNT BOOT

Commands come as lines on standard input: `subscribe` makes the persistent session and leaves it; `drain N` connects
and takes N messages, then leaves.
"""

import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion

from benchmarks import fleet
from benchmarks.processes import cpu_s, memory_mb, say
from services.kernel.clock import monotonic_s, sleep_s, wall_now
from services.lifecycle.contract import DEVICE_TOPICS

PATIENCE_S = 300.0


def bare(port: int, client_id: str) -> None:
    """A plain paho subscriber that only counts: the yardstick."""
    for line in sys.stdin:
        word, _, number = line.strip().partition(" ")
        wanted = int(number or 0)
        times: list[float] = []
        count = 0
        client = paho.Client(CallbackAPIVersion.VERSION2, client_id=client_id, clean_session=False)
        subscribed: list[int] = []

        def on_message(_client: object, _data: object, _message: object) -> None:
            nonlocal count
            if not count:
                times.append(monotonic_s())  # noqa: B023
            count += 1
            if count == wanted:  # noqa: B023
                times.append(monotonic_s())  # noqa: B023

        client.on_message = on_message
        client.on_subscribe = lambda *_: subscribed.append(1)  # noqa: B023
        start_cpu_s = cpu_s()
        client.connect("127.0.0.1", port)
        client.loop_start()
        if word == "subscribe":
            client.subscribe(f"{DEVICE_TOPICS}/+/telemetry", qos=1)
            _wait(lambda: bool(subscribed))  # noqa: B023
        else:
            _wait(lambda: len(times) == 2)  # noqa: B023
        client.disconnect()
        client.loop_stop()
        seconds = times[1] - times[0] if times else 0.0
        say(word=word, seconds=seconds, cpu_s=cpu_s() - start_cpu_s, count=count - 1, memory_mb=memory_mb())


def durable(port: int, database_url: str, data_dir: str) -> None:
    """OpenSOM's own ingest process, as `opensom up` runs it; timed from its first settled batch to its last."""
    from opensom.composition import create_ingest
    from services.kernel.logs import configure_logs
    from services.lifecycle.settings import LifecycleSettings

    configure_logs("ingest", level="ERROR")
    for line in sys.stdin:
        word, _, number = line.strip().partition(" ")
        settings = LifecycleSettings(
            database_url=database_url,
            broker_port=port,
            data_dir=Path(data_dir),
            broker_client_prefix=f"bench-{Path(data_dir).name}",
        )
        worker = create_ingest(settings)
        start_cpu_s = cpu_s()
        worker.start()
        first = (monotonic_s(), 0)
        if word == "drain":
            _wait(lambda: worker.statistics()["worker"]["settled"] > 0)  # noqa: B023
            first = monotonic_s(), worker.statistics()["worker"]["settled"]
            _wait(lambda: worker.statistics()["worker"]["settled"] >= int(number))  # noqa: B023
        elif word == "subscribe":
            sleep_s(2.0)
        else:
            say(word="live")
            sys.stdin.readline()
        seconds = monotonic_s() - first[0]
        used_cpu_s = cpu_s() - start_cpu_s
        count = worker.statistics()["worker"]["settled"] - first[1]
        worker.stop()
        say(word=word, seconds=seconds, cpu_s=used_cpu_s, count=count, memory_mb=memory_mb())


def publish(port: int, devices: int, count: int, boot: int) -> None:
    """Fill the broker's queues and leave."""
    client = paho.Client(CallbackAPIVersion.VERSION2, client_id="bench-publisher")
    client.max_queued_messages_set(0)
    client.max_inflight_messages_set(2_000)
    confirmed = 0

    def on_publish(*_: object) -> None:
        nonlocal confirmed
        confirmed += 1

    client.on_publish = on_publish
    client.connect("127.0.0.1", port)
    client.loop_start()
    start = wall_now() - timedelta(seconds=count // devices + 60)
    for sent, (topic, payload) in enumerate(fleet.readings(fleet.device_ids(devices), count, start, boot=boot), 1):
        client.publish(topic, payload, qos=1)
        if sent - confirmed > 4_000:
            _wait(lambda: sent - confirmed < 2_000)  # noqa: B023
    _wait(lambda: confirmed >= count)
    client.disconnect()
    client.loop_stop()
    say(word="publish", count=confirmed)


def _wait(done: Callable[[], bool]) -> None:
    start_s = monotonic_s()
    while not done():
        if monotonic_s() - start_s > PATIENCE_S:
            raise TimeoutError
        sleep_s(0.002)


if __name__ == "__main__":
    kind, broker_port, *rest = sys.argv[1:]
    if kind == "bare":
        bare(int(broker_port), rest[0])
    elif kind == "durable":
        durable(int(broker_port), rest[0], rest[1])
    else:
        publish(int(broker_port), *(int(each) for each in rest))
