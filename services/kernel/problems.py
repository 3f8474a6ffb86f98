"""What went wrong, as RFC 9457 problem details with a stable code and a message in Chinese and English."""

import json
import math
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any, Literal
from urllib.parse import quote

import structlog
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ConfigDict
from starlette.exceptions import HTTPException
from starlette.requests import HTTPConnection, Request
from starlette.responses import Response

from services.kernel.logs import correlation_id, is_secret
from services.kernel.problem_texts import STATUSES, VALIDATION_EN, VALIDATION_ZH

Language = Literal["zh", "en"]
MEDIA_TYPE = "application/problem+json"
LANGUAGE_COOKIE = "language"
_ERRORS_MAX = 50  # A list of ten thousand bad items needs no ten thousand messages.
_LOCATION_TEXT_MAX = 80

_log = structlog.get_logger(__name__)


class FieldError(BaseModel):
    """One thing that is wrong in a request: where (`body`, `query`, ... then names and positions) and what."""

    location: list[str | int]
    type: str
    zh: str
    en: str


class ProblemDocument(BaseModel):
    """The body of every error answer (RFC 9457), `application/problem+json`; a problem may carry more members."""

    model_config = ConfigDict(extra="allow")

    type: str
    title: str
    status: int
    detail: str
    code: str
    detail_zh: str
    detail_en: str
    instance: str
    correlation_id: str | None = None
    errors: list[FieldError] | None = None


class Problem(HTTPException):
    """An error to tell the caller about: `code` is stable and kebab-case, `zh` and `en` say what to do about it.

    `members` become extra members of the answer. It is an HTTPException because FastAPI lets only these through
    where it reads a body and would turn any other exception into a bare 400.
    """

    def __init__(
        self, code: str, status: int, zh: str, en: str, *, headers: Mapping[str, str] | None = None, **members: Any
    ) -> None:
        super().__init__(status, en, dict(headers) if headers else None)
        self.code = code
        self.status = status
        self.zh = zh
        self.en = en
        self.members = members

    def __str__(self) -> str:
        return f"{self.code}: {self.en}"

    def document(self, language: Language, instance: str, correlation: str | None) -> dict[str, Any]:
        """The members of the answer in `language`, ready for JSON; `instance` is the path that was asked for."""
        _, title_zh, title_en = STATUSES.get(self.status, STATUSES[500 if self.status >= 500 else 400])
        return {
            **{name: _json_safe(value) for name, value in self.members.items()},
            "type": f"/problems/{self.code}",
            "title": title_zh if language == "zh" else title_en,
            "status": self.status,
            "detail": self.zh if language == "zh" else self.en,
            "code": self.code,
            "detail_zh": self.zh,
            "detail_en": self.en,
            "instance": instance,
            "correlation_id": correlation,
        }


def not_found(noun: str, identifier: object, noun_zh: str = "对象") -> Problem:
    """404 `not-found`: there is no `noun` (English, `noun_zh` Chinese) of this identifier that the caller may see."""
    return Problem(
        "not-found",
        404,
        f"未找到{noun_zh} {identifier}，或您无权查看。",
        f"There is no {noun} {identifier} that you may see.",
        noun=noun,
        id=str(identifier),
    )


def forbidden(
    zh: str = "您没有执行此操作的权限。", en: str = "You are not allowed to do this.", **members: Any
) -> Problem:
    """403 `forbidden`."""
    return Problem("forbidden", 403, zh, en, **members)


def conflict(zh: str, en: str, code: str = "conflict", **members: Any) -> Problem:
    """409: the present state does not allow it; give a narrower `code` where callers may want to tell."""
    return Problem(code, 409, zh, en, **members)


def unavailable(zh: str, en: str, code: str = "unavailable", retry_after_s: int = 5, **members: Any) -> Problem:
    """503 with `Retry-After`."""
    return Problem(code, 503, zh, en, headers={"Retry-After": str(retry_after_s)}, **members)


def language_of(connection: HTTPConnection) -> Language:
    """The language to answer in: the cookie `language`, else `Accept-Language`, else Chinese."""
    chosen = connection.cookies.get(LANGUAGE_COOKIE)
    if chosen in ("zh", "en"):
        return "zh" if chosen == "zh" else "en"
    best: tuple[float, Language] = (0.0, "zh")
    for part in connection.headers.get("accept-language", "").split(","):
        tag, _, parameters = part.strip().lower().partition(";")
        language: Language | None = "zh" if tag[:2] in ("zh", "*") else "en" if tag[:2] == "en" else None
        quality = _quality(parameters)
        if language and quality > best[0]:
            best = (quality, language)
    return best[1]


