"""A run on this machine: holds the data directory, starts everything, and stays until it is told to end."""

import gc
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import typer
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from opensom.installation import Installation, InUse, Running
from opensom.supervisor import NotReady, Stopped, Supervisor
from opensom.words import console, done, give_up, say, warn
from services.kernel.broker import BrokerFailed, EmbeddedBroker
from services.kernel.clock import monotonic_s

BROKER_PORT = 1883
LABELS = {
    "broker": ("消息代理", "broker"),
    "platform": ("平台", "platform"),
    "ingest": ("数据采集", "ingest"),
    "simulator": ("模拟设备群", "simulated fleet"),
}
TRIM_INTERVAL_S = 60.0


@dataclass(frozen=True)
class Wish:
    """What is to run: wanted ports (0: any), speed of the first start, simulator and demo data or not."""

    data_dir: Path
    port: int = 8000
    broker_port: int = BROKER_PORT
    speed: float = 1.0
    simulator: bool = False
    seeds: bool = False


@contextmanager
def started(
    installation: Installation, wish: Wish, told: Callable[[str, str], None], waited: Callable[[], None]
) -> Iterator[Supervisor]:
    """Everything that was wished for, ready; it ends with the block.

    `told(part, address)` hears of each part that is ready, `waited` is called again and again while there are others.
    Raises InUse, NotReady, BrokerFailed, Stopped.
    """
    with installation.locked():
        broker = EmbeddedBroker(installation.data_dir / "broker", wish.broker_port)
        broker.start()
        supervisor = Supervisor(broker, [])
        try:
            supervisor.end_on_signals()
            told("broker", f"127.0.0.1:{broker.port}")
            gc.disable()  # Nothing of what is imported is garbage.
            from opensom.composition import parts_of  # Two seconds of imports, once for all children.

            gc.freeze()  # Children share this memory with us as long as nobody writes to it.
            gc.enable()
            parts, url = parts_of(installation, wish, broker.port)
            supervisor.parts = parts
            supervisor.start()
            supervisor.wait_ready(lambda part: told(part.process.name, url if part is parts[0] else ""), waited)
            installation.note(_note(supervisor, url))
            yield supervisor
        finally:
            supervisor.stop()


def run(data_dir: Path, port: int, speed: float | None, *, first_speed: float, simulator: bool, seeds: bool) -> None:
    """`opensom up` and `opensom demo`: returns when it was told to end.

    Business time runs at `speed`; without one as fast as it did before, the first time at `first_speed`.
    """
    start_s = monotonic_s()
    installation = Installation(data_dir)
    wish = Wish(data_dir, port, BROKER_PORT, speed or first_speed, simulator, seeds)
    say("OpenSOM 正在启动", "OpenSOM is starting")
    progress = Progress(
        SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn(), console=console, transient=True,
        auto_refresh=False, disable=not console.is_terminal,  # A refreshing thread would not survive the forks.
    )  # fmt: skip
    progress.add_task("正在启动各部分 / starting the parts")

    def told(part: str, address: str) -> None:
        done(*LABELS[part], address)
        progress.refresh()

    progress.start()
    try:
        with failures_told(installation), started(installation, wish, told, progress.refresh) as supervisor:
            progress.stop()
            _welcome(installation, wish, speed, monotonic_s() - start_s)
            _stay(installation, supervisor)
            say("正在停止", "stopping")
    finally:
        progress.stop()
    say("已停止", "stopped")


@contextmanager
def failures_told(installation: Installation) -> Iterator[None]:
    """Ends the command with a sentence where a run cannot start or go on, or was told to end while it started."""
    try:
        yield
    except InUse as error:
        _say_in_use(installation, error)
    except NotReady as error:
        _say_not_ready(installation, error)
    except BrokerFailed as error:
        give_up("消息代理未能启动。", f"the broker did not start: {error}")
    except OSError as error:  # No free port, a directory that may not be written, a full disk.
        give_up(f"系统不允许：{error}", f"the system does not let it run: {error}")
    except Stopped:
        say("已停止", "stopped")
        raise typer.Exit(0) from None


def _welcome(installation: Installation, wish: Wish, speed: float | None, seconds: float) -> None:
    from opensom.visitor import administrator

    running = installation.running()
    if running is None:
        return
    wanted = f"http://127.0.0.1:{wish.port}"
    if wish.port and running.url != wanted:
        warn(f"端口 {wish.port} 已被占用，改用 {running.url}", f"port {wish.port} is in use; it is {running.url} now")
    say(f"就绪，用时 {seconds:.1f} 秒", f"ready after {seconds:.1f} s", "bold")
    with administrator(running.url, installation.data_dir) as visitor:
        if speed is not None:
            visitor.post("/api/clock", {"speed": speed})
        console.print(f"\n  控制台 [dim]/ Console[/]：[bold cyan]{visitor.console_link()}[/]")
    say("  链接只能用一次；运行 opensom link 可再要一个", "the link works once; `opensom link` makes another", "dim")
    say("  按 Ctrl-C 结束", "Ctrl-C ends it", "dim")


def _stay(installation: Installation, supervisor: Supervisor) -> None:
    url = (installation.running() or Running(pid=0)).url
    trimmed_s = monotonic_s()

    def healed(name: str) -> None:
        warn(
            f"{LABELS[name][0]}意外退出，已重新启动", f"the {LABELS[name][1]} ended unexpectedly and was started again"
        )
        installation.note(_note(supervisor, url))

    def trim() -> None:
        nonlocal trimmed_s
        if monotonic_s() - trimmed_s > TRIM_INTERVAL_S:
            trimmed_s = monotonic_s()
            installation.trim_logs()

    supervisor.watch(healed, trim)


def _note(supervisor: Supervisor, url: str) -> Running:
    return Running(pid=os.getpid(), url=url, broker_port=supervisor.broker.port, children=supervisor.pids())


def _say_in_use(installation: Installation, error: InUse) -> None:
    pid = f"（进程 {error.running.pid}）" if error.running else ""
    at = f"，地址 {error.running.url}" if error.running and error.running.url else ""
    number = f" (process {error.running.pid})" if error.running else ""
    where = f" at {error.running.url}" if error.running and error.running.url else ""
    give_up(
        f"{installation.data_dir} 已有 OpenSOM 在运行{pid}{at}。请先结束它，或用 --data-dir 指定别的目录。",
        f"OpenSOM already runs over {installation.data_dir}{number}{where}. End it first, or name another --data-dir.",
        3,
    )


def _say_not_ready(installation: Installation, error: NotReady) -> None:
    log = installation.log_path(error.part)
    if log.exists():
        console.print("".join(log.read_text(encoding="utf-8", errors="replace").splitlines(keepends=True)[-15:]))
    zh, en = LABELS.get(error.part, (error.part, error.part))
    give_up(f"{zh}：{error.reason_zh}。日志：{log}", f"{en}: {error.reason_en}. Log: {log}")
