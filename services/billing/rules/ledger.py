"""Double entry: every transfer debits one account and credits another by the same amount, so the books always balance.

Transfers are immutable and known by their id. One that may still be called off is PENDING; a later transfer with its
id as `pending_id` either posts or voids it, once (the two-phase transfers of TigerBeetle). A posted transfer is
corrected only by another one that reverses it.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum


class Phase(StrEnum):
    """What a transfer does to its accounts."""

    SINGLE = "single"  # Posted at once.
    PENDING = "pending"  # Reserved until a POST or a VOID names it.
    POST = "post"
    VOID = "void"


class Code(StrEnum):
    """Why money moved."""

    REVENUE = "revenue"
    TAX = "tax"


class LedgerError(ValueError):
    """A transfer that would break the books; `code` is stable, kebab-case."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True, slots=True)
class Transfer:
    """`amount_minor` (at least 1) of `currency` from the credited to the debited account."""

    id: str
    debit: str
    credit: str
    amount_minor: int
    currency: str
    code: str
    phase: Phase = Phase.SINGLE
    pending_id: str | None = None  # POST and VOID: the pending transfer they settle.
    reverses_id: str | None = None  # The posted transfer that this one takes back.


@dataclass(frozen=True, slots=True)
class Balance:
    """Minor units of one currency on one account."""

    debits_posted: int = 0
    credits_posted: int = 0
    debits_pending: int = 0
    credits_pending: int = 0

    @property
    def posted_minor(self) -> int:
        """Debits less credits: positive for an asset, negative for income and what is owed."""
        return self.debits_posted - self.credits_posted


@dataclass(frozen=True, slots=True)
class InvoiceAccounts:
    """Accounts in the provider's books that an invoice moves money between."""

    receivable: str
    revenue: str
    tax_payable: str


def check(transfer: Transfer) -> None:
    """Raise LedgerError for a transfer that no ledger may hold."""
    if transfer.amount_minor < 1:
        raise LedgerError("transfer-amount", "a transfer moves at least one minor unit")
    if transfer.debit == transfer.credit:
        raise LedgerError("transfer-accounts", "a transfer needs two accounts")
    if (transfer.pending_id is not None) != (transfer.phase in (Phase.POST, Phase.VOID)):
        raise LedgerError("transfer-phase", "only a post or a void names a pending transfer")


def invoice_transfers(
    invoice_id: str, accounts: InvoiceAccounts, net_minor: int, tax_minor: int, currency: str
) -> list[Transfer]:
    """Pending transfers of an invoice: receivable against revenue, and receivable against tax.

    A negative amount (a credit) goes the other way. The ids follow from the invoice, so booking twice is booking once.
    """
    legs = ((Code.REVENUE, accounts.revenue, net_minor), (Code.TAX, accounts.tax_payable, tax_minor))
    return [
        Transfer(
            id=f"{invoice_id}:{code}",
            debit=accounts.receivable if amount_minor > 0 else other,
            credit=other if amount_minor > 0 else accounts.receivable,
            amount_minor=abs(amount_minor),
            currency=currency,
            code=code,
            phase=Phase.PENDING,
        )
        for code, other, amount_minor in legs
        if amount_minor
    ]


def settle(pending: Transfer, phase: Phase) -> Transfer:
    """The transfer that posts or voids a pending one; raises LedgerError for one that is not pending."""
    if pending.phase is not Phase.PENDING or phase not in (Phase.POST, Phase.VOID):
        raise LedgerError("transfer-phase", "only a pending transfer can be posted or voided")
    return replace(pending, id=f"{pending.id}:{phase}", phase=phase, pending_id=pending.id)


def reverse(posted: Transfer) -> Transfer:
    """The transfer that takes a posted one back: the same amount the other way, at once."""
    if posted.phase not in (Phase.SINGLE, Phase.POST) or posted.reverses_id is not None:
        raise LedgerError("transfer-phase", "only a posted transfer that is no reversal can be reversed")
    return replace(
        posted,
        id=f"{posted.id}:reverse",
        debit=posted.credit,
        credit=posted.debit,
        phase=Phase.SINGLE,
        pending_id=None,
        reverses_id=posted.id,
    )


def balances(transfers: Sequence[Transfer]) -> dict[tuple[str, str], Balance]:
    """Balance of every (account, currency) after `transfers`; a settled pending transfer no longer counts as pending.

    Each id counts once.
    """
    by_id = {transfer.id: transfer for transfer in transfers}
    settled = {transfer.pending_id for transfer in by_id.values() if transfer.pending_id}
    sums: dict[tuple[str, str], list[int]] = defaultdict(lambda: [0, 0, 0, 0])
    for transfer in by_id.values():
        if transfer.phase is Phase.VOID or (transfer.phase is Phase.PENDING and transfer.id in settled):
            continue
        offset = 2 if transfer.phase is Phase.PENDING else 0
        sums[transfer.debit, transfer.currency][offset] += transfer.amount_minor
        sums[transfer.credit, transfer.currency][offset + 1] += transfer.amount_minor
    return {key: Balance(*amounts) for key, amounts in sums.items()}


def trial_balance(of: Mapping[tuple[str, str], Balance]) -> dict[str, int]:
    """Posted debits less credits of every currency over all accounts: zero in sound books."""
    sums: dict[str, int] = defaultdict(int)
    for (_, currency), balance in of.items():
        sums[currency] += balance.posted_minor
    return dict(sums)
