"""A fault is found once and with its reason; noise and changes of speed are none; nothing is forgotten on the way."""

import json
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.lifecycle.rules.state_detection import DataModelUnusable, StateUnreadable, Tuning, compile_detector
from tests.unit.lifecycle.conftest import Bench
from tests.unit.lifecycle.pump import SECOND_US, data_model, readings


def one_signal(**limits: float) -> dict[str, object]:
    return {"signals": [{"name": "pressure_bar", "unit": "bar", **limits}]}


def test_a_limit_needs_three_of_five_readings_and_names_them_in_its_reason() -> None:
    bench = Bench(compile_detector(one_signal(warning_high=10.0)))
    assert [bench.take({"pressure_bar": value}) for value in (11.0, 9.0, 11.0, 9.0)] == [[], [], [], []]
    (found,) = bench.take({"pressure_bar": 11.5})
    assert (found.code, found.severity, found.active) == ("pressure_bar_high", "warning", True)
    assert (found.value, found.limit, found.source) == (11.5, 10.0, "limit")
    assert "11.5 bar" in found.reason_zh and "高于限值 10 bar" in found.reason_zh
    assert "above the limit 10 bar in at least 3 of the last 5 readings" in found.reason_en


def test_two_spikes_far_apart_raise_nothing() -> None:
    bench = Bench(compile_detector(one_signal(warning_high=10.0)))
    for value in (20.0, *[5.0] * 5, 20.0, 20.0, *[5.0] * 5, 20.0):
        assert bench.take({"pressure_bar": value}) == []


def test_a_limit_is_left_only_beyond_its_hysteresis() -> None:
    bench = Bench(compile_detector(one_signal(warning_high=10.0)))
    for _ in range(3):
        bench.take({"pressure_bar": 11.0})
    assert [bench.take({"pressure_bar": 9.8}) for _ in range(20)] == [[]] * 20
    cleared = [found for _ in range(3) for found in bench.take({"pressure_bar": 9.4})]
    assert [(found.code, found.active, found.limit) for found in cleared] == [("pressure_bar_high", False, 9.5)]
    assert "恢复正常" in cleared[0].reason_zh


def test_one_alarm_grows_graver_and_milder_instead_of_becoming_two() -> None:
    bench = Bench(compile_detector(one_signal(warning_high=10.0, alarm_high=20.0)))
    told = [
        (found.code, found.severity, found.active)
        for value in [11.0] * 5 + [25.0] * 5 + [15.0] * 5 + [5.0] * 5
        for found in bench.take({"pressure_bar": value})
    ]
    assert told == [
        ("pressure_bar_high", "warning", True),
        ("pressure_bar_high", "major", True),
        ("pressure_bar_high", "warning", True),
        ("pressure_bar_high", "warning", False),
    ]


def test_a_jump_past_both_limits_is_told_once_with_the_graver_severity() -> None:
    bench = Bench(compile_detector(one_signal(warning_high=10.0, alarm_high=20.0)))
    told = [found.severity for _ in range(10) for found in bench.take({"pressure_bar": 30.0})]
    assert told == ["major"]


def test_low_limits_work_downwards() -> None:
    bench = Bench(compile_detector(one_signal(warning_low=1.0, alarm_low=-2.0)))
    told = [
        (found.severity, found.active)
        for value in [0.5] * 3 + [-3.0] * 3 + [-1.9] * 3 + [-1.5] * 3 + [2.0] * 3
        for found in bench.take({"pressure_bar": value})
    ]
    assert told == [("warning", True), ("major", True), ("warning", True), ("warning", False)]


def test_without_own_limits_vibration_is_judged_by_the_zones_of_its_power_class(new_pump: Bench) -> None:
    found = new_pump.run(5, vibration_velocity_mm_s=3.0 / 1.2) + new_pump.run(5, vibration_velocity_mm_s=6.0 / 1.2)
    assert [(each.severity, each.limit) for each in found] == [("warning", 2.8), ("critical", 4.5)]
    assert "ISO 20816-3 第 2 组，刚性支承，D 区" in found[1].reason_zh


