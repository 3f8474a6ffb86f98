"""Diagnosis: from the pattern of symptoms to a fault, with evidence, a word of confidence and what was ruled out.

Each fault names the symptoms that it cannot be without and those that speak for another cause. The patterns follow
the usual fault tables for centrifugal pumps (ISO 13373-3 for vibration, Karassik's *Pump Handbook* for hydraulics).
What the signals do not settle is answered with `cannot_tell`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

from services.lifecycle.rules.symptoms import ABSENT, PRESENT, SYMPTOMS, Conditions, measure_symptoms
from services.lifecycle.rules.vibration import WaveformDiagnosis

Reading = tuple[int, Mapping[str, float]]

PLAIN = 2.0  # Strength from which a fault without a waveform counts as likely.


@dataclass(frozen=True, slots=True)
class Pattern:
    """A fault needs all of `needs`; one present of `not_with` points to another cause; `supports` only tell more."""

    fault: str
    name_zh: str
    name_en: str
    needs: tuple[str, ...]
    not_with: tuple[str, ...] = ()
    supports: tuple[str, ...] = ()


BEARING = "bearing_defect"  # The bearing, but the scalars cannot tell which race; the waveform can.
PATTERNS = (
    Pattern("imbalance", "转子不平衡", "imbalance", ("velocity_high",), ("envelope_high", "high_frequency_high")),
    Pattern(BEARING, "轴承缺陷", "bearing defect", ("envelope_high",), (), ("temperature_off", "velocity_high")),
    Pattern("cavitation", "汽蚀", "cavitation", ("high_frequency_high", "suction_low"), (), ("head_low",)),
    Pattern("seal_leak", "机械密封泄漏", "seal leak", ("leakage_high",)),
    Pattern("wear", "叶轮磨损", "impeller wear", ("head_low", "efficiency_low"),
            ("suction_low", "high_frequency_high")),
    Pattern(
        "sensor_drift", "轴承温度传感器漂移", "drift of the bearing temperature sensor", ("temperature_off",),
        ("envelope_high", "velocity_high", "high_frequency_high", "power_high"),
    ),
)  # fmt: skip
NAMES = {pattern.fault: (pattern.name_zh, pattern.name_en) for pattern in PATTERNS} | {
    "bearing_inner_race": ("轴承内圈缺陷", "bearing inner race defect"),
    "bearing_outer_race": ("轴承外圈缺陷", "bearing outer race defect"),
}
CONFIDENCE = {
    "certain": ("确定", "certain"),
    "likely": ("很可能", "likely"),
    "possible": ("可能", "possible"),
    "cannot_tell": ("无法判断", "cannot tell"),
}


@dataclass(frozen=True, slots=True)
class RuledOut:
    """A fault that is out of the question, and why."""

    fault: str
    reason_zh: str
    reason_en: str


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """`fault` is a fault code, `none` or `cannot_tell`; `confidence` certain, likely, possible or cannot_tell.

    `others` are further faults whose patterns hold too, strongest first; `evidence` is plain data: strengths of the
    symptoms, `signals` with level and expected value, the recent `readings`, the `waveform`.
    """

    fault: str
    confidence: str
    others: tuple[str, ...]
    ruled_out: tuple[RuledOut, ...]
    evidence: dict[str, Any]
    reason_zh: str
    reason_en: str


def diagnose(
    conditions: Conditions, recent: Sequence[Reading] = (), waveform: WaveformDiagnosis | None = None
) -> Diagnosis:
    """Judge one device by the detector's conditions, which compare it with its own baseline, and by a waveform.

    `recent` readings, (time in microseconds, GOOD values by signal), are only quoted as evidence.
    """
    strengths = measure_symptoms(conditions)
    evidence = _evidence(strengths, conditions, recent, waveform)
    ruled_out = tuple(out for pattern in PATTERNS if (out := _rule_out(pattern, strengths)) is not None)
    holding = _holding(strengths)
    race = waveform.fault if waveform is not None and waveform.fault.startswith("bearing_") else None
    if waveform is not None and race is not None:
        confidence = "certain" if BEARING in holding else "likely"
        others = tuple(fault for fault in holding if fault != BEARING)
        kept = tuple(out for out in ruled_out if out.fault != BEARING)
        return _said(race, confidence, others, kept, evidence, (waveform.reason_zh, waveform.reason_en))
    if holding:
        fault, *others_left = holding
        confidence = "likely" if holding[fault] >= PLAIN else "possible"
        return _said(fault, confidence, tuple(others_left), ruled_out, evidence, _told(fault, strengths))
    return _nothing_found(strengths, ruled_out, evidence)


def _holding(strengths: Mapping[str, float | None]) -> dict[str, float]:
    """Faults whose patterns hold, with the strength of their weakest need; strongest first."""
    found = {}
    for pattern in PATTERNS:
        needs = [strengths[name] for name in pattern.needs]
        against = [strengths[name] for name in pattern.not_with]
        weakest = min((-1.0 if need is None else need for need in needs), default=-1.0)
        if weakest >= PRESENT and not any(each is not None and each >= PRESENT for each in against):
            found[pattern.fault] = weakest
    return dict(sorted(found.items(), key=lambda item: -item[1]))


def _rule_out(pattern: Pattern, strengths: Mapping[str, float | None]) -> RuledOut | None:
    """Why a fault is out of the question, or none when it is not."""
    for name in pattern.needs:
        strength = strengths[name]
        if strength is not None and strength < ABSENT:
            symptom = SYMPTOMS[name]
            return RuledOut(pattern.fault, f"没有{symptom.name_zh}", f"not seen: {symptom.name_en}")
    for name in pattern.not_with:
        strength = strengths[name]
        if strength is not None and strength >= PRESENT:
            symptom = SYMPTOMS[name]
            return RuledOut(
                pattern.fault, f"{symptom.name_zh}指向其他原因", f"{symptom.name_en}, which points to another cause"
            )
    return None


def _nothing_found(
    strengths: Mapping[str, float | None], ruled_out: tuple[RuledOut, ...], evidence: dict[str, Any]
) -> Diagnosis:
    known = [strength for strength in strengths.values() if strength is not None]
    if not known:
        text = "尚未学得本机的正常水平，无从比较", "what is normal for this device is not learned yet"
        return _said("cannot_tell", "cannot_tell", (), (), evidence, text)
    seen = [SYMPTOMS[name] for name, strength in strengths.items() if strength is not None and strength >= PRESENT]
    if seen:
        text = (
            f"出现{'、'.join(symptom.name_zh for symptom in seen)}，但不符合任何已知故障模式",
            f"{', '.join(symptom.name_en for symptom in seen)}, which fits no known pattern",
        )
        return _said("cannot_tell", "cannot_tell", (), ruled_out, evidence, text)
    if len(ruled_out) < len(PATTERNS):
        text = "没有明显异常，但数据不足以排除所有故障", "nothing stands out, but the data cannot rule every fault out"
        return _said("none", "possible", (), ruled_out, evidence, text)
    text = "各信号均在本机正常水平", "all signals are at what is normal for this device"
    return _said("none", "likely", (), ruled_out, evidence, text)


def _told(fault: str, strengths: Mapping[str, float | None]) -> tuple[str, str]:
    pattern = next(each for each in PATTERNS if each.fault == fault)
    seen = [
        SYMPTOMS[name]
        for name in (*pattern.needs, *pattern.supports)
        if (strength := strengths[name]) is not None and strength >= PRESENT
    ]
    reason_zh = "、".join(symptom.name_zh for symptom in seen)
    reason_en = ", ".join(symptom.name_en for symptom in seen)
    if fault == BEARING:
        return f"{reason_zh}；需振动波形才能区分内圈与外圈", f"{reason_en}; a waveform is needed to tell the race"
    return reason_zh, reason_en


def _said(
    fault: str,
    confidence: str,
    others: tuple[str, ...],
    ruled_out: tuple[RuledOut, ...],
    evidence: dict[str, Any],
    reason: tuple[str, str],
) -> Diagnosis:
    name_zh, name_en = NAMES.get(fault, ("", ""))
    word_zh, word_en = CONFIDENCE[confidence]
    reason_zh, reason_en = reason
    if name_zh:
        reason_zh, reason_en = f"{name_zh}（{word_zh}）：{reason_zh}", f"{name_en} ({word_en}): {reason_en}"
    if others:
        reason_zh += f"；同时符合：{'、'.join(NAMES[each][0] for each in others)}"
        reason_en += f"; also fits: {', '.join(NAMES[each][1] for each in others)}"
    return Diagnosis(fault, confidence, others, ruled_out, evidence, reason_zh, reason_en)


def _evidence(
    strengths: Mapping[str, float | None],
    conditions: Conditions,
    recent: Sequence[Reading],
    waveform: WaveformDiagnosis | None,
) -> dict[str, Any]:
    evidence: dict[str, Any] = {
        "symptoms": {name: None if strength is None else round(strength, 3) for name, strength in strengths.items()},
        "signals": {
            name: {"level": condition.level, "expected": condition.expected} for name, condition in conditions.items()
        },
    }
    if recent:
        columns: dict[str, list[float]] = {name: [] for name in conditions}
        for _, values in recent:
            for name in columns.keys() & values.keys():
                columns[name].append(values[name])
        evidence["readings"] = {
            "count": len(recent),
            "start_us": recent[0][0],
            "end_us": recent[-1][0],
            "medians": {name: median(column) for name, column in columns.items() if column},
        }
    if waveform is not None:
        evidence["waveform"] = {"fault": waveform.fault, "ratios": waveform.ratios, "duration_s": waveform.duration_s}
    return evidence
