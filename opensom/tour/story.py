"""The storyline: a pump's bearing fails, is diagnosed and repaired, and its run-hours become an invoice.

Each step acts and looks as a person would, over HTTP, and returns the figures that it saw.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from opensom.tour.stage import LOOK_S, Scene, StoryBroken, until
from services.kernel.chance import new_id
from services.kernel.clock import monotonic_s, sleep_s

FAULT = "bearing_inner_race"
DEVICE, CUSTOMER = "pump-001", "customer-01"
GROWTH_H = 4.0
FAST = 3600.0
READINGS_MIN = 20
SNAPSHOTS_MAX = 8
Figures = dict[str, Any]


@dataclass(frozen=True)
class Step:
    """One step: what a person would call it, and the function that takes it."""

    zh: str
    en: str
    take: Callable[[Scene], Figures]


def fleet_is_online(scene: Scene) -> Figures:
    """All products announced themselves, and most are online: a line may be down by plan."""
    ask = scene.cast.evaluator.get

    def ready() -> Any:
        fleet = ask("/api/lifecycle/fleet")
        whole = fleet["products"] > 0 and fleet["announced"] == fleet["products"]
        return fleet if whole and fleet["online"] >= 0.9 * fleet["products"] else None

    fleet = until(ready, "设备群未全部上线", "the fleet did not come online", seen=lambda: ask("/api/lifecycle/fleet"))
    return {"products": fleet["products"], "online": fleet["online"]}


def readings_are_stored(scene: Scene) -> Figures:
    """The pump's readings are there; every message is accounted for."""
    ask = scene.cast.engineer.get
    scene.facts |= {"device_id": DEVICE, "customer_id": CUSTOMER}

    def enough() -> Any:
        readings = ask(f"/api/lifecycle/products/{scene.device}/readings", limit=1000)
        return readings if len(readings) >= READINGS_MIN else None

    readings = until(enough, "读数未入库", "readings were not stored")
    twin = ask(f"/api/lifecycle/products/{scene.device}/twin")
    ledger = ask("/api/lifecycle/messages/ledger")
    rest = ledger["stored"] + ledger["duplicate"] + ledger["dead_lettered"] + ledger["in_flight"]
    if ledger["received"] != rest:
        raise StoryBroken("消息台账不平", "the ledger of messages does not balance", ledger)
    scene.facts["health_before"] = twin["health"]["index"]
    return {"readings_of_pump": len(readings), "health": twin["health"]["index"], **_numbers(ledger)}


def fault_is_injected(scene: Scene) -> Figures:
    """The world gets a fault; nobody tells the services."""
    scene.cast.administrator.post(
        "/api/simulator",
        {"command_id": new_id(), "action": "inject", "device_id": scene.device, "fault": FAULT, "growth_h": GROWTH_H},
    )
    return {"device": scene.device, "fault_in_the_world": FAULT}


def alarm_is_raised(scene: Scene) -> Figures:
    """An alarm with its reason; the engineer on duty takes it."""
    ask, path = scene.cast.engineer.get, "/api/lifecycle/alarms"

    def raised() -> Any:
        return next(iter(ask(path, device_id=scene.device, active=True)["items"]), None)

    alarm = until(raised, "未出现告警", "no alarm was raised", seen=lambda: _twin_in_short(scene))
    scene.cast.engineer.post(f"{path}/{alarm['id']}/acknowledge")
    scene.cast.engineer.post(f"{path}/{alarm['id']}/assign", {"assignee": "maker-engineer"})
    scene.facts |= {"alarm_id": alarm["id"], "correlation_id": alarm["correlation_id"]}
    return {name: alarm[name] for name in ("code", "severity", "value", "limit", "reason_zh", "reason_en")}


def diagnosis_names_it(scene: Scene) -> Figures:
    """Vibration is fetched from the device by remote command, and its envelope spectrum names the race."""
    engineer, snapshots = scene.cast.engineer, 0
    for _ in range(SNAPSHOTS_MAX):
        command = _commanded(scene, "capture_waveform", {})
        snapshots += 1
        diagnosis = _diagnosis(scene, patience_s=3.0)
        if diagnosis is not None:
            break
    else:
        raise StoryBroken("诊断未指出故障", "the diagnosis did not name the fault", _twin_in_short(scene))
    steps = [step["state"] for step in command["history"]]
    health = engineer.get(f"/api/lifecycle/products/{scene.device}/twin")["health"]
    scene.facts["health_worst"] = health["index"]
    return {
        "fault": diagnosis["fault"],
        "confidence": diagnosis["confidence"],
        "reason_zh": diagnosis["reason_zh"],
        "reason_en": diagnosis["reason_en"],
        "command": " > ".join(steps),
        "snapshots": snapshots,
        "health": health["index"],
    }


