"""Routes of product types, products and twins."""

from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, Query

from services.kernel.http import Cursor, Limit, Page, page_of
from services.kernel.identity import Role
from services.kernel.unit import UnitOfWork
from services.lifecycle.api.door import (
    ENGINEERS,
    DevicePath,
    Door,
    SignalQuery,
    TimeQuery,
    TypePath,
    opened_to,
    page_start,
)
from services.lifecycle.contract import (
    DEVICE_ID,
    ORGANISATION_ID,
    DesiredUpdate,
    DeviceCredential,
    DevicePassword,
    FleetFigures,
    History,
    Product,
    ProductCreate,
    ProductSummary,
    ProductType,
    ProductTypeCreate,
    Reading,
    Registration,
    StateInterval,
    TimelineState,
    Twin,
)
from services.lifecycle.service import commands, fleet, history, products, timeline
from services.lifecycle.store import products as store

CHART_SPAN_DEFAULT = timedelta(hours=1)
TIMELINE_SPAN_DEFAULT = timedelta(days=1)
INTERVALS_MAX = 2_000
READINGS_MAX = 1_000

router = APIRouter(tags=["products"])


@router.get("/product-types", summary="产品型号 · Product types")
def list_types(limit: Limit = 50, cursor: Cursor = None, door: Door = opened_to()) -> Page[ProductType]:
    rows = door.read(store.type_page, page_start(cursor), limit)
    return page_of(rows, limit, lambda row: ProductType.model_validate(row.body), lambda row: (row.id,))


@router.post("/product-types", status_code=201, summary="登记产品型号 · Register a product type")
def register_type(create: ProductTypeCreate, door: Door = opened_to(Role.ADMINISTRATOR)) -> ProductType:
    return door.run(products.register_type, create)


@router.get("/product-types/{type_id}", summary="一个产品型号及其数据模型 · One product type with its data model")
def get_type(type_id: TypePath, door: Door = opened_to()) -> ProductType:
    return door.read(products.product_type, type_id)


@router.get("/fleet", summary="产品群概况 · The fleet in numbers")
def get_figures(door: Door = opened_to()) -> FleetFigures:
    return door.read(fleet.figures)


@router.get("/products", summary="产品及其现状 · Products and how they are")
def list_products(
    type_id: Annotated[str | None, Query(pattern=DEVICE_ID)] = None,
    organisation_id: Annotated[str | None, Query(pattern=ORGANISATION_ID)] = None,
    state: TimelineState | None = None,
    limit: Limit = 50,
    cursor: Cursor = None,
    door: Door = opened_to(),
) -> Page[ProductSummary]:
    def page(unit: UnitOfWork) -> Page[ProductSummary]:
        cards = store.card_page(
            unit, page_start(cursor), limit, type_id=type_id, organisation_id=organisation_id, state=state
        )
        shown = iter(fleet.summaries(unit, cards[:limit], door.settings))
        return page_of(cards, limit, lambda _: next(shown), lambda card: (card[0].id,))

    return door.read(page)


@router.post("/products", status_code=201, summary="登记产品，返回设备凭据 · Register a product, get credentials")
def register_product(create: ProductCreate, door: Door = opened_to(Role.ADMINISTRATOR)) -> Registration:
    return door.run(products.register, create, door.settings)


@router.get("/products/{device_id}", summary="一个产品 · One product")
def get_product(device_id: DevicePath, door: Door = opened_to()) -> Product:
    return door.read(products.product, device_id)


@router.post("/products/{device_id}/credential", summary="更换设备凭据 · New credentials of a device")
def renew_credential(device_id: DevicePath, door: Door = opened_to(Role.ADMINISTRATOR)) -> DeviceCredential:
    return door.run(products.renew_credential, device_id, door.settings)


@router.get("/device-passwords", summary="消息代理的口令文件内容 · Content of a broker's password file")
def list_passwords(
    limit: Limit = 500, cursor: Cursor = None, door: Door = opened_to(Role.SERVICE)
) -> Page[DevicePassword]:
    rows = door.read(store.password_page, page_start(cursor), limit)
    return page_of(rows, limit, products.password_of, lambda row: (row.id,))


@router.get("/products/{device_id}/twin", summary="数字孪生 · The twin")
def get_twin(device_id: DevicePath, door: Door = opened_to()) -> Twin:
    return door.read(fleet.twin, device_id, door.settings)


@router.patch("/products/{device_id}/twin/desired", summary="修改期望参数 · Change desired parameters")
def set_desired(device_id: DevicePath, wanted: DesiredUpdate, door: Door = opened_to(*ENGINEERS)) -> Twin:
    return door.run(commands.desire, device_id, wanted, door.settings)


@router.get("/products/{device_id}/history", summary="一个数据点的历史 · History of one signal")
def get_history(
    device_id: DevicePath,
    signal: SignalQuery,
    start: TimeQuery = None,
    end: TimeQuery = None,
    door: Door = opened_to(),
) -> History:
    def chart(unit: UnitOfWork) -> History:
        until = end or unit.clock.business_now()
        return history.history(unit, device_id, signal, start or until - CHART_SPAN_DEFAULT, until, door.settings)

    return door.read(chart)


@router.get("/products/{device_id}/readings", summary="最近的读数，最旧在前 · Newest readings, oldest first")
def list_readings(
    device_id: DevicePath,
    after: TimeQuery = None,
    limit: Annotated[int, Query(ge=1, le=READINGS_MAX)] = 100,
    door: Door = opened_to(),
) -> list[Reading]:
    return door.read(history.readings, device_id, after, limit)


@router.get("/products/{device_id}/timeline", summary="状态时间线 · The state timeline")
def get_timeline(
    device_id: DevicePath,
    start: TimeQuery = None,
    end: TimeQuery = None,
    limit: Annotated[int, Query(ge=1, le=INTERVALS_MAX)] = 500,
    door: Door = opened_to(),
) -> list[StateInterval]:
    def bars(unit: UnitOfWork) -> list[StateInterval]:
        until = end or unit.clock.business_now()
        return timeline.intervals(unit, device_id, start or until - TIMELINE_SPAN_DEFAULT, until, limit)

    return door.read(bars)
