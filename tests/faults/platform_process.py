"""The platform's process as a child: gateway, lifecycle and billing, as `opensom up` runs them."""

import os
from pathlib import Path

from opensom.composition import Place, run_platform
from opensom.supervisor import listen
from tests.faults.children import told_to_end


def run(data_dir: str, broker_port: int, port: int, environment: dict[str, str], seeds: bool) -> None:
    """Serve on `port` until told to end, with settings from `environment` over this process's own."""
    told_to_end()
    os.environ |= environment
    run_platform(Place(Path(data_dir), broker_port, port), listen(port), seeds)
