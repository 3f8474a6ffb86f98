"""Knobs of the simulator; a unit stands last in each name."""

from pathlib import Path

from pydantic import Field

from services.kernel.settings import KernelSettings


class SimulatorSettings(KernelSettings):
    """Read from the environment with the prefix `OPENSOM_`."""

    service: str = Field(default="simulator", description="Name of this process in logs and on the broker")
    scenario: str = Field(default="city_water", description="Built-in scenario, or the path of a YAML file")
    seed: int | None = Field(default=None, ge=0, description="Seed of the world; none means the scenario's own")
    device_credentials: Path | None = Field(
        default=None, description='JSON file {device: {"username", "password"}}; none: all use the broker_username'
    )
    tick_s: float = Field(default=0.1, gt=0, le=5, description="How often the world is moved on, wall seconds")
    telemetry_per_s_max: float = Field(
        default=80.0, gt=0, le=10_000, description="Readings of the whole fleet in a wall second; sets the interval"
    )
    messages_per_s_max: float = Field(
        default=300.0,
        gt=0,
        le=100_000,
        description="Messages of the whole fleet in a wall second, resent ones included",
    )
    held_bytes_max: int = Field(
        default=2_000_000,
        ge=10_000,
        description="Unconfirmed messages that one device keeps, bytes; then the oldest go",
    )
    lag_s_max: float = Field(
        default=60.0, gt=0, description="Wall seconds that the world makes up for; what is more is skipped"
    )
    status_s: float = Field(default=1.0, gt=0, le=60, description="How often the status is published, wall seconds")