def ticket_becomes_work_order(scene: Scene) -> Figures:
    """The ticket of the alarm gets a work order, which is planned and started."""
    engineer = scene.cast.engineer

    def ticketed() -> Any:
        alarms = engineer.get("/api/lifecycle/alarms", device_id=scene.device, active=True)["items"]
        return next((alarm for alarm in alarms if alarm["ticket_id"]), None)

    alarm = until(ticketed, "告警未转为工单请求", "no alarm became a ticket", seen=lambda: _open_alarms(scene))
    ticket_id = alarm["ticket_id"]
    order = engineer.post("/api/lifecycle/work-orders", {"ticket_id": ticket_id, "fault": FAULT})
    for action in ("plan", "start"):
        order = _acted(scene, order["id"], action)
    scene.facts |= {"ticket_id": ticket_id, "work_order_id": order["id"]}
    return {"ticket": ticket_id, "work_order": order["id"], "state": order["state"]}


def repair_is_verified(scene: Scene) -> Figures:
    """The mechanic is done; alarms clear by themselves, health recovers, the platform closes the case."""
    engineer = scene.cast.engineer
    _acted(scene, scene.facts["work_order_id"], "complete", fault=FAULT)

    def closed() -> Any:
        ticket = engineer.get(f"/api/lifecycle/tickets/{scene.facts['ticket_id']}")
        return ticket if ticket["closed"] else None

    ticket = until(
        closed, "维修后告警未消除", "alarms did not clear after the repair", seen=lambda: _open_alarms(scene)
    )
    order = engineer.get(f"/api/lifecycle/work-orders/{scene.facts['work_order_id']}")
    alarm = engineer.get(f"/api/lifecycle/alarms/{scene.facts['alarm_id']}")
    twin = until(
        lambda: _healthy(scene), "健康指数未恢复", "health did not recover", seen=lambda: _twin_in_short(scene)
    )
    if order["state"] != "CLOSED" or alarm["state"] != "CLEARED":
        raise StoryBroken("个案未按序关闭", "the case was not closed in order", (order["state"], alarm["state"]))
    return {
        "work_order": " > ".join(step["state"] for step in order["history"]),
        "alarm_cleared": alarm["cleared"],
        "case_closed": ticket["closed"],
        "health_worst": scene.facts["health_worst"],
        "health": twin["health"]["index"],
    }


def story_is_told_by_one_id(scene: Scene) -> Figures:
    """One correlation id leads through everything that followed from the alarm."""
    correlation_id = scene.facts["correlation_id"]
    events = scene.cast.evaluator.get("/api/lifecycle/events", correlation_id=correlation_id, limit=500)["items"]
    kinds = sorted({event["type"].split(".", 3)[-1] for event in events})
    if not any("work-order" in kind for kind in kinds):
        raise StoryBroken("关联编号未贯穿全程", "the correlation id does not lead to the work order", kinds)
    return {"correlation_id": correlation_id, "events": len(events), "kinds": ", ".join(kinds)}


def usage_becomes_an_invoice(scene: Scene) -> Figures:
    """Run-hours are metered; at the day's end the customer's invoice is issued and posted."""
    scene.cast.administrator.post("/api/clock", {"speed": FAST})
    ask = scene.cast.manager.get

    def posted() -> Any:
        invoices = ask("/api/billing/invoices", state="POSTED", limit=500)["items"]
        return next((each for each in invoices if each["customer_id"] == scene.facts["customer_id"]), None)

    def seen() -> Any:
        return [
            (each["customer_id"], each["state"], each["invoice_at"]) for each in ask("/api/billing/invoices")["items"]
        ]

    invoice = until(posted, "账单未入账", "no invoice was posted", seen=seen, patience_s=90.0)
    scene.facts["invoice_id"] = invoice["id"]
    return {
        "invoice": invoice["number"],
        "customer": invoice["customer_id"],
        "total_minor": invoice["total_minor"],
        "currency": invoice["currency"],
        "lines": invoice["lines"],
    }


