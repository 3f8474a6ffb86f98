"""Who takes part in the demonstration: organisations, people, agreements, and the simulator's credentials.

The customers are those of the scenario that the simulator plays; a test holds both lists against each other.
Nobody gets a password. The simulator's secrets are made at random and kept in one file that only its owner may read.
"""

import json
import os
from datetime import UTC, datetime
from pathlib import Path

from gateway import store
from gateway.contract import AgreementCreate, ClientCreate, Organisation, OrganisationKind, UserCreate
from gateway.first_start import open_database
from gateway.service import administration
from gateway.settings import GatewaySettings
from services.kernel.identity import Role
from services.kernel.unit import UnitOfWork

MAKER = "maker"
EVALUATOR = "evaluator"
CUSTOMERS = {
    "customer-01": ("东湖自来水厂", "East Lake Waterworks"),
    "customer-02": ("西山自来水厂", "West Hill Waterworks"),
    "customer-03": ("北城热电厂", "North City Heat and Power"),
    "customer-04": ("南湾排水所", "South Bay Drainage"),
    "customer-05": ("青松化工", "Pinewood Chemicals"),
    "customer-06": ("长河造纸", "Long River Paper"),
    "customer-07": ("云峰食品", "Cloud Peak Foods"),
    "customer-08": ("金桥酿造", "Gold Bridge Brewing"),
    "customer-09": ("滨江地铁排水", "Riverside Metro Drainage"),
    "customer-10": ("城东供热", "East District Heating"),
    "customer-11": ("锦川纺织", "Brocade River Textiles"),
    "customer-12": ("科创园物业", "Science Park Property"),
}
OTHERS = {
    MAKER: ("海川泵业", "Haichuan Pumps", OrganisationKind.MANUFACTURER),
    EVALUATOR: ("评估机构", "Evaluation Office", OrganisationKind.EVALUATOR),
}
USERS = {
    "operator": ("值班员 / Operator on duty", "operator", Role.OPERATOR),
    "maker-administrator": ("泵厂管理员 / Maker's administrator", MAKER, Role.ADMINISTRATOR),
    "maker-manager": ("服务经理 / Service manager", MAKER, Role.MANAGER),
    "maker-engineer": ("服务工程师 / Service engineer", MAKER, Role.ENGINEER),
    "customer-01-administrator": ("东湖管理员 / East Lake's administrator", "customer-01", Role.ADMINISTRATOR),
    "customer-01-operator": ("东湖运行员 / East Lake's operator", "customer-01", Role.OPERATOR),
    "customer-02-viewer": ("西山查看员 / West Hill's viewer", "customer-02", Role.VIEWER),
    "evaluator": ("评估员 / Evaluator", EVALUATOR, Role.EVALUATOR),
}
SHARED = ["lifecycle", "billing"]  # What a customer lets the maker see.
SINCE = datetime(2000, 1, 1, tzinfo=UTC)
SIMULATOR_ROLES = {MAKER: [Role.ENGINEER, Role.MANAGER, Role.ADMINISTRATOR]}  # The others only run their pumps.


def seed_demonstration(settings: GatewaySettings) -> Path:
    """Make what is missing and leave what is there; returns the file with the simulator's credentials.

    The file maps an organisation to its `client_id` and `client_secret`. Where it is gone, all secrets are made anew.
    """
    path = credentials_path(settings)
    database = open_database(settings)
    try:
        made = database.run(_seed, renew=not path.exists())
    finally:
        database.close()
    if made:
        kept = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
        _write_private(path, json.dumps(kept | made, indent=1))
    return path


def credentials_path(settings: GatewaySettings) -> Path:
    """Where the simulator's credentials are kept."""
    return settings.data_dir / "simulator" / "credentials.json"


def _seed(unit: UnitOfWork, renew: bool) -> dict[str, dict[str, str]]:
    for organisation in _organisations():
        if store.organisation(unit.session, organisation.id) is None:
            administration.add_organisation(unit, organisation)
    for name, (display_name, organisation_id, role) in USERS.items():
        if store.user_named(unit.session, name) is None:
            administration.add_user(
                unit,
                UserCreate(name=name, display_name=display_name, organisation_id=organisation_id, roles=[role]),
            )
    for customer_id in CUSTOMERS:
        if store.agreement_between(unit.session, customer_id, MAKER) is None:
            administration.make_agreement(
                unit, AgreementCreate(grantor_id=customer_id, grantee_id=MAKER, services=SHARED, starts=SINCE)
            )
    return dict(filter(None, (_credential(unit, each, renew) for each in (MAKER, *CUSTOMERS))))


def _credential(unit: UnitOfWork, organisation_id: str, renew: bool) -> tuple[str, dict[str, str]] | None:
    client_id = f"simulator-{organisation_id}"
    if store.client(unit.session, client_id) is None:
        roles = SIMULATOR_ROLES.get(organisation_id, [Role.OPERATOR])
        command = ClientCreate(name=f"simulator of {organisation_id}", organisation_id=organisation_id, roles=roles)
        made = administration.add_client(unit, command, client_id)
    elif renew:
        made = administration.renew_client(unit, client_id)
    else:
        return None
    return organisation_id, {"client_id": client_id, "client_secret": made.secret}


def _organisations() -> list[Organisation]:
    others = [Organisation(id=id_, name_zh=zh, name_en=en, kind=kind) for id_, (zh, en, kind) in OTHERS.items()]
    customers = [
        Organisation(id=id_, name_zh=zh, name_en=en, kind=OrganisationKind.CUSTOMER)
        for id_, (zh, en) in CUSTOMERS.items()
    ]
    return others + customers


def _write_private(path: Path, text: str) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = path.with_suffix(".new")
    draft.unlink(missing_ok=True)
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
