"""What is declared for others to use says what it is."""

import ast
import re
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

import yaml

CHINESE = re.compile(r"[\u4e00-\u9fff]")
KEBAB = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
FACTORY_STATUS = {"conflict": 409, "unavailable": 503, "forbidden": 403}  # Makers of problems, kernel/problems.py.
GOLDEN_KEYS = {"id", "rule", "source", "inputs", "expected", "tolerance"}


def test_what_is_public_has_a_docstring(house: Any) -> None:
    """Guards: whoever uses the kernel, a contract or a rule must not have to read its body for units and errors."""
    found = []
    for file in house.product:
        if file.rooms[:2] != ("services", "kernel") and not {"contract", "rules"} & set(file.rooms[2:3]):
            continue
        for node in file.tree.body:
            public = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) and node.name[0] != "_"
            if public and not ast.get_docstring(node):
                found.append(f"{file.name}:{node.lineno} {node.name}")
    assert not found, "say what it is:\n" + "\n".join(found)


def test_every_setting_is_described(house: Any) -> None:
    """Guards: a knob without unit, default and limit in words is turned by trial and error."""
    found = []
    for file in house.product:
        if file.rooms[-1] != "settings":
            continue
        for owner in (n for n in file.tree.body if isinstance(n, ast.ClassDef) and n.name.endswith("Settings")):
            found += [
                f"{file.name}:{field.lineno} {owner.name}.{ast.unparse(field.target)}"
                for field in owner.body
                if isinstance(field, ast.AnnAssign)
                and "ClassVar" not in ast.unparse(field.annotation)
                and "description=" not in ast.unparse(field)
            ]
    assert not found, "\n".join(found)


def text_of(node: ast.AST | None) -> str | None:
    """The constant words of a string or f-string; None where they are not written at this place."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        words = "".join(str(part.value) for part in node.values if isinstance(part, ast.Constant))
        return words if re.search(r"\w", words) else None
    if isinstance(node, ast.BinOp):
        left, right = text_of(node.left), text_of(node.right)
        return (left or "") + (right or "") if left or right else None
    return None


def problems_of(tree: ast.AST) -> Iterator[tuple[int, str | None, int | None, str | None, str | None]]:
    """(line, code, status, zh, en) of each problem made in a file; None where it is not a constant."""
    for node in ast.walk(tree):
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Name)):
            continue
        maker = node.func.id
        if maker != "Problem" and maker not in FACTORY_STATUS:
            continue
        names = ("code", "status", "zh", "en") if maker == "Problem" else ("zh", "en", "code")
        given: dict[str | None, ast.AST] = dict(zip(names, node.args, strict=False))
        given |= {keyword.arg: keyword.value for keyword in node.keywords}
        status = given.get("status")
        number = status.value if isinstance(status, ast.Constant) and isinstance(status.value, int) else None
        number = FACTORY_STATUS.get(maker, number)
        yield node.lineno, text_of(given.get("code")), number, text_of(given.get("zh")), text_of(given.get("en"))


def test_error_codes_are_unique_and_bilingual(house: Any) -> None:
    """Guards: a client that branches on a code must not meet it with two meanings, and nobody gets an error that they
    cannot read."""
    faults = []
    statuses: dict[str, set[int]] = defaultdict(set)
    for file in house.product:
        for line, code, status, zh, en in problems_of(file.tree):
            if code is not None and status is not None:
                statuses[code].add(status)
            if code is not None and not KEBAB.fullmatch(code):
                faults.append(f"{file.name}:{line} code {code!r} is not kebab-case")
            if zh is not None and not CHINESE.search(zh):
                faults.append(f"{file.name}:{line} zh is not Chinese: {zh!r}")
            if en is not None and (not en.strip() or CHINESE.search(en)):
                faults.append(f"{file.name}:{line} en is not English: {en!r}")
    faults += [f"{code} is used with statuses {sorted(used)}" for code, used in statuses.items() if len(used) > 1]
    assert not faults, "\n".join(faults)


def test_golden_numbers_say_where_they_come_from(house: Any) -> None:
    """Guards: an expected value without a source is only what the code gave on the day it was written."""
    faults = []
    for file in house.named("golden.yaml"):
        entries = yaml.load(file.text, Loader=yaml.CSafeLoader) or []
        ids = [entry.get("id") for entry in entries]
        faults += [f"{file.name}: {id_} stands twice" for id_ in sorted({str(i) for i in ids if ids.count(i) > 1})]
        for entry in entries:
            if missing := sorted(GOLDEN_KEYS - entry.keys()):
                faults.append(f"{file.name}: {entry.get('id')} lacks {missing}")
            elif not str(entry["source"]).strip() or ".rules." not in entry["rule"]:
                faults.append(f"{file.name}: {entry['id']} needs a source and a rule of a service")
    assert not faults, "\n".join(faults)
