"""A device announces itself, measures, complains, is repaired; people see it and act."""

from datetime import timedelta
from itertools import pairwise

from services.kernel.identity import Role
from services.kernel.testing import principal
from services.lifecycle.service import tickets
from tests.services.lifecycle.conftest import OWNER, PUMP, World, finding

VALUES = {"speed_rpm": 2900.0, "flow_m3_h": 190.0, "bearing_temperature_c": 48.5, "run_seconds": 1000}


def test_a_device_is_announced_measured_and_seen(world: World) -> None:
    """Guards: birth, readings and the will reach the twin; an old value is never shown as live."""
    world.born(held={"1": 0})
    world.says("telemetry", values=VALUES, qualities={"flow_m3_h": "STALE"})
    product = world.ask("GET", f"/products/{PUMP}")
    assert product["firmware"] == "1.0.0" and product["announced"]
    twin = world.ask("GET", f"/products/{PUMP}/twin")
    assert twin["online"] and twin["state"] == "running" and twin["boot"] == 1
    assert twin["values"]["bearing_temperature_c"]["value"] == 48.5
    assert twin["values"]["bearing_temperature_c"]["quality"] == "GOOD"
    assert twin["values"]["flow_m3_h"]["quality"] == "STALE"
    world.go_to(world.now + timedelta(seconds=world.settings.value_expiry_s + 1))
    twin = world.ask("GET", f"/products/{PUMP}/twin")
    assert twin["values"]["bearing_temperature_c"]["quality"] == "STALE"
    world.bus.publish(f"som/v1/devices/{PUMP}/state", b'{"online":false,"boot":1,"sequence":null,"time":null}')
    assert not world.ask("GET", f"/products/{PUMP}/twin")["online"]
    bars = world.ask("GET", f"/products/{PUMP}/timeline")
    assert [bar["state"] for bar in bars][-2:] == ["running", "offline"] and bars[-1]["end"] is None
    assert all(before["end"] == after["start"] for before, after in pairwise(bars))
    ledger = world.ask("GET", "/messages/ledger")
    assert ledger["received"] == ledger["stored"] == 2 and ledger["in_flight"] == 0
    assert [event.data.get("online") for event in world.events(noun="product.connection-changed")] == [True, False]
    card = world.ask("GET", "/products")["items"][0]
    assert card["product"]["id"] == PUMP and card["alarms_active"] == 0 and "vibration_envelope_g" not in card
    figures = world.ask("GET", "/fleet")
    assert figures["products"] == 1 and figures["announced"] == 1 and figures["online"] == 0


def test_bad_messages_are_dead_letters_with_a_reason(world: World) -> None:
    """Guards: a message that cannot be taken is counted, kept and told of, to its owner only."""
    world.born()
    world.bus.publish(f"som/v1/devices/{PUMP}/telemetry", b"not json")
    world.bus.publish(f"som/v1/devices/{PUMP}/telemetry", b'{"boot":1,"sequence":"x","time":"2026-01-05T00:00:00Z"}')
    world.bus.publish("som/v1/devices/nobody/telemetry", b'{"boot":1,"sequence":1,"time":"2026-01-05T00:00:00Z"}')
    world.says("telemetry", values={}, after_s=100_000)
    mine = world.ask("GET", "/messages/dead-letters")["items"]
    assert [letter["reason"] for letter in mine] == ["time-in-future", "wrong-shape", "not-json"]
    assert mine[2]["payload"] == "not json" and mine[2]["topic"].endswith(f"{PUMP}/telemetry")
    assert world.ask("GET", "/messages/dead-letters", "customer-02")["items"] == []
    everything = world.ask("GET", "/messages/dead-letters", "province", Role.EVALUATOR)["items"]
    assert len(everything) == 4
    page = world.ask("GET", "/messages/dead-letters?limit=3", "province", Role.EVALUATOR)
    rest = world.ask("GET", f"/messages/dead-letters?cursor={page['next_cursor']}", "province", Role.EVALUATOR)
    assert page["items"] + rest["items"] == everything
    only = world.ask("GET", "/messages/dead-letters?reason=unknown-device", "province", Role.EVALUATOR)["items"]
    assert len(only) == 1
    ledger = world.ask("GET", "/messages/ledger")
    assert (ledger["received"], ledger["stored"], ledger["dead_lettered"]) == (5, 1, 4)


