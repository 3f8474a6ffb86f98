"""Alembic for all services: one environment, one folder of versions a service.

    python -m services.kernel.migrate services.lifecycle "what changes"

writes the next version by comparing the package's metadata with its migrations.
"""

import importlib
import sys
import tempfile
from pathlib import Path
from typing import Any

from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from sqlalchemy import Connection, text

from services.kernel.clock import AffineClock
from services.kernel.database import Database

KERNEL_MIGRATIONS = Path(__file__).parent / "migrations"


def upgrade(database: Database) -> None:
    """Bring `database` to the newest version; doing it twice changes nothing."""
    with database.engine.begin() as connection:
        _one_at_a_time(database, connection)
        database.ensure_schema(connection)
    with database.engine.begin() as connection:
        _one_at_a_time(database, connection)
        command.upgrade(_config(database, connection), "head")
        database.ensure_rows(connection)


def _one_at_a_time(database: Database, connection: Connection) -> None:
    """Two processes of a service may start at once; SQLite's BEGIN IMMEDIATE already lets only one in."""
    if database.is_postgres:
        connection.execute(
            text("SELECT pg_advisory_xact_lock(hashtext(:name))"), {"name": f"migrate {database.schema}"}
        )


def differences(database: Database) -> list[Any]:
    """What the tables in the database and the tables in the code disagree on; empty when migrations are complete."""
    with database.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "include_name": _own_tables})
        return list(compare_metadata(context, database.metadata))


def _own_tables(name: str | None, kind: str, parents: Any) -> bool:
    return not (kind == "table" and name == "alembic_version")


def _config(database: Database, connection: Any) -> Config:
    config = Config()
    config.set_main_option("script_location", str(KERNEL_MIGRATIONS))
    config.set_main_option("version_locations", str(_versions(database)))
    config.set_main_option("path_separator", "os")
    config.attributes.update(connection=connection, metadata=database.metadata)
    return config


def _versions(database: Database) -> Path:
    return Path(importlib.import_module(database.package).__path__[0]) / "migrations"


def make_revision(package: str, message: str) -> None:
    """Write the next version of `package` by comparing code and migrations on a throw-away SQLite file."""
    metadata, service = importlib.import_module(f"{package}.tables").METADATA, package.rpartition(".")[2]
    with tempfile.TemporaryDirectory() as folder:
        url = f"sqlite:///{folder}/m.sqlite3"
        database = Database(url, metadata, service=service, clock=AffineClock(), package=package)
        versions = _versions(database)
        versions.mkdir(exist_ok=True)
        number = f"{len(list(versions.glob('[0-9]*.py'))) + 1:04d}"
        if number != "0001":
            upgrade(database)
        with database.engine.begin() as connection:
            command.revision(_config(database, connection), message, autogenerate=True, rev_id=number)
        database.close()


if __name__ == "__main__":
    make_revision(sys.argv[1], sys.argv[2])
