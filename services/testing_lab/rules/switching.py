"""Switching between normal, tightened and reduced inspection: ISO 2859-1:1999 = GB/T 2828.1-2012, clauses 9.3 and 9.4.

Counts lots on original inspection only; whoever calls leaves resubmitted lots out. 9.4: five lots not accepted under
tightened inspection end acceptance until the supplier has acted.
"""

from dataclasses import dataclass, replace
from enum import StrEnum

REFUSED_OF_FIVE = 2  # 9.3.1
ACCEPTED_IN_A_ROW = 5  # 9.3.2
SWITCHING_SCORE_WANTED = 30  # 9.3.3.1
REFUSED_TIGHTENED_MAX = 5  # 9.4


class Severity(StrEnum):
    """How strictly lots are inspected; `DISCONTINUED`: none is accepted by sampling any more."""

    NORMAL = "normal"
    TIGHTENED = "tightened"
    REDUCED = "reduced"
    DISCONTINUED = "discontinued"


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a series of lots stands; a new series begins with `Standing()`."""

    severity: Severity = Severity.NORMAL
    recent: tuple[bool, ...] = ()  # Accepted or not: the last lots, at most five, under this severity.
    switching_score: int = 0  # Under normal inspection.
    refused_tightened: int = 0  # Since tightened inspection began.


def next_standing(
    standing: Standing,
    *,
    accepted: bool,
    acceptance_number: int,
    accepted_one_step_tighter: bool = False,
    reduced_allowed: bool = False,
    production_steady: bool = True,
) -> Standing:
    """The standing after one more lot.

    `acceptance_number` is that of the plan in use; `accepted_one_step_tighter`: whether the sample would also have
    passed at the next smaller AQL (counts for plans with Ac >= 2, 9.3.3.2). `reduced_allowed`: the responsible
    authority wants reduced inspection. Raises ValueError when inspection is discontinued.
    """
    if standing.severity is Severity.DISCONTINUED:
        raise ValueError("inspection is discontinued: the supplier must act first, then `resume`")
    recent = (*standing.recent, accepted)[-5:]
    if standing.severity is Severity.NORMAL:
        score = _score(standing.switching_score, accepted, acceptance_number, accepted_one_step_tighter)
        if recent.count(False) >= REFUSED_OF_FIVE:
            return Standing(Severity.TIGHTENED)
        if score >= SWITCHING_SCORE_WANTED and reduced_allowed and production_steady:
            return Standing(Severity.REDUCED)
        return replace(standing, recent=recent, switching_score=score)
    if standing.severity is Severity.REDUCED:
        if accepted and production_steady and reduced_allowed:
            return replace(standing, recent=recent)
        return Standing(Severity.NORMAL)
    refused = standing.refused_tightened + (not accepted)
    if refused >= REFUSED_TIGHTENED_MAX:
        return Standing(Severity.DISCONTINUED)
    if recent == (True,) * ACCEPTED_IN_A_ROW:
        return Standing(Severity.NORMAL)
    return replace(standing, recent=recent, refused_tightened=refused)


def resume(standing: Standing) -> Standing:
    """After the supplier has acted a discontinued series goes on with tightened inspection, 9.4."""
    if standing.severity is not Severity.DISCONTINUED:
        raise ValueError("only a discontinued inspection is resumed")
    return Standing(Severity.TIGHTENED)


def _score(score: int, accepted: bool, acceptance_number: int, tighter: bool) -> int:
    """9.3.3.2: Ac 0 or 1: +2 when accepted; Ac 2 or more: +3 when it would pass one step tighter; else back to 0."""
    if not accepted:
        return 0
    if acceptance_number <= 1:
        return score + 2
    return score + 3 if tighter else 0
