"""PUBLIC: what the gateway takes, gives and announces (网关的公开契约)."""

from enum import StrEnum
from typing import Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field

from services.kernel.clock import SPEED_MAX, SPEED_MIN, ClockSet
from services.kernel.events import EventData
from services.kernel.health import HealthReport
from services.kernel.identity import Role

SERVICE = "gateway"
OPERATOR = "operator"  # The organisation that runs the platform.
API = "/api"
SESSION_COOKIE = "opensom_session"
LINK_GRANT = "urn:opensom:one-time-link"

ID = r"^[a-z0-9-]{1,64}$"
USER_NAME = r"^[a-z0-9][a-z0-9._@-]{0,63}$"
LINE_OF_TEXT = r"^[^\x00-\x1f\x7f]*$"

OrganisationId = Annotated[str, Field(pattern=ID)]
Name = Annotated[str, Field(min_length=1, max_length=200, pattern=LINE_OF_TEXT)]
ServiceName = Annotated[str, Field(pattern=r"^([a-z][a-z0-9_]{0,63}|\*)$", description="A service, or * for all")]


def people_roles(roles: list[Role]) -> list[Role]:
    """The roles, each once, in their usual order; raises ValueError for the role that only services have."""
    if Role.SERVICE in roles:
        raise ValueError("服务角色不能授予用户或客户端 / the role of a service is not for people or clients")
    return [role for role in Role if role in roles]


PeopleRoles = Annotated[list[Role], Field(min_length=1, max_length=7), AfterValidator(people_roles)]


class OrganisationKind(StrEnum):
    """What an organisation is in the trade (组织类型)."""

    OPERATOR = "operator"
    MANUFACTURER = "manufacturer"
    DEALER = "dealer"
    CUSTOMER = "customer"
    SUPPLIER = "supplier"
    CARRIER = "carrier"
    FACTORY = "factory"
    LABORATORY = "laboratory"
    FINANCIER = "financier"
    EVALUATOR = "evaluator"


# ---- Organisations, users, clients ----------------------------------------------------------------------------


class Organisation(BaseModel):
    """A party of the trade (组织); every row of every service belongs to one."""

    id: OrganisationId
    name_zh: Name
    name_en: Name
    kind: OrganisationKind


class UserCreate(BaseModel):
    """Command: a person gets an account, without a password; a one-time link lets them in."""

    name: str = Field(pattern=USER_NAME, description="Sign-in name")
    display_name: Name
    organisation_id: OrganisationId
    roles: PeopleRoles


class UserChange(BaseModel):
    """Command: other roles, another display name, or an end to an account; what is left out stays."""

    display_name: Name | None = None
    roles: PeopleRoles | None = None
    active: bool | None = None


class User(BaseModel):
    """A person who signs in (用户)."""

    id: str
    name: str
    display_name: str
    organisation_id: str
    roles: list[Role]
    active: bool
    has_password: bool
    created: AwareDatetime


class ClientCreate(BaseModel):
    """Command: a program gets a client credential for one organisation."""

    name: Name
    organisation_id: OrganisationId
    roles: PeopleRoles


class Client(BaseModel):
    """A program that signs in with a client credential (客户端凭据)."""

    id: str
    name: str
    organisation_id: str
    roles: list[Role]
    active: bool
    created: AwareDatetime


class ClientSecret(Client):
    """The secret is shown this once; the gateway keeps only a hash."""

    secret: str


# ---- Agreements -----------------------------------------------------------------------------------------------


class AgreementCreate(BaseModel):
    """Command: the grantor lets the grantee see its rows in the named services, in business time."""

    grantor_id: OrganisationId
    grantee_id: OrganisationId
    services: list[ServiceName] = Field(min_length=1, max_length=50)
    starts: AwareDatetime | None = Field(default=None, description="None means now")
    ends: AwareDatetime | None = None


class Agreement(BaseModel):
    """Who lets whom see what, from when until when (共享协议)."""

    id: str
    grantor_id: str
    grantee_id: str
    services: list[str]
    starts: AwareDatetime
    ends: AwareDatetime | None


# ---- Signing in -----------------------------------------------------------------------------------------------


class OneTimeLink(BaseModel):
    """An address that signs one user in, once (一次性登录链接)."""

    url: str
    expires: AwareDatetime


class Token(BaseModel):
    """RFC 6749, 5.1."""

    access_token: str
    token_type: Literal["Bearer"] = "Bearer"
    expires_in: int = Field(description="Wall seconds")


class KeySet(BaseModel):
    """The public keys by which tokens are checked (RFC 7517, 5)."""

    keys: list[dict[str, Any]]


class SignIn(BaseModel):
    """Either a one-time link's secret, or a name with the password that its user chose."""

    link: str = Field(default="", max_length=512)
    name: str = Field(default="", max_length=64)
    password: str = Field(default="", max_length=256)


class PasswordChoice(BaseModel):
    """Command: a user chooses a password; `current` is needed when there is one already."""

    password: str = Field(min_length=12, max_length=256)
    current: str = Field(default="", max_length=256)


class Session(BaseModel):
    """A browser that is signed in (会话)."""

    id: str
    user_id: str
    created: AwareDatetime
    expires: AwareDatetime
    current: bool = False


class Me(BaseModel):
    """Whoever asks, as the services see them."""

    subject: str
    name: str
    organisation_id: str
    kind: str
    roles: list[Role]
    sees: dict[str, list[str] | Literal["*"]]


# ---- Clock, simulator, health, audit --------------------------------------------------------------------------


class ClockChange(BaseModel):
    """Command: another speed, pause, or go on; what is left out stays. Business time itself cannot be set."""

    model_config = ConfigDict(extra="forbid")

    speed: float | None = Field(default=None, ge=SPEED_MIN, le=SPEED_MAX, description="Business s in a wall s")
    paused: bool | None = None


class ClockState(ClockSet):
    """The business clock (业务时钟): its map, and what it reads now."""

    business_now: AwareDatetime
    wall_now: AwareDatetime


class ServiceHealth(BaseModel):
    """One service's own report, or none when it did not answer."""

    service: str
    reachable: bool
    report: HealthReport | None = None


class PlatformHealth(BaseModel):
    """Health of the gateway and of every service behind it."""

    status: Literal["ready", "degraded", "unavailable"]
    services: list[ServiceHealth]


class AuditEntry(BaseModel):
    """Who did what to which object, and when (审计记录)."""

    id: str
    at: AwareDatetime
    wall_at: AwareDatetime
    subject: str
    organisation_id: str
    action: str
    object: str
    detail: str
    correlation_id: str


# ---- Events ---------------------------------------------------------------------------------------------------


class GatewayEvent(EventData):
    """Base of what the gateway announces."""

    service: ClassVar[str] = SERVICE


class OrganisationAdded(GatewayEvent):
    noun, event = "organisation", "added"
    organisation_id: str
    kind: OrganisationKind


class UserAdded(GatewayEvent):
    noun, event = "user", "added"
    user_id: str
    roles: list[Role]


class AgreementMade(GatewayEvent):
    noun, event = "agreement", "made"
    agreement_id: str
    grantor_id: str
    grantee_id: str
    services: list[str]


class AgreementEnded(GatewayEvent):
    noun, event = "agreement", "ended"
    agreement_id: str
    grantor_id: str
    grantee_id: str


class BusinessTimeSet(GatewayEvent):
    noun, event = "business-time", "set"
    speed: float
    paused: bool
    by: str


class ScenarioSteered(GatewayEvent):
    noun, event = "scenario", "steered"
    action: str
    device_id: str | None
    fault: str | None
    by: str
