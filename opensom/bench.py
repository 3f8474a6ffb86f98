"""Runs the module `benchmarks.NAME` and puts its results into the shape that all benchmarks share."""

import importlib
import inspect
import os
import pkgutil
import platform
from typing import Any

import benchmarks


def known_benchmarks() -> list[str]:
    """Names that `opensom bench` takes: the modules and packages of `benchmarks` that have a `run`."""
    names = (module.name for module in pkgutil.iter_modules(benchmarks.__path__))
    return sorted(name for name in names if hasattr(importlib.import_module(f"benchmarks.{name}"), "run"))


def run_benchmark(name: str, *, quick: bool = False) -> dict[str, Any]:
    """`{"name", "machine", "results": [{"metric", "value", "unit", "baseline", "ratio"}]}` of one benchmark.

    A benchmark's `run()` answers its results as a list, or the whole document; `quick` asks for a shorter one, which
    a benchmark that is short already does not know.
    """
    run = importlib.import_module(f"benchmarks.{name}").run
    answer = run(quick=True) if quick and "quick" in inspect.signature(run).parameters else run()
    if isinstance(answer, dict):
        return answer
    machine = {"cores": os.cpu_count(), "system": platform.platform(), "python": platform.python_version()}
    results = [{"baseline": None, "ratio": None, **result} for result in answer]
    return {"name": name, "machine": machine, "results": results}
