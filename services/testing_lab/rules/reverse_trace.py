"""An instrument was found out of tolerance: which reports rest on it, and what becomes of each?

ISO/IEC 17025:2017, 6.4.9 (examine the effect of the defect), 7.10.1 (act on earlier results), 7.8.8 (amend reports).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from services.testing_lab.rules.rounding import exact, within_limits

NEGLIGIBLE_DIVISOR = 3  # Of U: as in JJF 1094, what is at most a third of the whole is not counted.


class Effect(StrEnum):
    """What the finding means for one report; every report but the negligible ones goes public as under review."""

    NEGLIGIBLE = "negligible"  # The shift is small against the stated uncertainty.
    RESULT_SHIFTED = "result-shifted"  # The stated interval is wrong, the statement of conformity is not.
    STATEMENT_CHANGED = "statement-changed"  # Pass would be fail, or the other way round.
    UNKNOWN = "unknown"  # The error found, or the use, is not known well enough to tell.


@dataclass(frozen=True, slots=True)
class Use:
    """One use of an instrument for one reported result; figures in the unit of the result."""

    report: str
    used_at: datetime
    sensitivity: float | None = None  # Change of the result by one unit of the instrument's error.
    value: float | None = None
    expanded_uncertainty: float | None = None
    lower: float | None = None  # Acceptance limits of the conformity statement, if one was made.
    upper: float | None = None


@dataclass(frozen=True, slots=True)
class Touched:
    """A report that rests on the instrument in the doubtful time."""

    report: str
    effect: Effect
    shift_max: float | None  # Largest shift of a result, its own unit; None when unknown.


def touched_reports(
    uses: Sequence[Use], *, last_good_check: datetime | None, found_at: datetime, error_found: float | None
) -> list[Touched]:
    """Every report with a use from the last good check (all, if there was none) until the finding, worst first.

    `error_found` is the as-found error of the instrument, its own unit, with sign; it is taken as present all the
    time since the last good check, because nobody knows when it came.
    """
    worst: dict[str, Touched] = {}
    for use in uses:
        if use.used_at > found_at or (last_good_check is not None and use.used_at < last_good_check):
            continue
        touched = _judge(use, error_found)
        known = worst.get(use.report)
        if known is None or _gravity(touched) > _gravity(known):
            worst[use.report] = touched
    return sorted(worst.values(), key=lambda each: (_gravity(each), each.report), reverse=True)


def under_review(touched: Sequence[Touched]) -> list[str]:
    """Reports whose public status becomes "under review" until the laboratory has decided."""
    return [each.report for each in touched if each.effect is not Effect.NEGLIGIBLE]


def _judge(use: Use, error_found: float | None) -> Touched:
    if error_found is None or use.sensitivity is None or use.value is None or use.expanded_uncertainty is None:
        return Touched(use.report, Effect.UNKNOWN, None)
    value, shift = exact(use.value), exact(use.sensitivity) * exact(error_found)
    if _within(use, value) != _within(use, value - shift):
        effect = Effect.STATEMENT_CHANGED
    elif NEGLIGIBLE_DIVISOR * abs(shift) <= exact(use.expanded_uncertainty):
        effect = Effect.NEGLIGIBLE
    else:
        effect = Effect.RESULT_SHIFTED
    return Touched(use.report, effect, float(abs(shift)))


def _within(use: Use, value: Decimal) -> bool:
    return within_limits(value, lower=use.lower, upper=use.upper)


def _gravity(touched: Touched) -> tuple[int, float]:
    order = (Effect.NEGLIGIBLE, Effect.RESULT_SHIFTED, Effect.UNKNOWN, Effect.STATEMENT_CHANGED)
    return order.index(touched.effect), touched.shift_max or 0.0
