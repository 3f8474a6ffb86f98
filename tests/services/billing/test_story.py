"""From a usage event to a posted invoice, and every way down again."""

from datetime import timedelta
from typing import Any

import pytest

from tests.services.billing.conftest import RUN_HOURS, World


def bill_a_day(world: World) -> dict[str, Any]:
    for number in range(12):
        world.report(world.usage(number, 3000 + number))
    world.close_day()
    (invoice,) = world.invoices(state="ISSUED")
    return world.ask("GET", f"/invoices/{invoice['id']}")


def test_usage_becomes_a_draft_then_an_issued_and_posted_invoice(world: World) -> None:
    world.report(world.usage(0))
    (draft,) = world.invoices()
    assert (draft["state"], draft["net_minor"], draft["number"]) == ("DRAFT", 4800, None)
    assert draft["total_minor"] == 4800 + 624
    world.close_day()
    (issued,) = world.invoices()
    assert (issued["state"], issued["total_minor"]) == ("ISSUED", 5424)
    assert issued["number"]
    assert [each["debits_posted"] for each in world.ask("GET", "/ledger/trial-balance")["currencies"]] == [0]
    world.go_to(world.day.end + world.settings.grace + world.settings.objection)
    world.app.state.assembly.ticker.tick()
    (posted,) = world.invoices()
    assert posted["state"] == "POSTED"
    balances = {each["account_id"]: each["balance_minor"] for each in world.ask("GET", "/ledger/balances")}
    assert balances == {
        "maker:receivable:customer-01:CNY": 5424,
        "maker:revenue:CNY": -4800,
        "maker:tax-payable:CNY": -624,
    }
    assert world.ask("GET", "/ledger/trial-balance")["balanced"]
    figures = world.ask("GET", "/figures")
    assert (figures["run_seconds_billed"], figures["income_minor"]) == (3600, 4800)


def test_every_line_drills_down_to_its_usage_and_holds(world: World) -> None:
    invoice = bill_a_day(world)
    (line,) = invoice["items"]
    proof = world.ask("GET", f"/invoices/{invoice['id']}/lines/{line['id']}")
    assert proof["holds"]
    assert proof["recomputed_minor"] == line["amount_minor"] == invoice["net_minor"]
    assert sum(each["quantity"] for each in proof["usage"]) == line["quantity"] == proof["usage_quantity"] == 36066
    assert sum(part["quantity"] for part in line["parts"]) == line["quantity"]
    assert sum(part["amount_minor"] for part in line["parts"]) == line["amount_minor"]
    # 36,000 s at 48 yuan an hour, then 66 s at 42: 480 + 0.77.
    assert [(part["start"], part["quantity"], part["amount_minor"]) for part in line["parts"]] == [
        (0, 36000, 48000),
        (36000, 66, 77),
    ]
    postings = {each["code"]: each for each in proof["postings"]}
    assert postings["revenue"]["amount_minor"] == 48077
    assert {each["state"] for each in proof["postings"]} == {"pending"}
    first = world.ask("GET", f"/invoices/{invoice['id']}/lines/{line['id']}", params={"limit": 5})
    after = first["usage"][-1]["id"]
    rest = world.ask("GET", f"/invoices/{invoice['id']}/lines/{line['id']}", params={"after": after})
    assert first["usage"] + rest["usage"] == proof["usage"]


def test_a_report_that_is_sent_again_is_counted_once(world: World) -> None:
    first = world.report(world.usage(0))
    again = world.report(world.usage(0), status=200)
    assert not first["duplicate"]
    assert again["duplicate"]
    assert again["usage"] == first["usage"]
    assert world.invoices()[0]["net_minor"] == 4800


def test_another_payload_under_a_known_identity_is_quarantined(world: World) -> None:
    world.report(world.usage(0))
    problem = world.report(world.usage(0, 1800), status=409)
    assert problem["code"] == "usage-conflict"
    world.report(world.usage(0, 1800), status=409)
    (kept,) = world.ask("GET", "/quarantine")["items"]
    assert kept["id"] == problem["quarantine_id"]
    assert '"quantity":1800' in kept["payload"]
    assert world.invoices()[0]["net_minor"] == 4800
    assert world.ask("GET", "/figures")["quarantined"] == 1


