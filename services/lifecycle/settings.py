"""Knobs of the lifecycle service; a unit stands last in each name."""

from pydantic import Field

from services.kernel.settings import KernelSettings


class LifecycleSettings(KernelSettings):
    """Read from the environment with the prefix `OPENSOM_`."""

    service: str = Field(default="lifecycle", description="Name of this service: event source, key id, schema")

    # Ingest.
    confirm_interval_s: float = Field(
        default=5.0, gt=0, le=300, description="How often devices are told what is settled, wall seconds"
    )
    health_interval_s: float = Field(
        default=1.0, gt=0, le=300, description="Least time between two assessments of one device, wall seconds"
    )
    detection_save_interval_s: float = Field(
        default=5.0, gt=0, le=300, description="Least time between two copies of a detection state, wall seconds"
    )
    future_s_max: int = Field(
        default=300, ge=0, le=86_400, description="How far ahead of business time a source time may lie, seconds"
    )
    past_days_max: int = Field(
        default=3650, ge=1, le=36_500, description="How old a source time may be, days of business time"
    )
    batch_size_max: int = Field(default=500, ge=1, le=10_000, description="Most messages settled in one transaction")

    # Twins.
    value_expiry_s: float = Field(
        default=15.0, gt=0, le=86_400, description="Age at which a value is STALE, wall seconds at the clock's speed"
    )

    # Alarms, tickets, work orders, commands.
    ticket_severities: tuple[str, ...] = Field(
        default=("critical", "major"), description="Alarms of these severities open a ticket by themselves"
    )
    ticket_interval_s: float = Field(
        default=1.0, gt=0, le=60, description="How often tickets to open or to close are looked for, wall seconds"
    )
    command_interval_s: float = Field(
        default=0.5, gt=0, le=60, description="How often queued and overdue commands are looked for, wall seconds"
    )
    commands_sent_max: int = Field(default=200, ge=1, le=5_000, description="Most commands sent in one look")

    # Metering.
    meters: tuple[str, ...] = Field(default=("run_seconds",), description="Counters whose usage is metered for billing")
    usage_interval_s: float = Field(
        default=2.0, gt=0, le=3600, description="How often finished metering buckets are looked for, wall seconds"
    )
    usage_bucket_s: int = Field(
        default=3600, ge=60, le=86_400, description="Length of a metering bucket, seconds of business time"
    )
    usage_allowance_s: int = Field(
        default=300, ge=0, le=604_800, description="How long a finished bucket waits for late data, business seconds"
    )

    usage_gap_s: float = Field(
        default=7_200.0,
        gt=0,
        le=864_000,
        description="Silence across which usage counts as estimated, business seconds; at high speeds devices report "
        "half-hourly",
    )

    # Trends and history.
    trend_interval_s: float = Field(
        default=5.0, gt=0, le=3600, description="How often new readings are merged into trends, wall seconds"
    )
    trend_rows_max: int = Field(default=20_000, ge=100, le=200_000, description="Most messages merged at a time")
    history_raw_s: int = Field(
        default=7_200, ge=60, le=86_400, description="Longest span that a chart reads from raw readings, seconds"
    )
    history_points_max: int = Field(default=3_000, ge=100, le=20_000, description="Most points of one chart line")

    # What a device is told when its credentials are made.
    device_broker_host: str = Field(default="", description="Broker's address for devices; empty means broker_host")
    device_broker_port: int = Field(
        default=0, ge=0, le=65_535, description="Broker's port for devices; 0 means broker_port"
    )
