"""Vibration severity zones A to D of broadband velocity (RMS, 10-1000 Hz, mm/s) on bearing housings.

A: newly commissioned; B: fit for unrestricted long running; C: fit for a limited time only; D: severe enough to damage.
Sources of the boundary values: ISO 20816-3:2022 (same values as ISO 10816-3:2009) for industrial machines above 15 kW;
ISO 10816-7:2009 for rotodynamic pumps above 1 kW, which part 3 leaves out. The product type decides which it follows.
"""

ZONE_BOUNDARIES_MM_S: dict[str, tuple[float, float, float]] = {  # A/B, B/C, C/D
    "iso-20816-3/group-1/rigid": (2.3, 4.5, 7.1),  # Above 300 kW.
    "iso-20816-3/group-1/flexible": (3.5, 7.1, 11.0),
    "iso-20816-3/group-2/rigid": (1.4, 2.8, 4.5),  # Above 15 kW, up to 300 kW.
    "iso-20816-3/group-2/flexible": (2.3, 4.5, 7.1),
    "iso-10816-7/category-1/to-200-kw": (2.5, 4.0, 6.6),  # High reliability, availability or safety asked for.
    "iso-10816-7/category-1/above-200-kw": (3.5, 5.0, 7.6),
    "iso-10816-7/category-2/to-200-kw": (3.2, 5.1, 8.5),  # General use.
    "iso-10816-7/category-2/above-200-kw": (4.2, 6.1, 9.5),
}
GROUPS_ZH = {"group": "组", "category": "类"}
KINDS = {
    "rigid": ("刚性支承", "rigid support"),
    "flexible": ("柔性支承", "flexible support"),
    "to-200-kw": ("200 kW 及以下", "up to 200 kW"),
    "above-200-kw": ("200 kW 以上", "above 200 kW"),
}


def boundaries(machine_class: str) -> dict[str, float]:
    """`a_b`, `b_c` and `c_d` in mm/s; ValueError names the known classes."""
    try:
        a_b, b_c, c_d = ZONE_BOUNDARIES_MM_S[machine_class]
    except KeyError:
        raise ValueError(f"unknown vibration class {machine_class!r}; known: {sorted(ZONE_BOUNDARIES_MM_S)}") from None
    return {"a_b": a_b, "b_c": b_c, "c_d": c_d}


def zone(velocity_mm_s: float, machine_class: str) -> str:
    """Zone letter of one velocity; a value on a boundary still belongs to the better zone."""
    limits = boundaries(machine_class)
    if velocity_mm_s <= limits["a_b"]:
        return "A"
    if velocity_mm_s <= limits["b_c"]:
        return "B"
    return "C" if velocity_mm_s <= limits["c_d"] else "D"


def class_name(machine_class: str) -> tuple[str, str]:
    """A class as people say it, in Chinese and English: `iso-20816-3/group-2/rigid` is ISO 20816-3 group 2, rigid."""
    standard, group, kind = machine_class.split("/")
    kind_zh, kind_en = KINDS[kind]
    name, (word, number) = standard.upper().replace("-", " ", 1), group.split("-")
    return f"{name} 第 {number} {GROUPS_ZH[word]}，{kind_zh}", f"{name} {word} {number}, {kind_en}"


def machine_class_of(power_kw: float, support: str = "rigid") -> str | None:
    """Class of ISO 20816-3 by rated power; none at 15 kW and below, where that part does not apply."""
    if power_kw <= 15.0:
        return None
    return f"iso-20816-3/group-{1 if power_kw > 300.0 else 2}/{support}"
