"""The published numbers that the rules must reproduce, recomputed for the fold-outs of the console."""

from pathlib import Path
from typing import Any

from gateway.console.views import GoldenCheck
from services.kernel.golden import check_golden

SERVICES = Path(__file__).resolve().parents[2] / "services"


def golden_checks() -> dict[str, GoldenCheck]:
    """Every published number by its id, with what the rule gives now."""
    return {
        each.id: GoldenCheck(
            id=each.id,
            passes=each.passed,
            expected=_short(each.expected),
            computed=_short(each.computed),
            unit=each.unit,
            source=each.source,
        )
        for path in sorted(SERVICES.glob("*/golden.yaml"))
        for each in check_golden(path)
    }


def _short(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, dict):
        return ", ".join(f"{name} {_short(inner)}" for name, inner in value.items())
    if isinstance(value, list | tuple):
        shown = ", ".join(_short(inner) for inner in value[:4])
        return f"{shown} …" if len(value) > 4 else shown
    return str(value)
