"""Who may use each route, and a request that reaches its use case.

A route that is published and does not stand here fails `test_authorisation`: whoever adds one says here who may use it.
`{name}` in a path or body stands for an identifier of an organisation's own object, as `seeds` made it.
"""

from dataclasses import dataclass
from typing import Any

from services.kernel.identity import Role

EVERYBODY = frozenset(Role)
OPERATORS = frozenset({Role.OPERATOR, Role.ENGINEER, Role.MANAGER, Role.ADMINISTRATOR})
ENGINEERS = OPERATORS - {Role.OPERATOR}
ADMINISTRATORS = frozenset({Role.ADMINISTRATOR})
WRITERS = frozenset({Role.MANAGER, Role.ADMINISTRATOR, Role.SERVICE})
SERVICES = frozenset({Role.SERVICE})
STEERERS = frozenset({Role.OPERATOR, Role.ADMINISTRATOR})


@dataclass(frozen=True)
class Use:
    """`roles` None: nobody has to sign in. `body` is JSON, `form` a form; `query` what the route cannot do without."""

    roles: frozenset[Role] | None = EVERYBODY
    body: Any = None
    form: dict[str, str] | None = None
    query: dict[str, str] | None = None


OPEN = Use(None)
READ = Use()
OPERATE = Use(OPERATORS)
ENGINEER = Use(ENGINEERS)
ADMINISTER = Use(ADMINISTRATORS)
WRITE = Use(WRITERS)

EVERY_SERVICE = {"GET /health/live": OPEN, "GET /health/ready": OPEN, "GET /events": READ}

LIFECYCLE = {
    **EVERY_SERVICE,
    "GET /product-types": READ,
    "POST /product-types": Use(
        ADMINISTRATORS,
        {
            "id": "{fresh}",
            "name_zh": "泵",
            "name_en": "Pump",
            "maker_id": "{organisation}",
            "signals": [{"name": "speed_rpm", "name_zh": "转速", "name_en": "Speed", "unit": "/min"}],
        },
    ),
    "GET /product-types/{type_id}": READ,
    "GET /fleet": READ,
    "GET /products": READ,
    "POST /products": Use(
        ADMINISTRATORS, {"id": "{fresh}", "type_id": "{type_id}", "serial": "1", "organisation_id": "{organisation}"}
    ),
    "GET /products/{device_id}": READ,
    "POST /products/{device_id}/credential": ADMINISTER,
    "GET /device-passwords": Use(SERVICES),
    "GET /products/{device_id}/twin": READ,
    "PATCH /products/{device_id}/twin/desired": Use(ENGINEERS, {"parameters": {"interval_s": 5}}),
    "GET /products/{device_id}/history": Use(query={"signal": "speed_rpm"}),
    "GET /products/{device_id}/readings": READ,
    "GET /products/{device_id}/timeline": READ,
    "GET /alarms": READ,
    "GET /alarms/{alarm_id}": READ,
    "POST /alarms/{alarm_id}/acknowledge": OPERATE,
    "POST /alarms/{alarm_id}/unacknowledge": OPERATE,
    "POST /alarms/{alarm_id}/assign": Use(OPERATORS, {"assignee": "somebody"}),
    "POST /alarms/{alarm_id}/clear": Use(OPERATORS, {"note": "by hand"}),
    "GET /tickets": READ,
    "POST /tickets": Use(ENGINEERS, {"alarm_ids": ["{alarm_id}"]}),
    "GET /tickets/{ticket_id}": READ,
    "POST /tickets/{ticket_id}/close": ENGINEER,
    "GET /work-orders": READ,
    "POST /work-orders": Use(ENGINEERS, {"ticket_id": "{ticket_id}"}),
    "GET /work-orders/{order_id}": READ,
    "POST /work-orders/{order_id}/actions": Use(ENGINEERS, {"action": "plan"}),
    "GET /commands": READ,
    "POST /products/{device_id}/commands": Use(
        ENGINEERS, {"name": "set_parameters", "parameters": {"interval_s": 5}, "idempotency_key": "{fresh}"}
    ),
    "GET /commands/{command_id}": READ,
    "POST /commands/{command_id}/cancel": ENGINEER,
    "GET /messages/ledger": READ,
    "GET /messages/dead-letters": READ,
    "GET /audit": READ,
    "GET /clauses": READ,
    "GET /evidence": READ,
}

