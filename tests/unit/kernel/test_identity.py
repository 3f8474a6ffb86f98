"""A token says who is asking, and nobody can make one that says more than its key may."""

import json
import stat
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from fastapi import Depends, FastAPI
from fastapi.testclient import TestClient
from hypothesis import given, settings
from hypothesis import strategies as st
from joserfc import jwt
from joserfc.jwk import OctKey, OKPKey

from services.kernel.clock import ManualClock
from services.kernel.identity import (
    KeyStore,
    Principal,
    Role,
    TokenSigner,
    TokenVerifier,
    principal_of,
    requires,
    service_principal,
)
from services.kernel.problems import Problem, problem_handlers

SERVICES = ("gateway", "lifecycle", "billing")
ALICE = Principal(
    "alice",
    "acme",
    frozenset({Role.OPERATOR}),
    sees={"lifecycle": ("globex",), "billing": "*"},
    name="爱丽丝",
)


class House:
    """An installation with its keys, and a wall clock that stands until it is moved."""

    def __init__(self, directory: Path) -> None:
        noon = datetime(2026, 3, 1, 12, tzinfo=UTC)
        self.clock = ManualClock(noon, noon)
        self.directory = directory
        self.store = KeyStore.create(directory, SERVICES)
        self.verifier = TokenVerifier(self.store.jwks_path, self.clock.wall_now)

    def signer(self, service: str) -> TokenSigner:
        return self.store.signer(service, self.clock.wall_now)

    def token(self, principal: Principal = ALICE) -> str:
        return self.signer("gateway").issue(principal)

    def forge(self, key: OKPKey, kid: str, **changes: Any) -> str:
        now_s = int(self.clock.wall_now().timestamp())
        claims = {"iss": kid, "aud": "opensom", "sub": "alice", "iat": now_s, "exp": now_s + 900, "kind": "user"}
        claims |= {"organisation": "acme", "roles": ["administrator"]} | changes
        return jwt.encode({"alg": "Ed25519", "kid": kid}, claims, key, algorithms=["Ed25519"])

    def refusal(self, token: str) -> str:
        with pytest.raises(Problem) as caught:
            self.verifier.verify(token)
        return caught.value.code


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path)


def test_a_token_tells_who_is_asking(house: House) -> None:
    assert house.verifier.verify(house.token()) == ALICE


def test_a_principal_sees_its_own_organisation_and_what_was_agreed() -> None:
    assert ALICE.visible_organisations("lifecycle") == {"acme", "globex"}
    assert ALICE.visible_organisations("vmi") == {"acme"}
    assert ALICE.visible_organisations("billing") is None
    assert Principal("root", "acme", frozenset({Role.VIEWER}), sees={"*": "*"}).visible_organisations("vmi") is None
    assert Principal("eva", "jury", frozenset({Role.EVALUATOR})).visible_organisations("vmi") is None
    assert service_principal("billing").visible_organisations("lifecycle") is None


def test_only_a_service_has_the_role_of_one() -> None:
    with pytest.raises(ValueError, match="role of a service"):
        Principal("alice", "acme", frozenset({Role.SERVICE}))


def test_keys_are_made_once_and_only_the_owner_can_read_them(house: House) -> None:
    before = {path: path.read_bytes() for path in house.store.directory.iterdir()}
    KeyStore.create(house.directory, SERVICES)
    assert {path: path.read_bytes() for path in house.store.directory.iterdir()} == before
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in before}
    assert modes == {"jwks.json": 0o644, **{f"{name}.json": 0o600 for name in SERVICES}}
    published = json.loads(house.store.jwks_path.read_bytes())["keys"]
    assert [key["kid"] for key in published] == sorted(SERVICES)
    assert all("d" not in key for key in published)


def test_processes_that_start_together_agree_on_the_keys(tmp_path: Path) -> None:
    names = [f"service-{number}" for number in range(6)]
    threads = [threading.Thread(target=KeyStore.create, args=(tmp_path, [name, "gateway"])) for name in names]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    store = KeyStore(tmp_path)
    published = {key["kid"]: key["x"] for key in json.loads(store.jwks_path.read_bytes())["keys"]}
    assert published == {name: store.private_key(name).as_dict()["x"] for name in [*names, "gateway"]}
    assert not list(store.directory.glob(".*")), "a draft was left behind"


def test_a_key_file_that_holds_no_key_is_named(house: House) -> None:
    (house.store.directory / "billing.json").write_text("{")
    with pytest.raises(ValueError, match=r"billing\.json holds no usable key"):
        KeyStore.create(house.directory, SERVICES)


