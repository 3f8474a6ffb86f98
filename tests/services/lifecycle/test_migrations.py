"""The tables that migrations make are the tables that the code means."""

from services.kernel.database import Database
from services.kernel.migrate import differences


def test_an_upgrade_from_empty_leaves_no_difference(lifecycle_database: Database) -> None:
    """Guards: a table that only tests have, because they make it from the code."""
    lifecycle_database.upgrade()
    lifecycle_database.upgrade()
    assert differences(lifecycle_database) == []
