"""EWMA control chart: the classical formulas, for any series of numbers.

Source: S. W. Roberts, "Control chart tests based on geometric moving averages", Technometrics 1 (1959), as given in
the NIST/SEMATECH e-Handbook of Statistical Methods, section 6.3.2.4 (doi:10.18434/M32189).
"""

import math
from collections.abc import Sequence


def ewma_limits(
    *, target: float, sigma: float, weight: float, width: float = 3.0, readings: int | None = None
) -> dict[str, float]:
    """`lower` and `upper` limit of a moving average that is in control, in the unit of `target`.

    upper = target + width * sigma * sqrt(weight / (2 - weight) * (1 - (1 - weight) ** (2 * readings)));
    without `readings` the last factor is 1 (steady state). `weight` is 0 < weight <= 1, `width` counts sigmas.
    """
    if not 0.0 < weight <= 1.0:
        raise ValueError(f"weight must be above 0 and at most 1, not {weight}")
    if sigma < 0.0:
        raise ValueError(f"sigma must not be negative, not {sigma}")
    share = weight / (2.0 - weight)
    if readings is not None:
        share *= 1.0 - (1.0 - weight) ** (2 * readings)
    reach = width * sigma * math.sqrt(share)
    return {"lower": target - reach, "upper": target + reach}


def ewma(*, values: Sequence[float], weight: float, start: float) -> float:
    """The moving average after the last of `values`: z = weight * x + (1 - weight) * z, beginning at `start`."""
    level = start
    for value in values:
        level += weight * (value - level)
    return level
