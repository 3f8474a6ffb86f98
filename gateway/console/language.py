"""Which language a page is in, and its texts.

Templates and `words` carry English; the catalogue in `locale/` holds the Chinese, read as it is written (.po), so that
no compiled file has to be built or kept.
"""

import io
from functools import cache
from gettext import NullTranslations
from pathlib import Path

from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.support import Translations
from fastapi import Request

from services.kernel.problems import LANGUAGE_COOKIE as COOKIE
from services.kernel.problems import Language
from services.kernel.problems import language_of as kernel_language_of

__all__ = ["COOKIE", "HTML_TAGS", "LOCALES", "Language", "language_of", "translations"]

LOCALES: dict[Language, str] = {"zh": "zh_CN", "en": "en"}
WISHES: dict[str, Language] = {"zh": "zh", "en": "en"}
HTML_TAGS: dict[Language, str] = {"zh": "zh-CN", "en": "en"}
CATALOGUE = Path(__file__).parent / "locale" / "zh_CN" / "LC_MESSAGES" / "console.po"


def language_of(request: Request) -> Language:
    """`?lang=`, else as every answer of the platform: the cookie, what the browser accepts, Chinese."""
    return WISHES.get(request.query_params.get("lang", "")) or kernel_language_of(request)


@cache
def translations(language: Language) -> NullTranslations:
    """gettext catalogue of a language; English is the text itself."""
    if language == "en":
        return NullTranslations()
    with CATALOGUE.open("rb") as file:
        catalogue = read_po(file, locale="zh_CN")
    compiled = io.BytesIO()
    write_mo(compiled, catalogue)
    compiled.seek(0)
    return Translations(compiled)
