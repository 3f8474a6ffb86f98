"""Deterministic sample machines: enough of everything that the pages have to show, with no service behind it."""

import math
from datetime import UTC, datetime, timedelta

from gateway.console.views import (
    CommandOffer,
    Contribution,
    Diagnosis,
    Health,
    HistoryPoint,
    LivePoint,
    Machine,
    MachineCard,
    Option,
    ParameterOffer,
    Reading,
    SignalInfo,
    StateInterval,
    Words,
)

NOW = datetime(2026, 11, 22, 1, 53, 34, tzinfo=UTC)

CUSTOMERS = (
    Option("anshan-steel", Words("鞍山钢铁三分厂", "Anshan Steel, works 3")),
    Option("panjin-chem", Words("盘锦精细化工", "Panjin Fine Chemicals")),
    Option("dalian-water", Words("大连供水公司", "Dalian Water")),
    Option("zhengzhou-power", Words("郑州热电厂", "Zhengzhou Heat and Power")),
    Option("luoyang-bearing", Words("洛阳轴承厂", "Luoyang Bearings")),
    Option("kaifeng-fertilizer", Words("开封化肥厂", "Kaifeng Fertiliser")),
    Option("shenyang-heat", Words("沈阳供热集团", "Shenyang Heating")),
    Option("xinxiang-paper", Words("新乡纸业", "Xinxiang Paper")),
    Option("fushun-mine", Words("抚顺矿业", "Fushun Mining")),
    Option("nanyang-oil", Words("南阳油田", "Nanyang Oilfield")),
    Option("benxi-cement", Words("本溪水泥", "Benxi Cement")),
    Option("anyang-sewage", Words("安阳污水处理厂", "Anyang Sewage Works")),
)
TYPES = (
    Option("pump-process-75", Words("单级流程泵 75 kW", "Process pump 75 kW")),
    Option("pump-feed-110", Words("多级锅炉给水泵 110 kW", "Boiler feed pump 110 kW")),
    Option("pump-drain-22", Words("潜水排污泵 22 kW", "Drainage pump 22 kW")),
)
LEVELS: dict[str, tuple[float, float]] = {
    "speed_rpm": (2968.0, 4.0),
    "flow_m3_h": (196.0, 6.0),
    "suction_pressure_bar": (1.42, 0.05),
    "discharge_pressure_bar": (9.1, 0.2),
    "power_kw": (61.5, 1.6),
    "bearing_temperature_c": (58.0, 2.5),
    "vibration_velocity_mm_s": (2.1, 0.35),
    "vibration_envelope_g": (0.42, 0.09),
    "vibration_high_frequency_g": (0.8, 0.12),
    "seal_leakage_ml_h": (3.0, 1.1),
}
COUNTERS = {"run_seconds": 31_536_123, "volume_l": 1_716_000_350, "energy_wh": 538_221_004}
SIGNALS = tuple(
    SignalInfo(
        name=name,
        label=Words(name, name),
        warning_high={"vibration_velocity_mm_s": 4.5, "bearing_temperature_c": 80.0}.get(name),
        alarm_high={"vibration_velocity_mm_s": 7.1, "bearing_temperature_c": 95.0}.get(name),
    )
    for name in LEVELS
) + tuple(SignalInfo(name=name, label=Words(name, name), counter=True) for name in COUNTERS)

FAULTY = {3: "bearing_inner_race", 7: "cavitation", 18: "seal_leak", 29: "sensor_drift"}
OFFLINE, STOPPED = {12, 33}, {5, 14, 22, 37}


def state_of(number: int) -> str:
    if number in OFFLINE:
        return "offline"
    if number in FAULTY:
        return "alarm"
    return "stopped" if number in STOPPED else "running"


def health_of(number: int) -> tuple[float | None, str]:
    if number in OFFLINE:
        return None, "cannot_tell"
    index = 42.0 + number if number in FAULTY else 99.0 - (number * 7) % 23
    return index, "poor" if index < 60 else "watch" if index < 80 else "good"


def values_at(number: int, second: float) -> dict[str, float]:
    """Smooth made-up signals of machine `number`."""
    turn = second / 23 + number
    return {
        name: round(level + swing * (math.sin(turn + place) + 0.3 * math.sin(7.3 * turn + 2 * place)), 4)
        for place, (name, (level, swing)) in enumerate(LEVELS.items())
    }


def readings(number: int) -> dict[str, Reading]:
    quality = "STALE" if number in OFFLINE else "GOOD"
    found = {
        name: Reading(value=value, quality=quality, source_time=NOW) for name, value in values_at(number, 0).items()
    }
    found |= {name: Reading(value=float(value + number), source_time=NOW) for name, value in COUNTERS.items()}
    if number in FAULTY:
        found["vibration_envelope_g"] = Reading(value=2.31, source_time=NOW)
        found["seal_leakage_ml_h"] = Reading(value=None, quality="BAD", source_time=NOW)
    return found


