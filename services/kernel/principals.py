"""Those who act: their roles, and whose rows they may see."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal

PLATFORM = "platform"  # The organisation of the services themselves.
ALL: Literal["*"] = "*"

Kind = Literal["user", "service", "device"]


class Role(StrEnum):
    """What a principal may do; `evaluator` sees everything and changes nothing, `service` is another service."""

    VIEWER = "viewer"
    OPERATOR = "operator"
    ENGINEER = "engineer"
    MANAGER = "manager"
    ADMINISTRATOR = "administrator"
    EVALUATOR = "evaluator"
    SERVICE = "service"


@dataclass(frozen=True)
class Principal:
    """Someone or something that acts, for an organisation.

    `sees` names, for each service (`*`: every service), further organisations whose rows are visible by agreement
    (`*`: all). Raises ValueError when something that is no service has the role of one.
    """

    subject: str
    organisation_id: str
    roles: frozenset[Role]
    kind: Kind = "user"
    sees: Mapping[str, tuple[str, ...] | Literal["*"]] = field(default_factory=dict)
    name: str = ""

    def __post_init__(self) -> None:
        if Role.SERVICE in self.roles and self.kind != "service":
            raise ValueError(f"{self.kind} {self.subject} cannot have the role of a service")

    def visible_organisations(self, service: str) -> frozenset[str] | None:
        """The organisations whose rows are visible in `service`; None means all."""
        granted = (self.sees.get(service, ()), self.sees.get(ALL, ()))
        if ALL in granted or self.roles & {Role.EVALUATOR, Role.SERVICE}:
            return None
        return frozenset({self.organisation_id, *granted[0], *granted[1]})


def service_principal(service: str) -> Principal:
    """A service acting for itself."""
    return Principal(service, PLATFORM, frozenset({Role.SERVICE}), "service", name=service)
