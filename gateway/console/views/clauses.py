"""The criteria, clause by clause."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from gateway.console.views.viewer import Words

CLAUSE_STATUSES = ("shown", "not_yet", "outside")


@dataclass(frozen=True, slots=True, kw_only=True)
class EvidenceFigure:
    label: Words
    value: float | Decimal | Words | None
    unit: str = ""
    digits: int = 0


@dataclass(frozen=True, slots=True)
class EvidenceLink:
    label: Words
    url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Clause:
    """One clause: `status` is shown, not_yet or outside (a fact about a firm that software can only record)."""

    id: str
    document: str  # HN or LN
    section: Words
    mode: str
    mode_name: Words
    label: Words
    demonstration: Words
    service: str
    kind: str
    status: str
    wording: Words | None = None
    same_as: tuple[str, ...] = ()
    summary: Words | None = None
    computed_by: str = ""
    figures: tuple[EvidenceFigure, ...] = ()
    links: tuple[EvidenceLink, ...] = ()
    as_of: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ClauseCount:
    """How many clauses are shown; clauses that one demonstration answers together count once in `distinct_*`."""

    total: int
    shown: int
    not_yet: int
    outside: int
    distinct_total: int
    distinct_shown: int
