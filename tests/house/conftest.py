"""The tree as the house tests see it: every file of the project, read and parsed once."""

import ast
import os
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import pytest

PRODUCT = ("services", "gateway", "simulator", "opensom", "criteria", "benchmarks", "conformance")
NOT_OURS = {".git", ".venv", "var", "build", "dist", ".hypothesis", "__pycache__"}


@dataclass(frozen=True)
class SourceFile:
    """One text file; `name` is its path from the root, with forward slashes."""

    path: Path
    name: str

    @cached_property
    def text(self) -> str:
        return self.path.read_text(encoding="utf-8")

    @cached_property
    def tree(self) -> ast.Module:
        return ast.parse(self.text, self.name)

    @property
    def rooms(self) -> tuple[str, ...]:
        """Path parts without suffix: `services/billing/store/lines.py` -> services, billing, store, lines."""
        return Path(self.name).with_suffix("").parts


class House:
    """All files of the project that are text, by kind."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.files: list[SourceFile] = []
        for folder, folders, names in os.walk(root):
            folders[:] = sorted(f for f in folders if f not in NOT_OURS and not f.endswith((".egg-info", "_cache")))
            paths = (Path(folder, name) for name in sorted(names))
            self.files += [SourceFile(path, path.relative_to(root).as_posix()) for path in paths]

    def named(self, *suffixes: str) -> list[SourceFile]:
        """Files that end in one of the suffixes."""
        return [file for file in self.files if file.name.endswith(suffixes)]

    @cached_property
    def python(self) -> list[SourceFile]:
        """Every Python file, tests too."""
        return self.named(".py")

    @cached_property
    def product(self) -> list[SourceFile]:
        """The Python files that users run."""
        return [file for file in self.python if file.rooms[0] in PRODUCT]

    @cached_property
    def services(self) -> list[Path]:
        """Folders of the services; the kernel is none."""
        folders = sorted((self.root / "services").iterdir())
        return [f for f in folders if f.is_dir() and f.name not in ("kernel", "__pycache__")]


@pytest.fixture(scope="session")
def house(project_root: Path) -> House:
    """The whole tree; files are parsed when first asked for."""
    return House(project_root)
