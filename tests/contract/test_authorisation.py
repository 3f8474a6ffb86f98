"""Every route with every role and with every token that is not good; the routes come from the published description."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from services.kernel.identity import SAFE_METHODS, KeyStore, Principal, Role
from tests.contract.asking import Asked, ask
from tests.contract.house import DOORS, KEYS, House
from tests.contract.routes import uses_of
from tests.contract.seeds import QUOKKA, Seeded

ROLE_REFUSALS = ("read-only", "device-not-accepted")


def refused_for_role(asked: Asked) -> bool:
    """Whether the answer says that this kind of caller may not use the route, whatever the object."""
    problem = asked.problem
    return asked.status == 403 and ("roles_needed" in problem or problem.get("code") in ROLE_REFUSALS)


def may(method: str, roles: frozenset[Role] | None, role: Role) -> bool:
    """What the table says; an evaluator reads everything and changes nothing."""
    if role is Role.EVALUATOR and roles is not None:
        return method in SAFE_METHODS
    return roles is None or role in roles


def test_every_published_route_says_here_who_may_use_it(house: House) -> None:
    """Guards: a new route that nobody thought about, and a table that promises routes which are gone."""
    published = {operation.name for operation in house.operations()}
    assert sorted(published - uses_of(house.door).keys()) == []
    assert sorted(uses_of(house.door).keys() - published) == []


@pytest.mark.parametrize("role", list(Role))
def test_each_role_may_do_what_the_table_says(house: House, seeded: dict[str, Seeded], role: Role) -> None:
    """Guards: a route that lets one role too many in, or locks one out."""
    token = house.token(QUOKKA, role)
    wrong = []
    for operation in house.operations():
        use = uses_of(house.door)[operation.name]
        asked = ask(house, operation, use, seeded[QUOKKA], token)
        allowed = asked.status != 401 and not refused_for_role(asked)
        if use.roles is not None and allowed != may(operation.method, use.roles, role):
            wrong.append(f"{operation.name}: {'may' if allowed else 'may not'}, {asked}")
        if asked.status >= 500:
            wrong.append(f"{operation.name}: {asked}")
    assert not wrong, "\n".join(wrong)


def bad_tokens(keys: KeyStore, elsewhere: Path) -> dict[str, tuple[str, str]]:
    """Tokens that are good for nothing, and the code that says so."""
    who = Principal(f"user:{QUOKKA}", QUOKKA, frozenset(set(Role) - {Role.SERVICE}))
    stranger = KeyStore.create(elsewhere, KEYS)
    past = datetime.now(UTC) - timedelta(hours=1)
    good = keys.signer("gateway").issue(who)
    head, body, signature = good.split(".")
    return {
        "none": ("", "unauthorised"),
        "no token at all": ("nonsense", "unauthorised"),
        "expired": (keys.signer("gateway", lambda: past).issue(who, 60), "token-expired"),
        "not yet": (keys.signer("gateway", lambda: past + timedelta(hours=2)).issue(who), "unauthorised"),
        "of another installation": (stranger.signer("gateway").issue(who), "unauthorised"),
        "of another installation's service": (stranger.signer("billing").own_token(), "unauthorised"),
        "signed by a service for a user": (_forged(keys, who), "unauthorised"),
        "without its signature": (f"{head}.{body}.", "unauthorised"),
        "with another body": (f"{head}.{body[:-4]}AAAA.{signature}", "unauthorised"),
    }


def _forged(keys: KeyStore, who: Principal) -> str:
    """A user's token that a service signs with its own key, past the check of the signer."""
    from joserfc import jwt

    now_s = int(datetime.now(UTC).timestamp())
    claims: dict[str, Any] = {
        "iss": "billing",
        "aud": "opensom",
        "sub": who.subject,
        "iat": now_s,
        "exp": now_s + 900,
        "organisation": who.organisation_id,
        "roles": sorted(who.roles),
        "kind": "user",
    }
    header = {"alg": "Ed25519", "kid": "billing"}
    return jwt.encode(header, claims, keys.private_key("billing"), algorithms=["Ed25519"])


def test_no_route_takes_a_token_that_is_not_good(house: House, seeded: dict[str, Seeded], tmp_path: Path) -> None:
    """Guards: one route without its guard is a hole in the whole house."""
    wrong = []
    for kind, (token, code) in bad_tokens(house.keys, tmp_path).items():
        for operation in house.operations():
            use = uses_of(house.door)[operation.name]
            if use.roles is None:
                continue
            asked = ask(house, operation, use, seeded[QUOKKA], token)
            if asked.status != 401 or asked.problem.get("code") != code:
                wrong.append(f"{kind}: {operation.name}: {asked}")
    assert not wrong, "\n".join(wrong)


def test_a_device_is_no_user(house: House, seeded: dict[str, Seeded]) -> None:
    """Guards: whoever reads a device's memory could use its token on every route."""
    token = house.token(QUOKKA, *(set(Role) - {Role.SERVICE, Role.EVALUATOR}), kind="device")
    wrong = []
    for operation in house.operations():
        use = uses_of(house.door)[operation.name]
        asked = ask(house, operation, use, seeded[QUOKKA], token)
        if use.roles is not None and asked.problem.get("code") != "device-not-accepted":
            wrong.append(f"{operation.name}: {asked}")
    assert not wrong, "\n".join(wrong)


def test_open_routes_are_few(house: House) -> None:
    """Guards: the table above is no place to open a door quietly."""
    open_routes = {name for name, use in uses_of(house.door).items() if use.roles is None}
    expected = {"GET /health/live", "GET /health/ready"}
    if house.door == "gateway":
        expected |= {"GET /.well-known/jwks.json", "POST /oauth/token", "POST /api/session", "GET /api/health"}
        expected |= {f"GET /api/{name}/health/{what}" for name in DOORS[:-1] for what in ("live", "ready")}
    assert open_routes == expected