@pytest.mark.parametrize("name", ["../evil", "jwks", "", "A"])
def test_a_name_that_is_no_plain_file_name_gets_no_key(tmp_path: Path, name: str) -> None:
    with pytest.raises(ValueError, match="cannot name a key"):
        KeyStore.create(tmp_path, [name])


def test_a_service_speaks_only_for_itself(house: House) -> None:
    assert house.verifier.verify(house.signer("billing").own_token()) == service_principal("billing")
    for other in (ALICE, service_principal("lifecycle")):
        with pytest.raises(ValueError, match="may not issue"):
            house.signer("billing").issue(other)


def test_a_stolen_service_key_makes_no_users(house: House) -> None:
    key = house.store.private_key("billing")
    assert house.refusal(house.forge(key, "billing")) == "unauthorised"
    assert house.refusal(house.forge(key, "billing", iss="gateway")) == "unauthorised"
    as_other = {"kind": "service", "roles": ["service"], "organisation": "platform", "sub": "lifecycle"}
    assert house.refusal(house.forge(key, "billing", **as_other)) == "unauthorised"
    assert house.refusal(house.forge(key, "gateway")) == "unauthorised"


@pytest.mark.parametrize(
    "changes",
    [{"aud": "elsewhere"}, {"roles": ["king"]}, {"roles": ["service"]}, {"kind": "ghost"}, {"iat": 4e9}, {"exp": None}],
)
def test_a_signed_token_must_also_make_sense(house: House, changes: dict[str, Any]) -> None:
    assert house.refusal(house.forge(house.store.private_key("gateway"), "gateway", **changes)) == "unauthorised"


@pytest.mark.filterwarnings("ignore:JWS algorithm")
def test_another_algorithm_is_refused(house: House) -> None:
    public = json.loads(house.store.jwks_path.read_bytes())["keys"][1]
    claims = {"iss": "gateway", "aud": "opensom", "sub": "a", "iat": 0, "exp": 4e9}
    secret = OctKey.import_key(public["x"])
    assert house.refusal(jwt.encode({"alg": "HS256", "kid": "gateway"}, claims, secret)) == "unauthorised"
    assert house.refusal(jwt.encode({"alg": "none"}, claims, None, algorithms=["none"])) == "unauthorised"


def test_a_token_ends_on_the_wall_clock_half_a_minute_late(house: House) -> None:
    token = house.token()
    house.verifier.verify(token)
    house.clock.advance(1_000_000.0, wall_seconds=900 + 29)
    assert house.verifier.recall(token) == ALICE
    assert TokenVerifier(house.store.jwks_path, house.clock.wall_now).verify(token) == ALICE
    house.clock.advance(0.0, wall_seconds=1)
    assert house.verifier.recall(token) is None
    assert house.refusal(token) == "token-expired"


def test_an_own_token_is_renewed_before_it_ends(house: House) -> None:
    signer = house.signer("billing")
    first = signer.own_token()
    assert signer.own_token() == first
    house.clock.advance(0.0, wall_seconds=601)
    assert signer.own_token() != first


def test_new_keys_are_found_but_not_asked_for_all_the_time(house: House) -> None:
    house.verifier.verify(house.token())
    KeyStore.create(house.directory, [*SERVICES, "vmi"])
    token = house.signer("vmi").own_token()
    assert house.refusal(token) == "unauthorised", "the keys were read a moment ago"
    house.clock.advance(0.0, wall_seconds=6)
    assert house.verifier.verify(token) == service_principal("vmi")


def test_a_new_key_under_the_same_name_is_found(house: House) -> None:
    house.verifier.verify(house.token())
    (house.store.directory / "gateway.json").unlink()
    KeyStore.create(house.directory, SERVICES)
    house.clock.advance(0.0, wall_seconds=6)
    assert house.verifier.verify(house.token()) == ALICE


def test_without_any_keys_it_is_the_service_that_is_not_ready(house: House, tmp_path: Path) -> None:
    verifier = TokenVerifier(tmp_path / "not-there.json", house.clock.wall_now)
    with pytest.raises(Problem) as caught:
        verifier.verify(house.token())
    assert (caught.value.code, caught.value.status) == ("keys-unavailable", 503)
    assert verifier.check() is False


def test_keys_that_were_read_stay_good_when_the_source_is_gone(house: House) -> None:
    house.verifier.verify(house.token())
    house.store.jwks_path.unlink()
    house.clock.advance(0.0, wall_seconds=60)
    house.refusal("x.y.z")
    assert house.verifier.verify(house.token()) == ALICE


def test_keys_come_from_a_url(house: House) -> None:
    handler = partial(SimpleHTTPRequestHandler, directory=str(house.store.directory))
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        url = f"http://127.0.0.1:{server.server_port}/jwks.json"
        assert TokenVerifier(url, house.clock.wall_now).verify(house.token()) == ALICE
    finally:
        server.shutdown()
        server.server_close()


