"""What stands in the door: roles, organisations, other sites, limits, headers."""

from typing import Any

import pytest

from gateway.limits import KEYS_MAX, RateLimiter, address_key
from services.kernel.identity import Principal, Role
from services.kernel.problems import MEDIA_TYPE

from .conftest import SITE, World, sign_in

BROWSER = {"Origin": SITE}
PEOPLE = [role for role in Role if role is not Role.SERVICE]
NAMES = {"name_zh": "某厂", "name_en": "A firm"}
ORGANISATION = {"id": "new-one", "kind": "customer", **NAMES}
USER = {"name": "new-user", "display_name": "新", "organisation_id": "maker", "roles": ["viewer"]}
CLIENT = {"name": "robot", "organisation_id": "maker", "roles": ["viewer"]}
AGREEMENT = {"grantor_id": "maker", "grantee_id": "customer-01", "services": ["*"]}
NOBODY = "0" * 32

# Route, body, who is let in: (of the operator, of the maker). `e` is the evaluator, who may read.
ALL = frozenset(PEOPLE)
ADMINISTRATORS = frozenset({Role.ADMINISTRATOR})
READERS = ADMINISTRATORS | {Role.EVALUATOR}
RUNNERS = frozenset({Role.ADMINISTRATOR, Role.OPERATOR})
ROUTES: list[tuple[str, str, Any, frozenset[Role], frozenset[Role]]] = [
    ("GET", "/me", None, ALL, ALL),
    ("GET", "/me/sessions", None, ALL, ALL),
    ("GET", "/api/organisations", None, ALL, ALL),
    ("POST", "/api/organisations", ORGANISATION, ADMINISTRATORS, frozenset()),
    ("GET", "/api/users", None, READERS, READERS),
    ("POST", "/api/users", USER, ADMINISTRATORS, ADMINISTRATORS),
    ("PATCH", f"/api/users/{NOBODY}", {"active": False}, ADMINISTRATORS, ADMINISTRATORS),
    ("POST", f"/api/users/{NOBODY}/link", None, ADMINISTRATORS, ADMINISTRATORS),
    ("GET", "/api/clients", None, READERS, READERS),
    ("POST", "/api/clients", CLIENT, ADMINISTRATORS, ADMINISTRATORS),
    ("GET", "/api/agreements", None, ALL, ALL),
    ("POST", "/api/agreements", AGREEMENT, ADMINISTRATORS, ADMINISTRATORS),
    ("GET", "/api/audit", None, READERS, READERS),
    ("GET", "/api/clock", None, ALL, ALL),
    ("POST", "/api/clock", {"speed": 60}, RUNNERS, frozenset()),
    ("GET", "/api/simulator", None, ALL, ALL),
    ("POST", "/api/simulator", {"command_id": "1", "action": "pause"}, RUNNERS, frozenset()),
    ("GET", "/api/events", None, ALL, ALL),
    ("GET", "/api/gateway/events", None, ALL, ALL),
    ("GET", "/api/greetings/greeting", None, ALL, ALL),
    ("PUT", "/api/greetings/echo", None, RUNNERS, RUNNERS),
]


def somebody(organisation_id: str, *roles: Role) -> Principal:
    """A principal as the gateway makes it."""
    sees: Any = {"*": "*"} if organisation_id == "operator" else {}
    return Principal(f"user:{organisation_id}", organisation_id, frozenset(roles), "user", sees)


@pytest.fixture
def trade(world: World) -> World:
    """A running gateway with a maker and two customers."""
    client = world.start(rate_per_s=0)
    sign_in(client, world.link)
    for identifier in ("maker", "customer-01", "customer-02"):
        client.post("/api/organisations", json={"id": identifier, "kind": "customer", **NAMES}, headers=BROWSER)
    world.administrator = client  # type: ignore[attr-defined]
    return world


def test_every_role_gets_exactly_what_the_table_says(trade: World) -> None:
    """Guards: a route that was opened to more people than meant, or closed to those who need it."""
    client, wrong = trade.client(), []
    for method, path, body, of_operator, of_maker in ROUTES:
        assert client.request(method, path, json=body).status_code == 401, path
        for organisation_id, allowed in (("operator", of_operator), ("maker", of_maker)):
            for role in PEOPLE:
                headers = trade.bearer(somebody(organisation_id, role))
                status = client.request(method, path, json=body, headers=headers).status_code
                if (status not in (401, 403)) != (role in allowed) or status in (500, 502, 504):
                    wrong.append((method, path, organisation_id, role.value, status))
    assert not wrong


