"""Tables of the gateway, on its own metadata: who may come in, who shows what to whom, and what time it is.

Links, sessions and agreements stand on different clocks: a session ends in wall time, an agreement in business time.
"""

from datetime import datetime

from sqlalchemy import JSON, CheckConstraint, Index, LargeBinary
from sqlalchemy.orm import registry
from sqlmodel import Field, SQLModel

from gateway.contract import OrganisationKind
from services.kernel.columns import Instant, state_check
from services.kernel.tables import CounterpartyOwned, OrganisationOwned, kernel_tables


class Base(SQLModel, registry=registry()):
    """Own registry: two services may both have a table of the same name."""


METADATA = Base.metadata
kernel_tables(METADATA)


class OrganisationRow(Base, table=True):
    __tablename__ = "organisation"
    __table_args__ = (state_check("kind", OrganisationKind),)
    id: str = Field(primary_key=True, max_length=64)
    name_zh: str = Field(max_length=200)
    name_en: str = Field(max_length=200)
    kind: str = Field(max_length=16)


class UserRow(OrganisationOwned, Base, table=True):
    __tablename__ = "user_account"
    id: str = Field(primary_key=True, max_length=32)
    name: str = Field(max_length=64, unique=True)
    display_name: str = Field(max_length=200)
    roles: list[str] = Field(sa_type=JSON)
    active: bool = True
    created: datetime = Field(sa_type=Instant)


class CredentialRow(Base, table=True):
    """A password that its user chose, as scrypt made it; the cost is kept with it so that it can rise."""

    __tablename__ = "credential"
    user_id: str = Field(primary_key=True, max_length=32)
    salt: bytes = Field(sa_type=LargeBinary)
    hash: bytes = Field(sa_type=LargeBinary)
    cost: int
    blocks: int
    lanes: int
    chosen: datetime = Field(sa_type=Instant)


class ClientRow(OrganisationOwned, Base, table=True):
    __tablename__ = "client_credential"
    id: str = Field(primary_key=True, max_length=64)
    name: str = Field(max_length=200)
    roles: list[str] = Field(sa_type=JSON)
    secret_hash: str = Field(max_length=64)
    active: bool = True
    created: datetime = Field(sa_type=Instant)


class AgreementRow(CounterpartyOwned, Base, table=True):
    """`organisation_id` is the grantor, `counterparty_id` the grantee; both see it."""

    __tablename__ = "agreement"
    __table_args__ = (CheckConstraint("organisation_id <> counterparty_id", name="agreement_two_parties"),)
    id: str = Field(primary_key=True, max_length=32)
    services: list[str] = Field(sa_type=JSON)
    starts: datetime = Field(sa_type=Instant)
    ends: datetime | None = Field(default=None, sa_type=Instant)


class LinkRow(Base, table=True):
    """Only the hash of its secret is kept. `used` is set once, by the transaction that redeems it."""

    __tablename__ = "one_time_link"
    secret_hash: str = Field(primary_key=True, max_length=64)
    user_id: str = Field(max_length=32, index=True)
    created: datetime = Field(sa_type=Instant)
    expires: datetime = Field(sa_type=Instant, index=True)
    used: datetime | None = Field(default=None, sa_type=Instant)


class SessionRow(OrganisationOwned, Base, table=True):
    __tablename__ = "session"
    __table_args__ = (Index("session_user", "user_id", "expires"),)
    id: str = Field(primary_key=True, max_length=32)
    secret_hash: str = Field(max_length=64, unique=True)
    user_id: str = Field(max_length=32)
    created: datetime = Field(sa_type=Instant)
    expires: datetime = Field(sa_type=Instant, index=True)
    ended: datetime | None = Field(default=None, sa_type=Instant)


class ClockRow(Base, table=True):
    """The clock as it stood at `wall`; business time was never handed out beyond `business_most`."""

    __tablename__ = "clock"
    id: int = Field(primary_key=True)
    speed: float
    paused: bool
    version: int
    wall: datetime = Field(sa_type=Instant)
    business: datetime = Field(sa_type=Instant)
    business_most: datetime = Field(sa_type=Instant)
