"""Rounding of results: GB/T 8170-2008 (half to even, once, never in steps) and JCGM 100:2008, 7.2.6.

All in decimal arithmetic: 0.15 is 0.15 here, not the binary number beside it.
"""

from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, ROUND_UP, Context, Decimal, InvalidOperation

Number = Decimal | int | float | str

_WIDE = Context(prec=60)  # More digits than any float or instrument gives, so that nothing is rounded on the way.


@dataclass(frozen=True, slots=True)
class RoundedResult:
    """A value and its expanded uncertainty to the same decimal place, as they stand in a report."""

    value: Decimal
    uncertainty: Decimal


def exact(value: Number) -> Decimal:
    """A number as the decimal that a person would write; a float by its shortest text. Raises ValueError for others."""
    try:
        number = Decimal(repr(float(value)) if isinstance(value, float) else value)
    except (InvalidOperation, TypeError, ValueError) as error:
        raise ValueError(f"{value!r} is not a number") from error
    if not number.is_finite():
        raise ValueError(f"{value!r} is not a finite number")
    return number


def round_to(value: Number, interval: Number = 1) -> Decimal:
    """`value` to the nearest multiple of `interval` (0.01, 1, 100, and with units 0.5 and 0.2: 0.5, 20 and so on).

    Exactly between two multiples the even one is taken: GB/T 8170, 3.2 (in words "四舍六入五成双") and 3.4.
    """
    step = exact(interval)
    if step <= 0:
        raise ValueError("a rounding interval is above 0")
    multiple = _WIDE.divide(exact(value), step).quantize(Decimal(1), ROUND_HALF_EVEN, _WIDE)
    return _WIDE.multiply(multiple, step)


def round_uncertainty(uncertainty: Number, digits: int = 2, *, up: bool = False) -> Decimal:
    """An uncertainty to `digits` significant digits (1 or 2: JCGM 100, 7.2.6); `up` never states less than computed."""
    number = exact(uncertainty)
    if digits not in (1, 2) or number < 0:
        raise ValueError("an uncertainty is 0 or more and has one or two significant digits")
    mode = ROUND_UP if up else ROUND_HALF_EVEN
    if number == 0:
        return number
    rounded = number.quantize(_place(number, digits), mode, _WIDE)
    # 0.0996 to two digits is 0.10, not 0.100: the place moved, so round the original number once at the new place.
    return number.quantize(_place(rounded, digits), mode, _WIDE)


def round_result(value: Number, uncertainty: Number, digits: int = 2, *, up: bool = False) -> RoundedResult:
    """Uncertainty to `digits` significant digits and the value to the same place. Raises ValueError for U = 0."""
    rounded = round_uncertainty(uncertainty, digits, up=up)
    if rounded == 0:
        raise ValueError("an uncertainty of 0 sets no place to round to")
    return RoundedResult(exact(value).quantize(_place(rounded, digits), ROUND_HALF_EVEN, _WIDE), rounded)


def within_limits(
    value: Number, *, lower: Number | None = None, upper: Number | None = None, rounded_to: Number | None = None
) -> bool:
    """Compare a value with limits, GB/T 8170 clause 4.

    By default the full value counts (4.3.2, 全数值比较法); with `rounded_to`, the interval of the limit's last place,
    the rounded value counts (4.3.3, 修约值比较法), which must have been agreed.
    """
    number = exact(value) if rounded_to is None else round_to(value, rounded_to)
    return (lower is None or number >= exact(lower)) and (upper is None or number <= exact(upper))


def _place(number: Decimal, digits: int) -> Decimal:
    return Decimal((0, (1,), number.adjusted() - digits + 1))
