"""Small enough to be read at one sitting."""

import ast
import warnings
from typing import Any

FILE_LINES_MAX = 500
FILE_LINES_WANTED = 300
FUNCTION_LINES_MAX = 70
SHARE_OVER_WANTED_MAX = 0.1  # Nine of ten files stay under the wanted length.


def test_no_file_is_too_long(house: Any) -> None:
    """Guards: a file that takes an hour to read is one that is patched without being read. Those that pass the wanted
    length are reported as a warning, those that pass the limit fail."""
    lengths = {f.name: f.text.count("\n") for f in house.named(".py", ".html", ".js", ".css", ".md", "Makefile")}
    warned = {name: lines for name, lines in lengths.items() if FILE_LINES_WANTED < lines <= FILE_LINES_MAX}
    if warned:
        warnings.warn(f"over {FILE_LINES_WANTED} lines: {warned}", stacklevel=1)
    over = {name: lines for name, lines in lengths.items() if lines > FILE_LINES_MAX}
    assert not over, f"make a package of the same name of: {over}"


def test_nine_of_ten_python_files_are_short(house: Any) -> None:
    """Guards: the limit above is for exceptions; without this one it would become the habit."""
    files = house.product
    long = [file.name for file in files if file.text.count("\n") > FILE_LINES_WANTED]
    assert len(long) <= SHARE_OVER_WANTED_MAX * max(len(files), 10), f"over {FILE_LINES_WANTED} lines: {long}"


def test_no_function_is_too_long(house: Any) -> None:
    """Guards: a function longer than a screen hides the one branch that is wrong. Migrations are lists, not logic."""
    found = [
        f"{file.name}:{node.lineno} {node.name} has {length} lines"
        for file in house.python
        if "migrations" not in file.rooms
        for node in ast.walk(file.tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (length := (node.end_lineno or node.lineno) - node.lineno + 1) > FUNCTION_LINES_MAX
    ]
    assert not found, "\n".join(found)
