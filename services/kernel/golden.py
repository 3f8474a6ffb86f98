"""Golden numbers: published values that the rules must reproduce, recomputed on demand."""

import importlib
from collections.abc import Iterator
from dataclasses import asdict, dataclass, is_dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel


@dataclass(frozen=True)
class GoldenResult:
    """One recomputed value beside the published one."""

    id: str
    rule: str
    source: str
    expected: Any
    computed: Any
    tolerance: float
    unit: str
    passed: bool


def check_golden(path: Path) -> Iterator[GoldenResult]:
    """Recompute every entry of a `golden.yaml`.

    An entry names `id`, `rule` (dotted path of a function), `source`, `inputs` (keyword arguments), `expected` (a
    number, a text, or a mapping of the result's fields) and `tolerance` (absolute).
    """
    for entry in yaml.load(path.read_text(encoding="utf-8"), Loader=yaml.CSafeLoader) or []:
        module, _, name = entry["rule"].rpartition(".")
        try:
            computed = _plain(getattr(importlib.import_module(module), name)(**entry["inputs"]))
        except Exception as error:
            computed = repr(error)
        expected, tolerance = entry["expected"], float(entry.get("tolerance", 0))
        if isinstance(expected, dict) and isinstance(computed, dict):
            computed = {key: computed.get(key) for key in expected}
        yield GoldenResult(
            id=entry["id"],
            rule=entry["rule"],
            source=entry["source"],
            expected=expected,
            computed=computed,
            tolerance=tolerance,
            unit=entry.get("unit", ""),
            passed=_agrees(expected, computed, tolerance),
        )


def _plain(value: Any) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        return {key: _plain(each) for key, each in asdict(value).items()}
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json")
    if isinstance(value, Decimal):
        return float(value)
    if hasattr(value, "tolist"):
        return value.tolist()
    return value


def _agrees(expected: Any, computed: Any, tolerance: float) -> bool:
    if isinstance(expected, dict):
        return isinstance(computed, dict) and all(
            _agrees(value, computed.get(key), tolerance) for key, value in expected.items()
        )
    if isinstance(expected, list | tuple):
        return (
            isinstance(computed, list | tuple)
            and len(expected) == len(computed)
            and all(_agrees(left, right, tolerance) for left, right in zip(expected, computed, strict=True))
        )
    if isinstance(expected, bool | str) or expected is None:
        return bool(expected == computed)
    try:
        return abs(float(computed) - float(expected)) <= tolerance
    except (TypeError, ValueError):
        return False
