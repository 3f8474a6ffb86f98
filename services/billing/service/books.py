"""The double-entry ledger: invoices reserve, post, void and reverse money; balances are sums of transfers."""

from services.billing import store
from services.billing.contract import AccountBalance, AccountKind, CurrencyTotal, Posting, TrialBalance
from services.billing.rules import ledger
from services.billing.rules.ledger import Balance, InvoiceAccounts, LedgerError, Phase, Transfer
from services.billing.tables import AccountRow, InvoiceRow, TransferRow
from services.kernel.problems import Problem, conflict
from services.kernel.unit import UnitOfWork

STATES = {Phase.SINGLE: "posted", Phase.PENDING: "pending", Phase.POST: "posted", Phase.VOID: "voided"}
CONTENT = ("debit", "credit", "amount_minor", "currency", "code", "phase", "pending_id", "reverses_id")


def reserve(unit: UnitOfWork, invoice: InvoiceRow, service_mode: str) -> None:
    """Book the pending transfers of an invoice that is being issued."""
    provider_id, customer_id = invoice.organisation_id, invoice.counterparty_id
    accounts = InvoiceAccounts(
        receivable=_account(unit, provider_id, AccountKind.RECEIVABLE, invoice.currency, customer_id),
        revenue=_account(unit, provider_id, AccountKind.REVENUE, invoice.currency),
        tax_payable=_account(unit, provider_id, AccountKind.TAX_PAYABLE, invoice.currency),
    )
    transfers = ledger.invoice_transfers(invoice.id, accounts, invoice.net_minor, invoice.tax_minor, invoice.currency)
    book(unit, transfers, invoice, service_mode)


def settle(unit: UnitOfWork, invoice: InvoiceRow, phase: Phase) -> None:
    """Post or void the pending transfers of an invoice."""
    pending = store.transfers(unit.session, invoice_id=invoice.id, phases=[Phase.PENDING])
    book(unit, [ledger.settle(transfer_of(row), phase) for row in pending], invoice, _mode(pending))


def reverse(unit: UnitOfWork, invoice: InvoiceRow) -> None:
    """Take the posted transfers of an invoice back."""
    posted = store.transfers(unit.session, invoice_id=invoice.id, phases=[Phase.POST])
    book(unit, [ledger.reverse(transfer_of(row)) for row in posted], invoice, _mode(posted))


def book(unit: UnitOfWork, transfers: list[Transfer], invoice: InvoiceRow, service_mode: str) -> None:
    """Write transfers. One that is there already with the same content is left alone.

    Raises Problem `transfer-conflict` (409) for a known id with other content, `transfer-refused` (422) for a transfer
    that no ledger may hold.
    """
    for transfer in transfers:
        try:
            ledger.check(transfer)
        except LedgerError as error:
            raise Problem("transfer-refused", 422, f"分录无效：{error.code}。", f"Not a transfer: {error}.") from error
        known = unit.session.get(TransferRow, transfer.id)
        if known is not None:
            if transfer_of(known) != transfer:
                raise conflict(
                    f"分录 {transfer.id} 已存在且内容不同。",
                    f"Transfer {transfer.id} is known with other content.",
                    "transfer-conflict",
                )
            continue
        unit.session.add(
            TransferRow(
                id=transfer.id,
                organisation_id=invoice.organisation_id,
                counterparty_id=invoice.counterparty_id,
                **{name: getattr(transfer, name) for name in CONTENT},
                invoice_id=invoice.id,
                contract_id=invoice.contract_id,
                service_mode=service_mode,
                at=unit.clock.business_now(),
            )
        )
    unit.session.flush()


def list_postings(unit: UnitOfWork, invoice_id: str | None, after: str, limit: int) -> list[Posting]:
    """Transfers with what became of them: of one invoice, or up to `limit` + 1 of all after an id."""
    rows = (
        store.transfers(unit.session, invoice_id=invoice_id, phases=[Phase.PENDING, Phase.SINGLE])
        if invoice_id is not None
        else store.transfer_page(unit.session, after, limit)
    )
    settled = store.settlements(unit.session, [row.id for row in rows])
    return [_posting_of(row, settled.get(row.id)) for row in rows]


def list_balances(unit: UnitOfWork) -> list[AccountBalance]:
    """Balances of the accounts that the caller sees: its own books, and what it owes in others'."""
    sums = store.balances(unit.session)
    return [_balance_of(row, sums.get(row.id, Balance())) for row in store.accounts(unit.session)]


def trial_balance(unit: UnitOfWork) -> TrialBalance:
    """Debits and credits over all transfers that the caller sees: the difference is zero in sound books."""
    sums = store.balances(unit.session)
    totals: dict[str, list[int]] = {}
    for account_id, balance in sums.items():
        total = totals.setdefault(account_id.rpartition(":")[2], [0, 0])
        total[0] += balance.debits_posted
        total[1] += balance.credits_posted
    currencies = [
        CurrencyTotal(currency=currency, debits_posted=debit, credits_posted=credit, difference_minor=debit - credit)
        for currency, (debit, credit) in sorted(totals.items())
    ]
    return TrialBalance(
        balanced=all(total.difference_minor == 0 for total in currencies),
        currencies=currencies,
        accounts=[_balance_of(row, sums.get(row.id, Balance())) for row in store.accounts(unit.session)],
    )


def transfer_of(row: TransferRow) -> Transfer:
    return Transfer(
        id=row.id,
        debit=row.debit,
        credit=row.credit,
        amount_minor=row.amount_minor,
        currency=row.currency,
        code=row.code,
        phase=Phase(row.phase),
        pending_id=row.pending_id,
        reverses_id=row.reverses_id,
    )


def _account(
    unit: UnitOfWork, provider_id: str, kind: AccountKind, currency: str, customer_id: str | None = None
) -> str:
    """Id of an account in a provider's books, opened when it is missing; it ends in the currency."""
    account_id = ":".join(part for part in (provider_id, kind, customer_id, currency) if part)
    if unit.session.get(AccountRow, account_id) is None:
        row = AccountRow(
            id=account_id,
            organisation_id=provider_id,
            counterparty_id=customer_id or provider_id,
            kind=kind,
            currency=currency,
        )
        unit.session.add(row)
    return account_id


def _mode(rows: list[TransferRow]) -> str:
    return rows[0].service_mode if rows else ""


def _balance_of(row: AccountRow, balance: Balance) -> AccountBalance:
    return AccountBalance(
        account_id=row.id,
        kind=AccountKind(row.kind),
        provider_id=row.organisation_id,
        counterparty_id=row.counterparty_id,
        currency=row.currency,
        debits_posted=balance.debits_posted,
        credits_posted=balance.credits_posted,
        debits_pending=balance.debits_pending,
        credits_pending=balance.credits_pending,
        balance_minor=balance.posted_minor,
    )


def _posting_of(row: TransferRow, settled: TransferRow | None) -> Posting:
    phase = settled.phase if settled else row.phase
    return Posting(
        id=row.id,
        invoice_id=row.invoice_id,
        contract_id=row.contract_id,
        service_mode=row.service_mode,
        debit=row.debit,
        credit=row.credit,
        amount_minor=row.amount_minor,
        currency=row.currency,
        code=row.code,
        state=STATES[Phase(phase)],
        at=row.at,
        settled=settled.at if settled else None,
        reverses_id=row.reverses_id,
    )
