"""One request to one route, made from the published description and the table of uses."""

import json
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from services.kernel.clock import wall_now
from services.kernel.identity import Role
from services.kernel.principals import ALL
from simulator.contract import STATUS_TOPIC, SimulatorStatus
from tests.contract.house import OPERATOR, House, Operation, parts_of
from tests.contract.routes import Use, filled
from tests.contract.seeds import Seeded


@dataclass
class Asked:
    """A request's outcome, with what the caller itself had put into the request."""

    status: int
    content: bytes
    said: list[str]
    headers: dict[str, str]

    @property
    def problem(self) -> dict[str, Any]:
        """The problem's document; empty for another answer."""
        if not self.headers.get("content-type", "").startswith("application/problem+json"):
            return {}
        return json.loads(self.content)

    def __str__(self) -> str:
        return f"{self.status} {self.content[:300].decode(errors='replace')}"


def ask(house: House, operation: Operation, use: Use, target: Seeded, token: str, **headers: str) -> Asked:
    """Use a route on the objects of `target`, with `token` (none when empty)."""
    if operation.name == "POST /api/simulator":
        keep_simulator_connected(house)
    identifiers = target.request_identifiers()
    path, body, form, query = operation.path, use.body, use.form, use.query
    for name in operation.parameters("path"):
        assert name in identifiers, f"no seeded identifier for {name} of {operation.name}"
        path = path.replace(f"{{{name}}}", quote(identifiers[name], safe=""))
    if "requestBody" in operation.described:
        assert body is not None or form is not None, f"no body in the table for {operation.name}"
    authorization = {"Authorization": f"Bearer {token}"} if token else {}
    answer = house.http.request(
        operation.method,
        path,
        params=query,
        json=filled(body, identifiers) if body is not None else None,
        data=form,
        headers={**authorization, **headers},
    )
    house.http.cookies.clear()  # What signs in or out must not change the next request.
    said = [*identifiers.values(), operation.path]
    return Asked(answer.status_code, answer.content, said, dict(answer.headers))


def own_operations(house: House) -> list[Operation]:
    """The operations of the house itself: those behind the gateway are the same code as in the services' own houses."""
    mounted = tuple(f"{house.prefix(name)}/" for name in house.services if name != house.door)
    return [operation for operation in house.operations() if not operation.path.startswith(mounted)]


def token_of(house: House, use: Use, organisation: str | None = None) -> str:
    """Somebody whom the route lets in: of an organisation, or of none and seeing everything."""
    role = Role.ADMINISTRATOR if Role.ADMINISTRATOR in (use.roles or {Role.ADMINISTRATOR}) else Role.SERVICE
    return house.token(organisation, role) if organisation else house.token(OPERATOR, role, sees={ALL: ALL})


def keep_simulator_connected(house: House) -> None:
    """Let the world outside say that it is there."""
    now = wall_now()
    status = SimulatorStatus(
        scenario="demo",
        scenario_zh="演示",
        seed=1,
        running=True,
        devices=0,
        devices_online=0,
        messages_sent=0,
        messages_unconfirmed=0,
        business_time=now,
        wall_time=now,
        interval_s=1,
    )
    parts_of(house.app).bus.publish(STATUS_TOPIC, status.model_dump_json().encode(), qos=0)
