"""The HTTP door of billing."""

from typing import Annotated

from fastapi import APIRouter, Path, Query, Response

from services.billing.contract import (
    ROW_ID,
    AccountBalance,
    BillingFigures,
    ContractSign,
    Invoice,
    InvoiceState,
    InvoiceSummary,
    LineProof,
    Posting,
    QuarantinedUsage,
    Reason,
    ServiceContract,
    Tariff,
    TariffCreate,
    TrialBalance,
    UnbilledCount,
    Usage,
    UsageReceipt,
    UsageRelease,
    UsageReport,
    UsageState,
)
from services.billing.evidence import BOOK
from services.billing.service import books, contracts, invoices, proofs, quarantine, usage
from services.billing.settings import BillingSettings
from services.kernel.database import Database
from services.kernel.evidence import Evidence
from services.kernel.identity import Principal, Role, requires
from services.kernel.paging import Cursor, Limit, Page, decode_cursor, page_of
from services.kernel.problems import conflict

WRITERS = (Role.MANAGER, Role.ADMINISTRATOR, Role.SERVICE)
Id = Annotated[str, Path(pattern=ROW_ID)]
IdQuery = Annotated[str | None, Query(pattern=ROW_ID)]


def contracts_router(database: Database, settings: BillingSettings) -> APIRouter:
    """Tariffs and contracts."""
    router = APIRouter(tags=["contracts"])

    @router.get("/tariffs", summary="价目列表 · List tariffs")
    def list_tariffs(principal: Principal = requires()) -> list[Tariff]:
        return database.read(contracts.list_tariffs, principal=principal)

    @router.post("/tariffs", status_code=201, summary="新建价目 · Make a tariff")
    def create_tariff(command: TariffCreate, principal: Principal = requires(*WRITERS)) -> Tariff:
        return database.run(contracts.create_tariff, command, principal.organisation_id, principal=principal)

    @router.get("/tariffs/{tariff_id}", summary="查看价目 · See a tariff")
    def get_tariff(tariff_id: Id, principal: Principal = requires()) -> Tariff:
        return database.read(contracts.get_tariff, tariff_id, principal=principal)

    @router.get("/contracts", summary="合同列表 · List contracts")
    def list_contracts(principal: Principal = requires()) -> list[ServiceContract]:
        return database.read(contracts.list_contracts, principal=principal)

    @router.post("/contracts", status_code=201, summary="签订合同 · Sign a contract")
    def sign_contract(command: ContractSign, principal: Principal = requires(*WRITERS)) -> ServiceContract:
        return database.run(usage.sign_contract, command, settings, principal=principal)

    @router.get("/contracts/{contract_id}", summary="查看合同 · See a contract")
    def get_contract(contract_id: Id, principal: Principal = requires()) -> ServiceContract:
        return database.read(contracts.get_contract, contract_id, principal=principal)

    return router


def usage_router(database: Database, settings: BillingSettings) -> APIRouter:
    """Usage in, and what is held back or quarantined."""
    router = APIRouter(tags=["usage"])

    @router.post("/usage-events", status_code=201, summary="上报用量 · Report usage")
    def report_usage(
        report: UsageReport, response: Response, principal: Principal = requires(*WRITERS)
    ) -> UsageReceipt:
        usage.may_report(principal, report)
        taken = database.run(usage.accept_usage, report, settings)
        if isinstance(taken, QuarantinedUsage):
            raise conflict(
                "同一来源和编号的用量已有不同内容，本次上报已隔离。",
                "Usage of this source and id is known with another payload; the report was quarantined.",
                "usage-conflict",
                quarantine_id=taken.id,
            )
        if taken.duplicate:
            response.status_code = 200
        return taken

    @router.get("/usage-events", summary="用量列表 · List usage")
    def list_usage(
        state: UsageState | None = None,
        reason: IdQuery = None,
        device_id: IdQuery = None,
        limit: Limit = 50,
        cursor: Cursor = None,
        principal: Principal = requires(),
    ) -> Page[Usage]:
        found = database.read(usage.list_usage, _start(cursor), limit, state, reason, device_id, principal=principal)
        return page_of(found, limit, lambda each: each, lambda each: (each.id,))

    @router.post("/usage-events/release", summary="放行暂缓计费的用量 · Bill usage that was held back")
    def release_usage(command: UsageRelease, principal: Principal = requires(*WRITERS)) -> list[Usage]:
        return database.run(usage.release_usage, command.usage_ids, command.note, settings, principal=principal)

    @router.get("/unbilled", summary="未计费用量汇总 · Unbilled usage by reason")
    def count_unbilled(principal: Principal = requires()) -> list[UnbilledCount]:
        return database.read(usage.count_unbilled, principal=principal)

    @router.get("/quarantine", summary="隔离的用量上报 · Quarantined reports")
    def list_quarantine(
        limit: Limit = 50, cursor: Cursor = None, principal: Principal = requires()
    ) -> Page[QuarantinedUsage]:
        found = database.read(quarantine.list_quarantine, _start(cursor), limit, principal=principal)
        return page_of(found, limit, lambda each: each, lambda each: (each.id,))

    return router


