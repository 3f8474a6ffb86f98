"""The project speaks of itself alone."""

import re
from typing import Any

# Written in pieces, so that this file does not find itself.
FORBIDDEN = {
    "a path of one machine": "|".join("/" + name + "/" for name in ("work", "root", "opt/pypi")),
    "the host of a package index": "|".join(
        ("pypi" + r"\.org", "python" + "hosted", "registry" + r"\.npmjs", "deb" + r"\.debian", "--index" + "-url")
    ),
    "an author's tool": "|".join(("clau" + "de", "anthro" + "pic", "chat" + "gpt", "co" + "pilot")),
    "a tracker's number": r"\bissue " + r"#\d",
    "unfinished business": "|".join((r"\bTO" + r"DO\b", r"\bFIX" + r"ME\b")),
}
BINARY = (".png", ".jpg", ".ico", ".woff2", ".mo", ".npz", ".gz", ".pdf", ".pyc", ".sqlite3")


def test_no_file_speaks_of_where_it_was_made(house: Any) -> None:
    """Guards: a lock file that names one machine's package index cannot be installed elsewhere; a path of one machine
    works on that machine only; a promise left in a comment is kept by nobody."""
    pattern = re.compile("|".join(f"({words})" for words in FORBIDDEN.values()), re.IGNORECASE)
    kinds = list(FORBIDDEN)
    found = []
    for file in house.files:
        if file.name.endswith(BINARY):
            continue
        for match in pattern.finditer(file.text):
            line = file.text.count("\n", 0, match.start()) + 1
            found.append(f"{file.name}:{line} names {kinds[(match.lastindex or 1) - 1]}: {match.group()!r}")
    assert not found, "\n".join(found)


def test_every_text_file_is_utf_8_with_unix_lines(house: Any) -> None:
    """Guards: a carriage return in a shell script stops it; Chinese in another encoding is unreadable to most."""
    files = [file for file in house.files if not file.name.endswith(BINARY)]
    assert [file.name for file in files if b"\r\n" in file.path.read_bytes()] == []
    assert [file.name for file in files if "\ufeff" in file.text] == []