def test_the_table_of_roles_knows_every_route(trade: World) -> None:
    """Guards: a new route that nobody tried with every role."""
    described = trade.app.openapi()["paths"]  # type: ignore[attr-defined]
    known = {path.replace(NOBODY, "{user_id}") for _, path, *_ in ROUTES}
    tried_elsewhere = {
        "/oauth/token", "/.well-known/jwks.json", "/api/session", "/api/sessions/{session_id}", "/me/password",
        "/api/clients/{client_id}", "/api/clients/{client_id}/secret", "/api/agreements/{agreement_id}/end",
        "/api/health", "/api/events/stream", "/health/live", "/health/ready",
    }  # fmt: skip
    assert sorted(set(described) - known - tried_elsewhere) == []


def test_an_administrator_has_the_own_organisation_only(trade: World) -> None:
    """Guards: one customer's administrator who reads or changes another's people, programs or agreements."""
    operator = trade.bearer(somebody("operator", Role.ADMINISTRATOR))
    ours = trade.bearer(somebody("customer-01", Role.ADMINISTRATOR))
    client = trade.client()
    theirs = client.post("/api/users", json={**USER, "organisation_id": "customer-02"}, headers=operator).json()
    robot = client.post("/api/clients", json={**CLIENT, "organisation_id": "customer-02"}, headers=operator).json()
    shared = {"grantor_id": "customer-02", "grantee_id": "maker", "services": ["*"]}
    agreement = client.post("/api/agreements", json=shared, headers=operator).json()
    for listing in ("users", "clients", "agreements", "audit"):
        assert "customer-02" not in client.get(f"/api/{listing}", headers=ours).text
    assert [each["id"] for each in client.get("/api/organisations", headers=ours).json()] == ["customer-01"]
    refused = [
        client.patch(f"/api/users/{theirs['id']}", json={"active": False}, headers=ours),
        client.post(f"/api/users/{theirs['id']}/link", headers=ours),
        client.post("/api/users", json={**USER, "name": "spy", "organisation_id": "customer-02"}, headers=ours),
        client.delete(f"/api/clients/{robot['id']}", headers=ours),
        client.post(f"/api/clients/{robot['id']}/secret", headers=ours),
        client.post("/api/agreements", json={**shared, "grantee_id": "customer-01"}, headers=ours),
        client.post(f"/api/agreements/{agreement['id']}/end", headers=ours),
    ]
    assert [answer.status_code for answer in refused] == [404, 404, 403, 404, 404, 403, 404]


def test_nobody_gives_away_more_than_the_platform_allows(trade: World) -> None:
    """Guards: an administrator of one organisation who makes an evaluator, or a service, and so sees all others."""
    ours = trade.bearer(somebody("customer-01", Role.ADMINISTRATOR))
    client = trade.client()
    user = {**USER, "organisation_id": "customer-01"}
    made = client.post("/api/users", json=user, headers=ours).json()
    evaluator = {"roles": ["evaluator"]}
    attempts = [
        client.post("/api/users", json={**user, "name": "e", **evaluator}, headers=ours),
        client.patch(f"/api/users/{made['id']}", json=evaluator, headers=ours),
        client.post("/api/users", json={**user, "name": "s", "roles": ["service"]}, headers=ours),
        client.post("/api/clients", json={**CLIENT, "organisation_id": "customer-01", **evaluator}, headers=ours),
        client.post("/api/organisations", json={**ORGANISATION, "kind": "operator"}, headers=ours),
    ]  # fmt: skip
    assert [answer.status_code for answer in attempts] == [403, 403, 422, 403, 403]
    operator = trade.bearer(somebody("operator", Role.ADMINISTRATOR))
    second = client.post("/api/organisations", json={**ORGANISATION, "kind": "operator"}, headers=operator)
    assert second.status_code == 403


def test_the_last_administrator_stays(trade: World) -> None:
    """Guards: a platform that nobody can administer any more, by one wrong click."""
    client: Any = trade.administrator  # type: ignore[attr-defined]
    [me] = [user for user in client.get("/api/users").json()["items"] if user["name"] == "administrator"]
    for change in ({"active": False}, {"roles": ["viewer"]}):
        assert client.patch(f"/api/users/{me['id']}", json=change, headers=BROWSER).status_code == 409


