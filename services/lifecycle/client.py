"""PUBLIC: typed client of the lifecycle service; returns contract types, raises `Problem` with the service's code."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from functools import cache
from types import TracebackType
from typing import Any, Self, TypeVar

import httpx2
from pydantic import BaseModel, TypeAdapter, ValidationError

from services.kernel.evidence import Evidence
from services.kernel.http import CORRELATION_HEADER, Page
from services.kernel.logs import correlation_id
from services.kernel.outbox import EventPage
from services.kernel.problems import Problem, ProblemDocument, unavailable
from services.lifecycle.contract import (
    Alarm,
    AuditEntry,
    Command,
    CommandCreate,
    DeadLetter,
    DesiredUpdate,
    DeviceCredential,
    FleetFigures,
    History,
    MessageLedger,
    Product,
    ProductCreate,
    ProductSummary,
    ProductType,
    ProductTypeCreate,
    Reading,
    Registration,
    StateInterval,
    Ticket,
    TicketCreate,
    Twin,
    WorkOrder,
    WorkOrderAction,
    WorkOrderCreate,
)

Model = TypeVar("Model")
TIMEOUT_S = 10.0


class LifecycleClient(AbstractAsyncContextManager["LifecycleClient"]):
    """Calls the service as one principal, at a URL, through a transport (`httpx2.ASGITransport(app)`: in process), or
    with a client that somebody else made and closes (`service` names it in errors)."""

    def __init__(
        self, where: str | httpx2.AsyncBaseTransport | httpx2.AsyncClient, token: str = "", timeout_s: float = TIMEOUT_S
    ) -> None:
        if isinstance(where, httpx2.AsyncClient):
            self._http = where
            return
        headers = {"Authorization": f"Bearer {token}"} if token else None
        if isinstance(where, str):
            self._http = httpx2.AsyncClient(base_url=where.rstrip("/"), headers=headers, timeout=timeout_s)
        else:
            self._http = httpx2.AsyncClient(
                transport=where, base_url="http://lifecycle", headers=headers, timeout=timeout_s
            )

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._http.aclose()

    async def __aenter__(self) -> Self:
        return self

    # ---- Products ---------------------------------------------------------------------------------------------

    async def product_types(self, **query: Any) -> Page[ProductType]:
        return await self._get("/product-types", Page[ProductType], query)

    async def register_type(self, create: ProductTypeCreate) -> ProductType:
        return await self._send("POST", "/product-types", ProductType, create)

    async def product_type(self, type_id: str) -> ProductType:
        return await self._get(f"/product-types/{type_id}", ProductType)

    async def fleet(self) -> FleetFigures:
        return await self._get("/fleet", FleetFigures)

    async def products(self, **query: Any) -> Page[ProductSummary]:
        """`type_id`, `organisation_id`, `state`, `limit`, `cursor`."""
        return await self._get("/products", Page[ProductSummary], query)

    async def register(self, create: ProductCreate) -> Registration:
        return await self._send("POST", "/products", Registration, create)

    async def product(self, device_id: str) -> Product:
        return await self._get(f"/products/{device_id}", Product)

    async def renew_credential(self, device_id: str) -> DeviceCredential:
        return await self._send("POST", f"/products/{device_id}/credential", DeviceCredential)

    async def twin(self, device_id: str) -> Twin:
        return await self._get(f"/products/{device_id}/twin", Twin)

    async def set_desired(self, device_id: str, wanted: DesiredUpdate) -> Twin:
        return await self._send("PATCH", f"/products/{device_id}/twin/desired", Twin, wanted)

    async def history(
        self, device_id: str, signal: str, start: datetime | None = None, end: datetime | None = None
    ) -> History:
        query = {"signal": signal, "start": start, "end": end}
        return await self._get(f"/products/{device_id}/history", History, query)

    async def readings(self, device_id: str, after: datetime | None = None, limit: int = 100) -> list[Reading]:
        return await self._get(f"/products/{device_id}/readings", list[Reading], {"after": after, "limit": limit})

    async def timeline(
        self, device_id: str, start: datetime | None = None, end: datetime | None = None
    ) -> list[StateInterval]:
        return await self._get(f"/products/{device_id}/timeline", list[StateInterval], {"start": start, "end": end})

    # ---- Work -------------------------------------------------------------------------------------------------

    async def alarms(self, **query: Any) -> Page[Alarm]:
        """`device_id`, `state`, `severity`, `ticket_id`, `active`, `limit`, `cursor`."""
        return await self._get("/alarms", Page[Alarm], query)

    async def alarm(self, alarm_id: str) -> Alarm:
        return await self._get(f"/alarms/{alarm_id}", Alarm)

    async def acknowledge(self, alarm_id: str) -> Alarm:
        return await self._send("POST", f"/alarms/{alarm_id}/acknowledge", Alarm)

    async def unacknowledge(self, alarm_id: str) -> Alarm:
        return await self._send("POST", f"/alarms/{alarm_id}/unacknowledge", Alarm)

    async def assign(self, alarm_id: str, assignee: str | None) -> Alarm:
        return await self._send("POST", f"/alarms/{alarm_id}/assign", Alarm, {"assignee": assignee})

    async def clear(self, alarm_id: str, note: str = "") -> Alarm:
        return await self._send("POST", f"/alarms/{alarm_id}/clear", Alarm, {"note": note})

    async def tickets(self, **query: Any) -> Page[Ticket]:
        """`device_id`, `active`, `limit`, `cursor`."""
        return await self._get("/tickets", Page[Ticket], query)

    async def ticket(self, ticket_id: str) -> Ticket:
        return await self._get(f"/tickets/{ticket_id}", Ticket)

    async def open_ticket(self, create: TicketCreate) -> Ticket:
        return await self._send("POST", "/tickets", Ticket, create)

    async def close_ticket(self, ticket_id: str) -> Ticket:
        return await self._send("POST", f"/tickets/{ticket_id}/close", Ticket)

    async def work_orders(self, **query: Any) -> Page[WorkOrder]:
        """`device_id`, `ticket_id`, `state`, `limit`, `cursor`."""
        return await self._get("/work-orders", Page[WorkOrder], query)

    async def work_order(self, order_id: str) -> WorkOrder:
        return await self._get(f"/work-orders/{order_id}", WorkOrder)

    async def create_work_order(self, create: WorkOrderCreate) -> WorkOrder:
        return await self._send("POST", "/work-orders", WorkOrder, create)

    async def act_on_work_order(self, order_id: str, action: WorkOrderAction) -> WorkOrder:
        return await self._send("POST", f"/work-orders/{order_id}/actions", WorkOrder, action)

    async def commands(self, **query: Any) -> Page[Command]:
        """`device_id`, `state`, `limit`, `cursor`."""
        return await self._get("/commands", Page[Command], query)

    async def command(self, command_id: str) -> Command:
        return await self._get(f"/commands/{command_id}", Command)

    async def send_command(self, device_id: str, create: CommandCreate) -> Command:
        return await self._send("POST", f"/products/{device_id}/commands", Command, create)

    async def cancel_command(self, command_id: str) -> Command:
        return await self._send("POST", f"/commands/{command_id}/cancel", Command)

    # ---- Records ----------------------------------------------------------------------------------------------

    async def ledger(self) -> MessageLedger:
        return await self._get("/messages/ledger", MessageLedger)

    async def dead_letters(self, **query: Any) -> Page[DeadLetter]:
        """`reason`, `limit`, `cursor`."""
        return await self._get("/messages/dead-letters", Page[DeadLetter], query)

    async def audit(self, **query: Any) -> Page[AuditEntry]:
        """`object`, `correlation_id`, `limit`, `cursor`."""
        return await self._get("/audit", Page[AuditEntry], query)

    async def events(self, **query: Any) -> EventPage:
        """`after`, `limit`, `type`, `correlation_id`, `subject`, `newest_first`."""
        return await self._get("/events", EventPage, query)

    async def clauses(self) -> list[str]:
        return await self._get("/clauses", list[str])

    async def evidence(self) -> dict[str, Evidence]:
        return await self._get("/evidence", dict[str, Evidence])

    async def each(self, list_page: Any, **query: Any) -> AsyncIterator[Any]:
        """All items of a paged list, page after page: `client.each(client.alarms, active=True)`."""
        cursor: str | None = None
        while True:
            page = await list_page(**query, cursor=cursor)
            for item in page.items:
                yield item
            cursor = page.next_cursor
            if cursor is None:
                return

    # ---- The wire ---------------------------------------------------------------------------------------------

    async def _get(self, path: str, kind: type[Model], query: dict[str, Any] | None = None) -> Model:
        given = {name: _text(value) for name, value in (query or {}).items() if value is not None}
        return await self._call("GET", path, kind, params=given)

    async def _send(
        self, method: str, path: str, kind: type[Model], body: BaseModel | dict[str, Any] | None = None
    ) -> Model:
        content = body.model_dump(mode="json") if isinstance(body, BaseModel) else body
        return await self._call(method, path, kind, json=content)

    async def _call(self, method: str, path: str, kind: type[Model], **rest: Any) -> Model:
        correlation = correlation_id()
        headers = {CORRELATION_HEADER: correlation} if correlation else None
        try:
            answer = await self._http.request(method, path, headers=headers, **rest)
        except httpx2.HTTPError as error:
            raise _unreachable() from error
        if answer.is_error:
            raise _problem_of(answer)
        return _adapter(kind).validate_json(answer.content)  # type: ignore[arg-type, no-any-return]


@cache
def _adapter(kind: Any) -> TypeAdapter[Any]:
    return TypeAdapter(kind)


def _text(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else value


def _unreachable() -> Problem:
    return unavailable("全生命周期管理服务暂时无法访问。", "The lifecycle service cannot be reached.", "unreachable")


def _problem_of(answer: httpx2.Response) -> Problem:
    """The service's own problem, to be raised here or passed on."""
    try:
        document = ProblemDocument.model_validate_json(answer.content)
    except ValidationError:
        return _unreachable()
    extra = document.model_extra or {}
    return Problem(document.code, document.status, document.detail_zh, document.detail_en, **extra)
