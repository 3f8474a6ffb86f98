"""The console on real services: what its pages ask is answered by the services' clients with the viewer's token."""

import json
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from fastapi.testclient import TestClient

from gateway.console.sources import Sources
from gateway.console.views import AlarmFilter, EventFilter, FleetFilter, InvoiceFilter, TimeRange
from gateway.first_start import prepare, user_link
from gateway.seed import seed_demonstration
from gateway.sources import ClientSources
from gateway.sources.event_texts import TEXTS
from services.billing import seed as billing_seed
from services.billing.app import create_app as create_billing
from services.billing.settings import BillingSettings
from services.kernel.assembly import bus_of
from services.kernel.broker import EmbeddedBroker
from services.kernel.clock import monotonic_s, sleep_s
from services.kernel.database import Database
from services.kernel.events import EventData
from services.kernel.outbox import EventPage, head_position, read_events
from services.kernel.problems import Problem
from services.kernel.unit import UnitOfWork
from services.lifecycle import seed as lifecycle_seed
from services.lifecycle.app import create_app as create_lifecycle
from services.lifecycle.app import create_ingest
from services.lifecycle.contract import device_topic
from services.lifecycle.service import messages
from services.lifecycle.settings import LifecycleSettings

from .conftest import World, sign_in

PUMP = "pump-001"
PAGES = (
    "/console", "/console/fleet", f"/console/machines/{PUMP}", "/console/alarms", "/console/work-orders",
    "/console/invoices", "/console/events", "/console/events/dead-letters", "/console/clauses",
)  # fmt: skip


class Platform(World):
    """Gateway, lifecycle, ingest and billing in one process around a real broker, with a device that speaks."""

    broker_port = 0

    def open(self) -> TestClient:
        prepare(self.settings())
        seed_demonstration(self.settings())
        common: dict[str, Any] = {"data_dir": self.data_dir, "broker_port": self.broker_port}
        lifecycle_settings, billing_settings = LifecycleSettings(**common), BillingSettings(**common)
        self.lifecycle = create_lifecycle(lifecycle_settings)
        database: Database = self.lifecycle.state.database
        billing = create_billing(billing_settings, pull_lifecycle=_reader(database))
        database.upgrade()
        database.run(lifecycle_seed.seed, lifecycle_settings)
        bus = bus_of(self.settings(broker_port=self.broker_port), "gateway")
        client = self.start({"lifecycle": self.lifecycle, "billing": billing}, bus, rate_per_s=0)
        ingest = create_ingest(lifecycle_settings)
        ingest.start()
        self._open.callback(ingest.stop)
        billing_database: Database = billing.state.assembly.database
        starts = self.gateway.clock.business_now() - timedelta(days=1)
        billing_database.run(billing_seed.seed, billing_settings, starts)
        return client

    def say(self, kind: str, device_id: str = PUMP, **body: Any) -> None:
        self.gateway.bus.publish(device_topic(device_id, kind), json.dumps(body).encode())

    def wait_for(self, condition: Callable[[], bool]) -> None:
        """Until what was sent has been dealt with."""
        deadline_s = monotonic_s() + 20
        while not condition():
            assert monotonic_s() < deadline_s
            sleep_s(0.02)


def _reader(database: Database) -> Any:
    def pull(after: int, limit: int) -> EventPage:
        def page(unit: UnitOfWork) -> EventPage:
            return EventPage(items=read_events(unit, after=after, limit=limit), head=head_position(unit))

        return database.read(page)

    return pull


@pytest.fixture
def platform(tmp_path: Any, embedded_broker: EmbeddedBroker) -> Iterator[Platform]:
    made = Platform(tmp_path, f"sqlite:///{tmp_path}/gateway.sqlite3")
    made.broker_port = embedded_broker.port
    yield made
    made.stop()


@pytest.fixture
def story(platform: Platform) -> Platform:
    """A pump that came online, ran, and reported an alarm."""
    platform.browser = platform.open()  # type: ignore[attr-defined]
    now = platform.gateway.clock.business_now()

    def at(seconds: float) -> str:
        return (now + timedelta(seconds=seconds)).isoformat()

    platform.say(
        "birth", boot=1, sequence=0, time=at(-20), type="pump-process-75", serial="S-1", firmware="1.0.0", signals={},
        held={"1": 0},
    )  # fmt: skip
    for number in range(1, 11):
        values = {
            "speed_rpm": 2970,
            "flow_m3_h": 190 + number,
            "bearing_temperature_c": 55,
            "run_seconds": 100 + number,
        }
        platform.say("telemetry", boot=1, sequence=number, time=at(number - 15), values=values)
    alarm = {"code": "dry_run", "severity": "critical", "text": "dry", "active": True}
    platform.say("alarm", boot=1, sequence=11, time=at(-3), **alarm)
    platform.gateway.bus.publish(device_topic(PUMP, "telemetry"), b"{broken")
    database: Database = platform.lifecycle.state.database
    platform.wait_for(lambda: database.read(messages.ledger).received == 13)
    return platform


