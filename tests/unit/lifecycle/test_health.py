"""The health index only ever falls when something gets worse, says why, and admits when it cannot tell."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.lifecycle.rules.health import compile_health, deviation_penalty, health_band, health_index
from services.lifecycle.rules.state_detection import Condition
from tests.unit.lifecycle.conftest import Bench
from tests.unit.lifecycle.pump import RATED, SECOND_US, WEIGHTS, data_model

NOW_US = 1_000 * SECOND_US
FRESH = dict.fromkeys(RATED, NOW_US)
RULE = compile_health(data_model())
penalties = st.dictionaries(st.sampled_from("abcd"), st.floats(0, 1), max_size=4)


@given(penalties, st.sampled_from("abcd"), st.floats(0, 1))
def test_a_larger_penalty_never_gives_a_better_index(start: dict[str, float], signal: str, more: float) -> None:
    weights = {"a": 0.3, "b": 0.3, "c": 0.1, "d": 0.0}
    worse = start | {signal: max(start.get(signal, 0.0), more)}
    assert 0 <= health_index(penalties=worse, weights=weights) <= health_index(penalties=start, weights=weights) <= 100


@given(st.floats(0, 20), st.floats(0, 20), st.floats(-50, 150))
def test_more_vibration_never_gives_better_health(one: float, other: float, temperature: float) -> None:
    less, more = sorted((one, other))
    better, worse = (
        RULE.assess(RATED | {"vibration_velocity_mm_s": each, "bearing_temperature_c": temperature}, FRESH, NOW_US)
        for each in (less, more)
    )
    assert better.index is not None and worse.index is not None
    assert worse.index <= better.index


@given(st.floats(0, 10), st.floats(0, 10))
def test_a_larger_deviation_never_costs_less(one: float, other: float) -> None:
    less, more = sorted((one, other))
    assert deviation_penalty(less) <= deviation_penalty(more)
    assert deviation_penalty(-more) == deviation_penalty(more) <= 0.5


def test_a_sound_pump_is_at_100_without_contributions() -> None:
    health = RULE.assess(RATED, FRESH, NOW_US)
    assert (health.index, health.band, health.known_share, health.contributions) == (100.0, "good", 1.0, ())


def test_one_heavy_signal_at_its_alarm_limit_makes_the_whole_machine_poor() -> None:
    health = RULE.assess(RATED | {"vibration_velocity_mm_s": 4.5}, FRESH, NOW_US)
    assert health.index == pytest.approx(40.0)
    assert health.band == "poor"
    (worst,) = health.contributions
    assert (worst.signal, worst.weight) == ("vibration_velocity_mm_s", 0.3)
    assert worst.penalty == pytest.approx(60.0)
    assert "4.5 mm/s" in worst.reason_zh and "4.5 mm/s" in worst.reason_en


def test_contributions_add_up_to_what_is_missing_from_100() -> None:
    health = RULE.assess(RATED | {"vibration_velocity_mm_s": 2.9, "bearing_temperature_c": 82.0}, FRESH, NOW_US)
    assert health.index == pytest.approx(100 - sum(each.penalty for each in health.contributions))
    assert [each.signal for each in health.contributions] == ["vibration_velocity_mm_s", "bearing_temperature_c"]


def test_stale_or_missing_data_gives_no_index() -> None:
    stale = RULE.assess(RATED, FRESH, NOW_US + 301 * SECOND_US)
    assert (stale.index, stale.band, stale.known_share) == (None, "cannot_tell", 0.0)
    assert {each.signal for each in stale.contributions} == set(WEIGHTS)
    assert "数据已过期" in stale.contributions[0].reason_zh
    assert RULE.assess({}, {}, NOW_US).band == "cannot_tell"


def test_one_missing_sensor_is_told_but_does_not_hide_the_rest() -> None:
    values = {name: value for name, value in RATED.items() if name != "vibration_envelope_g"}
    health = RULE.assess(values | {"bearing_temperature_c": 95.0}, FRESH, NOW_US)
    assert health.index == pytest.approx(60.0)
    assert health.known_share == pytest.approx(5 / 7)
    assert [(each.signal, each.known) for each in health.contributions] == [
        ("vibration_envelope_g", False),
        ("bearing_temperature_c", True),
    ]


def test_a_deviation_from_the_own_baseline_counts_although_no_limit_is_near() -> None:
    conditions = {"vibration_envelope_g": Condition(level=0.2, expected=0.1, sigma=0.002, deviation=6.0)}
    health = RULE.assess(RATED, FRESH, NOW_US, conditions)
    assert health.index == pytest.approx(100 - 100 * 0.5 * 0.2 / 0.3)
    assert "偏离本机正常水平" in health.contributions[0].reason_zh


def test_standing_still_does_not_heal_a_pump(learned_pump: Bench) -> None:
    learned_pump.run(100, vibration_velocity_mm_s=4.0)
    learned_pump.take({"speed_rpm": 0.0, "vibration_velocity_mm_s": 0.0})
    conditions = learned_pump.detector.conditions(learned_pump.state)
    health = RULE.assess(RATED | {"vibration_velocity_mm_s": 0.0}, FRESH, NOW_US, conditions)
    assert health.band == "poor"


def test_bands_follow_the_index() -> None:
    assert [health_band(each) for each in (100, 80, 79.9, 50, 49.9, 0, None)] == [
        "good", "good", "watch", "watch", "poor", "poor", "cannot_tell",
    ]  # fmt: skip


def test_a_product_type_that_weighs_nothing_has_no_index() -> None:
    weightless = compile_health({"signals": [{"name": "pressure_bar"}]})
    assert weightless.assess({"pressure_bar": 1.0}, {"pressure_bar": NOW_US}, NOW_US).band == "cannot_tell"
