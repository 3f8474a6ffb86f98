"""Coming in: links, passwords, sessions, tokens, and what a token says."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pytest

from gateway.contract import LINK_GRANT
from gateway.first_start import open_database, prepare, user_link
from gateway.service import sign_in as use_cases
from services.kernel.clock import ManualClock
from services.kernel.identity import TokenVerifier
from services.kernel.migrate import differences
from services.kernel.problems import Problem

from .conftest import SITE, World, secret_of, sign_in

BROWSER = {"Origin": SITE}


def test_migrations_make_what_the_code_expects(each_world: World) -> None:
    """Guards: a column that only exists in fresh test databases."""
    prepare(each_world.settings())
    database = open_database(each_world.settings())
    assert differences(database) == []
    database.close()


def test_a_one_time_link_lets_in_once(each_world: World) -> None:
    """Guards: a link that somebody reads over a shoulder or in a log and uses again."""
    client = each_world.start()
    sign_in(client, each_world.link)
    assert client.get("/me").json()["subject"] == "user:administrator"
    again = each_world.client().post("/api/session", json={"link": secret_of(each_world.link)}, headers=BROWSER)
    assert again.status_code == 400
    assert again.json()["code"] == "invalid-grant"
    assert prepare(each_world.settings()) is None  # Somebody has come in: no more links are printed by a start.


def test_of_two_who_use_a_link_at_once_one_gets_in(each_world: World) -> None:
    """Guards: a race between reading that a link is unused and marking it as used."""
    link = prepare(each_world.settings()) or ""
    database = open_database(each_world.settings())

    def redeem(_: int) -> bool:
        try:
            database.run(use_cases.redeem_link, secret_of(link))
        except Problem:
            return False
        return True

    with ThreadPoolExecutor(4) as pool:
        assert sorted(pool.map(redeem, range(4))) == [False, False, False, True]
    database.close()


def test_a_newer_link_replaces_an_older_one_and_old_ones_end(each_world: World) -> None:
    """Guards: links that pile up, each one a way in; a link that lies in a mailbox for a week."""
    settings = each_world.settings(link_lifetime_s=900)
    first = prepare(settings) or ""
    second = user_link(settings)
    database = open_database(settings)
    with pytest.raises(Problem):
        database.run(use_cases.redeem_link, secret_of(first))
    clock = ManualClock(database.clock.business_now(), database.clock.wall_now())
    clock.advance(0, wall_seconds=901)
    database.clock = clock
    with pytest.raises(Problem):
        database.run(use_cases.redeem_link, secret_of(second))
    database.close()


def test_the_cookie_is_out_of_reach_of_scripts_and_other_sites(world: World) -> None:
    """Guards: a session that a script on the page, or a page of another site, can use."""
    client = world.start()
    answer = client.post("/api/session", json={"link": secret_of(world.link)}, headers=BROWSER)
    cookie = answer.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=strict" in cookie


def test_a_revoked_session_is_over_at_once(each_world: World) -> None:
    """Guards: somebody who signed out, or was signed out, and goes on for as long as a cached token lives."""
    client = each_world.start()
    sign_in(client, each_world.link)
    assert client.get("/api/greetings/greeting").status_code == 200
    [session] = client.get("/me/sessions").json()
    assert session["current"] is True
    other = each_world.client()
    sign_in(other, user_link(each_world.settings()))
    assert other.delete(f"/api/sessions/{session['id']}", headers=BROWSER).status_code == 204
    assert client.get("/me").status_code == 401
    assert client.get("/api/greetings/greeting").status_code == 401
    assert other.delete("/api/session", headers=BROWSER).status_code == 204
    assert other.get("/me").status_code == 401


def test_a_user_chooses_a_password_and_nobody_has_one_before(each_world: World) -> None:
    """Guards: a default password, and a password that can be set without knowing the one before."""
    client = each_world.start(sign_in_rate_per_min=1000)
    form = {"grant_type": "password", "username": "administrator", "password": ""}
    assert client.post("/oauth/token", data=form).status_code == 400
    sign_in(client, each_world.link)
    choose = {"password": "correct horse battery"}
    assert client.put("/me/password", json={"password": "administrator-1"}, headers=BROWSER).status_code == 422
    assert client.put("/me/password", json=choose, headers=BROWSER).status_code == 204
    assert client.put("/me/password", json={"password": "another one, please"}, headers=BROWSER).status_code == 400
    answer = client.post("/oauth/token", data=form | choose)
    assert answer.status_code == 200
    assert client.post("/oauth/token", data=form | {"password": "correct horse"}).status_code == 400
    given = {"name": "administrator", **choose}
    assert each_world.client().post("/api/session", json=given, headers=BROWSER).status_code == 204


def test_a_client_gets_tokens_that_services_verify_by_themselves(each_world: World) -> None:
    """Guards: the flow that every program uses, from the published keys to the claims."""
    client = each_world.start()
    sign_in(client, each_world.link)
    command = {"name": "robot", "organisation_id": "operator", "roles": ["viewer"]}
    made = client.post("/api/clients", json=command, headers=BROWSER).json()
    robot = each_world.client()
    form = {"grant_type": "client_credentials"}
    answer = robot.post("/oauth/token", data=form, auth=(made["id"], made["secret"]))
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-store"
    assert answer.json()["token_type"] == "Bearer"
    verified = TokenVerifier(each_world.settings().resolved_jwks()).verify(answer.json()["access_token"])
    assert (verified.subject, verified.kind, verified.organisation_id) == (
        f"client:{made['id']}",
        "service",
        "operator",
    )
    keys = robot.get("/.well-known/jwks.json").json()["keys"]
    assert {key["kid"] for key in keys} >= {"gateway", "greetings"}
    assert all("d" not in key for key in keys)
    wrong = robot.post("/oauth/token", data=form, auth=(made["id"], "wrong"))
    assert (wrong.status_code, wrong.json()["error"]) == (401, "invalid_client")
    assert client.delete(f"/api/clients/{made['id']}", headers=BROWSER).status_code == 204
    assert robot.post("/oauth/token", data=form, auth=(made["id"], made["secret"])).status_code == 401


def test_a_link_can_be_exchanged_for_a_token(world: World) -> None:
    """Guards: programs of a person (a command line) that have no browser to keep a cookie."""
    client = world.start()
    answer = client.post("/oauth/token", data={"grant_type": LINK_GRANT, "link": secret_of(world.link)})
    assert answer.status_code == 200
    me = client.get("/me", headers={"Authorization": f"Bearer {answer.json()['access_token']}"}).json()
    assert me["sees"] == {"*": "*"}
    other = client.post("/oauth/token", data={"grant_type": "authorization_code"})
    assert (other.status_code, other.json()["error"]) == (400, "unsupported_grant_type")


def test_failed_attempts_to_sign_in_are_slowed_down_and_good_ones_are_not(world: World) -> None:
    """Guards: guessing; and a plant with twenty programs behind one address that all start at once."""
    client = world.start(sign_in_rate_per_min=3)
    for _ in range(3):
        assert client.post("/api/session", json={"link": "guess"}, headers=BROWSER).status_code == 400
    answer = client.post("/api/session", json={"link": secret_of(world.link)}, headers=BROWSER)
    assert answer.status_code == 429
    assert int(answer.headers["retry-after"]) >= 1
    client = world.start(sign_in_rate_per_min=3)
    sign_in(client, world.link)
    command = {"name": "robot", "organisation_id": "operator", "roles": ["viewer"]}
    made = client.post("/api/clients", json=command, headers=BROWSER).json()
    form = {"grant_type": "client_credentials", "client_id": made["id"], "client_secret": made["secret"]}
    assert [world.client().post("/oauth/token", data=form).status_code for _ in range(8)] == [200] * 8


def test_an_agreement_changes_what_a_token_sees(each_world: World) -> None:
    """Guards: rows of a customer that its maker sees without, or does not see with, an agreement."""
    client = each_world.start()
    sign_in(client, each_world.link)
    for identifier, kind in (("maker", "manufacturer"), ("customer-01", "customer")):
        body = {"id": identifier, "name_zh": "某厂", "name_en": "A firm", "kind": kind}
        assert client.post("/api/organisations", json=body, headers=BROWSER).status_code == 201
    user = {"name": "mei", "display_name": "梅", "organisation_id": "maker", "roles": ["engineer"]}
    made = client.post("/api/users", json=user, headers=BROWSER).json()
    link = client.post(f"/api/users/{made['id']}/link", headers=BROWSER).json()["url"]
    maker = each_world.client()
    sign_in(maker, link)
    assert maker.get("/api/greetings/greeting").json()["organisations"] == ["maker"]
    command = {"grantor_id": "customer-01", "grantee_id": "maker", "services": ["greetings"]}
    agreement = client.post("/api/agreements", json=command, headers=BROWSER).json()
    assert maker.get("/api/greetings/greeting").json()["organisations"] == ["customer-01", "maker"]
    assert maker.get("/me").json()["sees"] == {"greetings": ["customer-01"]}
    assert [each["id"] for each in maker.get("/api/organisations").json()] == ["customer-01", "maker"]
    assert client.post(f"/api/agreements/{agreement['id']}/end", headers=BROWSER).status_code == 200
    assert maker.get("/api/greetings/greeting").json()["organisations"] == ["maker"]
    assert client.post(f"/api/agreements/{agreement['id']}/end", headers=BROWSER).status_code == 409
    events = client.get("/api/gateway/events", params={"type": "som.v1.gateway.agreement"}).json()["items"]
    assert [event["type"].rpartition(".")[2] for event in events] == ["made", "ended"]
    trail = client.get("/api/audit").json()["items"]
    assert {"make agreement", "end agreement", "add user", "sign in"} <= {entry["action"] for entry in trail}


def test_an_agreement_of_the_future_does_not_count_yet(world: World) -> None:
    """Guards: dates of agreements, which are business time."""
    client = world.start(business_start=datetime(2026, 1, 5, tzinfo=UTC))
    sign_in(client, world.link)
    for identifier in ("maker", "customer-01"):
        body = {"id": identifier, "name_zh": "某厂", "name_en": "A firm", "kind": "customer"}
        client.post("/api/organisations", json=body, headers=BROWSER)
    command = {
        "grantor_id": "customer-01", "grantee_id": "maker", "services": ["greetings"], "starts": "2026-02-01T00:00:00Z"
    }  # fmt: skip
    assert client.post("/api/agreements", json=command, headers=BROWSER).status_code == 201
    robot = {"name": "robot", "organisation_id": "maker", "roles": ["viewer"]}
    made = client.post("/api/clients", json=robot, headers=BROWSER).json()
    form = {"grant_type": "client_credentials", "client_id": made["id"], "client_secret": made["secret"]}
    token = world.client().post("/oauth/token", data=form).json()["access_token"]
    assert world.client().get("/me", headers={"Authorization": f"Bearer {token}"}).json()["sees"] == {}
