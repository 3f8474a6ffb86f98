"""The clock and the simulated world, for one viewer."""

from gateway.console.views import ActiveFault, BusinessClock, Option, Scenario, Words
from gateway.contract import ClockChange
from gateway.service.identity import may_run_platform
from gateway.sources.shared import Viewing
from services.kernel.chance import new_id
from services.kernel.identity import Principal, Role
from services.kernel.problems import forbidden
from simulator.contract import Action, Fault, SimulatorCommand

RUNNERS = {Role.OPERATOR, Role.ADMINISTRATOR}


class WorldSources(Viewing):
    """See `gateway.console.sources.WorldSource`."""

    async def clock(self) -> BusinessClock:
        state = self.shared.keeper.state()
        simulated = self.shared.simulator.state().status is not None or state.speed != 1.0
        return BusinessClock(business=state.business_now, speed=state.speed, paused=state.paused, simulated=simulated)

    async def set_clock(self, *, speed: float | None = None, paused: bool | None = None) -> None:
        principal = self._runner()
        await self.shared.in_thread(self.shared.keeper.change, ClockChange(speed=speed, paused=paused), principal)

    async def scenario(self) -> Scenario:
        state = self.shared.simulator.state()
        names = await self.machine_names()
        machines = tuple(Option(device_id, name) for device_id, (name, _) in sorted(names.items()))
        status = state.status
        if status is None:
            nothing = Words("没有模拟器", "No simulator")
            return Scenario(name=nothing, seed=0, running=False, machines=machines, faults=())
        return Scenario(
            name=Words(status.scenario_zh, status.scenario.replace("_", " ")),
            seed=status.seed,
            running=state.connected and status.running,
            machines=machines,
            faults=tuple(Fault),
            active=tuple(
                ActiveFault(
                    machine_id=each.device_id,
                    machine=names[each.device_id][0],
                    fault=each.fault,
                    since=each.since,
                )
                for each in status.faults
                if each.device_id in names
            ),
        )

    async def inject_fault(self, machine_id: str, fault: str) -> None:
        await self._steer(Action.INJECT, machine_id, Fault(fault) if fault in set(Fault) else None)

    async def repair(self, machine_id: str) -> None:
        await self._steer(Action.REPAIR, machine_id)

    async def reset_scenario(self) -> None:
        await self._steer(Action.RESET)

    async def _steer(self, action: Action, machine_id: str | None = None, fault: Fault | None = None) -> None:
        principal = self._runner()
        command = SimulatorCommand(command_id=new_id(), action=action, device_id=machine_id, fault=fault)
        await self.shared.in_thread(self.shared.simulator.send, command, principal)

    def _runner(self) -> Principal:
        """The viewer, if it may steer the world; raises Problem `forbidden`."""
        principal = self.who.principal
        if not may_run_platform(principal) or not principal.roles & RUNNERS:
            raise forbidden("只有平台运营方可以执行此操作。", "Only the platform's operator does this.")
        return principal
