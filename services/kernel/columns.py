"""Column types that mean the same on SQLite and PostgreSQL."""

from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import BigInteger, CheckConstraint, Dialect, String
from sqlalchemy.types import TypeDecorator

from services.kernel.clock import from_microseconds, to_microseconds

Money = BigInteger  # Integer minor units (fen, cent). A float or a Numeric would round somewhere.


class Instant(TypeDecorator[datetime]):
    """An aware UTC time kept as integer microseconds (SQLite reads an aware datetime back naive)."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> int | None:
        return None if value is None else to_microseconds(value)

    def process_result_value(self, value: Any | None, dialect: Dialect) -> datetime | None:
        return None if value is None else from_microseconds(value)


class Price(TypeDecorator[Decimal]):
    """A decimal kept as text (SQLite changed the 13th digit of a Numeric)."""

    impl = String
    cache_ok = True

    def process_bind_param(self, value: Decimal | None, dialect: Dialect) -> str | None:
        return None if value is None else format(value, "f")

    def process_result_value(self, value: Any | None, dialect: Dialect) -> Decimal | None:
        return None if value is None else Decimal(value)


def state_check(column: str, states: type) -> CheckConstraint:
    """A CHECK that `column` holds one of the values of the StrEnum `states`."""
    values = ", ".join(f"'{state.value}'" for state in states)  # type: ignore[attr-defined]
    return CheckConstraint(f"{column} IN ({values})", name=f"{column}_known")
