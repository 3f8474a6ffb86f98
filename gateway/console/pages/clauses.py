"""条款: both documents, clause by clause, with what the platform shows for each."""

from collections.abc import Sequence
from dataclasses import dataclass

from fastapi import APIRouter
from fastapi.responses import HTMLResponse

from gateway.console.page import ConsolePage, ConsoleRoute, Opened
from gateway.console.pages.frame import CLOCK, explained
from gateway.console.panels import Fragment
from gateway.console.views import Clause, Option, Words

CLAUSE = frozenset({"clause"})

router = APIRouter(prefix="/console/clauses", route_class=ConsoleRoute)


@dataclass(frozen=True, slots=True, kw_only=True)
class ClauseFilter:
    document: str
    mode: str
    service: str
    status: str
    text: str

    def keeps(self, clause: Clause) -> bool:
        if (
            self.text
            and self.text.lower()
            not in (
                f"{clause.id} {clause.label.zh} {clause.label.en} {clause.demonstration.zh} {clause.demonstration.en}"
            ).lower()
        ):
            return False
        return (
            self.document in ("", clause.document)
            and self.mode in ("", clause.mode)
            and (not self.service or self.service in clause.service.split("+"))
            and self.status in ("", clause.status)
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ClauseSection:
    """The clauses of one section of a document that the filter leaves."""

    document: str
    name: Words
    clauses: tuple[Clause, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ClauseBook:
    sections: tuple[ClauseSection, ...]
    modes: tuple[Option, ...]
    services: tuple[str, ...]
    kept: int
    total: int


def clause_filter(page: ConsolePage) -> ClauseFilter:
    query = page.query
    return ClauseFilter(
        document=query.get("document", "")[:10],
        mode=query.get("mode", "")[:40],
        service=query.get("service", "")[:40],
        status=query.get("status", "")[:20],
        text=query.get("text", "")[:100].strip(),
    )


def book(clauses: Sequence[Clause], which: ClauseFilter) -> ClauseBook:
    """The clauses by section, in the order of the documents; sections without a clause are left out."""
    kept = [clause for clause in clauses if which.keeps(clause)]
    sections: dict[tuple[str, str], list[Clause]] = {}
    for clause in kept:
        sections.setdefault((clause.document, clause.section.zh), []).append(clause)
    return ClauseBook(
        sections=tuple(
            ClauseSection(document=document, name=rows[0].section, clauses=tuple(rows))
            for (document, _), rows in sections.items()
        ),
        modes=tuple({clause.mode: Option(clause.mode, clause.mode_name) for clause in clauses}.values()),
        services=tuple(dict.fromkeys(name for clause in clauses for name in clause.service.split("+"))),
        kept=len(kept),
        total=len(clauses),
    )


async def load_book(page: ConsolePage) -> ClauseBook:
    return book(await page.sources.clauses(), clause_filter(page))


FRAGMENTS = (
    CLOCK,
    Fragment(
        name="clause-count",
        template="fragments/clause_count.html",
        load=lambda page: page.sources.clause_count(),
        topics=CLAUSE,
    ),
    Fragment(name="clause-list", template="fragments/clause_list.html", load=load_book, topics=CLAUSE),
    explained("clauses"),
)
DETAIL = (
    CLOCK,
    Fragment(
        name="clause",
        template="fragments/clause.html",
        load=lambda page: page.sources.clause(page.subject),
        topics=CLAUSE,
        required=True,
    ),
)


@router.get("")
async def clauses(page: Opened) -> HTMLResponse:
    return await page.show("clauses.html", "clauses", FRAGMENTS, which=clause_filter(page))


@router.get("/{subject}")
async def clause(page: Opened, subject: str) -> HTMLResponse:
    return await page.show("clause.html", "clause", DETAIL)
