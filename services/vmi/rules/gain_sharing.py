"""The lowest cost of both together can leave one worse off; a payment puts that right. Without a gain there is none.

Amounts are costs per unit of time in one currency; nothing here rounds them to money.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import combinations
from math import factorial

RULES = ("equal", "proportional")
GAIN_MIN = 1e-9  # Share of the present cost below which a gain is rounding.


@dataclass(frozen=True, slots=True)
class GainShare:
    """`gain` of both together; `transfer` is what the supplier pays the customer (negative: the other way).

    `customer_cost` and `supplier_cost` after the payment are no higher than alone. Where joining gains nothing,
    `worth_it` is False, nothing is paid and both costs are those alone.
    """

    gain: float
    transfer: float
    customer_cost: float
    supplier_cost: float
    worth_it: bool
    reason_zh: str
    reason_en: str


def share_gain(
    customer_alone: float,
    supplier_alone: float,
    customer_joint: float,
    supplier_joint: float,
    rule: str = "equal",
    customer_share: float | None = None,
) -> GainShare:
    """Split the gain of a joint plan so that neither side is worse off than alone.

    `equal` is the Shapley value and Nash's bargaining solution of two sides that can always go back to working alone;
    `proportional` splits by the costs alone; `customer_share` (0 to 1) is a share that the agreement names and goes
    before `rule`.
    """
    if rule not in RULES:
        raise ValueError(f"rule {rule!r} is not one of {', '.join(RULES)}")
    if min(customer_alone, supplier_alone, customer_joint, supplier_joint) < 0:
        raise ValueError("costs must not be negative")
    if customer_share is not None and not 0 <= customer_share <= 1:
        raise ValueError("customer_share must lie between 0 and 1")
    alone = customer_alone + supplier_alone
    gain = alone - customer_joint - supplier_joint
    if gain <= GAIN_MIN * alone:
        reason = (
            "此处无收益：联合方案不比各自为政便宜",
            "no gain here: the joint plan costs no less than each on its own",
        )
        return GainShare(gain, 0.0, customer_alone, supplier_alone, False, *reason)
    share = customer_share
    if share is None:
        share = 0.5 if rule == "equal" else customer_alone / alone
    customer_cost = customer_alone - share * gain
    transfer = customer_joint - customer_cost
    payer_zh, payer_en = (
        ("供应方付给客户", "the supplier pays") if transfer >= 0 else ("客户付给供应方", "the customer pays")
    )
    return GainShare(
        gain=gain,
        transfer=transfer,
        customer_cost=customer_cost,
        supplier_cost=alone - gain - customer_cost,
        worth_it=True,
        reason_zh=f"合计节省 {gain:.2f}，客户分得 {share:.0%}；{payer_zh} {abs(transfer):.2f}",
        reason_en=f"both save {gain:.2f}, of which the customer gets {share:.0%}; {payer_en} {abs(transfer):.2f}",
    )


def shapley_shares(players: Sequence[str], value: Callable[[frozenset[str]], float]) -> dict[str, float]:
    """What each player of a coalition is due: the mean of what it adds over all orders of joining.

    `value` is what a coalition gains together, 0 for the empty one. L. S. Shapley, "A value for n-person games"
    (1953). All coalitions are asked, so at most a dozen players.
    """
    count = len(players)
    if count > 12 or len(set(players)) != count:
        raise ValueError("at most 12 players, each once")
    shares = {}
    for player in players:
        others = [each for each in players if each != player]
        shares[player] = sum(
            factorial(size) * factorial(count - size - 1) / factorial(count)
            * (value(frozenset(group) | {player}) - value(frozenset(group)))
            for size in range(count)
            for group in combinations(others, size)
        )  # fmt: skip
    return shares


def airport_shares(costs: Sequence[float]) -> tuple[float, ...]:
    """Shapley shares when a group costs what its dearest member alone does, such as one truck for the farthest stop.

    Members in rising order of cost share each step equally among those that need it (S. C. Littlechild and G. Owen,
    "A simple expression for the Shapley value in a special case", Management Science 20 (1973)).
    """
    if any(cost < 0 for cost in costs):
        raise ValueError("costs must not be negative")
    order = sorted(range(len(costs)), key=lambda index: costs[index])
    shares = [0.0] * len(costs)
    share = before = 0.0
    for rank, index in enumerate(order):
        share += (costs[index] - before) / (len(costs) - rank)
        before = costs[index]
        shares[index] = share
    return tuple(shares)