def problem_response(connection: HTTPConnection, problem: Problem) -> Response:
    """The answer that tells `problem` in the caller's language."""
    language = language_of(connection)
    content = problem.document(language, quote(connection.url.path, safe="/:@!$&'()*+,;=~%"), correlation_id())
    return Response(
        # Replaced, not refused: a lone surrogate in a caller's field name must not break the answer about it.
        json.dumps(content, ensure_ascii=False, allow_nan=False).encode("utf-8", "replace"),
        problem.status,
        {**(problem.headers or {}), "Content-Language": language, "Vary": "Accept-Language, Cookie"},
        MEDIA_TYPE,
    )


def problem_handlers(app: FastAPI) -> None:
    """Make every error of `app` a problem detail: our own, the framework's, and the unexpected."""

    async def answer_http(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        if error.status_code < 400:  # Someone raised a redirect or 'not modified'; that is no problem.
            return Response(status_code=error.status_code, headers=error.headers)
        return problem_response(request, error if isinstance(error, Problem) else _described(error))

    async def answer_validation(request: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)
        return problem_response(request, invalid_request(error.errors()))

    async def answer_unexpected(request: Request, error: Exception) -> Response:
        return internal_error(request, error)

    app.add_exception_handler(HTTPException, answer_http)
    app.add_exception_handler(RequestValidationError, answer_validation)
    app.add_exception_handler(Exception, answer_unexpected)


def internal_error(connection: HTTPConnection, error: Exception) -> Response:
    """Log `error` with its traceback, and answer 500 without it."""
    _log.error("request failed", path=connection.url.path, exc_info=error)
    return problem_response(
        connection,
        Problem(
            "internal-error",
            500,
            "服务内部出错，已记入日志。报告问题时请附上 correlation_id。",
            "Something went wrong inside the service and was logged. Please quote the correlation_id in a report.",
        ),
    )


def invalid_request(errors: Sequence[Mapping[str, Any]]) -> Problem:
    """422 `invalid-request` that lists pydantic's `errors` in both languages, without what was sent."""
    shown = [_field_error(error) for error in errors[:_ERRORS_MAX]]
    first = shown[0] if shown else None
    where = ".".join(str(item) for item in first.location) if first else ""
    return Problem(
        "invalid-request",
        422,
        f"请求有 {len(errors)} 处不符合要求" + (f"，首先是 {where}：{first.zh}。" if first else "。"),
        f"The request has {len(errors)} invalid value(s)" + (f", first {where}: {first.en}." if first else "."),
        errors=[error.model_dump() for error in shown],
        errors_count=len(errors),
    )


def _described(error: HTTPException) -> Problem:
    """A problem for an error of the framework, or of code that raised a plain HTTPException."""
    fallback = STATUSES[500 if error.status_code >= 500 else 400]
    code, zh, en = STATUSES.get(error.status_code, fallback)
    said = error.detail if isinstance(error.detail, str) else ""
    standard = any(said == status.phrase for status in HTTPStatus)
    english = said if said and not standard else en
    return Problem(code, error.status_code, f"{zh}。", english.rstrip(".") + ".", headers=error.headers)


def _field_error(error: Mapping[str, Any]) -> FieldError:
    kind = str(error.get("type", "value_error"))
    location = [item if isinstance(item, int) else str(item)[:_LOCATION_TEXT_MAX] for item in error.get("loc", ())]
    context = error.get("ctx") or {}
    english = str(error.get("msg", "Invalid value"))
    if any(is_secret(str(item)) for item in location) and kind not in VALIDATION_ZH:
        return FieldError(location=location, type=kind, zh="值无效", en="Invalid value")
    if kind in VALIDATION_EN:
        english = _filled(VALIDATION_EN[kind], context)
    if kind == "value_error":  # Raised by our own validators, in their own words.
        chinese = f"值无效：{english.removeprefix('Value error, ')}"
    else:
        chinese = _filled(VALIDATION_ZH.get(kind, f"值无效（{kind}）"), context)
    return FieldError(location=location, type=kind, zh=chinese, en=english)


def _filled(template: str, context: Mapping[str, Any]) -> str:
    try:
        return template.format_map(context)
    except (KeyError, IndexError, ValueError):  # Another version of pydantic may name its context otherwise.
        return template.partition("{")[0].rstrip("：: ")


def _json_safe(value: Any) -> Any:
    """`value` in terms that JSON has; NaN and the infinities, which it has not, become text."""
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, BaseModel):
        return _json_safe(value.model_dump())
    if isinstance(value, Mapping):
        return {str(key): _json_safe(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_json_safe(inner) for inner in value]
    return str(value)


def _quality(parameters: str) -> float:
    try:
        return float(parameters.partition("q=")[2]) if "q=" in parameters else 1.0
    except ValueError:
        return 0.0
