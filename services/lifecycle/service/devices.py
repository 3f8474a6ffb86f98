"""What the ingest worker knows of each device between two batches; all of it can be read back from the twin."""

from collections import deque
from datetime import datetime
from typing import Any

import msgspec
import structlog

from services.kernel.clock import to_microseconds
from services.lifecycle.contract import ProductType
from services.lifecycle.rules.settling import Settled
from services.lifecycle.rules.state_detection import DetectionState, Detector, StateUnreadable
from services.lifecycle.tables import ProductRow, TwinRow

RECENT_MAX = 40  # Readings that a diagnosis looks back on.
WAVEFORMS_MAX = 8  # Snapshots of one signal that a diagnosis averages over.

log = structlog.get_logger(__name__)


class Device:
    """Live state of one device; `dirty` means that its twin has to be written with this batch."""

    __slots__ = (
        "announced", "boot", "confirm", "detection", "detection_due_s", "detector", "diagnosis", "dirty", "health",
        "health_due_s", "id", "last_seen_us", "last_seen_wall_us", "online", "online_since_us", "organisation_id",
        "product_type", "recent", "reported", "sequence", "settled", "timeline", "values", "waveforms",
    )  # fmt: skip

    def __init__(self, product: ProductRow, twin: TwinRow, product_type: ProductType, detector: Detector) -> None:
        self.id = product.id
        self.organisation_id = product.organisation_id
        self.announced = product.announced is not None
        self.product_type = product_type
        self.detector = detector
        self.detection = _restore_detection(detector, twin)
        self.detection_due_s = 0.0
        self.settled = Settled.restore(twin.settled)
        self.values: dict[str, tuple[float, int, int]] = _read_values(twin.values)  # value, quality, source time
        self.reported: dict[str, Any] = msgspec.json.decode(twin.reported)
        self.health = twin.health
        self.health_due_s = 0.0
        self.diagnosis = twin.diagnosis
        self.online = twin.online
        self.online_since_us = _microseconds(twin.online_since)
        self.last_seen_us = _microseconds(twin.last_seen)
        self.last_seen_wall_us = _microseconds(twin.last_seen_wall)
        self.boot = -1 if twin.boot is None else twin.boot
        self.sequence = -1 if twin.sequence is None else twin.sequence
        self.recent: deque[tuple[int, dict[str, float]]] = deque(maxlen=RECENT_MAX)
        self.waveforms: dict[str, deque[tuple[float, list[float]]]] = {}
        self.timeline = twin.timeline
        self.dirty = False
        self.confirm = False

    def twin_columns(self) -> tuple[Any, ...]:
        """Its twin, in the order of the store's statement."""
        return (
            self.online,
            self.online_since_us,
            self.last_seen_us,
            self.last_seen_wall_us,
            self.boot if self.boot >= 0 else None,
            self.sequence if self.sequence >= 0 else None,
            _text(self.values),
            _text(self.reported),
            self.settled.to_json(),
            self.health,
            self.diagnosis,
            self.timeline,
            self.id,
        )

    def detection_columns(self) -> tuple[str, str]:
        """Its detection state and its id."""
        return _text(self.detection.to_list()), self.id


def _restore_detection(detector: Detector, twin: TwinRow) -> DetectionState:
    if not twin.detection:
        return detector.new_state()
    try:
        return detector.restore(msgspec.json.decode(twin.detection))
    except StateUnreadable as error:
        log.warning("detection_begins_anew", device=twin.device_id, reason=str(error))
        return detector.new_state()


def _text(value: Any) -> str:
    return msgspec.json.encode(value).decode()


_read_values = msgspec.json.Decoder(dict[str, tuple[float, int, int]]).decode


def _microseconds(instant: datetime | None) -> int | None:
    return None if instant is None else to_microseconds(instant)
