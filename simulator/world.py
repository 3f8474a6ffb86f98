"""The world of the pump fleet: a SimPy environment in business time.

Processes: a duty cycle and eight wear-outs a pump, one a planned fault, one a passing outage, and one reporter for the
fleet. Between two events the fleet moves on as one array. SimPy takes events in the order (time, priority, counter), so
the same scenario, seed and start give the same trace, however `advance_to` is cut into pieces.
"""

from collections.abc import Callable, Generator
from datetime import datetime, timedelta, timezone
from math import floor
from typing import Any

import numpy
import simpy
from pydantic import AwareDatetime, BaseModel

from services.kernel.chance import stream
from simulator.contract import ActiveFault, Fault
from simulator.duty import steps_of_day
from simulator.faults import FAULTS, ROW, WEAROUT, remaining_life_h
from simulator.fleet import Fleet
from simulator.protection import Limit, Protection
from simulator.pumps import Array
from simulator.scenario import PlannedFault, Scenario
from simulator.trace import Change, DeviceAlarm, Happening, Reading, StateChange
from simulator.waveforms import DURATION_S, RATE_HZ, synthesise

STEP_S_MAX = 300.0  # Longest time for which demand and faults are taken as constant.
AGE_H_MAX = 20_000  # Pumps are between new and this old when the world starts.
LOAD_FACTOR = 0.8  # Of the rated flow and power, in the years before the world starts.

Process = Generator[simpy.Event, Any, None]


class Memory(BaseModel):
    """What a world needs to go on after a restart. Seconds are business seconds since `epoch`."""

    scenario: str
    seed: int
    epoch: AwareDatetime
    now_s: float
    counters: list[list[float]]
    temperature_c: list[float]
    severity: list[list[float]]
    growth_per_h: list[list[float]]
    began_s: list[list[float]]
    ends_s: list[list[float | None]]
    due_s: list[list[float]]
    renewals: list[list[int]]
    speed_override: list[float | None]
    tripped: list[bool]
    alarms: list[list[str]]


