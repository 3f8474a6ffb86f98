"""PUBLIC: how the simulated world is steered and what it says of itself."""

from enum import StrEnum

from pydantic import AwareDatetime, BaseModel, Field

COMMAND_TOPIC = "som/v1/simulator/command"
STATUS_TOPIC = "som/v1/simulator/status"  # Retained.


class Fault(StrEnum):
    """What can go wrong with a simulated pump."""

    IMBALANCE = "imbalance"
    BEARING_INNER_RACE = "bearing_inner_race"
    BEARING_OUTER_RACE = "bearing_outer_race"
    CAVITATION = "cavitation"
    SEAL_LEAK = "seal_leak"
    WEAR = "wear"
    SENSOR_DRIFT = "sensor_drift"
    LOST_CONNECTION = "lost_connection"


class Action(StrEnum):
    """What the world can be told."""

    START = "start"
    PAUSE = "pause"
    INJECT = "inject"
    REPAIR = "repair"
    RESET = "reset"


class SimulatorCommand(BaseModel):
    """One instruction; `device_id` and `fault` are needed by `inject`, `device_id` by `repair`."""

    command_id: str = Field(pattern=r"^[A-Za-z0-9._:-]{1,64}$")
    action: Action
    device_id: str | None = Field(default=None, pattern=r"^[a-z0-9-]{1,64}$")
    fault: Fault | None = None
    growth_h: float = Field(default=1.0, gt=0, le=1000, description="Business hours until the fault is full grown")


class ActiveFault(BaseModel):
    """A fault that is in the world now; services are not told, they have to find it."""

    device_id: str
    fault: Fault
    severity: float = Field(ge=0, le=1)
    since: AwareDatetime


class SimulatorStatus(BaseModel):
    """What the world says of itself, retained, about once a second of wall time."""

    scenario: str
    scenario_zh: str
    seed: int
    running: bool
    devices: int
    devices_online: int
    messages_sent: int
    messages_unconfirmed: int
    business_time: AwareDatetime
    wall_time: AwareDatetime
    interval_s: float = Field(description="Business seconds between two readings of a device at the present speed")
    faults: list[ActiveFault] = []
