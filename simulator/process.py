"""The simulator's process: follows the platform's clock, moves the world on, and lets its devices speak.

One thread does all the work, tick by tick: hear orders, advance the world, keep what happened, make it durable
together with the world's memory, publish. Network threads only fill queues.
"""

import json
import logging
import signal
import socket
import threading
from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime, timedelta

from pydantic import ValidationError

from services.kernel.bus import BusFull, MqttBus
from services.kernel.clock import CLOCK_TOPIC, AffineClock, monotonic_s, sleep_s
from services.kernel.logs import configure_logs
from simulator.commands import PumpCommands
from simulator.contract import STATUS_TOPIC, Action, SimulatorStatus
from simulator.devices import Device, Identity
from simulator.health import HealthDoor
from simulator.line import Address, Line
from simulator.memory import Memory
from simulator.orders import Order, OrderDesk, RepairDone
from simulator.pacing import report_interval_s
from simulator.pumps import SIGNALS
from simulator.scenario import Scenario, load_scenario
from simulator.settings import SimulatorSettings
from simulator.store import DeviceStore
from simulator.trace import Change, DeviceAlarm, Happening, Reading
from simulator.world import World

logger = logging.getLogger(__name__)

MEMORY = "world"
FAREWELL_S_MAX = 3.0


