"""Read the clauses of both criteria documents from the YAML beside this file, check them, and answer questions on it.

Sentences are the project's own; a clause points at its source by document and section number. `documents.yaml` names
the documents and modes; every file in a folder below holds clauses of one document and one mode.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

FOLDER = Path(__file__).parent
ID_PATTERN = r"^[A-Z]{2}-[0-9]{1,2}-[0-9]{1,2}-[a-z]$"

Kind = Literal["capability", "effect", "outside"]
"""capability: what the platform does; effect: a before/after figure; outside: a fact about a firm, only recorded."""

NonEmpty = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]


class CatalogueError(ValueError):
    """The clause data contradicts itself; the message names the file or clause and what is wrong."""


class Frozen(BaseModel):
    """Read-only data in which a misspelt key is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Text(Frozen):
    """The same words in Chinese and in English."""

    zh: NonEmpty
    en: NonEmpty


class Document(Frozen):
    """One source document: `name` is the short one shown in a reference, `title` the full one."""

    id: NonEmpty
    name: Text
    title: Text


class Mode(Frozen):
    """One mode of service-oriented manufacturing, by which clauses are grouped."""

    id: NonEmpty
    name: Text


class Clause(Frozen):
    """One thing that a criteria document asks for, and how it is shown."""

    id: Annotated[str, StringConstraints(pattern=ID_PATTERN)]
    document: NonEmpty
    mode: NonEmpty
    number: Text
    """Number of the section in the source document."""
    section: Text
    """Heading of that section."""
    title: Text
    wording: Text
    """What is asked, in one sentence."""
    services: Annotated[tuple[NonEmpty, ...], Field(min_length=1)]
    """Services that answer it, the leading one first."""
    kind: Kind
    demonstration: Text
    same_as: tuple[str, ...] = ()
    """Clauses whose demonstrations, all together, already show this one."""


@dataclass(frozen=True)
class Counts:
    """How many clauses there are. The mappings keep the order of display and hold zero where nothing was found."""

    total: int
    distinct: int
    """Demonstrations, where clauses that share one count once."""
    by_kind: Mapping[str, int]
    by_document: Mapping[str, int]
    by_mode: Mapping[str, int]


@dataclass(frozen=True)
class Catalogue:
    """Documents, modes and clauses, each in the order of the source."""

    documents: tuple[Document, ...]
    modes: tuple[Mode, ...]
    clauses: tuple[Clause, ...]

    @cached_property
    def _by_id(self) -> dict[str, Clause]:
        return {clause.id: clause for clause in self.clauses}

    def clause(self, clause_id: str) -> Clause:
        """The clause of that id. Raises KeyError when there is none."""
        return self._by_id[clause_id]

    def document(self, document_id: str) -> Document:
        """The document of that id. Raises KeyError when there is none."""
        return {document.id: document for document in self.documents}[document_id]

    def mode(self, mode_id: str) -> Mode:
        """The mode of that id. Raises KeyError when there is none."""
        return {mode.id: mode for mode in self.modes}[mode_id]

    def source(self, clause_id: str) -> Text:
        """Where a clause comes from, ready to be shown: document, section number, section heading."""
        clause = self.clause(clause_id)
        name = self.document(clause.document).name
        return Text(
            zh=f"{name.zh} {clause.number.zh} {clause.section.zh}",
            en=f"{name.en} {clause.number.en} {clause.section.en}",
        )

    def of_service(self, name: str) -> tuple[Clause, ...]:
        """Clauses that a service answers, alone or with others; empty for a service that the documents never ask."""
        return tuple(clause for clause in self.clauses if name in clause.services)

    def of_mode(self, mode_id: str) -> tuple[Clause, ...]:
        """Clauses of one mode, from both documents. Raises KeyError for an unknown mode."""
        return tuple(clause for clause in self.clauses if clause.mode == self.mode(mode_id).id)

    def distinct_demonstrations(self) -> tuple[Clause, ...]:
        """Clauses with a demonstration of their own; those that others already show are left out."""
        return tuple(clause for clause in self.clauses if not clause.same_as)

    def counts(self) -> Counts:
        """Totals for the clause page and the tour."""
        kinds: tuple[Kind, ...] = ("capability", "effect", "outside")
        return Counts(
            total=len(self.clauses),
            distinct=len(self.distinct_demonstrations()),
            by_kind=_tally(kinds, (clause.kind for clause in self.clauses)),
            by_document=_tally((document.id for document in self.documents), (c.document for c in self.clauses)),
            by_mode=_tally((mode.id for mode in self.modes), (clause.mode for clause in self.clauses)),
        )


