"""The command `opensom`. Each subcommand parses, calls, prints; what takes long to import is imported when used."""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

from opensom.words import console, done, give_up, say

app = typer.Typer(
    help="OpenSOM：服务型制造开放参考平台 / the open reference platform for service-oriented manufacturing",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
database_app = typer.Typer(help="数据库 / Databases", no_args_is_help=True)
device_app = typer.Typer(help="设备 / Devices", no_args_is_help=True)
simulate_app = typer.Typer(help="模拟外部世界 / The simulated world outside", no_args_is_help=True)
app.add_typer(database_app, name="db")
app.add_typer(device_app, name="device")
app.add_typer(simulate_app, name="simulate")

DataDir = Annotated[
    Path, typer.Option("--data-dir", help="数据目录 / Directory of the data", envvar="OPENSOM_DATA_DIR")
]
Port = Annotated[
    int, typer.Option(min=0, max=65535, help="HTTP 端口，被占用时取下一个 / HTTP port, else the next free")
]
Speed = Annotated[
    float | None,
    typer.Option(min=1, max=3600, help="业务时间倍速，默认不变 / Speed of business time; stays if not given"),
]
Json = Annotated[Path | None, typer.Option("--json", help="把结果写入此文件 / Write the results to this file")]
VAR = Path("var")
DEMO_SPEED = 60.0


@app.command()
def up(
    data_dir: DataDir = VAR,
    port: Port = 8000,
    speed: Speed = None,
    simulator: Annotated[bool, typer.Option("--simulator/--no-simulator", help="模拟设备群 / Simulated fleet")] = False,
) -> None:
    """启动平台 / Start the platform."""
    from opensom.local_run import run

    run(data_dir, port, speed, first_speed=1.0, simulator=simulator, seeds=simulator)


@app.command()
def demo(
    data_dir: DataDir = VAR,
    port: Port = 8000,
    speed: Speed = None,
    simulator: Annotated[bool, typer.Option("--simulator/--no-simulator", help="模拟设备群 / Simulated fleet")] = True,
) -> None:
    """启动平台、演示数据和模拟设备群，并给出控制台链接 / Start the platform with demo data and its simulated fleet."""
    from opensom.local_run import run

    run(data_dir, port, speed, first_speed=DEMO_SPEED, simulator=simulator, seeds=True)


@app.command()
def link(data_dir: DataDir = VAR) -> None:
    """为运行中的平台生成新的一次性登录链接 / Make a new one-time sign-in link for the running platform."""
    with _at_the_door(data_dir) as (visitor, _):
        console.out(visitor.console_link(), highlight=False)


@app.command()
def tour(
    json_path: Json = None,
    speed: Annotated[float, typer.Option(min=60, max=3600, help="业务时间倍速 / Speed of business time")] = 600.0,
    keep: Annotated[Path | None, typer.Option(help="保留数据的目录 / Keep the data in this directory")] = None,
) -> None:
    """无界面走完主线故事，逐条给出评价条款的证据 / Run the story headless and show the evidence clause by clause."""
    from opensom.tour.run import run_tour

    report = run_tour(speed, keep)
    if json_path:
        _write_json(json_path, report.document())
    raise typer.Exit(0 if report.whole else 1)


@app.command()
def selfcheck(json_path: Json = None) -> None:
    """重算全部公开的标准数值，逐行给出 PASS 或 DIFF / Recompute every published number: PASS or DIFF."""
    from dataclasses import asdict

    from opensom.selfcheck import golden_results, line_of

    found: list[dict[str, Any]] = []
    for service, result in golden_results():
        print(line_of(service, result))
        found.append({"service": service, **asdict(result)})
    differing = [each for each in found if not each["passed"]]
    if json_path:
        _write_json(json_path, {"values": found, "passed": len(found) - len(differing), "differing": len(differing)})
    if not found:
        give_up("没有找到标准数值。", "No golden values were found.")
    raise typer.Exit(1 if differing else 0)


@app.command()
def bench(
    name: str = typer.Argument(help="名称，如 ingest / Name, for example ingest"),
    json_path: Json = None,
    quick: Annotated[
        bool, typer.Option("--quick", help="缩短版，数字仅供参考 / Shorter, its numbers for a look")
    ] = False,
) -> None:
    """运行一项性能测试 / Run one benchmark."""
    from opensom.bench import known_benchmarks, run_benchmark

    if name not in known_benchmarks():
        give_up(
            f"没有名为 {name!r} 的性能测试；已有：{'、'.join(known_benchmarks())}",
            f"there is no benchmark {name!r}; known: {', '.join(known_benchmarks())}",
            2,
        )
    document = run_benchmark(name, quick=quick)
    if json_path:
        _write_json(json_path, document)


@database_app.command("upgrade")
def database_upgrade(data_dir: DataDir = VAR) -> None:
    """把每个服务的数据库升级到最新版本 / Bring every service's database to the newest version."""
    from opensom.composition import upgrade_databases

    for service, place in upgrade_databases(data_dir):
        done(f"{service} 已是最新版本", f"{service} is up to date", place)


@device_app.command("add")
def device_add(
    name: str = typer.Argument(help="设备编号：小写字母、数字、连字符 / Lower-case letters, digits, hyphens"),
    type_id: Annotated[str, typer.Option("--type", help="产品型号 / Product type")] = "pump-process-75",
    customer: Annotated[str, typer.Option(help="客户组织 / Customer organisation")] = "customer-01",
    data_dir: DataDir = VAR,
) -> None:
    """登记一台设备，给出代理地址、凭据和可直接粘贴的发送命令 / Register a device; prints how it connects."""
    from opensom.devices import add_device, print_credentials

    with _at_the_door(data_dir) as (visitor, _):
        print_credentials(*add_device(visitor, name, type_id, customer))


@simulate_app.command("replay")
def simulate_replay(
    file: Path = typer.Argument(exists=True, dir_okay=False, help="振动记录 / Recorded vibration, .npz or .csv"),
    device: str = typer.Option(..., "--as", help="以此设备编号发送 / Device that it is sent as"),
    rpm: Annotated[float | None, typer.Option(min=1, help="转速 / Shaft speed, 1/min")] = None,
    bearing: Annotated[str | None, typer.Option(help="轴承型号 / Bearing, such as 6205")] = None,
    channel: Annotated[str | None, typer.Option(help="通道，默认第一个 / Channel, the first if none is named")] = None,
    realtime: Annotated[bool, typer.Option(help="按原速发送 / As slowly as it was recorded")] = False,
    customer: Annotated[str, typer.Option(help="客户组织 / Customer organisation")] = "customer-01",
    data_dir: DataDir = VAR,
) -> None:
    """把记录的信号作为一台设备发给平台 / Send a recorded signal to the running platform as a device."""
    from opensom.devices import replay

    how = {"rpm": rpm, "bearing": bearing, "channel": channel, "realtime": realtime}
    with _at_the_door(data_dir) as (visitor, running):
        replay(visitor, data_dir, running, file, device, customer, **how)


@contextmanager
def _at_the_door(data_dir: Path) -> Iterator[tuple[Any, Any]]:
    """The administrator at the gateway that runs over `data_dir`, and the note on what runs there."""
    import httpx2

    from opensom.installation import Installation
    from opensom.visitor import Refused, administrator

    running = Installation(data_dir).running()
    if running is None:
        give_up(
            f"{data_dir} 中没有运行的平台：请先运行 opensom demo 或 opensom up。",
            f"no platform runs over {data_dir}: start it with `opensom demo` or `opensom up` first.",
        )
    try:
        with administrator(running.url, data_dir) as visitor:
            yield visitor, running
    except Refused as refused:
        give_up(*refused.words)
    except httpx2.HTTPError as error:
        give_up(f"{running.url} 未应答。", f"{running.url} does not answer: {error}")


def _write_json(path: Path, document: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(document, ensure_ascii=False, indent=1, default=str) + "\n", encoding="utf-8")
    say(f"已写入 {path}", f"written to {path}")


def main() -> None:
    """Entry point of the installed script."""
    # Numeric threads in each process only get in each other's way; and the parent of forks must have none.
    for variable in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ.setdefault(variable, "1")
    app()
