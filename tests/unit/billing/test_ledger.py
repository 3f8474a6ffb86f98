"""Whatever is booked in whatever order, the books balance."""

import random
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.billing.rules import ledger
from services.billing.rules.ledger import InvoiceAccounts, LedgerError, Phase, Transfer

ACCOUNTS = InvoiceAccounts("receivable", "revenue", "tax")
fates = st.sampled_from(["pending", "post", "void", "reverse"])


def booked(invoices: list[tuple[int, int, str]]) -> list[Transfer]:
    transfers: list[Transfer] = []
    for number, (net, tax, fate) in enumerate(invoices):
        pending = ledger.invoice_transfers(f"invoice-{number}", ACCOUNTS, net, tax, "CNY")
        transfers += pending
        if fate != "pending":
            settled = [ledger.settle(item, Phase.VOID if fate == "void" else Phase.POST) for item in pending]
            transfers += settled
            if fate == "reverse":
                transfers += [ledger.reverse(item) for item in settled]
    return transfers


amounts = st.integers(min_value=-(10**12), max_value=10**12)
books = st.lists(st.tuples(amounts, amounts, fates), max_size=12)


@given(books, st.randoms(use_true_random=False))
def test_the_trial_balance_is_zero_for_any_interleaving_and_any_repetition(
    invoices: list[tuple[int, int, str]], chance: random.Random
) -> None:
    transfers = booked(invoices)
    shuffled = transfers * 2
    chance.shuffle(shuffled)
    assert ledger.balances(shuffled) == ledger.balances(transfers)
    assert set(ledger.trial_balance(ledger.balances(shuffled)).values()) <= {0}


@given(books)
def test_the_receivable_is_what_was_posted_and_not_reversed(invoices: list[tuple[int, int, str]]) -> None:
    balance = ledger.balances(booked(invoices)).get(("receivable", "CNY"), ledger.Balance())
    assert balance.posted_minor == sum(net + tax for net, tax, fate in invoices if fate == "post")
    assert balance.debits_pending - balance.credits_pending == sum(
        net + tax for net, tax, fate in invoices if fate == "pending"
    )


@given(amounts, amounts)
def test_every_transfer_of_an_invoice_can_be_held_by_a_ledger(net: int, tax: int) -> None:
    for transfer in ledger.invoice_transfers("invoice", ACCOUNTS, net, tax, "CNY"):
        ledger.check(transfer)
        ledger.check(ledger.settle(transfer, Phase.POST))
        ledger.check(ledger.reverse(ledger.settle(transfer, Phase.POST)))


def test_books_refuse_what_would_break_them() -> None:
    (pending,) = ledger.invoice_transfers("invoice", ACCOUNTS, 100, 0, "CNY")
    for broken, code in [
        (replace(pending, amount_minor=0), "transfer-amount"),
        (replace(pending, credit=pending.debit), "transfer-accounts"),
        (replace(pending, pending_id="other"), "transfer-phase"),
        (replace(pending, phase=Phase.POST), "transfer-phase"),
    ]:
        with pytest.raises(LedgerError) as error:
            ledger.check(broken)
        assert error.value.code == code
    with pytest.raises(LedgerError):
        ledger.reverse(pending)  # What is only pending is voided, not reversed.
    with pytest.raises(LedgerError):
        ledger.settle(ledger.settle(pending, Phase.POST), Phase.VOID)