class World:
    """Pumps, customers and faults from `start` (business time) on; listeners hear what happens, in order.

    Not thread-safe: one thread advances it and gives it orders.
    """

    def __init__(self, scenario: Scenario, start: datetime, seed: int | None = None) -> None:
        self.scenario = scenario
        self.seed = scenario.seed if seed is None else seed
        self.listeners: list[Callable[[Happening], None]] = []
        self.reporting = True
        self.report_interval_s = scenario.report_interval_s
        self.device_ids = [pump.id for pump in scenario.pumps]
        self._index = {device_id: index for index, device_id in enumerate(self.device_ids)}
        self._local = timezone(timedelta(hours=scenario.utc_offset_h))
        self._offset_k = numpy.array([scenario.customer_of(pump).ambient_offset_k for pump in scenario.pumps])
        self._create(start, None)

    @classmethod
    def resume(cls, scenario: Scenario, memory: Memory) -> "World":
        """Go on from `memory`; raises ValueError when it is of another scenario."""
        if memory.scenario != scenario.name or len(memory.tripped) != len(scenario.pumps):
            raise ValueError(f"the memory is of scenario {memory.scenario!r}, not {scenario.name!r}")
        world = cls(scenario, memory.epoch, memory.seed)
        world._create(memory.epoch, memory)
        return world

    # ---- Time ----

    @property
    def now(self) -> datetime:
        """Business time that the world has reached."""
        return self.epoch + timedelta(seconds=self._environment.now)

    def advance_to(self, business_time: datetime) -> None:
        """Let everything happen that is due before `business_time`; an earlier time than `now` does nothing."""
        until_s = (business_time - self.epoch).total_seconds()
        if until_s > self._environment.now:
            self._environment.run(until=until_s)
            self._move()

    def set_report_interval(self, seconds: float) -> None:
        """Business seconds between two readings of a device, from the next multiple of it on."""
        if seconds != self.report_interval_s:
            self.report_interval_s = seconds
            if self._reporter.target is not None:  # Before its first event it has nothing to be woken from.
                self._reporter.interrupt()

    # ---- Orders ----

    def inject(self, device_id: str, fault: Fault, growth_h: float) -> None:
        """Start a fault now that is full grown after `growth_h` hours of running; raises KeyError, unknown device."""
        self._begin(self._index[device_id], fault, growth_h)

    def repair(self, device_id: str, fault: Fault | None = None) -> list[Fault]:
        """Repair one fault, or all; returns those that were there. Parts are then as new. Raises KeyError."""
        self._move()
        index = self._index[device_id]
        found = [f for f in FAULTS if f in (fault, None if fault else f) and self.fleet.severity[ROW[f], index] > 0]
        tripped = bool(self.fleet.tripped[index])
        self.fleet.repair(index, fault)
        for ended in found:
            self._renewal[ended, index].succeed()
            self._renewal[ended, index] = self._environment.event()
            self._renewals[ROW[ended], index] += 1
            self._ends_s[ROW[ended], index] = numpy.nan
            self._tell(StateChange(device_id, self.now, Change.FAULT_ENDED, ended.value))
            if ended is Fault.LOST_CONNECTION:
                self._tell(StateChange(device_id, self.now, Change.RECONNECTED))
        if tripped:
            self._clear_latches(index)
            self._tell(StateChange(device_id, self.now, Change.RESTARTED))
        return found

    def set_speed(self, device_id: str, speed_rpm: float | None) -> None:
        """Hold a speed from now on, or follow the demand again (None). Raises KeyError, ValueError with the range."""
        self._move()
        index = self._index[device_id]
        kind = self.fleet.types[index]
        if speed_rpm is None:
            self.fleet.speed_override[index] = numpy.nan
            return
        if not kind.variable_speed:
            raise ValueError("this pump has no variable-speed drive")
        if not 0.5 * kind.rated_speed_rpm <= speed_rpm <= kind.rated_speed_rpm:
            raise ValueError(f"speed_rpm must be {0.5 * kind.rated_speed_rpm:g} to {kind.rated_speed_rpm:g}")
        self.fleet.speed_override[index] = speed_rpm / kind.rated_speed_rpm

    def restart(self, device_id: str) -> None:
        """Switch a tripped pump on again; the cause is not gone by that. Raises KeyError."""
        self._move()
        index = self._index[device_id]
        self._clear_latches(index)
        self.fleet.tripped[index] = False
        self._tell(StateChange(device_id, self.now, Change.RESTARTED))

    def reset_alarm(self, device_id: str) -> list[str]:
        """Clear latched alarms without starting the pump; returns their codes. Raises KeyError."""
        return self._clear_latches(self._index[device_id])

    def reset(self) -> None:
        """Start the scenario again at the present time, without faults; counters stay, they never fall."""
        self._move()
        counters = self.fleet.counters
        lost = [f.device_id for f in self.active_faults() if f.fault is Fault.LOST_CONNECTION]
        alarms = [(index, set(protection.active)) for index, protection in enumerate(self._protections)]
        self._create(self.now, None)
        self.fleet.counters = counters
        for index, active in alarms:
            for limit in Protection(active).reset_all():
                self._tell_alarm(index, limit, False)
        for device_id in lost:
            self._tell(StateChange(device_id, self.now, Change.RECONNECTED))

    # ---- Questions ----

    def connected(self, device_id: str) -> bool:
        """Whether the device's line is up; raises KeyError."""
        return bool(self.fleet.severity[ROW[Fault.LOST_CONNECTION], self._index[device_id]] == 0)

    def tripped(self, device_id: str) -> bool:
        """Whether the device's protection has stopped it; raises KeyError."""
        return bool(self.fleet.tripped[self._index[device_id]])

    def active_faults(self) -> list[ActiveFault]:
        """What is wrong now."""
        return [
            ActiveFault(
                device_id=self.device_ids[index],
                fault=FAULTS[row],
                severity=round(float(self.fleet.severity[row, index]), 4),
                since=self.epoch + timedelta(seconds=float(self._began_s[row, index])),
            )
            for row, index in numpy.argwhere(self.fleet.severity > 0)
        ]

    def waveform(self, device_id: str, rate_hz: float = RATE_HZ, duration_s: float = DURATION_S) -> Array:
        """Acceleration (g) at the drive-end bearing now, shape (rate_hz * duration_s,); raises KeyError."""
        self._move()
        return synthesise(self.fleet.vibration_state(self._index[device_id]), self._waveform_chance, rate_hz, duration_s)

    def memory(self) -> Memory:
        """What `resume` needs."""
        self._move()
        return Memory(
            scenario=self.scenario.name,
            seed=self.seed,
            epoch=self.epoch,
            now_s=self._environment.now,
            counters=self.fleet.counters.tolist(),
            temperature_c=self.fleet.temperature_c.tolist(),
            severity=self.fleet.severity.tolist(),
            growth_per_h=self.fleet.growth_per_h.tolist(),
            began_s=self._began_s.tolist(),
            ends_s=[[None if numpy.isnan(s) else float(s) for s in row] for row in self._ends_s],
            due_s=self._due_s.tolist(),
            renewals=self._renewals.tolist(),
            speed_override=[None if numpy.isnan(ratio) else float(ratio) for ratio in self.fleet.speed_override],
            tripped=self.fleet.tripped.tolist(),
            alarms=[sorted(protection.active) for protection in self._protections],
        )