def test_an_alarm_becomes_a_closed_ticket(world: World) -> None:
    """Guards: alarm, ticket, work order and closing are one story with its times, findable by one correlation id."""
    world.found(finding())
    world.found(finding())
    alarm = world.ask("GET", "/alarms?active=true")["items"]
    assert len(alarm) == 1, "saying it twice raises one alarm"
    alarm = alarm[0]
    assert tickets.open_due(world.database, world.settings) == 1
    assert tickets.open_due(world.database, world.settings) == 0
    world.found(finding("bearing_temperature_c_high", "warning"))
    world.ask("POST", f"/alarms/{alarm['id']}/acknowledge", OWNER, Role.OPERATOR)
    world.ask("POST", f"/alarms/{alarm['id']}/assign", OWNER, Role.OPERATOR, json={"assignee": "王工"})
    ticket = world.ask("GET", "/tickets")["items"][0]
    assert ticket["alarm_ids"] == [alarm["id"]]
    order = world.ask(
        "POST", "/work-orders", OWNER, Role.ENGINEER, status=201, json={"ticket_id": ticket["id"], "fault": "imbalance"}
    )
    again = world.ask(
        "POST", "/work-orders", OWNER, Role.ENGINEER, status=409, json={"ticket_id": ticket["id"], "fault": "wear"}
    )
    assert again["code"] == "work-order-exists"
    assert order["actions"] == ["plan", "start", "cancel"]
    path = f"/work-orders/{order['id']}/actions"
    refused = world.ask("POST", path, OWNER, Role.ENGINEER, status=409, json={"action": "complete"})
    assert refused["code"] == "transition-not-allowed" and "start" in refused["allowed"]
    world.go_to(world.now + timedelta(minutes=5))
    for action in ("plan", "start", "hold", "resume", "complete"):
        order = world.ask(
            "POST", path, OWNER, Role.ENGINEER, json={"action": action, "assignee": "王工", "note": action}
        )
    assert order["state"] == "COMPLETED" and order["completed"] and len(order["history"]) == 6
    assert tickets.close_verified(world.database) == 0, "the alarm is still there: the repair is not verified"
    world.ask("POST", f"/tickets/{ticket['id']}/close", OWNER, Role.ENGINEER, status=409)
    world.found(finding(active=False))
    assert tickets.close_verified(world.database) == 1
    assert world.ask("GET", f"/work-orders/{order['id']}")["state"] == "CLOSED"
    assert world.ask("GET", f"/tickets/{ticket['id']}")["closed"]
    story = [event.type.removeprefix("som.v1.lifecycle.") for event in world.events(alarm["correlation_id"])]
    assert story[:3] == ["alarm.raised", "ticket.opened", "alarm.raised"] and story[-1] == "ticket.closed"
    assert story.count("work-order.changed") == 7
    evidence = world.ask("GET", "/evidence")["HN-1-1-e"]
    assert evidence["status"] == "shown"
    figures = {figure["name"]: figure["value"] for figure in evidence["figures"]}
    assert figures["fault"] == "imbalance" and figures["mean_repair_s"] == 300.0 and figures["time_closed"]
    assert world.ask("GET", "/evidence", "customer-02")["HN-1-1-e"]["status"] == "not yet"


