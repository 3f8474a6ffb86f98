"""The clauses of both documents are all there, in both languages, in order, and hang together."""

import re
from collections import Counter
from pathlib import Path

import pytest

from criteria.catalogue import FOLDER, Catalogue, CatalogueError, load_catalogue, source_order

SERVICES = Path(__file__).parents[2] / "services"
CHINESE = re.compile("[\u4e00-\u9fff]")
SECTION_SIZES = {  # Clauses in each section, in the order of the two documents.
    "HN-1-1": 6, "HN-1-2": 11, "HN-1-3": 4, "HN-1-4": 3, "HN-2-1": 10, "HN-2-2": 7, "HN-2-3": 4, "HN-3-1": 6,
    "HN-3-2": 8, "HN-3-3": 2, "HN-4-1": 7, "HN-4-2": 11, "HN-4-3": 2, "HN-5-1": 10, "HN-5-2": 6, "HN-5-3": 2,
    "HN-6-1": 1, "HN-6-2": 9, "HN-6-3": 3, "HN-7-1": 7, "HN-7-2": 7, "HN-7-3": 2, "HN-8-1": 10, "HN-8-2": 5,
    "HN-8-3": 3, "HN-9-0": 6,
    "LN-1-0": 6, "LN-1-1": 11, "LN-1-2": 12, "LN-1-3": 15, "LN-1-4": 9, "LN-1-5": 9, "LN-1-6": 20, "LN-1-7": 9,
    "LN-1-8": 14, "LN-1-9": 9, "LN-1-10": 10, "LN-2-1": 20, "LN-2-2": 19, "LN-2-3": 16, "LN-2-4": 10, "LN-2-5": 13,
    "LN-2-6": 19, "LN-3-1": 8, "LN-3-2": 8, "LN-3-3": 9, "LN-3-4": 13,
}  # fmt: skip


@pytest.fixture
def catalogue() -> Catalogue:
    return load_catalogue()


def test_every_clause_is_there_in_the_order_of_the_source(catalogue: Catalogue) -> None:
    expected = [f"{section}-{chr(ord('a') + n)}" for section, size in SECTION_SIZES.items() for n in range(size)]
    assert len(expected) == 411
    assert [clause.id for clause in catalogue.clauses] == expected


def test_section_ten_follows_section_nine_and_henan_comes_before_liaoning() -> None:
    ids = ["LN-1-10-a", "LN-1-9-i", "LN-1-2-a", "HN-9-0-f"]
    assert sorted(ids, key=lambda clause_id: source_order(clause_id, ["HN", "LN"])) == ids[::-1]


def test_counts(catalogue: Catalogue) -> None:
    counts = catalogue.counts()
    assert counts.by_kind == {"capability": 324, "effect": 69, "outside": 18}
    assert counts.by_document == {"HN": 152, "LN": 259}
    assert (counts.total, counts.distinct) == (411, 363)
    assert sum(counts.by_mode.values()) == 411
    assert min(counts.by_mode.values()) > 0


def test_both_languages_are_complete_and_each_is_its_own_language(catalogue: Catalogue) -> None:
    texts = [text for c in catalogue.clauses for text in (c.number, c.section, c.title, c.wording, c.demonstration)]
    texts += [document.title for document in catalogue.documents] + [mode.name for mode in catalogue.modes]
    assert [text.en for text in texts if CHINESE.search(text.en)] == []
    assert [text.zh for text in texts if not CHINESE.search(text.zh)] == []


def test_wording_and_demonstration_are_one_sentence_a_language(catalogue: Catalogue) -> None:
    for clause in catalogue.clauses:
        for text in (clause.wording, clause.demonstration):
            assert text.zh.endswith("。"), clause.id
            assert text.zh.count("。") == 1, clause.id
            assert text.en.endswith("."), clause.id
            assert ". " not in text.en, clause.id


@pytest.mark.parametrize("language", ["zh", "en"])
def test_no_two_clauses_say_the_same_unless_they_are_linked(catalogue: Catalogue, language: str) -> None:
    for field in ("wording", "title"):
        seen = Counter(getattr(getattr(c, field), language) for c in catalogue.distinct_demonstrations())
        assert [words for words, times in seen.items() if times > 1] == []


