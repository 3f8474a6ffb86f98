"""What a quantity costs: per unit, graduated, volume, package or flat.

Quantities are integers in base units (seconds, litres, pieces); a price is a decimal for `unit_size` base units (an
hour is 3600 s). Amounts stay exact fractions of the major unit until `rated_line` rounds them, once.
The words are those of OpenMeter's product catalogue (price.go); an upper tier bound is inclusive and cumulative, as
OpenMeter, Lago and Flexprice have it.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from fractions import Fraction
from itertools import pairwise
from typing import Any

from services.billing.rules.money import share_out, to_minor

QUANTITY_MAX = 10**15  # Base units on one line; thirty million years of seconds.


@dataclass(frozen=True, slots=True)
class Tier:
    """A band of quantity: up to and including `up_to` base units (None: without end)."""

    up_to: int | None
    unit_price: Decimal = Decimal(0)  # For `unit_size` base units.
    flat_price: Decimal = Decimal(0)  # Once, when the tier is entered.


@dataclass(frozen=True, slots=True)
class Plan:
    """How one meter is priced; see `parse_plan` for the plain form."""

    model: str
    unit_size: int = 1  # Base units that the price is for; the size of a package.
    price: Decimal = Decimal(0)  # per_unit, package, flat
    free_quantity: int = 0  # package: base units before the first package counts.
    tiers: tuple[Tier, ...] = ()  # graduated, volume


@dataclass(frozen=True, slots=True)
class TierPart:
    """The part of a line that one tier priced: what the customer sees on drilling down."""

    tier: int  # 1 is the first.
    quantity: int  # Base units; negative when a correction takes them back.
    unit_price: Decimal
    flat_price: Decimal
    amount: Fraction  # Exact, major units.


@dataclass(frozen=True, slots=True)
class RatedLine:
    """An invoice line's money: `amount_minor` is the sum of `parts_minor`, which belong to `parts` one by one."""

    amount_minor: int
    parts: tuple[TierPart, ...]
    parts_minor: tuple[int, ...]


def per_unit(quantity: int, price: Decimal, unit_size: int) -> list[TierPart]:
    """Every unit at the same price."""
    return [_part(1, quantity, Tier(None, price), unit_size)] if quantity else []


def graduated(quantity: int, tiers: Sequence[Tier], unit_size: int) -> list[TierPart]:
    """Each tier prices the units that fall into it; an entered tier adds its flat price. No units: nothing."""
    parts: list[TierPart] = []
    lower = 0
    for number, tier in enumerate(tiers, start=1):
        if quantity <= lower:
            break
        upper = quantity if tier.up_to is None else min(quantity, tier.up_to)
        parts.append(_part(number, upper - lower, tier, unit_size))
        lower = upper
    return parts


def volume(quantity: int, tiers: Sequence[Tier], unit_size: int) -> list[TierPart]:
    """The tier that the whole quantity falls into prices all of it. No units: nothing."""
    for number, tier in enumerate(tiers, start=1):
        if quantity and (tier.up_to is None or quantity <= tier.up_to):
            return [_part(number, quantity, tier, unit_size)]
    return []


