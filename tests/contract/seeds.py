"""Two organisations with recognisable objects of every kind, in every service of a house.

Every text and every chosen identifier of an organisation holds its name, so that one look at the bytes of an answer
tells whether it gives something of the other one away.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import insert

from services.billing.contract import SERVICE as BILLING
from services.kernel.bus import Message
from services.kernel.chance import new_id
from services.kernel.identity import Role
from services.kernel.principals import ALL
from services.kernel.unit import UnitOfWork
from services.lifecycle.contract import device_topic
from services.lifecycle.rules.findings import Finding
from services.lifecycle.service import alarms
from services.lifecycle.service.devices import load_devices
from services.lifecycle.service.ingest import IngestWorker
from services.lifecycle.settings import LifecycleSettings
from tests.contract.house import OPERATOR, House

QUOKKA, NARWHAL = "quokka", "narwhal"  # Words that stand nowhere else.
ORGANISATIONS = (QUOKKA, NARWHAL)
TYPE = "pump-of-all"  # Product types are the catalogue that everybody reads.
COUNT = 4  # Objects of each kind: enough that a page of one, of two and of all differ.
READINGS = 5


@dataclass
class Seeded:
    """What an organisation has: one identifier of each kind for routes, and all that were given."""

    name: str
    identifiers: dict[str, str] = field(default_factory=dict)
    given: set[str] = field(default_factory=set)  # Identifiers that the services made.

    def note(self, kind: str, identifier: str) -> str:
        self.identifiers.setdefault(kind, identifier)
        self.given.add(identifier)
        return identifier

    def request_identifiers(self) -> dict[str, str]:
        """Identifiers for one request, with one that nobody has used."""
        return self.identifiers | {"fresh": f"{self.name}-{new_id()[-16:]}"}


def furnish(house: House) -> dict[str, Seeded]:
    """Give every service of `house` its objects of both organisations."""
    found = {
        name: Seeded(name, {"organisation": name, "partner": f"{name}-partner", "customer": f"{name}-customer-0"})
        for name in ORGANISATIONS
    }
    for seeded in found.values():
        seeded.identifiers["device_id"] = f"{seeded.name}-pump-0"
    if "gateway" in house.services:
        for seeded in found.values():
            _gateway(house, seeded)
    if "lifecycle" in house.services:
        _catalogue(house)
        for seeded in found.values():
            _lifecycle(house, seeded)
    if "billing" in house.services:
        for seeded in found.values():
            _billing(house, seeded)
    return found


# ---- Gateway --------------------------------------------------------------------------------------------------


def _gateway(house: House, seeded: Seeded) -> None:
    name = seeded.name
    root = house.token(OPERATOR, Role.ADMINISTRATOR, sees={ALL: ALL})
    own = house.token(name, Role.ADMINISTRATOR)
    partners = [f"{name}-partner{'' if number == 0 else f'-{number}'}" for number in range(COUNT + 1)]
    for organisation in (name, *partners):
        body = {"id": organisation, "name_zh": f"{name} 组织", "name_en": f"{name} Ltd", "kind": "customer"}
        house.ask("POST", "/api/organisations", root, 201, json=body)
    for number in range(COUNT):
        account = {"organisation_id": name, "roles": ["viewer"]}
        body = {"name": f"{name}-user-{number}", "display_name": f"{name} person", **account}
        user = house.ask("POST", "/api/users", own, 201, json=body)
        seeded.note("user_id", user["id"])
        client = house.ask("POST", "/api/clients", own, 201, json={"name": f"{name} program", **account})
        seeded.note("client_id", client["id"])
        body = {"grantor_id": name, "grantee_id": partners[number + 1], "services": ["lifecycle"]}
        seeded.note("agreement_id", house.ask("POST", "/api/agreements", own, 201, json=body)["id"])
    link = house.ask("POST", f"/api/users/{seeded.identifiers['user_id']}/link", own, 201)["url"]
    answer = house.http.post("/api/session", json={"link": link.partition("link=")[2]})
    assert answer.status_code == 204, answer.text
    house.http.cookies.clear()
    whole = house.token(name, Role.VIEWER)
    assert house.ask("GET", "/me", whole)["organisation_id"] == name
    user_token = house.keys.signer("gateway").issue(_user(f"{name}-user-0", name))
    seeded.note("session_id", house.ask("GET", "/me/sessions", user_token)[0]["id"])


def _user(user: str, organisation: str) -> Any:
    from services.kernel.identity import Principal

    return Principal(f"user:{user}", organisation, frozenset({Role.VIEWER}))


# ---- Lifecycle ------------------------------------------------------------------------------------------------


def _catalogue(house: House) -> None:
    maker = house.token("platypus", Role.ADMINISTRATOR)
    signal = {"name": "speed_rpm", "name_zh": "转速", "name_en": "Speed", "unit": "/min"}
    for number in range(COUNT):
        body = {
            "id": TYPE if number == 0 else f"{TYPE}-{number}",
            "name_zh": "泵",
            "name_en": "Pump",
            "maker_id": "platypus",
            "signals": [signal],
        }
        house.ask("POST", f"{house.prefix('lifecycle')}/product-types", maker, 201, json=body)


def _lifecycle(house: House, seeded: Seeded) -> None:
    name, start = seeded.name, house.prefix("lifecycle")
    own = house.token(name, Role.ADMINISTRATOR)
    seeded.identifiers["type_id"] = TYPE
    devices = [f"{name}-pump-{number}" for number in range(COUNT)]
    for device_id in devices:
        texts = {"serial": f"{name}-serial", "name_zh": f"{name} 泵", "name_en": f"{name} pump", "site": f"{name} hall"}
        body = {"id": device_id, "type_id": TYPE, "organisation_id": name, **texts}
        house.ask("POST", f"{start}/products", own, 201, json=body)
    _readings(house, devices)
    _dead_letters(house, devices[0])
    for device_id in devices:
        alarm_id = house.databases["lifecycle"].run(_alarm, device_id, name)
        seeded.note("alarm_id", alarm_id)
        body = {"alarm_ids": [alarm_id], "title": f"{name} trouble"}
        ticket = house.ask("POST", f"{start}/tickets", own, 201, json=body)
        seeded.note("ticket_id", ticket["id"])
        body = {"ticket_id": ticket["id"], "instruction": f"{name} secret procedure"}
        seeded.note("order_id", house.ask("POST", f"{start}/work-orders", own, 201, json=body)["id"])
        body = {"name": "set_parameters", "parameters": {"note": f"{name} text"}, "idempotency_key": f"{name}-key-0"}
        command = house.ask("POST", f"{start}/products/{device_id}/commands", own, 201, json=body)
        seeded.note("command_id", command["id"])


def _readings(house: House, devices: list[str]) -> None:
    """What the devices said, settled by the real ingest."""
    database = house.databases["lifecycle"]
    now = database.clock.business_now()
    worker = IngestWorker(database, database.clock, LifecycleSettings(), lambda *_: None)
    messages = [
        Message(device_topic(device_id, "telemetry"), _telemetry(device_id, number, now))
        for device_id in devices
        for number in range(READINGS)
    ]
    worker.settle(messages)
    assert database.read(lambda unit: worker.settled) == len(messages)


def _telemetry(device_id: str, number: int, now: datetime) -> bytes:
    import json

    at = now - timedelta(seconds=READINGS - number)
    body = {"boot": 1, "sequence": number + 1, "time": at.isoformat(), "values": {"speed_rpm": 2900.0 + number}}
    return json.dumps(body).encode()


def _dead_letters(house: House, device_id: str) -> None:
    def bury(unit: UnitOfWork) -> None:
        row = {
            "topic": device_topic(device_id, "telemetry"),
            "reason": "unreadable",
            "detail": f"{device_id} sent nonsense",
            "payload": f"{device_id} nonsense".encode(),
            "received": unit.clock.wall_now(),
        }
        unit.session.execute(insert(unit.tables.dead_letter), [row] * COUNT)

    house.databases["lifecycle"].run(bury)


def _alarm(unit: UnitOfWork, device_id: str, name: str) -> str:
    device = load_devices(unit, {device_id})[device_id]
    texts = {"reason_zh": f"{name} 原因", "reason_en": f"{name} reason"}
    finding = Finding("speed_rpm_high", "speed_rpm", "minor", True, 3100.0, 3000.0, source="limit", **texts)
    alarms.apply_finding(unit, device, finding, unit.clock.business_now())
    from services.lifecycle.store import work

    found = work.active_alarm(unit, device_id, finding.code)
    assert found is not None
    return found.id


# ---- Billing --------------------------------------------------------------------------------------------------


def _billing(house: House, seeded: Seeded) -> None:
    name, start = seeded.name, house.prefix(BILLING)
    own = house.token(name, Role.MANAGER)
    now = house.databases[BILLING].clock.business_now()
    plan = {"model": "per_unit", "unit_size": 60, "price": "10"}
    for number in range(COUNT):
        body = {
            "name_zh": f"{name} 价目 {number}",
            "name_en": f"{name} tariff",
            "tax_rate": "0.13",
            "prices": [{"meter": "run_seconds", "unit_zh": "分", "unit_en": "min", "plan": plan}],
        }
        tariff = house.ask("POST", f"{start}/tariffs", own, 201, json=body)
        seeded.note("tariff_id", tariff["id"])
        body = {"tariff_id": tariff["id"], "customer_id": f"{name}-customer-{number}", "starts": _text(now, -86_400)}
        contract = house.ask("POST", f"{start}/contracts", own, 201, json=body)
        seeded.note("contract_id", contract["id"])
        _usage(house, seeded, own, number, now)
    for number, invoice in enumerate(house.ask("GET", f"{start}/invoices", own)["items"]):
        if number < 2:
            invoice = house.ask("POST", f"{start}/invoices/{invoice['id']}/issue", own)
        seeded.note("invoice_id", invoice["id"])
        whole = house.ask("GET", f"{start}/invoices/{invoice['id']}", own)
        seeded.note("line_id", whole["items"][0]["id"])


def _usage(house: House, seeded: Seeded, token: str, number: int, now: datetime) -> None:
    """Usage that is billed, usage that is held back, and usage that says something else than before."""
    name, path = seeded.name, f"{house.prefix(BILLING)}/usage-events"
    for meter, status in (("run_seconds", 201), ("unheard_of", 201), ("run_seconds", 409)):
        data = {
            "device_id": f"{name}-pump-{number}",
            "meter": meter,
            "quantity": 60 if status == 201 else 61,
            "start": _text(now, -60),
            "end": _text(now, 0),
            "customer_id": f"{name}-customer-{number}",
            "provider_id": name,
        }
        report = {"source": f"/{name}", "id": f"{name}/{number}/{meter}", "data": data}
        answer = house.ask("POST", path, token, status, json=report)
        if status == 409:
            seeded.given.add(answer["quarantine_id"])
        elif meter != "run_seconds":
            seeded.note("usage_id", answer["usage"]["id"])
        else:
            seeded.given.add(answer["usage"]["id"])


def _text(now: datetime, seconds: int) -> str:
    return (now + timedelta(seconds=seconds)).isoformat()
