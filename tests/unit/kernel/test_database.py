"""Units of work on both databases: nothing lost, nothing seen that should not be, no gap in the log."""

import threading
from typing import ClassVar

import pytest
from sqlalchemy.orm import registry
from sqlmodel import Field, SQLModel, select

from services.kernel.database import Database
from services.kernel.events import EventData
from services.kernel.identity import Role
from services.kernel.outbox import head_position, read_events
from services.kernel.tables import CounterpartyOwned, OrganisationOwned
from services.kernel.testing import DatabaseMaker, principal
from services.kernel.unit import UnitOfWork


class Base(SQLModel, registry=registry()):
    pass


class CounterRow(Base, table=True):
    __tablename__ = "counter"
    id: int = Field(primary_key=True)
    value: int = 0


class ThingRow(OrganisationOwned, Base, table=True):
    __tablename__ = "thing"
    id: int = Field(primary_key=True)


class DealRow(CounterpartyOwned, Base, table=True):
    __tablename__ = "deal"
    id: int = Field(primary_key=True)


class Counted(EventData):
    service: ClassVar[str] = "kernel"
    noun: ClassVar[str] = "counter"
    event: ClassVar[str] = "counted"
    value: int


@pytest.fixture
def database(make_database: DatabaseMaker) -> Database:
    made = make_database(Base.metadata, "kernel")
    made.create()
    return made


def in_threads(count: int, work) -> list[BaseException]:
    errors: list[BaseException] = []

    def guarded() -> None:
        try:
            work()
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=guarded) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return errors


def increment(unit: UnitOfWork) -> None:
    row = unit.session.get(CounterRow, 1)
    assert row is not None
    row.value += 1
    unit.announce(Counted(value=row.value))


def test_concurrent_increments_are_all_kept_and_the_log_has_no_gap(database: Database) -> None:
    database.run(lambda unit: unit.session.add(CounterRow(id=1)))
    assert in_threads(4, lambda: [database.run(increment) for _ in range(25)]) == []
    events = database.read(read_events, after=0, limit=1000)
    assert [event.position for event in events] == list(range(1, 101))
    # Commit order: what an event says was true when it was committed.
    assert [event.data["value"] for event in events] == list(range(1, 101))
    assert database.read(head_position) == 100


def test_a_unit_that_raises_leaves_nothing_behind(database: Database) -> None:
    def fail(unit: UnitOfWork) -> None:
        unit.session.add(CounterRow(id=2))
        unit.announce(Counted(value=1))
        raise RuntimeError("no")

    with pytest.raises(RuntimeError):
        database.run(fail)
    assert database.read(lambda unit: unit.session.exec(select(CounterRow)).all()) == []
    assert database.read(head_position) == 0


def test_rows_of_other_organisations_do_not_exist_for_a_principal(database: Database) -> None:
    def fill(unit: UnitOfWork) -> None:
        for number, owner in enumerate(["maker", "customer-01", "customer-02"]):
            unit.session.add(ThingRow(id=number, organisation_id=owner))
            unit.session.add(DealRow(id=number, organisation_id=owner, counterparty_id="maker"))

    database.run(fill)

    def things(unit: UnitOfWork) -> tuple[list[int], list[int], list[int]]:
        got = [number for number in range(3) if unit.session.get(ThingRow, number)]
        return (
            sorted(row.id for row in unit.session.exec(select(ThingRow)).all()),
            sorted(row.id for row in unit.session.exec(select(DealRow)).all()),
            got,
        )

    assert database.read(things, principal=principal("customer-01")) == ([1], [1], [1])
    assert database.read(things, principal=principal("maker")) == ([0], [0, 1, 2], [0])
    sees = principal("maker", sees={"kernel": ("customer-02",)})
    assert database.read(things, principal=sees) == ([0, 2], [0, 1, 2], [0, 2])
    assert database.read(things, principal=principal("nobody")) == ([], [], [])
    assert database.read(things, principal=principal("city", Role.EVALUATOR))[0] == [0, 1, 2]
    # Twice with another principal: a cached statement must not keep the first one's organisations.
    assert database.read(things, principal=principal("customer-02")) == ([2], [2], [2])


def test_a_changed_row_of_another_organisation_cannot_be_written(database: Database) -> None:
    from sqlalchemy import update

    database.run(lambda unit: unit.session.add(ThingRow(id=1, organisation_id="customer-01")))

    def take_over(unit: UnitOfWork) -> None:
        unit.session.execute(update(ThingRow).values(organisation_id="maker"))

    database.run(take_over, principal=principal("maker"))
    assert database.read(lambda unit: unit.session.get(ThingRow, 1).organisation_id) == "customer-01"


def test_events_can_be_filtered_and_are_filtered_by_organisation(database: Database) -> None:
    def happen(unit: UnitOfWork) -> None:
        unit.announce(Counted(value=1), subject="a", organisation_id="customer-01")
        unit.announce(Counted(value=2), subject="b", organisation_id="customer-02", correlation_id="c")

    database.run(happen)
    read = lambda who, **keywords: [  # noqa: E731
        event.data["value"] for event in database.read(read_events, after=0, limit=10, principal=who, **keywords)
    ]
    assert read(principal("customer-01")) == [1]
    assert read(None, correlation_id="c") == [2]
    assert read(None, newest_first=True) == [2, 1]
    assert read(None, subject="a") == [1]
