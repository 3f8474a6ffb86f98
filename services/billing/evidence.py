"""The clauses that billing shows, with live figures."""

from services.billing import store
from services.billing.contract import TrialBalance
from services.billing.service import books
from services.kernel.evidence import Evidence, EvidenceBook, Figure, Link, shown_if
from services.kernel.unit import UnitOfWork

BOOK = EvidenceBook()
INVOICES = Link(label_zh="账单", label_en="Invoices", href="/invoices")
UNBILLED = Link(label_zh="未计费用量", label_en="Unbilled usage", href="/billing/unbilled")
LINES_LOOKED_AT = 100
COMPUTED_BY = "services.billing.rules.rating.rated_line"


@BOOK.shows("HN-1-3-b")
def charge_by_running_time(unit: UnitOfWork) -> Evidence:
    """Run seconds become rated lines on invoices, in tiers; estimated run time is held back until it is released."""
    return _charged(unit, "run_seconds", 3600, "h", "运行时间", "run time")


@BOOK.shows("HN-1-3-a")
def charge_by_flow(unit: UnitOfWork) -> Evidence:
    """Pumped volume becomes rated lines on invoices, in tiers."""
    return _charged(unit, "volume_l", 1000, "m3", "输送水量", "pumped volume")


def _charged(unit: UnitOfWork, meter: str, unit_size: int, symbol: str, zh: str, en: str) -> Evidence:
    events, quantity, devices = store.metered(unit.session, meter)
    lines, billed, net_minor = store.billed(unit.session, meter)
    tiers = max((len(line.parts) for line in store.newest_lines(unit.session, meter, LINES_LOOKED_AT)), default=0)
    held = sum(total for _, of, _, total in store.unbilled_counts(unit.session) if of == meter)
    trial = books.trial_balance(unit)
    figures = [
        _figure("metered", f"已计量{zh}", f"{en} metered", round(quantity / unit_size, 2), symbol),
        _figure("billed", f"已入账单{zh}", f"{en} on invoices", round(billed / unit_size, 2), symbol),
        _figure("held_back", f"暂缓计费{zh}", f"{en} held back", round(held / unit_size, 2), symbol),
        _figure("usage_events", "用量事件", "usage events", events),
        _figure("devices", "计量设备", "devices metered", devices),
        _figure("invoice_lines", "账单明细", "invoice lines", lines),
        _figure("tiers_on_a_line", "单条明细涉及的阶梯", "tiers on one line", tiers),
        _figure("net", "不含税金额", "net amount", net_minor / 100, "CNY"),
        _figure("ledger_difference", "总账借贷差额", "ledger difference", _difference(trial), "CNY 0.01"),
    ]
    return shown_if(
        figures,
        shown=bool(lines) and trial.balanced,
        unit=unit,
        summary_zh=f"{zh}按合同价目逐档计价，形成账单明细并记入复式总账；每条明细可追溯到用量事件。",
        summary_en=f"{en.capitalize()} is rated tier by tier under contract, invoiced and booked; "
        "each line drills down to its usage events.",
        links=[INVOICES, UNBILLED],
        computed_by=COMPUTED_BY,
    )


def _difference(trial: TrialBalance) -> int:
    return sum(abs(total.difference_minor) for total in trial.currencies)


def _figure(name: str, zh: str, en: str, value: float | int, symbol: str = "") -> Figure:
    return Figure(name=name, label_zh=zh, label_en=en, value=value, unit=symbol)
