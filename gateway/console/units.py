"""Units of signals: a signal's name ends with its unit."""

# Symbol of each unit suffix, longest suffix first, and the digits that its values are shown with.
UNITS: tuple[tuple[str, str, int], ...] = (
    ("_m3_h", "m³/h", 1),
    ("_mm_s", "mm/s", 2),
    ("_ml_h", "mL/h", 1),
    ("_seconds", "s", 0),
    ("_rpm", "r/min", 0),
    ("_bar", "bar", 2),
    ("_kwh", "kWh", 1),
    ("_kw", "kW", 1),
    ("_wh", "Wh", 0),
    ("_hz", "Hz", 1),
    ("_c", "°C", 1),
    ("_g", "g", 3),
    ("_l", "L", 0),
    ("_s", "s", 0),
    ("_h", "h", 1),
    ("_w", "W", 0),
    ("_v", "V", 1),
    ("_a", "A", 1),
)


def unit_and_digits(signal: str) -> tuple[str, int]:
    """Symbol of the unit that a signal's name ends with, and how many decimals its values are shown with."""
    for suffix, symbol, digits in UNITS:
        if signal.endswith(suffix):
            return symbol, digits
    return "", 2
