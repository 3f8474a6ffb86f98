"""Demonstration data: three pump types with their data models, and forty pumps at twelve customers."""

from typing import Any

from services.kernel.unit import UnitOfWork
from services.lifecycle.contract import ProductCreate, ProductType, ProductTypeCreate, Registration, Signal
from services.lifecycle.service import products
from services.lifecycle.settings import LifecycleSettings
from services.lifecycle.store import products as store

MAKER = "maker"
PROCESS, FEED, DRAIN = "pump-process-75", "pump-feed-110", "pump-drain-22"

# (name, Chinese, English, unit, share in the health index, physically least and most); limits follow for each type.
# Vibration velocity has none here: without own limits the zones of ISO 20816-3 for the rated power apply.
GAUGES: tuple[tuple[str, str, str, str, float, float, float], ...] = (
    ("speed_rpm", "转速", "speed", "r/min", 0.0, 0.0, 6_000.0),
    ("flow_m3_h", "流量", "flow", "m³/h", 0.3, 0.0, 2_000.0),
    ("suction_pressure_bar", "吸入压力", "suction pressure", "bar", 0.5, -1.1, 100.0),
    ("discharge_pressure_bar", "排出压力", "discharge pressure", "bar", 0.3, -1.1, 200.0),
    ("power_kw", "电功率", "electrical power", "kW", 0.3, 0.0, 500.0),
    ("bearing_temperature_c", "轴承温度", "bearing temperature", "°C", 0.8, -40.0, 250.0),
    ("vibration_velocity_mm_s", "振动速度", "vibration velocity", "mm/s", 1.0, 0.0, 200.0),
    ("vibration_envelope_g", "振动包络", "vibration envelope", "g", 1.0, 0.0, 100.0),
    ("vibration_high_frequency_g", "高频振动", "high-frequency vibration", "g", 0.7, 0.0, 100.0),
    ("seal_leakage_ml_h", "密封泄漏", "seal leakage", "mL/h", 0.7, 0.0, 100_000.0),
)
COUNTERS = (
    ("run_seconds", "累计运行时间", "running time", "s"),
    ("volume_l", "累计输送量", "volume pumped", "L"),
    ("energy_wh", "累计用电量", "energy used", "Wh"),
)

# Signal: (warning, alarm), both beyond what a sound pump of the type shows at any duty, in any season.
HIGH = {
    PROCESS: {
        "bearing_temperature_c": (75.0, 85.0),
        "vibration_envelope_g": (0.3, 0.6),
        "vibration_high_frequency_g": (0.8, 1.6),
        "seal_leakage_ml_h": (30.0, 120.0),
        "power_kw": (79.0, 86.0),
    },
    FEED: {
        "bearing_temperature_c": (82.0, 92.0),
        "vibration_envelope_g": (0.3, 0.7),
        "vibration_high_frequency_g": (0.9, 1.6),
        "seal_leakage_ml_h": (30.0, 120.0),
        "power_kw": (116.0, 126.0),
    },
    DRAIN: {
        "bearing_temperature_c": (65.0, 80.0),
        "vibration_envelope_g": (0.25, 0.6),
        "vibration_high_frequency_g": (0.7, 1.5),
        "seal_leakage_ml_h": (20.0, 100.0),
        "power_kw": (23.0, 25.0),
    },
}
LOW = {
    PROCESS: {"suction_pressure_bar": (0.5, 0.1)},
    FEED: {"suction_pressure_bar": (1.8, 1.0)},
    DRAIN: {"suction_pressure_bar": (0.1, -0.3)},
}
TYPES: dict[str, dict[str, Any]] = {
    PROCESS: {
        "name_zh": "单级流程泵 75 kW",
        "name_en": "Single-stage process pump 75 kW",
        "bearing": "6205",
        "rated": {"power_kw": 75.0, "speed_rpm": 2975.0, "flow_m3_h": 200.0, "head_m": 80.0},
    },
    FEED: {
        "name_zh": "多级锅炉给水泵 110 kW",
        "name_en": "Multistage boiler feed pump 110 kW",
        "bearing": "6313",
        "rated": {"power_kw": 110.0, "speed_rpm": 2980.0, "flow_m3_h": 60.0, "head_m": 400.0},
    },
    DRAIN: {
        "name_zh": "潜水排水泵 22 kW",
        "name_en": "Submersible drainage pump 22 kW",
        "bearing": "6308",
        "rated": {"power_kw": 22.0, "speed_rpm": 1475.0, "flow_m3_h": 150.0, "head_m": 30.0},
    },
}

