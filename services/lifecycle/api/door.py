"""What every route needs: who asks, the database in their name, and the shapes of what stands in an address."""

from collections.abc import Callable
from typing import Annotated, Any, Concatenate, ParamSpec, TypeVar

from fastapi import Depends, Path, Query, Request

from services.kernel.database import Database
from services.kernel.http import Cursor, decode_cursor
from services.kernel.identity import Principal, Role, requires
from services.kernel.unit import UnitOfWork
from services.lifecycle.contract import DEVICE_ID, ROW_ID, SIGNAL, Instant
from services.lifecycle.settings import LifecycleSettings

OPERATORS = (Role.OPERATOR, Role.ENGINEER, Role.MANAGER, Role.ADMINISTRATOR)
ENGINEERS = (Role.ENGINEER, Role.MANAGER, Role.ADMINISTRATOR)

DevicePath = Annotated[str, Path(pattern=DEVICE_ID, description="设备编号 · Device id")]
TypePath = Annotated[str, Path(pattern=DEVICE_ID, description="产品型号编号 · Product type id")]
RowPath = Annotated[str, Path(pattern=ROW_ID, description="编号 · Identifier")]
DeviceQuery = Annotated[str | None, Query(pattern=DEVICE_ID, description="设备编号 · Device id")]
SignalQuery = Annotated[str, Query(pattern=SIGNAL, description="数据点 · Signal")]
TimeQuery = Annotated[Instant | None, Query(description="RFC 3339")]

Result = TypeVar("Result")
Given = ParamSpec("Given")
UnitFunction = Callable[Concatenate[UnitOfWork, Given], Result]


class Door:
    """The database in the name of whoever asks."""

    def __init__(self, database: Database, settings: LifecycleSettings, principal: Principal) -> None:
        self._database, self.settings, self._principal = database, settings, principal

    def read(self, function: UnitFunction[Given, Result], *given: Given.args, **named: Given.kwargs) -> Result:
        """Call `function(unit, ...)` on one snapshot."""
        return self._database.read(lambda unit: function(unit, *given, **named), principal=self._principal)

    def run(self, function: UnitFunction[Given, Result], *given: Given.args, **named: Given.kwargs) -> Result:
        """Call `function(unit, ...)` in one unit of work."""
        return self._database.run(lambda unit: function(unit, *given, **named), principal=self._principal)


def opened_to(*roles: Role) -> Any:
    """A parameter's default: a `Door` for whoever has one of `roles`; without roles for everybody who has any."""

    async def door(request: Request, principal: Principal = requires(*(roles or Role))) -> Door:
        return Door(request.app.state.database, request.app.state.settings, principal)

    return Depends(door)


def page_start(cursor: Cursor) -> str:
    """The id at which the last page ended; empty for the first page."""
    return "" if cursor is None else str(decode_cursor(cursor, str)[0])
