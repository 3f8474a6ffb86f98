"""Walls that an import graph cannot show; `.importlinter` holds the others."""

import ast
import configparser
import re
import sys
from collections.abc import Iterator
from typing import Any

TIME_AND_CHANCE = ("services/kernel/clock.py", "services/kernel/chance.py")
ROOMS = {
    "app", "settings", "contract", "client", "api", "inbox", "timers", "service", "rules",
    "tables", "store", "evidence", "migrations", "seed",
}  # fmt: skip
OTHER_FILES = {"README.md", "__init__.py", "golden.yaml"}
NAMELESS = {"utils", "util", "helpers", "helper", "common", "misc"}
BUSINESS_NOUNS = {
    "pump", "vibration", "bearing", "cavitation", "alarm", "ticket", "invoice", "tariff", "warranty",
    "work order", "spare part",
}  # fmt: skip
FRAMEWORKS = {"fastapi", "starlette", "sqlmodel", "sqlalchemy", "alembic", "paho", "httpx2"}
CONTRACT_MAY_IMPORT = {"pydantic", "services"}
RAW_SQL = re.compile(r"\s*(SELECT\s|INSERT\s+(OR\s+\w+\s+)?INTO\s|UPDATE\s+\S+\s+SET\s|DELETE\s+FROM\s)")


def imported(tree: ast.AST) -> Iterator[tuple[str, int]]:
    """Dotted names that a file imports, with the line; `from a import b` gives `a.b`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from ((f"{node.module or ''}.{alias.name}", node.lineno) for alias in node.names)


def dotted(node: ast.AST) -> str:
    """`a.b.c` of an attribute chain, '' of anything else; a call inside the chain is passed through."""
    if isinstance(node, ast.Attribute):
        return f"{dotted(node.value)}.{node.attr}".lstrip(".")
    return node.id if isinstance(node, ast.Name) else ""


def asks_time_or_chance(tree: ast.AST) -> Iterator[tuple[str, int]]:
    """Places that read the machine's clock or throw its dice."""
    for name, line in imported(tree):
        if re.fullmatch(r"random(\..*)?|numpy\.random(\..*)?|time\.time(_ns)?|uuid\.uuid[1-8]", name):
            yield name, line
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            name = dotted(node.func)
            clock = re.search(r"(^|\.)(now|utcnow)$|^(datetime\.)*date(time)?\.today$|^time\.time(_ns)?$", name)
            if clock or re.match(r"(np|numpy)\.random\.|uuid\.uuid[1-8]$", name):
                yield name, node.lineno


def test_only_the_clock_and_chance_ask_for_time_and_chance(house: Any) -> None:
    """Guards: a due date computed from the wall clock is wrong at every speed but x1, and a run that throws its own
    dice cannot be repeated. `secrets` is allowed: a token must not be repeatable."""
    found = [
        f"{file.name}:{line} {name}"
        for file in house.product
        if file.name not in TIME_AND_CHANCE
        for name, line in asks_time_or_chance(file.tree)
    ]
    assert not found, "pass time and chance in:\n" + "\n".join(found)


def test_the_search_for_time_and_chance_finds_them() -> None:
    """Guards the guard above: each spelling that reached a code base once is still found, and look-alikes are not."""
    bad = [
        "datetime.now(UTC)", "datetime.datetime.now()", "dt.datetime.utcnow()", "date.today()", "time.time()",
        "func.now()", "np.random.rand()", "uuid.uuid4()", "import random", "from random import choice",
        "from time import time", "from uuid import uuid4",
    ]  # fmt: skip
    good = ["clock.business_now()", "clock.wall_now()", "chance.random()", "time.monotonic()", "unit.clock.today()"]
    assert [source for source in bad if not list(asks_time_or_chance(ast.parse(source)))] == []
    assert [source for source in good if list(asks_time_or_chance(ast.parse(source)))] == []


def queries(tree: ast.AST) -> Iterator[tuple[str, int]]:
    """Places that build a query: SQLAlchemy's select and its kin, `session.query`, or SQL text."""
    builders = {"select", "insert", "update", "delete"}
    for name, line in imported(tree):
        package, _, last = name.rpartition(".")
        if package.split(".")[0] in ("sqlmodel", "sqlalchemy") and last in builders:
            yield name, line
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and RAW_SQL.match(node.value):
            yield f"SQL text {node.value[:30]!r}", node.lineno
        elif isinstance(node, ast.Call):
            name = dotted(node.func)
            if re.fullmatch(r"(sa|sqlalchemy|sqlmodel)\.(select|insert|update|delete)|(.+\.)?session\.query", name):
                yield name, node.lineno