def test_noise_around_the_normal_state_raises_nothing_in_20000_readings(learned_pump: Bench) -> None:
    assert learned_pump.run(20_000, seed=2) == []


def test_a_small_shift_far_below_any_limit_is_found_by_the_chart_and_ends(learned_pump: Bench) -> None:
    found = learned_pump.run(100, seed=3, vibration_envelope_g=1.4)
    assert [(each.code, each.source, each.active) for each in found] == [
        ("vibration_envelope_g_deviation", "statistics", True)
    ]
    assert "高于本机正常水平" in found[0].reason_zh and "control limit" in found[0].reason_en
    ended = learned_pump.run(100, seed=4)
    assert [(each.code, each.active) for each in ended] == [("vibration_envelope_g_deviation", False)]


def test_another_speed_is_no_fault_and_is_learned(learned_pump: Bench) -> None:
    for speed in (0.9, 0.8, 0.7, 1.0, 0.75, 0.85):
        assert learned_pump.run(300, seed=int(speed * 100), speed=speed) == []
    assert learned_pump.state.load_low < 0.5 < 1.0 < learned_pump.state.load_high
    found = learned_pump.run(100, seed=9, speed=0.85, vibration_envelope_g=1.6)
    assert [each.code for each in found] == ["vibration_envelope_g_deviation"]


def test_a_standing_machine_neither_learns_nor_clears_but_can_pass_a_high_limit(learned_pump: Bench) -> None:
    found = learned_pump.run(5, bearing_temperature_c=90.0 / 52.0)
    assert [each.code for each in found] == ["bearing_temperature_c_high"]
    known = learned_pump.state.cells[0].baseline.count
    standing = {"speed_rpm": 0.0, "suction_pressure_bar": 0.0, "vibration_velocity_mm_s": 0.0}
    assert [learned_pump.take({**standing, "bearing_temperature_c": 25.0}) for _ in range(50)] == [[]] * 50
    assert learned_pump.state.cells[0].baseline.count == known
    told = [each for _ in range(5) for each in learned_pump.take({**standing, "bearing_temperature_c": 120.0})]
    assert [(each.code, each.severity) for each in told] == [("bearing_temperature_c_high", "major")]


def test_nothing_is_judged_by_the_chart_within_a_minute_after_the_start(learned_pump: Bench) -> None:
    learned_pump.take({"speed_rpm": 0.0})
    assert learned_pump.run(59, seed=5, vibration_envelope_g=3.0) == []
    assert learned_pump.run(30, seed=6, vibration_envelope_g=3.0) != []


def test_late_and_repeated_readings_change_nothing(learned_pump: Bench) -> None:
    before = learned_pump.state.to_list()
    worst = {"vibration_velocity_mm_s": 99.0, "speed_rpm": 2975.0}
    for time_us in (learned_pump.time_us, learned_pump.time_us - 1, 0):
        assert learned_pump.detector.step(learned_pump.state, worst, time_us) is None
    assert learned_pump.state.to_list() == before


@pytest.mark.parametrize("nonsense", [math.nan, math.inf, -math.inf, 1e300, -1e300])
def test_values_that_are_no_measurement_leave_no_trace(learned_pump: Bench, nonsense: float) -> None:
    signals = [cell.name for cell in learned_pump.state.cells]
    kept = [cell.to_list() for cell in learned_pump.state.cells]
    assert learned_pump.take(dict.fromkeys(signals, nonsense) | {"speed_rpm": 2975.0}) == []
    assert [cell.to_list() for cell in learned_pump.state.cells] == kept
    assert learned_pump.take({"speed_rpm": nonsense}) == []
    assert learned_pump.run(1000, seed=7) == []


def test_a_sensor_that_comes_back_later_is_learned_by_itself(new_pump: Bench) -> None:
    for values in readings(400):
        del values["vibration_envelope_g"]
        new_pump.take(values)
    assert "vibration_envelope_g" not in new_pump.detector.conditions(new_pump.state)
    assert new_pump.run(200, seed=8) == []
    assert "vibration_envelope_g" in new_pump.detector.conditions(new_pump.state)


