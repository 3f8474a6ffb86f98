"""The world of the pump fleet: a SimPy environment in business time.

Processes: a duty cycle and eight wear-outs a pump, one a planned fault, one a passing outage, and one reporter for the
fleet. Between two events the fleet moves on as one array. SimPy takes events in the order (time, priority, counter), so
the same scenario, seed and start give the same trace, however `advance_to` is cut into pieces.
"""

from collections.abc import Callable, Generator, Iterator
from datetime import datetime, timedelta, timezone
from math import floor
from typing import Any

import numpy
import simpy

from services.kernel.chance import stream
from simulator.contract import ActiveFault, Fault
from simulator.duty import demand_from
from simulator.fault_course import FaultCourse
from simulator.faults import FAULTS, ROW
from simulator.fleet import Fleet
from simulator.memory import Memory
from simulator.protection import Limit, Protection
from simulator.pumps import SPEED_RATIO_MIN, Array
from simulator.scenario import Scenario
from simulator.trace import Change, DeviceAlarm, Happening, Reading, StateChange
from simulator.waveforms import DURATION_S, RATE_HZ, synthesise

STEP_S_MAX = 300.0  # Longest time for which demand and faults are taken as constant.
AGE_H_MAX = 20_000  # Pumps are between new and this old when the world starts.

Process = Generator[simpy.Event, Any, None]