def test_a_user_who_is_stopped_is_out_at_once(trade: World) -> None:
    """Guards: somebody who left the firm and still has a session."""
    client: Any = trade.administrator  # type: ignore[attr-defined]
    made = client.post("/api/users", json=USER, headers=BROWSER).json()
    theirs = trade.client()
    sign_in(theirs, client.post(f"/api/users/{made['id']}/link", headers=BROWSER).json()["url"])
    assert theirs.get("/me").status_code == 200
    assert client.patch(f"/api/users/{made['id']}", json={"active": False}, headers=BROWSER).status_code == 200
    assert theirs.get("/me").status_code == 401


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 403),
        ({"Origin": "https://elsewhere.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site", "Origin": SITE}, 403),
        ({"Sec-Fetch-Site": "same-origin"}, 200),
        ({"Origin": SITE}, 200),
    ],
)
def test_a_cookie_counts_only_for_orders_of_our_own_pages(trade: World, headers: dict[str, str], status: int) -> None:
    """Guards: a page of another site that gives orders with the visitor's cookie."""
    client: Any = trade.administrator  # type: ignore[attr-defined]
    assert client.post("/api/clock", json={"speed": 2}, headers=headers).status_code == status
    assert client.put("/api/greetings/echo", content=b"x", headers=headers).status_code == status


def test_services_get_a_token_and_never_the_session(trade: World) -> None:
    """Guards: a service that could act as its visitor everywhere, for as long as the session lives."""
    client: Any = trade.administrator  # type: ignore[attr-defined]
    client.cookies.set("language", "en")
    answer = client.get("/api/greetings/greeting", headers={"X-Correlation-Id": "story-1"}).json()
    assert answer == {
        "subject": "user:administrator", "organisations": None, "story": "story-1", "cookies": ["language"],
    }  # fmt: skip


def test_too_many_requests_are_told_when_to_come_again(world: World) -> None:
    """Guards: one caller that takes the platform from all others; and one who pays for another's haste."""
    client = world.start(rate_per_s=0.01, rate_burst=3)
    one = world.bearer(somebody("operator", Role.VIEWER))
    statuses = [client.get("/api/clock", headers=one).status_code for _ in range(5)]
    assert statuses == [200, 200, 200, 429, 429]
    refused = client.get("/api/clock", headers=one)
    assert refused.headers["content-type"] == MEDIA_TYPE
    assert refused.json()["code"] == "too-many-requests"
    assert int(refused.headers["retry-after"]) >= 1
    other = world.bearer(Principal("user:other", "operator", frozenset({Role.VIEWER})))
    assert client.get("/api/clock", headers=other).status_code == 200
    assert client.get("/health/live").status_code == 200
    assert [client.get("/api/clock").status_code for _ in range(4)] == [401, 401, 401, 429]


def test_buckets_fill_again_and_stay_few() -> None:
    """Guards: a limiter that never forgives, or that remembers every address that ever knocked."""
    now_s = [0.0]
    limiter = RateLimiter(2.0, 4, lambda: now_s[0])
    assert [limiter.take("a") for _ in range(5)] == [0, 0, 0, 0, 0.5]
    now_s[0] = 1.0
    assert [limiter.take("a") for _ in range(3)] == [0, 0, 0.5]
    for number in range(KEYS_MAX + 50):
        limiter.take(str(number))
    assert limiter.statistics() == {"callers": KEYS_MAX, "refused": 2}
    assert address_key("2001:db8::1") == address_key("2001:db8::ffff") != address_key("2001:db8:0:1::1")


def test_every_answer_has_the_safe_headers(trade: World) -> None:
    """Guards: a page that can be framed, sniffed or made to load a stranger's script; also the answer to an error."""
    client: Any = trade.administrator  # type: ignore[attr-defined]
    paths = ("/api/docs", "/api/clock", "/api/greetings/greeting", "/no/such/page", "/console/sign-in", "/health/live")
    for path in (*paths, "/api/docs?x=%00"):
        headers = client.get(path).headers
        policy = headers["content-security-policy"]
        assert "default-src 'self'" in policy, path
        assert "frame-ancestors 'none'" in policy, path
        assert headers["x-content-type-options"] == "nosniff", path
        assert headers["referrer-policy"] == "same-origin", path
        assert headers["x-correlation-id"], path


def test_the_console_lets_in_by_link_and_out(world: World) -> None:
    """Guards: the way that a person comes in, from the printed link to the page and out again."""
    client = world.start()
    assert client.get("/console", follow_redirects=False).headers["location"].startswith("/console/sign-in")
    form = {"link": world.link.partition("link=")[2], "next": "/console"}
    answer = client.post("/console/sign-in", data=form, follow_redirects=False)
    assert (answer.status_code, answer.headers["location"]) == (303, "/console")
    assert client.get("/me").json()["subject"] == "user:administrator"
    assert client.post("/console/sign-out", follow_redirects=False).status_code == 403  # Without its form's token.
