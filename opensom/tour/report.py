"""Clause by clause: what the services showed, what is not there yet, what only a firm itself can state."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from criteria.catalogue import Catalogue, Clause, load_catalogue

SHOWN, NOT_YET, OUTSIDE = "shown", "not yet", "outside"
Answers = Mapping[str, Mapping[str, dict[str, Any]]]  # Service -> clause -> evidence as it came over HTTP.


@dataclass(frozen=True)
class ClauseResult:
    """One clause: its status, the evidence of the services that answered, and where a person sees it."""

    clause: Clause
    status: str
    evidence: dict[str, Any] = field(default_factory=dict)
    links: list[dict[str, str]] = field(default_factory=list)


@dataclass(frozen=True)
class Report:
    """All clauses in the order of the source, and how long the tour took, wall seconds."""

    results: list[ClauseResult]
    claimed: list[str]
    steps: list[dict[str, Any]]
    seconds: float

    @property
    def missing(self) -> list[str]:
        """Clauses that a service claims and did not show; facts about a firm cannot be shown, only recorded."""
        answered = {result.clause.id for result in self.results if result.status != NOT_YET}
        return [clause_id for clause_id in self.claimed if clause_id not in answered]

    @property
    def whole(self) -> bool:
        """Whether the story came about and every claimed clause was shown; with nothing claimed nothing is whole."""
        return bool(self.claimed) and not self.missing and all(step["happened"] for step in self.steps)

    @property
    def counts(self) -> dict[str, int]:
        """Clauses by status, and distinct demonstrations beside the total."""
        found = Counter(result.status for result in self.results)
        distinct = [result for result in self.results if not result.clause.same_as]
        return {
            "total": len(self.results),
            **{status.replace(" ", "_"): found[status] for status in (SHOWN, NOT_YET, OUTSIDE)},
            "distinct": len(distinct),
            "distinct_shown": sum(result.status == SHOWN for result in distinct),
        }

    def document(self) -> dict[str, Any]:
        """What `--json` writes."""
        clauses = {
            result.clause.id: {"status": result.status, "evidence": result.evidence, "links": result.links}
            for result in self.results
        }
        return {
            "clauses": clauses,
            "counts": self.counts,
            "missing": self.missing,
            "steps": self.steps,
            "seconds": round(self.seconds, 1),
        }


def make_report(answers: Answers, steps: list[dict[str, Any]], seconds: float) -> Report:
    """Join the services' answers with the catalogue; a claim about an unknown clause stays claimed and is missing."""
    catalogue = load_catalogue()
    claimed = sorted({clause_id for given in answers.values() for clause_id in given})
    return Report([_result(clause, catalogue, answers) for clause in catalogue.clauses], claimed, steps, seconds)


def _result(clause: Clause, catalogue: Catalogue, answers: Answers) -> ClauseResult:
    own = {service: given[clause.id] for service, given in answers.items() if clause.id in given}
    if own:
        statuses = {each["status"] for each in own.values()}
        status = statuses.pop() if len(statuses) == 1 else NOT_YET
        return ClauseResult(clause, status, own, _links(own))
    if clause.same_as:
        targets = [_result(catalogue.clause(other), catalogue, answers) for other in clause.same_as]
        if all(target.status == SHOWN for target in targets):
            links = [link for target in targets for link in target.links]
            return ClauseResult(clause, SHOWN, {"same_as": list(clause.same_as)}, _once(links))
    return ClauseResult(clause, OUTSIDE if clause.kind == "outside" else NOT_YET)


def _links(own: Mapping[str, dict[str, Any]]) -> list[dict[str, str]]:
    return _once([link for evidence in own.values() for link in evidence.get("links", [])])


def _once(links: list[dict[str, str]]) -> list[dict[str, str]]:
    return list({link["href"]: link for link in links}.values())