def package(quantity: int, price: Decimal, unit_size: int, free_quantity: int = 0) -> list[TierPart]:
    """Packages of `unit_size` after the free quantity, a started one in full."""
    charged = max(0, quantity - free_quantity)
    packages = -(-charged // unit_size)
    return [TierPart(1, quantity, price, Decimal(0), packages * Fraction(price))] if quantity else []


def flat(quantity: int, price: Decimal) -> list[TierPart]:
    """One price, however much was used; nothing when nothing was."""
    return [TierPart(1, quantity, Decimal(0), price, Fraction(price))] if quantity else []


_MODELS: dict[str, Callable[[Plan, int], list[TierPart]]] = {
    "per_unit": lambda plan, quantity: per_unit(quantity, plan.price, plan.unit_size),
    "graduated": lambda plan, quantity: graduated(quantity, plan.tiers, plan.unit_size),
    "volume": lambda plan, quantity: volume(quantity, plan.tiers, plan.unit_size),
    "package": lambda plan, quantity: package(quantity, plan.price, plan.unit_size, plan.free_quantity),
    "flat": lambda plan, quantity: flat(quantity, plan.price),
}
MODELS = tuple(_MODELS)


def rate(plan: Plan, quantity: int) -> list[TierPart]:
    """The parts that `quantity` base units cost under `plan`; raises ValueError for a quantity out of range."""
    if not 0 <= quantity <= QUANTITY_MAX:
        raise ValueError(f"quantity {quantity} is not between 0 and {QUANTITY_MAX}")
    return _MODELS[plan.model](plan, quantity)


def amount(parts: Sequence[TierPart]) -> Fraction:
    """Exact sum of parts, major units."""
    return sum((part.amount for part in parts), Fraction(0))


def rated_line(plan: Plan, quantity: int, currency: str, quantity_before: int = 0) -> RatedLine:
    """What `quantity` more base units cost when `quantity_before` of the same period are billed already.

    The amount is the rounded total less the rounded total before, so that usage which comes late costs to the cent
    what it would have cost in time. (Delta rating as OpenMeter describes it; under a volume plan it may be a credit.)
    """
    before = rate(plan, quantity_before)
    total = rate(plan, quantity_before + quantity)
    amount_minor = to_minor(amount(total), currency) - to_minor(amount(before), currency)
    parts = _less(total, before)
    return RatedLine(amount_minor, tuple(parts), tuple(_parts_minor(amount_minor, parts, currency)))


def line_amount_minor(plan: Mapping[str, Any], quantity: int, currency: str = "CNY", quantity_before: int = 0) -> int:
    """`rated_line` of a plan in its plain form; minor units."""
    return rated_line(parse_plan(plan), quantity, currency, quantity_before).amount_minor


def parse_plan(raw: Mapping[str, Any]) -> Plan:
    """A plan from its plain form: {model, unit_size, price, free_quantity, tiers: [{up_to, unit_price, flat_price}]}.

    Prices are decimals or their text, never floats. Raises ValueError when the plan could not price some quantity:
    an unknown model, negative or missing numbers, tier bounds that do not rise or do not end open.
    """
    if raw.get("model") not in _MODELS:
        raise ValueError(f"model {raw.get('model')!r} is not one of {', '.join(MODELS)}")
    tiers = tuple(
        Tier(tier.get("up_to"), _price(tier.get("unit_price", 0)), _price(tier.get("flat_price", 0)))
        for tier in raw.get("tiers") or ()
    )
    plan = Plan(
        model=raw["model"],
        unit_size=int(raw.get("unit_size", 1)),
        price=_price(raw.get("price", 0)),
        free_quantity=int(raw.get("free_quantity", 0)),
        tiers=tiers,
    )
    if plan.unit_size < 1 or plan.free_quantity < 0:
        raise ValueError("unit_size must be at least 1 and free_quantity at least 0")
    if plan.model in ("graduated", "volume"):
        _check_tiers(tiers)
    return plan


def _check_tiers(tiers: Sequence[Tier]) -> None:
    if not tiers or tiers[-1].up_to is not None:
        raise ValueError("the last tier must be open: up_to null")
    bounds = [tier.up_to for tier in tiers[:-1] if tier.up_to is not None]
    if len(bounds) < len(tiers) - 1 or any(upper <= lower for lower, upper in pairwise([0, *bounds])):
        raise ValueError("tier bounds must rise, and only the last may be open")


def _price(value: Any) -> Decimal:
    if isinstance(value, float):
        raise ValueError("a price is a decimal or its text; a float has been rounded already")
    try:
        price = Decimal(value)
    except (InvalidOperation, TypeError, ValueError) as error:
        raise ValueError(f"{value!r} is not a price") from error
    if not price.is_finite() or price < 0:
        raise ValueError(f"{value!r} is not a price of zero or more")
    return price


def _part(number: int, quantity: int, tier: Tier, unit_size: int) -> TierPart:
    exact = Fraction(tier.unit_price) * quantity / unit_size + Fraction(tier.flat_price)
    return TierPart(number, quantity, tier.unit_price, tier.flat_price, exact)


def _less(total: Sequence[TierPart], before: Sequence[TierPart]) -> list[TierPart]:
    """`total` without what was billed `before`; a tier that priced more before gives a negative part."""
    earlier = {part.tier: part for part in before}
    parts = []
    for part in total:
        old = earlier.pop(part.tier, None)
        if old is None:
            parts.append(part)
        elif old != part:
            # The flat price of an entered tier was billed with the units that entered it.
            parts.append(
                TierPart(
                    part.tier,
                    part.quantity - old.quantity,
                    part.unit_price,
                    part.flat_price - old.flat_price,
                    part.amount - old.amount,
                )
            )
    taken_back = [
        TierPart(old.tier, -old.quantity, old.unit_price, -old.flat_price, -old.amount) for old in earlier.values()
    ]
    return taken_back + parts


def _parts_minor(amount_minor: int, parts: Sequence[TierPart], currency: str) -> list[int]:
    """Whole minor units of each part that add up to the line: each rounded, the difference to the largest part."""
    if not parts:
        return []
    if all(part.amount > 0 for part in parts):
        return share_out(amount_minor, [part.amount for part in parts])
    rounded = [to_minor(part.amount, currency) for part in parts]
    largest = max(range(len(parts)), key=lambda index: abs(parts[index].amount))
    rounded[largest] += amount_minor - sum(rounded)
    return rounded
