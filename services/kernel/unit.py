"""The unit of work: one transaction, one principal, one correlation id."""

import json
from functools import cache
from typing import TYPE_CHECKING, Any

from sqlalchemy import MetaData, event, insert, or_, update
from sqlalchemy.orm import ORMExecuteState, with_loader_criteria
from sqlmodel import Session

from services.kernel.chance import new_id
from services.kernel.clock import Clock
from services.kernel.events import Event, EventData, make_event
from services.kernel.identity import Principal
from services.kernel.logs import correlation_id as current_correlation_id
from services.kernel.tables import CounterpartyOwned, KernelTables, OrganisationOwned

if TYPE_CHECKING:
    from services.kernel.database import Database


class UnitOfWork:
    """What a use case works with. It never commits; the edge (`Database.run`) does.

    Rows of `OrganisationOwned` and `CounterpartyOwned` tables are filtered by what the principal may see; without
    a principal (timers, inbox) all rows are visible.
    """

    def __init__(
        self, session: Session, database: "Database", principal: Principal | None, correlation_id: str | None = None
    ) -> None:
        self.session = session
        self.principal = principal
        self.correlation_id = correlation_id or current_correlation_id() or new_id()
        self._database = database
        self._events: list[Event] = []
        visible = None if principal is None else principal.visible_organisations(database.service)
        if visible is not None:
            _filter_by_organisation(session, database.metadata, sorted(visible))

    @property
    def clock(self) -> Clock:
        return self._database.clock

    @property
    def tables(self) -> KernelTables:
        return self._database.tables

    @property
    def service(self) -> str:
        return self._database.service

    @property
    def is_postgres(self) -> bool:
        return self._database.is_postgres

    @property
    def subject(self) -> str:
        """Who does this: a user's subject, or the service itself."""
        return self.principal.subject if self.principal else f"service:{self._database.service}"

    def announce(
        self,
        data: EventData,
        *,
        subject: str | None = None,
        organisation_id: str | None = None,
        event_id: str | None = None,
        correlation_id: str | None = None,
    ) -> Event:
        """Note that something happened: it is written to the outbox with this unit and published after it.

        `event_id` is given where the event must be the same however often it is made (usage of a period).
        """
        made = make_event(
            data,
            event_id=event_id or new_id(),
            subject=subject,
            organisation=organisation_id,
            business_time=self.clock.business_now(),
            wall_time=self.clock.wall_now(),
            correlation_id=correlation_id or self.correlation_id,
        )
        self._events.append(made)
        return made

    def audit(self, action: str, object_: str, organisation_id: str, detail: dict[str, Any] | None = None) -> None:
        """Keep who did what to which object."""
        self.session.execute(
            insert(self.tables.audit).values(
                id=new_id(),
                at=self.clock.business_now(),
                wall_at=self.clock.wall_now(),
                subject=self.subject,
                organisation_id=organisation_id,
                action=action,
                object=object_,
                detail=json.dumps(detail or {}, ensure_ascii=False, default=str),
                correlation_id=self.correlation_id,
            )
        )

    def write_outbox(self) -> list[Event]:
        """Give the announced events their positions and write them: the last statements before commit.

        Positions come from one row that this transaction holds until it commits, so they have no gap and stand in
        commit order.
        """
        if not self._events:
            return []
        head, outbox = self.tables.outbox_head, self.tables.outbox
        count = len(self._events)
        last = self.session.execute(
            update(head).where(head.c.id == 1).values(position=head.c.position + count).returning(head.c.position)
        ).scalar_one()
        placed = [
            made.model_copy(update={"position": last - count + 1 + offset}) for offset, made in enumerate(self._events)
        ]
        self.session.execute(
            insert(outbox),
            [
                {
                    "position": made.position,
                    "type": made.type,
                    "correlation_id": made.correlationid,
                    "subject": made.subject,
                    "organisation_id": made.organisation,
                    "recorded": made.walltime,
                    "body": made.to_bytes(),
                }
                for made in placed
            ],
        )
        return placed


def _filter_by_organisation(session: Session, metadata: MetaData, visible: list[str]) -> None:
    """Add the principal's organisations to every ORM statement of `session`, so that no query can forget them."""
    criteria = [
        with_loader_criteria(row, row.organisation_id.in_(visible), include_aliases=True)
        for row in _rows_of(OrganisationOwned, metadata)
    ] + [
        with_loader_criteria(
            row,
            or_(row.organisation_id.in_(visible), row.counterparty_id.in_(visible)),
            include_aliases=True,
        )
        for row in _rows_of(CounterpartyOwned, metadata)
    ]

    @event.listens_for(session, "do_orm_execute")
    def add_criteria(state: ORMExecuteState) -> None:
        if not state.is_column_load and not state.is_relationship_load:
            state.statement = state.statement.options(*criteria)


@cache
def _rows_of(mixin: type, metadata: MetaData) -> list[Any]:
    """The mapped classes of one service with the mixin. (The mixin itself has no columns to filter by.)"""
    rows: list[Any] = mixin.__subclasses__()
    rows = [each for each in rows if getattr(each, "__table__", None) is not None]
    return [row for row in rows if row.metadata is metadata]
