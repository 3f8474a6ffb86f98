"""The pump types and the equations of a pump: pure functions over arrays, one element a pump.

Sources of the formulas:
- affinity laws, head curve against system curve, P = rho g Q H / eta: Gülich, *Centrifugal Pumps*, ch. 2 and 3;
- NPSH3 is the NPSH at which the head has fallen by 3 %: ISO 9906. Cavitation is heard well before that;
- nominal efficiencies of the motors: IEC 60034-30-1, class IE3, 50 Hz.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy
from numpy.typing import NDArray

Array = NDArray[numpy.float64]

GRAVITY_M_S2 = 9.80665
ATMOSPHERE_BAR = 1.01325
SPEED_RATIO_MIN = 0.5  # A drive does not run a centrifugal pump slower: it would only churn.
DRIVE_EFFICIENCY = 0.97  # Variable-speed drive at load.
CAVITATION_ONSET_RATIO = 2.5  # NPSH available / NPSH3 at which bubbles are first heard.

SIGNALS = {
    "speed_rpm": "rpm",
    "flow_m3_h": "m3/h",
    "suction_pressure_bar": "bar",
    "discharge_pressure_bar": "bar",
    "power_kw": "kW",
    "bearing_temperature_c": "Cel",
    "vibration_velocity_mm_s": "mm/s",
    "vibration_envelope_g": "g",
    "vibration_high_frequency_g": "g",
    "seal_leakage_ml_h": "mL/h",
    "run_seconds": "s",
    "volume_l": "L",
    "energy_wh": "W.h",
}
COUNTERS = ("run_seconds", "volume_l", "energy_wh")


@dataclass(frozen=True)
class PumpType:
    """A pump as its data sheet describes it; pressures are gauge, at the suction and discharge flange."""

    id: str
    name_zh: str
    name_en: str
    bearing: str  # Key of waveforms.BEARINGS.
    variable_speed: bool
    rated_power_kw: float
    rated_speed_rpm: float
    rated_flow_m3_h: float
    rated_head_m: float
    shutoff_head_ratio: float  # Head at zero flow / rated head.
    static_head_ratio: float  # Part of the system's head that does not depend on flow.
    best_efficiency: float
    motor_efficiency: float
    density_kg_m3: float
    vapour_pressure_bar: float  # Absolute.
    suction_pressure_bar: float
    npsh3_m: float
    temperature_rise_k: float  # Bearing over ambient at rated load.
    vibration_mm_s: float
    envelope_g: float
    high_frequency_g: float
    leakage_ml_h: float
    vanes: int


PUMP_TYPES = {
    pump_type.id: pump_type
    for pump_type in (
        PumpType(
            "pump-process-75", "单级流程泵 75 kW", "Single-stage process pump 75 kW", "6205", True,
            75.0, 2975.0, 200.0, 80.0, 1.22, 0.45, 0.77, 0.947, 998.0, 0.023, 1.0, 6.0, 33.0, 1.2, 0.10, 0.35, 4.0, 6,
        ),
        PumpType(
            "pump-feed-110", "多级锅炉给水泵 110 kW", "Multistage boiler feed pump 110 kW", "6313", True,
            110.0, 2980.0, 60.0, 400.0, 1.20, 0.70, 0.68, 0.952, 955.0, 1.21, 2.5, 7.0, 40.0, 1.5, 0.12, 0.45, 6.0, 7,
        ),
        PumpType(
            "pump-drain-22", "潜水排水泵 22 kW", "Submersible drainage pump 22 kW", "6308", False,
            22.0, 1475.0, 150.0, 30.0, 1.35, 0.55, 0.72, 0.930, 999.0, 0.017, 0.5, 4.0, 28.0, 1.6, 0.08, 0.25, 1.5, 3,
        ),
    )
}  # fmt: skip


@dataclass(frozen=True)
class Parameters:
    """The numbers of a fleet, each an array with one element a pump; the system curve is head = static + k Q^2."""

    variable_speed: NDArray[numpy.bool_]
    rated_power_kw: Array
    rated_speed_rpm: Array
    rated_flow_m3_h: Array
    rated_head_m: Array
    shutoff_head_m: Array
    curve_m_per_flow2: Array
    static_head_m: Array
    system_m_per_flow2: Array
    best_efficiency: Array
    motor_loss_kw: Array
    drive_efficiency: Array
    density_kg_m3: Array
    vapour_pressure_bar: Array
    suction_pressure_bar: Array
    npsh3_m: Array
    temperature_rise_k: Array
    vibration_mm_s: Array
    envelope_g: Array
    high_frequency_g: Array
    leakage_ml_h: Array


def parameters_of(types: Sequence[PumpType], generator: numpy.random.Generator | None = None) -> Parameters:
    """Stack the data sheets of `types`; with a generator each pump differs a little, as castings and fits do."""
    sheet = {f.name: numpy.array([getattr(t, f.name) for t in types]) for f in fields(PumpType)}
    if generator is not None:
        for name, spread in (
            ("shutoff_head_ratio", 0.008), ("best_efficiency", 0.01), ("temperature_rise_k", 0.06),
            ("vibration_mm_s", 0.12), ("envelope_g", 0.10), ("high_frequency_g", 0.10), ("leakage_ml_h", 0.20),
        ):  # fmt: skip
            sheet[name] = sheet[name] * (1 + spread * numpy.clip(generator.standard_normal(len(types)), -2, 2))
    head, flow, power = sheet["rated_head_m"], sheet["rated_flow_m3_h"], sheet["rated_power_kw"]
    derived = {
        "shutoff_head_m": head * sheet["shutoff_head_ratio"],
        "curve_m_per_flow2": head * (sheet["shutoff_head_ratio"] - 1) / flow**2,
        "static_head_m": head * sheet["static_head_ratio"],
        "system_m_per_flow2": head * (1 - sheet["static_head_ratio"]) / flow**2,
        "motor_loss_kw": power * (1 / sheet["motor_efficiency"] - 1),
        "drive_efficiency": numpy.where(sheet["variable_speed"], DRIVE_EFFICIENCY, 1.0),
    }
    return Parameters(**{f.name: derived.get(f.name, sheet.get(f.name)) for f in fields(Parameters)})  # type: ignore[arg-type]


@dataclass(frozen=True)
class OperatingPoint:
    """Where each pump runs now; arrays with one element a pump."""

    speed_ratio: Array
    flow_m3_h: Array
    head_m: Array
    efficiency: Array  # Of the pump: hydraulic power / shaft power.
    shaft_power_kw: Array
    power_kw: Array  # Electrical, what the meter sees.
    suction_pressure_bar: Array
    discharge_pressure_bar: Array
    cavitation: Array  # 0 silent, 1 fully developed.


def speed_for_flow(p: Parameters, demand: Array) -> Array:
    """Speed ratio at which a sound pump delivers `demand` (ratio to rated flow); fixed-speed pumps run at 1.

    From the affinity law: n^2 H0 - a Q^2 = H_static + k Q^2.
    """
    flow = demand * p.rated_flow_m3_h
    head = p.static_head_m + (p.curve_m_per_flow2 + p.system_m_per_flow2) * flow**2
    ratio = numpy.clip(numpy.sqrt(head / p.shutoff_head_m), SPEED_RATIO_MIN, 1.0)
    return numpy.where(demand > 0, numpy.where(p.variable_speed, ratio, 1.0), 0.0)


def duty_flow(p: Parameters, speed_ratio: Array, head_factor: Array, system_factor: Array) -> Array:
    """Flow (m3/h) where the pump's curve meets the system's; 0 while the check valve is shut.

    Pump: f (n^2 H0 - a Q^2), system: H_static + s k Q^2.
    """
    surplus_m = numpy.maximum(head_factor * speed_ratio**2 * p.shutoff_head_m - p.static_head_m, 0.0)
    return numpy.sqrt(surplus_m / (head_factor * p.curve_m_per_flow2 + system_factor * p.system_m_per_flow2))


def shaft_power_kw(p: Parameters, speed_ratio: Array, flow: Array, head: Array, efficiency_factor: Array) -> Array:
    """P = rho g Q H / eta with eta = e x (2 - x), x = Q / (n Q_rated), written so that it also holds at Q = 0."""
    x = numpy.minimum(flow / (numpy.maximum(speed_ratio, 1e-9) * p.rated_flow_m3_h), 1.9)
    per_efficiency = p.density_kg_m3 * GRAVITY_M_S2 * speed_ratio * p.rated_flow_m3_h / 3600 * head / 1000
    power: Array = per_efficiency / (p.best_efficiency * efficiency_factor * (2 - x))
    return power


def pressure_bar(p: Parameters, head_m: Array) -> Array:
    """Pressure of a column of the pumped liquid, bar."""
    return p.density_kg_m3 * GRAVITY_M_S2 * head_m / 1e5


def suction_at(p: Parameters, flow: Array, shortage: Array) -> tuple[Array, Array]:
    """Suction pressure (bar) and NPSH available / NPSH3; a `shortage` of 1 leaves about half of the NPSH needed."""
    flow_ratio = flow / p.rated_flow_m3_h
    spare_bar = p.suction_pressure_bar + ATMOSPHERE_BAR - p.vapour_pressure_bar - 0.5 * pressure_bar(p, p.npsh3_m)
    suction = p.suction_pressure_bar - 0.1 * flow_ratio**2 - shortage * spare_bar
    available_bar = numpy.maximum(suction + ATMOSPHERE_BAR - p.vapour_pressure_bar, 1e-3)
    needed_m = p.npsh3_m * (0.3 + 0.7 * flow_ratio**2)
    return suction, available_bar / pressure_bar(p, needed_m)


def operating_point(
    p: Parameters,
    speed_ratio: Array,
    system_factor: Array,
    head_factor: Array,
    efficiency_factor: Array,
    suction_shortage: Array,
) -> OperatingPoint:
    """Solve the fleet's duty points; every argument is an array with one element a pump, ratios without unit."""
    running = speed_ratio > 0
    sound_flow = duty_flow(p, speed_ratio, head_factor, system_factor)
    _, npsh_ratio = suction_at(p, sound_flow, suction_shortage)
    # By the definition of NPSH3 the loss is 3 % at ratio 1; it grows steeply below.
    head_factor = head_factor * (1 - numpy.clip(0.03 * npsh_ratio**-4, 0.0, 0.35))
    flow = duty_flow(p, speed_ratio, head_factor, system_factor)
    head = numpy.where(running, head_factor * (speed_ratio**2 * p.shutoff_head_m - p.curve_m_per_flow2 * flow**2), 0.0)
    suction, npsh_ratio = suction_at(p, flow, suction_shortage)
    shaft = shaft_power_kw(p, speed_ratio, flow, head, efficiency_factor)
    hydraulic = p.density_kg_m3 * GRAVITY_M_S2 * flow / 3600 * head / 1000
    load = shaft / p.rated_power_kw
    losses = p.motor_loss_kw * (0.4 * speed_ratio + 0.6 * load**2)
    return OperatingPoint(
        speed_ratio=speed_ratio,
        flow_m3_h=flow,
        head_m=head,
        efficiency=numpy.divide(hydraulic, shaft, out=numpy.zeros_like(shaft), where=shaft > 0),
        shaft_power_kw=shaft,
        power_kw=(shaft + losses) / p.drive_efficiency,
        suction_pressure_bar=suction,
        discharge_pressure_bar=suction + pressure_bar(p, head),
        cavitation=numpy.where(
            running, numpy.clip((CAVITATION_ONSET_RATIO - npsh_ratio) / (CAVITATION_ONSET_RATIO - 1), 0.0, 1.0), 0.0
        ),
    )
