"""The world repeats itself, survives a restart, and takes orders."""

from datetime import UTC, datetime, timedelta

import pytest

from simulator.contract import Fault
from simulator.duty import Duty, steps_of_day
from simulator.memory import Memory
from simulator.pumps import COUNTERS
from simulator.scenario import ScenarioError, load_scenario
from simulator.trace import Change, Fingerprint, Reading, StateChange
from simulator.world import World

START = datetime(2026, 3, 2, 1, 0, tzinfo=UTC)


def fingerprint(seed: int | None = None, pieces_s: float = 7200.0, ask: bool = False) -> tuple[str, int]:
    """Of two hours of the built-in scenario, every 60 s, advanced in pieces."""
    world, trace = World(load_scenario(), START, seed), Fingerprint()
    world.listeners.append(trace)
    world.set_report_interval(60.0)
    end = START + timedelta(hours=2)
    while world.now < end:
        world.advance_to(min(world.now + timedelta(seconds=pieces_s), end))
        if ask:
            world.memory()
            world.waveform("pump-007")
            world.active_faults()
    return trace.hexdigest(), trace.count


def test_the_same_seed_gives_the_same_trace_however_time_is_cut() -> None:
    """Guards: teaching, bug reports and experiments rest on runs that can be repeated, also by a curious observer."""
    whole = fingerprint()
    assert whole[1] > 40 * 119
    assert fingerprint() == whole
    assert fingerprint(pieces_s=37.3) == whole
    assert fingerprint(pieces_s=1000.0, ask=True) == whole
    assert fingerprint(seed=1)[0] != whole[0]


def test_another_interval_changes_neither_faults_nor_duty() -> None:
    """Guards: a faster clock (fewer readings) must not change the story."""
    stories = []
    for interval_s in (60.0, 1800.0):
        world, story = World(load_scenario(), START), []
        world.listeners.append(lambda h, s=story: None if isinstance(h, Reading) else s.append(h))
        world.set_report_interval(interval_s)
        world.advance_to(START + timedelta(hours=2))
        # When a protection notices is a matter of how often it looks.
        stories.append([h for h in story if isinstance(h, StateChange) and h.change is not Change.TRIPPED])
    assert stories[0] == stories[1]


def test_the_story_starts_early(observe) -> None:
    """Guards the demo: the inner race of pump-007 rings at several times its calm level half an hour after the start,
    and nobody else does."""
    world = World(load_scenario(), START)
    world.set_report_interval(60.0)
    first: dict[str, float] = {}
    last: dict[str, float] = {}

    def hear(happening: object) -> None:
        if isinstance(happening, Reading) and happening.values["speed_rpm"] > 700:
            first.setdefault(happening.device_id, happening.values["vibration_envelope_g"])
            last[happening.device_id] = happening.values["vibration_envelope_g"]

    world.listeners.append(hear)
    world.advance_to(START + timedelta(minutes=30))
    assert last.pop("pump-007") > 4 * first["pump-007"]
    assert all(last[device_id] < 1.6 * first[device_id] for device_id in last)


def test_events_of_one_moment_keep_their_order() -> None:
    """Guards: queue order is (time, priority, counter), so what was planned first happens first."""
    world = World(load_scenario(), START)
    seen: list[object] = []
    world.listeners.append(seen.append)
    world.reporting = False
    world.inject("pump-001", Fault.SEAL_LEAK, 1.0)
    world.inject("pump-002", Fault.SEAL_LEAK, 1.0)
    world.repair("pump-001")
    assert [(h.device_id, h.change) for h in seen] == [
        ("pump-001", Change.FAULT_BEGAN), ("pump-002", Change.FAULT_BEGAN), ("pump-001", Change.FAULT_ENDED),
    ]  # fmt: skip


def test_a_world_goes_on_after_a_restart(observe) -> None:
    """Guards: a restarted simulator must not set counters back, heal pumps or forget what was ordered."""
    seen = observe(faults=[{"pump": "pump-003", "fault": "imbalance", "after_minutes": 120, "growth_h": 10}])
    seen.run(0.5)
    seen.world.inject("pump-001", Fault.BEARING_INNER_RACE, 2.0)
    seen.world.inject("pump-002", Fault.LOST_CONNECTION, 1.0)
    seen.world.set_speed("pump-001", 2000.0)
    seen.run(0.5)
    before = seen.world.active_faults()
    memory = Memory.model_validate_json(seen.world.memory().model_dump_json())
    resumed = type(seen)(World.resume(seen.world.scenario, memory))
    assert resumed.world.active_faults() == before
    assert resumed.world.now <= seen.world.now
    resumed.run(1.5)
    for device_id in seen.world.device_ids:
        for counter in COUNTERS:
            values = seen.values(device_id, counter) + resumed.values(device_id, counter)
            assert values == sorted(values)
    assert resumed.values("pump-001", "speed_rpm")[-1] == pytest.approx(2000, rel=0.01)
    assert not resumed.world.connected("pump-002")
    assert [change.detail for change in resumed.changes if change.change is Change.FAULT_BEGAN] == ["imbalance"]
    with pytest.raises(ValueError, match="scenario"):
        World.resume(load_scenario(), memory)


