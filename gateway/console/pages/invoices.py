"""计费与账本: invoices, down to the usage events and postings behind each line."""

from collections.abc import Awaitable

from fastapi import APIRouter
from fastapi.responses import HTMLResponse

from gateway.console.page import ConsolePage, ConsoleRoute, Opened
from gateway.console.pages.frame import CLOCK, explained
from gateway.console.panels import Fragment
from gateway.console.views import InvoiceFilter, InvoiceList, LineProof

INVOICE = frozenset({"invoice"})

router = APIRouter(prefix="/console/invoices", route_class=ConsoleRoute)


def invoice_filter(page: ConsolePage) -> InvoiceFilter:
    return InvoiceFilter(customer_id=page.query.get("customer", "")[:64], state=page.query.get("state", "")[:20])


def load_invoices(page: ConsolePage) -> Awaitable[InvoiceList]:
    return page.sources.invoices(invoice_filter(page))


FRAGMENTS = (
    CLOCK,
    Fragment(name="invoice-list", template="fragments/invoice_list.html", load=load_invoices, topics=INVOICE),
    explained("invoices"),
)
DETAIL = (
    CLOCK,
    Fragment(
        name="invoice",
        template="fragments/invoice.html",
        load=lambda page: page.sources.invoice(page.subject),
        topics=INVOICE,
        required=True,
    ),
)
QUIET = (CLOCK,)


async def load_proof(page: ConsolePage) -> LineProof:
    return await page.sources.line_proof(page.subject, str(page.request.path_params["line_id"]))


LINE = (
    CLOCK,
    Fragment(name="proof", template="fragments/line_proof.html", load=load_proof, required=True),
    explained("invoice_line"),
)


@router.get("")
async def invoices(page: Opened) -> HTMLResponse:
    return await page.show("invoices.html", "invoices", FRAGMENTS, which=invoice_filter(page))


@router.get("/{subject}")
async def invoice(page: Opened, subject: str) -> HTMLResponse:
    return await page.show("invoice.html", "invoice", DETAIL)


@router.get("/{subject}/lines/{line_id}")
async def invoice_line(page: Opened, subject: str, line_id: str) -> HTMLResponse:
    return await page.show("invoice_line.html", "invoice_line", LINE)
