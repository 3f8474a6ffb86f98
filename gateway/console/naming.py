"""Names of codes in both languages, for texts that are put together before it is known who reads them."""

from collections.abc import Mapping

from gateway.console import words
from gateway.console.language import translations
from gateway.console.views import Words

BETWEEN = " / "  # Stands between the Chinese and the English half of a text that a service keeps as one.


def both(english: str) -> Words:
    """A text of the catalogue in both languages."""
    return Words(translations("zh").gettext(english), english)


def name_of(code: str | None, table: str) -> Words:
    """The name of a code in one of the tables of `words`; an unknown code is shown as it is."""
    if code is None:
        return Words("—", "—")
    names: Mapping[str, str] = getattr(words, table)
    known = names.get(code)
    return both(known) if known else Words(code.replace("_", " "), code.replace("_", " "))


def alarm_name(code: str) -> Words:
    """What an alarm's code means: a device's own, a signal beyond a limit or its baseline, or a diagnosed fault."""
    if code in words.ALARM_CODES:
        return name_of(code, "ALARM_CODES")
    if code.startswith("diagnosed_"):
        return _filled(words.ALARM_DIAGNOSED, fault=name_of(code.removeprefix("diagnosed_"), "FAULTS"))
    for ending, text in words.ALARM_ENDINGS.items():
        signal = code.removesuffix(ending)
        if code.endswith(ending) and signal in words.SIGNALS:
            return _filled(text, signal=name_of(signal, "SIGNALS"))
    return name_of(code, "FAULTS")


def halves(text: str) -> Words:
    """The halves of a text that says both languages at once, `中文 / English`; any other text stands for both."""
    zh, between, en = text.partition(BETWEEN)
    return Words(zh, en) if between and not zh.isascii() and en.isascii() else Words(text, text)


def sentence(text: str) -> str:
    """An English sentence begins with a capital letter."""
    return text[:1].upper() + text[1:]


def _filled(english: str, **values: Words) -> Words:
    template = both(english)
    return Words(
        template.zh % {name: value.zh for name, value in values.items()},
        template.en % {name: value.en for name, value in values.items()},
    )