def invoices_router(database: Database, settings: BillingSettings) -> APIRouter:
    """Invoices, down to the usage behind each line."""
    router = APIRouter(tags=["invoices"])

    @router.get("/invoices", summary="账单列表 · List invoices, newest first")
    def list_invoices(
        state: InvoiceState | None = None,
        contract_id: IdQuery = None,
        limit: Limit = 50,
        cursor: Cursor = None,
        principal: Principal = requires(),
    ) -> Page[InvoiceSummary]:
        found = database.read(proofs.list_invoices, _start(cursor), limit, state, contract_id, principal=principal)
        return page_of(found, limit, lambda each: each, lambda each: (each.id,))

    @router.get("/invoices/{invoice_id}", summary="查看账单 · See an invoice")
    def get_invoice(invoice_id: Id, principal: Principal = requires()) -> Invoice:
        return database.read(proofs.get_invoice, invoice_id, principal=principal)

    @router.get("/invoices/{invoice_id}/lines/{line_id}", summary="明细溯源 · Drill down to the usage behind a line")
    def prove_line(
        invoice_id: Id, line_id: Id, limit: Limit = 500, after: IdQuery = None, principal: Principal = requires()
    ) -> LineProof:
        return database.read(proofs.prove_line, invoice_id, line_id, after or "", limit, principal=principal)

    @router.post("/invoices/{invoice_id}/issue", summary="开具账单 · Issue a draft now")
    def issue_invoice(invoice_id: Id, principal: Principal = requires(*WRITERS)) -> Invoice:
        database.run(invoices.issue_invoice, invoice_id, settings, principal=principal)
        return database.read(proofs.get_invoice, invoice_id, principal=principal)

    @router.post("/invoices/{invoice_id}/post", summary="账单入账 · Post an issued invoice now")
    def post_invoice(invoice_id: Id, principal: Principal = requires(*WRITERS)) -> Invoice:
        database.run(invoices.post_invoice, invoice_id, principal=principal)
        return database.read(proofs.get_invoice, invoice_id, principal=principal)

    @router.post("/invoices/{invoice_id}/void", summary="作废账单 · Void an issued invoice")
    def void_invoice(invoice_id: Id, command: Reason, principal: Principal = requires(*WRITERS)) -> Invoice:
        database.run(invoices.void_invoice, invoice_id, command.reason, principal=principal)
        return database.read(proofs.get_invoice, invoice_id, principal=principal)

    @router.post("/invoices/{invoice_id}/reverse", summary="冲红账单 · Reverse a posted invoice")
    def reverse_invoice(invoice_id: Id, command: Reason, principal: Principal = requires(*WRITERS)) -> Invoice:
        database.run(invoices.reverse_invoice, invoice_id, command.reason, principal=principal)
        return database.read(proofs.get_invoice, invoice_id, principal=principal)

    return router


def ledger_router(database: Database) -> APIRouter:
    """The books, the overview's figures and the evidence."""
    router = APIRouter(tags=["ledger"])

    @router.get("/ledger/transfers", summary="分录列表 · List transfers")
    def list_transfers(
        invoice_id: IdQuery = None, limit: Limit = 50, cursor: Cursor = None, principal: Principal = requires()
    ) -> Page[Posting]:
        found = database.read(books.list_postings, invoice_id, _start(cursor), limit, principal=principal)
        return page_of(found, limit, lambda each: each, lambda each: (each.id,))

    @router.get("/ledger/balances", summary="科目余额 · Balances of accounts")
    def list_balances(principal: Principal = requires()) -> list[AccountBalance]:
        return database.read(books.list_balances, principal=principal)

    @router.get("/ledger/trial-balance", summary="试算平衡 · Trial balance")
    def trial_balance(principal: Principal = requires()) -> TrialBalance:
        return database.read(books.trial_balance, principal=principal)

    @router.get("/figures", summary="概览数字 · The overview's numbers")
    def figures(principal: Principal = requires()) -> BillingFigures:
        return database.read(proofs.figures, principal=principal)

    @router.get("/evidence", summary="条款证据 · Evidence by clause")
    def evidence(principal: Principal = requires()) -> dict[str, Evidence]:
        return database.read(BOOK.answer_all, principal=principal)

    return router


def _start(cursor: str | None) -> str:
    return str(decode_cursor(cursor, str)[0]) if cursor else ""
