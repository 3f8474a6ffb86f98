"""Devices that a person adds: registered through the API, told how to connect; and recorded signals sent as one."""

from datetime import datetime
from pathlib import Path
from typing import Any

from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from opensom.installation import Running
from opensom.visitor import Refused, Visitor
from opensom.words import console, done, give_up, say, warn
from services.lifecycle.seed import product_types

PRODUCTS = "/api/lifecycle/products"
PRODUCT_TYPES = "/api/lifecycle/product-types"
TYPE_DEFAULT = "pump-process-75"
EXAMPLES = {"bearing_temperature_c": 42.0, "vibration_velocity_mm_s": 1.2}
CONFLICT, NOT_FOUND = 409, 404


def add_device(visitor: Visitor, device_id: str, type_id: str, customer_id: str) -> tuple[dict[str, Any], str]:
    """Register a product, or renew the credentials of one that is there; returns them and a line to try them with.

    A product type of the demonstration is registered with it where it is missing. Raises Refused.
    """
    product = {"id": device_id, "type_id": type_id, "serial": device_id.upper(), "organisation_id": customer_id}
    try:
        credential = _registered(visitor, product)["credential"]
        done(f"已登记设备 {device_id}", f"device {device_id} is registered", type_id)
    except Refused as refused:
        if refused.status != CONFLICT:
            raise
        credential = visitor.post(f"{PRODUCTS}/{device_id}/credential")
        warn(
            f"设备 {device_id} 已登记，凭据已更换", f"device {device_id} was registered before; its credentials are new"
        )
    return credential, publish_line(visitor, credential)


def _registered(visitor: Visitor, product: dict[str, Any]) -> Any:
    try:
        return visitor.post(PRODUCTS, product)
    except Refused as refused:
        known = {kind.id: kind for kind in product_types()}
        if refused.status != NOT_FOUND or product["type_id"] not in known:
            raise
        visitor.post(PRODUCT_TYPES, known[product["type_id"]].model_dump(mode="json"))
        return visitor.post(PRODUCTS, product)


def publish_line(visitor: Visitor, credential: dict[str, Any]) -> str:
    """A `mosquitto_pub` line that works as pasted, now and later: each paste is a new boot of the device."""
    clock = visitor.get("/api/clock")
    at = "'$(date -u +%FT%TZ)'"
    if datetime.fromisoformat(clock["business_now"]) < datetime.fromisoformat(clock["wall_now"]):
        at = clock["business_now"]  # A time that has not come yet in business would be refused.
    values = ",".join(f'"{name}":{value}' for name, value in EXAMPLES.items())
    body = f'{{"boot":\'$(date +%s)\',"sequence":1,"time":"{at}","values":{{{values}}}}}'
    return (
        f"mosquitto_pub -h {credential['broker_host']} -p {credential['broker_port']} -u {credential['username']} "
        f"-P '{credential['password']}' -q 1 -t som/v1/devices/{credential['device_id']}/telemetry -m '{body}'"
    )


def print_credentials(credential: dict[str, Any], line: str) -> None:
    """Show how the device connects; the secret is shown this once."""
    for zh, en, value in (
        ("消息代理", "broker", f"{credential['broker_host']}:{credential['broker_port']}"),
        ("用户名", "user name", credential["username"]),
        ("口令（仅此一次）", "password (shown once)", credential["password"]),
        ("主题", "topic", f"som/v1/devices/{credential['device_id']}/telemetry"),
    ):
        console.print(f"  {zh} [dim]/ {en}[/]：", end="")
        console.out(value, highlight=False)
    say("试一试", "try it")
    console.out(line, highlight=False)  # As it is: no wrapping, no markup.


def replay(
    visitor: Visitor,
    data_dir: Path,
    running: Running,
    file: Path,
    device_id: str,
    customer_id: str,
    **how: Any,
) -> None:
    """Send a recorded signal as a device, registered first where it is missing, and say what the platform makes of it.

    `how`: `rpm`, `bearing`, `channel`, `realtime` as `simulator.replay.replay` takes them.
    """
    from services.kernel.broker import LOOPBACK
    from simulator.line import Address
    from simulator.recordings import RecordingError, load_recording
    from simulator.replay import NotConfirmed
    from simulator.replay import replay as send

    product = _product(visitor, device_id, customer_id)
    store = data_dir / "replay" / f"{device_id}.sqlite3"
    try:
        recording = load_recording(file)
        with Progress(TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn(), console=console) as progress:
            task = progress.add_task("正在发送 / sending", total=None)
            sent = send(
                recording,
                device_id,
                Address(LOOPBACK, running.broker_port),
                store,
                type_id=product["type_id"],
                serial=product["serial"],
                told=lambda number, of: progress.update(task, completed=number, total=of),
                **how,
            )
    except (RecordingError, NotConfirmed) as error:
        give_up(*_both(str(error)))
    done(f"已发送 {sent.windows} 段，共 {sent.duration_s:g} 秒", f"sent {sent.windows} windows, {sent.duration_s:g} s")
    diagnosis = visitor.get(f"{PRODUCTS}/{device_id}/twin")["diagnosis"]
    if diagnosis:
        say(f"诊断：{diagnosis['reason_zh']}", f"diagnosis: {diagnosis['reason_en']}")
    say(f"{visitor.url}/console/machines/{device_id}", "its twin in the console")


def _product(visitor: Visitor, device_id: str, customer_id: str) -> dict[str, Any]:
    try:
        return dict(visitor.get(f"{PRODUCTS}/{device_id}"))
    except Refused as refused:
        if refused.status != NOT_FOUND:
            raise
    add_device(visitor, device_id, TYPE_DEFAULT, customer_id)
    return dict(visitor.get(f"{PRODUCTS}/{device_id}"))


def _both(text: str) -> tuple[str, str]:
    zh, _, en = text.partition(" / ")
    return zh, en or zh
