"""One description of all services' routes (OpenAPI 3.1), and its page."""

import re
from collections.abc import Mapping
from typing import Any

import httpx2
import structlog

from gateway.contract import API
from gateway.upstream import Services
from services.kernel.clock import monotonic_s

FETCH_TIMEOUT_S = 3.0
METHODS = ("get", "put", "post", "delete", "patch", "head", "options", "trace")
COMPONENT = re.compile(r"^#/components/([A-Za-z]+)/(.+)$")

Document = dict[str, Any]
log = structlog.get_logger(__name__)


class Descriptions:
    """The services' own descriptions: of a mounted one as it is, of one at a URL fetched and kept for a while."""

    def __init__(self, services: Services, keep_s: float) -> None:
        self._services, self._keep_s = services, keep_s
        self._fetched: dict[str, tuple[float, Document | None]] = {}

    async def merged(self, own: Document) -> Document:
        """`own` (the gateway's) with the paths and schemas of every service; one that is away is named as such."""
        documents = {name: await self._document(name) for name in self._services.names}
        return merge(own, documents)

    async def _document(self, name: str) -> Document | None:
        application = self._services.mounted.get(name)
        if application is not None and hasattr(application, "openapi"):
            described: Document = application.openapi()
            return described
        fetched_s, kept = self._fetched.get(name, (-1e9, None))
        if monotonic_s() - fetched_s < self._keep_s and kept is not None:
            return kept
        try:
            answer = await self._services.client(name).get("/openapi.json", timeout=FETCH_TIMEOUT_S)
            found = answer.raise_for_status().json()
            if not isinstance(found, dict) or not isinstance(found.get("paths"), dict):
                raise ValueError("not a description")
        except (httpx2.HTTPError, ValueError) as error:
            log.info("description unreachable", name=name, error=repr(error))
            return kept  # An old one is better than none; the next call tries again.
        self._fetched[name] = (monotonic_s(), found)
        return found


def merge(own: Document, services: Mapping[str, Document | None]) -> Document:
    """One document: paths under `/api/{service}`, schemas named `{service}_{schema}`, tags by service."""
    paths = {path: _tagged(item, "gateway", "") for path, item in own.get("paths", {}).items()}
    components: dict[str, dict[str, Any]] = {kind: dict(entries) for kind, entries in own.get("components", {}).items()}
    away = sorted(name for name, document in services.items() if document is None)
    for name, document in sorted(services.items()):
        if document is None:
            continue
        renamed = _renamed(document, name)
        for path, item in renamed.get("paths", {}).items():
            paths[f"{API}/{name}{path}"] = _tagged(item, name, f"{name}_")
        for kind, entries in renamed.get("components", {}).items():
            keep = components.setdefault(kind, {})
            keep.update(
                {key if kind == "securitySchemes" else f"{name}_{key}": value for key, value in entries.items()}
            )
    info = dict(own["info"])
    if away:
        note = f"未能连接 / unreachable: {', '.join(away)}"
        info["description"] = "\n\n".join(filter(None, (info.get("description", ""), note)))
    tags = [{"name": name} for name in ("gateway", *(name for name in sorted(services) if name not in away))]
    merged = {"openapi": own["openapi"], "info": info, "paths": paths, "components": components, "tags": tags}
    return {**merged, "x-unreachable": away} if away else merged


def _renamed(node: Any, name: str) -> Any:
    """A copy in which every reference to a component carries the service's name."""
    if isinstance(node, dict):
        copy = {key: _renamed(value, name) for key, value in node.items()}
        reference = copy.get("$ref")
        if isinstance(reference, str) and (found := COMPONENT.match(reference)):
            copy["$ref"] = f"#/components/{found[1]}/{name}_{found[2]}"
        mapping = copy.get("discriminator", {}).get("mapping") if isinstance(copy.get("discriminator"), dict) else None
        if isinstance(mapping, dict):
            for key, value in mapping.items():
                if isinstance(value, str) and (found := COMPONENT.match(value)):
                    mapping[key] = f"#/components/{found[1]}/{name}_{found[2]}"
        return copy
    if isinstance(node, list):
        return [_renamed(item, name) for item in node]
    return node


def _tagged(item: Mapping[str, Any], tag: str, prefix: str) -> dict[str, Any]:
    """A path's item whose operations carry the service as their only tag, and an id that is theirs alone."""
    return {
        key: {**value, "tags": [tag], "operationId": prefix + value.get("operationId", "")}
        if key in METHODS and isinstance(value, dict)
        else value
        for key, value in item.items()
    }