def test_alarms_change_clear_and_come_back(world: World) -> None:
    """Guards: one active alarm a device and code; an acknowledgement can be taken back; hand-cleared is cleared."""
    world.found(finding(severity="warning"))
    world.found(finding(severity="critical"))
    alarm = world.ask("GET", "/alarms")["items"][0]
    assert alarm["severity"] == "critical" and alarm["state"] == "RAISED"
    path = f"/alarms/{alarm['id']}"
    world.ask("POST", f"{path}/unacknowledge", OWNER, Role.OPERATOR, status=409)
    assert world.ask("POST", f"{path}/acknowledge", OWNER, Role.OPERATOR)["acknowledged_by"] == "user:customer-01"
    assert world.ask("POST", f"{path}/acknowledge", OWNER, Role.OPERATOR)["state"] == "ACKNOWLEDGED"
    assert world.ask("POST", f"{path}/unacknowledge", OWNER, Role.OPERATOR)["acknowledged"] is None
    assert world.ask("POST", f"{path}/clear", OWNER, Role.OPERATOR, json={"note": "误报"})["state"] == "CLEARED"
    refused = world.ask("POST", f"{path}/acknowledge", OWNER, Role.OPERATOR, status=409)
    assert refused["code"] == "transition-not-allowed"
    world.found(finding())
    alarms = world.ask("GET", "/alarms")["items"]
    assert [each["state"] for each in alarms] == ["RAISED", "CLEARED"]
    assert world.ask("GET", "/alarms?active=true&severity=major")["items"] == alarms[:1]
    deeds = [entry["action"] for entry in world.ask("GET", f"/audit?object=alarm/{alarm['id']}")["items"]]
    assert deeds == ["clear alarm", "unacknowledge alarm", "acknowledge alarm"]
    types = [event.type.rpartition(".")[2] for event in world.events(noun="alarm")]
    assert types == ["raised", "changed", "acknowledged", "acknowledged", "cleared", "raised"]


def test_alarms_of_the_device_itself_bear_repetition(world: World) -> None:
    """Guards: a device that sends unconfirmed messages again must not raise an alarm that it has cleared since."""
    world.born()
    said = {"code": "vibration-high", "severity": "major", "text": "振动大 / Vibration high"}
    raised = world.says("alarm", **said, active=True)
    alarm = world.ask("GET", "/alarms")["items"][0]
    assert (alarm["reason_zh"], alarm["reason_en"], alarm["source"]) == ("振动大", "Vibration high", "device")
    cleared = world.says("alarm", after_s=5, **said, active=False)
    for payload in (raised, cleared, raised):
        world.bus.publish(f"som/v1/devices/{PUMP}/alarm", payload)
    alarms = world.ask("GET", "/alarms")["items"]
    assert [each["state"] for each in alarms] == ["CLEARED"]
    assert world.ask("GET", "/messages/ledger")["duplicate"] == 3


def test_tickets_by_hand(world: World) -> None:
    """Guards: what belongs in one ticket, and that nothing is in two."""
    world.found(finding(severity="warning"))
    world.found(finding(severity="warning"), "pump-b")
    maker = principal("maker", Role.ENGINEER, sees={"lifecycle": (OWNER, "customer-02")})
    ids = [alarm["id"] for alarm in world.ask("GET", "/alarms", maker)["items"]]
    mixed = world.ask("POST", "/tickets", maker, status=409, json={"alarm_ids": ids})
    assert mixed["code"] == "alarms-of-several-products"
    assert world.ask("POST", "/tickets", maker, status=404, json={"alarm_ids": ["nothing"]})["code"] == "not-found"
    ticket = world.ask("POST", "/tickets", maker, status=201, json={"alarm_ids": ids[:1], "title": "检查"})
    assert ticket["title"] == "检查" and ticket["alarm_ids"] == ids[:1]
    taken = world.ask("POST", "/tickets", maker, status=409, json={"alarm_ids": ids[:1]})
    assert taken["code"] == "alarms-have-ticket"
    world.ask("POST", f"/alarms/{ids[0]}/clear", maker, json={})
    assert world.ask("POST", f"/tickets/{ticket['id']}/close", maker)["closed"]
    assert world.ask("GET", "/tickets?active=true", maker)["items"] == []
