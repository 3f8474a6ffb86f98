"""Remote commands from the queue to every end that they can have."""

from datetime import timedelta
from typing import Any

import pytest

from services.kernel.clock import ManualClock
from services.kernel.identity import Role
from services.kernel.testing import START, DatabaseMaker
from services.lifecycle.contract import CommandCreate, CommandState
from services.lifecycle.service import commands
from services.lifecycle.tables import METADATA
from tests.services.lifecycle.conftest import OWNER, PUMP, World, make_settings, register

KEY = "key-0000001"


def order(world: World, key: str = KEY, status: int = 201, **changes: Any) -> Any:
    content = {"name": "set_speed", "parameters": {"speed_rpm": 2400}, "idempotency_key": key} | changes
    return world.ask("POST", f"/products/{PUMP}/commands", OWNER, Role.ENGINEER, status=status, json=content)


def state_of(world: World, command: Any) -> str:
    return str(world.ask("GET", f"/commands/{command['id']}")["state"])


def dispatch(world: World) -> int:
    return commands.dispatch(world.database, world.bus, world.settings)


def test_a_command_waits_for_its_device_and_is_followed_to_success(world: World) -> None:
    """Guards: offline queue, each step with its time, audit trail and events, evidence of remote maintenance."""
    command = order(world)
    assert dispatch(world) == 0 and state_of(world, command) == "QUEUED", "the device is offline"
    world.born()
    assert dispatch(world) == 1 and dispatch(world) == 0
    (told,) = world.told("command")
    assert told["command_id"] == command["id"] and told["parameters"] == {"speed_rpm": 2400} and told["expires"]
    for step in ("DELIVERED", "EXECUTING", "SUCCEEDED"):
        world.says("ack", command_id=command["id"], state=step, result={"speed_rpm": 2400})
    done = world.ask("GET", f"/commands/{command['id']}")
    steps = ["QUEUED", "SENT", "DELIVERED", "EXECUTING", "SUCCEEDED"]
    assert [each["state"] for each in done["history"]] == steps
    assert done["result"] == {"speed_rpm": 2400} and done["history"][4]["by"] == f"device:{PUMP}"
    trail = world.ask("GET", f"/audit?object=command/{command['id']}")["items"]
    assert [entry["action"] for entry in reversed(trail)] == [f"command {step.lower()}" for step in steps]
    assert [event.data["state"] for event in world.events(command["correlation_id"])] == steps
    evidence = world.ask("GET", "/evidence")["HN-1-1-d"]
    assert evidence["status"] == "shown"
    assert world.ask("GET", "/commands?state=SUCCEEDED")["items"] == [done]


def test_the_same_key_gives_the_same_command(world: World) -> None:
    """Guards: a request that is sent again after a time-out does its work once."""
    command = order(world)
    assert order(world, status=200) == command
    refused = order(world, status=409, parameters={"speed_rpm": 2500})
    assert refused["code"] == "idempotency-key-reused" and refused["command_id"] == command["id"]
    order(world, status=409, timeout_s=61)
    assert order(world, "key-0000002")["id"] != command["id"]


@pytest.mark.parametrize("end", ["FAILED", "REJECTED"])
def test_a_device_may_refuse_or_fail(world: World, end: str) -> None:
    """Guards: what the device answers is where the command ends, with its reason."""
    world.born()
    command = order(world)
    dispatch(world)
    world.says("ack", command_id=command["id"], state=end, reason="unknown\x00 command")
    done = world.ask("GET", f"/commands/{command['id']}")
    assert done["state"] == end and done["history"][-1]["reason"] == "unknown command"


def test_late_and_repeated_acknowledgements_change_nothing(world: World) -> None:
    """Guards: QoS 1 repeats and reorders; an end stays an end, and another device cannot answer."""
    world.born()
    command = order(world)
    ack = {"command_id": command["id"]}
    world.says("ack", **ack, state="EXECUTING")  # Faster than the note that it was sent.
    assert dispatch(world) == 0 and state_of(world, command) == "EXECUTING"
    world.says("ack", **ack, state="DELIVERED")
    assert state_of(world, command) == "EXECUTING"
    world.says("ack", "pump-b", command_id=command["id"], state="FAILED")
    world.says("ack", command_id="no such\x00command", state="FAILED")
    payload = world.says("ack", **ack, state="SUCCEEDED")
    world.bus.publish(f"som/v1/devices/{PUMP}/ack", payload)
    world.says("ack", **ack, state="FAILED")
    done = world.ask("GET", f"/commands/{command['id']}")
    assert done["state"] == "SUCCEEDED" and done["late_state"] == "FAILED"
    assert len(done["history"]) == 3


def test_only_what_was_not_sent_can_be_cancelled(world: World) -> None:
    """Guards: a cancelled command never reaches the device, a sent one cannot be called back."""
    command = order(world)
    path = f"/commands/{command['id']}/cancel"
    assert world.ask("POST", path, OWNER, Role.ENGINEER)["state"] == "CANCELLED"
    assert world.ask("POST", path, OWNER, Role.ENGINEER, status=409)["code"] == "transition-not-allowed"
    world.born()
    assert dispatch(world) == 0
    sent = order(world, "key-0000002")
    dispatch(world)
    world.ask("POST", f"/commands/{sent['id']}/cancel", OWNER, Role.ENGINEER, status=409)
    assert len(world.told("command")) == 1


def test_desired_parameters_are_told_to_the_device(world: World) -> None:
    """Guards: the desired side of a twin is more than a wish."""
    path = f"/products/{PUMP}/twin/desired"
    twin = world.ask("PATCH", path, OWNER, Role.ENGINEER, json={"parameters": {"speed_rpm": 2500, "mode": "eco"}})
    assert twin["desired"] == {"speed_rpm": 2500, "mode": "eco"}
    twin = world.ask("PATCH", path, OWNER, Role.ENGINEER, json={"parameters": {"mode": None}})
    assert twin["desired"] == {"speed_rpm": 2500}
    (command,) = world.ask("GET", "/commands")["items"]
    assert command["name"] == "set_parameters" and command["parameters"] == {"speed_rpm": 2500, "mode": "eco"}
    world.born()
    world.says("state", online=True, reported={"speed_rpm": 2500})
    assert world.ask("GET", f"/products/{PUMP}/twin")["reported"]["speed_rpm"] == 2500


def test_what_waits_too_long_expires_and_what_is_not_answered_times_out(make_database: DatabaseMaker) -> None:
    """Guards: expiry and time-out count on the wall clock, however fast business time runs."""
    clock = ManualClock(START)
    database = make_database(METADATA, "lifecycle", clock)
    database.create()
    register(database, make_settings())
    wanted = CommandCreate(name="restart", idempotency_key=KEY, expires_s=10, timeout_s=30)
    waiting, _ = database.run(commands.create, PUMP, wanted)
    sent, _ = database.run(commands.create, PUMP, wanted.model_copy(update={"idempotency_key": "key-0000002"}))
    database.run(commands._note_sent, [sent.id])

    def states() -> list[CommandState]:
        return [database.read(commands.command, each.id).state for each in (waiting, sent)]

    clock.advance(timedelta(days=1).total_seconds(), wall_seconds=9)
    assert commands.end_overdue(database) == 0
    clock.advance(0, wall_seconds=2)
    assert commands.end_overdue(database) == 1 and states() == [CommandState.EXPIRED, CommandState.SENT]
    clock.advance(0, wall_seconds=30)
    assert commands.end_overdue(database) == 1 and states() == [CommandState.EXPIRED, CommandState.TIMED_OUT]
    assert commands.end_overdue(database) == 0
    database.close()
