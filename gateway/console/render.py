"""Templates of both languages, and drawing a fragment the same way for the first load and for an update."""

import json
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from gateway.console import assets, charts, words
from gateway.console.formats import Formats
from gateway.console.language import HTML_TAGS, Language, translations
from gateway.console.panels import Fragment, Panel, fingerprint

if TYPE_CHECKING:
    from gateway.console.page import Visit

TEMPLATES = Path(__file__).parent / "templates"
# Methods of Formats that templates use as filters.
FILTERS = (
    *("named", "half", "alarm", "number", "percent", "money", "price", "unit", "reading", "measure", "parameter"),
    *("instant", "moment", "clock", "date", "span", "days", "local"),
)


@cache
def formats_of(language: Language, time_zone: str) -> Formats:
    return Formats(language, translations(language), time_zone)


@cache
def environment(language: Language, time_zone: str) -> Environment:
    """The template environment of one language: texts, formats and names are in that language throughout."""
    texts = translations(language)
    formats = formats_of(language, time_zone)
    made = Environment(
        loader=FileSystemLoader(TEMPLATES),
        extensions=["jinja2.ext.i18n", "jinja2.ext.do"],
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.install_gettext_translations(texts, newstyle=True)  # type: ignore[attr-defined]
    made.globals.update(
        formats=formats,
        words=words,
        charts=charts,
        language=language,
        html_tag=HTML_TAGS[language],
        asset=assets.url,
        plotly_style_ids=assets.plotly_style_ids,
    )
    for name in FILTERS:
        made.filters[name] = getattr(formats, name)
    made.filters["said"] = formats.words
    made.filters["pretty"] = lambda value: json.dumps(value, ensure_ascii=False, indent=2, default=str)
    return made


def draw(visit: "Visit", template: str, **context: Any) -> str:
    """A template's text for this visit."""
    return environment(visit.language, visit.console.time_zone).get_template(template).render(page=visit, **context)


def draw_fragment(visit: "Visit", fragment: Fragment, panel: Panel) -> tuple[str, str]:
    """A fragment with its frame, and the mark of its content."""
    template = fragment.template if panel.reachable else "fragments/unreachable.html"
    inner = draw(visit, template, data=panel.data, problem=panel.problem)
    mark = fingerprint(inner)
    # A frame of our own making around text that the template engine has escaped.
    return f'<div class="fragment" id="{fragment.name}" data-mark="{mark}">{inner}</div>', mark


def drawn(visit: "Visit", fragment: Fragment, panel: Panel) -> Markup:
    return Markup(draw_fragment(visit, fragment, panel)[0])
