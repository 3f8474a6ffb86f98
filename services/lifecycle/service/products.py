"""Products and their types: made known, given credentials, heard of for the first time."""

import base64
import hashlib
import secrets
from datetime import datetime

from services.kernel.chance import new_secret
from services.kernel.problems import Problem, conflict, forbidden, not_found
from services.kernel.unit import UnitOfWork
from services.lifecycle.contract import (
    DeviceCredential,
    DevicePassword,
    Product,
    ProductAnnounced,
    ProductCreate,
    ProductRegistered,
    ProductType,
    ProductTypeCreate,
    Registration,
    TimelineState,
    device_topic,
)
from services.lifecycle.rules import device_messages
from services.lifecycle.rules.state_detection import DataModelUnusable, compile_detector
from services.lifecycle.service.devices import Device
from services.lifecycle.settings import LifecycleSettings
from services.lifecycle.store import history as intervals
from services.lifecycle.store import products as store
from services.lifecycle.tables import ProductRow, ProductTypeRow, TwinRow

# The form of Mosquitto's password files. Few rounds are enough: the secret is 256 bits of chance, nobody chose it.
HASH_ROUNDS = 101
SALT_BYTES = 12


def register_type(unit: UnitOfWork, create: ProductTypeCreate) -> ProductType:
    """Make a product type known, once its data model has been understood."""
    _check_may_act_for(unit, create.maker_id)
    if store.product_type(unit, create.id) is not None:
        raise conflict(
            f"产品型号 {create.id} 已存在，数据模型不可修改；请使用新的编号。",
            f"There is a product type {create.id} already and its data model stays: use a new id.",
            "product-type-exists",
        )
    names = [signal.name for signal in create.signals]
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        raise _unusable(f"数据点重复：{'、'.join(repeated)}", f"signals stand twice: {', '.join(repeated)}")
    try:
        compile_detector(create.model_dump())
    except DataModelUnusable as error:
        raise _unusable(str(error), str(error)) from error
    unit.session.add(
        ProductTypeRow(
            id=create.id,
            maker_id=create.maker_id,
            body=create.model_dump(mode="json"),
            created=unit.clock.business_now(),
        )
    )
    unit.audit("register product type", f"product-type/{create.id}", create.maker_id)
    return ProductType.model_validate(create.model_dump())


def product_type(unit: UnitOfWork, type_id: str) -> ProductType:
    row = store.product_type(unit, type_id)
    if row is None:
        raise not_found("product type", type_id, "产品型号")
    return ProductType.model_validate(row.body)


def register(unit: UnitOfWork, create: ProductCreate, settings: LifecycleSettings) -> Registration:
    """Make a product known, with an empty twin and the credentials of its device."""
    _check_may_act_for(unit, create.organisation_id)
    kind = store.product_type(unit, create.type_id)
    if kind is None:
        raise not_found("product type", create.type_id, "产品型号")
    if store.is_taken(unit, create.id):
        raise conflict(
            f"编号 {create.id} 已被使用，请另选。", f"The id {create.id} is taken: choose another.", "product-exists"
        )
    now = unit.clock.business_now()
    row = ProductRow(**create.model_dump(), maker_id=kind.maker_id, registered=now)
    unit.session.add(row)
    unit.session.add(TwinRow(device_id=create.id, organisation_id=create.organisation_id))
    unit.session.flush()
    intervals.open_interval(unit, create.id, create.organisation_id, TimelineState.OFFLINE.value, now)
    unit.audit("register product", f"product/{create.id}", create.organisation_id, {"type": create.type_id})
    unit.announce(
        ProductRegistered(device_id=create.id, type_id=create.type_id, serial=create.serial),
        subject=create.id,
        organisation_id=create.organisation_id,
    )
    return Registration(product=product_of(row), credential=_issue(unit, row, settings))


def product(unit: UnitOfWork, device_id: str) -> Product:
    return product_of(visible_product(unit, device_id))


def visible_product(unit: UnitOfWork, device_id: str) -> ProductRow:
    """The row of a product that the principal may see; raises Problem 404."""
    row = store.product(unit, device_id)
    if row is None:
        raise not_found("product", device_id, "产品")
    return row


def renew_credential(unit: UnitOfWork, device_id: str, settings: LifecycleSettings) -> DeviceCredential:
    """New credentials; the old ones are worth nothing from now on."""
    row = visible_product(unit, device_id)
    unit.audit("renew credential", f"product/{device_id}", row.organisation_id)
    return _issue(unit, row, settings)


def announce(unit: UnitOfWork, device: Device, birth: device_messages.Birth, at: datetime) -> None:
    """A device started: the first time its product is announced, later its firmware is kept up to date."""
    firmware = plain(birth.firmware)
    if device.announced:
        store.keep_firmware(unit, device.id, firmware)
        return
    store.announce(unit, device.id, at, firmware)
    device.announced = True
    unit.announce(
        ProductAnnounced(device_id=device.id, firmware=firmware, boot=birth.boot),
        subject=device.id,
        organisation_id=device.organisation_id,
    )


def password_of(row: ProductRow) -> DevicePassword:
    """What a broker needs to know to let the device in."""
    return DevicePassword(device_id=row.id, password_hash=row.credential_hash or "")


def plain(said: str) -> str:
    """Text of a device without what a database refuses to keep or a screen to show."""
    return "".join(character for character in said if character.isprintable())


def product_of(row: ProductRow) -> Product:
    """The contract's view of a row."""
    return Product.model_validate(row.model_dump())


def _issue(unit: UnitOfWork, row: ProductRow, settings: LifecycleSettings) -> DeviceCredential:
    password = new_secret()
    row.credential_hash = _hashed(password, secrets.token_bytes(SALT_BYTES), HASH_ROUNDS)
    unit.session.add(row)
    host = settings.device_broker_host or settings.broker_host
    port = settings.device_broker_port or settings.broker_port
    now = unit.clock.business_now().strftime("%Y-%m-%dT%H:%M:%SZ")
    # Each paste is a new boot: the same line works more than once.
    body = f'{{"boot":\'$(date +%s)\',"sequence":1,"time":"{now}","values":{{}}}}'
    return DeviceCredential(
        device_id=row.id,
        username=row.id,
        password=password,
        broker_host=host,
        broker_port=port,
        example=f"mosquitto_pub -h {host} -p {port} -u {row.id} -P '{password}' -q 1 "
        f"-t {device_topic(row.id, 'telemetry')} -m '{body}'",
    )


def _hashed(password: str, salt: bytes, rounds: int) -> str:
    digest = hashlib.pbkdf2_hmac("sha512", password.encode(), salt, rounds)
    return f"$7${rounds}${base64.b64encode(salt).decode()}${base64.b64encode(digest).decode()}"


def _check_may_act_for(unit: UnitOfWork, organisation_id: str) -> None:
    visible = unit.principal.visible_organisations(unit.service) if unit.principal else None
    if visible is not None and organisation_id not in visible:
        raise forbidden(
            f"您不能以组织 {organisation_id} 的名义登记。",
            f"You may not register anything for the organisation {organisation_id}.",
        )


def _unusable(zh: str, en: str) -> Problem:
    return Problem("data-model-unusable", 422, f"数据模型无法使用：{zh}", f"The data model cannot be used: {en}")
