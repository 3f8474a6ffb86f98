"""Who may come in by which door, and what the inbox does with what it is handed."""

import asyncio
from datetime import timedelta
from typing import Any

import httpx2
import hypothesis
import pytest
import schemathesis
from hypothesis import HealthCheck
from schemathesis import GenerationMode

from services.billing.client import BillingClient
from services.kernel.clock import wall_now
from services.kernel.events import Event
from services.kernel.identity import Role
from services.kernel.problems import Problem
from services.kernel.testing import principal, token_for
from services.lifecycle.contract import UsageMetered
from tests.services.billing.conftest import OTHER, RUN_HOURS, World


def metered(world: World, number: int, **changes: Any) -> Event:
    """The lifecycle service's event number `number`, as its outbox would give it."""
    data = world.usage(number).data.model_dump(mode="json") | changes
    return Event(
        id=f"pump-01/run_seconds/{number}",
        source="/services/lifecycle",
        type=UsageMetered.type(),
        time=world.day.end,
        walltime=wall_now(),
        correlationid=f"hour-{number}",
        position=number + 1,
        data=data,
    )


def publish(world: World, event: Event) -> None:
    world.bus.publish(UsageMetered.topic(), event.to_bytes())


def test_metered_usage_arrives_by_the_bus_once_and_in_order(world: World) -> None:
    world.log += [metered(world, number) for number in range(5)]
    for event in (world.log[0], world.log[1], world.log[1], world.log[0]):
        publish(world, event)
    assert world.app.state.inbox.cursor == 2
    publish(world, world.log[4])  # Two are missing: they are read from the log.
    world.app.state.inbox.catch_up()
    assert world.app.state.inbox.cursor == 5
    found = world.ask("GET", "/usage-events")["items"]
    assert [each["event_id"] for each in found] == [event.id for event in world.log]
    assert [each["correlation_id"] for each in found] == [f"hour-{number}" for number in range(5)]
    assert world.invoices()[0]["net_minor"] == 5 * 4800


def test_the_same_usage_by_both_doors_is_counted_once(world: World) -> None:
    world.log.append(metered(world, 0))
    publish(world, world.log[0])
    assert world.report(world.usage(0), status=200)["duplicate"]
    assert world.invoices()[0]["net_minor"] == 4800


def test_a_conflict_or_an_unreadable_event_does_not_stop_the_inbox(world: World) -> None:
    world.report(world.usage(0))
    world.log += [metered(world, 0, quantity=1), metered(world, 1, customer_id="No such id!"), metered(world, 2)]
    for event in world.log:
        publish(world, event)
    assert world.app.state.inbox.cursor == 3
    assert len(world.ask("GET", "/quarantine")["items"]) == 1
    assert world.app.state.inbox.statistics()["dead_lettered"] == 1
    assert world.invoices()[0]["net_minor"] == 2 * 4800


def test_another_organisation_sees_nothing(world: World) -> None:
    """Customers see their own, the provider what it issued, others nothing; an evaluator sees all, changes nothing."""
    usage = world.report(world.usage(0))["usage"]
    world.report(world.usage(0, 1800), status=409)
    world.report(world.usage(1, estimated=True))
    world.close_day()
    (invoice,) = world.invoices()
    line = world.ask("GET", f"/invoices/{invoice['id']}")["items"][0]
    lists = ("/invoices", "/usage-events", "/quarantine", "/ledger/transfers")
    bare_lists = ("/contracts", "/unbilled", "/ledger/balances")
    for organisation, sees in (("maker", True), (RUN_HOURS, True), (OTHER, False), ("stranger", False)):
        for path in lists:
            assert bool(world.ask("GET", path, organisation)["items"]) == sees, (organisation, path)
        for path in bare_lists:
            own_contract = path == "/contracts" and organisation == OTHER
            assert bool(world.ask("GET", path, organisation)) == (sees or own_contract), (organisation, path)
        for path in (f"/invoices/{invoice['id']}", f"/invoices/{invoice['id']}/lines/{line['id']}"):
            world.ask("GET", path, organisation, status=200 if sees else 404)
    assert world.ask("GET", "/tariffs", RUN_HOURS) == []
    balances = world.ask("GET", "/ledger/balances", RUN_HOURS)
    assert [each["account_id"] for each in balances] == [f"maker:receivable:{RUN_HOURS}:CNY"]
    assert world.ask("GET", "/invoices", "evaluator", Role.EVALUATOR)["items"] == [invoice]
    body = {"reason": "no"}
    for organisation, status in ((RUN_HOURS, 403), (OTHER, 404)):
        world.ask("POST", f"/invoices/{invoice['id']}/void", organisation, status=status, json=body)
        release = {"usage_ids": [usage["id"]], "note": "mine"}
        world.ask("POST", "/usage-events/release", organisation, status=status, json=release)
    world.ask("POST", f"/invoices/{invoice['id']}/void", "maker", Role.VIEWER, status=403, json=body)
    world.ask("POST", f"/invoices/{invoice['id']}/void", "evaluator", Role.EVALUATOR, status=403, json=body)


