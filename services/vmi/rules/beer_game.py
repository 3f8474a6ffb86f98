"""The beer game: a chain of four in which everyone sees only their own orders, and what that costs.

J. D. Sterman, "Modeling managerial behavior: misperceptions of feedback in a dynamic decision making experiment",
Management Science 35 (1989). Demand is 4 a week, then 8; stock costs 0.5 and a backlog 1 a unit and week. An order
takes two weeks to the supplier and the goods two weeks back, the factory three weeks from request to stock.
"""

from collections.abc import Sequence
from dataclasses import dataclass

STAGES = ("retailer", "wholesaler", "distributor", "factory")
STOCK_AT_START = 12
FLOW_AT_START = 4
HOLDING_COST = 0.5
BACKLOG_COST = 1.0
LEAD_TIMES = (4, 4, 4, 3)  # Weeks from placing an order until it can be in stock.
TRANSIT_WEEKS = 2


@dataclass(frozen=True, slots=True)
class BeerGame:
    """Costs by stage, downstream first, their total, and by stage each week's orders and net stock."""

    costs: tuple[float, ...]
    total: float
    orders: tuple[tuple[float, ...], ...]
    net_stocks: tuple[tuple[float, ...], ...]


def play(demand: Sequence[float], desired_stocks: Sequence[float], forced_weeks: int = 4) -> BeerGame:
    """Play with the stock rule: order = 4 + desired - net stock - supply line, at least 0 (Sterman, eqs. 3-8).

    That is the rule with a fixed expectation of 4, the whole gap closed at once and the supply line fully seen. In
    the first `forced_weeks` everybody orders 4. Each week: goods arrive, orders are filled as far as stock goes, cost
    is counted, orders are placed.
    """
    if len(desired_stocks) != len(STAGES):
        raise ValueError("desired_stocks must have one value a stage")
    count = len(STAGES)
    arriving = [[float(FLOW_AT_START)] * (3 if stage == count - 1 else 2) for stage in range(count)]
    in_mail = [[float(FLOW_AT_START)] * 2 for _ in range(count)]  # Orders on the way to each stage.
    net = [float(STOCK_AT_START)] * count
    line = [float(FLOW_AT_START * lead) for lead in LEAD_TIMES]  # Ordered and not received.
    costs = [0.0] * count
    orders: list[list[float]] = [[] for _ in range(count)]
    nets: list[list[float]] = [[] for _ in range(count)]
    for week, wanted in enumerate(demand):
        for stage in range(count):
            received = arriving[stage].pop(0)
            line[stage] -= received
            asked = float(wanted) if stage == 0 else in_mail[stage].pop(0)
            backlog = max(-net[stage], 0.0)
            shipped = min(max(net[stage], 0.0) + received, backlog + asked)
            net[stage] += received - asked
            if stage:
                arriving[stage - 1].append(shipped)
            costs[stage] += HOLDING_COST * max(net[stage], 0.0) + BACKLOG_COST * max(-net[stage], 0.0)
            nets[stage].append(net[stage])
        for stage in range(count):
            gap = desired_stocks[stage] - net[stage] - line[stage]
            order = float(FLOW_AT_START) if week < forced_weeks else max(0.0, FLOW_AT_START + gap)
            line[stage] += order
            (arriving[stage] if stage == count - 1 else in_mail[stage + 1]).append(order)
            orders[stage].append(order)
    return BeerGame(tuple(costs), sum(costs), tuple(map(tuple, orders)), tuple(map(tuple, nets)))


def benchmark() -> BeerGame:
    """Sterman's benchmark: 36 weeks, demand 4 until week 4 and 8 from week 5, desired stocks 28, 28, 28 and 20."""
    return play([4.0] * 4 + [8.0] * 32, (28, 28, 28, 20))
