"""Another organisation's objects stay unseen and untouched, whatever the route and whoever asks."""

from typing import Any

import pytest
from sqlalchemy import or_, select

from services.kernel.database import Database
from services.kernel.identity import Role
from services.kernel.unit import UnitOfWork
from tests.contract.asking import Asked, ask
from tests.contract.house import SERVICES, House, Operation
from tests.contract.routes import Use, uses_of
from tests.contract.seeds import COUNT, NARWHAL, QUOKKA, Seeded

PEOPLE = (Role.VIEWER, Role.OPERATOR, Role.ENGINEER, Role.MANAGER, Role.ADMINISTRATOR)


def given_away(asked: Asked, owner: Seeded) -> list[str]:
    """What an answer says of `owner` that was not in the request."""
    content = asked.content
    for word in sorted(asked.said, key=len, reverse=True):
        content = content.replace(word.encode(), b"")
    return [word for word in (owner.name, *owner.given) if word.encode() in content and word not in asked.said]


def names_an_object(operation: Operation, use: Use) -> bool:
    """Whether a request to this route names something of the organisation that it is aimed at."""
    sent = f"{operation.parameters('path')}{use.body}"
    return any(f"{name}" in sent for name in ("_id'", "_id}", "{organisation}"))


def rows_of(database: Database, organisation: str) -> dict[str, list[Any]]:
    """Everything in a service's tables that belongs to an organisation, but for what only counts or marks time."""

    def read(unit: UnitOfWork) -> dict[str, list[Any]]:
        found = {}
        for table in database.metadata.sorted_tables:
            columns = [table.c[name] for name in ("organisation_id", "counterparty_id") if name in table.c]
            if columns:
                query = select(table).where(or_(*(column == organisation for column in columns)))
                found[table.name] = sorted(repr(row) for row in unit.session.execute(query))
        return found

    return database.read(read)


@pytest.mark.parametrize("role", PEOPLE)
def test_nobody_reads_or_changes_what_another_organisation_has(
    house: House, seeded: dict[str, Seeded], role: Role
) -> None:
    """Guards: the leak that ends a platform. Every route is aimed at the other organisation's objects."""
    token = house.token(NARWHAL, role)
    before = {name: rows_of(database, QUOKKA) for name, database in house.databases.items()}
    wrong = []
    for operation in house.operations():
        use = uses_of(house.door)[operation.name]
        asked = ask(house, operation, use, seeded[QUOKKA], token)
        if use.roles is None:
            continue
        if given_away(asked, seeded[QUOKKA]):
            wrong.append(f"{operation.name} gives away {given_away(asked, seeded[QUOKKA])[:3]}: {asked}")
        catalogue = operation.path.endswith("/product-types/{type_id}")
        if names_an_object(operation, use) and asked.status not in (403, 404) and not catalogue:
            wrong.append(f"{operation.name}: {asked}")
    for name, database in house.databases.items():
        for table, rows in rows_of(database, QUOKKA).items():
            if rows != before[name][table]:
                wrong.append(f"{name}: rows of {table} were changed: {set(rows) ^ set(before[name][table])}")
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("role", [Role.EVALUATOR, Role.SERVICE])
def test_those_who_see_all_see_both(house: House, seeded: dict[str, Seeded], role: Role) -> None:
    """Guards: a test above that passes because nobody sees anything."""
    token = house.token("elsewhere", role)
    for service in (each for each in house.services if each in SERVICES):
        path = {"lifecycle": "/products", "billing": "/invoices"}[service]
        items = house.ask("GET", f"{house.prefix(service)}{path}", token, params={"limit": 500})["items"]
        text = str(items)
        assert len(items) >= 2 * COUNT and QUOKKA in text and NARWHAL in text


def test_an_agreement_shows_the_rows_of_the_service_that_it_names(house: House, seeded: dict[str, Seeded]) -> None:
    """Guards: who was let into one service looks into all."""
    for service in (each for each in house.services if each in SERVICES):
        path = house.prefix(service) + {"lifecycle": "/products", "billing": "/invoices"}[service]
        for seen in SERVICES:
            token = house.token(NARWHAL, Role.VIEWER, sees={seen: (QUOKKA,)})
            shown = str(house.ask("GET", path, token, params={"limit": 500}))
            assert NARWHAL in shown
            assert (QUOKKA in shown) == (seen == service)


def test_an_organisation_sees_what_it_has(house: House, seeded: dict[str, Seeded]) -> None:
    """Guards: seeds that exist for nobody, behind which every leak test would pass."""
    wrong = []
    for name in (QUOKKA, NARWHAL):
        token = house.token(name, Role.ADMINISTRATOR)
        for operation in house.operations():
            use = uses_of(house.door)[operation.name]
            if operation.method != "GET" or not operation.parameters("path") or Role.ADMINISTRATOR not in use.roles:
                continue
            asked = ask(house, operation, use, seeded[name], token)
            if asked.status != 200:
                wrong.append(f"{operation.name}: {asked}")
    assert not wrong, "\n".join(wrong)


def test_usage_of_one_provider_cannot_stand_in_the_way_of_anothers(house: House, seeded: dict[str, Seeded]) -> None:
    """Guards: whoever guesses the identity of another's usage could keep it from being billed, or learn that it is."""
    if "billing" not in house.services:
        return
    path = f"{house.prefix('billing')}/usage-events"
    window = {"start": "2026-01-01T00:00:00Z", "end": "2026-01-01T01:00:00Z"}

    def report(organisation: str) -> None:
        data = {"device_id": "pump", "meter": "volume_l", "quantity": 5, "customer_id": f"{organisation}-c", **window}
        body = {"source": "/services/lifecycle", "id": "pump/volume_l/1", "data": {**data, "provider_id": organisation}}
        house.ask("POST", path, house.token(organisation, Role.MANAGER), 201, json=body)

    report(NARWHAL)
    report(QUOKKA)
