"""What `opensom bench gateway` measures, each in a process of its own, served as `opensom up` serves it.

    python -m benchmarks.gateway_targets service DATA_DIR BROKER_PORT
    python -m benchmarks.gateway_targets mounted DATA_DIR BROKER_PORT
    python -m benchmarks.gateway_targets by-url  DATA_DIR BROKER_PORT SERVICE_URL

Prints its port, and ends when its standard input does.
"""

import json
import os
import signal
import sys
import threading
from pathlib import Path

from benchmarks.processes import say
from gateway.app import create_app as create_gateway
from opensom.composition import Place, mounted_services, serve
from opensom.supervisor import listen
from services.kernel.logs import configure_logs


def main(kind: str, data_dir: str, broker_port: str, service_url: str = "") -> None:
    """Serve one kind of target until standard input ends."""
    os.environ["OPENSOM_RATE_PER_S"] = "0"  # The limit of requests a second is not what is measured.
    if service_url:
        os.environ["OPENSOM_SERVICE_URLS"] = json.dumps({"lifecycle": service_url})
    configure_logs(kind, level="INFO")  # Every request writes its line, as in use; the line goes nowhere.
    listener = listen(0)
    port = int(listener.getsockname()[1])
    place = Place(Path(data_dir), int(broker_port), port)
    if kind == "service":
        app = mounted_services(place)["lifecycle"]
        ending = lambda: None  # noqa: E731
    else:
        app = create_gateway(place.gateway(), mounted_services(place) if kind == "mounted" else {})
        ending = app.state.gateway.close_streams
    threading.Thread(target=_end_with_input, daemon=True).start()
    say(port=port)
    serve(app, listener, ending)


def _end_with_input() -> None:
    sys.stdin.read()
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    sys.stderr = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115
    main(*sys.argv[1:])
