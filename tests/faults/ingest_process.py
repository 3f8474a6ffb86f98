"""The ingest process as a child: `python -m tests.faults.ingest_process SETTINGS`."""

import json
import sys

from services.lifecycle.app import create_ingest
from services.lifecycle.settings import LifecycleSettings
from tests.faults.children import say, until_parent_ends


def run(**settings: object) -> None:
    """Take messages in until the parent ends; tell every moment what was settled since the start."""
    ended = until_parent_ends()
    ingest = create_ingest(LifecycleSettings(**settings))  # type: ignore[arg-type]
    ingest.start()
    while not ended.wait(0.1):
        say(ready=ingest.parts.bus.connected, **ingest.statistics()["worker"])
    ingest.stop()


if __name__ == "__main__":
    run(**json.loads(sys.argv[1]))
