"""Send stock sideways from one place to another? Only where that is expected to save more than it costs."""

from dataclasses import dataclass

import numpy
from numpy.typing import NDArray

from services.vmi.rules.distributions import cost_curve, probability_table
from services.vmi.rules.fair_share import Location


@dataclass(frozen=True, slots=True)
class Transfer:
    """`quantity` units to send, 0 where nothing is gained; `saving` is net of transport; reasons for a person."""

    quantity: int
    saving: float
    reason_zh: str
    reason_en: str

    @property
    def worth_it(self) -> bool:
        """Whether to send anything."""
        return self.quantity > 0


def decide_transfer(
    sender: Location, receiver: Location, unit_cost: float, fixed_cost: float, *, allowed: bool = True
) -> Transfer:
    """The quantity with the least expected cost at both places until their next supply, all quantities tried.

    Both places' costs are convex in stock, so the net saving is concave in the quantity (Lee 1987 and Axsäter 1990
    decide unit by unit; here all at once). The sender gives only what it has; `allowed` is whether the agreement lets
    goods go sideways. `unit_cost` and `fixed_cost` of the transport are not negative.
    """
    if unit_cost < 0 or fixed_cost < 0:
        raise ValueError("transport costs must not be negative")
    if not allowed:
        return Transfer(0, 0.0, "协议不允许横向调拨", "the agreement allows no lateral transshipment")
    if sender.position <= 0:
        return Transfer(0, 0.0, "调出方没有库存", "the sender has no stock")
    quantities = numpy.arange(sender.position + 1)
    total = _cost(sender, sender.position - quantities) + _cost(receiver, receiver.position + quantities)
    savings = total[0] - total - unit_cost * quantities - numpy.where(quantities > 0, fixed_cost, 0.0)
    best = int(savings.argmax())
    saving = float(savings[best])
    if best == 0:
        return Transfer(
            0,
            0.0,
            "此处无收益：调拨节省的缺货费用不抵运费",
            "no gain here: what it would prevent is below the transport",
        )
    return Transfer(
        best,
        saving,
        f"调拨 {best} 件，扣除运费后预计节省 {saving:.2f}",
        f"send {best} units: expected to save {saving:.2f} after transport",
    )


def _cost(place: Location, levels: NDArray[numpy.int64]) -> NDArray[numpy.float64]:
    table = probability_table(place.mean, place.variance)
    return cost_curve(table, place.holding_cost, place.stockout_cost, levels)
