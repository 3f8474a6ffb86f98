"""The course of all faults of a fleet: planned ones, those that come by wear, injected ones, and their ends."""

from collections.abc import Callable, Generator
from datetime import timedelta
from typing import Any

import numpy
import simpy

from services.kernel.chance import stream
from simulator.contract import Fault
from simulator.faults import FAULTS, ROW, WEAROUT, remaining_life_h
from simulator.fleet import Fleet
from simulator.memory import Memory
from simulator.pumps import Array
from simulator.scenario import PlannedFault, Scenario
from simulator.trace import Change

Process = Generator[simpy.Event, Any, None]
Tell = Callable[[int, Change, str], None]


class FaultCourse:
    """Begins and ends faults of `fleet` in `environment`. Seconds are those of the environment.

    `move` brings the fleet up to the present before a fault changes it; `tell(index, change, detail)` announces it.
    `age_h` has one element a pump.
    """

    def __init__(
        self,
        environment: simpy.Environment,
        scenario: Scenario,
        seed: int,
        fleet: Fleet,
        age_h: Array,
        move: Callable[[], None],
        tell: Tell,
        memory: Memory | None = None,
    ) -> None:
        self._environment, self._scenario, self._seed = environment, scenario, seed
        self._fleet, self._move, self._tell = fleet, move, tell
        shape = (len(FAULTS), len(scenario.pumps))
        self.began_s: Array = numpy.zeros(shape)
        self.ends_s: Array = numpy.full(shape, numpy.nan)
        self.due_s: Array = numpy.zeros(shape)
        self.renewals = numpy.zeros(shape, dtype=int)
        self._renewed = [[environment.event() for _ in scenario.pumps] for _ in FAULTS]
        if memory is None:
            for row in range(shape[0]):
                for index in range(shape[1]):
                    self.due_s[row, index] = environment.now + self._drawn_life_s(row, index, float(age_h[index]))
        else:
            self.began_s, self.due_s = numpy.array(memory.began_s), numpy.array(memory.due_s)
            self.ends_s, self.renewals = numpy.array(memory.ends_s, dtype=float), numpy.array(memory.renewals)
        self._start_processes()

    def begin(self, index: int, fault: Fault, growth_h: float, lasts_s: float | None = None) -> None:
        """Start a fault, or let it grow at the faster of the two rates when it is there already."""
        self._move()
        row = ROW[fault]
        rate = 1 / growth_h
        new = self._fleet.severity[row, index] == 0
        self._fleet.growth_per_h[row, index] = max(rate, self._fleet.growth_per_h[row, index])
        if not new:
            return
        # A line is either up or down; other faults start small.
        self._fleet.severity[row, index] = 1.0 if fault is Fault.LOST_CONNECTION else 1e-6
        self.began_s[row, index] = self._environment.now
        self._tell(index, Change.FAULT_BEGAN, fault.value)
        if fault is Fault.LOST_CONNECTION:
            self._tell(index, Change.DISCONNECTED, "")
        if lasts_s is not None:
            self.ends_s[row, index] = self._environment.now + lasts_s
            self._environment.process(self._passing(index, fault))

    def end(self, index: int, fault: Fault | None = None) -> list[Fault]:
        """Undo one fault of a pump, or all; its parts are as new then. Returns those that were there."""
        self._move()
        asked = FAULTS if fault is None else (fault,)
        found = [each for each in asked if self._fleet.severity[ROW[each], index] > 0]
        for each in found:
            row = ROW[each]
            self._fleet.mend(index, each)
            self.ends_s[row, index] = numpy.nan
            self.renewals[row, index] += 1
            self.due_s[row, index] = self._environment.now + self._drawn_life_s(row, index, 0.0)
            self._renewed[row][index].succeed()
            self._renewed[row][index] = self._environment.event()
            if each is Fault.LOST_CONNECTION:
                self._tell(index, Change.RECONNECTED, "")
            self._tell(index, Change.FAULT_ENDED, each.value)
        return found

    def since(self, row: int, index: int) -> timedelta:
        """When a fault began, after the epoch."""
        return timedelta(seconds=float(self.began_s[row, index]))

    def _start_processes(self) -> None:
        pumps = {pump.id: index for index, pump in enumerate(self._scenario.pumps)}
        for planned in self._scenario.faults:
            if planned.after_minutes * 60 >= self._environment.now:
                self._environment.process(self._planned(pumps[planned.pump], planned))
        for fault in FAULTS:
            for index in pumps.values():
                self._environment.process(self._wearing(index, fault))
                if not numpy.isnan(self.ends_s[ROW[fault], index]):
                    self._environment.process(self._passing(index, fault))

    def _planned(self, index: int, planned: PlannedFault) -> Process:
        yield self._environment.timeout(planned.after_minutes * 60 - self._environment.now)
        lasts_s = None if planned.lasts_minutes is None else planned.lasts_minutes * 60
        self.begin(index, planned.fault, planned.growth_h, lasts_s)

    def _wearing(self, index: int, fault: Fault) -> Process:
        """Live out one life after another; a repair in between starts a new one."""
        row, wearout = ROW[fault], WEAROUT[fault]
        while True:
            renewed = self._renewed[row][index]
            if self.due_s[row, index] >= self._environment.now:
                yield self._environment.timeout(self.due_s[row, index] - self._environment.now) | renewed
                if not renewed.triggered:
                    lasts_s = None if wearout.lasts_h is None else wearout.lasts_h * 3600
                    self.begin(index, fault, wearout.growth_h / self._scenario.wear_acceleration, lasts_s)
            if not renewed.triggered:
                yield renewed

    def _passing(self, index: int, fault: Fault) -> Process:
        """End the fault when its time is over, unless a repair was faster."""
        renewed = self._renewed[ROW[fault]][index]
        yield self._environment.timeout(max(self.ends_s[ROW[fault], index] - self._environment.now, 0.0)) | renewed
        if not renewed.triggered:
            self.end(index, fault)

    def _drawn_life_s(self, row: int, index: int, age_h: float) -> float:
        fault, pump = FAULTS[row], self._scenario.pumps[index]
        chance = stream(self._seed, "life", pump.id, fault.value, str(self.renewals[row, index]))
        # An accelerated world has aged its pumps as far along their shorter lives.
        life_h = remaining_life_h(WEAROUT[fault], age_h, chance) / self._scenario.wear_acceleration
        return float(life_h * 3600)
