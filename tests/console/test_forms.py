"""Forms: each does what it says, once, for those who may, and only from our own pages."""

import re
from collections.abc import Callable

import pytest
from fastapi.testclient import TestClient

from tests.console.sample_sources import ONLOOKER

Visit = Callable[..., TestClient]
FORMS = (
    ("/console/world/clock", {"clock": "600"}, ("set_clock", 600.0, False)),
    ("/console/world/clock", {"clock": "pause"}, ("set_clock", None, True)),
    ("/console/world/fault", {"machine_id": "pump-04", "fault": "wear"}, ("inject_fault", "pump-04", "wear")),
    ("/console/world/repair", {"machine_id": "pump-03"}, ("repair", "pump-03")),
    ("/console/world/reset", {}, ("reset_scenario",)),
    ("/console/alarms/A-1043/acknowledge", {}, ("acknowledge_alarm", "A-1043", "ACKNOWLEDGED")),
    ("/console/alarms/A-1043/withdraw", {}, ("withdraw_acknowledgement", "A-1043", "RAISED")),
    ("/console/alarms/A-1043/assign", {"assignee": "赵工"}, ("assign_alarm", "A-1043", "赵工")),
    ("/console/alarms/A-1043/clear", {}, ("clear_alarm", "A-1043", "CLEARED")),
    ("/console/alarms/A-1043/work-order", {}, ("open_work_order", "A-1043")),
    (
        "/console/work-orders/W-301/act",
        {"action": "plan", "assignee": "赵工", "note": "周一"},
        ("act_on_work_order", "W-301", "plan", "赵工", "周一"),
    ),
    (
        "/console/machines/pump-03/commands",
        {"name": "set_speed", "key": "key-12345678", "set_speed.speed_rpm": "2800"},
        ("send_command", "pump-03", "set_speed", {"speed_rpm": 2800.0}, "key-12345678"),
    ),
    ("/console/commands/C-3/cancel", {}, ("cancel_command", "C-3")),
)


def token(client: TestClient) -> str:
    found = re.search(r'name="csrf" value="([0-9a-f]+)"', client.get("/console").text)
    assert found is not None
    return found.group(1)


def sources_of(client: TestClient):  # type: ignore[no-untyped-def]
    return client.app.state.console.sessions.behind  # type: ignore[attr-defined]


@pytest.mark.parametrize(("path", "fields", "done"), FORMS)
def test_form_does_what_it_says(visit: Visit, path: str, fields: dict[str, str], done: tuple[object, ...]) -> None:
    client = visit()
    answer = client.post(path, data={**fields, "csrf": token(client), "back": "/console/alarms?severity=major"})
    assert answer.status_code == 303, answer.text[-2000:]
    assert answer.headers["location"].startswith("/console/alarms?severity=major&notice=")
    assert sources_of(client).done == [done]
    assert 'role="status"' in client.get(answer.headers["location"]).text


@pytest.mark.parametrize(("path", "fields", "done"), FORMS)
def test_form_is_refused(visit: Visit, path: str, fields: dict[str, str], done: tuple[object, ...]) -> None:
    client = visit()
    for given, headers in (
        ({}, {}),
        ({"csrf": "0" * 64}, {}),
        ({"csrf": token(client)}, {"Sec-Fetch-Site": "cross-site"}),
    ):
        answer = client.post(path, data={**fields, **given}, headers=headers)
        assert answer.status_code == 403
    assert sources_of(client).done == []
    onlooker = visit(viewer=ONLOOKER)
    assert onlooker.post(path, data={**fields, "csrf": token(onlooker)}).status_code == 403
    assert sources_of(onlooker).done == []
    onlooker.cookies.clear()
    assert onlooker.post(path, data=fields).headers["location"] == "/console/sign-in"


@pytest.mark.parametrize("back", ["https://elsewhere.example", "//elsewhere.example", "", "javascript:alert(1)"])
def test_form_leads_to_no_other_site(visit: Visit, back: str) -> None:
    client = visit()
    answer = client.post("/console/world/reset", data={"csrf": token(client), "back": back})
    assert answer.headers["location"].startswith("/console?notice=")


@pytest.mark.parametrize(
    ("path", "fields"),
    [
        ("/console/world/clock", {"clock": "7"}),
        ("/console/world/fault", {"machine_id": "pump-04"}),
        ("/console/machines/pump-03/commands", {"name": "set_speed", "key": "k" * 8, "set_speed.speed_rpm": "fast"}),
        ("/console/alarms/A-1043/assign", {"assignee": "x" * 101}),
    ],
)
def test_bad_field_is_a_problem_page(visit: Visit, path: str, fields: dict[str, str]) -> None:
    client = visit()
    answer = client.post(path, data={**fields, "csrf": token(client)})
    assert answer.status_code == 422 and "invalid-request" in answer.text
    assert sources_of(client).done == []


def test_acknowledgement_can_be_undone(visit: Visit) -> None:
    client = visit()
    answer = client.post("/console/alarms/A-1043/acknowledge", data={"csrf": token(client), "back": "/console/alarms"})
    html = client.get(answer.headers["location"]).text
    assert '<form method="post" action="/console/alarms/A-1043/withdraw"' in html and "撤销" in html


def test_one_time_link_opens_the_console_once(visit: Visit) -> None:
    client = visit()
    client.cookies.clear()
    assert "data-submit-now" in client.get("/console/sign-in?link=one-time").text
    answer = client.post("/console/sign-in", data={"link": "one-time", "next": "/console/fleet"})
    assert answer.headers["location"] == "/console/fleet"
    cookie = answer.headers["set-cookie"].lower()
    assert "httponly" in cookie and "samesite=strict" in cookie
    assert client.get("/console/fleet").status_code == 200
    again = client.post("/console/sign-in", data={"link": "one-time", "next": "https://elsewhere.example"})
    assert again.status_code == 401 and "此链接已使用" in again.text
    client.post("/console/sign-out", data={"csrf": token(client)})
    assert client.get("/console/fleet").status_code == 303
