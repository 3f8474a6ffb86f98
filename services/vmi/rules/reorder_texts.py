"""The words and the arithmetic that explain a reorder decision to a person, Chinese and English."""

from dataclasses import dataclass

BOUNDS = {
    "none": ("未受约束", "nothing bound it"),
    "case_pack": ("向上取整到整箱", "rounded up to whole packs"),
    "minimum": ("提高到最小起订量", "raised to the least order"),
    "stock_maximum": ("受约定库存上限限制", "bound by the agreed maximum stock"),
    "available": ("受供应方可用库存限制", "bound by what the supplier has"),
    "frozen": ("处于冻结期内，不得更改", "within the frozen zone nothing may change"),
}


@dataclass(frozen=True, slots=True)
class Step:
    """One line of the arithmetic: `value` in units, or in money where `unit` says so; `sign` is how it enters."""

    name: str
    sign: str
    value: float
    unit: str
    text_zh: str
    text_en: str


def position_steps(
    on_hand: float, in_transit: float, on_order: float, backorders: float, reserved: float, total: float
) -> tuple[Step, ...]:
    """How the inventory position comes about: the signed values add up to the last line."""
    return (
        Step("on_hand", "+", on_hand, "unit", "现有库存", "on hand"),
        Step("in_transit", "+", in_transit, "unit", "在途", "in transit"),
        Step("on_order", "+", on_order, "unit", "已订未发", "on order, not shipped"),
        Step("backorders", "-", backorders, "unit", "欠交", "owed to customers"),
        Step("reserved", "-", reserved, "unit", "已预留", "reserved"),
        Step("position", "=", total, "unit", "库存位置", "inventory position"),
    )


def rule_steps(
    forecast: float, reorder_point: float, target: float, wanted: float, quantity: float, waiting: float
) -> tuple[Step, ...]:
    """How the quantity comes about: forecast + safety part = reorder point; rule, rounding, and the cost of waiting."""
    return (
        Step("forecast", "+", forecast, "unit", "提前期加检查周期内的预测用量", "forecast over lead time and review"),
        Step("safety", "+", reorder_point - forecast, "unit", "安全部分", "safety part"),
        Step("reorder_point", "=", reorder_point, "unit", "再订货点", "reorder point"),
        Step("target", "", target, "unit", "补货目标", "target of the order"),
        Step("wanted", "", wanted, "unit", "规则要求的数量", "quantity that the rule asks for"),
        Step("quantity", "", quantity, "unit", "取整和约束后的数量", "after rounding and limits"),
        Step("waiting_cost", "", waiting, "money", "推迟一个检查周期的预计费用", "expected cost of waiting one review"),
    )


def order_text(
    total: float, reorder_point: float, quantity: float, wanted: float, bound: str, waiting: float
) -> tuple[str, str]:
    """The reason in one sentence, Chinese and English."""
    if bound == "not_triggered":
        return (
            f"库存位置 {total:.6g} 高于再订货点 {reorder_point:.6g}，无需补货",
            f"the position {total:.6g} is above the reorder point {reorder_point:.6g}: nothing to order",
        )
    bound_zh, bound_en = BOUNDS[bound]
    zh = f"库存位置 {total:.6g} 未高于再订货点 {reorder_point:.6g}，规则要求 {wanted:.6g}，"
    zh += f"订购 {quantity:.6g}（{bound_zh}）；"
    en = (
        f"the position {total:.6g} is not above the reorder point {reorder_point:.6g}; the rule asks for {wanted:.6g}, "
    )
    en += f"order {quantity:.6g} ({bound_en}); "
    if waiting > 0:
        return zh + f"推迟一个检查周期预计多花 {waiting:.2f}", en + f"waiting one review would cost {waiting:.2f}"
    return zh + "此时补货无收益：推迟不增加费用", en + "no gain in ordering now: waiting costs nothing"
