"""What state detection says when something changes, with the reason a person reads."""

from dataclasses import dataclass, field
from typing import Any

from services.lifecycle.rules.watches import Threshold, Watch


@dataclass(frozen=True, slots=True)
class Finding:
    """A state that began, changed its severity (`active`) or ended (not `active`).

    `code` is `<signal>_high`, `<signal>_low` or `<signal>_deviation` and stays the same while the severity changes;
    `source` is `limit` or `statistics`; `value` and `limit` are in the signal's unit.
    """

    code: str
    signal: str
    severity: str
    active: bool
    value: float
    limit: float
    reason_zh: str
    reason_en: str
    source: str
    evidence: dict[str, Any] = field(default_factory=dict)


def limit_finding(
    watch: Watch, side: str, threshold: Threshold, active: bool, value: float, needed: int, window: int
) -> Finding:
    """A limit was passed (`active`: `threshold` is the gravest one passed) or is no longer."""
    limit = threshold.raise_at if active else threshold.clear_at
    above = (side == "high") == active
    note_zh = f"（{threshold.note_zh}）" if active and threshold.note_zh else ""
    note_en = f" ({threshold.note_en})" if active and threshold.note_en else ""
    end_zh, end_en = ("", "") if active else ("，恢复正常", ": back to normal")
    return Finding(
        code=f"{watch.name}_{side}",
        signal=watch.name,
        severity=threshold.severity,
        active=active,
        value=value,
        limit=limit,
        reason_zh=f"{watch.name_zh} {value:.4g} {watch.unit}，{'高于' if above else '低于'}限值 "
        f"{limit:.4g} {watch.unit}{note_zh}，最近 {window} 次读数中至少 {needed} 次{end_zh}",
        reason_en=f"{watch.name_en} {value:.4g} {watch.unit} is {'above' if above else 'below'} the limit "
        f"{limit:.4g} {watch.unit}{note_en} in at least {needed} of the last {window} readings{end_en}",
        source="limit",
        evidence={"readings_needed": needed, "readings_window": window},
    )


def deviation_finding(
    watch: Watch, active: bool, level: float, expected: float, sigma: float, reach: float, readings: int
) -> Finding:
    """The moving average left what is normal for this device (`active`) or came back."""
    above = level > expected
    limit = expected + reach if above else expected - reach
    if active:
        reason_zh = (
            f"{watch.name_zh}的移动平均 {level:.4g} {watch.unit} {'高于' if above else '低于'}本机正常水平 "
            f"{expected:.4g} {watch.unit}（控制限 {limit:.4g}，由本机 {readings} 次读数学得）"
        )
        reason_en = (
            f"the moving average of {watch.name_en}, {level:.4g} {watch.unit}, is {'above' if above else 'below'} what "
            f"is normal for this device, {expected:.4g} {watch.unit} (control limit {limit:.4g}, learned from "
            f"{readings} of its own readings)"
        )
    else:
        reason_zh = f"{watch.name_zh}回到本机正常水平 {expected:.4g} {watch.unit}"
        reason_en = f"{watch.name_en} is back at what is normal for this device, {expected:.4g} {watch.unit}"
    return Finding(
        code=f"{watch.name}_deviation",
        signal=watch.name,
        severity="warning",
        active=active,
        value=level,
        limit=limit,
        reason_zh=reason_zh,
        reason_en=reason_en,
        source="statistics",
        evidence={"expected": expected, "sigma": sigma, "reach": reach, "readings_learned": readings},
    )
