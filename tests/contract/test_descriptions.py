"""What is published about routes and events is complete: a vendor's program is written from it alone."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from jsonschema_rs import meta

import gateway.contract
import services.billing.contract
import services.lifecycle.contract
from services.kernel.events import EVENT_TOPICS, EventData, make_event, topic_of_type
from services.kernel.problems import MEDIA_TYPE
from tests.contract.house import House
from tests.contract.routes import uses_of

CONTRACTS = {
    "lifecycle": services.lifecycle.contract,
    "billing": services.billing.contract,
    "gateway": gateway.contract,
}
WORD = re.compile(r"[a-z][a-z0-9-]*")


def event_classes() -> list[type[EventData]]:
    """Every event that a contract makes public."""
    found = {
        member
        for contract in CONTRACTS.values()
        for member in vars(contract).values()
        if isinstance(member, type) and issubclass(member, EventData) and hasattr(member, "event")
    }
    return sorted(found, key=lambda each: each.type())


def all_subclasses(base: type[EventData]) -> Iterator[type[EventData]]:
    for each in base.__subclasses__():
        yield each
        yield from all_subclasses(each)


# ---- Routes ---------------------------------------------------------------------------------------------------


def test_every_route_says_in_both_languages_what_it_does(house: House) -> None:
    """Guards: the page of all routes, which a Chinese and an English reader use."""
    wrong = []
    for operation in house.operations():
        chinese, mark, english = operation.described.get("summary", "").partition(" · ")
        if not mark or chinese.isascii() or not english.isascii() or not english.strip():
            wrong.append(f"{operation.name}: {chinese} {mark} {english}")
    assert not wrong, "\n".join(wrong)


def test_every_route_says_what_it_answers(house: House) -> None:
    """Guards: an answer without a shape, which no client can be written for."""
    wrong = []
    for operation in house.operations():
        good = {status: answer for status, answer in operation.answers().items() if status.startswith("2")}
        if not good:
            wrong.append(f"{operation.name}: no good answer")
        for status, answer in good.items():
            if status == "204":
                if "content" in answer:
                    wrong.append(f"{operation.name}: 204 with a body")
                continue
            for kind, content in answer.get("content", {"": {}}).items():
                if not content.get("schema") and kind != "text/event-stream":
                    wrong.append(f"{operation.name}: {status} {kind} has no shape")
    assert not wrong, "\n".join(wrong)


def test_every_route_says_how_it_fails(house: House) -> None:
    """Guards: a client that meets its first error in production."""
    wrong = []
    for operation in house.operations():
        content = operation.answers().get("default", {}).get("content", {})
        if not content.get(MEDIA_TYPE, {}).get("schema", {}).get("$ref", "").endswith("ProblemDocument"):
            wrong.append(operation.name)
    assert not wrong, "\n".join(wrong)


def test_the_document_holds_together(house: House) -> None:
    """Guards: a reference to nothing, and two operations of one name, at which generators of clients stop."""
    document = house.document()
    for reference in set(references(document)):
        target: Any = document
        for step in reference.removeprefix("#/").split("/"):
            assert step in target, reference
            target = target[step]
    names = [operation.described["operationId"] for operation in house.operations()]
    assert len(names) == len(set(names))
    for schema in document["components"]["schemas"].values():
        assert meta.is_valid(schema)


def references(node: Any) -> Iterator[str]:
    """Every `$ref` in a document."""
    if isinstance(node, dict):
        if isinstance(node.get("$ref"), str):
            yield node["$ref"]
        for value in node.values():
            yield from references(value)
    elif isinstance(node, list):
        for value in node:
            yield from references(value)


def test_who_may_use_a_route_is_described(house: House) -> None:
    """Guards: a route that asks for a token without saying so; generated clients would never send one."""
    wrong = []
    for operation in house.operations():
        signed_in = uses_of(house.door)[operation.name].roles is not None
        if signed_in != bool(operation.described.get("security")):
            wrong.append(operation.name)
    assert not wrong, "\n".join(wrong)


def test_parameters_are_bounded(house: House) -> None:
    """Guards: text without an end, and whole numbers that a database cannot hold."""
    wrong = []
    for operation in house.operations():
        for name, parameter in (operation.parameters("query") | operation.parameters("path")).items():
            for schema in parameter["schema"].get("anyOf", [parameter["schema"]]):
                if schema.get("type") == "string" and not _bounded_text(schema):
                    wrong.append(f"{operation.name}: {name} is text of any length")
                if schema.get("type") == "integer" and not {"maximum", "minimum"} <= schema.keys():
                    wrong.append(f"{operation.name}: {name} is any number")
    assert not wrong, "\n".join(wrong)


def _bounded_text(schema: dict[str, Any]) -> bool:
    return bool({"maxLength", "enum", "format", "pattern", "const"} & schema.keys())


# ---- Events ---------------------------------------------------------------------------------------------------


def test_every_event_has_a_type_and_a_topic_of_its_own() -> None:
    """Guards: two events that a consumer cannot tell apart."""
    classes = event_classes()
    assert len(classes) > 20
    types = [each.type() for each in classes]
    assert len(set(types)) == len(types)
    assert len({each.topic() for each in classes}) == len(types)


def test_every_event_is_public() -> None:
    """Guards: an event that is announced and stands in no contract."""
    public = set(event_classes())
    ours = ("services.", "gateway.")
    hidden = [
        each
        for each in all_subclasses(EventData)
        if hasattr(each, "event") and each not in public and each.__module__.startswith(ours)
    ]
    assert hidden == []


@pytest.mark.parametrize("made", event_classes(), ids=lambda each: each.type())
def test_an_event_is_well_named_and_has_a_shape(made: type[EventData]) -> None:
    """Guards: the list of events that vendors subscribe by."""
    parts = (made.service, made.noun, made.event)
    assert all(WORD.fullmatch(part) for part in parts), parts
    assert made.topic() == f"{EVENT_TOPICS}/{'/'.join(parts)}" == topic_of_type(made.type())
    assert CONTRACTS[made.service].__name__ == made.__module__.partition(".contract")[0] + ".contract"
    assert made.__name__[0].isupper() and made.model_config.get("frozen")
    schema = made.model_json_schema()
    assert meta.is_valid(schema)
    assert schema["properties"], "an event that says nothing"
    for name, described in schema["properties"].items():
        assert {"type", "anyOf", "$ref", "allOf", "enum"} & described.keys(), f"{name} may be anything"


def test_an_event_survives_the_wire(house: House) -> None:
    """Guards: a time zone or a text that arrives as another."""
    from datetime import UTC, datetime

    from services.kernel.events import Event
    from services.lifecycle.contract import ProductRegistered

    now = datetime(2026, 1, 5, 8, 30, 0, 123456, tzinfo=UTC)
    data = ProductRegistered(device_id="pump-01", type_id="t", serial="序列号-1")
    times = {"business_time": now, "wall_time": now}
    sent = make_event(data, event_id="e-1", subject="s", organisation="o", correlation_id="c", **times)
    received = Event.from_bytes(sent.to_bytes())
    assert received == sent
    assert ProductRegistered.of(received) == data
