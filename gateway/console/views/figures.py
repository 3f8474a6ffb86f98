"""Numbers with their reasons, and what a list or a chart is asked for."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Generic, TypeVar

from gateway.console.views.viewer import Words

Row = TypeVar("Row")


@dataclass(frozen=True, slots=True)
class TrendPoint:
    time: datetime
    value: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One number of the overview; `key` names its label, `value` none means that nobody can tell."""

    key: str
    value: float | Decimal | None
    unit: str = ""
    digits: int = 0
    out_of: float | None = None
    target: float | None = None
    target_met: bool | None = None
    trend: tuple[TrendPoint, ...] = ()
    trend_over: timedelta = timedelta(hours=24)
    link: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class GoldenCheck:
    """A published number, recomputed: what was expected and what came out; `passes` none means not recomputed here."""

    id: str
    passes: bool | None = None
    expected: str = ""
    computed: str = ""
    unit: str = ""
    source: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """How a number of a page is computed: the rule, its source, and the published numbers that it must reproduce."""

    title: Words
    text: Words
    rule: str
    source: str
    golden: tuple[GoldenCheck, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeRange:
    """Business time: either the last `last` up to now, or from `start` to `end`."""

    last: timedelta | None = None
    start: datetime | None = None
    end: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Page(Generic[Row]):
    """Some rows of a longer list; `after` is the cursor of the next ones, none at the end."""

    rows: tuple[Row, ...]
    total: int | None = None
    after: str | None = None
