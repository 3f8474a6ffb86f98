"""Each fault of the fleet is named from its pattern, a sound pump is not accused, and doubt is said."""

import json
from dataclasses import asdict, replace

import pytest

from services.lifecycle.rules.diagnosis import PATTERNS, diagnose
from services.lifecycle.rules.state_detection import Condition
from services.lifecycle.rules.symptoms import SYMPTOMS
from services.lifecycle.rules.vibration import WaveformDiagnosis
from tests.unit.lifecycle.conftest import Bench
from tests.unit.lifecycle.pump import RATED

NORMAL = {
    name: Condition(level=value, expected=value, sigma=0.02 * value, deviation=0.0) for name, value in RATED.items()
}
RACE = WaveformDiagnosis(
    "bearing_inner_race",
    {"inner_race": 126.0, "outer_race": 5.0},
    (),
    0.2,
    4.0,
    1,
    10.0,
    "内圈谱线突出",
    "inner race lines",
)
# What each fault does to the signals: level / expected value.
COURSES = {
    "imbalance": {"vibration_velocity_mm_s": 3.0},
    "bearing_defect": {"vibration_envelope_g": 5.0},
    "cavitation": {"vibration_high_frequency_g": 4.0, "suction_pressure_bar": 0.3, "discharge_pressure_bar": 0.85},
    "seal_leak": {"seal_leakage_ml_h": 20.0},
    "wear": {"discharge_pressure_bar": 0.88, "flow_m3_h": 0.9},
    "sensor_drift": {"bearing_temperature_c": 1.5},
}


@pytest.mark.parametrize("fault", COURSES)
def test_a_fault_is_named_from_what_it_does_to_the_signals(learned_pump: Bench, fault: str) -> None:
    learned_pump.run(150, seed=5, **COURSES[fault])
    found = diagnose(learned_pump.detector.conditions(learned_pump.state))
    assert found.fault == fault
    assert found.confidence in ("likely", "possible")
    assert {out.fault for out in found.ruled_out} == {pattern.fault for pattern in PATTERNS} - {fault}
    assert found.reason_zh and found.reason_en
    json.dumps(asdict(found))


def test_a_sound_pump_is_not_accused(learned_pump: Bench) -> None:
    learned_pump.run(2000, seed=6)
    found = diagnose(learned_pump.detector.conditions(learned_pump.state))
    assert (found.fault, found.confidence) == ("none", "likely")
    assert len(found.ruled_out) == len(PATTERNS)


@pytest.mark.parametrize("valve", [{"flow_m3_h": 0.7, "discharge_pressure_bar": 1.1}, {"flow_m3_h": 1.2}])
def test_a_customer_who_turns_the_valve_has_not_worn_his_pump(learned_pump: Bench, valve: dict[str, float]) -> None:
    learned_pump.run(150, seed=7, **valve)
    assert diagnose(learned_pump.detector.conditions(learned_pump.state)).fault != "wear"


def test_without_a_baseline_it_cannot_tell() -> None:
    found = diagnose({})
    assert (found.fault, found.confidence) == ("cannot_tell", "cannot_tell")
    assert "尚未学得" in found.reason_zh


def test_a_symptom_that_fits_no_pattern_is_told_without_a_guess() -> None:
    found = diagnose(NORMAL | {"power_kw": replace(NORMAL["power_kw"], deviation=3.0)})
    assert found.fault == "cannot_tell"
    assert "功率升高" in found.reason_zh


def test_missing_sensors_leave_faults_that_cannot_be_ruled_out() -> None:
    found = diagnose({"vibration_velocity_mm_s": NORMAL["vibration_velocity_mm_s"]})
    assert (found.fault, found.confidence) == ("none", "possible")
    assert [out.fault for out in found.ruled_out] == ["imbalance"]


def test_high_frequency_noise_speaks_against_imbalance() -> None:
    both = {name: replace(NORMAL[name], deviation=4.0) for name in ("vibration_velocity_mm_s", "vibration_envelope_g")}
    found = diagnose(NORMAL | both)
    assert found.fault == "bearing_defect"
    assert "imbalance" in {out.fault for out in found.ruled_out}
    assert "需振动波形" in found.reason_zh


def test_two_faults_at_once_are_both_named_the_stronger_first() -> None:
    found = diagnose(
        NORMAL
        | {
            "vibration_envelope_g": replace(NORMAL["vibration_envelope_g"], deviation=2.5),
            "seal_leakage_ml_h": replace(NORMAL["seal_leakage_ml_h"], deviation=9.0),
        }
    )
    assert (found.fault, found.others) == ("seal_leak", ("bearing_defect",))


def test_a_waveform_names_the_race_and_the_signals_confirm_it() -> None:
    loud = NORMAL | {"vibration_envelope_g": replace(NORMAL["vibration_envelope_g"], deviation=5.0)}
    found = diagnose(loud, waveform=RACE)
    assert (found.fault, found.confidence, found.others) == ("bearing_inner_race", "certain", ())
    assert diagnose(NORMAL, waveform=RACE).confidence == "likely"
    assert diagnose({}, waveform=RACE).fault == "bearing_inner_race"


def test_a_waveform_that_tells_nothing_leaves_the_signals_to_speak() -> None:
    silent = replace(RACE, fault="cannot_tell")
    loud = NORMAL | {"vibration_velocity_mm_s": replace(NORMAL["vibration_velocity_mm_s"], deviation=5.0)}
    assert diagnose(loud, waveform=silent).fault == "imbalance"


def test_recent_readings_are_quoted_as_evidence() -> None:
    recent = [(second, RATED | {"power_kw": 60.0 + second}) for second in range(5)]
    quoted = diagnose(NORMAL, recent).evidence["readings"]
    assert (quoted["count"], quoted["start_us"], quoted["end_us"], quoted["medians"]["power_kw"]) == (5, 0, 4, 62.0)


def test_every_pattern_speaks_of_known_symptoms() -> None:
    for pattern in PATTERNS:
        assert {*pattern.needs, *pattern.not_with, *pattern.supports} <= SYMPTOMS.keys()