class Simulator:
    """The fleet of one scenario. `run` blocks until `stop`."""

    def __init__(self, settings: SimulatorSettings) -> None:
        self.settings = settings
        self.scenario: Scenario = load_scenario(settings.scenario)
        self.clock = AffineClock()
        self.store = DeviceStore(settings.data_dir / "simulator" / f"{self.scenario.name}.sqlite3")
        self.devices: dict[str, Device] = {}
        self.running = True
        self._world: World | None = None
        self._stopping = threading.Event()
        self._unsaved = True
        self._status_due_s = 0.0
        self._turn = 0  # Whose turn it is first when not all may publish.
        self._allowance = 0.0
        password = settings.broker_password.get_secret_value() if settings.broker_password else None
        self._address = Address(settings.broker_host, settings.broker_port, settings.broker_username, password)
        self.bus = self._new_bus("simulator", clean=False)
        self._clock_bus = self._new_bus("simulator-clock", clean=True)
        self._desk = OrderDesk(self.bus, self._clock_bus, self.clock)

    @property
    def ready(self) -> bool:
        """Whether the world runs (or may run) and the broker is there."""
        return self._world is not None and self.bus.connected

    def stop(self) -> None:
        """Ask `run` to end; safe from any thread and from a signal handler."""
        self._stopping.set()
        self._desk.clock_known.set()

    def run(self) -> None:
        """Wait for the clock, then move the world until `stop`."""
        self.bus.start()
        self._clock_bus.start()
        try:
            while not self._desk.clock_known.wait(10.0):
                logger.info("waiting for the clock on %s", CLOCK_TOPIC)
            if not self._stopping.is_set():
                self._begin()
            while not self._stopping.wait(self.settings.tick_s):
                self._tick()
        finally:
            self._end()

    def _new_bus(self, client_id: str, clean: bool) -> MqttBus:
        a = self._address
        return MqttBus(a.host, a.port, client_id, a.username, a.password, clean=clean, queue_max=1_000)

    # ---- Start and end ----

    def _begin(self) -> None:
        self._world = world = self._take_up(self.clock.business_now())
        world.listeners.append(self._record)
        commands = PumpCommands(world)
        credentials = (
            json.loads(self.settings.device_credentials.read_text()) if self.settings.device_credentials else {}
        )
        for pump in self.scenario.pumps:
            own = credentials.get(pump.id, {})
            line = Line(
                Address(
                    self._address.host,
                    self._address.port,
                    own.get("username", self._address.username),
                    own.get("password", self._address.password),
                ),
                pump.id,
            )
            identity = Identity(pump.id, pump.type, pump.serial, SIGNALS, {"bearing": pump.pump_type.bearing})
            device = Device(identity, self.store, line, self.clock, commands, self.settings.held_bytes_max)
            device.start()
            if not world.connected(pump.id):
                line.cut()
            self.devices[pump.id] = device
        logger.info("%s: %d devices from %s on", self.scenario.name, len(self.devices), world.now)

    def _take_up(self, now: datetime) -> World:
        """The world as it was when this process ended, else a new one. While it was off, nothing ran."""
        content = self.store.note(MEMORY)
        if content is not None:
            try:
                world = World.resume(self.scenario, Memory.model_validate_json(content))
            except (ValidationError, ValueError) as error:
                logger.warning("starting a new world: %s", error)
            else:
                if world.now > now or self.settings.seed not in (None, world.seed):
                    # A new clock (the platform's data were deleted) or another story; counters still never fall.
                    counters = world.fleet.counters
                    world = World(self.scenario, now, self.settings.seed)
                    world.fleet.counters = counters
                world.skip_to(now)
                return world
        return World(self.scenario, now, self.settings.seed)

    def _end(self) -> None:
        for device in self.devices.values():
            device.farewell()
        self._save()
        deadline_s = monotonic_s() + FAREWELL_S_MAX
        while monotonic_s() < deadline_s and self._publish(1_000_000):
            sleep_s(0.02)
        sleep_s(0.1)  # For the acknowledgements of what was published last.
        for device in self.devices.values():
            device.line.close()
        if self._world is not None and self.bus.connected:
            with suppress(RuntimeError):
                self.bus.publish(STATUS_TOPIC, self._status(running=False), qos=1, retain=True).wait(1.0)
        self.bus.stop()
        self._clock_bus.stop()
        self.store.close()

    # ---- One tick ----

    def _tick(self) -> None:
        for order in self._desk.take():
            self._obey(order)
        self._advance()
        for device in self.devices.values():
            device.listen()
        self._save()
        self._allowance = min(self._allowance + self.settings.messages_per_s_max * self.settings.tick_s, 1_000.0)
        self._allowance -= self._publish(int(self._allowance))
        if monotonic_s() >= self._status_due_s and self.bus.connected:
            self._status_due_s = monotonic_s() + self.settings.status_s
            with suppress(BusFull):
                self.bus.publish(STATUS_TOPIC, self._status(self.running), qos=0, retain=True)

    def _advance(self) -> None:
        """Move the world to business time, in slices, so that orders and confirmations are not kept waiting."""
        world, now = self._world, self.clock.business_now()
        if world is None or self.clock.paused or not self.running:
            return
        world.set_report_interval(
            report_interval_s(
                self.scenario.report_interval_s,
                self.clock.speed,
                len(world.device_ids),
                self.settings.telemetry_per_s_max,
            )
        )
        speed = timedelta(seconds=self.clock.speed)
        if now - world.now > speed * self.settings.lag_s_max:
            logger.warning("skipping from %s to %s: more than can be made up for", world.now, now)
            world.skip_to(now)
            self._unsaved = True
        world.advance_to(min(now, world.now + speed * max(10 * self.settings.tick_s, 1.0)))

    def _record(self, happening: Happening) -> None:
        """The world's listener: each device notes what concerns it."""
        device = self.devices.get(happening.device_id)
        if device is None:
            return
        self._unsaved = True
        if isinstance(happening, Reading):
            device.read(happening.values, happening.time, qualities=happening.qualities)
        elif isinstance(happening, DeviceAlarm):
            alarm = {name: getattr(happening, name) for name in ("code", "severity", "text", "active")}
            device.say("alarm", alarm, happening.time)
        elif happening.change is Change.DISCONNECTED:
            device.line.cut()
        elif happening.change is Change.RECONNECTED:
            device.connect()
        elif happening.change in (Change.TRIPPED, Change.RESTARTED):
            device.reported["tripped"] = happening.change is Change.TRIPPED
            device.say("state", {"online": True, "reported": device.reported}, happening.time)

    def _save(self) -> None:
        """What was said and the state of the world that said it become durable together."""
        if self._unsaved and self._world is not None:
            self.store.set_note(MEMORY, self._world.memory().model_dump_json())
            self._unsaved = False
        self.store.commit()

    def _publish(self, allowance: int) -> int:
        """Let the devices send up to `allowance` messages, beginning with another one each time."""
        published = 0
        for device in self._in_turn():
            if published >= allowance:
                break
            published += device.flush(allowance - published)
        return published

    def _in_turn(self) -> Iterator[Device]:
        devices = list(self.devices.values())
        self._turn = (self._turn + 1) % max(len(devices), 1)
        yield from devices[self._turn :]
        yield from devices[: self._turn]

    def _status(self, running: bool) -> bytes:
        assert self._world is not None
        return (
            SimulatorStatus(
                scenario=self.scenario.title_en,
                scenario_zh=self.scenario.title_zh,
                seed=self._world.seed,
                running=running and not self.clock.paused,
                devices=len(self.devices),
                devices_online=sum(device.line.ready for device in self.devices.values()),
                messages_sent=sum(device.sent for device in self.devices.values()),
                messages_unconfirmed=self.store.held_count(),
                business_time=self._world.now,
                wall_time=self.clock.wall_now(),
                interval_s=self._world.report_interval_s,
                faults=self._world.active_faults(),
            )
            .model_dump_json()
            .encode()
        )

    # ---- Orders ----

    def _obey(self, order: Order) -> None:
        world = self._world
        order_id = order.event_id if isinstance(order, RepairDone) else order.command_id
        if world is None or not self.store.first_time(order_id):
            return
        self._unsaved = True
        if isinstance(order, RepairDone):
            if order.device_id in self.devices:
                found = world.repair(order.device_id, order.fault)
                logger.info("%s repaired as ordered: %s", order.device_id, ", ".join(found) or "that part was sound")
            return
        if order.action is Action.PAUSE:
            self.running = False
        elif order.action in (Action.START, Action.RESET):
            if not self.running:
                world.skip_to(self.clock.business_now())
            self.running = True
            if order.action is Action.RESET:
                world.reset()
        elif order.device_id not in self.devices:
            logger.warning("%s: no device %s in this world", order.action, order.device_id)
        elif order.action is Action.REPAIR:
            world.repair(order.device_id, order.fault)
        elif order.fault is None:
            logger.warning("inject needs a fault")
        else:
            world.inject(order.device_id, order.fault, order.growth_h)


def main(settings: SimulatorSettings | None = None, listener: socket.socket | None = None) -> None:
    """Run until SIGTERM or Ctrl-C. `listener` is a listening socket on which readiness is told over HTTP."""
    settings = settings or SimulatorSettings()
    configure_logs(settings.service, level=settings.log_level, json=settings.log_json)
    simulator = Simulator(settings)
    door = HealthDoor(lambda: simulator.ready, listener) if listener is not None else None
    for name in (signal.SIGTERM, signal.SIGINT):
        if threading.current_thread() is threading.main_thread():
            signal.signal(name, lambda *_: simulator.stop())
    if door:
        door.start()
    simulator.run()


if __name__ == "__main__":
    main()
