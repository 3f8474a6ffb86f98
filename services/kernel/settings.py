"""Settings that every service has; each service adds its own knobs by subclassing."""

from pathlib import Path

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict


class KernelSettings(BaseSettings):
    """Read from the environment with the prefix `OPENSOM_`."""

    model_config = SettingsConfigDict(env_prefix="OPENSOM_", extra="ignore")

    service: str = Field(default="kernel", description="Name of this service: event source, key id, schema")
    data_dir: Path = Field(default=Path("var"), description="Where files of a local run live")
    database_url: str | None = Field(default=None, description="SQLAlchemy URL; none means a SQLite file in data_dir")
    broker_host: str = Field(default="127.0.0.1", description="MQTT broker's address")
    broker_port: int = Field(default=1883, ge=1, le=65535, description="MQTT broker's port")
    broker_username: str | None = Field(default=None, description="MQTT user, where the broker asks for one")
    broker_password: SecretStr | None = Field(default=None, description="MQTT password, where the broker asks for one")
    broker_client_prefix: str = Field(default="som", description="Sets apart two installations on one broker")
    jwks: str | None = Field(default=None, description="File or URL of the public keys; none means data_dir/keys")
    listen_host: str = Field(default="127.0.0.1", description="Address that the HTTP server binds")
    listen_port: int = Field(default=8000, ge=0, le=65535, description="Port of the HTTP server; 0 takes a free one")
    log_level: str = Field(default="INFO", description="Least severe log line that is written")
    log_json: bool = Field(default=False, description="Write log lines as JSON, for a collector")
    body_bytes_max: int = Field(default=1_048_576, ge=1024, description="Largest HTTP body accepted, bytes")
    event_retention_days: int = Field(default=30, ge=1, description="How long the outbox keeps events, wall days")

    def resolved_database_url(self) -> str:
        """The database URL, with the SQLite file of a local run as the default."""
        if self.database_url:
            return self.database_url
        return f"sqlite:///{(self.data_dir / f'{self.service}.sqlite3').resolve()}"

    def broker_client_id(self, role: str) -> str:
        """Name of a process's session on the broker; two connections of one name put each other off for ever."""
        return f"{self.broker_client_prefix}-{self.service}-{role}"

    def resolved_jwks(self) -> str:
        """Where the public keys are read from."""
        return self.jwks or str(self.data_dir / "keys" / "jwks.json")
