"""Structured log lines that carry the correlation id and the service, and never a secret."""

import logging
import re
import sys
from collections.abc import Iterator, Mapping, MutableMapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, TextIO

import structlog

REDACTED = "[redacted]"
correlation: ContextVar[str] = ContextVar("correlation", default="")  # Empty outside of any story.
_DEPTH_MAX = 6  # Levels of nested values that are looked through; deeper ones are left out altogether.

_SECRET_KEY = re.compile(r"passw|secret|token|authori[sz]ation|cookie|credential|api_?key|private_?key", re.IGNORECASE)
_SECRET_TEXT = (
    (re.compile(r"\b(bearer|basic)\s+[\w.~+/=-]{6,}", re.IGNORECASE), rf"\1 {REDACTED}"),
    (re.compile(r"\beyJ[\w-]+\.[\w-]+\.[\w-]*"), REDACTED),  # A JSON web token, wherever it stands.
    (re.compile(r"://([^/\s:@]*):[^/\s@]+@"), rf"://\1:{REDACTED}@"),  # The password in a URL.
    (
        re.compile(r"\b(\w*(?:password|secret|token)[\"']?\s*[=:]\s*[\"']?)[^\s\"',;&]+", re.IGNORECASE),
        rf"\1{REDACTED}",
    ),
)


def configure_logs(service: str, *, level: str = "INFO", json: bool = False, output: TextIO | None = None) -> None:
    """Send every log line of this process, also those of libraries, to `output` (default: the error stream).

    `service` names the process in lines that no narrower `log_context` names; `level` is a name of the standard
    library. Calling it again replaces the configuration.
    """
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="time"),
        _context_adder(service),
    ]
    structlog.configure(
        processors=[structlog.stdlib.filter_by_level, *shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )
    renderer: Any = (
        structlog.processors.JSONRenderer(ensure_ascii=False)
        if json
        else structlog.dev.ConsoleRenderer(
            colors=(output or sys.stderr).isatty(), exception_formatter=structlog.dev.plain_traceback
        )
    )
    handler = logging.StreamHandler(output or sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*shared, structlog.stdlib.ExtraAdder()],
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.format_exc_info,  # Before redaction: a traceback may quote a secret.
                redact,
                renderer,
            ],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level.upper())
    logging.getLogger("uvicorn.access").setLevel(logging.WARNING)  # `http` writes its own line a request.
    for name in ("httpx2", "httpcore2", "alembic"):  # A line for every call says nothing.
        logging.getLogger(name).setLevel(logging.WARNING)
    # A tick that is skipped because a long job still runs is as it should be: what is due waits in the tables.
    logging.getLogger("apscheduler").setLevel(logging.ERROR)


@contextmanager
def correlated(identifier: str, service: str | None = None) -> Iterator[None]:
    """Inside the block this thread or task works on the story `identifier`, for `service`: its log lines say so."""
    mark = correlation.set(identifier)
    try:
        with structlog.contextvars.bound_contextvars(**({"service": service} if service else {})):
            yield
    finally:
        correlation.reset(mark)


def correlation_id() -> str | None:
    """The id of the story that this thread or task is part of, None outside of any."""
    return correlation.get() or None


def is_secret(key: str) -> bool:
    """Whether a field of this name holds something that must not be shown."""
    return _SECRET_KEY.search(key) is not None


def redact_text(text: str) -> str:
    """`text` with bearer strings, web tokens, passwords in URLs and `password=...` blotted out."""
    for pattern, replacement in _SECRET_TEXT:
        text = pattern.sub(replacement, text)
    return text


def redact(_logger: object, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Structlog processor: blot out secrets by key at any depth, and by their shape in any text."""
    return {key: _redacted(key, value, 0) for key, value in event.items()}


def _redacted(key: str, value: Any, depth: int) -> Any:
    if is_secret(key) and not isinstance(value, bool | int | float | None):
        return REDACTED
    if isinstance(value, str):
        return redact_text(value)
    if isinstance(value, bool | int | float | None):
        return value
    if depth >= _DEPTH_MAX:
        return "..."
    if isinstance(value, Mapping):
        return {str(name): _redacted(str(name), inner, depth + 1) for name, inner in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_redacted("", inner, depth + 1) for inner in value]
    return redact_text(repr(value))


def _context_adder(service: str) -> Any:
    def add_context(_logger: object, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        event.pop("color_message", None)  # Uvicorn says everything twice.
        event.setdefault("service", service)
        if correlation.get():
            event.setdefault("correlation_id", correlation.get())
        return event

    return add_context
