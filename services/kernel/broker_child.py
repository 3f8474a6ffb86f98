"""The process in which a broker runs: `python -m services.kernel.broker_child iotcore|mosquitto OPTIONS`.

It prints the broker's process id as its first line and ends when its parent closes the pipe or is gone. Only the
standard library and the broker are imported here: the process is small and starts at once.
"""

import contextlib
import json
import logging
import os
import select
import signal
import subprocess
import sys
import threading
from typing import Any


def _wait_for_parent_end(parent: int) -> None:
    """Return when the parent closed our standard input or is gone.

    Linux's 'signal on parent's death' is not used: it fires when the *thread* that started the child ends, which
    a broker started from a request or a fixture would not survive. The pipe closes with the process, `kill -9`
    included; the look at the parent's id covers a copy of the pipe in some forked sibling.
    """
    while os.name != "posix" or os.getppid() == parent:
        if os.name != "posix":
            sys.stdin.buffer.read()
            return
        readable, _, _ = select.select([0], [], [], 0.5)
        if readable and not os.read(0, 1024):
            return


def _announce(pid: int) -> None:
    sys.stdout.write(f"{pid}\n")
    sys.stdout.flush()


def _allow_many_connections() -> None:
    with contextlib.suppress(ImportError, ValueError, OSError):
        import resource

        _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def _run_iotcore(options: dict[str, Any]) -> None:
    from iotcore import IotCoreBroker

    # rumqttd wraps routing in spans of level error, so that its log prints every packet.
    logging.basicConfig(level=logging.ERROR, stream=sys.stderr)
    logging.getLogger("rumqttd").setLevel(logging.CRITICAL)

    def end_with_parent() -> None:
        _wait_for_parent_end(options["parent"])
        os._exit(0)  # It has no shutdown call and nothing on disk.

    threading.Thread(target=end_with_parent, daemon=True).start()
    broker = IotCoreBroker(config_path=options["configuration"])
    broker.check_ports()  # It would run on without its listener.
    _announce(os.getpid())
    broker.run_forever()


def _run_mosquitto(options: dict[str, Any]) -> None:
    process = subprocess.Popen([options["program"], "-c", options["configuration"]], stdin=subprocess.DEVNULL)

    def end_with_parent() -> None:
        _wait_for_parent_end(options["parent"])
        process.terminate()  # It writes its sessions and retained messages to disk first.

    threading.Thread(target=end_with_parent, daemon=True).start()
    _announce(process.pid)
    sys.exit(process.wait())


def main(arguments: list[str]) -> None:
    """Be the broker's process: `iotcore` or `mosquitto`, then the options as JSON."""
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    _allow_many_connections()
    {"iotcore": _run_iotcore, "mosquitto": _run_mosquitto}[arguments[0]](json.loads(arguments[1]))


if __name__ == "__main__":
    main(sys.argv[1:])
