"""Evidence: a service's own live answer to 'show me that this clause works'."""

from collections.abc import Callable
from enum import StrEnum
from typing import Any

import structlog
from pydantic import AwareDatetime, BaseModel, Field

from services.kernel.unit import UnitOfWork

log = structlog.get_logger(__name__)


class EvidenceStatus(StrEnum):
    """SHOWN only with a live figure; everything else is said as it is."""

    SHOWN = "shown"
    NOT_YET = "not yet"
    OUTSIDE = "outside"


class Figure(BaseModel):
    """One live number or word, with its label in both languages and its unit."""

    name: str
    label_zh: str
    label_en: str
    value: float | int | str | None
    unit: str = ""


class Link(BaseModel):
    """Where a person can see it: a path of the console or of the API."""

    label_zh: str
    label_en: str
    href: str


class Evidence(BaseModel):
    """What a service shows for one clause, as of a business time."""

    status: EvidenceStatus
    summary_zh: str = ""
    summary_en: str = ""
    figures: list[Figure] = []
    links: list[Link] = []
    computed_by: str = Field(default="", description="Rule or query that makes the figures")
    as_of: AwareDatetime


EvidenceFunction = Callable[[UnitOfWork], Evidence]


class EvidenceBook:
    """The clauses that a service can show; one function may answer several."""

    def __init__(self) -> None:
        self._functions: dict[str, EvidenceFunction] = {}

    def shows(self, *clause_ids: str) -> Callable[[EvidenceFunction], EvidenceFunction]:
        """Register a function as the answer to `clause_ids`; raises ValueError if one is answered twice."""

        def register(function: EvidenceFunction) -> EvidenceFunction:
            for clause_id in clause_ids:
                if clause_id in self._functions:
                    raise ValueError(f"{clause_id} is answered twice")
                self._functions[clause_id] = function
            return function

        return register

    @property
    def clause_ids(self) -> list[str]:
        return sorted(self._functions)

    def answer_all(self, unit: UnitOfWork) -> dict[str, Evidence]:
        """Evidence of every clause; a function that answers several is called once."""
        made: dict[EvidenceFunction, Evidence] = {}
        for function in self._functions.values():
            if function not in made:
                made[function] = _answer(function, unit)
        return {clause_id: made[function] for clause_id, function in self._functions.items()}


def _answer(function: EvidenceFunction, unit: UnitOfWork) -> Evidence:
    """One function's evidence; one that fails must not hide what the others show."""
    try:
        return function(unit)
    except Exception:
        log.exception("evidence_failed", function=function.__name__)
        return Evidence(
            status=EvidenceStatus.NOT_YET,
            summary_zh="取证时出错，请查看日志",
            summary_en="taking the evidence failed: see the log",
            as_of=unit.clock.business_now(),
        )


def shown_if(figures: list[Figure], *, shown: bool, unit: UnitOfWork, **rest: Any) -> Evidence:
    """Evidence that is SHOWN only when `shown`, else NOT YET, as of now."""
    return Evidence(
        status=EvidenceStatus.SHOWN if shown else EvidenceStatus.NOT_YET,
        figures=figures,
        as_of=unit.clock.business_now(),
        **rest,
    )
