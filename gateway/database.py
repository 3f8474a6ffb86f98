"""The gateway's database: the kernel's, with migrations that lie in this package instead of under `services`."""

from pathlib import Path

from alembic import command
from alembic.config import Config

from gateway.tables import METADATA
from services.kernel.clock import Clock
from services.kernel.database import Database
from services.kernel.migrate import KERNEL_MIGRATIONS

VERSIONS = Path(__file__).parent / "migrations"


class GatewayDatabase(Database):
    """See `Database`."""

    def __init__(self, url: str, *, clock: Clock, schema: str | None = None) -> None:
        super().__init__(url, METADATA, service="gateway", clock=clock, schema=schema)

    def upgrade(self) -> None:
        """Bring the schema to the newest version; doing it twice changes nothing."""
        with self.engine.begin() as connection:
            self.ensure_schema(connection)
        with self.engine.begin() as connection:
            config = Config()
            config.set_main_option("script_location", str(KERNEL_MIGRATIONS))
            config.set_main_option("version_locations", str(VERSIONS))
            config.set_main_option("path_separator", "os")
            config.attributes.update(connection=connection, metadata=METADATA)
            command.upgrade(config, "head")
            self.ensure_rows(connection)
