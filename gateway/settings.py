"""Knobs of the gateway; everything here is wall time, because the door serves people and programs, not the story."""

from datetime import datetime

from pydantic import AwareDatetime, Field

from services.kernel.settings import KernelSettings


class GatewaySettings(KernelSettings):
    """Read from the environment with the prefix `OPENSOM_`."""

    service: str = Field(default="gateway", description="Name of this service: event source, key id, schema")
    service_urls: dict[str, str] = Field(
        default={}, description='Where services are reached, as JSON: {"billing": "http://..."}; others are mounted'
    )
    public_url: str | None = Field(
        default=None, description="Address that people use, for links; none takes listen_host and listen_port"
    )
    business_start: AwareDatetime | None = Field(
        default=None, description="Business time of the very first start; none takes the wall time of that start"
    )
    clock_speed: float = Field(default=1.0, ge=1, le=3600, description="Speed of the very first start, x1 to x3600")
    clock_persist_interval_s: float = Field(
        default=1.0, gt=0, le=60, description="How often business time is written down, wall seconds"
    )
    token_lifetime_s: int = Field(default=900, ge=60, le=3600, description="Life of a token, wall seconds")
    session_lifetime_s: int = Field(
        default=12 * 3600, ge=300, le=30 * 24 * 3600, description="Life of a browser session, wall seconds"
    )
    link_lifetime_s: int = Field(default=900, ge=60, le=86_400, description="Life of a one-time link, wall seconds")
    cookie_secure: bool = Field(default=False, description="Send the session cookie over HTTPS only")
    time_zone: str = Field(default="Asia/Shanghai", description="Zone in which the console shows times")
    rate_per_s: float = Field(
        default=50.0, ge=0, description="Requests a second that one principal or address may keep up; 0 is no limit"
    )
    rate_burst: int = Field(default=300, ge=1, description="Requests that one principal or address may send at once")
    sign_in_rate_per_min: float = Field(
        default=10.0, gt=0, description="Attempts to sign in or to get a token that fail, a minute and address"
    )
    connect_timeout_s: float = Field(default=2.0, gt=0, description="Wait for a connection to a service, wall seconds")
    answer_timeout_s: float = Field(default=30.0, gt=0, description="Wait for a service's answer, wall seconds")
    openapi_cache_s: float = Field(
        default=60.0, ge=0, description="How long a service's description is kept, wall seconds"
    )
    viewers_max: int = Field(default=200, ge=1, description="Event streams open at once")

    def base_url(self) -> str:
        """Address that links begin with."""
        return (self.public_url or f"http://{self.listen_host}:{self.listen_port}").rstrip("/")

    def first_business_time(self, wall: datetime) -> datetime:
        """Business time of the very first start."""
        return self.business_start or wall
