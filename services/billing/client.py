"""PUBLIC: asks the billing service over HTTP, in the same process or at a URL, and answers in contract types."""

from collections.abc import Mapping
from typing import Any, TypeVar

import httpx2
from pydantic import BaseModel, TypeAdapter

from services.billing.contract import (
    AccountBalance,
    BillingFigures,
    ContractSign,
    Invoice,
    InvoiceState,
    InvoiceSummary,
    LineProof,
    Posting,
    QuarantinedUsage,
    ServiceContract,
    Tariff,
    TariffCreate,
    TrialBalance,
    UnbilledCount,
    Usage,
    UsageReceipt,
    UsageReport,
    UsageState,
)
from services.kernel.evidence import Evidence
from services.kernel.paging import Page
from services.kernel.problems import Problem

Answer = TypeVar("Answer")


class BillingClient:
    """One caller's view of billing. `http` has the base URL (or an ASGI transport) and the caller's bearer token.

    Every method raises Problem as the service answered it, or httpx2.HTTPError when the service cannot be reached.
    """

    def __init__(self, http: httpx2.AsyncClient) -> None:
        self._http = http

    async def tariffs(self) -> list[Tariff]:
        return await self._get("/tariffs", list[Tariff])

    async def create_tariff(self, command: TariffCreate) -> Tariff:
        return await self._post("/tariffs", Tariff, command)

    async def contracts(self) -> list[ServiceContract]:
        return await self._get("/contracts", list[ServiceContract])

    async def sign_contract(self, command: ContractSign) -> ServiceContract:
        return await self._post("/contracts", ServiceContract, command)

    async def report_usage(self, report: UsageReport) -> UsageReceipt:
        return await self._post("/usage-events", UsageReceipt, report)

    async def usage(
        self,
        *,
        state: UsageState | None = None,
        device_id: str | None = None,
        limit: int = 50,
        cursor: str | None = None,
    ) -> Page[Usage]:
        return await self._get(
            "/usage-events", Page[Usage], state=state, device_id=device_id, limit=limit, cursor=cursor
        )

    async def unbilled(self) -> list[UnbilledCount]:
        return await self._get("/unbilled", list[UnbilledCount])

    async def quarantine(self, limit: int = 50, cursor: str | None = None) -> Page[QuarantinedUsage]:
        return await self._get("/quarantine", Page[QuarantinedUsage], limit=limit, cursor=cursor)

    async def invoices(
        self,
        *,
        state: InvoiceState | None = None,
        contract_id: str | None = None,
        limit: int = 50,
        cursor: str | None = None,
    ) -> Page[InvoiceSummary]:
        """Newest first."""
        return await self._get(
            "/invoices", Page[InvoiceSummary], state=state, contract_id=contract_id, limit=limit, cursor=cursor
        )

    async def invoice(self, invoice_id: str) -> Invoice:
        return await self._get(f"/invoices/{invoice_id}", Invoice)

    async def line_proof(
        self, invoice_id: str, line_id: str, *, limit: int = 500, after: str | None = None
    ) -> LineProof:
        """The line with up to `limit` of its usage events after an id."""
        return await self._get(f"/invoices/{invoice_id}/lines/{line_id}", LineProof, limit=limit, after=after)

    async def act(self, invoice_id: str, action: str, reason: str | None = None) -> Invoice:
        """issue, post, void or reverse; the last two need a reason."""
        body = {"reason": reason} if reason is not None else None
        return await self._post(f"/invoices/{invoice_id}/{action}", Invoice, body)

    async def transfers(
        self, *, invoice_id: str | None = None, limit: int = 50, cursor: str | None = None
    ) -> Page[Posting]:
        return await self._get("/ledger/transfers", Page[Posting], invoice_id=invoice_id, limit=limit, cursor=cursor)

    async def balances(self) -> list[AccountBalance]:
        return await self._get("/ledger/balances", list[AccountBalance])

    async def trial_balance(self) -> TrialBalance:
        return await self._get("/ledger/trial-balance", TrialBalance)

    async def figures(self) -> BillingFigures:
        return await self._get("/figures", BillingFigures)

    async def evidence(self) -> dict[str, Evidence]:
        return await self._get("/evidence", dict[str, Evidence])

    async def _get(self, path: str, answer: type[Answer], **query: Any) -> Answer:
        given = {name: value for name, value in query.items() if value is not None}
        return _read(await self._http.get(path, params=given), answer)

    async def _post(self, path: str, answer: type[Answer], body: BaseModel | Mapping[str, Any] | None) -> Answer:
        content = body.model_dump(mode="json") if isinstance(body, BaseModel) else body
        return _read(await self._http.post(path, json=content), answer)


def _read(response: httpx2.Response, answer: type[Answer]) -> Answer:
    if response.is_error:
        raise _problem(response)
    return TypeAdapter(answer).validate_json(response.content)


def _problem(response: httpx2.Response) -> Problem:
    try:
        body = response.json()
        return Problem(body["code"], response.status_code, body["detail_zh"], body["detail_en"])
    except (ValueError, KeyError, TypeError):
        return Problem("bad-gateway", 502, "计费服务应答有误。", "The billing service gave an unreadable answer.")
