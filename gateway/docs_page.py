"""The page of the merged description: every operation with its parameters and answers, without any script."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from gateway.openapi import METHODS, Document
from services.kernel.problems import Language

TEMPLATES = Path(__file__).parent / "templates"
STYLE = Path(__file__).parent / "static" / "api.css"


@dataclass(frozen=True)
class Field:
    """One value of a parameter list or of a schema; `link` is the schema that it leads to."""

    name: str
    place: str
    type: str
    link: str
    required: bool
    text: str


@dataclass(frozen=True)
class Operation:
    """One method of one path."""

    method: str
    path: str
    anchor: str
    summary: str
    text: str
    parameters: list[Field]
    body: Field | None
    answers: list[Field]


def render(document: Document, language: Language) -> str:
    """The page in one language; texts of both languages in the description stand as `中文 · English`."""
    zh = language == "zh"

    def word(chinese: str, english: str) -> str:
        return chinese if zh else english

    return (
        _environment()
        .get_template("api.html")
        .render(
            word=word,
            html_tag="zh-CN" if zh else "en",
            other="en" if zh else "zh",
            title=_said(document["info"]["title"], language),
            description=_said(document["info"].get("description", ""), language),
            away=document.get("x-unreachable", []),
            services=_operations(document, language),
            schemas=_schemas(document, language),
        )
    )


@cache
def _environment() -> Environment:
    return Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _operations(document: Document, language: Language) -> Mapping[str, list[Operation]]:
    services: dict[str, list[Operation]] = {tag["name"]: [] for tag in document["tags"]}
    for path, item in document["paths"].items():
        for method in (name for name in METHODS if name in item):
            operation = item[method]
            services.setdefault(operation["tags"][0], []).append(_operation(path, method, operation, language))
    return services


def _operation(path: str, method: str, operation: Mapping[str, Any], language: Language) -> Operation:
    parameters = [
        _field(each["name"], each["in"], each.get("schema", {}), each.get("required", False), each, language)
        for each in operation.get("parameters", [])
    ]
    body = operation.get("requestBody")
    answers = [
        _field(status, "", _content(answer), False, answer, language)
        for status, answer in operation.get("responses", {}).items()
    ]
    return Operation(
        method=method.upper(),
        path=path,
        anchor=operation["operationId"],
        summary=_said(operation.get("summary", ""), language),
        text=_said(operation.get("description", ""), language),
        parameters=parameters,
        body=_field("", "body", _content(body), body.get("required", False), body, language) if body else None,
        answers=answers,
    )


def _schemas(document: Document, language: Language) -> Mapping[str, list[Field]]:
    return {
        name: [
            _field(key, "", value, key in schema.get("required", []), value, language)
            for key, value in schema.get("properties", {}).items()
        ]
        for name, schema in sorted(document["components"].get("schemas", {}).items())
    }


def _field(
    name: str, place: str, schema: Any, required: bool, described: Mapping[str, Any], language: Language
) -> Field:
    kind, link = _type(schema)
    return Field(name, place, kind, link, required, _said(described.get("description", ""), language))


def _content(holder: Mapping[str, Any]) -> Mapping[str, Any]:
    content: Mapping[str, Any] = next(iter(holder.get("content", {}).values()), {})
    found: Mapping[str, Any] = content.get("schema", {})
    return found


def _type(schema: Any) -> tuple[str, str]:
    """A schema in one word or a few, and the named schema that it leads to."""
    if not isinstance(schema, Mapping):
        return "", ""
    if reference := schema.get("$ref"):
        name = str(reference).rpartition("/")[2]
        return name, name
    if "enum" in schema or "const" in schema:
        return " | ".join(str(value) for value in schema.get("enum", [schema.get("const")])), ""
    for choice in ("anyOf", "oneOf", "allOf"):
        if choice in schema:
            parts = [_type(part) for part in schema[choice]]
            return " | ".join(kind for kind, _ in parts if kind), next((link for _, link in parts if link), "")
    if schema.get("type") == "array":
        kind, link = _type(schema.get("items", {}))
        return f"[{kind}]", link
    kind = str(schema.get("type", ""))
    return (f"{kind} ({schema['format']})" if "format" in schema else kind), ""


def _said(text: str, language: Language) -> str:
    """The part of a text in one language where it stands as `中文 · English`, else all of it."""
    chinese, mark, english = text.partition(" · ")
    if not mark:
        return text
    return chinese if language == "zh" else english
