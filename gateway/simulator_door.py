"""The simulated world as the gateway sees it: its last status, and orders to it. Anything may be behind the topics."""

from threading import Lock

import structlog
from pydantic import BaseModel, ValidationError

from gateway.contract import OPERATOR, ScenarioSteered
from services.kernel.bus import Bus, Message
from services.kernel.clock import monotonic_s
from services.kernel.database import Database
from services.kernel.identity import Principal
from services.kernel.problems import unavailable
from services.kernel.unit import UnitOfWork
from simulator.contract import COMMAND_TOPIC, STATUS_TOPIC, SimulatorCommand, SimulatorStatus

SILENCE_S_MAX = 10.0  # The simulator speaks about once a second; beyond this it is taken as away.

log = structlog.get_logger(__name__)


class SimulatorState(BaseModel):
    """`connected`: it spoke a moment ago. Without a status it was never heard of."""

    connected: bool
    status: SimulatorStatus | None = None


class SimulatorDoor:
    """Hears the simulator's status and passes commands to it."""

    def __init__(self, bus: Bus, database: Database) -> None:
        self._bus, self._database = bus, database
        self._lock = Lock()
        self._status: SimulatorStatus | None = None
        self._heard_s: float | None = None
        bus.subscribe(STATUS_TOPIC, self._hear, qos=0)

    def state(self) -> SimulatorState:
        """What it said last."""
        with self._lock:
            recent = self._heard_s is not None and monotonic_s() - self._heard_s < SILENCE_S_MAX
            return SimulatorState(connected=recent, status=self._status)

    def send(self, command: SimulatorCommand, principal: Principal) -> None:
        """Publish an order, after it was noted who gave it; raises Problem `simulator-away`."""
        if not self.state().connected or not self._bus.connected:
            raise unavailable("模拟器未连接。", "The simulator is not connected.", "simulator-away")
        self._database.run(_note, command, principal=principal)
        self._bus.publish(COMMAND_TOPIC, command.model_dump_json().encode(), qos=1)

    def _hear(self, message: Message) -> None:
        try:
            status = SimulatorStatus.model_validate_json(message.payload)
        except ValidationError as error:
            log.warning("simulator status unreadable", reason=str(error)[:200])
            return
        with self._lock:
            self._status = status
            if not message.retain:  # A retained one may be from long ago.
                self._heard_s = monotonic_s()


def _note(unit: UnitOfWork, command: SimulatorCommand) -> None:
    detail = command.model_dump(mode="json")
    unit.audit("steer simulator", f"simulator:{command.action}", OPERATOR, detail)
    unit.announce(
        ScenarioSteered(action=command.action, device_id=command.device_id, fault=command.fault, by=unit.subject),
        subject=command.device_id or "simulator",
        organisation_id=OPERATOR,
    )