def ask(platform: Platform, user: str, question: Any) -> Any:
    """The answer of `question(sources)` for a user, on the gateway's own event loop."""
    client = platform.client()
    sign_in(client, user_link(platform.settings(), user))
    secret = client.cookies["opensom_session"]

    async def answer() -> Any:
        return await question(await platform.gateway.console.sessions.sources(secret))

    portal = platform.browser.portal  # type: ignore[attr-defined]
    assert portal is not None
    return portal.call(answer)


def test_every_page_of_the_console_is_filled_by_real_services(story: Platform) -> None:
    """Guards: a page that only works with sample data."""
    browser: TestClient = story.browser  # type: ignore[attr-defined]
    sign_in(browser, user_link(story.settings()))
    for path in PAGES:
        for language in ("zh", "en"):
            page = browser.get(path, params={"lang": language})
            assert page.status_code == 200, (path, page.text[:500])
            assert "fragment unreachable" not in page.text
            assert "页面会自动重试" not in page.text, path
            assert "the page tries again" not in page.text, path
    assert "东湖自来水厂" in browser.get(f"/console/machines/{PUMP}", params={"lang": "zh"}).text


def test_a_machine_and_its_alarm_become_a_work_order(story: Platform) -> None:
    """Guards: the way from a device's message to what people see and do, through the clients."""

    async def look(sources: Sources) -> None:
        fleet = await sources.fleet(FleetFilter())
        assert (fleet.total, len(fleet.customers), len(fleet.types)) == (40, 12, 3)
        assert [card.id for card in (await sources.fleet(FleetFilter(text="east lake"))).machines] == [
            "pump-001", "pump-002", "pump-003", "pump-004",
        ]  # fmt: skip
        machine = await sources.machine(PUMP)
        assert (machine.firmware, machine.customer.en) == ("1.0.0", "East Lake Waterworks")
        assert machine.values["flow_m3_h"].value == 200
        points = await sources.live_points(PUMP, None, 5)
        assert [point.values["flow_m3_h"] for point in points] == [196, 197, 198, 199, 200]
        assert len(await sources.live_points(PUMP, points[-2].time, 5)) == 1
        [series] = await sources.history(PUMP, ["flow_m3_h"], TimeRange(last=timedelta(hours=1)))
        assert len(series.points) == 10
        assert await sources.state_timeline(PUMP, TimeRange(last=timedelta(hours=1)))
        [alarm] = (await sources.alarms(AlarmFilter(machine_id=PUMP))).rows
        assert (alarm.code, alarm.severity, alarm.machine_id) == ("dry_run", "critical", PUMP)
        assert alarm.id in (await sources.attention())[0].link
        await sources.acknowledge_alarm(alarm.id)
        await sources.assign_alarm(alarm.id, (await sources.assignees())[0])
        order = await sources.open_work_order(alarm.id)
        assert (await sources.open_work_order(alarm.id)).id == order.id
        assert order.alarm_ids == (alarm.id,)
        await sources.act_on_work_order(order.id, order.actions[0], "林工", "")
        assert (await sources.alarm(alarm.id)).work_order_id == order.id
        told = await sources.events(EventFilter(correlation_id=alarm.correlation_id))
        assert {line.type.split(".")[3] for line in told.rows} >= {"alarm", "ticket", "work-order"}
        assert [line.wall_time for line in told.rows] == sorted(line.wall_time for line in told.rows)
        command = await sources.send_command(PUMP, "set_speed", {"speed_rpm": 2850.0}, "a-key-of-a-form")
        assert [each.id for each in await sources.commands(PUMP)] == [command.id]

    ask(story, "administrator", look)