def test_only_a_store_or_the_kernel_builds_queries(house: Any) -> None:
    """Guards: a query outside the store is one that nobody reviews for its index, its order or its limit."""
    found = [
        f"{file.name}:{line} {what}"
        for file in house.product
        if not {"kernel", "store", "migrations"} & set(file.rooms) and file.rooms[0] != "benchmarks"
        for what, line in queries(file.tree)
    ]
    assert not found, "move these into store.py:\n" + "\n".join(found)


def test_rules_are_pure(house: Any) -> None:
    """Guards: a rule that imports a framework, inside a function too, needs a server to be tried with other numbers."""
    found = [
        f"{file.name}:{line} {name}"
        for file in house.product
        if file.rooms[0] == "services" and file.rooms[2:3] == ("rules",)
        for name, line in imported(file.tree)
        if name.split(".")[0] in FRAMEWORKS
    ]
    assert not found, "\n".join(found)


def test_a_contract_imports_only_pydantic_and_the_kernel(house: Any) -> None:
    """Guards: whoever imports a contract gets all that it imports; a vendor should not need our database for a DTO."""
    found = [
        f"{file.name}:{line} {name}"
        for file in house.product
        if file.rooms[0] == "services" and file.rooms[2:3] == ("contract",)
        for name, line in imported(file.tree)
        if name.split(".")[0] not in CONTRACT_MAY_IMPORT | sys.stdlib_module_names
    ]
    assert not found, "\n".join(found)


def test_the_kernel_holds_no_business_noun(house: Any) -> None:
    """Guards: a mechanism that knows one business is one that the next service has to work around."""
    found = []
    for file in house.product:
        if file.rooms[:2] != ("services", "kernel"):
            continue
        words = re.sub(r"([a-z])([A-Z])", r"\1 \2", file.text).replace("_", " ").replace("-", " ").lower()
        found += [f"{file.name}: {noun}" for noun in sorted(BUSINESS_NOUNS) if re.search(rf"\b{noun}s?\b", words)]
    assert not found, "\n".join(found)


def test_every_service_has_the_same_rooms(house: Any) -> None:
    """Guards: a reader names the file before opening the editor; a room of its own making hides code from everyone,
    and from `.importlinter`, which protects rooms by name."""
    strangers = [
        f"services/{service.name}/{entry.name}"
        for service in house.services
        for entry in sorted(service.iterdir())
        if entry.name not in OTHER_FILES | {"__pycache__"}
        and not (entry.stem in ROOMS and (entry.is_dir() or entry.suffix == ".py"))
    ]
    assert not strangers, "not a room of the house plan:\n" + "\n".join(strangers)


def test_no_module_is_named_after_nothing(house: Any) -> None:
    """Guards: what is in `utils` is in no place; it grows until everything imports it."""
    found = [file.name for file in house.python if NAMELESS & set(file.rooms)]
    assert not found, "name what it is about:\n" + "\n".join(found)


def test_only_the_command_and_benchmarks_print(house: Any) -> None:
    """Guards: printed lines carry no correlation id, no level, and are lost by a collector of logs."""
    found = [
        f"{file.name}:{node.lineno}"
        for file in house.product
        if file.rooms[0] not in ("opensom", "benchmarks")
        for node in ast.walk(file.tree)
        if isinstance(node, ast.Call) and dotted(node.func) == "print"
    ]
    assert not found, "\n".join(found)


def test_no_bare_except(house: Any) -> None:
    """Guards: a bare except also catches the order to stop, and the process hangs until it is killed."""
    found = [
        f"{file.name}:{node.lineno}"
        for file in house.python
        for node in ast.walk(file.tree)
        if isinstance(node, ast.ExceptHandler) and node.type is None
    ]
    assert not found, "\n".join(found)


def test_every_package_stands_behind_the_walls(house: Any) -> None:
    """Guards: import-linter says nothing of a package that it was not told of, nor of a service that the kernel's
    contract does not name."""
    walls = configparser.ConfigParser()
    walls.read(house.root / ".importlinter")
    roots = walls["importlinter"]["root_packages"].split()
    packages = sorted({file.rooms[0] for file in house.product if len(file.rooms) > 1})
    assert [name for name in packages if name not in roots] == []
    kernel = walls["importlinter:contract:kernel"]["forbidden_modules"].split()
    assert [f for f in (f"services.{service.name}" for service in house.services) if f not in kernel] == []
