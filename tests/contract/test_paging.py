"""Every list that comes in pages is walked from end to end; which lists these are, the published description says."""

from pathlib import Path
from typing import Any

import pytest

from services.kernel.identity import Role
from services.kernel.principals import ALL
from tests.contract.asking import ask, token_of
from tests.contract.house import OPERATOR, House, Operation, open_house
from tests.contract.routes import uses_of
from tests.contract.seeds import COUNT, QUOKKA, Seeded, furnish

LIMIT_MAX = 500
BROKEN = ("x", "%%%", "W10", "WzEuNV0", "W251bGxd", "WyJhIiwiYiJd", "WyJcdTAwMDAiXQ", "A" * 3_000, "eyJhIjoxfQ")


def paged(house: House) -> list[Operation]:
    """Routes that take a cursor."""
    return [operation for operation in house.operations() if "cursor" in operation.parameters("query")]


def root(house: House, operation: Operation) -> str:
    """The token of somebody who sees every row and may use the route."""
    return token_of(house, uses_of(house.door)[operation.name])


def walk(house: House, operation: Operation, limit: int) -> list[str]:
    """Every item of a list in pages of `limit`."""
    items: list[str] = []
    query: dict[str, Any] = {"limit": limit}
    while True:
        page = house.ask("GET", operation.path, root(house, operation), params=query)
        assert len(page["items"]) <= limit
        assert page["items"] or not items, "an empty page at the end of a list"
        items += [str(identity(item)) for item in page["items"]]
        if page["next_cursor"] is None:
            return items
        assert len(page["items"]) == limit, "a short page that is not the last"
        query["cursor"] = page["next_cursor"]


def identity(item: dict[str, Any]) -> Any:
    """What tells an item from the others."""
    return item.get("id") or item.get("device_id") or item["product"]["id"]


def test_every_house_has_lists_in_pages(house: House) -> None:
    """Guards: the tests below, which would pass with nothing to walk through."""
    assert len(paged(house)) >= 3


def test_a_walk_meets_every_item_once_in_one_order(database_url: str | None, data_dir: Path) -> None:
    """Guards: a row that is lost or shown twice at the edge of a page; databases differ in how they sort text."""
    with open_house("gateway", data_dir, database_url) as house:
        furnish(house)
        walk_all(house)


def walk_all(house: House) -> None:
    """Walk every list in pages of several sizes."""
    for operation in paged(house):
        whole = walk(house, operation, LIMIT_MAX)
        assert len(whole) >= COUNT, f"{operation.name}: only {len(whole)} seeded"
        assert len(set(whole)) == len(whole), operation.name
        for limit in (1, 2, 3, len(whole) - 1, len(whole), len(whole) + 1):
            if limit:
                assert walk(house, operation, min(limit, LIMIT_MAX)) == whole, (operation.name, limit)


@pytest.mark.parametrize("limit", ["0", "-1", "501", "x", "1.5", "", str(2**63), str(10**30)])
def test_a_limit_out_of_bounds_is_refused(house: House, limit: str) -> None:
    """Guards: a list without a limit is a list that one day takes all memory."""
    for operation in house.operations():
        if "limit" in operation.parameters("query") and not operation.parameters("path"):
            bound = operation.parameters("query")["limit"]["schema"]["maximum"]
            given = str(bound + 1) if limit == "501" else limit
            token = root(house, operation)
            found = house.ask("GET", operation.path, token, 422, params={"limit": given})
            assert found["code"] == "invalid-request", operation.name


@pytest.mark.parametrize("cursor", BROKEN)
def test_a_broken_cursor_is_refused(house: House, seeded: dict[str, Seeded], cursor: str) -> None:
    """Guards: a cursor that somebody cut short starts the list again, and a nightly job never ends."""
    for operation in paged(house):
        answer = house.http.get(
            f"{operation.path}?cursor={cursor}", headers={"Authorization": f"Bearer {root(house, operation)}"}
        )
        assert answer.status_code == 422, (operation.name, answer.text)
        assert answer.json()["code"] in ("invalid-cursor", "invalid-request")


def test_a_cursor_of_another_list_breaks_nothing(house: House, seeded: dict[str, Seeded]) -> None:
    """Guards: a fault because a client mixed two lists up."""
    cursors = {}
    for operation in paged(house):
        page = house.ask("GET", operation.path, root(house, operation), params={"limit": 1})
        cursors[operation.name] = page["next_cursor"]
    for operation in paged(house):
        for cursor in cursors.values():
            params = {"cursor": cursor}
            headers = {"Authorization": f"Bearer {root(house, operation)}"}
            assert house.http.get(operation.path, params=params, headers=headers).status_code in (200, 422)


def test_new_items_do_not_disturb_a_walk(house: House, seeded: dict[str, Seeded]) -> None:
    """Guards: pages by number, in which a new row pushes an old one into the next page once more."""
    creating = {"lifecycle": "POST /products", "billing": "POST /tariffs", "gateway": "POST /api/users"}
    lists = {"lifecycle": "/products", "billing": "/invoices", "gateway": "/api/users"}
    operations = {operation.name: operation for operation in house.operations()}
    token = house.token(QUOKKA, Role.ADMINISTRATOR)
    path = lists[house.door]
    before = house.ask("GET", path, token, params={"limit": LIMIT_MAX})["items"]
    met: list[Any] = []
    query: dict[str, Any] = {"limit": 1}
    while query.get("cursor", "") is not None:
        page = house.ask("GET", path, token, params=query)
        met += [identity(item) for item in page["items"]]
        query["cursor"] = page["next_cursor"]
        operation = operations[creating[house.door]]
        if len(met) <= len(before):
            ask(house, operation, uses_of(house.door)[operation.name], seeded[QUOKKA], token)
    assert len(set(met)) == len(met)
    assert {identity(item) for item in before} <= set(met)


@pytest.mark.parametrize("limit", [1, 2, 7, 1000])
def test_the_log_of_events_is_walked_by_position(house: House, seeded: dict[str, Seeded], limit: int) -> None:
    """Guards: the pull that makes the broker's loss harmless."""
    for operation in house.operations():
        if not {"after", "newest_first"} <= operation.parameters("query").keys():
            continue
        token = house.token(OPERATOR, Role.ADMINISTRATOR, sees={ALL: ALL})
        positions: list[int] = []
        while True:
            after = positions[-1] if positions else 0
            page = house.ask("GET", operation.path, token, params={"after": after, "limit": limit})
            if not page["items"]:
                break
            positions += [event["position"] for event in page["items"]]
        assert positions == list(range(1, page["head"] + 1)), operation.name
        assert positions, operation.name