@pytest.mark.parametrize(
    ("number", "changes", "reason"),
    [
        (0, {"customer_id": "customer-99"}, "unknown-contract"),
        (0, {"meter": "pieces"}, "unknown-meter"),
        (0, {"estimated": True}, "estimated"),
        (0, {"quantity": 9000}, "implausible"),
        (30, {}, "in-future"),
    ],
)
def test_usage_that_cannot_be_billed_is_visible_with_its_reason(
    world: World, number: int, changes: dict[str, Any], reason: str
) -> None:
    report = world.usage(number, **changes)
    assert world.report(report)["usage"]["reason"] == reason
    (count,) = world.ask("GET", "/unbilled")
    assert (count["reason"], count["events"], count["quantity"]) == (reason, 1, report.data.quantity)
    assert world.ask("GET", "/usage-events", params={"state": "UNBILLED"})["items"][0]["reason"] == reason
    assert world.invoices() == []
    held = [each for each in world.events() if each["type"].endswith("usage.held-back")]
    assert [each["data"]["reason"] for each in held] == [reason]


def test_included_meters_cost_nothing_and_are_not_lost(world: World) -> None:
    assert world.report(world.usage(0, meter="volume_l"))["usage"]["state"] == "INCLUDED"
    assert world.invoices() == []
    assert world.ask("GET", "/unbilled") == []


def test_estimated_usage_is_billed_only_when_a_person_releases_it(world: World) -> None:
    usage = world.report(world.usage(0, estimated=True))["usage"]
    release = {"usage_ids": [usage["id"]], "note": "checked with the operator"}
    (released,) = world.ask("POST", "/usage-events/release", json=release)
    assert (released["state"], released["reason"]) == ("PLACED", None)
    (draft,) = world.invoices()
    line = world.ask("GET", f"/invoices/{draft['id']}")["items"][0]
    assert (line["quantity"], line["estimated_quantity"]) == (3600, 3600)
    assert world.ask("POST", "/usage-events/release", status=409, json=release)["code"] == "usage-not-releasable"
    unknown = world.report(world.usage(1, meter="pieces"))["usage"]
    release["usage_ids"] = [unknown["id"]]
    assert world.ask("POST", "/usage-events/release", status=409, json=release)["reason"] == "unknown-meter"


def test_a_contract_picks_up_the_usage_that_waited_for_it(world: World) -> None:
    world.report(world.usage(0, customer_id="customer-99"))
    command = {"customer_id": "customer-99", "tariff_id": "tariff-run-hour", "starts": world.day.start.isoformat()}
    world.ask("POST", "/contracts", status=201, json=command)
    assert world.ask("GET", "/unbilled") == []
    assert [each["customer_id"] for each in world.invoices()] == ["customer-99"]
    assert world.ask("POST", "/contracts", status=409, json=command)["code"] == "contract-overlap"


def test_usage_from_the_future_is_billed_when_its_time_has_come(world: World) -> None:
    report = world.usage(0, start=world.day.end, end=world.day.end + timedelta(hours=1), id="tomorrow")
    assert world.report(report)["usage"]["reason"] == "in-future"
    world.close_day()
    assert [each["state"] for each in world.invoices()] == ["DRAFT"]
    assert world.ask("GET", "/unbilled") == []


def test_late_usage_costs_what_it_would_have_cost_in_time(world: World) -> None:
    """The correction keeps its service period, and both invoices together are the invoice of the whole day."""
    bill_a_day(world)
    late = world.report(world.usage(12, 1234))["usage"]
    assert late["late"]
    (draft,) = world.invoices(state="DRAFT")
    (first,) = world.invoices(state="ISSUED")
    assert draft["corrects_id"] == first["id"]
    assert (draft["service_start"], draft["service_end"]) == (first["service_start"], first["service_end"])
    assert draft["invoice_at"] > first["invoice_at"]
    corrected = world.ask("POST", f"/invoices/{draft['id']}/issue")
    (line,) = corrected["items"]
    # 37,300 s in all: 480 yuan for the first ten hours, 1,300 s at 42 yuan an hour.
    assert first["net_minor"] + corrected["net_minor"] == 48000 + 1517
    assert first["tax_minor"] + corrected["tax_minor"] == round((48000 + 1517) * 0.13)
    assert (line["quantity"], line["quantity_before"]) == (1234, 36066)
    assert world.ask("GET", f"/invoices/{corrected['id']}/lines/{line['id']}")["holds"]
    problem = world.ask("POST", f"/invoices/{first['id']}/void", status=409, json={"reason": "wrong"})
    assert problem["code"] == "invoice-has-correction"