def test_after_a_repair_the_new_state_is_learned_as_normal(learned_pump: Bench) -> None:
    learned_pump.run(100, seed=3, vibration_envelope_g=1.5)
    ended = learned_pump.detector.relearn(learned_pump.state)
    assert [(each.code, each.active) for each in ended] == [("vibration_envelope_g_deviation", False)]
    assert learned_pump.detector.conditions(learned_pump.state) == {}
    assert learned_pump.run(1000, seed=4, vibration_envelope_g=1.5) == []


def test_conditions_tell_level_and_expected_value(learned_pump: Bench) -> None:
    learned_pump.run(200, seed=3, vibration_high_frequency_g=3.0)
    condition = learned_pump.detector.conditions(learned_pump.state)["vibration_high_frequency_g"]
    assert condition.expected == pytest.approx(0.35, rel=0.02)
    assert condition.level == pytest.approx(1.05, rel=0.05)
    assert condition.deviation > 1


@given(
    st.lists(
        st.tuples(
            st.sampled_from([0.0, 0.5, 0.9, 1.0]),
            st.floats(0.1, 6.0),
            st.floats(20.0, 110.0),
            st.floats(-0.2, 1.5),
        ),
        min_size=1,
        max_size=60,
    ),
    st.integers(0, 60),
)
@settings(max_examples=60, deadline=None)
def test_a_worker_that_takes_over_from_stored_state_finds_exactly_the_same(
    course: list[tuple[float, float, float, float]], handover: int
) -> None:
    detector = compile_detector(data_model(), Tuning(readings_to_learn=5, settle_s=2.0))
    kept, moved = detector.new_state(), detector.new_state()
    for index, (speed, vibration, temperature, suction) in enumerate(course):
        values = {
            "speed_rpm": 2975.0 * speed,
            "vibration_velocity_mm_s": vibration,
            "bearing_temperature_c": temperature,
            "suction_pressure_bar": suction,
        }
        if index == handover:
            moved = detector.restore(json.loads(json.dumps(moved.to_list())))
        assert detector.step(kept, values, index * SECOND_US) == detector.step(moved, values, index * SECOND_US)
    assert kept.to_list() == moved.to_list()


def test_stored_state_survives_a_change_of_the_data_model(learned_pump: Bench) -> None:
    stored = learned_pump.state.to_list()
    changed = data_model(bearing_temperature_c={"warning_high": 70.0, "alarm_high": None})
    changed["signals"] = [each for each in changed["signals"] if each["name"] != "power_kw"]
    changed["signals"].append({"name": "noise_db", "unit": "dB", "statistics": True})
    detector = compile_detector(changed)
    conditions = detector.conditions(detector.restore(stored))
    assert "vibration_velocity_mm_s" in conditions
    assert "power_kw" not in conditions and "noise_db" not in conditions


@pytest.mark.parametrize("damaged", [[], [99], None, [1, 2, 3], [1, 0, 0, 0, 0, 0, [], [["flow_m3_h", 1]]]])
def test_damaged_stored_state_is_refused_by_name(new_pump: Bench, damaged: list[object]) -> None:
    with pytest.raises(StateUnreadable):
        new_pump.detector.restore(damaged)


@pytest.mark.parametrize(
    "limits",
    [
        {"warning_high": 10.0, "alarm_high": 9.0},
        {"warning_low": 1.0, "alarm_low": 1.0},
        {"warning_high": 10.0, "warning_low": 10.0},
        {"alarm_high": math.nan},
    ],
)
def test_a_data_model_that_contradicts_itself_is_refused_with_the_signal_named(limits: dict[str, float]) -> None:
    with pytest.raises(DataModelUnusable, match="pressure_bar"):
        compile_detector(one_signal(**limits))


def test_a_fault_that_was_there_before_the_baseline_still_counts_for_the_diagnosis() -> None:
    bench = Bench(compile_detector(one_signal(warning_high=10.0, alarm_high=20.0, statistics=True)))
    for _ in range(200):
        bench.take({"pressure_bar": 25.0})
    assert bench.detector.conditions(bench.state) == {}
    condition = bench.detector.conditions_with_limits(bench.state)["pressure_bar"]
    assert (condition.level, condition.deviation) == (20.0, 2.0)
