"""A fleet for measuring: its data model, its registration, and readings as they would come over the wire."""

from collections.abc import Iterator
from datetime import datetime, timedelta

import msgspec

from services.kernel.chance import stream
from services.kernel.database import Database
from services.kernel.unit import UnitOfWork
from services.lifecycle.contract import ProductCreate, ProductTypeCreate, Signal, device_topic
from services.lifecycle.service import products
from services.lifecycle.settings import LifecycleSettings

TYPE_ID = "bench-pump"
SIGNALS = (
    ("speed_rpm", 1480.0),
    ("flow_m3_h", 150.0),
    ("suction_pressure_bar", 0.6),
    ("discharge_pressure_bar", 3.4),
    ("power_kw", 18.0),
    ("bearing_temperature_c", 55.0),
    ("vibration_velocity_mm_s", 1.6),
    ("vibration_envelope_g", 0.4),
    ("vibration_high_frequency_g", 0.3),
    ("seal_leakage_ml_h", 5.0),
)  # Ten data points a message: name and usual level.
WATCHED = "bearing_temperature_c"
LIMIT = 85.0
HOT = 95.0  # What a faulty device reads.
NOISE = 0.01  # Standard deviation, of the usual level.


def data_model() -> ProductTypeCreate:
    """All ten signals watched: limits, control chart, health and physically possible range."""
    return ProductTypeCreate(
        id=TYPE_ID,
        name_zh="测速泵",
        name_en="pump for measuring",
        maker_id="maker",
        signals=[
            Signal(
                name=name,
                name_zh=name,
                name_en=name,
                unit="1",
                least=0.0,
                most=1e6,
                warning_high=None if name == "speed_rpm" else LIMIT if name == WATCHED else level * 3,
                statistics=name not in ("speed_rpm", WATCHED),
                health_weight=0.5,
            )
            for name, level in SIGNALS
        ],
        rated={"speed_rpm": 1480.0},
    )


def device_ids(count: int) -> list[str]:
    """`bench-00000`, ..."""
    return [f"bench-{number:05d}" for number in range(count)]


def register(database: Database, ids: list[str]) -> None:
    """Make the type and the devices known through the service's own use cases."""
    settings = LifecycleSettings()

    def all_of_them(unit: UnitOfWork) -> None:
        products.register_type(unit, data_model())
        for device_id in ids:
            products.register(
                unit,
                ProductCreate(id=device_id, type_id=TYPE_ID, serial=device_id, organisation_id="customer-01"),
                settings,
            )

    database.run(all_of_them)


def readings(
    ids: list[str], count: int, start: datetime, *, boot: int = 1, first_sequence: int = 1
) -> Iterator[tuple[str, bytes]]:
    """(topic, payload) of `count` readings, one a second and device, devices in turn."""
    chance = stream(1, "bench", str(boot))
    topics = [device_topic(device_id, "telemetry") for device_id in ids]
    encode = msgspec.json.encode
    noises = chance.normal(1.0, NOISE, (1_000, len(SIGNALS))).tolist()
    for number in range(count):
        step, place = divmod(number, len(ids))
        noise = noises[number % len(noises)]
        yield (
            topics[place],
            encode(
                {
                    "boot": boot,
                    "sequence": first_sequence + step,
                    "time": (start + timedelta(seconds=step)).isoformat(timespec="milliseconds"),
                    "quality": "GOOD",
                    "values": {
                        name: round(level * factor, 3) for (name, level), factor in zip(SIGNALS, noise, strict=True)
                    },
                }
            ),
        )
