"""What the platform tells the simulated world: the clock, commands from the console, work orders that are done."""

import logging
import threading
from collections import deque
from dataclasses import dataclass

from pydantic import ValidationError

from services.kernel.bus import Bus, Message
from services.kernel.clock import CLOCK_TOPIC, AffineClock, ClockSet
from services.kernel.events import Event
from services.lifecycle.contract import WorkOrderChanged, WorkOrderState
from simulator.contract import COMMAND_TOPIC, Fault, SimulatorCommand

logger = logging.getLogger(__name__)

WAITING_MAX = 1_000


@dataclass(frozen=True)
class RepairDone:
    """A mechanic has done what a work order said; no fault means: find and mend everything."""

    event_id: str
    device_id: str
    fault: Fault | None


Order = SimulatorCommand | RepairDone


class OrderDesk:
    """Listens on two buses, whose threads only fill a queue; sets `clock` directly. What cannot be read is logged.

    Orders come over a session that persists, so that none is lost while the simulator is off. The clock comes over a
    clean one: the embedded broker sends retained messages only to sessions that are new.
    """

    def __init__(self, bus: Bus, clock_bus: Bus, clock: AffineClock) -> None:
        self.clock_known = threading.Event()
        self._clock = clock
        self._waiting: deque[Order] = deque()
        clock_bus.subscribe(CLOCK_TOPIC, self._hear_clock)
        bus.subscribe(COMMAND_TOPIC, self._hear_command)
        bus.subscribe(WorkOrderChanged.topic(), self._hear_work_order)

    def take(self) -> list[Order]:
        """All orders that wait, oldest first."""
        return [self._waiting.popleft() for _ in range(len(self._waiting))]

    def _hear_clock(self, message: Message) -> None:
        try:
            self._clock.follow(ClockSet.model_validate_json(message.payload))
        except ValidationError as error:
            logger.warning("clock not understood: %s", error)
            return
        self.clock_known.set()

    def _hear_command(self, message: Message) -> None:
        try:
            self._put(SimulatorCommand.model_validate_json(message.payload))
        except ValidationError as error:
            logger.warning("command not understood: %s", error)

    def _hear_work_order(self, message: Message) -> None:
        try:
            event = Event.from_bytes(message.payload)
            changed = WorkOrderChanged.of(event)
        except ValidationError as error:
            logger.warning("work order not understood: %s", error)
            return
        if changed.state is WorkOrderState.COMPLETED:
            named = Fault(changed.fault) if changed.fault in set(Fault) else None
            self._put(RepairDone(event.id, changed.device_id, named))

    def _put(self, order: Order) -> None:
        if len(self._waiting) >= WAITING_MAX:
            logger.error("more than %d orders wait, this one is refused: %s", WAITING_MAX, order)
            return
        self._waiting.append(order)