# Customer: place in both languages, and its pumps in the order of their numbers.
SITES: dict[str, tuple[str, tuple[str, ...]]] = {
    "customer-01": ("东湖取水泵房 / East Lake intake", (PROCESS,) * 4),
    "customer-02": ("西山加压泵房 / West Hill booster station", (PROCESS,) * 4),
    "customer-03": ("北城锅炉房 / North City boiler house", (FEED,) * 4),
    "customer-04": ("南湾排水站 / South Bay drainage station", (DRAIN,) * 4),
    "customer-05": ("青松一车间 / Pinewood plant 1", (PROCESS,) * 3),
    "customer-06": ("长河制浆车间 / Long River pulp mill", (PROCESS, PROCESS, FEED)),
    "customer-07": ("云峰杀菌线 / Cloud Peak steriliser line", (PROCESS,) * 3),
    "customer-08": ("金桥糖化间 / Gold Bridge brew house", (PROCESS, PROCESS, DRAIN)),
    "customer-09": ("滨江地铁站 / Riverside metro station", (DRAIN,) * 4),
    "customer-10": ("城东热源厂 / East District heat plant", (FEED,) * 3),
    "customer-11": ("锦川染整车间 / Brocade River dye house", (PROCESS, PROCESS, FEED)),
    "customer-12": ("科创园地下室 / Science Park basement", (PROCESS, DRAIN)),
}


def product_types() -> list[ProductTypeCreate]:
    """The three pump types."""
    return [
        ProductTypeCreate(id=type_id, maker_id=MAKER, signals=_signals(type_id), **described)
        for type_id, described in TYPES.items()
    ]


def product_list() -> list[ProductCreate]:
    """The forty pumps, numbered through all customers."""
    found: list[ProductCreate] = []
    for customer_id, (site, kinds) in SITES.items():
        for type_id in kinds:
            number = f"{len(found) + 1:03d}"
            found.append(
                ProductCreate(
                    id=f"pump-{number}",
                    type_id=type_id,
                    serial=f"{type_id.removeprefix('pump-').upper()}-{number}",
                    name_zh=f"{number} 号泵",
                    name_en=f"Pump {number}",
                    organisation_id=customer_id,
                    site=site,
                )
            )
    return found


def seed(unit: UnitOfWork, settings: LifecycleSettings | None = None) -> list[Registration]:
    """Register what is missing and leave what is there; returns the new products with their credentials."""
    settings = settings or LifecycleSettings()
    known = {row.id for row in store.types_by_id(unit, TYPES)}
    for kind in product_types():
        if kind.id not in known:
            products.register_type(unit, kind)
    unit.session.flush()
    return [products.register(unit, each, settings) for each in product_list() if not store.is_taken(unit, each.id)]


def product_type(type_id: str) -> ProductType:
    """One of the three types as it will be registered; raises StopIteration for another."""
    return next(each for each in product_types() if each.id == type_id)


def _signals(type_id: str) -> list[Signal]:
    gauges = []
    for name, name_zh, name_en, unit, weight, least, most in GAUGES:
        warning_high, alarm_high = HIGH[type_id].get(name, (None, None))
        warning_low, alarm_low = LOW[type_id].get(name, (None, None))
        gauges.append(
            Signal(
                name=name,
                name_zh=name_zh,
                name_en=name_en,
                unit=unit,
                least=least,
                most=most,
                warning_low=warning_low,
                warning_high=warning_high,
                alarm_low=alarm_low,
                alarm_high=alarm_high,
                health_weight=weight,
                statistics=name != "speed_rpm",
            )
        )
    counters = [
        Signal(name=name, name_zh=zh, name_en=en, unit=unit, kind="counter", least=0.0)
        for name, zh, en, unit in COUNTERS
    ]
    return gauges + counters
