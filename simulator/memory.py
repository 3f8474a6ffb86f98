"""What a world needs to go on after its process was restarted."""

from pydantic import AwareDatetime, BaseModel


class Memory(BaseModel):
    """A world at one moment. Seconds are business seconds since `epoch`; None stands for 'not a number'.

    Tables of numbers are (faults, pumps) as in `faults.FAULTS`, but `counters` is (counters, pumps).
    """

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
