"""The state of all pumps, as arrays: it moves on in steps and can be measured. No SimPy, no network."""

from collections.abc import Sequence

import numpy
from numpy.typing import NDArray

from simulator.contract import Fault
from simulator.faults import FAULTS, GROWS_AT_REST, ROW, Effects, effects_of
from simulator.pumps import (
    COUNTERS,
    SPEED_RATIO_MIN,
    Array,
    OperatingPoint,
    PumpType,
    operating_point,
    parameters_of,
    pressure_bar,
    speed_for_flow,
)
from simulator.waveforms import BEARINGS, VibrationState

HEATING_S = 1500.0  # First-order time constant of the bearing housing.
RAMP_S = 4.0  # First-order time constant of the drive's speed.
LOAD_RATIO = 0.8  # Of the rated flow and power, in the years before a world starts.
DISTURBANCE_S = 600.0  # How long the customer's pipes remember a change.
DISTURBANCE_RATIO = 0.03  # Standard deviation of the system's resistance.

# Standard deviation of one reading, relative to its value, and the decimals that the device reports.
NOISE = {
    "speed_rpm": (0.0002, 1),
    "flow_m3_h": (0.006, 2),
    "suction_pressure_bar": (0.004, 3),
    "discharge_pressure_bar": (0.002, 3),
    "power_kw": (0.004, 2),
    "bearing_temperature_c": (0.003, 2),
    "vibration_velocity_mm_s": (0.03, 3),
    "vibration_envelope_g": (0.05, 4),
    "vibration_high_frequency_g": (0.05, 4),
    "seal_leakage_ml_h": (0.05, 2),
}
_SIGMA = numpy.array([sigma for sigma, _ in NOISE.values()])[:, None]
_FLOOR_G = 0.004  # What an accelerometer shows on a pump at rest.


