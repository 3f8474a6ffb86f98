"""Recomputes every published number that the rules must reproduce."""

from collections.abc import Iterator
from pathlib import Path

from services.kernel.golden import GoldenResult, check_golden

SERVICES = Path(__file__).resolve().parents[1] / "services"


def golden_results() -> Iterator[tuple[str, GoldenResult]]:
    """(service, result) of every golden value of every service, in order of service and file."""
    for path in sorted(SERVICES.glob("*/golden.yaml")):
        for result in check_golden(path):
            yield path.parent.name, result


def line_of(service: str, result: GoldenResult) -> str:
    """One line: PASS or DIFF, what it is, what was expected and computed, and whose number it is."""
    verdict = "PASS" if result.passed else "DIFF"
    tolerance = f" ± {result.tolerance:g}" if result.tolerance else ""
    unit = f" {result.unit}" if result.unit else ""
    return (
        f"{verdict} {service}/{result.id}: {_short(result.computed)} "
        f"({_short(result.expected)}{tolerance}{unit}; {result.source})"
    )


def _short(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, dict):
        return ", ".join(f"{key}={_short(inner)}" for key, inner in value.items())
    if isinstance(value, list | tuple):
        return "[" + ", ".join(_short(inner) for inner in value) + "]"
    return str(value)
