"""A log line tells which service and which story it is of, and no secret."""

import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from services.kernel.logs import REDACTED, configure_logs, correlated, correlation_id, redact, redact_text

TOKEN = "eyJhbGciOiJFZDI1NTE5In0.eyJzdWIiOiJhbGljZSJ9.c2lnbmF0dXJl"


@pytest.fixture
def output() -> Iterator[io.StringIO]:
    root = logging.getLogger()
    handlers, level = root.handlers, root.level
    stream = io.StringIO()
    yield stream
    root.handlers, root.level = handlers, level
    structlog.reset_defaults()


def lines(output: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in output.getvalue().splitlines()]


def test_a_line_names_its_service_and_its_story(output: io.StringIO) -> None:
    configure_logs("platform", json=True, output=output)
    log = structlog.get_logger("pumps")
    log.info("开始", count=3)
    with correlated("story-1", "lifecycle"):
        log.warning("found", kind="wear")
        with correlated("story-2"):
            assert correlation_id() == "story-2"
        assert correlation_id() == "story-1"
    assert correlation_id() is None
    first, second = lines(output)
    assert (first["event"], first["service"], first["level"], first["count"]) == ("开始", "platform", "info", 3)
    assert (second["service"], second["correlation_id"], second["kind"]) == ("lifecycle", "story-1", "wear")
    assert first["time"].endswith("Z") and "correlation_id" not in first


def test_libraries_lines_come_out_the_same_way(output: io.StringIO) -> None:
    configure_logs("platform", level="warning", json=True, output=output)
    with correlated("story-1"):
        logging.getLogger("paho").error("login with password=%s failed", "hunter2", extra={"api_key": "k-1"})
    logging.getLogger("paho").info("not wanted")
    structlog.get_logger().info("not wanted")
    (line,) = lines(output)
    assert (line["event"], line["correlation_id"]) == (f"login with password={REDACTED} failed", "story-1")
    assert line["api_key"] == REDACTED and line["logger"] == "paho"


@pytest.mark.parametrize("as_json", [True, False])
def test_no_secret_comes_out_wherever_it_stands(output: io.StringIO, as_json: bool) -> None:
    configure_logs("platform", json=as_json, output=output)
    log = structlog.get_logger()
    log.info(f"got Bearer {TOKEN}", headers={"Authorization": "Bearer hunter2", "Accept": "*/*"})
    log.info("nested", settings=[{"broker": {"password": "hunter2", "port": 1883}}], access_token="hunter2")
    log.info(f"connecting to postgresql://opensom:hunter2@db/pumps and {TOKEN}")
    try:
        raise ValueError(f"bad token {TOKEN} of mqtt://pump:hunter2@broker")
    except ValueError:
        log.exception("failed")
    text = output.getvalue()
    assert "hunter2" not in text and TOKEN not in text
    assert "1883" in text and "*/*" in text and "Traceback" in text and "@db/pumps" in text


def test_numbers_and_flags_beside_secret_words_are_no_secrets() -> None:
    event = {"tokens": 12, "token_expired": True, "password": None, "token": b"raw"}
    assert redact(None, "info", dict(event)) == {**event, "token": REDACTED}


def test_an_object_that_holds_itself_is_cut_short() -> None:
    loop: dict[str, Any] = {}
    loop["self"] = loop
    assert "..." in json.dumps(redact(None, "info", {"loop": loop}))


@given(st.text())
def test_any_text_can_be_redacted_twice_as_once(text: str) -> None:
    once = redact_text(text)
    assert redact_text(once) == once
