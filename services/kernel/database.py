"""One service's own database: SQLite in a file or PostgreSQL in a schema, with units of work that are atomic."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import structlog
from sqlalchemy import Connection, Engine, MetaData, create_engine, event, insert, make_url, select
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError, TimeoutError
from sqlalchemy.pool import QueuePool
from sqlmodel import Session

from services.kernel.chance import jittered
from services.kernel.clock import Clock, sleep_s
from services.kernel.events import Event
from services.kernel.identity import Principal
from services.kernel.tables import kernel_tables
from services.kernel.unit import UnitOfWork

Result = TypeVar("Result")
POOL_SIZE = 5  # Overflow 0: eleven default pools would exceed PostgreSQL's 100 connections.
BUSY_TIMEOUT_MS = 5_000
ATTEMPTS_MAX = 12
CONFLICTS = {"40001", "40P01", "55P03"}  # Serialisation failure, deadlock, lock not available.
UNIQUE_VIOLATION = "23505"

log = structlog.get_logger(__name__)


class Database:
    """A service's data store. Only the owning service makes one.

    `run` is the edge at which work is committed: the function gets a unit of work, may be called again after a
    conflict, and must therefore not touch the network or anything else that cannot be taken back.
    """

    def __init__(
        self,
        url: str,
        metadata: MetaData,
        *,
        service: str,
        clock: Clock,
        schema: str | None = None,
        package: str | None = None,
    ) -> None:
        self.service = service
        self.package = package or f"services.{service}"  # Its folder `migrations` holds the versions.
        self.clock = clock
        self.metadata = metadata
        self.tables = kernel_tables(metadata)
        self.schema = schema or service
        self.on_commit: list[Callable[[list[Event]], None]] = []
        self.engine = _engine(url, self.schema)
        self.dialect = self.engine.dialect.name
        self._write = self.engine.execution_options(isolation_level="SERIALIZABLE") if self.is_postgres else self.engine
        self._read = self._reading_engine()
        self.retries = 0

    @property
    def is_postgres(self) -> bool:
        return self.dialect == "postgresql"

    def _reading_engine(self) -> Engine:
        if self.is_postgres:
            return self.engine.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
        return self.engine.execution_options(som_read_only=True)

    def run(
        self,
        function: Callable[..., Result],
        *arguments: Any,
        principal: Principal | None = None,
        correlation_id: str | None = None,
        bulk: bool = False,
        **keywords: Any,
    ) -> Result:
        """Call `function(unit, ...)` in one transaction, retried whole on conflict, and commit.

        `bulk` is for batches that only one process writes: READ COMMITTED on PostgreSQL, so sort the keys.

        Events announced in it go to the outbox in the same transaction and to the bus after it.
        Raises whatever `function` raises (nothing is kept then), or the last conflict after `ATTEMPTS_MAX` tries.
        """
        for attempt in range(ATTEMPTS_MAX):
            try:
                with Session(self.engine if bulk else self._write) as session:
                    unit = UnitOfWork(session, self, principal, correlation_id)
                    result = function(unit, *arguments, **keywords)
                    session.flush()
                    events = unit.write_outbox()
                    session.commit()
                break
            except DBAPIError as error:
                if not _is_conflict(error, attempt) or attempt == ATTEMPTS_MAX - 1:
                    raise
                self.retries += 1
                sleep_s(jittered(min(0.5, 0.004 * 2**attempt)))
        if events:
            self.announce_committed(events)
        return result

    def read(
        self, function: Callable[..., Result], *arguments: Any, principal: Principal | None = None, **keywords: Any
    ) -> Result:
        """Call `function(unit, ...)` on one consistent snapshot without taking a write lock; nothing is kept."""
        with Session(self._read) as session:
            return function(UnitOfWork(session, self, principal), *arguments, **keywords)

    def announce_committed(self, events: list[Event]) -> None:
        """Hand events that are in the log to whoever publishes them; what fails here no longer undoes the commit."""
        for hook in self.on_commit:
            try:
                hook(events)
            except Exception:
                log.exception("commit_not_announced", service=self.service, events=len(events))

    def upgrade(self) -> None:
        """Bring the schema to the newest version of this service's migrations."""
        from services.kernel.migrate import upgrade

        upgrade(self)

    def create(self) -> None:
        """Make all tables directly from the metadata: for tests and throw-away databases."""
        with self.engine.begin() as connection:
            self.ensure_schema(connection)
            self.metadata.create_all(connection)
            self.ensure_rows(connection)

    def ensure_schema(self, connection: Connection) -> None:
        """Make the PostgreSQL schema if it is not there."""
        if self.is_postgres:
            connection.exec_driver_sql(f'CREATE SCHEMA IF NOT EXISTS "{self.schema}"')

    def ensure_rows(self, connection: Connection) -> None:
        """Make the one row of `outbox_head` if it is not there."""
        head = self.tables.outbox_head
        if connection.execute(select(head.c.id)).first() is None:
            connection.execute(insert(head).values(id=1, position=0))

    def check(self) -> None:
        """Raise if the database does not answer."""
        with self.engine.connect() as connection:
            connection.exec_driver_sql("SELECT 1")

    def close(self) -> None:
        """Give all connections back."""
        self.engine.dispose()


def _engine(url: str, schema: str) -> Engine:
    parsed = make_url(url)
    if parsed.get_backend_name() == "sqlite":
        if parsed.database and parsed.database != ":memory:":
            Path(parsed.database).parent.mkdir(parents=True, exist_ok=True)
        engine = create_engine(
            parsed,
            poolclass=QueuePool,
            pool_size=POOL_SIZE,
            max_overflow=0,
            connect_args={"check_same_thread": False, "timeout": BUSY_TIMEOUT_MS / 1000},
        )
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
        return engine
    if parsed.drivername in ("postgres", "postgresql"):
        parsed = parsed.set(drivername="postgresql+psycopg")
    return create_engine(
        parsed,
        pool_size=POOL_SIZE,
        max_overflow=0,
        pool_pre_ping=True,
        connect_args={"options": f"-csearch_path={schema}", "connect_timeout": 5},
    )


def _prepare_sqlite(connection: Any, _record: Any) -> None:
    connection.isolation_level = None  # The driver must not begin transactions of its own.
    for pragma in ("journal_mode=WAL", "synchronous=FULL", f"busy_timeout={BUSY_TIMEOUT_MS}", "foreign_keys=ON"):
        connection.execute(f"PRAGMA {pragma}")


def _begin_sqlite(connection: Connection) -> None:
    # A unit that reads first and writes later would lose a race if it began deferred.
    read_only = connection.get_execution_options().get("som_read_only", False)
    connection.exec_driver_sql("BEGIN" if read_only else "BEGIN IMMEDIATE")


def is_unavailable(error: BaseException) -> bool:
    """Whether the database did not answer (down, starting, full, busy), so that the same may work later.

    Everything else it refused for good: repeating it is in vain.
    """
    if isinstance(error, OperationalError | InterfaceError | TimeoutError):
        return True
    return isinstance(error, DBAPIError) and error.connection_invalidated


def _is_conflict(error: DBAPIError, attempt: int) -> bool:
    state = getattr(error.orig, "sqlstate", None)
    if state is not None:
        # Two units that both looked first can both insert: on the second try the loser sees the winner's row.
        return state in CONFLICTS or (state == UNIQUE_VIOLATION and attempt < 2)
    return "database is locked" in str(error.orig)
