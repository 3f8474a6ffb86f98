"""Money is never half booked, whoever writes at the same time and whenever the machine stops."""

import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import delete, update
from sqlalchemy.exc import DBAPIError

from services.billing import store
from services.billing.service import books, invoices, usage
from services.billing.tables import InvoiceRow, TransferRow
from services.billing.timers import close_due
from services.kernel.chance import stream
from services.kernel.migrate import differences
from services.kernel.problems import Problem
from services.kernel.unit import UnitOfWork
from tests.services.billing.conftest import World


def balanced(world: World) -> bool:
    trial = world.ask("GET", "/ledger/trial-balance")
    return trial["balanced"] and all(each["debits_posted"] == each["credits_posted"] for each in trial["currencies"])


def test_the_migrations_make_the_tables_of_the_code(world: World) -> None:
    assert differences(world.database) == []


def test_the_database_itself_refuses_to_change_a_transfer(world: World) -> None:
    world.report(world.usage(0))
    world.close_day()
    for statement in (update(TransferRow).values(amount_minor=1), delete(TransferRow)):
        with pytest.raises(DBAPIError, match="immutable"), world.database.engine.begin() as connection:
            connection.execute(statement)
    assert [each["amount_minor"] for each in world.ask("GET", "/ledger/transfers")["items"]] == [4800, 624]


def test_a_transfer_is_booked_once_and_never_with_other_content(world: World) -> None:
    world.report(world.usage(0))
    world.close_day()

    def again(unit: UnitOfWork, change: dict[str, Any]) -> int:
        (invoice,) = store.invoice_page(unit.session, "", 1, state=None, contract_id=None)
        for name, value in change.items():
            setattr(invoice, name, value)
        books.reserve(unit, invoice, "product-as-a-service")
        return len(store.transfers(unit.session))

    assert world.database.run(again, {}) == 2
    with pytest.raises(Problem) as problem:
        world.database.run(again, {"net_minor": 4801})
    assert problem.value.code == "transfer-conflict"


def test_concurrent_reports_of_the_same_usage_count_once(world: World) -> None:
    reports = [world.usage(number) for number in range(8)] * 4

    def send(report: Any) -> bool:
        return world.database.run(usage.accept_usage, report, world.settings).duplicate

    with ThreadPoolExecutor(4) as pool:
        assert sorted(pool.map(send, reports)) == [False] * 8 + [True] * 24
    (draft,) = world.invoices()
    assert draft["net_minor"] == 8 * 4800


def test_the_ledger_balances_with_concurrent_writers(world: World) -> None:
    """Four threads issue, post, void and reverse the invoices of all customers in every order; two report on."""
    customers = [f"customer-{number:02d}" for number in (1, 2, 3, 5, 6, 7)]
    for customer in customers:
        for number in range(3):
            world.report(world.usage(number, id=f"{customer}/{number}", customer_id=customer, device_id=customer))
    world.go_to(world.day.end + world.settings.grace)
    ids = [each["id"] for each in world.invoices()]
    steps = [
        lambda each: world.database.run(invoices.issue_invoice, each, world.settings),
        lambda each: world.database.run(invoices.post_invoice, each),
        lambda each: world.database.run(invoices.void_invoice, each, "test"),
        lambda each: world.database.run(invoices.reverse_invoice, each, "test"),
    ]

    def close(seed: int) -> None:
        dice = stream(seed, "closers")
        for _ in range(30):
            step, invoice_id = steps[dice.integers(4)], ids[dice.integers(len(ids))]
            try:
                step(invoice_id)
            except Problem as problem:
                assert problem.code in ("invoice-state", "invoice-has-correction")

    def report_on(start: int) -> None:
        for number in range(start, start + 8):
            customer = customers[number % len(customers)]
            late = world.usage(number, id=f"late/{number}", customer_id=customer, device_id=customer)
            world.database.run(usage.accept_usage, late, world.settings)

    with ThreadPoolExecutor(6) as pool:
        work = [pool.submit(close, seed) for seed in range(4)] + [pool.submit(report_on, at) for at in (3, 11)]
        for each in work:
            each.result()
    close_due(world.database, world.settings)
    assert balanced(world)
    rows = [world.ask("GET", f"/invoices/{each['id']}") for each in world.invoices(limit=500)]
    numbers = [each["number"] for each in rows if each["number"]]
    assert len(set(numbers)) == len(numbers)
    posted = sum(each["total_minor"] for each in rows if each["state"] == "POSTED")
    pending = sum(each["total_minor"] for each in rows if each["state"] == "ISSUED")
    receivables = [each for each in world.ask("GET", "/ledger/balances") if each["kind"] == "receivable"]
    assert sum(each["balance_minor"] for each in receivables) == posted
    assert sum(each["debits_pending"] - each["credits_pending"] for each in receivables) == pending
    # Every second that was reported is on a line that counts, on a draft, or in the unbilled bucket.
    counted = sum(
        line["quantity"] for each in rows if each["state"] not in ("VOIDED", "REVERSED") for line in each["items"]
    )
    held = sum(each["quantity"] for each in world.ask("GET", "/unbilled"))
    assert counted + held == (len(customers) * 3 + 16) * 3600