class Fleet:
    """Pumps that run, wear and count. Arrays have one element a pump, `severity` is (faults, pumps).

    `demand` is the flow wanted, as a ratio to rated flow (0: stopped); `speed_override` is a speed ratio set by remote
    command (NaN: the drive follows the demand). Counters are exact integers in base units and never fall.
    """

    def __init__(self, types: Sequence[PumpType], individual: numpy.random.Generator) -> None:
        count = len(types)
        self.types = list(types)
        self.parameters = parameters_of(types, individual)
        self.demand: Array = numpy.zeros(count)
        self.speed_override: Array = numpy.full(count, numpy.nan)
        self.tripped: NDArray[numpy.bool_] = numpy.zeros(count, dtype=bool)
        self.severity: Array = numpy.zeros((len(FAULTS), count))
        self.growth_per_h: Array = numpy.zeros((len(FAULTS), count))
        self.ambient_c: Array = numpy.full(count, 20.0)
        self.temperature_c: Array = numpy.full(count, 20.0)
        self.counters: Array = numpy.zeros((len(COUNTERS), count))  # Doubles hold integers exactly up to 2^53.
        self._speed_ratio: Array = numpy.zeros(count)
        self._disturbance: Array = numpy.zeros(count)
        self._grows_at_rest = numpy.array([[fault in GROWS_AT_REST] for fault in FAULTS])
        self._solve()

    @property
    def running(self) -> NDArray[numpy.bool_]:
        """Which motors are switched on."""
        return (self.demand > 0) & ~self.tripped

    def step(self, seconds: float, chance: numpy.random.Generator) -> None:
        """Move on by `seconds`, during which demand and faults are taken as constant (a few minutes at most)."""
        running = self.running
        effects = self._solve(seconds)
        memory = numpy.exp(-seconds / DISTURBANCE_S)
        fresh = chance.standard_normal(len(self.demand)) * DISTURBANCE_RATIO * numpy.sqrt(1 - memory**2)
        self._disturbance = self._disturbance * memory + fresh
        target_c = self._settled_temperature_c(effects)
        self.temperature_c = target_c + (self.temperature_c - target_c) * numpy.exp(-seconds / HEATING_S)
        hours = seconds / 3600
        self.counters += numpy.stack(
            (seconds * running, self.point.flow_m3_h * 1000 * hours, self.point.power_kw * 1000 * hours)
        )
        growing = self.growth_per_h * (self._grows_at_rest | running)
        self.severity = numpy.minimum(self.severity + growing * hours, 1.0)

    def settle(self) -> None:
        """Be where the present demand leads to, as if it had lasted for hours: speed and temperature at rest."""
        self._speed_ratio = self._target_speed()
        self.temperature_c = self._settled_temperature_c(self._solve())

    def remember_past(self, age_h: Array) -> None:
        """Let the counters show `age_h` hours of running."""
        p = self.parameters
        litres_h, watts = p.rated_flow_m3_h * 1000 * LOAD_RATIO, p.rated_power_kw * 1000 * LOAD_RATIO
        self.counters = numpy.floor(numpy.stack((age_h * 3600, age_h * litres_h, age_h * watts)))

    def measure(self, chance: numpy.random.Generator) -> dict[str, Array]:
        """What the sensors show now: gauges with noise, then the counters in whole base units."""
        effects = self._solve()
        true = self._true_gauges(effects)
        noisy = true * (1 + _SIGMA * chance.standard_normal(true.shape))
        values = {name: numpy.round(noisy[row], NOISE[name][1]) for row, name in enumerate(NOISE)}
        whole = numpy.floor(self.counters).astype(numpy.int64)
        return values | {name: whole[row] for row, name in enumerate(COUNTERS)}

    def mend(self, index: int, fault: Fault) -> None:
        """Undo one fault of one pump."""
        self.severity[ROW[fault], index] = 0.0
        self.growth_per_h[ROW[fault], index] = 0.0

    def vibration_state(self, index: int) -> VibrationState:
        """What the accelerometer of one pump feels now, part by part."""
        effects = self._solve()
        shaft_mm_s, passing_mm_s, _ = self._velocity_parts(effects)
        ratio, kind = float(self.point.speed_ratio[index]), self.types[index]
        return VibrationState(
            shaft_hz=ratio * kind.rated_speed_rpm / 60,
            velocity_mm_s=float(shaft_mm_s[index]),
            passing_mm_s=float(passing_mm_s[index]),
            vanes=kind.vanes,
            bearing=BEARINGS[kind.bearing],
            inner_envelope_g=float(effects.inner_envelope_g[index]) * ratio**1.5,
            outer_envelope_g=float(effects.outer_envelope_g[index]) * ratio**1.5,
            # Half the power of white noise at 12 kHz lies in the demodulated band; its envelope's RMS is 0.65 of that.
            noise_g=_FLOOR_G + 2.2 * float(self.parameters.envelope_g[index]) * ratio,
            cavitation_g=float(self.point.cavitation[index]) * ratio,
        )

    def _target_speed(self) -> Array:
        automatic = speed_for_flow(self.parameters, self.demand)
        wanted = numpy.where(
            numpy.isnan(self.speed_override), automatic, numpy.clip(self.speed_override, SPEED_RATIO_MIN, 1.0)
        )
        return numpy.where(self.running, wanted, 0.0)

    def _solve(self, seconds: float = 0.0) -> Effects:
        """Ramp the speed for `seconds` and solve the duty points."""
        target = self._target_speed()
        if seconds > 0:
            ratio = target + (self._speed_ratio - target) * numpy.exp(-seconds / RAMP_S)
            self._speed_ratio = numpy.where(ratio < 0.01, 0.0, ratio)
        effects = effects_of(self.severity)
        self.point: OperatingPoint = operating_point(
            self.parameters,
            self._speed_ratio,
            numpy.maximum(1 + self._disturbance, 0.5),
            effects.head_factor,
            effects.efficiency_factor,
            effects.suction_shortage,
        )
        return effects

    def _settled_temperature_c(self, effects: Effects) -> Array:
        p, point = self.parameters, self.point
        load = point.shaft_power_kw / p.rated_power_kw
        rise = p.temperature_rise_k * (0.3 * point.speed_ratio + 0.8 * load)
        rise = rise + point.speed_ratio * (65.0 * effects.roughness + 0.4 * effects.unbalance_mm_s)
        return self.ambient_c + rise

    def _velocity_parts(self, effects: Effects) -> tuple[Array, Array, Array]:
        """RMS velocity (mm/s) at shaft speed, at vane passing and broadband."""
        p, n = self.parameters, self.point.speed_ratio
        off_best = numpy.where(n > 0, self.point.flow_m3_h / (numpy.maximum(n, 1e-9) * p.rated_flow_m3_h) - 1, 0.0)
        # The force of an unbalanced rotor grows with the square of its speed.
        shaft_mm_s = (0.75 * p.vibration_mm_s + effects.unbalance_mm_s) * n**2
        passing_mm_s = p.vibration_mm_s * n**2 * (0.6 + 0.8 * off_best**2)
        return shaft_mm_s, passing_mm_s, n * (2.0 * effects.roughness + 0.8 * self.point.cavitation)

    def _true_gauges(self, effects: Effects) -> Array:
        """True values in the order of NOISE, shape (signals, pumps)."""
        p, point = self.parameters, self.point
        n, cavitation = point.speed_ratio, point.cavitation
        shaft_mm_s, passing_mm_s, rough_mm_s = self._velocity_parts(effects)
        spalls_g = effects.inner_envelope_g + effects.outer_envelope_g
        pressure = p.suction_pressure_bar + pressure_bar(p, point.head_m)
        pressure_ratio = pressure / (p.suction_pressure_bar + pressure_bar(p, p.rated_head_m))
        return numpy.stack(
            (
                n * p.rated_speed_rpm,
                point.flow_m3_h,
                point.suction_pressure_bar,
                point.discharge_pressure_bar,
                point.power_kw,
                self.temperature_c + effects.drift_k,
                numpy.sqrt(shaft_mm_s**2 + passing_mm_s**2 + rough_mm_s**2),
                _FLOOR_G + p.envelope_g * n + spalls_g * n**1.5 + 0.02 * cavitation,
                _FLOOR_G + p.high_frequency_g * n**2 + 3.0 * cavitation * n + 0.4 * effects.roughness * n,
                (p.leakage_ml_h + effects.leakage_ml_h) * pressure_ratio,
            )
        )
