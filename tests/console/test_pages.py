"""Every page, in both languages, with data, without data, and with nobody who answers."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from fastapi.testclient import TestClient

from tests.console.sample_sources import ONLOOKER, SampleSources
from tests.console.sample_states import EmptySources, HeadOnlySources, UnreachableSources

LISTS = (
    "/console",
    "/console/fleet",
    "/console/fleet?state=alarm",
    "/console/alarms",
    "/console/work-orders",
    "/console/invoices",
    "/console/events",
    "/console/events/dead-letters",
    "/console/clauses",
    "/console/clauses?status=shown&mode=lifecycle&text=remote",
)
DETAILS = (
    "/console/machines/pump-03",
    "/console/machines/pump-12?range=7d&signal=power_kw",
    "/console/alarms/A-1043",
    "/console/work-orders/W-303",
    "/console/invoices/inv-1",
    "/console/invoices/inv-1/lines/line-2",
    "/console/events/0193e5000004",
    "/console/clauses/HN-1-1-a",
    "/console/clauses/LN-3-1-a",
)
Visit = Callable[..., TestClient]


def page(client: TestClient, path: str, language: str) -> str:
    answer = client.get(path, headers={"Accept-Language": language})
    assert answer.status_code == 200, answer.text[:2000]
    policy = answer.headers["content-security-policy"]
    assert policy.startswith("default-src 'self'") and "unsafe" not in policy
    # An inline style or handler would be refused by that policy.
    assert not re.search(r"<[^>]+\s(style|on[a-z]+)=", answer.text), path
    return answer.text


@pytest.mark.parametrize("language", ["zh", "en"])
@pytest.mark.parametrize("sources", [SampleSources, EmptySources])
@pytest.mark.parametrize("path", LISTS + DETAILS)
def test_page_is_drawn(visit: Visit, path: str, sources: Callable[[], Any], language: str) -> None:
    html = page(visit(sources), path, language)
    assert f'<html lang="{"zh-CN" if language == "zh" else "en"}">' in html
    assert html.count("<h1") == 1
    ids = re.findall(r'\sid="([^"]+)"', html)
    assert sorted(set(ids)) == sorted(ids), "an id stands twice"
    assert html.count('<th scope="') + html.count('<th scope="row"') >= html.count("<th ")


@pytest.mark.parametrize("language", ["zh", "en"])
@pytest.mark.parametrize("path", LISTS)
def test_page_says_what_is_unreachable(visit: Visit, path: str, language: str) -> None:
    html = page(visit(UnreachableSources), path, language)
    assert ("不可达" if language == "zh" else "Unreachable") in html


@pytest.mark.parametrize("path", DETAILS)
def test_detail_page_stands_when_all_around_it_is_unreachable(visit: Visit, path: str) -> None:
    assert "不可达" in page(visit(HeadOnlySources), path, "zh")


@pytest.mark.parametrize("path", DETAILS)
def test_detail_page_of_an_unreachable_service_is_a_problem_page(visit: Visit, path: str) -> None:
    answer = visit(UnreachableSources).get(path)
    assert answer.status_code == 503
    assert "<h1" in answer.text
    assert "unavailable" in answer.text or "unreachable" in answer.text


def test_slow_panel_does_not_hold_the_page(visit: Visit, monkeypatch: pytest.MonkeyPatch) -> None:
    import asyncio

    from gateway.console import panels

    class Slow(SampleSources):
        async def figures(self) -> Any:
            await asyncio.sleep(60)

    monkeypatch.setattr(panels, "PANEL_S_MAX", 0.05)
    html = page(visit(Slow), "/console", "zh")
    assert "不可达" in html and "需要处理" in html


def test_onlooker_sees_no_control(visit: Visit) -> None:
    client = visit(viewer=ONLOOKER)
    for path in ("/console", "/console/alarms", "/console/alarms/A-1043", "/console/machines/pump-03"):
        forms = re.findall(r'<form method="post" action="([^"]+)"', page(client, path, "zh"))
        assert set(forms) <= {"/console/sign-out"}, path


def test_text_from_a_service_is_never_markup(visit: Visit) -> None:
    html = page(visit(), "/console/events/0193e5000004", "zh")
    assert "<b>&" not in html and "&lt;b&gt;&amp;" in html


@pytest.mark.parametrize(
    "path", ["/console/nowhere", "/console/machines/none", "/console/alarms/none", "/console/clauses/none"]
)
def test_what_is_not_there_has_a_page_that_says_so(visit: Visit, path: str) -> None:
    answer = visit().get(path, headers={"Accept-Language": "en"})
    assert answer.status_code == 404
    assert "<h1" in answer.text and "not-found" in answer.text


def test_slash_too_many_leads_to_the_page(visit: Visit) -> None:
    client = visit()
    assert client.get("/console/").headers["location"] == "/console"
    assert client.get("/console/fleet/?state=alarm").headers["location"] == "/console/fleet?state=alarm"
    assert client.get("/console//elsewhere.example/").status_code == 404


def test_stranger_is_sent_to_sign_in_and_back(visit: Visit) -> None:
    client = visit()
    client.cookies.clear()
    answer = client.get("/console/fleet?state=alarm")
    assert answer.status_code == 303
    assert answer.headers["location"] == "/console/sign-in?next=%2Fconsole%2Ffleet%3Fstate%3Dalarm"


def test_language_is_remembered_when_it_is_chosen(visit: Visit) -> None:
    client = visit()
    assert "Needs attention" in page(client, "/console?lang=en", "zh")
    assert "Needs attention" in page(client, "/console", "zh")
    assert "需要处理" in page(client, "/console?lang=zh", "en")


def test_live_chart_goes_on_where_it_was(visit: Visit) -> None:
    client = visit()
    first = client.get("/console/api/machines/pump-03/live").json()
    assert len(first["x"]) == 10 and len(first["x"][0]) == 180
    then = client.get("/console/api/machines/pump-03/live", params={"after": first["after"]}).json()
    assert then["x"][0][0] > first["x"][0][-1] and "<table" in then["readings"]
    assert client.get("/console/api/machines/pump-03/live?after=yesterday").status_code == 422


def test_plotly_comes_from_the_installed_wheel(visit: Visit) -> None:
    client = visit()
    html = page(client, "/console/machines/pump-03", "zh")
    address = re.search(r'src="(/console/static/plotly[^"]+)"', html)
    assert address is not None
    answer = client.get(address.group(1))
    assert answer.status_code == 200 and "plotly.js" in answer.text[:200]
    assert client.get("/console/static/../page.py").status_code == 404
    assert client.get("/console/static/page.py").status_code == 404