def line_equals_its_events(scene: Scene) -> Figures:
    """Every line of the invoice is computed again from the usage events behind it."""
    ask = scene.cast.manager.get
    invoice = ask(f"/api/billing/invoices/{scene.facts['invoice_id']}")
    events = quantity = 0
    for line in invoice["items"]:
        usage, path = 0, f"/api/billing/invoices/{invoice['id']}/lines/{line['id']}"
        proof = ask(path, limit=500)
        page = proof["usage"]
        while page:
            usage += sum(each["quantity"] for each in page)
            events += len(page)
            page = ask(path, limit=500, after=page[-1]["id"])["usage"] if len(page) == 500 else []
        if not proof["holds"] or usage != line["quantity"]:
            raise StoryBroken(
                "账单明细与用量不符", "an invoice line does not equal its usage", (usage, line["quantity"])
            )
        quantity += usage
    if not events or sum(line["amount_minor"] for line in invoice["items"]) != invoice["net_minor"]:
        raise StoryBroken("账单合计不符", "the invoice does not add up", invoice["net_minor"])
    return {"lines": len(invoice["items"]), "usage_events": events, "net_minor": invoice["net_minor"]}


def books_balance(scene: Scene) -> Figures:
    """Debits equal credits, in every currency."""
    trial = scene.cast.manager.get("/api/billing/ledger/trial-balance")
    if not trial["balanced"]:
        raise StoryBroken("总账不平", "the ledger does not balance", trial["currencies"])
    return {each["currency"]: f"{each['debits_posted']} = {each['credits_posted']}" for each in trial["currencies"]}


STORY = (
    Step("设备群上线", "The fleet comes online", fleet_is_online),
    Step("读数入库，台账平衡", "Readings are stored, the ledger of messages balances", readings_are_stored),
    Step("世界中出现轴承内圈故障", "A bearing fault begins in the world", fault_is_injected),
    Step("告警并说明原因", "An alarm is raised, with its reason", alarm_is_raised),
    Step("远程取波形，诊断定名", "A waveform is fetched, the diagnosis names the fault", diagnosis_names_it),
    Step("告警转工单", "The ticket becomes a work order", ticket_becomes_work_order),
    Step("维修、验证、关闭", "Repaired, verified, closed", repair_is_verified),
    Step("一个关联编号贯穿全程", "One correlation id tells the story", story_is_told_by_one_id),
    Step("用量成为账单", "Usage becomes an invoice", usage_becomes_an_invoice),
    Step("账单明细等于其用量", "Each invoice line equals its events", line_equals_its_events),
    Step("总账平衡", "The ledger balances", books_balance),
)


# ---- What several steps ask -----------------------------------------------------------------------------------


def _commanded(scene: Scene, name: str, parameters: dict[str, Any]) -> Any:
    """Send a remote command and wait for its end; raises StoryBroken unless it succeeded."""
    engineer = scene.cast.engineer
    body = {"name": name, "parameters": parameters, "idempotency_key": new_id()}
    command = engineer.post(f"/api/lifecycle/products/{scene.device}/commands", body)

    def ended() -> Any:
        now = engineer.get(f"/api/lifecycle/commands/{command['id']}")
        return now if now["state"] not in ("QUEUED", "SENT", "DELIVERED", "EXECUTING") else None

    after = until(ended, f"指令 {name} 未结束", f"the command {name} did not end")
    if after["state"] != "SUCCEEDED":
        raise StoryBroken(f"指令 {name} 未成功", f"the command {name} did not succeed", after["history"])
    return after


def _diagnosis(scene: Scene, patience_s: float) -> Any:
    deadline_s = monotonic_s() + patience_s
    while monotonic_s() < deadline_s:
        diagnosis = scene.cast.engineer.get(f"/api/lifecycle/products/{scene.device}/twin")["diagnosis"]
        if diagnosis and diagnosis["fault"] == FAULT:
            return diagnosis
        sleep_s(LOOK_S)
    return None


def _acted(scene: Scene, order_id: str, action: str, **more: Any) -> Any:
    body = {"action": action, "assignee": "maker-engineer", **more}
    return scene.cast.engineer.post(f"/api/lifecycle/work-orders/{order_id}/actions", body)


def _healthy(scene: Scene) -> Any:
    twin = scene.cast.engineer.get(f"/api/lifecycle/products/{scene.device}/twin")
    return twin if twin["health"]["band"] == "good" else None


def _open_alarms(scene: Scene) -> Any:
    found = scene.cast.engineer.get("/api/lifecycle/alarms", device_id=scene.device, active=True)["items"]
    return [(each["code"], each["reason_en"]) for each in found]


def _twin_in_short(scene: Scene) -> Any:
    twin = scene.cast.engineer.get(f"/api/lifecycle/products/{scene.device}/twin")
    values = {name: each["value"] for name, each in twin["values"].items()}
    return {"state": twin["state"], "health": twin["health"], "diagnosis": twin["diagnosis"], "values": values}


def _numbers(answer: dict[str, Any]) -> Figures:
    return {name: value for name, value in answer.items() if isinstance(value, int)}