def test_a_voided_invoice_leaves_no_debt_and_its_usage_can_be_billed_again(world: World) -> None:
    invoice = bill_a_day(world)
    voided = world.ask("POST", f"/invoices/{invoice['id']}/void", json={"reason": "customer objects"})
    assert voided["state"] == "VOIDED"
    assert {each["balance_minor"] for each in world.ask("GET", "/ledger/balances")} == {0}
    assert {each["debits_pending"] for each in world.ask("GET", "/ledger/balances")} == {0}
    (count,) = world.ask("GET", "/unbilled")
    assert (count["reason"], count["quantity"]) == ("invoice-voided", 36066)
    held = world.ask("GET", "/usage-events", params={"reason": "invoice-voided"})["items"]
    world.ask("POST", "/usage-events/release", json={"usage_ids": [each["id"] for each in held], "note": "agreed"})
    (draft,) = world.invoices(state="DRAFT")
    assert draft["net_minor"] == invoice["net_minor"]
    assert world.ask("POST", f"/invoices/{invoice['id']}/post", status=409)["code"] == "invoice-state"


def test_a_posted_invoice_is_corrected_only_by_reversing(world: World) -> None:
    invoice = bill_a_day(world)
    world.ask("POST", f"/invoices/{invoice['id']}/post")
    problem = world.ask("POST", f"/invoices/{invoice['id']}/void", status=409, json={"reason": "too late"})
    assert problem["code"] == "invoice-state"
    before = world.ask("GET", "/ledger/transfers")["items"]
    assert world.ask("POST", f"/invoices/{invoice['id']}/reverse", json={"reason": "agreed"})["state"] == "REVERSED"
    after = world.ask("GET", "/ledger/transfers")["items"]
    assert [each for each in after if each["reverses_id"] is None] == before
    reversal = {each["code"]: each for each in after if each["reverses_id"]}
    assert reversal["revenue"]["debit"] == "maker:revenue:CNY"
    assert {each["balance_minor"] for each in world.ask("GET", "/ledger/balances")} == {0}
    assert world.ask("GET", "/ledger/trial-balance")["balanced"]


def test_the_story_is_announced_under_the_correlation_of_the_draft(world: World) -> None:
    world.report(world.usage(0))
    (draft,) = world.invoices()
    world.close_day()
    events = world.events(correlation_id=draft["correlation_id"])
    assert [each["type"] for each in events] == ["som.v1.billing.invoice.issued"]
    assert events[0]["data"]["customer_id"] == RUN_HOURS


def test_the_evidence_shows_charge_by_running_time_only_with_invoice_lines(world: World) -> None:
    assert world.ask("GET", "/evidence")["HN-1-3-b"]["status"] == "not yet"
    bill_a_day(world)
    evidence = world.ask("GET", "/evidence")
    figures = {each["name"]: each["value"] for each in evidence["HN-1-3-b"]["figures"]}
    assert evidence["HN-1-3-b"]["status"] == "shown"
    assert (figures["billed"], figures["net"], figures["tiers_on_a_line"]) == (10.02, 480.77, 2)
    assert figures["ledger_difference"] == 0
    assert evidence["HN-1-3-a"]["status"] == "not yet"
    assert "LN-1-4-g" not in evidence, "rates by time of day are not there, so they are not claimed"


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"quantity": -1}, 422),
        ({"quantity": "NaN"}, 422),
        ({"quantity": 10**30}, 422),
        ({"quantity": 1.5}, 422),
        ({"start": "9999-12-31T23:59:59Z"}, 422),
        ({"start": "2026-01-01T00:00:00"}, 422),
        ({"end": "2001-01-01T00:00:00Z"}, 422),
        ({"device_id": "pump\u0000"}, 422),
        ({"start": "2001-01-01T00:00:00Z"}, 201),
    ],
)
def test_bad_usage_is_refused_in_words(world: World, change: dict[str, Any], status: int) -> None:
    body = world.usage(0).model_dump(mode="json")
    body["data"] |= change
    answer = world.ask("POST", "/usage-events", status=status, json=body)
    if status == 422:
        assert answer["code"] == "invalid-request"
        assert world.ask("GET", "/usage-events")["items"] == []


def test_a_tariff_that_could_not_price_is_refused(world: World) -> None:
    plan = {"model": "graduated", "tiers": [{"up_to": 10, "unit_price": "1"}]}
    command = {
        "name_zh": "价目",
        "name_en": "Tariff",
        "tax_rate": "0.06",
        "prices": [{"meter": "run_seconds", "unit_zh": "小时", "unit_en": "h", "plan": plan}],
    }
    assert world.ask("POST", "/tariffs", status=422, json=command)["code"] == "invalid-tariff"
    plan["tiers"] = [{"up_to": None, "unit_price": "0.000012345678901234"}]
    assert world.ask("POST", "/tariffs", status=422, json=command)["code"] == "invalid-request"
    plan["tiers"] = [{"up_to": None, "unit_price": "0.0001"}]
    made = world.ask("POST", "/tariffs", status=201, json=command)
    assert world.ask("GET", f"/tariffs/{made['id']}") == made