@lru_cache
def load_catalogue(folder: Path = FOLDER) -> Catalogue:
    """Read and check the catalogue once per folder.

    Raises CatalogueError when a file has the wrong shape, an id occurs twice, a mode or document is not named in
    `documents.yaml`, or a `same_as` does not lead to a clause with a demonstration of its own.
    """
    head = folder / "documents.yaml"
    named = _read(head)
    try:
        documents = tuple(Document.model_validate(entry) for entry in named["documents"])
        modes = tuple(Mode.model_validate(entry) for entry in named["modes"])
    except (KeyError, TypeError, ValidationError) as error:
        raise CatalogueError(f"{head.name}: {error}") from error
    clauses = [clause for path in sorted(folder.glob("*/*.yaml")) for clause in _clauses(path)]
    order = [document.id for document in documents]
    _check(clauses, order, {mode.id for mode in modes})
    return Catalogue(documents, modes, tuple(sorted(clauses, key=lambda clause: source_order(clause.id, order))))


def source_order(clause_id: str, documents: list[str]) -> tuple[int, int, int, str]:
    """Sort key that puts clauses as in the source: section 10 follows section 9, documents keep the given order.

    Raises ValueError when the id does not name one of the documents or is not made of four parts.
    """
    document, part, section, letter = clause_id.split("-")
    return documents.index(document), int(part), int(section), letter


def _read(path: Path) -> Any:
    with path.open(encoding="utf-8") as file:
        try:
            return yaml.load(file, Loader=yaml.CSafeLoader)
        except yaml.YAMLError as error:
            raise CatalogueError(f"{path.name}: {error}") from error


def _clauses(path: Path) -> Iterator[Clause]:
    data = _read(path)
    entry: Any = None
    try:
        for section in data["sections"]:
            shared = {
                "document": data["document"],
                "mode": data["mode"],
                "number": section["number"],
                "section": section["title"],
            }
            for entry in section["clauses"]:
                yield Clause.model_validate(shared | entry)
    except (KeyError, TypeError, ValidationError) as error:
        last = entry.get("id") if isinstance(entry, dict) else None
        raise CatalogueError(f"{path.parent.name}/{path.name}, at clause {last}: {error}") from error


def _check(clauses: list[Clause], documents: list[str], modes: set[str]) -> None:
    by_id = {clause.id: clause for clause in clauses}
    faults = [f"{name}: id is used {n} times" for name, n in Counter(c.id for c in clauses).items() if n > 1]
    for clause in clauses:
        if clause.document not in documents:
            faults.append(f"{clause.id}: document {clause.document} is not listed")
        if clause.id.split("-")[0] != clause.document:
            faults.append(f"{clause.id}: id does not begin with its document {clause.document}")
        if clause.mode not in modes:
            faults.append(f"{clause.id}: mode {clause.mode} is not listed")
        for other in clause.same_as:
            if other not in by_id:
                faults.append(f"{clause.id}: same_as names {other}, which does not exist")
            elif by_id[other].same_as:  # A chain would hide which demonstration is meant.
                faults.append(f"{clause.id}: same_as names {other}, which has no demonstration of its own")
    if faults:
        raise CatalogueError("; ".join(faults))


def _tally(names: Iterable[str], found: Iterable[str]) -> dict[str, int]:
    seen = Counter(found)
    return {name: seen[name] for name in names}