def test_figures_clauses_and_records_are_live(story: Platform) -> None:
    """Guards: numbers of the overview and the clause page that are not those of the services."""

    async def look(sources: Sources) -> None:
        figures = {figure.key: figure for figure in await sources.figures()}
        assert (figures["machines_online"].value, figures["machines_online"].out_of) == (1, 40)
        assert figures["alarms_active"].value == 1
        assert figures["alarms_active"].trend[-1].value == 1
        assert figures["service_income"].value == 0
        ledger = await sources.message_ledger()
        assert (ledger.received, ledger.dead_lettered, ledger.balanced) == (13, 1, True)
        [letter] = await sources.dead_letters()
        assert letter.payload.startswith("{broken")
        count = await sources.clause_count()
        assert count.total == 411
        assert count.total == count.shown + count.not_yet + count.outside
        clauses = await sources.clauses()
        assert sum(clause.status == "shown" for clause in clauses) == count.shown
        assert [clause.id for clause in clauses][:2] == ["HN-1-1-a", "HN-1-1-b"]
        first = await sources.clause("HN-1-1-a")
        assert first.figures
        assert all(link.url.startswith(("/console", "/api/")) for link in first.links)
        assert (await sources.explanations("machine"))[0].text.zh
        invoices = await sources.invoices(InvoiceFilter())
        assert invoices.rows == ()
        assert invoices.first is not None and invoices.now is not None and invoices.first > invoices.now
        with pytest.raises(Problem):
            await sources.clause("XX-1")

    ask(story, "administrator", look)


def test_the_explorer_pages_through_all_logs_and_opens_each_event(story: Platform) -> None:
    """Guards: an event that is skipped or shown twice between two pages of several services' logs."""

    async def look(sources: Sources) -> None:
        seen: list[str] = []
        after: str | None = ""
        while after is not None:
            page = await sources.events(EventFilter(after=after))
            assert [line.wall_time for line in page.rows] == sorted((x.wall_time for x in page.rows), reverse=True)
            seen += [line.id for line in page.rows]
            after = page.after
        assert len(seen) == len(set(seen)) > 60
        assert {identifier.split("-")[0] for identifier in seen} == {"gateway", "lifecycle", "billing"}
        detail = await sources.event(seen[0])
        assert detail.line.id == seen[0]
        assert detail.envelope["specversion"] == "1.0"
        only = await sources.events(EventFilter(service="billing"))
        assert {line.service for line in only.rows} == {"billing"}
        for wrong in ("gateway-999999", "nobody-1", "gateway-x", "gateway-" + "9" * 40):
            with pytest.raises(Problem):
                await sources.event(wrong)

    ask(story, "administrator", look)


def test_a_viewer_sees_the_own_machines_and_may_not_steer_the_world(story: Platform) -> None:
    """Guards: rows of another customer on a page, and a customer who changes everybody's time."""

    async def customer(sources: Sources) -> None:
        fleet = await sources.fleet(FleetFilter())
        assert {card.customer_id for card in fleet.machines} == {"customer-02"}
        assert (await sources.alarms(AlarmFilter(state="all"))).rows == ()
        with pytest.raises(Problem):
            await sources.machine(PUMP)
        for order in (sources.set_clock(speed=60), sources.reset_scenario(), sources.inject_fault(PUMP, "wear")):
            with pytest.raises(Problem) as refused:
                await order
            assert refused.value.status == 403
        events = await sources.events(EventFilter())
        assert events.rows
        for each in events.rows:
            assert "customer-01" not in json.dumps((await sources.event(each.id)).envelope)

    async def maker(sources: Sources) -> None:
        assert (await sources.fleet(FleetFilter())).total == 40

    ask(story, "customer-02-viewer", customer)
    ask(story, "maker-engineer", maker)


def test_a_service_that_is_away_leaves_the_other_panels(platform: Platform) -> None:
    """Guards: one service down, and no page any more."""
    platform.browser = platform.start({})  # type: ignore[attr-defined]

    async def look(sources: Sources) -> None:
        figures = await sources.figures()
        assert {figure.value for figure in figures} == {None}
        assert (await sources.clause_count()).shown == 0
        assert {line.service for line in (await sources.events(EventFilter())).rows} == {"gateway"}
        assert (await sources.scenario()).running is False
        assert isinstance((await sources.clock()).business, datetime)
        with pytest.raises(Problem) as away:
            await sources.fleet(FleetFilter())
        assert away.value.code == "unreachable"

    ask(platform, "administrator", look)


def test_the_sources_are_what_the_console_asks_for() -> None:
    """Guards: a method that the console calls and that nobody has written."""
    asked = {name for base in Sources.__mro__ for name in vars(base) if not name.startswith("_")}
    assert sorted(name for name in asked if not hasattr(ClientSources, name)) == []


def test_every_event_has_a_line_in_both_languages() -> None:
    """Guards: an event that a person sees as a code."""
    import gateway.contract
    import services.billing.contract
    import services.lifecycle.contract

    modules = (gateway.contract, services.billing.contract, services.lifecycle.contract)
    kinds = [
        each
        for module in modules
        for each in vars(module).values()
        if isinstance(each, type) and issubclass(each, EventData) and hasattr(each, "noun")
    ]
    special = {"lifecycle.product.connection-changed"}
    unknown = [kind.type() for kind in kinds if kind.type().removeprefix("som.v1.") not in TEXTS.keys() | special]
    assert unknown == []
