"""What the ingest worker knows of each device between two batches; all of it can be read back from the twin."""

import json
import math
from collections import deque
from datetime import datetime
from functools import lru_cache
from typing import Any

import msgspec
import structlog

from services.kernel.clock import to_microseconds
from services.kernel.unit import UnitOfWork
from services.lifecycle.contract import ProductType
from services.lifecycle.rules.health import HealthRule
from services.lifecycle.rules.settling import Settled
from services.lifecycle.rules.state_detection import DetectionState, Detector, StateUnreadable, compile_detector
from services.lifecycle.rules.vibration import WaveformDiagnosis
from services.lifecycle.store import products as store
from services.lifecycle.tables import ProductRow, TwinRow

WAVEFORMS_MAX = 8  # Snapshots of one signal that a diagnosis averages over.
NAMES_MAX = 200  # Values, and reported parameters, of one device; beyond, those not told for longest go.

log = structlog.get_logger(__name__)


class Device:
    """Live state of one device; `dirty` means that its twin has to be written with this batch."""

    __slots__ = (
        "announced",
        "boot",
        "confirm",
        "detection",
        "detection_due_s",
        "detector",
        "diagnosis",
        "dirty",
        "health",
        "health_due_s",
        "health_rule",
        "heard",
        "id",
        "last_seen_us",
        "last_seen_wall_us",
        "latest",
        "online",
        "online_since_us",
        "organisation_id",
        "possible",
        "product_type",
        "reported",
        "sequence",
        "settled",
        "timeline",
        "values",
        "waveforms",
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
        self.latest: tuple[dict[str, float], int, int] | None = None
        self.possible = _possible(product_type)
        self.reported: dict[str, Any] = msgspec.json.decode(twin.reported)
        self.health = twin.health
        self.health_due_s = 0.0
        self.health_rule = HealthRule(detector.watches)
        self.diagnosis = twin.diagnosis
        self.online = twin.online
        self.online_since_us = _microseconds(twin.online_since)
        self.last_seen_us = _microseconds(twin.last_seen)
        self.last_seen_wall_us = _microseconds(twin.last_seen_wall)
        self.boot = -1 if twin.boot is None else twin.boot
        self.sequence = -1 if twin.sequence is None else twin.sequence
        self.heard: WaveformDiagnosis | None = None
        self.waveforms: dict[str, deque[tuple[float, float, list[float]]]] = {}
        self.timeline = twin.timeline
        self.dirty = False
        self.confirm = False

    def take_values(self, values: dict[str, float], quality: int, time_us: int) -> None:
        """Note the newest values; they are spread over `values` once a batch, not once a message."""
        if self.latest is not None and self.latest[0].keys() != values.keys():
            self.current()
        self.latest = (values, quality, time_us)

    def current(self) -> dict[str, tuple[float, int, int]]:
        """Value, quality and source time (microseconds) by signal, as of the newest reading of each."""
        if self.latest is not None:
            values, quality, time_us = self.latest
            self.latest = None
            for name, value in values.items():
                self.values[name] = (value, quality, time_us)
            if len(self.values) > NAMES_MAX:
                oldest_first = sorted(self.values, key=lambda name: self.values[name][2])
                for name in oldest_first[: len(self.values) - NAMES_MAX]:
                    del self.values[name]
        return self.values

    def report(self, parameters: dict[str, Any]) -> None:
        """Note parameters as the device says they are."""
        kept = {name: value for name, value in self.reported.items() if name not in parameters}
        self.reported = dict(list((kept | parameters).items())[-NAMES_MAX:])

    def twin_columns(self) -> tuple[Any, ...]:
        """Its twin, in the order of the store's statement."""
        return (
            self.online,
            self.online_since_us,
            self.last_seen_us,
            self.last_seen_wall_us,
            self.boot if self.boot >= 0 else None,
            self.sequence if self.sequence >= 0 else None,
            _text(self.current()),
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


def _possible(product_type: ProductType) -> list[tuple[str, float, float]]:
    """(signal, least, most) of the signals whose physically possible range the data model names."""
    bounded = [each for each in product_type.signals if each.least is not None or each.most is not None]
    return [
        (each.name, -math.inf if each.least is None else each.least, math.inf if each.most is None else each.most)
        for each in bounded
    ]


def _text(value: Any) -> str:
    return msgspec.json.encode(value).decode()


_read_values = msgspec.json.Decoder(dict[str, tuple[float, int, int]]).decode


def _microseconds(instant: datetime | None) -> int | None:
    return None if instant is None else to_microseconds(instant)


def load_devices(unit: UnitOfWork, ids: set[str]) -> dict[str, Device]:
    """Live state of those devices that are registered, by id."""
    rows = store.products_with_twins(unit, ids)
    types = store.types_by_id(unit, {product.type_id for product, _ in rows})
    compiled = {row.id: _compiled(json.dumps(row.body, sort_keys=True)) for row in types}
    return {product.id: Device(product, twin, *compiled[product.type_id]) for product, twin in rows}


@lru_cache(maxsize=256)
def _compiled(body: str) -> tuple[ProductType, Detector]:
    """One detector serves all devices of a type. Keyed by the data model: two databases may share a type's name."""
    product_type = ProductType.model_validate_json(body)
    return product_type, compile_detector(product_type.model_dump())