class World:
    """Pumps, customers and faults from `start` (business time) on; listeners hear what happens, in order.

    Not thread-safe: one thread advances it and gives it orders. Orders raise KeyError for an unknown device.
    """

    def __init__(
        self, scenario: Scenario, start: datetime, seed: int | None = None, memory: Memory | None = None
    ) -> None:
        self.scenario = scenario
        self.seed = scenario.seed if seed is None else seed
        self.listeners: list[Callable[[Happening], None]] = []
        self.reporting = True
        self.report_interval_s = scenario.report_interval_s
        self.device_ids = [pump.id for pump in scenario.pumps]
        self._interval_changed: simpy.Event
        self._index = {device_id: index for index, device_id in enumerate(self.device_ids)}
        self._local = timezone(timedelta(hours=scenario.utc_offset_h))
        self._offset_k = numpy.array([scenario.customer_of(pump).ambient_offset_k for pump in scenario.pumps])
        self._create(start, memory)

    @classmethod
    def resume(cls, scenario: Scenario, memory: Memory) -> "World":
        """Go on from `memory`; raises ValueError when it is of another scenario."""
        if memory.scenario != scenario.name or len(memory.tripped) != len(scenario.pumps):
            raise ValueError(f"the memory is of scenario {memory.scenario!r}, not {scenario.name!r}")
        return cls(scenario, memory.epoch, memory.seed, memory)

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

    def skip_to(self, business_time: datetime) -> None:
        """Let time pass in which nothing happens: no pump runs or wears, plans move back. For pauses of the world."""
        if business_time > self.now:
            memory = self.memory()
            self._create(business_time - timedelta(seconds=memory.now_s), memory)

    def set_report_interval(self, seconds: float) -> None:
        """Business seconds between two readings of a device; readings fall on multiples of it."""
        if seconds != self.report_interval_s:
            self.report_interval_s = seconds
            self._interval_changed.succeed()
            self._interval_changed = self._environment.event()

    # ---- Orders ----

    def inject(self, device_id: str, fault: Fault, growth_h: float) -> None:
        """Start a fault that is full grown after `growth_h` hours of running."""
        self.faults.begin(self._index[device_id], fault, growth_h)

    def repair(self, device_id: str, fault: Fault | None = None) -> list[Fault]:
        """Repair one fault, or all; returns those that were there. A pump that had tripped runs again."""
        index = self._index[device_id]
        found = self.faults.end(index, fault)
        if self.fleet.tripped[index]:
            self.restart(device_id)
        return found

    def check_speed(self, device_id: str, speed_rpm: float | None) -> None:
        """Whether the pump can hold a speed, or follow the demand (None). Raises ValueError with the allowed range."""
        kind = self.fleet.types[self._index[device_id]]
        least, most = SPEED_RATIO_MIN * kind.rated_speed_rpm, kind.rated_speed_rpm
        if speed_rpm is not None and not kind.variable_speed:
            raise ValueError("this pump has no variable-speed drive")
        if speed_rpm is not None and not least <= speed_rpm <= most:
            raise ValueError(f"speed_rpm must be between {least:g} and {most:g}")

    def set_speed(self, device_id: str, speed_rpm: float | None) -> None:
        """Hold a speed from now on while there is a demand, or follow the demand again (None). Raises ValueError."""
        self.check_speed(device_id, speed_rpm)
        self._move()
        index = self._index[device_id]
        rated_rpm = self.fleet.types[index].rated_speed_rpm
        self.fleet.speed_override[index] = numpy.nan if speed_rpm is None else speed_rpm / rated_rpm

    def restart(self, device_id: str) -> None:
        """Switch a tripped pump on again; the cause is not gone by that."""
        self._move()
        self.reset_alarm(device_id)
        self.fleet.tripped[self._index[device_id]] = False
        self._tell(StateChange(device_id, self.now, Change.RESTARTED))

    def reset_alarm(self, device_id: str) -> list[str]:
        """Clear latched alarms without starting the pump; returns their codes."""
        index = self._index[device_id]
        ended = self._protections[index].reset()
        for limit in ended:
            self._tell_alarm(index, limit, False)
        return [limit.code for limit in ended]

    def reset(self) -> None:
        """Start the scenario again at the present time, without faults; counters stay, they never fall."""
        self._move()
        for index, device_id in enumerate(self.device_ids):
            self.repair(device_id)
            for limit in self._protections[index].reset(latched_only=False):
                self._tell_alarm(index, limit, False)
        counters = self.fleet.counters
        self._create(self.now, None)
        self.fleet.counters = counters

    # ---- Questions ----

    def connected(self, device_id: str) -> bool:
        """Whether the device's line is up."""
        return bool(self.fleet.severity[ROW[Fault.LOST_CONNECTION], self._index[device_id]] == 0)

    def tripped(self, device_id: str) -> bool:
        """Whether the device's protection has stopped it."""
        return bool(self.fleet.tripped[self._index[device_id]])

    def active_faults(self) -> list[ActiveFault]:
        """What is wrong now."""
        return [
            ActiveFault(
                device_id=self.device_ids[index],
                fault=FAULTS[row],
                severity=round(float(self.fleet.severity[row, index]), 4),
                since=self.epoch + self.faults.since(row, index),
            )
            for row, index in numpy.argwhere(self.fleet.severity > 0)
        ]

    def waveform(self, device_id: str, rate_hz: float = RATE_HZ, duration_s: float = DURATION_S) -> Array:
        """Acceleration (g) at the drive-end bearing as of the last event, shape (rate_hz * duration_s,)."""
        state = self.fleet.vibration_state(self._index[device_id])
        return synthesise(state, self._waveform_chance, rate_hz, duration_s)

    def memory(self) -> Memory:
        """What `resume` needs, as of the last event: to ask changes nothing."""
        return Memory(
            scenario=self.scenario.name,
            seed=self.seed,
            epoch=self.epoch,
            now_s=self._moved_s,
            counters=self.fleet.counters.tolist(),
            temperature_c=self.fleet.temperature_c.tolist(),
            severity=self.fleet.severity.tolist(),
            growth_per_h=self.fleet.growth_per_h.tolist(),
            began_s=self.faults.began_s.tolist(),
            ends_s=[[None if numpy.isnan(s) else float(s) for s in row] for row in self.faults.ends_s],
            due_s=self.faults.due_s.tolist(),
            renewals=self.faults.renewals.tolist(),
            speed_override=[None if numpy.isnan(ratio) else float(ratio) for ratio in self.fleet.speed_override],
            tripped=self.fleet.tripped.tolist(),
            alarms=[sorted(protection.active) for protection in self._protections],
        )

    # ---- Inside ----

    def _create(self, epoch: datetime, memory: Memory | None) -> None:
        self.epoch = epoch
        start_s = 0.0 if memory is None else memory.now_s
        self._environment = simpy.Environment(initial_time=start_s)
        self._moved_s = start_s
        # A resumed world draws other noise than the one before it.
        names = () if memory is None else (f"{epoch.isoformat()}+{start_s}",)
        self._physics_chance = stream(self.seed, "physics", *names)
        self._noise_chance = stream(self.seed, "noise", *names)
        self._waveform_chance = stream(self.seed, "waveform", *names)
        build = stream(self.seed, "build")
        age_h = build.uniform(0, AGE_H_MAX, len(self.device_ids))
        self.fleet = Fleet([pump.pump_type for pump in self.scenario.pumps], build)
        alarms = [[] for _ in self.device_ids] if memory is None else memory.alarms
        self._protections = [
            Protection(kind.rated_speed_rpm, set(active)) for kind, active in zip(self.fleet.types, alarms, strict=True)
        ]
        self._interval_changed = self._environment.event()
        self.faults = FaultCourse(
            self._environment, self.scenario, self.seed, self.fleet, age_h, self._move, self._tell_change, memory
        )
        for index in range(len(self.device_ids)):
            demand = self._demand(index)
            self.fleet.demand[index] = next(demand)[1]
            self._environment.process(self._duty(index, demand))
        self.fleet.ambient_c = self._ambient_c()
        if memory is None:
            self.fleet.remember_past(age_h)
            self.fleet.settle()  # Bearings are warm from what the pumps are doing.
        else:
            self._restore(memory)
        self._environment.process(self._report())

    def _restore(self, memory: Memory) -> None:
        self.fleet.counters = numpy.array(memory.counters)
        self.fleet.severity = numpy.array(memory.severity)
        self.fleet.growth_per_h = numpy.array(memory.growth_per_h)
        self.fleet.speed_override = numpy.array(memory.speed_override, dtype=float)
        self.fleet.tripped = numpy.array(memory.tripped, dtype=bool)
        self.fleet.settle()
        self.fleet.temperature_c = numpy.array(memory.temperature_c)

    def _move(self) -> None:
        """Bring the fleet to the present."""
        while (gap_s := self._environment.now - self._moved_s) > 0:
            step_s = min(gap_s, STEP_S_MAX)
            self.fleet.ambient_c = self._ambient_c()
            self.fleet.step(step_s, self._physics_chance)
            # The last step lands on the present exactly, so that rounding leaves no rest.
            self._moved_s = self._environment.now if step_s == gap_s else self._moved_s + step_s

    def _ambient_c(self) -> Array:
        """Air or water around the pumps: warmest at 15 h local time. A judgement."""
        local = (self.epoch + timedelta(seconds=self._moved_s)).astimezone(self._local)
        hour = local.hour + local.minute / 60
        ambient: Array = 20.0 + self._offset_k + 4.0 * numpy.sin(2 * numpy.pi * (hour - 9) / 24)
        return ambient

    def _demand(self, index: int) -> Iterator[tuple[datetime, float]]:
        pump = self.scenario.pumps[index]
        return demand_from(
            self.scenario.duty_of(pump),
            self.now,
            self._local,
            lambda day: stream(self.seed, "duty", pump.id, day.isoformat()),
        )

    def _duty(self, index: int, demand: Iterator[tuple[datetime, float]]) -> Process:
        """Follow the customer's demand."""
        for at, wanted in demand:
            yield self._environment.timeout((at - self.epoch).total_seconds() - self._environment.now)
            self._set_demand(index, wanted)

    def _set_demand(self, index: int, demand: float) -> None:
        before = self.fleet.demand[index]
        if demand == before:
            return
        self._move()
        self.fleet.demand[index] = demand
        if (demand > 0) != (before > 0):
            self._tell_change(index, Change.STARTED if demand > 0 else Change.STOPPED, f"{demand:g}")

    def _report(self) -> Process:
        """Read all sensors at every multiple of the interval, and let the protections look at them."""
        while True:
            changed = self._interval_changed
            interval_s = self.report_interval_s
            next_s = (floor(self._environment.now / interval_s + 1e-9) + 1) * interval_s
            yield self._environment.timeout(next_s - self._environment.now) | changed
            if changed.triggered or not self.reporting:
                continue
            self._move()
            columns = self.fleet.measure(self._noise_chance)
            names, time = list(columns), self.now
            for index, row in enumerate(zip(*(column.tolist() for column in columns.values()), strict=True)):
                values = dict(zip(names, row, strict=True))
                self._tell(Reading(self.device_ids[index], time, values))
                self._protect(index, values)

    def _protect(self, index: int, values: dict[str, float | int]) -> None:
        for limit, active in self._protections[index].check(values):
            self._tell_alarm(index, limit, active)
            if active and limit.trips and not self.fleet.tripped[index]:
                self.fleet.tripped[index] = True
                self._tell_change(index, Change.TRIPPED, limit.code)

    def _tell_alarm(self, index: int, limit: Limit, active: bool) -> None:
        self._tell(DeviceAlarm(self.device_ids[index], self.now, limit.code, limit.severity, limit.text, active))

    def _tell_change(self, index: int, change: Change, detail: str) -> None:
        self._tell(StateChange(self.device_ids[index], self.now, change, detail))

    def _tell(self, happening: Happening) -> None:
        for listener in self.listeners:
            listener(happening)
