"""The ingest process as a child."""

from services.lifecycle.app import create_ingest
from services.lifecycle.settings import LifecycleSettings
from tests.faults.children import say, told_to_end


def run(**settings: object) -> None:
    """Take messages in until told to end; say every moment what was settled since the start."""
    ended = told_to_end()
    ingest = create_ingest(LifecycleSettings(**settings))  # type: ignore[arg-type]
    ingest.start()
    while not ended.wait(0.1):
        say(ready=ingest.parts.bus.connected, **ingest.statistics()["worker"])
    ingest.stop()
