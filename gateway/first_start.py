"""Before the door opens: keys, tables, the operator's organisation, and the administrator's one-time link.

There is no default password anywhere. The link is good once and for minutes; `user_link` makes another.
"""

from pathlib import Path

from gateway import store
from gateway.contract import OPERATOR, Organisation, OrganisationKind, UserCreate
from gateway.service import administration, sign_in
from gateway.settings import GatewaySettings
from gateway.tables import METADATA
from services.kernel.clock import AffineClock, ClockSet
from services.kernel.database import Database
from services.kernel.identity import KeyStore, Role
from services.kernel.problems import not_found
from services.kernel.unit import UnitOfWork

ADMINISTRATOR = "administrator"


def make_keys(data_dir: Path, services: list[str]) -> KeyStore:
    """One key pair for the gateway and each of `services`; what is there stays."""
    return KeyStore.create(data_dir, {"gateway", *services})


def prepare(settings: GatewaySettings) -> str | None:
    """Make tables, operator and administrator where they are missing.

    Returns the administrator's link while nobody has ever signed in as one, else None.
    """
    database = open_database(settings)
    try:
        return database.run(_prepare, settings)
    finally:
        database.close()


def user_link(settings: GatewaySettings, user_name: str = ADMINISTRATOR) -> str:
    """A new one-time link for a user; older ones are good no more. Raises Problem `not-found`."""
    database = open_database(settings)
    try:
        return database.run(_user_link, settings, user_name)
    finally:
        database.close()


def open_database(settings: GatewaySettings) -> Database:
    """The gateway's database with tables, for work while the gateway itself may be down; close it afterwards."""
    database = Database(
        settings.resolved_database_url(), METADATA, service="gateway", package="gateway", clock=AffineClock()
    )
    database.upgrade()
    database.clock = AffineClock(database.read(_clock_at_rest, settings))
    return database


def link_url(settings: GatewaySettings, secret: str) -> str:
    """The address of a one-time link."""
    return f"{settings.base_url()}/console/sign-in?link={secret}"


def _prepare(unit: UnitOfWork, settings: GatewaySettings) -> str | None:
    if store.organisation(unit.session, OPERATOR) is None:
        operator = Organisation(
            id=OPERATOR, name_zh="平台运营方", name_en="Platform operator", kind=OrganisationKind.OPERATOR
        )
        administration.add_organisation(unit, operator)
        administration.add_user(
            unit,
            UserCreate(
                name=ADMINISTRATOR,
                display_name="平台管理员 / Administrator",
                organisation_id=OPERATOR,
                roles=[Role.ADMINISTRATOR],
            ),
        )
    user = store.user_named(unit.session, ADMINISTRATOR)
    if user is None or store.ever_signed_in(unit, user.name):
        return None
    # A restart must not take away the link that was printed a moment ago.
    return link_url(settings, sign_in.make_link(unit, user, settings.link_lifetime_s, replaces=False)[0])


def _user_link(unit: UnitOfWork, settings: GatewaySettings, user_name: str) -> str:
    user = store.user_named(unit.session, user_name)
    if user is None or not user.active:
        raise not_found("user", user_name, "用户")
    return link_url(settings, sign_in.make_link(unit, user, settings.link_lifetime_s)[0])


def _clock_at_rest(unit: UnitOfWork, settings: GatewaySettings) -> ClockSet:
    """Business time where it stood, or where the first start will begin."""
    row, wall = store.clock(unit.session), unit.clock.wall_now()
    if row is None:
        return ClockSet(anchor_wall=wall, anchor_business=settings.first_business_time(wall), speed=1, version=0)
    return ClockSet(
        anchor_wall=row.wall, anchor_business=row.business, speed=row.speed, paused=True, version=row.version
    )