BILLING = {
    **EVERY_SERVICE,
    "GET /tariffs": READ,
    "POST /tariffs": Use(
        WRITERS,
        {
            "name_zh": "价目",
            "name_en": "Tariff",
            "tax_rate": "0.13",
            "prices": [{"meter": "volume_l", "unit_zh": "升", "unit_en": "l"}],
        },
    ),
    "GET /tariffs/{tariff_id}": READ,
    "GET /contracts": READ,
    "POST /contracts": Use(
        WRITERS, {"tariff_id": "{tariff_id}", "customer_id": "{fresh}", "starts": "2026-01-01T00:00:00Z"}
    ),
    "GET /contracts/{contract_id}": READ,
    "POST /usage-events": Use(
        WRITERS,
        {
            "source": "/outside",
            "id": "{fresh}",
            "data": {
                "device_id": "{device_id}",
                "meter": "run_seconds",
                "quantity": 60,
                "start": "2026-01-01T00:00:00Z",
                "end": "2026-01-01T00:01:00Z",
                "customer_id": "{customer}",
                "provider_id": "{organisation}",
            },
        },
    ),
    "GET /usage-events": READ,
    "POST /usage-events/release": Use(WRITERS, {"usage_ids": ["{usage_id}"], "note": "checked"}),
    "GET /unbilled": READ,
    "GET /quarantine": READ,
    "GET /invoices": READ,
    "GET /invoices/{invoice_id}": READ,
    "GET /invoices/{invoice_id}/lines/{line_id}": READ,
    "POST /invoices/{invoice_id}/issue": WRITE,
    "POST /invoices/{invoice_id}/post": WRITE,
    "POST /invoices/{invoice_id}/void": Use(WRITERS, {"reason": "by hand"}),
    "POST /invoices/{invoice_id}/reverse": Use(WRITERS, {"reason": "by hand"}),
    "GET /ledger/transfers": READ,
    "GET /ledger/balances": READ,
    "GET /ledger/trial-balance": READ,
    "GET /figures": READ,
    "GET /evidence": READ,
}

GATEWAY = {
    "GET /health/live": OPEN,
    "GET /health/ready": OPEN,
    "GET /.well-known/jwks.json": OPEN,
    "POST /oauth/token": Use(None, form={"grant_type": "client_credentials", "client_id": "x", "client_secret": "x"}),
    "POST /api/session": Use(None, {"name": "nobody", "password": "nothing"}),
    "DELETE /api/session": READ,
    "DELETE /api/sessions/{session_id}": READ,
    "GET /me": READ,
    "PUT /me/password": Use(body={"password": "a long way to the sea"}),
    "GET /me/sessions": READ,
    "GET /api/health": OPEN,
    "GET /api/clock": READ,
    "POST /api/clock": Use(STEERERS, {"speed": 2}),
    "GET /api/simulator": READ,
    "POST /api/simulator": Use(STEERERS, {"command_id": "{fresh}", "action": "start"}),
    "GET /api/events": READ,
    "GET /api/events/stream": READ,
    "GET /api/gateway/events": READ,
    "GET /api/organisations": READ,
    "POST /api/organisations": Use(
        ADMINISTRATORS, {"id": "{fresh}", "name_zh": "组织", "name_en": "Organisation", "kind": "customer"}
    ),
    "GET /api/users": ADMINISTER,
    "POST /api/users": Use(
        ADMINISTRATORS,
        {"name": "{fresh}", "display_name": "x", "organisation_id": "{organisation}", "roles": ["viewer"]},
    ),
    "PATCH /api/users/{user_id}": Use(ADMINISTRATORS, {"display_name": "y"}),
    "POST /api/users/{user_id}/link": ADMINISTER,
    "GET /api/clients": ADMINISTER,
    "POST /api/clients": Use(
        ADMINISTRATORS, {"name": "{fresh}", "organisation_id": "{organisation}", "roles": ["viewer"]}
    ),
    "POST /api/clients/{client_id}/secret": ADMINISTER,
    "DELETE /api/clients/{client_id}": ADMINISTER,
    "GET /api/agreements": READ,
    "POST /api/agreements": Use(
        ADMINISTRATORS, {"grantor_id": "{organisation}", "grantee_id": "{partner}", "services": ["billing"]}
    ),
    "POST /api/agreements/{agreement_id}/end": ADMINISTER,
    "GET /api/audit": ADMINISTER,
}

USES: dict[str, dict[str, Use]] = {"lifecycle": LIFECYCLE, "billing": BILLING}


def uses_of(door: str) -> dict[str, Use]:
    """Every route of a service, or of the gateway with those that lead to the services."""
    if door != "gateway":
        return USES[door]
    return GATEWAY | {
        f"{method} /api/{service}{path}": use
        for service, uses in USES.items()
        for method, path, use in ((*name.split(" "), use) for name, use in uses.items())
    }


def filled(template: Any, identifiers: dict[str, str]) -> Any:
    """`template` with every `{name}` replaced; raises KeyError for a name that was not seeded."""
    if isinstance(template, str):
        return template.format_map(identifiers)
    if isinstance(template, dict):
        return {name: filled(value, identifiers) for name, value in template.items()}
    if isinstance(template, list):
        return [filled(value, identifiers) for value in template]
    return template
