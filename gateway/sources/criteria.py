"""The clauses of both documents with the evidence that services give now, for one viewer."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

import httpx2
import structlog

from criteria.catalogue import Catalogue, load_catalogue
from criteria.catalogue import Clause as Asked
from gateway.console import words
from gateway.console.naming import name_of
from gateway.console.views import Clause, ClauseCount, EvidenceFigure, EvidenceLink, Words
from gateway.sources.shared import Viewing
from services.kernel.evidence import Evidence, EvidenceStatus
from services.kernel.problems import Problem, not_found

EVIDENCE_KEPT_S = 5.0  # Wall seconds; the page of one clause always asks anew.
CODES = ("FAULTS", "COMMANDS", "BANDS")
SYMBOLS = {"m3": "m³", "Cel": "°C", "W.h": "Wh"}
WITH_EVIDENCE = ("lifecycle", "billing")

log = structlog.get_logger(__name__)


class CriteriaSources(Viewing):
    """See `gateway.console.sources.CriteriaSource`."""

    async def clause_count(self) -> ClauseCount:
        catalogue, evidence = load_catalogue(), await self._known()
        statuses = {each.id: status_of(each, evidence) for each in catalogue.clauses}
        distinct = [each.id for each in catalogue.distinct_demonstrations()]
        found = list(statuses.values())
        return ClauseCount(
            total=len(found),
            shown=found.count("shown"),
            not_yet=found.count("not_yet"),
            outside=found.count("outside"),
            distinct_total=len(distinct),
            distinct_shown=sum(statuses[each] == "shown" for each in distinct),
        )

    async def clauses(self) -> Sequence[Clause]:
        catalogue, evidence = load_catalogue(), await self._known()
        return [_clause(catalogue, each, evidence) for each in catalogue.clauses]

    async def clause(self, clause_id: str) -> Clause:
        catalogue = load_catalogue()
        try:
            asked = catalogue.clause(clause_id)
        except KeyError:
            raise not_found("clause", clause_id[:40], "条款") from None
        return _clause(catalogue, asked, await self._ask())

    async def _known(self) -> dict[str, Evidence]:
        return await self.shared.kept.answer(("evidence", *self.viewer), EVIDENCE_KEPT_S, self._ask)

    async def _ask(self) -> dict[str, Evidence]:
        """Evidence of all services that answer; what one does not say is not shown."""
        answers = await asyncio.gather(*(self._ask_one(name) for name in WITH_EVIDENCE))
        return {clause_id: found for answer in answers for clause_id, found in answer.items()}

    async def _ask_one(self, name: str) -> Mapping[str, Evidence]:
        try:
            return await (self.lifecycle if name == "lifecycle" else self.billing).evidence()
        except (Problem, httpx2.HTTPError) as error:
            log.info("evidence unreachable", name=name, error=repr(error))
            return {}


def status_of(asked: Asked, evidence: Mapping[str, Evidence]) -> str:
    """shown, not_yet or outside; a clause is shown by its own evidence or by that of all the clauses it equals."""
    if asked.kind == "outside":
        return "outside"
    if asked.id in evidence:
        own = evidence[asked.id].status
        return {EvidenceStatus.SHOWN: "shown", EvidenceStatus.OUTSIDE: "outside"}.get(own, "not_yet")
    others = [evidence.get(other) for other in asked.same_as]
    shown = bool(others) and all(each is not None and each.status == EvidenceStatus.SHOWN for each in others)
    return "shown" if shown else "not_yet"


def _clause(catalogue: Catalogue, asked: Asked, evidence: Mapping[str, Evidence]) -> Clause:
    found = [evidence[each] for each in (asked.id, *asked.same_as) if each in evidence]
    first = found[0] if found else None
    return Clause(
        id=asked.id,
        document=asked.document,
        section=_words(catalogue.source(asked.id)),
        mode=asked.mode,
        mode_name=_words(catalogue.mode(asked.mode).name),
        label=_words(asked.title),
        wording=_words(asked.wording),
        demonstration=_words(asked.demonstration),
        service="+".join(asked.services),
        kind=asked.kind,
        status=status_of(asked, evidence),
        same_as=asked.same_as,
        summary=Words(first.summary_zh, first.summary_en) if first and first.summary_zh else None,
        computed_by=first.computed_by if first else "",
        figures=tuple(
            EvidenceFigure(
                label=Words(figure.label_zh, figure.label_en),
                value=_said(figure.value) if isinstance(figure.value, str) else figure.value,
                unit=SYMBOLS.get(figure.unit, figure.unit),
                digits=_digits(figure.value),
            )
            for each in found
            for figure in each.figures
        ),
        links=tuple(
            EvidenceLink(Words(link.label_zh, link.label_en), address_of(link.href))
            for each in found
            for link in each.links
        ),
        as_of=first.as_of if first else None,
    )


def address_of(href: str) -> str:
    """A path of the console or the API; a service may name a page of the console without its beginning."""
    if href.startswith(("/console", "/api/")):
        return href
    first = href.strip("/").partition("/")[0]
    return f"/api{href}" if first in WITH_EVIDENCE else f"/console{href}"


def _said(text: str) -> Words:
    """A figure that is a text, with the codes in it named."""
    names = [
        next((name_of(each, table) for table in CODES if each in getattr(words, table)), None) for each in text.split()
    ]
    return Words(
        " ".join(name.zh if name else each for name, each in zip(names, text.split(), strict=True)),
        " ".join(name.en if name else each for name, each in zip(names, text.split(), strict=True)),
    )


def _digits(value: float | int | str | None) -> int:
    return 2 if isinstance(value, float) and not value.is_integer() else 0


def _words(text: Any) -> Words:
    return Words(text.zh, text.en)