# Issues an invoice in a process of its own, which is killed when the lines are rated and the money is to be booked.
DIE_BETWEEN_RATING_AND_POSTING = """
import os, signal, sys
from datetime import datetime
from services.billing.service import books, invoices
from services.billing.settings import BillingSettings
from services.billing.tables import METADATA
from services.kernel.clock import ManualClock
from services.kernel.database import Database

url, now, invoice_id = sys.argv[1:]
books.reserve = lambda unit, *_: (unit.session.flush(), os.kill(os.getpid(), signal.SIGKILL))
database = Database(url, METADATA, service="billing", clock=ManualClock(datetime.fromisoformat(now)))
database.run(invoices.issue_invoice, invoice_id, BillingSettings())
"""


def test_a_kill_between_rating_and_posting_leaves_nothing_half(world: World) -> None:
    world.report(world.usage(0))
    (draft,) = world.invoices()
    due = world.day.end + world.settings.grace
    arguments = (world.settings.resolved_database_url(), due.isoformat(), draft["id"])
    child = subprocess.run([sys.executable, "-c", DIE_BETWEEN_RATING_AND_POSTING, *arguments], timeout=60, check=False)
    assert child.returncode == -signal.SIGKILL
    assert world.invoices() == [draft]
    assert world.ask("GET", "/ledger/transfers")["items"] == []
    assert [each["type"] for each in world.events() if "invoice" in each["type"]] == []
    world.close_day()
    (issued,) = world.invoices()
    assert (issued["state"], issued["net_minor"]) == ("ISSUED", 4800)
    assert len(world.ask("GET", "/ledger/transfers")["items"]) == 2


def test_an_invoice_that_fails_does_not_stop_the_others(world: World) -> None:
    world.report(world.usage(0))
    world.report(world.usage(0, id="other", customer_id="customer-02"))
    broken = world.invoices()[0]["id"]

    def break_it(unit: UnitOfWork) -> None:
        unit.session.get_one(InvoiceRow, broken).currency = "XXX"

    world.database.run(break_it)
    assert world.close_day() == 1
    assert world.database.read(invoices.due)[0] == [broken]


def test_two_closers_at_once_issue_each_invoice_once(world: World) -> None:
    for number in range(1, 8):
        world.report(world.usage(0, id=str(number), customer_id=f"customer-{number:02d}"))
    world.go_to(world.day.end + world.settings.grace)
    with ThreadPoolExecutor(3) as pool:
        done = list(pool.map(lambda _: close_due(world.database, world.settings), range(3)))
    issued = world.invoices(state="ISSUED")
    assert sum(done) == len(issued) == 6  # The fourth customer's tariff includes run hours.
    assert sorted(each["number"][-6:] for each in issued) == [f"{number:06d}" for number in range(1, 7)]


def test_the_timer_closes_in_business_time(world: World) -> None:
    ticker = world.app.state.assembly.ticker
    world.report(world.usage(0))
    ticker.tick()
    assert [each["state"] for each in world.invoices()] == ["DRAFT"]
    world.go_to(world.day.end + world.settings.grace + timedelta(minutes=10))
    ticker.tick()
    assert [each["state"] for each in world.invoices()] == ["ISSUED"]
    world.go_to(world.day.end + world.settings.grace + world.settings.objection + timedelta(minutes=20))
    ticker.tick()
    assert [each["state"] for each in world.invoices()] == ["POSTED"]
