"""Condition of a device, block by block as in ISO 13374: state detection, health assessment, diagnosis."""

import json
from collections import deque
from dataclasses import asdict, replace
from datetime import datetime

from services.kernel.clock import from_microseconds, to_microseconds
from services.kernel.unit import UnitOfWork
from services.lifecycle.contract import Contribution, Diagnosis, DiagnosisMade, Health, HealthChanged
from services.lifecycle.contract.products import NUMBER_MAX
from services.lifecycle.rules import device_messages
from services.lifecycle.rules import diagnosis as fault_tree
from services.lifecycle.rules.bearings import UnknownBearing
from services.lifecycle.rules.findings import Finding
from services.lifecycle.rules.health import STALE_S
from services.lifecycle.rules.vibration import FAULT_RATIO_MIN, WaveformDiagnosis, diagnose_waveform
from services.lifecycle.service import alarms, connection, timeline
from services.lifecycle.service.devices import WAVEFORMS_MAX, Device

GOOD, STALE, BAD = range(3)
SPEED = "speed_rpm"
ENVELOPE = "vibration_envelope_g"
SAME_SPEED_RATIO = 0.01  # Spectra of snapshots taken at other speeds must not be averaged.
STANDING_RPM = 1.0
STALE_WALL_S = 10.0  # At a high business speed readings are far apart in business time.


def take_reading(unit: UnitOfWork, device: Device, reading: device_messages.Telemetry) -> None:
    """Take in a reading that is newer than all before: current values, state detection, waveforms."""
    device.boot, device.sequence = reading.boot, reading.sequence
    time_us = to_microseconds(reading.time)
    device.last_seen_us = time_us
    if not device.online:
        connection.set_online(unit, device, True, reading.time)
    device.take_values(reading.values, device_messages.QUALITIES[reading.quality], time_us)
    good = _good_values(device, reading, time_us)
    if good:
        found = device.detector.step(device.detection, good, time_us)
        if found is not None:
            for finding in found:
                alarms.apply_finding(unit, device, finding, reading.time)
                if finding.signal == ENVELOPE and not finding.active:
                    _forget_waveform(unit, device, finding, reading.time)
            device.detection_due_s = device.health_due_s = 0.0
            diagnose(unit, device)
        running = "running" if good.get(SPEED, STANDING_RPM) >= STANDING_RPM else "stopped"
        if running != device.timeline:
            timeline.enter(unit, device, running, reading.time)
    if reading.waveforms:
        _take_waveforms(unit, device, reading)


def _good_values(device: Device, reading: device_messages.Telemetry, time_us: int) -> dict[str, float]:
    """The values that may be judged: neither flagged by the device nor physically impossible."""
    if reading.quality != "GOOD":
        return {}
    values = reading.values
    doubtful = [name for name, quality in reading.qualities.items() if quality != "GOOD" and name in values]
    doubtful += [name for name, least, most in device.possible if name in values and not least <= values[name] <= most]
    if not doubtful:
        return values
    device.current()
    for name in doubtful:
        device.values[name] = (
            values[name],
            device_messages.QUALITIES.get(reading.qualities.get(name, "BAD"), BAD),
            time_us,
        )
    return {name: value for name, value in values.items() if name not in doubtful}


def assess(unit: UnitOfWork, device: Device) -> None:
    """Health assessment: recompute the index, and announce when it enters another band."""
    at = unit.clock.business_now()
    current = device.current()
    found = device.health_rule.assess(
        {name: value for name, (value, quality, _) in current.items() if quality == GOOD},
        {name: time_us for name, (_, _, time_us) in current.items()},
        to_microseconds(at),
        device.detector.conditions(device.detection),
        stale_s=STALE_S + STALE_WALL_S * unit.clock.speed,
    )
    made = Health(
        index=found.index,
        band=found.band,
        contributions=[Contribution.model_validate(each, from_attributes=True) for each in found.contributions],
        as_of=at,
    )
    before = json.loads(device.health).get("band")
    device.health = made.model_dump_json()
    if made.band != before:
        unit.announce(
            HealthChanged(device_id=device.id, index=made.index, band=made.band),
            subject=device.id,
            organisation_id=device.organisation_id,
        )


def diagnose(unit: UnitOfWork, device: Device) -> None:
    """Diagnosis from the pattern of signals and the newest waveform; announced when the answer changes."""
    conditions = device.detector.conditions_with_limits(device.detection)
    found = fault_tree.diagnose(conditions, waveform=device.heard)
    before = json.loads(device.diagnosis) if device.diagnosis else {}
    made = Diagnosis(
        fault=found.fault,
        confidence=found.confidence,
        reason_zh=found.reason_zh,
        reason_en=found.reason_en,
        evidence={
            **found.evidence,
            "others": list(found.others),
            "ruled_out": [asdict(each) for each in found.ruled_out],
        },
        as_of=from_microseconds(device.last_seen_us or 0),
    )
    device.diagnosis = made.model_dump_json()
    if before.get("fault") != made.fault:
        unit.announce(
            DiagnosisMade(
                device_id=device.id,
                fault=made.fault,
                confidence=made.confidence,
                reason_zh=made.reason_zh,
                reason_en=made.reason_en,
            ),
            subject=device.id,
            organisation_id=device.organisation_id,
        )


def _take_waveforms(unit: UnitOfWork, device: Device, reading: device_messages.Telemetry) -> None:
    """Judge vibration snapshots: the newest few of a signal are averaged; a race fault raises an alarm."""
    speed = reading.values.get(SPEED) or device.reported.get(SPEED)
    bearing = device.reported.get("bearing") or device.product_type.bearing
    if not bearing or not isinstance(speed, int | float) or not 0 < speed <= NUMBER_MAX:
        return
    for name, waveform in reading.waveforms.items():
        if name not in device.waveforms and len(device.waveforms) >= WAVEFORMS_MAX:
            device.waveforms.clear()
        kept = device.waveforms.setdefault(name, deque(maxlen=WAVEFORMS_MAX))
        kept.append((waveform.rate_hz, speed, waveform.samples))
        snapshots = [
            samples
            for rate_hz, speed_then, samples in kept
            if rate_hz == waveform.rate_hz and abs(speed_then - speed) < SAME_SPEED_RATIO * speed
        ]
        try:
            device.heard = diagnose_waveform(snapshots, waveform.rate_hz, speed, bearing)
        except UnknownBearing:
            return
        diagnose(unit, device)
        _alarm_of_waveform(unit, device, name, device.heard, reading.time)


def _forget_waveform(unit: UnitOfWork, device: Device, ended: Finding, at: datetime) -> None:
    """The envelope is back to normal: what an older waveform told is over, and so is its alarm."""
    device.heard = None
    device.waveforms.clear()
    for race in ("inner_race", "outer_race"):
        alarms.apply_finding(unit, device, replace(ended, code=f"diagnosed_bearing_{race}", source="diagnosis"), at)


def _alarm_of_waveform(unit: UnitOfWork, device: Device, signal: str, heard: WaveformDiagnosis, at: datetime) -> None:
    for race in ("inner_race", "outer_race"):
        fault = f"bearing_{race}"
        if heard.fault in (fault, "healthy"):
            finding = Finding(
                code=f"diagnosed_{fault}",
                signal=signal,
                severity="major",
                active=heard.fault == fault,
                value=heard.ratios[race],
                limit=FAULT_RATIO_MIN,
                reason_zh=heard.reason_zh,
                reason_en=heard.reason_en,
                source="diagnosis",
                evidence={"snapshots": heard.snapshots, "duration_s": heard.duration_s},
            )
            alarms.apply_finding(unit, device, finding, at)
