"""Documents that cannot drift."""

import ast
import re
from pathlib import Path
from typing import Any

CHINESE = re.compile(r"[\u4e00-\u9fff]")
DECISION_HEADINGS = ["Context", "Decision", "Consequences", "Alternatives", "References"]
DECISION_LINES_MAX = 80  # One page.
FENCE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")


def headings(text: str, level: int = 0) -> list[str]:
    """Headings of a Markdown text, code blocks left out; of one level, or of all."""
    marks = "#" * level if level else "#{1,6}"
    return re.findall(rf"^{marks} +(.+?) *$", FENCE.sub("", text), re.MULTILINE)


def anchor(heading: str) -> str:
    """The fragment that a code host gives a heading."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def glossary(root: Path) -> list[list[str]]:
    """Rows of docs/glossary.md as cells: English, Chinese, meaning, standard."""
    path = root / "docs" / "glossary.md"
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line[:1] == "|"]
    return [row for row in rows if row[0] != "English" and not set("".join(row)) <= set("-: ")]


def test_links_lead_somewhere(house: Any) -> None:
    """Guards: a document that was moved or a heading that was renamed, with a reader left in front of nothing."""
    broken = []
    for file in house.named(".md"):
        for target in LINK.findall(FENCE.sub("", file.text)):
            if re.match(r"[a-z]+:", target):
                continue
            name, _, fragment = target.partition("#")
            path = (file.path.parent / name).resolve() if name else file.path
            if not path.exists():
                broken.append(f"{file.name} -> {target}: no such file")
            elif fragment and path.suffix == ".md":
                anchors = {anchor(heading) for heading in headings(path.read_text(encoding="utf-8"))}
                if fragment not in anchors:
                    broken.append(f"{file.name} -> {target}: no such heading")
    assert not broken, "\n".join(broken)


def test_decision_records_are_complete(house: Any) -> None:
    """Guards: a decision without its alternatives is taken again every year; a missing number was lost in a merge."""
    records = [file for file in house.named(".md") if file.name.startswith("docs/decisions/")]
    faults = [
        f"{file.name} has headings {found}"
        for file in records
        if (found := headings(file.text, 2)) != DECISION_HEADINGS
    ]
    faults += [f"{f.name} is longer than a page" for f in records if f.text.count("\n") > DECISION_LINES_MAX]
    faults += [f.name for f in records if not re.fullmatch(r"docs/decisions/\d{4}-[a-z0-9-]+\.md", f.name)]
    numbers = [int(Path(file.name).name[:4]) for file in records]
    if numbers != list(range(1, len(numbers) + 1)):
        faults.append(f"numbers have a gap or stand twice: {numbers}")
    assert not faults, "\n".join(faults)


def test_the_glossary_gives_each_noun_one_term_in_each_language(house: Any) -> None:
    """Guards: two words for one thing, and readers who look for the difference."""
    rows = glossary(house.root)
    faults = [f"not four cells: {row}" for row in rows if len(row) != 4]
    faults += [f"no English or no Chinese term, or no meaning: {row}" for row in rows if not all(row[:3])]
    faults += [f"not Chinese: {row[1]}" for row in rows if not CHINESE.search(row[1])]
    for column, language in enumerate(("English", "Chinese")):
        terms = [row[column].lower() for row in rows]
        faults += [f"{language} term stands twice: {term}" for term in sorted({t for t in terms if terms.count(t) > 1})]
    assert not faults, "\n".join(faults)


def test_every_noun_of_an_event_is_in_the_glossary(house: Any) -> None:
    """Guards: a noun that goes over the wire without a term that both languages agree on."""
    terms = [row[0].lower() for row in glossary(house.root)]
    unknown = []
    for file in house.product:
        if "contract" not in file.rooms:
            continue
        for node in (n for n in ast.walk(file.tree) if isinstance(n, ast.Assign)):
            names, values = node.targets[0], node.value
            pairs = (
                zip(names.elts, values.elts, strict=False)
                if isinstance(names, ast.Tuple) and isinstance(values, ast.Tuple)
                else [(names, values)]
            )
            for name, value in pairs:
                if isinstance(name, ast.Name) and name.id == "noun" and isinstance(value, ast.Constant):
                    noun = str(value.value).replace("-", " ")
                    if not any(noun == term or noun in term.split() for term in terms):
                        unknown.append(f"{file.name}:{node.lineno} {noun}")
    assert not unknown, "add to docs/glossary.md:\n" + "\n".join(unknown)


def test_both_readmes_tell_the_same(house: Any) -> None:
    """Guards: a section written in one language only."""
    english, chinese = house.root / "README.md", house.root / "README.zh-CN.md"
    if english.exists() and chinese.exists():
        levels = [
            [len(mark) for mark in re.findall(r"^(#+) ", FENCE.sub("", path.read_text(encoding="utf-8")), re.MULTILINE)]
            for path in (english, chinese)
        ]
        assert levels[0] == levels[1]


def test_make_help_tells_every_target(house: Any) -> None:
    """Guards: a command that only those know who read the Makefile."""
    makefile = (house.root / "Makefile").read_text(encoding="utf-8")
    phony = re.findall(r"^\.PHONY: (.*)$", makefile, re.MULTILINE)[0].split()
    assert sorted(re.findall(r"^([a-z]+):.*## \S", makefile, re.MULTILINE)) == sorted(phony)
