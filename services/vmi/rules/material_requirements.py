"""Time-phased netting: from what will be needed to what has to be ordered when (MRP)."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil


@dataclass(frozen=True, slots=True)
class NetPlan:
    """Units a period: net need, planned receipts, releases (when to order them), projected stock at the end.

    `overdue` are units whose order should have been released before period 0; they are released in period 0 and so
    come late.
    """

    net_requirements: tuple[float, ...]
    planned_receipts: tuple[float, ...]
    planned_releases: tuple[float, ...]
    projected_on_hand: tuple[float, ...]
    overdue: float


def net_requirements(
    gross_requirements: Sequence[float],
    scheduled_receipts: Sequence[float],
    on_hand: float,
    lead_time: int,
    safety_stock: float = 0.0,
    lot_multiple: float = 0.0,
    lot_minimum: float = 0.0,
    periods_per_lot: int = 1,
) -> NetPlan:
    """Net a plan period by period: net need = max(0, gross + safety stock - stock - receipts).

    A planned receipt covers the net needs of `periods_per_lot` periods (1: lot for lot), at least `lot_minimum`,
    rounded up to `lot_multiple`, and is released `lead_time` periods before (J. Orlicky, "Material Requirements
    Planning", 1975). Receipts arrive at the start of a period, before its need.
    """
    horizon = len(gross_requirements)
    if len(scheduled_receipts) != horizon or lead_time < 0 or periods_per_lot < 1:
        raise ValueError("gross and scheduled must have one value a period; lead_time >= 0, periods_per_lot >= 1")
    if min([0.0, *gross_requirements, *scheduled_receipts, safety_stock, lot_multiple, lot_minimum]) < 0:
        raise ValueError("quantities must not be negative")
    nets, receipts, projected = [], [], []
    stock = on_hand
    for period in range(horizon):
        stock += scheduled_receipts[period] - gross_requirements[period]
        net = max(0.0, safety_stock - stock)
        receipt = 0.0
        if net > 0:
            receipt = _lot(net + _later_needs(gross_requirements, scheduled_receipts, period, periods_per_lot),
                           lot_minimum, lot_multiple)  # fmt: skip
        stock += receipt
        nets.append(net)
        receipts.append(receipt)
        projected.append(stock)
    releases = [0.0] * horizon
    overdue = 0.0
    for period, receipt in enumerate(receipts):
        releases[max(period - lead_time, 0)] += receipt
        overdue += receipt if period < lead_time else 0.0
    return NetPlan(tuple(nets), tuple(receipts), tuple(releases), tuple(projected), overdue)


def _later_needs(gross: Sequence[float], scheduled: Sequence[float], period: int, periods_per_lot: int) -> float:
    """Net need of the further periods that a lot covers; receipts of one period serve the later ones too."""
    need = balance = 0.0
    for later in range(period + 1, min(period + periods_per_lot, len(gross))):
        balance += scheduled[later] - gross[later]
        need = max(need, -balance)
    return need


def _lot(need: float, minimum: float, multiple: float) -> float:
    lot = max(need, minimum)
    return ceil(lot / multiple - 1e-9) * multiple if multiple else lot
