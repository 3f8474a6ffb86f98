"""`opensom tour`: the whole platform on free ports in a directory of its own, the story, and the evidence."""

import os
import signal
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from types import FrameType
from typing import Any

import httpx2
from rich.markup import escape

from opensom.installation import Installation
from opensom.local_run import LABELS, Wish, failures_told, started
from opensom.supervisor import Stopped, Supervisor
from opensom.tour.report import SHOWN, Report, make_report
from opensom.tour.stage import Cast, Scene, StoryBroken
from opensom.tour.story import STORY
from opensom.visitor import Refused, Visitor, administrator
from opensom.words import console, done, errors, give_up, say, warn
from services.kernel.clock import monotonic_s, wall_now

HOUR_UTC = 5  # 13:00 where the fleet stands: pumps run, and the day ends before long.
PEOPLE = ("maker-engineer", "maker-manager", "evaluator")


def run_tour(speed: float, keep: Path | None) -> Report:
    """Start everything, take every step, ask every service for its evidence, print it and return it.

    A step that does not come about is told and ends the story; the evidence is asked for all the same.
    """
    start_s = monotonic_s()
    # Everybody here asks from one address and in a hurry.
    os.environ |= {"OPENSOM_BUSINESS_START": next_monday(wall_now()).isoformat(), "OPENSOM_RATE_PER_S": "0"}
    with _directory(keep) as folder:
        installation = Installation(folder)
        wish = Wish(folder, port=0, broker_port=0, speed=speed, simulator=True, seeds=True)
        say("OpenSOM 导览：正在启动", "OpenSOM tour: starting")
        start = started(installation, wish, lambda part, address: done(*LABELS[part], address), lambda: None)
        with failures_told(installation), start as supervisor:
            _leave_on_signals()
            report = _told(installation, supervisor, start_s)
    _print(report)
    return report


def _told(installation: Installation, supervisor: Supervisor, start_s: float) -> Report:
    running = installation.running()
    if running is None:
        raise Stopped
    cast = sign_in_all(running.url, installation.data_dir)
    try:
        steps = tell(Scene(cast), supervisor, start_s)
        return make_report(ask_for_evidence(cast.evaluator), steps, monotonic_s() - start_s)
    finally:
        cast.go_home()


def _leave_on_signals() -> None:
    """From here on the order to end interrupts whatever is waited for; everything is stopped on the way out."""

    def leave(number: int, _frame: FrameType | None) -> None:
        raise SystemExit(128 + number)

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, leave)


def next_monday(now: datetime) -> datetime:
    """The next Monday at HOUR_UTC: the same week in every tour, and never before wall time, which may not go back."""
    day = (now + timedelta(days=7 - now.weekday())).date()
    return datetime.combine(day, time(HOUR_UTC), tzinfo=UTC)


def sign_in_all(url: str, data_dir: Path) -> Cast:
    """Everybody signs in by a one-time link, which the administrator made for them."""
    with administrator(url, data_dir) as host:
        people = [Visitor(url).sign_in(host.link_for(name)) for name in PEOPLE]
        return Cast(Visitor(url).sign_in(host.console_link()), *people)


def tell(scene: Scene, supervisor: Supervisor, start_s: float) -> list[dict[str, Any]]:
    """Take every step and print what it saw; stops at the first that does not come about."""
    steps: list[dict[str, Any]] = []
    for step in STORY:
        step_s = monotonic_s()
        supervisor.heal()
        entry: dict[str, Any] = {"zh": step.zh, "en": step.en, "happened": True}
        steps.append(entry)
        try:
            entry["figures"] = step.take(scene)
        except (StoryBroken, Refused, httpx2.HTTPError) as broken:
            entry |= {"happened": False, "figures": {"missing": str(broken)}}
            warn(f"{step.zh}：{getattr(broken, 'zh', '平台未应答')}", f"{step.en}: {broken}")
            return steps
        entry["seconds"] = round(monotonic_s() - step_s, 1)
        done(step.zh, step.en, f"{monotonic_s() - start_s:.0f} s")
        for name, value in entry["figures"].items():
            console.print(f"      [dim]{name}[/] {escape(str(value))}")
    return steps


def ask_for_evidence(evaluator: Visitor) -> dict[str, dict[str, Any]]:
    """Each service's evidence, as the evaluator is shown it; of one that does not answer nothing is claimed."""
    answers: dict[str, dict[str, Any]] = {}
    for name in (each["service"] for each in evaluator.get("/api/health")["services"] if each["service"] != "gateway"):
        try:
            answers[name] = evaluator.get(f"/api/{name}/evidence")
        except (Refused, httpx2.HTTPError) as error:
            warn(f"{name} 未给出证据", f"{name} gave no evidence: {error}")
    return answers


@contextmanager
def _directory(keep: Path | None) -> Iterator[Path]:
    if keep is not None:
        if keep.exists() and any(keep.iterdir()):
            give_up(f"{keep} 不是空目录：导览从头开始。", f"{keep} is not empty: a tour begins from nothing.", 2)
        yield keep
        return
    with tempfile.TemporaryDirectory(prefix="opensom-tour-") as folder:
        yield Path(folder)


def _print(report: Report) -> None:
    claimed = set(report.claimed)
    for result in report.results:
        if result.clause.id in claimed or result.status == SHOWN:
            mark = "[green]✓[/]" if result.status == SHOWN else "[red]✗[/]"
            title = result.clause.title
            console.print(f"{mark} {result.clause.id} {escape(title.zh)} [dim]/ {escape(title.en)}[/]")
            console.print(f"    [dim]{escape(_figures(result.evidence))}[/]")
    counts = report.counts
    say(
        f"{counts['total']} 条：已展示 {counts['shown']}，尚未 {counts['not_yet']}，平台之外 {counts['outside']}；"
        f"独立演示 {counts['distinct']} 项，已展示 {counts['distinct_shown']} 项",
        f"{counts['total']} clauses: {counts['shown']} shown, {counts['not_yet']} not yet, "
        f"{counts['outside']} outside; "
        f"of {counts['distinct']} distinct demonstrations {counts['distinct_shown']} shown",
        "bold",
    )
    say(f"用时 {report.seconds:.0f} 秒", f"took {report.seconds:.0f} s")
    for clause_id in report.missing:
        errors.print(f"[red]✗[/] {clause_id} 声明可展示但没有证据 [dim]/ is claimed without evidence[/]")


def _figures(evidence: dict[str, Any]) -> str:
    if "same_as" in evidence:
        return "= " + ", ".join(evidence["same_as"])
    parts = [
        f"{figure['label_zh']} {figure['label_en']} {figure['value']} {figure['unit']}".rstrip()
        for answer in evidence.values()
        for figure in answer["figures"]
        if figure["value"] is not None
    ]
    return "; ".join(parts)