def name_of(number: int) -> Words:
    return Words(f"{number} 号泵", f"Pump {number}")


def card(number: int) -> MachineCard:
    customer = CUSTOMERS[(number * 5) % 12]
    index, band = health_of(number)
    return MachineCard(
        id=f"pump-{number:02}",
        name=name_of(number),
        type_name=TYPES[number % 3].label,
        customer_id=customer.value,
        customer=customer.label,
        site=Words(f"泵房 {number % 4 + 1}", f"Pump house {number % 4 + 1}"),
        state=state_of(number),
        last_seen=NOW - timedelta(seconds=number),
        health_index=index,
        health_band=band,
        alarms_active=2 if number in FAULTY else 0,
        diagnosis=FAULTY.get(number),
        values=readings(number),
    )


CARDS = tuple(card(number) for number in range(1, 41))


def machine(number: int) -> Machine:
    shown = CARDS[number - 1]
    return Machine(
        id=shown.id,
        name=shown.name,
        type_id=TYPES[number % 3].value,
        type_name=shown.type_name,
        serial=f"SN-2024-{1000 + number}",
        firmware="2.4.1",
        customer_id=shown.customer_id,
        customer=shown.customer,
        site=shown.site,
        state=shown.state,
        last_seen=shown.last_seen,
        registered=NOW - timedelta(days=420),
        signals=SIGNALS,
        values=shown.values,
        desired={"speed_setpoint_rpm": 2850, "report_interval_s": 1},
        reported={"speed_setpoint_rpm": 2975, "report_interval_s": 1},
        commands=(
            CommandOffer(
                name="set_speed",
                label=Words("设定转速", "Set speed"),
                parameters=(
                    ParameterOffer(name="speed_rpm", label=Words("转速", "Speed"), least=1000, most=2975, initial=2850),
                ),
            ),
            CommandOffer(name="stop", label=Words("停机", "Stop")),
        ),
        recorded=number == 7,
    )


def health(number: int) -> Health:
    index, band = health_of(number)
    fault = FAULTY.get(number)
    return Health(
        index=index,
        band=band,
        as_of=NOW,
        contributions=(
            Contribution(
                signal="vibration_envelope_g",
                penalty=38.5,
                reason=Words("包络值为自身基线的 5.5 倍", "Envelope is 5.5 times its own baseline"),
            ),
            Contribution(
                signal="bearing_temperature_c",
                penalty=12.0,
                reason=Words("高于基线 9 °C", "9 °C above its baseline"),
            ),
        )
        if fault
        else (),
        diagnosis=Diagnosis(
            fault=fault,
            confidence="certain",
            reason=Words(
                "包络谱在 5.42 倍转频处有峰，且有转频边带；与内圈缺陷一致。",
                "The envelope spectrum peaks at 5.42 times shaft speed with sidebands at shaft speed, as an inner-race "
                "defect does.",
            ),
            as_of=NOW,
            ruled_out=(("seal_leak", Words("泄漏量在基线附近", "leakage is near its baseline")),),
        )
        if fault
        else None,
        trend=tuple((NOW - timedelta(hours=48 - hour), 92.0 - (hour**2) / 50) for hour in range(48)) if index else (),
        remaining_life_h=(310.0, 480.0, 720.0) if fault else None,
    )


def timeline(number: int) -> list[StateInterval]:
    parts = (("running", 30), ("stopped", 16), ("running", 15), ("offline", 13.5), ("running", 13), ("alarm", 1.5))
    ends = [hours for _, hours in parts[1:]]
    return [
        StateInterval(
            state,
            NOW - timedelta(hours=hours),
            NOW - timedelta(hours=end) if end is not None else None,
        )
        for (state, hours), end in zip(parts, [*ends, None], strict=True)
    ]


def live(number: int, after: datetime | None, count: int) -> list[LivePoint]:
    start = NOW - timedelta(seconds=180) if after is None else after
    return [
        LivePoint(time, values_at(number, (time - NOW).total_seconds()))
        for time in (start + timedelta(seconds=step + 1) for step in range(min(count, 180 if after is None else 2)))
    ]


def history(number: int, signal: str, hours: float) -> tuple[HistoryPoint, ...]:
    level, swing = LEVELS[signal]
    points = []
    for step in range(200):
        mean = level + swing * math.sin(step / 17 + number)
        points.append(
            HistoryPoint(NOW - timedelta(hours=hours * (200 - step) / 200), mean, mean - swing / 2, mean + swing * 0.8)
        )
    return tuple(points)