def test_a_passing_outage_ends_also_after_a_restart(observe) -> None:
    """Guards: a line that stays down for ever because the simulator was restarted meanwhile."""
    seen = observe(faults=[{"pump": "pump-001", "fault": "lost_connection", "after_minutes": 10, "lasts_minutes": 30}])
    seen.run(0.25)
    resumed = type(seen)(World.resume(seen.world.scenario, seen.world.memory()))
    resumed.run(1.0)
    assert [change.change for change in resumed.changes] == [Change.RECONNECTED, Change.FAULT_ENDED]
    assert resumed.changes[0].time == START + timedelta(minutes=40)


def test_reset_tells_the_story_again_and_keeps_the_counters(observe) -> None:
    """Guards: a second class sees the same faults, and nobody's meter falls."""
    seen = observe(faults=[{"pump": "pump-001", "fault": "lost_connection", "after_minutes": 10}])
    seen.run(1.0)
    seen.world.inject("pump-002", Fault.SEAL_LEAK, 1.0)
    volume_l = seen.values("pump-002", "volume_l")[-1]
    at = seen.world.now
    seen.world.reset()
    assert seen.world.active_faults() == []
    seen.run(0.5)
    assert seen.values("pump-002", "volume_l")[-1] > volume_l
    again = [c for c in seen.changes if c.change is Change.DISCONNECTED]
    assert [c.time for c in again] == [START + timedelta(minutes=10), at + timedelta(minutes=10)]


def test_orders_are_refused_with_a_reason(observe) -> None:
    """Guards remote commands: what a pump cannot do must be said, not ignored."""
    world = observe().world
    with pytest.raises(ValueError, match=r"1487\.5 and 2975"):
        world.set_speed("pump-001", 3500.0)
    with pytest.raises(ValueError, match="no variable-speed drive"):
        world.set_speed("pump-003", 1000.0)
    with pytest.raises(KeyError):
        world.repair("pump-999")


def test_a_trip_is_latched_until_somebody_resets_it(observe) -> None:
    """Guards: a machine that protected itself must not start by itself."""
    seen = observe()
    seen.world.inject("pump-001", Fault.BEARING_INNER_RACE, 0.3)
    seen.run(5.0)
    assert seen.world.tripped("pump-001")
    assert seen.world.reset_alarm("pump-001") == ["bearing-temperature-trip"]
    assert seen.world.reset_alarm("pump-001") == []
    assert seen.world.tripped("pump-001")
    seen.world.restart("pump-001")
    seen.run(3.0)
    trips = [change for change in seen.changes if change.change is Change.TRIPPED]
    assert len(trips) == 2, "the cause is still there"


@pytest.mark.parametrize("duty", Duty)
def test_a_day_of_demand_is_ordered_and_within_limits(duty: Duty) -> None:
    """Guards the duty process: it relies on steps that begin at midnight and only go forward."""
    import numpy

    for day in range(2, 16):
        steps = steps_of_day(duty, datetime(2026, 3, day, tzinfo=UTC).date(), numpy.random.default_rng(day))
        seconds = [second for second, _ in steps]
        assert seconds[0] == 0
        assert seconds == sorted(set(seconds))
        assert seconds[-1] < 86_400
        assert all(0 <= demand <= 1.1 for _, demand in steps)


def test_the_built_in_scenario_has_the_fleet_of_the_story() -> None:
    """Guards: ids that other parts of the demo refer to."""
    scenario = load_scenario()
    assert [pump.id for pump in scenario.pumps] == [f"pump-{number:03d}" for number in range(1, 41)]
    assert [customer.id for customer in scenario.customers] == [f"customer-{number:02d}" for number in range(1, 13)]
    assert {pump.type for pump in scenario.pumps} == {"pump-process-75", "pump-feed-110", "pump-drain-22"}
    assert {planned.fault for planned in scenario.faults} == set(Fault)
    assert len({pump.serial for pump in scenario.pumps}) == 40


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ("pumps: [", "YAML"),
        ("- 1", "valid dictionary"),
        ("name: x", "title_zh"),
        ("{pump: pump-001}", "'pump-999'"),
        ("{type: boat}", "boat"),
        ("{colour: red}", "colour"),
    ],
)
def test_a_wrong_scenario_is_refused_with_the_place(tmp_path, make_scenario, content: str, complaint: str) -> None:
    """Guards teachers: the message must name the place in their file."""
    import yaml

    path = tmp_path / "mine.yaml"
    if content.startswith("{"):
        whole = make_scenario().model_dump(mode="json")
        change = yaml.safe_load(content)
        whole["pumps"][0] |= {key: value for key, value in change.items() if key != "pump"}
        if "pump" in change:
            whole["faults"] = [{"pump": "pump-999", "fault": "wear", "after_minutes": 1}]
        content = yaml.safe_dump(whole)
    path.write_text(content, encoding="utf-8")
    with pytest.raises(ScenarioError, match=complaint):
        load_scenario(path)
    with pytest.raises(ScenarioError, match="city_water"):
        load_scenario("no_such_scenario")
