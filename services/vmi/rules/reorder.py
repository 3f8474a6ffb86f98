"""Order now or not, how much, and why: one decision with everything that led to it, in both languages.

Users of other systems complain that orders are proposed or missing and nobody can see the reason; so each decision
carries the trigger, the arithmetic of the inventory position, forecast and safety part, rounding, the constraint that
bound it, and what it would cost not to do it.
"""

from dataclasses import dataclass
from math import isfinite

import numpy

from services.vmi.rules.distributions import cost_curve, probability_table
from services.vmi.rules.reorder_texts import Step, order_text, position_steps, rule_steps
from services.vmi.rules.rounding import round_order


@dataclass(frozen=True, slots=True)
class StockPosition:
    """Units: in stock, on the way, ordered but not shipped, owed to customers, promised to somebody else."""

    on_hand: float
    in_transit: float = 0.0
    on_order: float = 0.0
    backorders: float = 0.0
    reserved: float = 0.0

    @property
    def total(self) -> float:
        """Inventory position: on hand + in transit + on order - backorders - reserved."""
        return self.on_hand + self.in_transit + self.on_order - self.backorders - self.reserved


@dataclass(frozen=True, slots=True)
class ReorderRule:
    """Order when the position is at or below `reorder_point`: up to `order_up_to`, or `quantity` (exactly one of both).

    A base stock S of whole units is reorder_point S - 1 with order_up_to S. `quantity` is ordered as often as it takes
    to lift the position above the reorder point.
    """

    reorder_point: float
    order_up_to: float | None = None
    quantity: float | None = None


@dataclass(frozen=True, slots=True)
class Demand:
    """Consumption as forecast: mean and variance a period; lead time and review period in whole periods."""

    mean: float
    variance: float
    lead_time: int
    review: int = 1


@dataclass(frozen=True, slots=True)
class Limits:
    """What bounds an order, in units: pack, least order, most stock agreed (position), what the supplier has."""

    case_pack: float = 1.0
    minimum_order: float = 0.0
    stock_maximum: float = float("inf")
    available: float = float("inf")
    frozen: bool = False  # Within the frozen zone nothing may be changed any more.


@dataclass(frozen=True, slots=True)
class Decision:
    """What to order and why.

    `trigger`: reorder_point or none; `bound`: not_triggered, none, case_pack, minimum, stock_maximum, available or
    frozen. `short_of_rule` is by how much the quantity stays below what the rule asked for. `waiting_cost` is the
    expected cost of putting it off by one review, holding saved already deducted; where it is not above 0,
    `worth_it` is False: the rule asks, but waiting costs nothing. `steps` are the arithmetic, in order.
    """

    quantity: float
    trigger: str
    bound: str
    short_of_rule: float
    waiting_cost: float
    worth_it: bool
    steps: tuple[Step, ...]
    reason_zh: str
    reason_en: str


def decide(
    position: StockPosition,
    rule: ReorderRule,
    demand: Demand,
    limits: Limits,
    holding_cost: float,
    stockout_cost: float,
) -> Decision:
    """Decide one item at one place; costs per unit and period. Raises ValueError for inputs without sense."""
    _check(position, rule, demand)
    total = position.total
    triggered = total <= rule.reorder_point
    wanted = _wanted(total, rule) if triggered else 0.0
    quantity, bound = _bounded(wanted, total, limits)
    waiting = _waiting_cost(total, quantity or wanted, demand, holding_cost, stockout_cost) if triggered else 0.0
    over_protection = demand.mean * (demand.lead_time + demand.review)
    target = rule.order_up_to if rule.order_up_to is not None else total + wanted
    steps = (
        *position_steps(
            position.on_hand, position.in_transit, position.on_order, position.backorders, position.reserved, total
        ),
        *rule_steps(over_protection, rule.reorder_point, target, wanted, quantity, waiting),
    )
    short = max(wanted - quantity, 0.0)
    reason_zh, reason_en = order_text(total, rule.reorder_point, quantity, wanted, bound, waiting)
    return Decision(
        quantity=quantity,
        trigger="reorder_point" if triggered else "none",
        bound=bound,
        short_of_rule=short,
        waiting_cost=waiting,
        worth_it=triggered and waiting > 0,
        steps=steps,
        reason_zh=reason_zh,
        reason_en=reason_en,
    )


def _check(position: StockPosition, rule: ReorderRule, demand: Demand) -> None:
    parts = (position.on_hand, position.in_transit, position.on_order, position.backorders, position.reserved)
    if min(parts) < 0 or not all(isfinite(part) for part in parts):
        raise ValueError("the parts of a position must be known and not negative; what is owed goes into backorders")
    if (rule.order_up_to is None) == (rule.quantity is None):
        raise ValueError("a rule needs order_up_to or quantity, not both")
    if rule.order_up_to is not None and rule.order_up_to <= rule.reorder_point:
        raise ValueError("order_up_to must be above reorder_point")
    if rule.quantity is not None and rule.quantity <= 0:
        raise ValueError("quantity must be above 0")
    if demand.mean < 0 or demand.variance < 0 or demand.lead_time < 0 or demand.review < 1:
        raise ValueError("demand and lead_time must not be negative, review at least 1")


def _wanted(total: float, rule: ReorderRule) -> float:
    if rule.order_up_to is not None:
        return rule.order_up_to - total
    assert rule.quantity is not None
    return rule.quantity * (int((rule.reorder_point - total) // rule.quantity) + 1)


def _bounded(wanted: float, total: float, limits: Limits) -> tuple[float, str]:
    """The quantity that may be ordered, and what bound it."""
    if wanted <= 0:
        return 0.0, "not_triggered"
    if limits.frozen:
        return 0.0, "frozen"
    room = max(limits.stock_maximum - total, 0.0)
    maximum = min(room, limits.available)
    rounded = round_order(wanted, limits.case_pack, limits.minimum_order, maximum)
    bound = str(rounded.bound)
    if bound == "maximum":
        bound = "available" if limits.available < room else "stock_maximum"
    return float(rounded.quantity), bound


def _waiting_cost(total: float, quantity: float, demand: Demand, holding_cost: float, stockout_cost: float) -> float:
    """Expected cost of ordering one review later: over the periods that only this order can reach, G without it less
    G with it. Whole units; the position is rounded down and the quantity to the nearest unit.
    """
    if demand.mean == 0:
        return -holding_cost * quantity * demand.review
    low = int(numpy.floor(total))
    levels = numpy.array([low, low + round(quantity)])
    cost = 0.0
    for periods in range(demand.lead_time + 1, demand.lead_time + demand.review + 1):
        table = probability_table(demand.mean * periods, demand.variance * periods)
        without, ordered = cost_curve(table, holding_cost, stockout_cost, levels)
        cost += float(without - ordered)
    return cost
