"""Lists in pages: an envelope, a limit, and a cursor that only this service can read."""

import base64
import json
import re
from collections.abc import Callable, Sequence
from typing import Annotated, Any, Generic, TypeVar

from fastapi import Query
from pydantic import BaseModel, Field

from services.kernel.problems import Problem

LIMIT_DEFAULT = 50
LIMIT_MAX = 500
CURSOR_CHARACTERS_MAX = 2048
_INTEGER_MIN, _INTEGER_MAX = -(2**63), 2**63 - 1  # What both databases keep.
_UNKEEPABLE = re.compile(r"[\x00\ud800-\udfff]")  # Text that a database would refuse.

Item = TypeVar("Item")
Row = TypeVar("Row")
CursorValue = str | int

Limit = Annotated[int, Query(ge=1, le=LIMIT_MAX, description="每页条数 · Items a page")]
Cursor = Annotated[
    str | None,
    Query(max_length=CURSOR_CHARACTERS_MAX, description="上一页的 next_cursor · next_cursor of the last page"),
]


class Page(BaseModel, Generic[Item]):
    """A part of a list; without `next_cursor` it is the last one."""

    items: list[Item]
    next_cursor: str | None = Field(default=None, description="Give it back as `cursor` for the next page")


def page_of(
    rows: Sequence[Row], limit: int, item: Callable[[Row], Item], key: Callable[[Row], tuple[CursorValue, ...]]
) -> Page[Item]:
    """A page from up to `limit` + 1 rows: the one too many tells that there is a next page and is not shown.

    `key` gives the values that the list is sorted by, of which the last shown row's make the cursor.
    """
    shown = rows[:limit]
    more = len(rows) > limit
    return Page(items=[item(row) for row in shown], next_cursor=encode_cursor(*key(shown[-1])) if more else None)


def encode_cursor(*values: CursorValue) -> str:
    """An opaque text, safe in a URL, that holds where a page ended."""
    text = json.dumps(values, ensure_ascii=False, separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def decode_cursor(cursor: str, *types: type[CursorValue]) -> tuple[Any, ...]:
    """The values in a cursor, which must be of `types`; raises Problem `invalid-cursor` (422) for any other text."""
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        values = json.loads(base64.b64decode(padded, altchars=b"-_", validate=True))
    except (ValueError, RecursionError):
        raise _invalid_cursor() from None
    if not isinstance(values, list) or len(values) != len(types):
        raise _invalid_cursor()
    if not all(_fits(value, expected) for value, expected in zip(values, types, strict=True)):
        raise _invalid_cursor()
    return tuple(values)


def _fits(value: object, expected: type[CursorValue]) -> bool:
    if type(value) is not expected:
        return False
    if isinstance(value, int):
        return _INTEGER_MIN <= value <= _INTEGER_MAX
    return isinstance(value, str) and _UNKEEPABLE.search(value) is None


def _invalid_cursor() -> Problem:
    return Problem(
        "invalid-cursor",
        422,
        "分页标记无效：请原样使用上一页给出的 next_cursor。",
        "The cursor is not valid: give back the next_cursor of the last page as it was.",
    )