def test_linked_clauses_are_shown_by_clauses_with_a_demonstration(catalogue: Catalogue) -> None:
    own = {clause.id for clause in catalogue.distinct_demonstrations()}
    linked = [clause for clause in catalogue.clauses if clause.same_as]
    assert len(linked) == 48
    assert all(set(clause.same_as) <= own for clause in linked)
    assert catalogue.clause("LN-2-2-p").same_as == ("HN-1-2-e", "HN-1-2-f", "HN-1-2-g")


def test_every_built_service_has_clauses_that_resolve(catalogue: Catalogue) -> None:
    built = [path.name for path in SERVICES.iterdir() if (path / "__init__.py").exists() and path.name != "kernel"]
    for name in built:
        clauses = catalogue.of_service(name)
        assert clauses, f"the documents ask nothing of the service {name}"
        assert all(catalogue.clause(clause.id) is clause for clause in clauses)


def test_modes_divide_the_clauses_and_keep_their_order(catalogue: Catalogue) -> None:
    by_mode = [clause for mode in catalogue.modes for clause in catalogue.of_mode(mode.id)]
    assert sorted(c.id for c in by_mode) == sorted(c.id for c in catalogue.clauses)
    lifecycle = [clause.id for clause in catalogue.of_mode("lifecycle")]
    assert (lifecycle[0], lifecycle[-1]) == ("HN-1-1-a", "LN-2-2-s")


def test_a_clause_names_its_source_in_both_languages(catalogue: Catalogue) -> None:
    assert catalogue.source("HN-1-1-a").zh == "河南 一.1 服务内容"
    assert catalogue.source("HN-1-1-a").en == "Henan 1.1 Content of the service"
    assert catalogue.source("LN-2-4-h").en == "Liaoning 2(4)2 What the project achieves"


def test_what_does_not_exist_is_an_error_and_not_an_empty_answer(catalogue: Catalogue) -> None:
    with pytest.raises(KeyError):
        catalogue.clause("HN-1-1-z")
    with pytest.raises(KeyError):
        catalogue.of_mode("unheard_of")


CLAUSE = """
      - id: {id}
        title: {{zh: 题, en: Title}}
        wording: {{zh: 句。, en: Sentence.}}
        services: [lifecycle]
        kind: {kind}
        demonstration: {{zh: 演示。, en: Shown.}}
        same_as: [{same_as}]"""


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ([{}, {}], "HN-1-1-a: id is used 2 times"),
        ([{"same_as": "HN-1-1-b"}], "HN-1-1-a: same_as names HN-1-1-b, which does not exist"),
        ([{"same_as": "HN-1-1-a"}], "which has no demonstration of its own"),
        ([{"kind": "wish"}], "a.yaml, at clause HN-1-1-a: .*(?s:.*)'capability', 'effect' or 'outside'"),
        ([{"id": "LN-1-1-a"}], "LN-1-1-a: id does not begin with its document HN"),
        ([{"id": "HN-1-1-aa"}], "at clause HN-1-1-aa"),
    ],
)
def test_contradictory_data_is_refused_with_the_reason(
    tmp_path: Path, changes: list[dict[str, str]], complaint: str
) -> None:
    write(tmp_path, [CLAUSE.format(**({"id": "HN-1-1-a", "kind": "effect", "same_as": ""} | c)) for c in changes])
    with pytest.raises(CatalogueError, match=complaint):
        load_catalogue(tmp_path)


@pytest.mark.parametrize(("old", "new"), [("mode: lifecycle", "mode: unheard_of"), ("sections:", "parts:")])
def test_a_wrong_head_of_a_file_is_refused(tmp_path: Path, old: str, new: str) -> None:
    write(tmp_path, [CLAUSE.format(id="HN-1-1-a", kind="effect", same_as="")])
    file = tmp_path / "henan" / "a.yaml"
    file.write_text(file.read_text(encoding="utf-8").replace(old, new), encoding="utf-8")
    with pytest.raises(CatalogueError, match=r"unheard_of is not listed|a\.yaml, at clause None"):
        load_catalogue(tmp_path)


def write(folder: Path, clauses: list[str]) -> None:
    head = "document: HN\nmode: lifecycle\nsections:\n  - number: {zh: 一, en: '1'}\n    title: {zh: 节, en: Section}\n"
    (folder / "documents.yaml").write_text((FOLDER / "documents.yaml").read_text(encoding="utf-8"), encoding="utf-8")
    (folder / "henan").mkdir()
    (folder / "henan" / "a.yaml").write_text(head + "    clauses:" + "".join(clauses), encoding="utf-8")