def test_usage_and_contracts_of_another_provider_are_refused(world: World) -> None:
    report = world.usage(0).model_dump(mode="json")
    assert world.ask("POST", "/usage-events", OTHER, status=403, json=report)["code"] == "forbidden"
    command = {"customer_id": OTHER, "tariff_id": "tariff-run-hour", "starts": world.day.start.isoformat()}
    world.ask("POST", "/contracts", OTHER, status=404, json=command)
    assert world.http.get("/invoices").status_code == 401


@pytest.mark.parametrize("path", ["/invoices/%00", "/invoices/..%2f", "/invoices?cursor=x", "/invoices?limit=0"])
def test_nonsense_in_the_address_is_a_problem_not_a_fault(world: World, path: str) -> None:
    headers = {"Authorization": f"Bearer {token_for(world.keys, principal())}"}
    response = world.http.get(path, headers=headers)
    assert response.status_code in (400, 404, 422)
    assert response.json()["code"]


def test_no_request_that_anyone_can_think_of_breaks_the_service(world: World) -> None:
    """Short form; values come from the published schema, valid and broken ones."""
    world.report(world.usage(0))
    schema = schemathesis.openapi.from_asgi("/openapi.json", world.app)
    headers = {"Authorization": f"Bearer {token_for(world.keys, principal())}"}
    for operation in schema.get_all_operations():
        cases = operation.ok().as_strategy(generation_mode=GenerationMode.NEGATIVE) | operation.ok().as_strategy()

        @hypothesis.settings(max_examples=8, database=None, deadline=None, suppress_health_check=list(HealthCheck))
        @hypothesis.given(case=cases)
        def no_fault(case: schemathesis.Case) -> None:
            response = case.call(headers=headers)
            assert response.status_code < 500, (case.as_curl_command(), response.text)

        no_fault()


def test_every_route_has_a_summary_in_both_languages(world: World) -> None:
    for path, methods in world.app.openapi()["paths"].items():
        for method, operation in methods.items():
            chinese, _, english = operation["summary"].partition(" · ")
            assert english.isascii() and english, (method, path)
            assert not chinese.isascii(), (method, path)


def test_the_client_answers_in_contract_types_and_raises_problems(world: World) -> None:
    async def story() -> None:
        token = token_for(world.keys, principal())
        transport = httpx2.ASGITransport(app=world.app)
        headers = {"Authorization": f"Bearer {token}"}
        async with httpx2.AsyncClient(transport=transport, base_url="http://billing", headers=headers) as http:
            billing = BillingClient(http)
            receipt = await billing.report_usage(world.usage(0))
            assert receipt.usage.line_id is not None
            with pytest.raises(Problem) as problem:
                await billing.report_usage(world.usage(0, 1))
            assert (problem.value.code, problem.value.status) == ("usage-conflict", 409)
            (draft,) = (await billing.invoices()).items
            issued = await billing.act(draft.id, "issue")
            proof = await billing.line_proof(issued.id, issued.items[0].id)
            assert proof.holds
            assert (await billing.trial_balance()).balanced
            assert len((await billing.transfers(invoice_id=issued.id)).items) == 2
            assert (await billing.figures()).income_pending_minor == 4800
            assert {each.tariff_id for each in await billing.contracts()} == {"tariff-run-hour", "tariff-volume"}
            assert (await billing.evidence())["HN-1-3-b"].status == "shown"
            voided = await billing.act(issued.id, "void", "test")
            assert voided.settled is not None

    asyncio.run(story())


def test_paging_walks_through_all_usage(world: World) -> None:
    sent = [world.report(world.usage(number))["usage"]["id"] for number in range(7)]
    found: list[str] = []
    cursor: str | None = None
    while True:
        query = {"limit": 3} | ({"cursor": cursor} if cursor else {})
        page = world.ask("GET", "/usage-events", params=query)
        found += [each["id"] for each in page["items"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert found == sent


def test_the_service_is_ready_with_lifecycle_silent(world: World) -> None:
    report = world.http.get("/health/ready").json()
    assert report["status"] == "ready"
    world.go_to(world.day.end + timedelta(days=1))
    assert world.http.get("/health/live").json()["status"] == "alive"
