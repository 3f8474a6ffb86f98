"""Money is whole minor units; exact fractions become money once, by rounding half up."""

from collections.abc import Sequence
from decimal import Decimal
from fractions import Fraction

MINOR_DIGITS = {"CNY": 2, "EUR": 2, "JPY": 0, "USD": 2}  # ISO 4217 exponents of the currencies that can be billed.
AMOUNT_MINOR_MAX = 10**15  # Ten trillion yuan: far beyond any invoice, far below 64 bits even when summed.


def minor_digits(currency: str) -> int:
    """Digits after the point of a currency; raises ValueError for one that cannot be billed."""
    if currency not in MINOR_DIGITS:
        raise ValueError(f"currency {currency} is not one of {', '.join(sorted(MINOR_DIGITS))}")
    return MINOR_DIGITS[currency]


def round_half_up(value: Fraction) -> int:
    """The nearest whole number; a half goes away from zero, so that a credit mirrors its charge."""
    magnitude = (2 * abs(value.numerator) + value.denominator) // (2 * value.denominator)
    return magnitude if value >= 0 else -magnitude


def to_minor(amount: Fraction | Decimal, currency: str) -> int:
    """An exact amount in major units as whole minor units.

    Raises ValueError for an unknown currency and OverflowError beyond `AMOUNT_MINOR_MAX`.
    """
    minor = round_half_up(Fraction(amount) * 10 ** minor_digits(currency))
    if abs(minor) > AMOUNT_MINOR_MAX:
        raise OverflowError(f"{minor} minor units is beyond the largest amount that is billed")
    return minor


def tax_minor(net_minor: int, tax_rate: Decimal) -> int:
    """Tax on a net amount, rounded half up to whole minor units."""
    return round_half_up(net_minor * Fraction(tax_rate))


def share_out(total: int, weights: Sequence[Fraction]) -> list[int]:
    """Split a whole `total` in proportion to `weights` so that the parts add up to it: largest remainder (Hamilton).

    Equal remainders go to the earlier part. Raises ValueError when the weights add up to nothing but the total does
    not.
    """
    whole = sum(weights, Fraction(0))
    if whole == 0:
        if total != 0 or not weights:
            raise ValueError("nothing to share the total out by")
        return [0] * len(weights)
    exact = [total * weight / whole for weight in weights]
    parts = [value.numerator // value.denominator for value in exact]
    by_remainder = sorted(range(len(parts)), key=lambda index: parts[index] - exact[index])
    for index in by_remainder[: total - sum(parts)]:
        parts[index] += 1
    return parts
