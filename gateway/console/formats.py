"""Numbers, times and money as a reader of each language writes them."""

from datetime import date, datetime, timedelta, tzinfo
from decimal import Decimal
from functools import lru_cache
from gettext import NullTranslations
from typing import Any
from zoneinfo import ZoneInfo

from babel.dates import format_date, format_datetime, format_timedelta
from babel.numbers import format_currency, format_percent, get_currency_symbol

from gateway.console import words
from gateway.console.language import LOCALES, Language
from gateway.console.naming import alarm_name, halves
from gateway.console.units import unit_and_digits
from gateway.console.views import Words

NONE = "—"


@lru_cache(maxsize=5_000)  # Rows are drawn again and again with the same times.
def _written(time: datetime, pattern: str, zone: tzinfo, locale: str) -> str:
    return format_datetime(time, pattern, zone, locale)


@lru_cache(maxsize=1_000)
def _written_day(day: date, locale: str) -> str:
    return format_date(day, "long", locale)


@lru_cache(maxsize=100)
def _symbol(currency: str, locale: str) -> str:
    return get_currency_symbol(currency, locale)


class Formats:
    """Formatting for one language and one time zone."""

    def __init__(self, language: Language, texts: NullTranslations, time_zone: str) -> None:
        self.language = language
        self.locale = LOCALES[language]
        self.zone: tzinfo = ZoneInfo(time_zone)
        self._texts = texts

    def words(self, text: Words) -> str:
        return text.spoken(self.language)

    def half(self, text: str) -> str:
        """The reader's half of a text that a service keeps in both languages at once."""
        return halves(text).spoken(self.language)

    def alarm(self, code: str) -> str:
        """What an alarm's code means."""
        return alarm_name(code).spoken(self.language)

    def parameter(self, value: Any, name: str) -> str:
        """A reported or desired parameter's value as a reader expects it."""
        if value is None:
            return NONE
        if isinstance(value, int | float) and not isinstance(value, bool):
            return self.measure(float(value), name) if self.unit(name) else self.number(value)
        return self.named(str(value), "ANSWERS") if isinstance(value, bool) else str(value)

    def named(self, code: str | None, table: str) -> str:
        """The name of a code in one of the tables of `words`; an unknown code is shown as it is."""
        if code is None:
            return NONE
        name: str | None = getattr(words, table).get(code)
        return self._texts.gettext(name) if name else code.replace("_", " ")

    def number(self, value: float | Decimal | None, digits: int = 0) -> str:
        if value is None:
            return NONE
        # Both languages write numbers alike; Babel takes a quarter of a millisecond for each.
        return f"{value:,.{digits}f}"

    def percent(self, share: float | None, digits: int = 0) -> str:
        if share is None:
            return NONE
        return format_percent(share, format="#,##0" + ("." + "0" * digits if digits else "") + "%", locale=self.locale)

    def money(self, minor: int | None, currency: str = "CNY") -> str:
        if minor is None:
            return NONE
        symbol = _symbol(currency, self.locale)
        return f"{'-' if minor < 0 else ''}{symbol}{abs(Decimal(minor)) / 100:,.2f}"

    def price(self, value: Decimal, currency: str = "CNY") -> str:
        """A price with all the digits that it has."""
        return format_currency(value, currency, locale=self.locale, currency_digits=False, decimal_quantization=False)

    def unit(self, signal: str) -> str:
        return unit_and_digits(signal)[0]

    def reading(self, value: float | None, signal: str) -> str:
        """A signal's value without its unit."""
        return self.number(value, unit_and_digits(signal)[1])

    def measure(self, value: float | None, signal: str) -> str:
        """A signal's value with its unit."""
        if value is None:
            return NONE
        return f"{self.reading(value, signal)} {self.unit(signal)}".strip()

    def instant(self, time: datetime | None) -> str:
        """Date and time to the second."""
        if time is None:
            return NONE
        pattern = "medium" if self.language == "zh" else "MMM d, y, HH:mm:ss"
        return _written(time, pattern, self.zone, self.locale)

    def moment(self, time: datetime | None) -> str:
        """Month, day and time, for dense lists whose year is plain."""
        if time is None:
            return NONE
        pattern = "M月d日 HH:mm:ss" if self.language == "zh" else "MMM d, HH:mm:ss"
        return _written(time, pattern, self.zone, self.locale)

    def clock(self, time: datetime | None) -> str:
        return NONE if time is None else time.astimezone(self.zone).strftime("%H:%M:%S")

    def date(self, time: datetime | None) -> str:
        return NONE if time is None else _written_day(time.astimezone(self.zone).date(), self.locale)

    def span(self, length: timedelta) -> str:
        """A length of time in one unit: 24 小时, 5 minutes."""
        return format_timedelta(length, threshold=1.5, locale=self.locale)

    def days(self, start: datetime, end: datetime) -> str:
        """The day or days from `start` up to `end`, which itself is outside."""
        last = max(start, end - timedelta(seconds=1))
        first_day, last_day = self.date(start), self.date(last)
        return first_day if first_day == last_day else f"{first_day} – {last_day}"

    def local(self, time: datetime) -> str:
        """The wall reading of the console's time zone, for charts, which know no zones."""
        return time.astimezone(self.zone).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3]