def test_the_memory_of_tokens_is_bounded(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("services.kernel.identity.CACHED_TOKENS_MAX", 10)
    for _ in range(35):
        house.verifier.verify(house.token())
    assert house.verifier.statistics()["cached_tokens"] <= 10


@pytest.fixture(scope="module")
def kept_house(tmp_path_factory: pytest.TempPathFactory) -> House:
    return House(tmp_path_factory.mktemp("house"))


@settings(max_examples=100, deadline=None)
@given(
    text=st.one_of(
        st.text(),
        st.from_regex(r"[\w=-]*\.[\w=-]*\.[\w=-]*", fullmatch=True),
        st.just("." * 9000),
        st.just("W1tb" * 1800 + ".W10.aa"),
    )
)
def test_no_text_is_a_token_and_none_breaks_the_check(kept_house: House, text: str) -> None:
    assert kept_house.refusal(text) == "unauthorised"


@settings(max_examples=60, deadline=None)
@given(position=st.integers(min_value=0), character=st.sampled_from("Aa0_-."))
def test_a_changed_token_is_no_token(kept_house: House, position: int, character: str) -> None:
    token = kept_house.token()
    index = position % (token.rindex(".") + 80)  # The last characters carry bits that mean nothing.
    changed = token[:index] + character + token[index + 1 :]
    if changed != token:
        assert kept_house.refusal(changed) == "unauthorised"


@pytest.fixture
def door(house: House) -> Iterator[TestClient]:
    app = FastAPI()
    problem_handlers(app)
    app.state.verifier = house.verifier

    @app.get("/pumps", operation_id="read_pumps")
    @app.post("/pumps", operation_id="add_pump")
    def pumps(principal: Principal = requires(Role.ENGINEER, Role.OPERATOR)) -> str:
        return principal.subject

    @app.get("/users")
    def users(principal: Principal = requires(Role.ADMINISTRATOR)) -> str:
        return principal.subject

    @app.post("/anyone")
    def anyone(principal: Principal = requires(), same: Principal = Depends(principal_of)) -> str:
        assert same == principal
        return principal.subject

    @app.get("/devices", dependencies=[requires(Role.ADMINISTRATOR, devices=True)])
    def devices() -> str:
        return "devices"

    with TestClient(app, raise_server_exceptions=False) as client:
        yield client


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def test_without_a_token_the_door_says_what_it_wants(door: TestClient) -> None:
    for headers in ({}, {"Authorization": "Basic YWxpY2U6"}, {"Authorization": "Bearer"}):
        answer = door.get("/pumps", headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (401, "unauthorised")
        assert answer.headers["www-authenticate"].startswith("Bearer")
    answer = door.get("/pumps", headers=bearer("x.y.z"))
    assert (answer.status_code, answer.headers["www-authenticate"][-15:]) == (401, '"invalid_token"')


def test_one_of_the_roles_opens_the_door_and_another_is_told_which(door: TestClient, house: House) -> None:
    for path in ("/pumps", "/anyone"):
        assert door.post(path, headers=bearer(house.token())).json() == "alice"
    answer = door.get("/users", headers=bearer(house.token()))
    assert (answer.status_code, answer.json()["roles_needed"]) == (403, ["administrator"])
    assert "administrator" in answer.json()["detail_zh"] and "administrator" in answer.json()["detail_en"]


def test_an_evaluator_reads_everything_and_changes_nothing(door: TestClient, house: House) -> None:
    token = house.token(Principal("eva", "jury", frozenset({Role.EVALUATOR, Role.OPERATOR})))
    assert door.get("/users", headers=bearer(token)).json() == "eva"
    for path in ("/pumps", "/anyone"):
        answer = door.post(path, headers=bearer(token))
        assert (answer.status_code, answer.json()["code"]) == (403, "read-only")


def test_a_device_comes_in_only_where_it_was_asked(door: TestClient, house: House) -> None:
    token = house.token(Principal("pump-1", "acme", frozenset({Role.VIEWER, Role.OPERATOR}), "device"))
    assert door.get("/pumps", headers=bearer(token)).json()["code"] == "device-not-accepted"
    assert door.get("/devices", headers=bearer(token)).json() == "devices"


def test_the_api_description_says_that_a_bearer_token_is_needed(door: TestClient) -> None:
    schema = door.get("/openapi.json").json()
    assert schema["components"]["securitySchemes"]["bearer"]["scheme"] == "bearer"
    assert schema["paths"]["/pumps"]["get"]["security"] == [{"bearer": []}]
