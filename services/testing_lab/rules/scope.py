"""Is a result inside the scope of accreditation, and may a mark stand on its report?

ISO/IEC 17025:2017, 8.1 and 7.8.1; ILAC-P8 (use of marks) and ILAC-P14 (no stated uncertainty below the best capability,
CMC). The platform confers no mark: it only refuses to print one that the laboratory's own scope does not cover.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum


class Outside(StrEnum):
    """Why a result is outside an entry of the scope."""

    OTHER_WORK = "other-work"  # No entry for this site, item and parameter.
    OTHER_METHOD = "other-method"  # Method, or its edition.
    OTHER_UNIT = "other-unit"
    OUT_OF_RANGE = "out-of-range"
    UNCERTAINTY_BELOW_CAPABILITY = "uncertainty-below-capability"
    NOT_VALID_THEN = "not-valid-then"
    SIGNATORY_NOT_AUTHORISED = "signatory-not-authorised"


@dataclass(frozen=True, slots=True)
class ScopeEntry:
    """One line of the accreditation's annex. CMC = capability + capability_relative * |value|, expanded, `unit`."""

    site: str
    item: str
    parameter: str
    method: str
    edition: str
    unit: str
    range_lower: float
    range_upper: float
    capability: float
    capability_relative: float
    valid_from: date
    valid_until: date  # The last day that counts.
    signatories: frozenset[str]


@dataclass(frozen=True, slots=True)
class ScopedResult:
    """What a report states, with its expanded uncertainty (None: a test result without one)."""

    site: str
    item: str
    parameter: str
    method: str
    edition: str
    unit: str
    value: float
    expanded_uncertainty: float | None
    performed_on: date
    signatory: str


@dataclass(frozen=True, slots=True)
class ScopeDecision:
    """Inside by `entry`, or outside for `reasons` (of the entry that came nearest)."""

    inside: bool
    entry: ScopeEntry | None
    reasons: tuple[Outside, ...]


def best_capability(entry: ScopeEntry, value: float) -> float:
    """The smallest expanded uncertainty that the scope allows to state at `value`."""
    return entry.capability + entry.capability_relative * abs(value)


def check_scope(result: ScopedResult, scope: Sequence[ScopeEntry]) -> ScopeDecision:
    """Look for an entry that covers the result in every respect."""
    nearest: tuple[Outside, ...] = (Outside.OTHER_WORK,)
    nearest_entry: ScopeEntry | None = None
    for entry in scope:
        if (entry.site, entry.item, entry.parameter) != (result.site, result.item, result.parameter):
            continue
        reasons = _reasons(result, entry)
        if not reasons:
            return ScopeDecision(True, entry, ())
        if nearest_entry is None or len(reasons) < len(nearest):
            nearest, nearest_entry = reasons, entry
    return ScopeDecision(False, nearest_entry, nearest)


def stated_uncertainty(expanded_uncertainty: float, entry: ScopeEntry, value: float) -> float:
    """What may be stated inside the scope: the computed uncertainty, not below the best capability (ILAC-P14)."""
    return max(expanded_uncertainty, best_capability(entry, value))


def mark_may_stand(decisions: Sequence[ScopeDecision]) -> bool:
    """A mark needs at least one result inside the scope; those outside are then each identified (17025, 7.8.1)."""
    return any(decision.inside for decision in decisions)


def verification_may_be_issued(legal_authority: str | None, performed_on: date, authority_until: date | None) -> bool:
    """检定 (legal verification) is refused without a configured legal authority that is valid on the day."""
    return bool(legal_authority) and authority_until is not None and performed_on <= authority_until


def _reasons(result: ScopedResult, entry: ScopeEntry) -> tuple[Outside, ...]:
    same_unit = result.unit == entry.unit
    failed = {
        Outside.OTHER_METHOD: (result.method, result.edition) != (entry.method, entry.edition),
        Outside.OTHER_UNIT: not same_unit,
        Outside.OUT_OF_RANGE: same_unit and not entry.range_lower <= result.value <= entry.range_upper,
        Outside.UNCERTAINTY_BELOW_CAPABILITY: same_unit
        and result.expanded_uncertainty is not None
        and result.expanded_uncertainty < best_capability(entry, result.value) * (1 - 1e-9),
        Outside.NOT_VALID_THEN: not entry.valid_from <= result.performed_on <= entry.valid_until,
        Outside.SIGNATORY_NOT_AUTHORISED: result.signatory not in entry.signatories,
    }
    return tuple(reason for reason, applies in failed.items() if applies)
