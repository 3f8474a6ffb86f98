"""Houses to be tried: each service alone, and the gateway with all of them behind it."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from gateway.tables import METADATA
from services.kernel.clock import AffineClock
from services.kernel.testing import postgres_database
from tests.contract.house import DOORS, House, open_house
from tests.contract.seeds import Seeded, furnish


@pytest.fixture(scope="module", params=DOORS)
def house(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """A running house on SQLite; shared by the tests of one file."""
    with open_house(request.param, tmp_path_factory.mktemp(request.param)) as made:
        yield made


@pytest.fixture(scope="module")
def seeded(house: House) -> dict[str, Seeded]:
    """What the two organisations have in `house`, by their names."""
    return furnish(house)


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest) -> Iterator[str | None]:
    """None for SQLite files in a data directory, or an empty PostgreSQL database, where each service has a schema."""
    with ExitStack() as stack:
        if request.param == "sqlite":
            yield None
            return
        server = request.getfixturevalue("postgres_url")
        database = stack.enter_context(postgres_database(server, METADATA, "gateway", AffineClock()))
        yield database.engine.url.render_as_string(hide_password=False)


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    """Where keys and SQLite files of one house lie."""
    return tmp_path
